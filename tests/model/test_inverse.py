"""What closures answer: the tariffs behind import volumes, and the trade costs behind shares."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import COMPETITIVE, IN_CHANGES, OTHERS, policy, random_model, random_policy
from numpy.testing import assert_allclose
from reached import reached

from viner.errors import InputError, NotConverged
from viner.model.engine import Model, calibrated
from viner.model.inverse import (
    tariff_for_import_volume,
    trade_costs_for_shares,
    uniform_tariff_for_import_volume,
)
from viner.model.market import Policy

few = settings(max_examples=10)
seeds = st.integers(0, 10_000)
names = st.sampled_from(COMPETITIVE)
HOME = np.eye(4, dtype=bool)


@few
@given(seed=seeds, name=names, zeros=st.sampled_from([0.0, 0.3]))
def test_the_tariff_behind_a_volume_is_the_one_that_makes_it(seed: int, name: str, zeros: float) -> None:
    model = random_model(seed, name=name, zeros=zeros)
    target = random_policy(model, seed)
    quantity = reached(model, target)["quantity"]
    found = tariff_for_import_volume(model, policy(model.data.tariff), quantity)
    traded = (model.data.value > 0.0) & ~HOME
    assert_allclose(found[traded], target.tariff[traded], atol=1e-8)
    assert_allclose(found[~traded], model.data.tariff[~traded])
    assert_allclose(reached(model, policy(found))["quantity"], quantity, rtol=1e-9, atol=1e-12)


@few
@given(seed=seeds, name=names)
def test_the_tariff_of_some_cells_at_the_policy_of_the_others(seed: int, name: str) -> None:
    model = random_model(seed, name=name)
    target = random_policy(model, seed, wedges=True)
    cells = np.random.default_rng(seed).random(target.tariff.shape) < 0.3
    volume = np.where(cells, 0.7 * model.data.value, np.nan)
    found = tariff_for_import_volume(model, target, volume, cells=cells)
    assert_allclose(found[~cells], target.tariff[~cells])
    after = reached(model, Policy(found, target.barrier, target.rent))["quantity"]
    assert_allclose(after[cells], volume[cells], rtol=1e-9)


@few
@given(seed=seeds, name=names, zeros=st.sampled_from([0.0, 0.3]))
def test_the_uniform_tariff_behind_total_imports(seed: int, name: str, zeros: float) -> None:
    model = random_model(seed, name=name, zeros=zeros)
    start = random_policy(model, seed, wedges=True)
    imports = np.where(HOME, 0.0, model.data.value).sum(axis=1)
    found = uniform_tariff_for_import_volume(model, start, 0.8 * imports)
    buys = imports > 0.0
    rates = np.where(HOME, np.inf, found).min(axis=1)
    assert_allclose(np.where(HOME | ~buys[:, None, :], rates[:, None, :], found), np.repeat(rates[:, None, :], 4, 1))
    after = reached(model, Policy(found, start.barrier, start.rent))["quantity"]
    assert_allclose(np.where(HOME, 0.0, after).sum(axis=1)[buys], 0.8 * imports[buys], rtol=1e-9)
    assert_allclose(np.einsum("sjj->sj", found), np.einsum("sjj->sj", start.tariff))


def test_the_uniform_tariff_leaves_a_partner_alone() -> None:
    model = random_model(11)
    cells = np.zeros(model.data.value.shape, dtype=bool)
    cells[:, 1:3, 3] = True
    volume = np.where(cells, model.data.value, 0.0).sum(axis=1)
    found = uniform_tariff_for_import_volume(model, policy(model.data.tariff), volume, cells=cells)
    assert_allclose(found[~cells], model.data.tariff[~cells])
    assert_allclose(found[:, 1, 3], found[:, 2, 3])
    assert ((found[:, 1, 3] - model.data.tariff[:, 1, 3]) * (found[:, 1, 3] - model.data.tariff[:, 2, 3]) < 0.0).all()


@few
@given(seed=seeds, name=names, zeros=st.sampled_from([0.0, 0.3]))
def test_trade_costs_reproduce_shares(seed: int, name: str, zeros: float) -> None:
    model = random_model(seed, name=name, zeros=zeros)
    target = random_policy(model, seed, wedges=True)
    target = Policy(target.tariff, np.where(HOME, 1.0, target.barrier), target.rent)
    shares = reached(model, target)["shares"]
    found = trade_costs_for_shares(model, shares, policy=Policy(target.tariff, rent=target.rent))
    traded = model.data.value > 0.0
    assert_allclose(found, np.where(traded, target.barrier, 1.0), rtol=1e-8)
    assert_allclose(reached(model, Policy(target.tariff, found, target.rent))["shares"], shares, atol=1e-10)


def test_the_benchmark_answers_itself() -> None:
    model = random_model(4)
    assert_allclose(tariff_for_import_volume(model, policy(model.data.tariff), model.data.value), model.data.tariff)
    spending = model.data.value * (1.0 + model.data.tariff)
    shares = spending / spending.sum(axis=1, keepdims=True)
    assert_allclose(trade_costs_for_shares(model, shares), 1.0, rtol=1e-12)


def test_volumes_and_cells_that_make_no_sense() -> None:
    model = random_model(4, sectors=1)
    model.data.value[0, 1, 2] = 0.0
    base, cells = policy(model.data.tariff), np.zeros((1, 4, 4), dtype=bool)
    cells[0, 0, 1] = cells[0, 1, 2] = cells[0, 2, 1] = cells[0, 3, 1] = True
    volume = np.ones((1, 4, 4))
    volume[0, 0, 1], volume[0, 2, 1], volume[0, 3, 1] = 0.0, -2.0, np.nan
    with pytest.raises(InputError) as caught:
        tariff_for_import_volume(model, base, volume, cells=cells)
    assert str(caught.value).splitlines() == [
        (
            "cells: s0, r1 -> r2: no imports in the benchmark; expected a flow that a tariff can move. "
            "No tariff brings trade about where there was none; leave the cell out"
        ),
        (
            "volume: s0, r0 -> r1: 0; expected a positive number. "
            "No finite tariff stops all imports; give a small volume, or leave the cell out"
        ),
        (
            "volume: s0, r2 -> r1: -2; expected a positive number. "
            "No finite tariff stops all imports; give a small volume, or leave the cell out"
        ),
        (
            "volume: s0, r3 -> r1: nan; expected a positive number. "
            "No finite tariff stops all imports; give a small volume, or leave the cell out"
        ),
    ]
    with pytest.raises(InputError, match=r"volume: s0, r3: 0; expected a positive number"):
        uniform_tariff_for_import_volume(model, base, np.array([[1.0, 1.0, 1.0, 0.0]]))
    with pytest.raises(InputError) as caught:
        tariff_for_import_volume(model, base, volume[0])
    assert str(caught.value) == ("volume: an array of shape (4, 4); expected (1, 4, 4): [sector, origin, destination]")
    with pytest.raises(InputError) as caught:
        uniform_tariff_for_import_volume(model, base, volume)
    assert str(caught.value) == "volume: an array of shape (1, 4, 4); expected (1, 4): [sector, destination]"
    with pytest.raises(InputError, match=r"cells: an array of shape \(4, 4\); expected"):
        tariff_for_import_volume(model, base, volume, cells=cells[0])


def test_shares_that_make_no_sense() -> None:
    model = random_model(4, sectors=1)
    value = model.data.value
    value[0, 1, 2] = value[0, 3, 3] = 0.0
    shares = value / value.sum(axis=1, keepdims=True)
    shares[0, :, 0] = [0.5, 0.5, 0.0, 0.0]
    shares[0, 0, 1] = np.nan
    shares[0, :, 2] = [0.2, 0.2, 0.2, 0.2]
    with pytest.raises(InputError) as caught:
        trade_costs_for_shares(model, shares)
    assert str(caught.value).splitlines() == [
        "shares: s0, r0 -> r1: nan; expected a number from zero to one",
        "shares: s0, r2: a sum of 0.8 over origins; expected one. Home sales have a share too, on the diagonal",
        (
            "shares: s0, r3: no home sales in the benchmark; expected some, since barriers are measured against them. "
            "Shares of imports alone do not tell how high barriers are"
        ),
        (
            "shares: s0, r2 -> r0: 0, where there is benchmark trade; expected a positive share. "
            "No finite barrier stops all trade; give a small share"
        ),
        (
            "shares: s0, r3 -> r0: 0, where there is benchmark trade; expected a positive share. "
            "No finite barrier stops all trade; give a small share"
        ),
        (
            "shares: s0, r1 -> r2: 0.2, where there is no benchmark trade; expected 0. "
            "No barrier brings trade about where there was none; put the flow into the benchmark"
        ),
    ]
    with pytest.raises(InputError, match=r"shares: an array of shape \(4, 4\); expected \(1, 4, 4\)"):
        trade_costs_for_shares(model, shares[0])


def _with_parameter(model: Model, name: str, value: float, where: object = ...) -> Model:
    changed = np.array(model.data.parameters[name])
    changed[where] = value  # type: ignore[index]
    parameters = {**model.data.parameters, name: changed}
    return calibrated(model.structure, replace(model.data, parameters=parameters))


def test_a_volume_that_no_tariff_brings_about() -> None:
    """An origin of fixed supply cannot ship more than it has, whatever subsidy is paid."""
    model = _with_parameter(random_model(4, sectors=2), "supply", 0.0, (1, 0))
    volume = np.array(model.data.value)
    volume[1, 0, 1:] = model.data.value[1, 0].sum()
    with pytest.raises(NotConverged) as caught:
        tariff_for_import_volume(model, policy(model.data.tariff), volume)
    assert "no equilibrium found in\ns1: largest residual" in str(caught.value)
    assert "s0" not in str(caught.value)


def test_shares_do_not_tell_barriers_at_an_elasticity_of_one() -> None:
    model = _with_parameter(random_model(4, sectors=2, name="armington"), "sigma", 1.0, (0,))
    shares = np.full(model.data.value.shape, 0.25)
    with pytest.raises(NotConverged) as caught:
        trade_costs_for_shares(model, shares)
    assert "s0: largest residual" in str(caught.value)
    assert "Relative spending as given" in str(caught.value)
    assert "s1" not in str(caught.value)


@pytest.mark.parametrize("name", OTHERS)
def test_structures_with_other_unknowns_are_refused_by_name(name: str) -> None:
    model = random_model(4, name=name)
    at, value = policy(model.data.tariff), model.data.value
    spending = value * (1.0 + model.data.tariff)
    with pytest.raises(InputError, match=f"structure: {name}, ") as caught:
        tariff_for_import_volume(model, at, value)
    if name in IN_CHANGES:
        unknowns = ", ".join(model.structure.system().unknowns)
        assert str(caught.value) == (
            f"structure: {name}, with the unknowns {unknowns}; expected a competitive market with the unknown p alone. "
            "Use nested-armington"
        )
    with pytest.raises(InputError, match=f"structure: {name}, "):
        uniform_tariff_for_import_volume(model, at, np.where(HOME, 0.0, value).sum(axis=1))
    with pytest.raises(InputError, match=f"structure: {name}, "):
        trade_costs_for_shares(model, spending / spending.sum(axis=1, keepdims=True))


def test_a_structure_that_is_solved_in_levels() -> None:
    model = random_model(4)
    model = replace(model, structure=replace(model.structure, name="other", form="levels"))
    with pytest.raises(InputError) as caught:
        tariff_for_import_volume(model, policy(model.data.tariff), model.data.value)
    assert str(caught.value) == (
        "structure: other, which is solved in levels; expected one that is solved in changes. "
        "Compile its system under viner.model.closure.exchange in levels, and solve that"
    )
