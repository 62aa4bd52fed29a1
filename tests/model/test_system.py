"""Every fault that is found when a system is built, each by its message."""

from dataclasses import replace

import pytest
import sympy
from right_market import HOME, IMPORTS, RIGHT, by_cases, f, i, j, k, member, quantity, refused, system, with_definition
from sympy import And, Eq, Ne, Or

from viner.errors import EquationError
from viner.model.notation import (
    index,
    inside,
    name_of,
    outside,
    total,
)
from viner.model.system import Condition, Definition, ordered

p, d, q, s, P, tau, eps, gamma = RIGHT.quantities


def test_declared_twice() -> None:
    with refused("p is declared twice; remove one or give it another name"):
        system(quantities=(*RIGHT.quantities, p))


def test_not_declared() -> None:
    with refused("the definition of P[j] uses gama, which is not declared. Did you mean 'gamma'?"):
        with_definition(1, replace(RIGHT.definitions[1], value=total(d[i, j], i) ** quantity("gama", (j,))[j]))


@pytest.mark.parametrize("written", [sympy.Symbol("gamma"), gamma])
def test_a_quantity_without_its_indices(written: object) -> None:
    with refused("the definition of P[j] has the plain symbol gamma. Write gamma[j]."):
        with_definition(1, Definition(P[j], total(d[i, j], i) * written, "Import price"))


def test_a_scalar_without_its_brackets() -> None:
    with refused("the definition of d[i,j] has the plain symbol tau. Write tau[()]."):
        with_definition(0, Definition(d[i, j], p[i] * tau, "Delivered price"))


def test_a_plain_symbol_or_function() -> None:
    with refused(
        "the definition of P[j] has the plain symbol gama. Declare it as a Quantity. Did you mean 'gamma'?",
        "the definition of P[j] has the function gamma(j). Write gamma[j].",
    ):
        with_definition(1, Definition(P[j], total(d[i, j], i) * sympy.Symbol("gama") * sympy.Function("gamma")(j), ""))


def test_a_symbol_in_a_condition() -> None:
    with refused("the definition of P[j] has the plain symbol member. Write member[i]."):
        with_definition(1, Definition(P[j], total(d[i, j], i, inside(member)), "Import price"), member)


def test_another_quantity_of_the_same_name() -> None:
    other = quantity("gamma", (j,), "parameter", sign="real")
    with refused("the definition of P[j] uses another gamma than the one that is declared, with another sign or role"):
        with_definition(1, Definition(P[j], total(d[i, j], i) ** other[j], "Import price"))


def test_the_wrong_indices_by_another_way() -> None:
    with refused("the definition of P[j]: gamma has 1 index and is used with 2: gamma[j, j]; write gamma[j]"):
        with_definition(1, Definition(P[j], total(d[i, j], i) ** gamma.base[j, j], "Import price"))
    with refused("the index f runs over firms and over regions; use another letter for one of them"):
        (other,) = index("f", over="regions")
        n = quantity("n", (f,), "parameter")
        with_definition(1, Definition(P[j], total(d[other, j], other) * total(n[f], f), "Import price"), n)


def test_a_sum_of_another_kind() -> None:
    with pytest.raises(EquationError, match=r"^small: the definition of P\[j\]: .* is not a sum over one index; write"):
        with_definition(1, Definition(P[j], sympy.Sum(d[i, j] * p[k], (i, 0, 3), (k, 0, 3)), "Import price"))


def test_neither_defined_nor_unknown() -> None:
    with refused(
        "the variable P is used in the definition of q[i,j] and neither defined nor unknown; "
        "add a Definition of it or a Condition paired with it"
    ):
        system(definitions=(*RIGHT.definitions[:1], *RIGHT.definitions[2:]))
    with refused("the variable x is neither defined nor unknown; add a Definition of it or a Condition paired with it"):
        system(quantities=(*RIGHT.quantities, quantity("x")))


def test_both_defined_and_unknown() -> None:
    with refused("s is both defined and unknown; drop its definition, or pair the condition with another unknown"):
        system(conditions=(*RIGHT.conditions, Condition(s[i], p[i], s[i], "Again")))


def test_only_a_report() -> None:
    with refused("the definition of q[i,j] uses P, which is only a report; move it to the definitions"):
        system(definitions=(*RIGHT.definitions[:1], *RIGHT.definitions[2:]), reports=(RIGHT.definitions[1],))


def test_defined_twice() -> None:
    again = Definition(s[j], p[j], "Supply again")
    with refused("s[i] is defined twice; remove one definition or give each its own cells by where="):
        system(definitions=(*RIGHT.definitions, again))
    with refused("s[i] is defined twice; remove one definition or give each its own cells by where="):
        system(reports=(again,))
    with refused("q[i,j] is defined twice; remove one definition or give each its own cells by where="):
        by_cases(IMPORTS, IMPORTS, HOME)


