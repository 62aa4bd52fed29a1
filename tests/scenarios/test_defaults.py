"""A structure that needs more than the benchmark has: refused with what to do, or run on defaults that are listed."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.errors import ParameterError
from viner.model import structures
from viner.scenarios import eurasia_2010
from viner.scenarios.compare import compare
from viner.scenarios.figures import short_basis
from viner.scenarios.output import manifest_of
from viner.scenarios.run import run
from viner.scenarios.variants import all_variants

# Its own benchmark for `homogeneous` is made by `viner net`.
OTHERS = tuple(name for name in structures.names() if name != "homogeneous")


@pytest.mark.parametrize("name", OTHERS)
def test_every_structure_runs_on_defaults(name: str) -> None:
    scenario = replace(eurasia_2010.scenario(), structure=name, variants={})
    result = run(scenario, defaults=True)
    side_by_side = compare(scenario, [name], defaults=True, common_sectors=True)
    assert result.taken == side_by_side.taken
    assert result.sectors_left_out == side_by_side.sectors_left_out
    assert_allclose(result.total.total, side_by_side.runs[name].total.total, rtol=0.0, atol=0.0)


def test_what_is_taken_and_left_out_is_said() -> None:
    result = run(replace(eurasia_2010.scenario(), structure="krugman"), defaults=True)
    assert "minerals" not in result.benchmark.sectors
    notes = " ".join(result.notes)
    assert "Taken by default, assumed: entry = 1 in krugman (free entry" in notes
    assert "Left out, since krugman cannot be run on them: minerals (sigma = 0.9)." in notes
    assert "parameters partly by default" in short_basis(result)
    manifest = manifest_of(result)
    assert manifest["sectors_left_out"] == {"minerals": "krugman: sigma = 0.9"}
    assert {"parameter": "entry", "value": 1.0, "basis": "assumed"}.items() <= next(
        row.items() for row in manifest["parameters"] if row["parameter"] == "entry"
    )
    # Variants are on the same footing.
    for one in all_variants(result).values():
        assert one.structure is result.structure
        assert tuple(one.benchmark.sectors) == tuple(result.benchmark.sectors)


def test_without_them_the_error_names_the_row_and_the_other_ways() -> None:
    with pytest.raises(ParameterError) as caught:
        run(replace(eurasia_2010.scenario(), structure="cournot"))
    text = str(caught.value)
    assert "elasticities.csv: no row gives firms for any sector and region" in text
    assert "Add the row: firms,*,*,10,assumed," in text
    assert text.endswith("or set it in a scenario's [parameters], or take that default with --defaults")
    with pytest.raises(ParameterError, match=r"or with --defaults take 4\.6 \(sigma - 1\)/2\.8"):
        run(replace(eurasia_2010.scenario(), structure="melitz"))


def test_a_benchmark_that_has_all_takes_nothing() -> None:
    result = run(eurasia_2010.scenario(), defaults=True)
    assert result.taken == ()
    assert result.sectors_left_out == {}
    assert_allclose(result.total.total, run(eurasia_2010.scenario()).total.total, rtol=0.0, atol=0.0)


def test_variants_share_structure_and_parameters_of_the_run() -> None:
    result = run(replace(eurasia_2010.scenario(), structure="armington", parameters={"supply": 5.0, "demand": 0.7}))
    (other,) = result.variants.values()
    assert other.structure is result.structure
    for name in ("supply", "demand"):
        assert_allclose(other.benchmark.parameter(name), result.benchmark.parameter(name))
    # The variant differs in who pays into the pool alone.
    assert_allclose(other.total.quantity_ratio, result.total.quantity_ratio, rtol=1e-12)
    assert not np.allclose(other.total.pool_transfer, result.total.pool_transfer)
