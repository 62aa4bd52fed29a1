"""What tests of scenarios share: a small benchmark, in memory and as a folder, and runs that are made once."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from viner.calibration.benchmark import Benchmark, from_arrays
from viner.model import structures
from viner.scenarios import claims, eurasia_2010
from viner.scenarios.claims import Answers, answers
from viner.scenarios.claims_model import Simulated, draws, union_under
from viner.scenarios.compare import Comparison, compare
from viner.scenarios.run import RunResult, run
from viner.scenarios.scenario import Scenario, Shock, Step

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


@pytest.fixture
def raise_duty(small: Benchmark) -> Scenario:
    """One importer's duty on one origin rises."""
    step = Step("duty", [Shock("tariff", origin="CHN", destination="KAZ", rate=0.3)])
    return Scenario(benchmark=small, steps=[step], name="duty")


@pytest.fixture(scope="session")
def eurasia() -> RunResult:
    """The union of 2010: Kazakhstan raises its tariff on third countries."""
    return run(eurasia_2010.scenario())


@pytest.fixture(scope="session")
def pair() -> Comparison:
    """Two structures that the benchmark has all parameters of."""
    return compare(eurasia_2010.scenario(), ("armington", "nested-armington"))


@pytest.fixture(scope="session")
def whole() -> Comparison:
    """All structures, with defaults, on the sectors that they have in common."""
    return compare(eurasia_2010.scenario(), defaults=True, common_sectors=True)


@pytest.fixture(scope="session")
def unions() -> Mapping[str, Simulated]:
    """The union under all structures that can have the benchmark's flows: on a homogeneous good's routes none cross."""
    used = [one for name in structures.names() if not (one := structures.get(name)).corners]
    drawn, _ = draws(used)
    return {structure.name: union_under(structure, drawn) for structure in used}


@pytest.fixture(scope="session")
def answered(unions: Mapping[str, Simulated]) -> Answers:
    """The press account answered."""
    real = claims.union_under
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "union_under", lambda one, drawn: unions.get(one.name) or real(one, drawn))
        return answers()
