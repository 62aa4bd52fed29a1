"""A small benchmark, in memory and as a folder, for the tests of scenarios."""

from pathlib import Path

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark, from_arrays

REGIONS = ("RUS", "KAZ", "CHN")
SECTORS = ("food", "metals")


@pytest.fixture
def small() -> Benchmark:
    """Two sectors and three regions; CHN sells no food to KAZ; imports carry 10 per cent."""
    value = np.full((2, 3, 3), 10.0)
    value[0, 2, 1] = 0.0
    tariff = np.where(np.eye(3, dtype=bool), 0.0, 0.10)[None].repeat(2, axis=0)
    return from_arrays(
        value,
        regions=REGIONS,
        sectors=SECTORS,
        tariff=tariff,
        unions={"EACU": ("RUS", "KAZ")},
        elasticities={"sigma_imports": 4.0, "sigma_home": 2.0, "demand": 0.8, "supply": 3.0},
        name="small",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same benchmark as a folder named ``small``."""
    place = tmp_path / "small"
    place.mkdir()
    (place / "benchmark.toml").write_text(
        'title = "Small"\nyear = 2009\nunit = "million USD"\nnotes = "Made up."\n'
        '[regions]\nRUS = "Russia"\nKAZ = "Kazakhstan"\nCHN = "China"\n'
        '[sectors]\nfood = "Food"\nmetals = "Metals"\n'
        '[unions]\nEACU = ["RUS", "KAZ"]\n'
    )
    rows = ["sector,origin,destination,value,tariff,basis"]
    for sector in SECTORS:
        for origin in REGIONS:
            for destination in REGIONS:
                if (sector, origin, destination) != ("food", "CHN", "KAZ"):
                    tariff = 0.0 if origin == destination else 0.1
                    rows.append(f"{sector},{origin},{destination},10,{tariff},assumed")
    (place / "flows.csv").write_text("\n".join(rows) + "\n")
    (place / "elasticities.csv").write_text(
        "parameter,sector,region,value,basis,source\n"
        "sigma_imports,*,*,4,assumed,test\n"
        "sigma_home,*,*,2,assumed,test\n"
        "demand,*,*,0.8,assumed,test\n"
        "supply,*,*,3,assumed,test\n"
    )
    return place
