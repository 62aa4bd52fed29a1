"""What all tests share."""

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _floating_point_faults_are_raised() -> Iterator[None]:
    with np.errstate(all="raise", under="ignore"):
        yield
