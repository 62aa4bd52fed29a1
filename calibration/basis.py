"""How well a number is known: the four words that every number of a benchmark carries."""

from collections.abc import Iterable

BASES = ("observed", "derived", "estimated", "assumed")  # from strongest to weakest

WEAK = ("estimated", "assumed")


def weakest(bases: Iterable[str]) -> str:
    """Return the weakest of several bases, ``"observed"`` if there are none."""
    found = set(bases)
    return next((basis for basis in reversed(BASES) if basis in found), BASES[0])


def kind_of_data(bases: Iterable[str]) -> str:
    """Return what data of some bases are, in words: partly estimated, assumed, observed, or observed and derived."""
    found = set(bases)
    weak = [basis for basis in WEAK if basis in found]
    if not weak:
        return " and ".join(basis for basis in BASES if basis in found) + " data"
    return f"{weak[0]} data" if found == {weak[0]} else f"partly {weak[0]} data"
