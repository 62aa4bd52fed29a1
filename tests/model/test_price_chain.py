"""Equations printed with instruments: the price chain and the pairs that are solved."""

from dataclasses import fields, replace

import numpy as np
import pytest
import sympy

from viner.model import structures
from viner.model.market import Policy
from viner.model.policy import all_power, outer_power, present, unit_tax
from viner.model.price_chain import price_chain
from viner.model.printing import as_latex, as_text
from viner.model.regimes import compiled_under, regimes_of, system_under

NESTED = structures.get("nested-armington")
EVERY = tuple(f.name for f in fields(Policy) if f.name != "held_abroad")


def squeezed(text: str) -> list[str]:
    """Return lines without the blanks that align them."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_tariff_alone_is_printed_as_the_structure_is() -> None:
    assert as_text(NESTED, ("tariff", "barrier", "rent")) == as_text(NESTED)
    assert "Instruments in force" not in as_text(NESTED)


def test_ad_valorem_instruments_make_up_the_power_of_the_tariff_in_every_structure() -> None:
    for name in structures.names():
        lines = squeezed(as_text(structures.get(name), ("vat", "export_duty")))
        row = "T[i,j] = (export_duty[i,j] + 1)*(tariff[i,j] + 1)*(vat[i,j] + 1) (All that is levied ad valorem)"
        assert row in lines
        assert "vat instrument value-added tax" in lines


def test_a_least_duty_is_printed_as_the_larger_of_two() -> None:
    lines = squeezed(as_text(NESTED, ("tariff", "minimum")))
    assert "floored[i,j] = 1 (Where there is a least duty)" in lines
    assert "threshold[i,j] = 0 (Not in force)" in lines
    duty = next(line for line in lines if line.startswith("duty[i,j] = Max("))
    assert "floored[i,j] + minimum[i,j]/(before[i,j]*passed[i,j])" in duty
    assert "rate[i,j] = tariff[i,j] + 1 (Ad valorem duty)" in lines
    assert "floored is zero where there is no least duty." in lines


def test_a_quota_is_printed_with_its_pair_in_levels_and_as_solved() -> None:
    lines = squeezed(as_text(NESTED, ("quota", "rent")))
    assert "beyond[i,j]*quota[i,j] >= q[i,j] _|_ licence[i,j] >= 1 for (i,j) in limited (Quota)" in lines
    solved = "ln_beyond[i,j] - ln_q[i,j] + ln_quota[i,j] >= 0 _|_ ln_licence[i,j] >= 0 for (i,j) in limited"
    assert solved in lines
    assert "Nothing here is in ceiled, pooled, sharing, shared_ceiled." in lines
    assert "r_given[i,j] = rent[i,j] for (i,j) not in limited, (i,j) not in pooled (Rent wedge)" in lines
    latex = as_latex(NESTED, ("shared_quota", "over_tariff"))
    assert r"{O_{j}} {\bar Q_{j}} &\ge" in latex
    assert r"{K_{j}} &= \frac{{t'_{ij}} + 1}{{t_{ij}} + 1}" in latex


def test_all_instruments_at_once_are_what_is_compiled() -> None:
    kinds = regimes_of(EVERY)
    system = system_under(NESTED, kinds)
    text = as_text(NESTED, EVERY)
    for condition in system.conditions:
        assert f"({condition.text})" in text
    assert set(compiled_under(NESTED, kinds).interface.inputs) >= {"specific", "minimum", "threshold", "passed"}
    explained = {line.split()[0] for line in text.partition("Symbols\n")[2].splitlines()}
    assert explained >= {name for name in EVERY if name != "barrier"}


@pytest.mark.parametrize(("target", "computed"), [("T", all_power), ("T_given", outer_power), ("unit_tax", unit_tax)])
def test_what_is_printed_is_what_is_computed(target: str, computed: object) -> None:
    levels = {
        "tariff": 0.1, "anti_dumping": 0.2, "export_duty": 0.05, "production_subsidy": 0.07, "excise": 0.3,
        "specific_excise": 0.4, "vat": 0.15,
    }  # fmt: skip
    policy = replace(Policy(np.full((1, 2, 2), 0.1)), **{k: np.full((1, 2, 2), v) for k, v in levels.items()})
    names = tuple(n for n in present([policy]) if n != "specific_excise" or target != "T")
    chain = price_chain(system_under(NESTED, regimes_of(names)), names)
    (row,) = (d for d in chain.rows if str(d.target).startswith(f"{target}["))
    values = {leaf: sympy.Float(levels[str(leaf.base)]) for leaf in row.value.atoms(sympy.Indexed)}
    assert callable(computed)
    assert float(row.value.xreplace(values)) == pytest.approx(float(computed(policy)[0, 0, 1]), rel=1e-14)