def test_cases_that_cover() -> None:
    by_cases(IMPORTS, HOME)
    by_cases(IMPORTS, replace(HOME, target=q[i, j], where=Eq(i, j)))
    by_cases(
        replace(IMPORTS, where=And(Ne(i, j), inside(member[i]))),
        replace(IMPORTS, where=And(Ne(i, j), outside(member[i]))),
        HOME,
    )
    by_cases(replace(IMPORTS, where=Or(Ne(i, j), inside(member[i]))), replace(HOME, where=outside(member[j])))
    # The home cell is not used.
    by_cases(IMPORTS, conditions=(Condition(s[i], total(q[i, j], j, Ne(i, j)), p[i], "Clearing"),))
    by_cases(
        replace(IMPORTS, where=inside(member[i])),
        conditions=(Condition(s[i], total(q[i, j], j), p[i], "Clearing", where=inside(member[i])),),
    )


def test_cases_that_leave_a_gap() -> None:
    cure = ", where q has no definition; define it there or leave the cell out by where="
    with refused(f"the condition of p[i] uses q[i,i]{cure}"):
        by_cases(IMPORTS)
    with refused(f"the condition of p[i] uses q[i,j], i not in member{cure}"):
        by_cases(replace(IMPORTS, where=And(Ne(i, j), inside(member[i]))), HOME)
    with refused(f"the condition of p[i] uses q[i,i], i in member{cure}"):
        by_cases(IMPORTS, conditions=(Condition(s[i], total(q[i, j], j, inside(member[i])), p[i], "Clearing"),))


def test_cases_of_a_report_need_not_cover() -> None:
    factor = quantity("factor", (i, j))
    used = (*RIGHT.quantities, factor)
    system(quantities=used, reports=(Definition(factor[i, j], d[i, j], "Factor", where=Ne(i, j)),))


def test_cases_that_overlap() -> None:
    cure = "; give each its own cells by where="
    with refused(f"two definitions of q overlap in q[i,i]{cure}"):
        by_cases(replace(IMPORTS, where=sympy.true), HOME)
    with refused(f"two definitions of q overlap in q[i,j], i in member, j in member{cure}"):
        by_cases(
            replace(IMPORTS, where=And(Ne(i, j), inside(member[i]))),
            replace(IMPORTS, where=And(Ne(i, j), Or(outside(member[i]), inside(member[j])))),
            HOME,
        )


def test_circles_are_named_in_order() -> None:
    x, y, z = (quantity(name) for name in "xyz")
    more = (
        Definition(x[i], y[i] * s[i], "x"),
        Definition(y[i], z[i] * p[i], "y"),
        Definition(z[i], x[i] * y[i], "z"),
    )
    cure = "; make one of these an unknown, and its definition a Condition"
    with refused(f"the definitions are circular: y -> z -> y{cure}"):
        system(quantities=(*RIGHT.quantities, x, y, z), definitions=(*RIGHT.definitions, *more))
    with pytest.raises(EquationError, match=r"^small: the definitions are circular: y -> z -> y$"):
        ordered(more, "small")
    with refused(f"the definitions are circular: x -> x{cure}"):
        itself = Definition(x[i], x[i] * s[i], "x")
        system(quantities=(*RIGHT.quantities, x), definitions=(*RIGHT.definitions, itself))


def test_an_index_that_stands_free() -> None:
    stray = "that stands free on its right side; sum over it or add it on the left"
    with refused(f"the definition of P[j] does not have the index i {stray}"):
        with_definition(1, Definition(P[j], d[i, j], "Import price"))
    with refused(f"the definition of P[j] does not have the index k {stray}"):
        with_definition(1, Definition(P[j], total(d[i, j], i, inside(member[k])), "Import price"), member)
    with refused(f"the condition of p[i] does not have the index k {stray}"):
        system(conditions=(Condition(s[i], q[i, k], p[i], "Clearing"),))
    with refused(f"the definition of q[j,j] does not have the index i {stray}"):
        with_definition(2, Definition(q[j, j], d[j, j] ** -gamma[j] * P[j], "Home", where=Ne(i, j)))


def test_an_index_that_is_summed_over_and_stands_free() -> None:
    with refused(
        "the definition of q[i,j] sums over j, which is in use outside that sum already; "
        "take another index over regions"
    ):
        with_definition(2, Definition(q[i, j], d[i, j] * total(P[j] ** gamma[j], j), "Demand"))
    with refused(
        "the definition of P[j] sums over i, which is in use outside that sum already; take another index over regions"
    ):
        with_definition(1, Definition(P[j], total(d[i, j] * total(p[i], i), i) ** gamma[j], "Import price"))


def test_two_sums_over_the_same_index_are_fine() -> None:
    with_definition(1, Definition(P[j], total(d[i, j], i) * total(p[i], i), "Import price"))


def test_an_unknown_of_two_conditions() -> None:
    with refused("2 conditions for 1 unknown: p is paired with 2; pair each with an unknown of its own"):
        system(conditions=(*RIGHT.conditions, Condition(s[i], P[i], p[i], "Again")))


def test_a_condition_paired_with_something_given() -> None:
    with refused(
        "the condition of eps[i] is paired with something of role parameter; pair it with a variable or an instrument"
    ):
        system(conditions=(*RIGHT.conditions, Condition(s[i], P[i], eps[i], "Again")))


