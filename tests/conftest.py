"""What all tests share."""

import os

# Workers share the processors already: threads inside of each would wait for one another. Read as NumPy is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Nor do they draw in processes beside them, except where that is tested.
os.environ["VINER_JOBS"] = "1"

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# The same examples in every run, so that a failure comes back.
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.load_profile("same")


@pytest.fixture(autouse=True, scope="session")
def _compiled_code_is_kept_out_of_the_users_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # The workers of a parallel run have folders side by side, and share what has been compiled.
    own = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VINER_CACHE_DIR", str((own.parent if own.name.startswith("popen-") else own) / "compiled"))
        yield


@pytest.fixture(autouse=True)
def _floating_point_faults_are_raised() -> Iterator[None]:
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write blank figures: most of the time of a run is drawing, which ``tests/scenarios/test_results.py`` tests."""

    def blank(*_: object, **__: object) -> Figure:
        figure = Figure(figsize=(1.0, 1.0))
        FigureCanvasAgg(figure)
        return figure

    monkeypatch.setattr("viner.scenarios.plots.draw_plot", blank)
