"""Mergers of firms with logit demand and an outside good, by the R package antitrust."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from viner.model.product_market import calibrate, simulate

# R package antitrust 0.99.33, run by Thesimpleex/mergerlab, tests/data/r_antitrust.json (commit
# bb3133533e50cd87c10f832a99b1179a0a6e4efe). Three tenths of buyers take the outside good. One margin is known; the
# slope is found there by search, to a few parts in a million. Margin and whose it is; owners before and after; slope;
# rise of prices in per cent.
PRICE, SHARE = [1.0, 1.3, 0.9, 1.1], [0.15, 0.25, 0.2, 0.1]
MERGERS = {
    "firms of one product": (
        [0.4, np.nan, np.nan, np.nan], "ABCD", "ABAD", 2.9411811157484,
        [8.87728553036404, 0.654033355006045, 7.08587719860441, 0.27798758352453],
    ),
    "firms of several products": (
        [np.nan, 0.35, np.nan, np.nan], "AABC", "AAAC", 3.66301019813737,
        [8.54215797711064, 6.57089075162358, 22.1301529812289, 0.739039552604126],
    ),
}  # fmt: skip


@pytest.mark.parametrize("merger", MERGERS)
def test_prices_after_the_merger(merger: str) -> None:
    margin, before, after, slope, rises = MERGERS[merger]
    market = calibrate("logit", price=PRICE, share=SHARE, owner=before, margin=margin)
    assert market.slope == pytest.approx(slope, rel=5e-6)
    o = simulate(replace(market, owner=tuple(after)), 0.0)
    assert_allclose(100.0 * (o.price / PRICE - 1.0), rises, rtol=5e-6)


def test_what_buyers_lose() -> None:
    """The compensating variation of a buyer, printed with the first merger."""
    margin, before, after, _, _ = MERGERS["firms of one product"]
    market = calibrate("logit", price=PRICE, share=SHARE, owner=before, margin=margin)
    o = simulate(replace(market, owner=tuple(after)), 0.0)
    assert o.consumer_surplus == pytest.approx(-0.0267804922964384, rel=5e-6)
