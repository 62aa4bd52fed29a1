"""Instruments other than the tariff that are in force in the benchmark: the rows of ``instruments.csv``."""

from dataclasses import dataclass, field

INSTRUMENTS = (
    "tariff",
    "barrier",
    "rent",
    "non-tariff-barrier",
    "specific-duty",
    "minimum-duty",
    "variable-levy",
    "anti-dumping",
    "export-duty",
    "production-subsidy",
    "excise",
    "specific-excise",
    "vat",
    "quota",
    "shared-quota",
    "tariff-rate-quota",
    "over-quota-tariff",
)


@dataclass(frozen=True)
class Instrument:
    """A row of ``instruments.csv``: an instrument other than the tariff that is in force in the benchmark."""

    sector: str
    origin: str
    destination: str
    instrument: str
    value: float
    unit: str
    recipient: str
    basis: str
    line: int = field(default=0, compare=False)
