"""The market of products against the R package trade, and against conditions for the best price."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.errors import ParameterError
from viner.model.product_market import ProductMarket, calibrate, kept, simulate, system

# R package trade 0.8.3 with its contemporary antitrust package, run on the beer data of Epstein & Rubinfeld (2004,
# p. 80). A tariff there is a share of the consumer's price. The peer iterates: prices to 5e-6, shares to 2e-7.
PRODUCTS = ("BUD", "OLD STYLE", "MILLER", "MILLER-LITE", "OTHER-LITE", "OTHER-REG")
OWNER = ("BUD", "OLD STYLE", "MILLER", "MILLER", "OTHER-LITE", "OTHER-REG")
PRICE = [0.0441, 0.0328, 0.0409, 0.0396, 0.0387, 0.0497]
SHARE = [0.066, 0.172, 0.253, 0.187, 0.099, 0.223]
MARGIN = [0.3830, 0.5515, 0.5421, 0.5557, 0.4453, 0.3769]
TARIFF = [0.0, 0.0, 0.0, 0.0, 0.1, 0.1]
ALPHA = 59.80761303
MEAN_VALUE = [-1.152350385, -0.8703366775, 0.0, -0.3800307688, -1.0698463873, 0.4000892774]
COST = [0.026198201929, 0.012606425848, 0.011042358218, 0.009742358218, 0.02014253119, 0.028180978896]
PRICE_AFTER = [0.04417950595, 0.03302606566, 0.04154815381, 0.04024815381, 0.04081777367, 0.05230924312]
SHARE_AFTER = [0.07012969386, 0.18116725142, 0.2598414333, 0.19205671157, 0.09312172219, 0.20368318767]
LOST = 0.00109428  # By a buyer; printed there as 0.1094285711, a hundred times the change in logsum / alpha.
GAMMA = 2.101946578


def _beer(**changes: object) -> ProductMarket:
    given = {"price": PRICE, "share": SHARE, "owner": OWNER, "products": PRODUCTS, "slope": ALPHA, **changes}
    return calibrate("logit", **given)  # type: ignore[arg-type]


def test_bertrand_with_logit_demand_by_another_package() -> None:
    market = _beer()
    assert_allclose(market.cost, COST, atol=1e-11)
    assert_allclose(market.mean_value("MILLER"), MEAN_VALUE, atol=1e-9)
    o = simulate(market, TARIFF, "consumer")
    assert_allclose(o.price, PRICE_AFTER, atol=5e-6)
    assert_allclose(o.share, SHARE_AFTER, atol=2e-7)
    assert o.consumer_surplus == pytest.approx(-LOST, abs=5e-9)


def test_monopolistic_competition_with_ces_demand_by_another_package() -> None:
    market = calibrate("ces", price=PRICE, share=SHARE, owner=OWNER, slope=GAMMA, conduct="monopolistic competition")
    assert_allclose(1.0 - market.cost / market.price, 1.0 / GAMMA, rtol=1e-12)
    o = simulate(market, TARIFF, "consumer")
    assert_allclose(o.price[:4], PRICE[:4], rtol=1e-12)
    assert_allclose(o.price[4:], [0.043, 0.05522222222], atol=1e-11)
    # The elasticity of substitution is the inverse of the mean margin; the peer finds it by search.
    again = calibrate("ces", price=PRICE, share=SHARE, owner=OWNER, margin=MARGIN, conduct="monopolistic competition")
    assert again.slope == pytest.approx(1.0 / np.mean(MARGIN), rel=1e-8)
    assert again.slope == pytest.approx(GAMMA, rel=2e-6)


def test_a_tariff_on_the_border_price_is_the_same_duty_by_another_name() -> None:
    """0.10 of the consumer's price is 11.11 % of the price at the border."""
    assert_allclose(kept(0.1, "consumer"), kept(1.0 / 9.0, "border"))
    one, two = simulate(_beer(), TARIFF, "consumer"), simulate(_beer(), 1.0 / (1.0 - np.array(TARIFF)) - 1.0)
    assert_allclose(one.price, two.price, rtol=1e-12)


