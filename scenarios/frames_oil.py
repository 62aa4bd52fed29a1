"""What the oil study tabulates: the bill at given volumes, months, the year by regime, and what was observed."""

import numpy as np
import pandas as pd

from viner.model.oil import Regime, break_even
from viner.scenarios.oil import MEASURES, Facts, OilResult, has, span


def bill(facts: Facts, terms: tuple[Regime, ...]) -> pd.DataFrame:
    """Return the duties at given volumes under every regime, and what the terms of 2010 add to those of 2009."""
    before, after = terms[:2]
    duty, whole = facts.mean_duty, facts.value("volume_2009")
    exports = facts.value("y") * (whole - facts.value("need"))
    rows = [
        (f"Duties under {r.name}", whole, r.bill(duty, whole, exports=exports), "million USD",
         "assumed" if r.handed_over else "derived")
        for r in terms
    ]  # fmt: skip
    eleven = facts.value("volume_11_months")
    pro_rata = Regime(after.name, after.text, after.coefficient, after.allowance * 11 / 12)
    for text, volume, then in (
        ("Extra bill: the volume of 2009", whole, after),
        ("Extra bill: 6.3 Mt free and 14 Mt paid", facts.value("volume_press"), after),
        ("Extra bill: eleven months' deliveries, a year's allowance", eleven, after),
        ("Extra bill: eleven months' deliveries, 11/12 of the allowance", eleven, pro_rata),
    ):
        rows.append((text, volume, then.bill(duty, volume) - before.bill(duty, volume), "million USD", "derived"))
    even = break_even(before, after)
    rows.append(("Break-even: below this volume the terms of 2010 cost less", even, 0.0, "million USD", "derived"))
    return pd.DataFrame(rows, columns=["item", "volume_mt", "value", "unit", "basis"])


def months(result: OilResult) -> pd.DataFrame:
    """Return the central result month by month."""
    duty = result.facts.duty
    blocks = []
    for k, regime in enumerate(result.regimes):
        frame = pd.DataFrame(
            {
                "regime": regime.name,
                "period": duty["period"].to_numpy(),
                "duty": duty["value"].to_numpy(),
                "duty_basis": duty["basis"].to_numpy(),
                "world_price": result.world_price,
            }
        )
        for measure in ("within", "above", "other", "refined", "exports", "home_use", "duties_paid", "allowance_rent"):
            frame[measure] = result.amounts[measure][0, k] if has(regime, measure) else np.nan
        frame["basis"] = "assumed"
        blocks.append(frame)
    return pd.concat(blocks, ignore_index=True)


def summary(result: OilResult) -> pd.DataFrame:
    """Return the year by regime: levels, and changes from the terms of 2009, each with its range."""
    rows = []
    for k, regime in enumerate(result.regimes):
        rows += [
            (regime.name, measure, *span(result.annual(measure)[:, k]), unit, "assumed")
            for measure, (unit, _) in MEASURES.items()
            if has(regime, measure)
        ]
        if k:
            for measure in ("deliveries", "refined"):
                change = result.change(measure, percent=True)[:, k]
                rows.append((regime.name, f"{measure}_change_percent", *span(change), "per cent", "assumed"))
            for measure in ("duties_paid", "refineries", "home_users", "belarus", "russia", "together"):
                rows.append(
                    (regime.name, f"{measure}_change", *span(result.change(measure)[:, k]), "million USD", "assumed")
                )
    return pd.DataFrame(rows, columns=["regime", "measure", "value", "low", "high", "unit", "basis"])


