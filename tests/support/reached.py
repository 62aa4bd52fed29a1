"""What an equilibrium says of quantities and shares of spending."""

import numpy as np
from markets import Array

from viner.model.engine import Model, equilibrium
from viner.model.market import Policy


def reached(model: Model, at: Policy) -> dict[str, Array]:
    """Return the variables of the equations at a policy, and quantities and shares of spending."""
    found = equilibrium(model, at)
    values = model.compiled.values(found.x, model.given(at))
    quantity = model.data.value * np.exp(values["ln_q"])
    spending = model.data.value * (1.0 + model.data.tariff) * np.exp(values["ln_q"] + values["ln_d"])
    return {"quantity": quantity, "shares": spending / spending.sum(axis=1, keepdims=True)} | values
