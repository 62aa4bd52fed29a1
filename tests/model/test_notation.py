"""The notation: what can be written, and how it is printed."""

import re
from dataclasses import replace

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from right_market import HOME, IMPORTS, RIGHT, by_cases, f, i, j, k, member, quantity, refused, system, with_definition
from sympy import And, Eq, Ne

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

p, d, q, s, P, tau, eps, gamma = RIGHT.quantities


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
    shown = by_cases(
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
    for at, one in enumerate(placed):
        assert {name_of(leaf) for leaf in leaves(one.value)} & defined <= done
        if name_of(one.target) not in {name_of(later.target) for later in placed[at + 1 :]}:
            done.add(name_of(one.target))
