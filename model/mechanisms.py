"""Why a flow changes: diversion, displacement and expansion, as integrals along the path.

Each mechanism is a sum of integrals of ``f dL``. By default the equations report it as a factor of the quantity, and
`f` is the quantity and `L` the log of the factor. A structure whose mechanisms are of another kind says what they are.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from viner.model.changes import log_name
from viner.model.engine import Model
from viner.model.market import Array, Policy

MECHANISMS = ("diversion", "displacement", "expansion")


def mechanism_terms(
    model: Model, policy: Policy, values: Mapping[str, Array], quantity: Array
) -> Mapping[str, Sequence[tuple[Array, Array]]]:
    """Return by mechanism the pairs of `f` and `L` whose integrals ``f dL`` add up to it.

    Parameters
    ----------
    model, policy
        Where.
    values
        The variables of the equations; they may be complex.
    quantity
        Flows at benchmark prices.

    Returns
    -------
    dict
        Arrays are ``[sector, origin, destination]``, and not numbers where the structure has no mechanisms.
    """
    structure = model.structure
    if not structure.mechanisms:
        nothing = np.full(quantity.shape, complex(np.nan, np.nan))
        return {name: [(quantity, nothing)] for name in MECHANISMS}
    if structure.mechanism_terms is not None:
        return structure.mechanism_terms(model.at(policy, values), values)
    if structure.form == "changes":
        return {name: [(quantity, values[log_name(name)])] for name in MECHANISMS}
    # A cell that a mechanism is not defined in, such as home sales, holds zero.
    levels = {name: np.where(values[name] == 0.0, 1.0, values[name]) for name in MECHANISMS}
    return {name: [(quantity, np.log(level))] for name, level in levels.items()}
