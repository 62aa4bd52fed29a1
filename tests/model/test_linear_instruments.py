"""The linear solution of every instrument, against finite differences to the side of the shock."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruments import field, with_benchmark
from markets import random_model
from numpy.testing import assert_allclose

from viner.errors import NoDerivative
from viner.model import one_sided
from viner.model.derivatives import Slopes, linear
from viner.model.engine import Model, calibrated
from viner.model.market import Policy
from viner.model.policy import FIELDS, joined
from viner.model.simulate import Outcome, outcome

pytestmark = pytest.mark.random_markets

few = settings(max_examples=2, deadline=None)
PLAIN = ("tariff", "barrier", "rent", "anti_dumping", "export_duty", "production_subsidy", "excise", "vat")
SETS = (
    *((name,) for name in PLAIN),
    ("rent", "held_abroad"),
    ("specific",),
    ("specific_excise", "vat"),
    ("quota",),
    ("quota", "over_tariff", "held_abroad"),
    ("shared_quota",),
    ("shared_quota", "quota", "tariff", "excise"),
)
SLOPES = (
    "value1", "quantity_ratio", "price_ratio", "composite_price_ratio", "diversion", "displacement", "expansion",
    "consumer_surplus", "producer_surplus", "tariff_revenue", "rent", "pool_transfer", "terms_of_trade", "efficiency",
    "barrier_cost", "revenue1", "accounts1",
)  # fmt: skip


def shocked(model: Model, start: Policy, names: tuple[str, ...], seed: int) -> Policy:
    """Return a policy that moves some instruments."""
    end = replace(start, **{name: field(model, name, seed) for name in names if name != "shared_quota"})
    if "shared_quota" in names:
        room = np.full(start.tariff.shape, np.nan)
        room[:, (0, 1), 2] = 0.7 * model.data.value[:, (0, 1), 2].sum(axis=1)[:, None]
        own = np.where(np.isnan(room), end.quota, np.nan)
        end = replace(end, shared_quota=room, quota=own)
    return end


def at(model: Model, start: Policy, end: Policy, s: float, pool: dict[int, float]) -> Outcome:
    """Return the outcome a part of the way."""
    first, last = joined([start, end], model.data.value)
    names = (f.name for f in fields(Policy))
    between = {n: getattr(first, n) + s * (getattr(last, n) - getattr(first, n)) for n in names}
    return outcome(model, first, Policy(**between), pool=pool)[0]


def check(model: Model, start: Policy, end: Policy, *, h: float = 4e-3) -> Slopes:
    """Compare the linear solution with forward differences, extrapolated."""
    pool = {0: 0.7, 2: 0.3}
    _, slopes = linear(model, start, end, pool=pool)
    o = [at(model, start, end, s, pool) for s in (0.0, h / 4.0, h / 2.0, h)]
    size = float(np.abs(slopes.value1).max()) + model.data.value.max()
    for name in SLOPES:
        f = [np.asarray(getattr(one, name)) for one in o]
        one, two, three = ((f[n] - f[0]) / (h / 2.0 ** (3 - n)) for n in (1, 2, 3))
        rough = (8.0 * one - 6.0 * two + three) / 3.0
        found = getattr(slopes, name)
        # The pool is a rule for duties as they are to first order, those at the benchmark among them.
        found = found - f[0] if name == "pool_transfer" else found
        assert_allclose(found, rough, atol=2e-5 * size, rtol=2e-4, err_msg=name)
    return slopes


@pytest.mark.parametrize("names", SETS, ids="+".join)
def test_every_instrument_from_a_benchmark_without_it(names: tuple[str, ...]) -> None:
    model = random_model(11, sectors=2, regions=3)
    start = Policy(model.data.tariff)
    slopes = check(model, start, shocked(model, start, names, 11))
    assert np.abs(slopes.quantity_ratio).max() > 1e-3 or "held_abroad" in names


def test_every_field_is_there() -> None:
    tested = {name for names in SETS for name in names} | {"minimum", "threshold"}
    assert tested == {name for name, _ in FIELDS.values()}


@pytest.mark.parametrize(
    "names",
    [("specific", "vat"), ("minimum",), ("threshold",), ("quota",), ("specific_excise", "anti_dumping", "export_duty")],
    ids="+".join,
)
def test_instruments_that_are_in_force_in_the_benchmark(names: tuple[str, ...]) -> None:
    model, start = with_benchmark(12, names)
    end = replace(start, tariff=0.8 * start.tariff, vat=start.vat + 0.05)
    if "quota" in names:
        end = replace(end, quota=1.1 * start.quota)
    check(model, start, end)


def test_a_least_duty_or_a_levy_that_is_far_has_no_slope() -> None:
    model = random_model(13, sectors=2, regions=3)
    start = Policy(model.data.tariff + 0.05 * ~np.eye(3, dtype=bool))
    model = calibrated(model.structure, replace(model.data, tariff=start.tariff))
    for name in ("minimum", "threshold"):
        _, slopes = linear(model, start, replace(start, **{name: field(model, name, 13)}))
        assert_allclose(slopes.quantity_ratio, 0.0, atol=1e-12)
        assert_allclose(slopes.total, 0.0, atol=1e-12)


def test_a_least_duty_beside_a_rate_of_zero_is_taken_to_the_side_it_leads_to() -> None:
    """The rate and the least duty are both zero at the benchmark: the larger is the one that rises faster."""
    base = random_model(14, sectors=2, regions=3)
    free = Policy(np.zeros_like(base.data.tariff))
    model = calibrated(base.structure, replace(base.data, tariff=free.tariff))
    abroad = ~np.eye(3, dtype=bool)
    end = replace(free, minimum=np.where(abroad, 0.2, np.nan) * np.ones_like(free.tariff))
    slopes = check(model, free, end)
    assert (slopes.accounts1[..., 2] > 0.0).all()
    slower = replace(end, tariff=np.where(abroad, 0.3, 0.0) * np.ones_like(free.tariff))
    both = check(model, free, slower)
    assert_allclose(both.accounts1[..., 2], 0.0, atol=1e-12)


@few
@given(seed=st.integers(0, 10_000))
def test_some_quotas_bind_and_others_open(seed: int) -> None:
    """All quotas start filled. Cheaper rivals empty some of them while others are cut."""
    model = random_model(seed, sectors=2, regions=3)
    start = Policy(model.data.tariff)
    rng = np.random.default_rng(seed)
    abroad = ~np.eye(3, dtype=bool)
    filled = replace(start, quota=np.where(abroad, model.data.value, np.nan))
    cut = rng.uniform(0.9, 1.02, filled.quota.shape)
    move = rng.uniform(-0.05, 0.05, start.tariff.shape) * abroad
    end = replace(filled, quota=filled.quota * cut, tariff=start.tariff + move)
    slopes = check(model, filled, end, h=1e-3)
    assert_allclose(slopes.quantity_ratio * abroad, np.minimum(slopes.quantity_ratio, cut - 1.0 + 1e-9) * abroad)


def test_where_no_regime_is_found_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(15, sectors=1, regions=3)
    start = Policy(model.data.tariff)
    quota = np.full(start.tariff.shape, np.nan)
    quota[:, 0, 1] = 0.5 * model.data.value[:, 0, 1]
    monkeypatch.setattr(one_sided, "_MOST", 0)
    with pytest.raises(NoDerivative, match="a benchmark at a kink from which no regime is found"):
        linear(model, start, replace(start, quota=quota))
