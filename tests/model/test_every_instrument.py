"""What holds of every instrument, in several market structures. New instruments have to join the tables here."""

from collections.abc import Callable
from dataclasses import fields, replace

import instruments
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruments import ended, field, full_policy, with_benchmark
from markets import market_data, random_model
from numpy.testing import assert_allclose, assert_array_equal

from viner.errors import ScenarioError
from viner.model import structures
from viner.model.engine import Model, calibrated
from viner.model.market import Array, Policy
from viner.model.policy import FIELDS, RENTS, depends_on_price, limits_quantity, with_instruments
from viner.model.regimes import PRICE, QUOTA, compiled_under
from viner.model.simulate import Outcome, outcome

pytestmark = pytest.mark.random_markets

seeds = st.integers(0, 10_000)
few = settings(max_examples=2)
PRICE_TAKERS = ("armington", "nested-armington", "nested-armington-cet", "union-armington")
# Those with one price an origin, which stands still where supply is infinitely elastic.
ONE_PRICE = ("armington", "nested-armington", "union-armington")
PRICE_SETTERS = ("krugman", "melitz", "bertrand-ces", "bertrand-logit")
ON_UNITS = (
    "specific-duty", "minimum-duty", "variable-levy", "specific-excise", "quota", "shared-quota", "over-quota-tariff",
)  # fmt: skip
AD_VALOREM = tuple(name for name in FIELDS if name not in ON_UNITS)

# By instrument: the policy in which it stands a little, `e x`, above where it does nothing, which is at `e` = 0.
Small = Callable[[Policy, Array, float, Array], Policy]
SMALL: dict[str, Small] = {
    "tariff": lambda p, _, e, x: replace(p, tariff=p.tariff + e * x),
    "barrier": lambda p, _, e, x: replace(p, barrier=1.0 + e * x),
    "rent": lambda p, _, e, x: replace(p, rent=p.rent + e * x),
    "specific-duty": lambda p, _, e, x: replace(p, specific=e * x),
    "minimum-duty": lambda p, _, e, x: replace(p, minimum=np.where(x > 0.0, p.tariff + e * x, np.nan)),
    "variable-levy": lambda p, _, e, x: replace(p, threshold=np.where(x > 0.0, 1.0 + p.tariff + e * x, 0.0)),
    "anti-dumping": lambda p, _, e, x: replace(p, anti_dumping=e * x),
    "export-duty": lambda p, _, e, x: replace(p, export_duty=e * x),
    "production-subsidy": lambda p, _, e, x: replace(p, production_subsidy=e * x.max(axis=2, keepdims=True)),
    "excise": lambda p, _, e, x: replace(p, excise=e * x.max(axis=1, keepdims=True)),
    "specific-excise": lambda p, _, e, x: replace(p, specific_excise=e * x.max(axis=1, keepdims=True)),
    "vat": lambda p, _, e, x: replace(p, vat=e * x.max(axis=1, keepdims=True)),
    "quota": lambda p, v, e, x: replace(p, quota=np.where(_free(p, x), v * (1.0 - e * x), np.nan)),
    "shared-quota": lambda p, v, e, x: replace(
        p, shared_quota=np.where(_free(p, x), (1.0 - 0.2 * e) * (v * _free(p, x)).sum(axis=1, keepdims=True), np.nan)
    ),
    # The rate beyond has to be above the one within: it does nothing where the quota is not exceeded.
    "over-quota-tariff": lambda p, v, e, x: replace(
        p,
        quota=np.where(_free(p, x), (0.5 if e else 2.0) * v, np.nan),
        over_tariff=np.where(_free(p, x), p.tariff + (e or 0.3) * x, np.nan),
    ),
    "rent-recipient": lambda p, _, e, x: replace(p, held_abroad=e * x),
}


def _free(start: Policy, x: Array) -> Array:
    """Where a quota can be put: there is no rent in the benchmark already."""
    return np.asarray((x > 0.0) & (start.rent == 1.0))


