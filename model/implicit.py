"""Functions that an equation defines: what a firm charges, given all that it does not decide.

An oligopolist's price depends on its share, and its share on its price. Given the costs of all and the aggregate that
sums up its rivals, both follow from one equation in one unknown (Nocke & Schutz 2018, the fitting-in function).
Such an equation is solved cell by cell by a kernel of :mod:`viner.model.kernels`, and what it defines stands
in a model like any function: the unknowns of a market are its aggregates and not the prices of every pair of regions.
Derivatives follow from the equation by the implicit function theorem.
"""

from typing import Any

import sympy
from sympy import Expr


class KernelBase(sympy.Function):  # type: ignore[misc]
    """A function that a kernel of the same name computes; a subclass says what its derivatives are."""

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_nonnegative(self) -> bool:
        return True


class Implicit(KernelBase):
    """A function ``y(x...)`` that makes an equation hold."""

    @classmethod
    def equation(cls, y: Expr, *x: Expr) -> Expr:
        """Return what is zero at ``y = y(x...)``."""
        raise NotImplementedError

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the derivative by one argument, in terms of the function itself."""
        y: Any = sympy.Dummy(positive=True)
        x = [sympy.Dummy(positive=True) for _ in self.args]
        zero = self.equation(y, *x)
        slope = -zero.diff(x[argindex - 1]) / zero.diff(y)
        return slope.xreplace({y: self, **dict(zip(x, self.args, strict=True))})


class ces_markup(Implicit):  # noqa: N801
    """Price over marginal cost of a Bertrand firm that faces CES demand.

    Its arguments are the share of spending that the firm would have at a price equal to its cost, the elasticity of
    substitution and that of composite demand.
    """

    nargs = (3,)

    @classmethod
    def equation(cls, y: Expr, *x: Expr) -> Expr:
        """``(m - 1)(e - 1) = 1``, with the elasticity ``e = sigma - (sigma - eta) share m^(1 - sigma)``."""
        share, sigma, eta = x
        return (y - 1) * (sigma - (sigma - eta) * share * y ** (1 - sigma) - 1) - 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the derivative; that by the share without more powers than needed, by ``e = m / (m - 1)``."""
        if argindex != 1:
            return super().fdiff(argindex)
        _, sigma, eta = self.args
        net = self - 1
        below = 1 + (sigma - 1) * net * (sigma * net - self) / self
        return (sigma - eta) * net**2 * self ** (1 - sigma) / below


class logit_margin(Implicit):  # noqa: N801
    """Price less marginal cost of a Bertrand firm that faces logit demand, times the slope of demand.

    Its argument is the share of buyers that the firm would have at a price equal to its cost.
    """

    nargs = (1,)

    @classmethod
    def equation(cls, y: Expr, *x: Expr) -> Expr:
        """``g (1 - share e^(-g)) = 1``."""
        (share,) = x
        return y * (1 - share * sympy.exp(-y)) - 1


class positive_part(KernelBase):  # noqa: N801
    """``max(x, 0)``: what a firm sells that leaves the market where it would make a loss."""

    nargs = (1,)

    def fdiff(self, argindex: int = 1) -> Expr:  # noqa: ARG002
        """Return one where the function is positive and zero elsewhere."""
        return is_positive(self)


class is_positive(KernelBase):  # noqa: N801
    """One where the argument is positive, zero elsewhere."""

    nargs = (1,)

    def fdiff(self, argindex: int = 1) -> Expr:  # noqa: ARG002
        """Return zero."""
        return sympy.Integer(0)
