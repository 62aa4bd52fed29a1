"""A scenario file with a pool."""

from pathlib import Path


def cut_with(pool: str, benchmark: Path | str, *, rate: float, top: str = "") -> str:
    """Return a file in which one importer's duty on one origin is cut; `top` and `pool` stand where such lines do."""
    return (
        f'benchmark = "{benchmark}"\nstructure = "nested-armington"\n{top}[[step]]\nname = "cut"\n'
        '[[step.shock]]\ninstrument = "tariff"\norigin = "CHN"\ndestination = "KAZ"\n'
        f"rate = {rate}\n{pool}"
    )
