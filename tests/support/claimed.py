"""Rows of the press account's answers."""

import pandas as pd

from viner.scenarios.claims import Answers, read_claims


def rows_of(answered: Answers, number_of: str) -> pd.DataFrame:
    """The ranges of a number, by structure."""
    return answered.ranges[answered.ranges["measure"] == _measure(number_of)].set_index("structure")


def row_of(answered: Answers, number_of: str) -> pd.Series:
    """The number itself, with its range over structures and its verdict."""
    return answered.claims[answered.claims["measure"] == _measure(number_of)].iloc[0]


def _measure(number_of: str) -> str:
    (measure,) = (claim["measure"] for claim in read_claims()["claim"] if claim["number_of"] == number_of)
    return str(measure)