def has(name: str, instrument: str) -> bool:
    """Whether a structure has an instrument."""
    return instrument in AD_VALOREM or structures.get(name).unit_instruments


def market(seed: int, name: str) -> tuple[Model, Policy, Array]:
    """Return a market with tariffs and rents in its benchmark, and random moves of some imports."""
    drawn = random_model(seed, sectors=2, regions=3, name=name)
    start = Policy(drawn.data.tariff, rent=field(drawn, "rent", seed))
    model = calibrated(drawn.structure, with_instruments(drawn.data, start))
    return model, start, field(model, "specific", seed, share=0.7)


def rigid(seed: int, name: str) -> Model:
    """Return a market whose producer prices do not move."""
    model = random_model(seed, sectors=2, regions=3, name=name)
    parameters = {**model.data.parameters, "supply": np.full(model.data.value.shape[:2], np.inf)}
    return calibrated(model.structure, replace(model.data, parameters=parameters))


def test_every_instrument_is_covered() -> None:
    """A new instrument has no test of what holds of all until it stands in the tables."""
    assert set(SMALL) == set(FIELDS)
    # A flow is under one quota, so that policies with all instruments have those of single origins.
    assert {*instruments.FIELDS, "shared_quota"} == {name for name, _ in FIELDS.values()}
    assert {*instruments.FIELDS, "shared_quota"} == {f.name for f in fields(Policy)}
    model, start, x = market(1, "nested-armington")
    found = {name for name, move in SMALL.items() if _on_units(move(start, model.data.value, 0.1, x))}
    assert found == set(ON_UNITS)
    assert set(TWINS) | {"quota", "shared-quota"} == set(ON_UNITS)


def _on_units(policy: Policy) -> bool:
    return depends_on_price(policy) or limits_quantity(policy)


@pytest.mark.parametrize("name", structures.names())
def test_structures_say_whether_they_have_instruments_on_units(name: str) -> None:
    structure = structures.get(name)
    assert structure.unit_instruments == (name in PRICE_TAKERS)
    if name not in PRICE_TAKERS:
        for kind in (PRICE, QUOTA):
            with pytest.raises(ScenarioError, match=f"{name} does not have; expected one of {', '.join(PRICE_TAKERS)}"):
                compiled_under(structure, (kind,))


@pytest.mark.parametrize("name", [*PRICE_TAKERS, *PRICE_SETTERS])
@few
@given(seed=seeds)
def test_a_zero_instrument_changes_nothing(seed: int, name: str) -> None:
    model, start, x = market(seed, name)
    size = model.data.value.sum()
    for instrument, move in SMALL.items():
        if has(name, instrument):
            o = ended(model, start, move(start, model.data.value, 0.0, x))
            assert_allclose(o.results.quantity_ratio, 1.0, atol=1e-12, err_msg=instrument)
            assert_allclose(o.results.producer_price_ratio, 1.0, atol=1e-12, err_msg=instrument)
            assert_allclose(o.accounts / size, 0.0, atol=1e-12, err_msg=instrument)
            assert_allclose(o.total / size, 0.0, atol=1e-12, err_msg=instrument)


@pytest.mark.parametrize("name", [*PRICE_TAKERS, *PRICE_SETTERS])
@few
@given(seed=seeds)
def test_every_instrument_comes_in_from_where_it_does_nothing(seed: int, name: str) -> None:
    """A tenth of a small instrument does a tenth, whichever regimes it begins in."""
    model, start, x = market(seed, name)

    def change(instrument: str, e: float) -> Array:
        o = ended(model, start, SMALL[instrument](start, model.data.value, e, x))
        size = model.data.value.sum()
        return np.concatenate(
            [(o.results.quantity_ratio - 1.0).ravel(), (o.accounts / size).ravel(), (o.total / size).ravel()]
        )

    for instrument in SMALL:
        if has(name, instrument):
            whole, tenth = (change(instrument, e) / e for e in (1e-5, 1e-6))
            most = np.abs(whole).max()
            assert most > 1e-4, instrument
            assert_allclose(tenth, whole, atol=1e-3 * most, err_msg=instrument)