@pytest.mark.parametrize("demand", ["logit", "ces"])
@pytest.mark.parametrize("inside", [1.0, 0.7])
@pytest.mark.parametrize("elasticity", [1.0, 0.6])
def test_no_owner_gains_by_other_prices(demand: str, inside: float, elasticity: float) -> None:
    slope = ALPHA if demand == "logit" else 4.0
    share = inside * np.array(SHARE)
    market = calibrate(
        demand,
        price=PRICE,
        share=share,
        owner=OWNER,
        slope=slope,
        elasticity=elasticity,  # type: ignore[arg-type]
    )
    assert_allclose(simulate(market, 0.0).price, PRICE, rtol=1e-10)
    o = simulate(market, TARIFF)
    keep = kept(TARIFF)

    def sold(price: np.ndarray) -> np.ndarray:
        if demand == "logit":
            terms = share * np.exp(-slope * (price - np.array(PRICE)))
            return np.asarray(terms / (1.0 - inside + terms.sum()))
        terms = share * (price / np.array(PRICE)) ** (1.0 - slope)
        ratio = 1.0 - inside + terms.sum()
        return np.asarray(terms / ratio / price * ratio ** ((1.0 - elasticity) / (1.0 - slope)))

    assert_allclose(sold(o.price) / sold(np.array(PRICE)), o.quantity_ratio, rtol=1e-9)
    for owner in set(OWNER):
        mine = np.array([name == owner for name in OWNER])
        for k in np.flatnonzero(mine):

            def profit(s: float, k: int = k, mine: np.ndarray = mine) -> float:
                price = o.price * np.exp(s * (np.arange(6) == k))
                return float(((keep * price - market.cost) * sold(price))[mine].sum())

            h = 1e-4
            assert abs(profit(h) - profit(-h)) / (2.0 * h) < 1e-6 * profit(0.0)
            assert profit(h) + profit(-h) < 2.0 * profit(0.0)


def test_welfare_of_a_small_tariff_on_ces_demand_is_an_area() -> None:
    market = calibrate("ces", price=PRICE, share=SHARE, owner=OWNER, slope=4.0, elasticity=0.6)
    o = simulate(market, 1e-5 * np.array([0, 0, 0, 0, 1, 1]))
    lost = (np.array(SHARE) * (o.price / PRICE - 1.0)).sum()
    assert o.consumer_surplus == pytest.approx(-lost, rel=1e-4)


def test_calibration_to_margins_and_its_faults() -> None:
    given = {"price": PRICE, "share": SHARE, "owner": OWNER}
    # Margins at a known slope give that slope back.
    market = _beer()
    back = calibrate("logit", **given, margin=1.0 - market.cost / market.price)  # type: ignore[arg-type]
    assert back.slope == pytest.approx(ALPHA, rel=1e-7)
    known = [np.nan] * 5 + [float(1.0 - market.cost[5] / market.price[5])]
    assert calibrate("logit", **given, margin=known).slope == pytest.approx(ALPHA, rel=1e-7)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="neither a slope nor margins"):
        calibrate("logit", **given)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="at which MILLER-LITE would have a negative cost"):
        _beer(slope=44.5)
    with pytest.raises(ParameterError, match="at most 1"):
        _beer(share=2.0 * np.array(SHARE))


def test_a_merger_raises_the_prices_of_those_that_merge() -> None:
    apart = _beer()
    merged = ProductMarket(**{**vars(apart), "owner": ("BUD", "BUD", *OWNER[2:])})
    price = simulate(merged, 0.0).price
    assert (price[:2] > np.array(PRICE[:2]) * 1.01).all()


def test_equations_are_those_of_the_kinds_of_demand() -> None:
    assert {q.name for q in system("ces").quantities} - {q.name for q in system("logit").quantities} == {"eta"}