def compared(result: OilResult) -> pd.DataFrame:
    """Return what was observed beside the model and its range."""
    facts, k = result.facts, result.position("allowance-2010")
    ten_months = result.change("deliveries", percent=True, months=10)[:, k]
    refined = result.change("refined", percent=True, months=10)[:, k]
    paid_for = result.amounts["above"][:, k, :4].sum(axis=1) / result.amounts["deliveries"][:, k, :4].sum(axis=1)
    duty = facts.duty["value"].to_numpy(dtype=float)[:4].mean()
    free = (1.0 - result.draws["delta"].to_numpy()) * result.world_price[:4].mean() - duty
    lost = -result.change("belarus")[:, k]
    eleven = result.annual("deliveries", 11)[:, k]
    paid = free + paid_for * duty
    rows = [
        ("Deliveries, January to October, change", "fall_observed", ten_months, "per cent"),
        ("Crude refined, January to October, change", "refining_observed", refined, "per cent"),
        ("Deliveries, January to November", "volume_11_months", eleven, "Mt"),
        ("Mean price of crude, January to April", "crude_price_observed", paid, "USD/t"),
        ("Cost to Belarus of the terms of 2010", "imf_cost", lost, "million USD"),
    ]
    return pd.DataFrame(
        [
            (item, facts.value(seen), *span(model), unit, facts.basis(seen), "assumed")
            for item, seen, model, unit in rows
        ],
        columns=["item", "observed", "model", "low", "high", "unit", "observed_basis", "model_basis"],
    )


def sensitivity(result: OilResult) -> pd.DataFrame:
    """Return the fall in deliveries and the cost to Belarus at either end of each range, the others central."""
    k = result.position("allowance-2010")
    fall, cost = result.change("deliveries", percent=True)[:, k], -result.change("belarus")[:, k]
    rows = []
    for n, name in enumerate(result.facts.ranged):
        for end, at in zip(result.facts.ends(name), (1 + 2 * n, 2 + 2 * n), strict=True):
            rows.append((name, end, fall[at], cost[at], "assumed"))
    columns = ["parameter", "end", "deliveries_change_percent", "cost_to_belarus_million_usd", "basis"]
    return pd.DataFrame(rows, columns=columns)


def headlines(result: OilResult, bills: pd.DataFrame, found: pd.DataFrame) -> tuple[str, ...]:
    """Return what came out, in sentences."""
    extra = bills.loc[bills["item"].str.startswith("Extra bill"), ["volume_mt", "value"]].to_numpy()
    even = float(bills["volume_mt"].iloc[-1])
    fall, cost = (found.iloc[n] for n in (0, 4))
    k, last = result.position("allowance-2010"), result.position("duty-free-2011")
    gain = span(result.change("russia")[:, k])
    later = span(result.change("belarus")[:, last])
    at_given = (
        f"At given volumes the terms of 2010 cost {_bn(extra[0, 1])} bn USD more than those of 2009 at "
        f"{extra[0, 0]:g} Mt, {_bn(extra[1, 1])} bn at {extra[1, 0]:g} Mt and {_bn(extra[2, 1])} bn at the "
        f"{extra[2, 0]:g} Mt of January to November ({_bn(extra[3, 1])} bn with 11/12 of the allowance). Below "
        f"{even:.2f} Mt they cost less."
    )
    falls = (
        f"Where volumes respond, deliveries fall by {-fall.model:.0f} % ({-fall.high:.0f} to {-fall.low:.0f} % over "
        f"the assumed ranges); {-fall.observed:.0f} % was observed."
    )
    loses = (
        f"Belarus then loses {_bn(cost.model)} bn USD ({_bn(cost.low)} to {_bn(cost.high)} bn), less than the bill at "
        "the old volume: it stops refining what no longer pays."
    )
    gains = (
        f"Russia's budget gains {_bn(gain[0])} bn USD ({_bn(gain[1])} to {_bn(gain[2])} bn): crude that Belarus does "
        "not take pays the duty in full elsewhere."
    )
    word = "more" if later[0] >= 0 else "less"
    free = (
        f"Free of duty with product duties handed over, Belarus has {_bn(abs(later[0]))} bn USD {word} than on the "
        f"terms of 2009 ({_bn(later[1])} to {_bn(later[2])} bn)."
    )
    lines = (at_given, falls, loses, gains, free)
    return tuple(line.replace(" -", " \u2212").replace("(-", "(\u2212") for line in lines)


def _bn(million: float) -> str:
    return f"{million / 1000:.2f}"