# By instrument: a policy with it, the tariff that does the same at benchmark producer prices, and its accounts.
Twin = Callable[[Policy, Array, Array], tuple[Policy, Array, tuple[str, ...]]]
TWINS: dict[str, Twin] = {
    "specific-duty": lambda p, _, x: (replace(p, specific=x), p.tariff + x, ("specific-duty",)),
    "minimum-duty": lambda p, _, x: (
        replace(p, minimum=np.where(x > 0.0, p.tariff + x, np.nan)), p.tariff + x, ("minimum-duty",),
    ),
    "variable-levy": lambda p, _, x: (
        replace(p, threshold=np.where(x > 0.0, 1.0 + p.tariff + x, 0.0)), p.tariff + x, ("variable-levy",),
    ),
    "specific-excise": lambda p, _, x: (replace(p, specific_excise=x), p.tariff + x, ("specific-excise",)),
    # So small a quota that more comes in: all of it pays the rate beyond, to the treasury or to who has a licence.
    "over-quota-tariff": lambda p, v, x: (
        replace(p, quota=np.where(x > 0.0, 0.01 * v, np.nan), over_tariff=np.where(x > 0.0, p.tariff + x, np.nan)),
        p.tariff + x, ("over-quota-tariff", "licence"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("instrument", TWINS)
@pytest.mark.parametrize("name", ONE_PRICE)
@few
@given(seed=seeds)
def test_an_instrument_on_units_is_its_ad_valorem_twin_where_prices_stand_still(
    seed: int, name: str, instrument: str
) -> None:
    model = rigid(seed, name)
    start, x = Policy(model.data.tariff), field(model, "specific", seed)
    policy, rate, accounts = TWINS[instrument](start, model.data.value, x)
    one, two = ended(model, start, policy), ended(model, start, Policy(rate))
    assert_allclose(one.results.quantity_ratio, two.results.quantity_ratio, rtol=1e-10)
    assert_allclose(one.total, two.total, atol=1e-9 * model.data.value.sum())
    extra = sum(one.of(account) for account in accounts)
    assert_allclose(one.of("tariff") + extra, two.of("tariff"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("instrument", ["specific-duty", "minimum-duty", "specific-excise"])
@pytest.mark.parametrize("name", PRICE_TAKERS)
@few
@given(seed=seeds)
def test_a_duty_on_units_is_its_ad_valorem_twin_in_the_limit(seed: int, name: str, instrument: str) -> None:
    """The gap is of second order: a tenth of the shock leaves a hundredth of it.

    A least duty takes the place of the whole rate, so that its gap is of second order where that is zero; a levy takes
    in the price itself, and has no such limit.
    """
    drawn = random_model(seed, sectors=2, regions=3, name=name)
    model = calibrated(drawn.structure, replace(drawn.data, tariff=np.zeros_like(drawn.data.tariff)))
    start, x = Policy(model.data.tariff), field(model, "specific", seed)
    gaps = []
    for scale in (1e-2, 1e-3):
        policy, rate, _ = TWINS[instrument](start, model.data.value, scale * x)
        one, two = ended(model, start, policy), ended(model, start, Policy(rate))
        gaps.append(np.abs(one.results.quantity_ratio - two.results.quantity_ratio).max())
    assert gaps[1] < 0.02 * gaps[0] + 1e-11


@pytest.mark.parametrize("name", PRICE_TAKERS)
@few
@given(seed=seeds)
def test_a_quota_that_is_exceeded_is_the_tariff_beyond_it(seed: int, name: str) -> None:
    model = random_model(seed, sectors=2, regions=3, name=name)
    start, x = Policy(model.data.tariff), field(model, "specific", seed)
    policy, rate, accounts = TWINS["over-quota-tariff"](start, model.data.value, x)
    one, two = ended(model, start, policy), ended(model, start, Policy(rate))
    assert_allclose(one.results.quantity_ratio, two.results.quantity_ratio, rtol=1e-10)
    assert_allclose(one.total, two.total, atol=1e-9 * model.data.value.sum())
    extra = sum(one.of(account) for account in accounts)
    assert_allclose(one.of("tariff") + extra, two.of("tariff"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PRICE_TAKERS)
@few
@given(seed=seeds)
def test_a_quota_that_does_not_bind_changes_nothing(seed: int, name: str) -> None:
    """On top of new tariffs: one of many times what comes in, plain or with a higher rate beyond."""
    model = random_model(seed, sectors=2, regions=3, name=name)
    start, tariff = Policy(model.data.tariff), field(model, "tariff", seed)
    plain = ended(model, start, Policy(tariff))
    quota = 1e3 * model.data.value
    for policy in (Policy(tariff, quota=quota), Policy(tariff, quota=quota, over_tariff=tariff + 0.5)):
        o = ended(model, start, policy)
        assert_allclose(o.results.quantity_ratio, plain.results.quantity_ratio, rtol=1e-11)
        assert_allclose(o.total, plain.total, atol=1e-11 * model.data.value.sum())
        assert_allclose(o.of("licence"), 0.0, atol=1e-11 * model.data.value.sum())


@pytest.mark.parametrize("name", PRICE_TAKERS)
@few
@given(seed=seeds)
def test_a_binding_quota_is_its_tariff_equivalent_but_for_who_holds_the_rent(seed: int, name: str) -> None:
    model = random_model(seed, sectors=2, regions=3, name=name)
    size = model.data.value.sum()
    start, quota = Policy(model.data.tariff), field(model, "quota", seed)
    o = ended(model, start, replace(start, quota=quota))
    limited = ~np.isnan(quota)
    assert ((model.data.value * o.results.quantity_ratio)[limited] <= quota[limited] * (1.0 + 1e-9)).all()
    assert (o.of("licence").sum(axis=1) > 0.0).any()
    border = o.value1 / (model.data.value * o.results.quantity_ratio)
    equivalent = np.where(limited, o.results.price_ratio * (1.0 + model.data.tariff) / border - 1.0, start.tariff)
    twin = ended(model, start, Policy(equivalent))
    assert_allclose(o.results.quantity_ratio, twin.results.quantity_ratio, rtol=1e-8)
    assert_allclose(o.total, twin.total, atol=1e-8 * size)
    assert_allclose(o.of("licence") + o.of("tariff"), twin.of("tariff"), rtol=1e-7, atol=1e-9 * size)
    # Held abroad, licences bring the exporters what they brought the importers, and nothing else moves.
    abroad = ended(model, start, replace(start, quota=quota, held_abroad=np.where(limited, 1.0, 0.0)))
    assert_allclose(abroad.results.quantity_ratio, o.results.quantity_ratio, rtol=1e-8)
    assert_allclose(abroad.of("licence").sum(axis=1), o.of("licence").sum(axis=1), atol=1e-8 * size)
    moved = abroad.total - o.total
    assert_allclose(moved, abroad.of("licence") - o.of("licence"), atol=1e-8 * size)


def some_of(name: str) -> st.SearchStrategy[set[str]]:
    """Draw fields of a policy that a structure has."""
    mine = [f for instrument, (f, _) in FIELDS.items() if has(name, instrument) and f in instruments.FIELDS]
    return st.sets(st.sampled_from(mine), min_size=1)


@pytest.mark.parametrize("name", [*PRICE_TAKERS, *PRICE_SETTERS])
@few
@given(data=st.data(), seed=seeds)
def test_accounts_add_up_and_pooling_moves_nothing_but_duties(data: st.DataObject, seed: int, name: str) -> None:
    """Whatever instruments there are: what buyers pay is what all others get, and a pool is lump sums."""
    drawn = data.draw(some_of(name))
    names = tuple(sorted(drawn | ({"quota"} if "over_tariff" in drawn else set())))
    model = random_model(seed, sectors=1, regions=3, name=name)
    start = Policy(model.data.tariff)
    end = full_policy(model, seed, names)
    size = model.data.value.sum()
    o, pooled, alone = (outcome(model, start, end, pool=p)[0] for p in (None, {0: 0.6, 1: 0.4}, {1: 1.0}))
    paid = (o.price_ratio * (1.0 + model.data.tariff) * o.value0 * o.quantity_ratio).sum(axis=(1, 2))
    assert_allclose(paid, o.value1.sum(axis=(1, 2)) + o.accounts1.sum(axis=(1, 2)), rtol=1e-9)
    assert_allclose(o.accounts.sum(axis=2), o.tariff_revenue + o.rent, atol=1e-10 * size)
    parts = o.consumer_surplus + o.producer_surplus + o.accounts.sum(axis=2) + o.pool_transfer
    assert_allclose(parts, o.total, atol=1e-10 * size)
    for f in fields(Outcome):
        if f.name in ("charges0", "charges1"):
            mine, other = getattr(pooled, f.name), getattr(o, f.name)
            assert mine.keys() == other.keys()
            for account in mine:
                assert_array_equal(mine[account], other[account], err_msg=f"{f.name}: {account}")
        elif f.name not in ("policy", "solution", "own", "pool_transfer"):
            assert_array_equal(getattr(pooled, f.name), getattr(o, f.name), err_msg=f.name)
    assert_allclose(pooled.total - o.total, pooled.pool_transfer, atol=1e-12 * size)
    assert_allclose(pooled.pool_transfer.sum(axis=1), 0.0, atol=1e-12 * size)
    # A union of one is no union.
    assert_allclose(alone.pool_transfer, 0.0, atol=1e-12 * size)


@pytest.mark.parametrize("instrument", FIELDS)
@few
@given(seed=seeds)
def test_a_union_of_one_has_no_nest_of_its_own(seed: int, instrument: str) -> None:
    """Without partners union-armington is nested Armington, under every instrument: by two systems."""
    small = random_model(seed, sectors=2, regions=3, name="union-armington")
    lonely = calibrated(small.structure, replace(small.data, partner=np.zeros((3, 3), dtype=bool)))
    structure = structures.get("nested-armington")
    known = {spec.name: small.data.parameters[spec.name] for spec in structure.parameters}
    nested = calibrated(structure, market_data(small.data.value, small.data.tariff, structure, **known))
    start = Policy(small.data.tariff)
    if instrument == "shared-quota":
        end = SMALL[instrument](start, small.data.value, 1.0, field(small, "specific", seed))
    else:
        with_it = {"over-quota-tariff": ("quota",), "rent-recipient": ("rent",)}
        end = full_policy(small, seed, (FIELDS[instrument][0], *with_it.get(instrument, ())))
    one, two = (ended(model, start, end) for model in (lonely, nested))
    assert_allclose(one.results.quantity_ratio, two.results.quantity_ratio, rtol=1e-9)
    assert_allclose(one.accounts1, two.accounts1, rtol=1e-8, atol=1e-9 * small.data.value.sum())


@pytest.mark.parametrize("account", RENTS)
def test_rents_held_abroad_are_the_exporters(account: str) -> None:
    """By hand: importers and exporters share the rent of each cell as `held_abroad` says."""
    model = random_model(2, sectors=2, regions=3)
    names = ("rent",) if account == "rent" else ("quota",)
    start, end = Policy(model.data.tariff), full_policy(model, 2, (*names, "held_abroad"))
    all_abroad, none = (ended(model, start, replace(end, held_abroad=end.held_abroad * k)) for k in (1.0, 0.0))
    assert_allclose(all_abroad.of(account).sum(axis=1), none.of(account).sum(axis=1), rtol=1e-9)
    assert (all_abroad.of(account) != none.of(account)).any()


def test_with_benchmark_instruments_union_armington_stays_where_it_is() -> None:
    """Quotas, least duties and rents in the benchmark of a union with a nest of its own."""
    model, start = with_benchmark(3, ("tariff", "quota", "minimum", "vat"), name="union-armington")
    o = ended(model, start, start)
    assert_allclose(o.results.quantity_ratio, 1.0, atol=1e-9)
    assert_allclose(o.total / model.data.value.sum(), 0.0, atol=1e-10)
