"""How well a number is known: the four words that every number of a benchmark carries."""

from collections.abc import Iterable

BASES = ("observed", "derived", "estimated", "assumed")  # from strongest to weakest


def weakest(bases: Iterable[str]) -> str:
    """Return the weakest of several bases, ``"observed"`` if there are none."""
    found = set(bases)
    return next((basis for basis in reversed(BASES) if basis in found), BASES[0])