def test_an_instrument_may_be_unknown() -> None:
    system(conditions=(*RIGHT.conditions, Condition(total(s[i], i), 1, tau[()], "Target")))


def test_a_condition_on_a_diagonal() -> None:
    w = quantity("w", (i, j))
    with refused("the condition of w[i,i] is paired with a diagonal; the unknown must have different indices"):
        system(quantities=(*RIGHT.quantities, w), conditions=(*RIGHT.conditions, Condition(s[i], w[i, i], w[i, i], "")))


def test_what_cannot_be_determined() -> None:
    x = quantity("x", (), "variable")
    with refused("the unknown x occurs in no condition, directly or through definitions; nothing determines it"):
        system(
            quantities=(*RIGHT.quantities, x),
            conditions=(*RIGHT.conditions, Condition(total(s[i], i), 1, x[()], "Nothing")),
        )
    with refused("the condition of tau contains no unknown, directly or through definitions; nothing can make it hold"):
        system(conditions=(*RIGHT.conditions, Condition(total(gamma[j], j), 1, tau[()], "Nothing")))


@pytest.mark.parametrize(("given_", "role"), [(tau[()], "instrument"), (eps[i], "parameter")])
def test_only_variables_are_defined(given_: sympy.Indexed, role: str) -> None:
    with refused(f"{name_of(given_)} is of role {role} and is defined; only variables are defined by equations"):
        system(definitions=(*RIGHT.definitions, Definition(given_, 1, "Given")))


def test_calibration() -> None:
    a = quantity("a", (i,), "share")
    supply = Definition(s[i], a[i] * p[i] ** eps[i], "Supply")
    with refused(
        "nothing calibrates the share parameter a; name it in the calibrates= of the equation that determines it at "
        "the benchmark, or declare it a parameter"
    ):
        with_definition(3, supply, a)
    with_definition(3, replace(supply, calibrates=a[i]), a)
    with_definition(3, supply, replace(a, benchmark=1))
    with refused(
        "the definition of s[i] calibrates eps, which is of role parameter; "
        "only share parameters and variables are found by calibration"
    ):
        with_definition(3, replace(supply, calibrates=eps[i]), replace(a, benchmark=1))
    with refused("the definition of s[i] calibrates b, which is not declared. Known: p, d, q, s, P, tau, eps, gamma"):
        with_definition(3, replace(RIGHT.definitions[3], calibrates=quantity("b")[i]))
    with refused("2 equations calibrate a; one is enough"):
        clearing = replace(RIGHT.conditions[0], calibrates=a[i])
        with_definition(3, replace(supply, calibrates=a[i]), a, conditions=(clearing,))
    with refused("the definition of s[i] knows the share lambda_ by v, which does not occur in it"):
        with_definition(3, replace(RIGHT.definitions[3], shares=(("lambda_", "v"),)))


def test_benchmarks_are_declared_and_over_the_same_sets() -> None:
    v = quantity("v", (i, j), "data")
    with refused(
        "x has the benchmark v, which is not declared", "x[i] and its benchmark v[i,j] are over different sets"
    ):
        x = quantity("x", benchmark=v)
        system(quantities=(*RIGHT.quantities, x), reports=(Definition(x[i], p[i], "x"),))


def test_declared_and_never_used() -> None:
    v = quantity("v", (i, j), "data")
    system(quantities=(*RIGHT.quantities, v))
    with refused("member is declared and never used; remove it from the quantities"):
        system(quantities=(*RIGHT.quantities, v, member))


def test_masks_are_not_numbers_and_variables_are_not_conditions() -> None:
    with refused(
        "the definition of P[j] uses the mask member[i] as a number; "
        "write where=inside(member[i]) or where=outside(member[i])"
    ):
        with_definition(1, Definition(P[j], total(d[i, j] * member[i], i), "Import price"), member)
    with refused(
        "the definition of P[j] has p[i] in a condition; it is of role variable, "
        "and only a mask or data can decide where an equation holds"
    ):
        with_definition(1, Definition(P[j], total(d[i, j], i, inside(p[i])), "Import price"))


def test_all_faults_are_reported_together() -> None:
    with refused(
        "the definition of P[j] has the plain symbol gamma. Write gamma[j].",
        "the definition of s[i] does not have the index j that stands free on its right side; "
        "sum over it or add it on the left",
        "the variable x is neither defined nor unknown; add a Definition of it or a Condition paired with it",
        "2 conditions for 1 unknown: p is paired with 2; pair each with an unknown of its own",
    ):
        system(
            quantities=(*RIGHT.quantities, quantity("x")),
            definitions=(
                RIGHT.definitions[0],
                Definition(P[j], total(d[i, j], i) * sympy.Symbol("gamma"), "Import price"),
                RIGHT.definitions[2],
                Definition(s[i], p[i] ** eps[i] * P[j], "Supply"),
            ),
            conditions=RIGHT.conditions * 2,
        )
