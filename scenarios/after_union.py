"""Where scenarios start that come after the union of 2010: its equilibrium, without exceptions, as simulated."""

from functools import lru_cache

from viner.calibration.benchmark import Benchmark
from viner.scenarios import eurasia_2010
from viner.scenarios.run import rebased, run


@lru_cache(maxsize=1)
def after_union() -> Benchmark:
    """Return the benchmark with trade and tariffs as the simulation of the union of 2010 has them."""
    title = "Russia, Kazakhstan, Belarus and their partners, 2009, with the union of 2010 as simulated"
    return rebased(run(eurasia_2010.scenario()), name="eurasia-2009-union", title=title)
