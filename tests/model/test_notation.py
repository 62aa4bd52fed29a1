"""The notation: what can be written, how it is printed, and every fault that is found when a system is built."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy import And, Eq, Ne, Or

from viner.errors import EquationError
from viner.model import structures
from viner.model.changes import changes
from viner.model.notation import (
    ONE,
    Quantity,
    free_indices,
    index,
    inside,
    leaves,
    name_of,
    outside,
    rename,
    summand,
    total,
)
from viner.model.printing import system_latex, system_text
from viner.model.system import Condition, Definition, System, floor, ordered

i, j, k = index("i j k", over="regions")
(f,) = index("f", over="firms")


def quantity(name: str, indices: tuple[sympy.Idx, ...] = (i,), role: str = "variable", **more: object) -> Quantity:
    return Quantity(name, indices, role, name, name, **more)


# A market that is right: supply at the price, demand that falls with the delivered prices of all.
p = quantity("p", benchmark=1)
d = quantity("d", (i, j))
q = quantity("q", (i, j))
s = quantity("s")
P = quantity("P", (j,))
tau = quantity("tau", (), "instrument")
eps = quantity("eps", (i,), "parameter")
gamma = quantity("gamma", (j,), "parameter")
member = quantity("member", (i,), "mask")
RIGHT = SimpleNamespace(
    quantities=(p, d, q, s, P, tau, eps, gamma),
    definitions=(
        Definition(d[i, j], p[i] * tau[()], "Delivered price"),
        Definition(P[j], total(d[i, j], i, Ne(i, j)), "Import price"),
        Definition(q[i, j], d[i, j] ** -gamma[j] * P[j], "Demand"),
        Definition(s[i], p[i] ** eps[i], "Supply"),
    ),
    conditions=(Condition(s[i], total(q[i, j], j), p[i], "Clearing"),),
    reports=(),
)


def system(**changed: object) -> System:
    return System("small", **(vars(RIGHT) | changed))


def with_definition(at: int, new: Definition, *more: Quantity, **changed: object) -> System:
    definitions = list(RIGHT.definitions)
    definitions[at] = new
    return system(definitions=tuple(definitions), quantities=(*RIGHT.quantities, *more), **changed)


def refused(*lines: str) -> "pytest.RaisesExc[EquationError]":
    """The message has these lines, which the test writes as they are read, and no others."""
    return pytest.raises(EquationError, match="^" + "\n".join(re.escape(f"small: {x}") for x in lines) + "$")


def test_a_system_that_is_right_is_built() -> None:
    built = system()
    assert built.unknowns == ("p",)
    assert built.by_name["tau"] is tau


# --- Quantities, indices and conditions -----------------------------------------------------------------------------


def test_signs_are_assumptions() -> None:
    assert p[i].is_positive
    rent = quantity("rent", sign="non-negative")
    assert rent[i].is_nonnegative
    assert rent[i].is_positive is None
    balance = quantity("balance", sign="real")
    assert balance[i].is_real
    assert balance[i].is_nonnegative is None


def test_a_scalar_has_a_hidden_index() -> None:
    assert tau.indices == (ONE,)
    assert tau[()] == tau[tau.indices]
    assert tau[()].indices == (ONE,)
    with pytest.raises(EquationError, match=r"^tau has 0 indices and is used with 1: tau\[i\]; write tau\[\(\)\]$"):
        _ = tau[i]
    with pytest.raises(EquationError, match=r"^p has 1 index and is used with 0: p\[\(\)\]; write p\[i\]$"):
        _ = p[()]


def test_an_occurrence_has_the_declared_indices() -> None:
    with pytest.raises(EquationError, match=r"^p has 1 index and is used with 2: p\[i, j\]; write p\[i\]$"):
        _ = p[i, j]
    with pytest.raises(EquationError, match=r"^p\[f\]: index f runs over firms, expected one over regions$"):
        _ = p[f]
    with pytest.raises(EquationError, match=r"^p\[0\]: 0 is not an index over a set; make it with index\(\)$"):
        _ = p[0]
    with pytest.raises(EquationError, match="is not an index over a set"):
        _ = p[sympy.Idx("i")]


def test_names_that_name_no_array_are_refused() -> None:
    with pytest.raises(EquationError, match=r"^'lambda' cannot be the name of a quantity"):
        quantity("lambda")
    with pytest.raises(EquationError, match=r"^'import price' cannot be the name of a quantity"):
        quantity("import price")
    with pytest.raises(EquationError, match=r"^w is declared over one index twice"):
        quantity("w", (i, i))


def test_masks_are_not_decided_before_the_data() -> None:
    assert inside(member[i]) == Eq(member[i], 1)
    assert outside(member[i]) == Eq(member[i], 0)
    for condition in (inside(member[i]), outside(member[i]), And(Ne(i, j), inside(member[i]))):
        assert condition not in (sympy.true, sympy.false)


def test_masks_in_conditions_are_found() -> None:
    both = total(d[i, j], i, And(Ne(i, j), inside(member[k])))
    assert free_indices(both) == {j, k}
    assert set(map(name_of, leaves(both))) == {"d", "member"}
    assert free_indices(And(Ne(i, j), outside(member[k]))) == {i, j, k}


def test_sums_keep_their_conditions_in_one_another() -> None:
    inner = total(d[i, j], i, And(Ne(i, j), inside(member[i])))
    outer = total(p[j] * inner, j, outside(member[j]))
    assert summand(outer) == (p[j] * inner, j, outside(member[j]))
    assert summand(total(inner, j)) == (inner, j, sympy.true)
    assert free_indices(outer) == set()
    assert outer.func(*outer.args) == outer
    assert outer.xreplace({p[j]: p[j] ** 2}) == total(p[j] ** 2 * inner, j, outside(member[j]))
    assert sympy.diff(total(gamma[j] * tau[()], j, inside(member[j])), tau[()]).has(inside(member[j]))


def test_renaming_reaches_conditions_and_keeps_clear_of_sums() -> None:
    expr = total(d[i, j], i, And(Ne(i, j), inside(member[k])))
    assert rename(expr, {j: k, k: j}) == total(d[i, k], i, And(Ne(i, k), inside(member[j])))
    (fresh,) = index("i_", over="regions")
    assert rename(expr, {j: i}) == total(d[fresh, i], fresh, And(Ne(fresh, i), inside(member[k])))
    body, over, _ = summand(rename(total(d[i, j] * p[fresh], i), {j: i}))
    assert over not in (i, fresh)
    assert body == d[over, i] * p[fresh]


def test_conditions_that_python_decides_are_refused() -> None:
    with pytest.raises(EquationError, match=r"^the condition of a sum over i is True; write Ne\(i, j\)"):
        total(d[i, j], i, i != j)
    with pytest.raises(EquationError, match=r"^the condition of the definition 'Home' is False; write .* Eq\(i, j\)"):
        Definition(d[i, j], p[i], "Home", where=i == j)
    with pytest.raises(EquationError, match=r"^the condition of the condition 'Quota' is True"):
        Condition(s[i], p[i], p[i], "Quota", where=True)
    with pytest.raises(EquationError, match=r"^the condition of a sum over i is member\[i\]; .* inside\(member\[i\]\)"):
        total(d[i, j], i, member[i])
    with pytest.raises(EquationError, match=r"^the sum over 'i' is not over an index"):
        total(p[i], "i")


def test_heads_and_sides_of_another_kind_are_refused() -> None:
    with pytest.raises(EquationError, match=r"^the target of the definition 'Supply' is s; write s\[i\]$"):
        Definition(s, p[i], "Supply")
    with pytest.raises(EquationError, match=r"^the unknown of the condition 'Clearing' is p; write p\[i\]$"):
        Condition(s[i], p[i], p, "Clearing")
    with pytest.raises(EquationError, match=r"^what the definition 'Supply' calibrates is eps; write eps\[i\]$"):
        Definition(s[i], p[i], "Supply", calibrates=eps)
    with pytest.raises(EquationError, match=r"^the definition 'Supply' has 'p' as a side, which is not an expression$"):
        Definition(s[i], "p", "Supply")
    assert Condition(s[i], 0, p[i], "Clearing").right == 0


# --- Faults of a system ---------------------------------------------------------------------------------------------


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
        _with_cases(IMPORTS, IMPORTS, HOME)


def _with_cases(*cases: Definition, **changed: object) -> System:
    definitions = (*RIGHT.definitions[:2], *RIGHT.definitions[3:], *cases)
    return system(definitions=definitions, quantities=(*RIGHT.quantities, member), **changed)


IMPORTS = Definition(q[i, j], d[i, j] ** -gamma[j] * total(P[k], k, inside(member[k])), "Imports", where=Ne(i, j))
HOME = Definition(q[j, j], P[j], "Home")


def test_cases_that_cover() -> None:
    _with_cases(IMPORTS, HOME)
    _with_cases(IMPORTS, replace(HOME, target=q[i, j], where=Eq(i, j)))
    _with_cases(
        replace(IMPORTS, where=And(Ne(i, j), inside(member[i]))),
        replace(IMPORTS, where=And(Ne(i, j), outside(member[i]))),
        HOME,
    )
    _with_cases(replace(IMPORTS, where=Or(Ne(i, j), inside(member[i]))), replace(HOME, where=outside(member[j])))
    # The home cell is not used.
    _with_cases(IMPORTS, conditions=(Condition(s[i], total(q[i, j], j, Ne(i, j)), p[i], "Clearing"),))
    _with_cases(
        replace(IMPORTS, where=inside(member[i])),
        conditions=(Condition(s[i], total(q[i, j], j), p[i], "Clearing", where=inside(member[i])),),
    )


def test_cases_that_leave_a_gap() -> None:
    cure = ", where q has no definition; define it there or leave the cell out by where="
    with refused(f"the condition of p[i] uses q[i,i]{cure}"):
        _with_cases(IMPORTS)
    with refused(f"the condition of p[i] uses q[i,j], i not in member{cure}"):
        _with_cases(replace(IMPORTS, where=And(Ne(i, j), inside(member[i]))), HOME)
    with refused(f"the condition of p[i] uses q[i,i], i in member{cure}"):
        _with_cases(IMPORTS, conditions=(Condition(s[i], total(q[i, j], j, inside(member[i])), p[i], "Clearing"),))


def test_cases_of_a_report_need_not_cover() -> None:
    factor = quantity("factor", (i, j))
    used = (*RIGHT.quantities, factor)
    system(quantities=used, reports=(Definition(factor[i, j], d[i, j], "Factor", where=Ne(i, j)),))


def test_cases_that_overlap() -> None:
    cure = "; give each its own cells by where="
    with refused(f"two definitions of q overlap in q[i,i]{cure}"):
        _with_cases(replace(IMPORTS, where=sympy.true), HOME)
    with refused(f"two definitions of q overlap in q[i,j], i in member, j in member{cure}"):
        _with_cases(
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


# --- Complements ----------------------------------------------------------------------------------------------------

quota = quantity("quota", (i, j), "parameter")
rent = quantity("rent", (i, j), sign="non-negative")


def _with_quota(wedge: Quantity, **more: object) -> System:
    return with_definition(
        0,
        Definition(d[i, j], p[i] * tau[()] + wedge[i, j], "Delivered price"),
        quota,
        wedge,
        conditions=(
            *RIGHT.conditions, Condition(quota[i, j], q[i, j], wedge[i, j], "Quota", complement=True, **more)
        ),
    )  # fmt: skip


def test_a_complement_has_a_floor() -> None:
    assert floor(rent[i, j], rent) == 0
    assert floor(rent[i, j], replace(rent, sign="positive", benchmark=1)) == 1
    assert floor(rent[k, j], replace(rent, sign="positive", benchmark=quota)) == quota[k, j]
    with refused("the condition of rent[i,j] is a complement, and rent is real; it has no floor without "
                 "sign='non-negative'"):  # fmt: skip
        _with_quota(replace(rent, sign="real"))
    with refused(
        "the condition of rent[i,j] is a complement, and rent is positive and can never be zero; "
        "declare it with sign='non-negative', or give a wedge the benchmark that is its floor"
    ):
        _with_quota(replace(rent, sign="positive"))


def test_a_complement_is_printed_with_its_unknown() -> None:
    assert "quota[i,j] >= q[i,j]  _|_  rent[i,j] >= 0   (Quota)" in re.sub(
        " +>=", " >=", system_text(_with_quota(rent))
    )
    wedge = replace(rent, sign="positive", benchmark=1)
    text = re.sub(" +>=", " >=", system_text(_with_quota(wedge, where=Ne(i, j))))
    assert "quota[i,j] >= q[i,j]  _|_  rent[i,j] >= 1   for i \u2260 j   (Quota)" in text
    assert r"\ge {q_{ij}} \quad\perp\quad {rent_{ij}} \ge 0 && \text{Quota}" in system_latex(_with_quota(rent))


def test_what_may_be_zero_has_no_form_in_changes() -> None:
    with pytest.raises(EquationError, match=r"^small: rent\[i,j\] is non-negative, and has no form in changes"):
        changes(_with_quota(rent))


# --- Printing -------------------------------------------------------------------------------------------------------


def test_scalars_and_masks_are_printed_as_in_a_paper() -> None:
    shown = _with_cases(
        replace(IMPORTS, where=And(Ne(i, j), inside(member[i]))),
        replace(IMPORTS, where=And(Ne(i, j), outside(member[i])), value=total(d[i, k], k, And(Ne(k, i), Ne(k, j)))),
        HOME,
    )
    text = system_text(shown)
    assert re.search(r"^  d\[i,j\] +=( p\[i\]\*tau| tau\*p\[i\]) +\(Delivered price\)$", text, re.MULTILINE)
    assert "sum_{k in member}(P[k])" in text
    assert "for i in member, i \u2260 j" in text
    assert "for i not in member, i \u2260 j" in text
    latex = system_latex(shown)
    assert r"\sum_{k \in member} {P_{k}}" in latex
    assert r"i \notin member, i \neq j" in latex
    assert "{tau}" in latex
    assert "_{_}" not in latex + text


# --- Order ----------------------------------------------------------------------------------------------------------


@given(st.permutations(structures.get("nested-armington").system().definitions))
def test_the_order_of_definitions_does_not_matter(definitions: list[Definition]) -> None:
    placed = ordered(definitions, "shuffled")
    assert sorted(placed, key=str) == sorted(definitions, key=str)
    defined = {name_of(d.target) for d in definitions}
    done: set[str] = set()
    for at, d in enumerate(placed):
        assert {name_of(leaf) for leaf in leaves(d.value)} & defined <= done
        if name_of(d.target) not in {name_of(later.target) for later in placed[at + 1 :]}:
            done.add(name_of(d.target))
