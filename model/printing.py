"""The equations of a structure for people: as text for a terminal, as LaTeX for an appendix.

Both are made from the objects that are compiled, so what is read is what is solved.
"""

from collections.abc import Callable, Collection, Sequence

import sympy
from sympy import Expr, Idx, Indexed
from sympy.core.relational import Relational
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from viner.model.calibrate import calibrate
from viner.model.cases import place
from viner.model.changes import changes, log_name
from viner.model.notation import Quantity, leaves, membership, name_of, shown, summand, total, visible
from viner.model.price_chain import PriceChain, price_chain
from viner.model.program import Assign, Mean, Program, ShareRule, Statement, SumOver
from viner.model.regimes import regimes_of, system_under
from viner.model.structures.structure import Structure
from viner.model.system import System, floor


def as_text(structure: Structure, instruments: Collection[str] = ()) -> str:
    """Return the equations of a structure as plain text: in levels, calibrated, and in log changes.

    One that is solved as it is written has no log changes; what it reports stands there instead.

    Parameters
    ----------
    structure
        A market structure.
    instruments
        Those in force, as fields of :class:`viner.model.market.Policy`: the equations are those that are solved with
        them, and what makes up the wedges stands first.

    Raises
    ------
    ScenarioError
        If the structure does not have them.
    """
    system = system_under(structure, regimes_of(instruments))
    chain = price_chain(system, instruments)
    show = _Text().doprint
    lines = [f"{structure.title}", f"{structure.reference}", "", *_chain(chain)]
    if structure.form == "levels":
        return "\n".join([*lines, system_text(system, chain.quantities)])
    program = changes(system)
    lines += ["In levels", *_levels(system)]
    lines += ["", "Share parameters, from the equations at the benchmark"]
    lines += _aligned([(show(left), show(right), "", "") for left, right in _calibration(system)])
    lines += ["", "In log changes from the benchmark, as solved"]
    lines += _aligned([(show(left), show(right), _condition(w, show), "") for left, right, w in _rows(program)])
    lines += _residuals(program)
    lines += ["", "Benchmark shares"]
    lines += _aligned([(show(left), show(right), "", "") for left, right in _shares(program)])
    lines += ["", "Symbols"]
    lines += _symbols((*system.quantities, *chain.quantities))
    return "\n".join(lines) + "\n"


def _chain(chain: PriceChain) -> list[str]:
    """What the wedges are made of, with a blank line after it; nothing where they are given as they are."""
    if not chain.rows:
        return []
    show = _Text().doprint
    rows = [(show(d.target), show(d.value), _condition(d.where, show), d.text) for d in chain.rows]
    return ["Instruments in force", *_aligned(rows), *(f"  {note}" for note in chain.notes), ""]


def _residuals(program: Program) -> list[str]:
    show = _Text().doprint
    rows, relations = [], []
    for r in program.residuals:
        pair = f"  _|_  {show(r.unknown)} >= 0" if r.complement else ""
        text = "" if r.complement else f"solved for {show(r.unknown)}"
        rows.append((show(r.value), f"0{pair}", _condition(r.where, show) if r.complement else "", text))
        relations.append(">=" if r.complement else "=")
    return _aligned(rows, relations)


def system_text(system: System, more: Sequence[Quantity] = ()) -> str:
    """Return the equations of a system in levels as plain text, with its unknowns, reports and symbols.

    `more` are symbols to explain beside those of the system.
    """
    show = _Text().doprint
    lines = [system.name, "", "Equations", *_levels(system), "", "Unknowns"]
    lines += [f"  {show(c.unknown):<14}{c.text}" for c in system.conditions]
    if system.reports:
        rows = [(show(d.target), show(d.value), _condition(d.where, show), d.text) for d in system.reports]
        lines += ["", "Reports", *_aligned(rows)]
    return "\n".join([*lines, "", "Symbols", *_symbols((*system.quantities, *more))]) + "\n"


def system_latex(system: System) -> str:
    """Return the equations of a system in levels as a LaTeX ``align``."""
    return _align(_latex_levels(system))


def _levels(system: System) -> list[str]:
    show = _Text().doprint
    rows = [(show(d.target), show(d.value), _condition(d.where, show), d.text) for d in system.definitions]
    for c in system.conditions:
        right = show(c.right)
        if c.complement:
            right += f"  _|_  {show(c.unknown)} >= {show(floor(c.unknown, system.by_name[name_of(c.unknown)]))}"
        rows.append((show(c.left), right, _condition(c.where, show), c.text))
    relations = ["="] * len(system.definitions) + [">=" if c.complement else "=" for c in system.conditions]
    return _aligned(rows, relations)


def _symbols(quantities: Sequence[Quantity]) -> list[str]:
    width = max(14, *(len(q.name) + 2 for q in quantities))
    return [f"  {q.name:<{width}}{q.role:<12}{q.text}" for q in quantities]


def as_latex(structure: Structure, instruments: Collection[str] = ()) -> str:
    """Return the equations as a LaTeX document that compiles by itself; parameters as those of :func:`as_text`."""
    return "\n".join(
        (
            r"\documentclass{article}",
            r"\usepackage{amsmath,booktabs}",
            r"\allowdisplaybreaks",
            r"\begin{document}",
            latex_body(structure, instruments),
            r"\end{document}",
            "",
        )
    )


def latex_body(structure: Structure, instruments: Collection[str] = ()) -> str:
    """Return the equations as LaTeX to be put into a paper's appendix; parameters as those of :func:`as_text`."""
    system = system_under(structure, regimes_of(instruments))
    chain = price_chain(system, instruments)
    quantities = (*system.quantities, *chain.quantities)
    show = _Latex(quantities).doprint
    parts = [rf"\section*{{{structure.title}}}", rf"After {structure.reference.replace('&', chr(92) + '&')}."]
    if chain.rows:
        rows = [
            rf"{show(d.target)} &= {show(d.value)}{_latex_condition(d.where, show)} && \text{{{d.text}}}"
            for d in chain.rows
        ]
        parts += [r"\subsection*{Instruments in force}", _align(rows)]
    parts += [r"\subsection*{Equations in levels}", _align(_latex_levels(system))]
    parts += _latex_as_written(system) if structure.form == "levels" else _latex_changes(system)
    symbols = [rf"${show(q[q.indices])[1:-1]}$ & {q.role} & {q.text} \\" for q in quantities]
    table = [
        r"\subsection*{Notation}",
        r"\begin{tabular}{lll}\toprule",
        r"Symbol & Role & Meaning \\ \midrule",
        *symbols,
        r"\bottomrule\end{tabular}",
    ]
    return "\n".join([*parts, *table])


def _latex_as_written(system: System) -> list[str]:
    """Share parameters, if there are any, and what is reported, of a system that is solved in levels."""
    show = _Latex(system.quantities).doprint
    shares = [rf"{show(a)} &= {show(b)}" for a, b in _calibration(system)]
    reports = [rf"{show(d.target)} &= {show(d.value)}{_latex_condition(d.where, show)}" for d in system.reports]
    parts = [(r"\subsection*{Calibration}", shares), (r"\subsection*{What is reported}", reports)]
    return [line for title, rows in parts if rows for line in (title, _align(rows))]


def _latex_changes(system: System) -> list[str]:
    """Calibration, the form in log changes and its shares."""
    program = changes(system)
    show = _Latex(system.quantities).doprint
    parts = [
        r"\subsection*{Calibration}",
        _align([rf"{show(a)} &= {show(b)}" for a, b in _calibration(system)]),
    ]
    rows = [rf"{show(a)} &= {show(b)}{_latex_condition(w, show)}" for a, b, w in _rows(program)]
    rows += [
        rf"{show(r.value)} &\ge 0 \quad\perp\quad {show(r.unknown)} \ge 0{_latex_condition(r.where, show)}"
        if r.complement
        else rf"{show(r.value)} &= 0"
        for r in program.residuals
    ]
    parts += [r"\subsection*{In log changes, as solved}", _align(rows)]
    parts += [
        r"\subsection*{Benchmark shares}",
        _align([rf"{show(a)} &= {show(b)}" for a, b in _shares(program)]),
    ]
    return parts


def _latex_levels(system: System) -> list[str]:
    show = _Latex(system.quantities).doprint
    rows = [
        rf"{show(d.target)} &= {show(d.value)}{_latex_condition(d.where, show)} && \text{{{d.text}}}"
        for d in system.definitions
    ]
    for c in system.conditions:
        relation, pair = "=", ""
        if c.complement:
            bound = show(floor(c.unknown, system.by_name[name_of(c.unknown)]))
            relation, pair = r"\ge", rf" \quad\perp\quad {show(c.unknown)} \ge {bound}"
        tail = _latex_condition(c.where, show)
        rows.append(rf"{show(c.left)} &{relation} {show(c.right)}{pair}{tail} && \text{{{c.text}}}")
    return rows


def _calibration(system: System) -> list[tuple[Expr, Expr]]:
    shares = {q.name for q in system.quantities if q.role == "share"}
    return [(c.symbol, c.value) for name, c in calibrate(system).items() if name in shares]


def _rows(program: Program) -> list[tuple[Expr, Expr, sympy.Basic]]:
    return [(s.target, _right(s), s.where if isinstance(s, Assign) else sympy.true) for s in program.statements]


def _right(statement: Statement) -> Expr:
    """The right side of a statement as one expression."""
    match statement:
        case Assign(value=value):
            return value
        case SumOver(body=body, over=over):
            return total(body, over)
        case Mean(weights=weights, bodies=bodies, exponent=exponent, over=over):
            terms = sympy.Add(*(w * sympy.exp(exponent * b) for w, b in zip(weights, bodies, strict=True)))
            if over is not None:
                terms = total(terms, over)
            return sympy.log(terms) / exponent


def _shares(program: Program) -> list[tuple[Expr, Expr]]:
    return [
        (target, term / _total(rule))
        for rule in program.shares
        for target, term in zip(rule.targets, rule.terms, strict=True)
    ]


def _total(rule: ShareRule) -> Expr:
    terms = sympy.Add(*rule.terms)
    if rule.over is None:
        return terms
    return total(terms, rule.over, rule.where)


def _aligned(rows: Sequence[tuple[str, str, str, str]], relations: Sequence[str] = ()) -> list[str]:
    width = max((len(row[0]) for row in rows), default=0)
    out = []
    for (left, right, where, text), relation in zip(rows, relations or ["="] * len(rows), strict=True):
        tail = "".join(f"   {part}" for part in (where and f"for {where}", text and f"({text})") if part)
        out.append(f"  {left:<{width}} {relation} {right}{tail}")
    return out


def _align(rows: Sequence[str]) -> str:
    return "\n".join((r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"))


def _condition(where: sympy.Basic, show: object) -> str:
    assert callable(show)  # noqa: S101
    return "" if where == sympy.true else str(show(where))


def _latex_condition(where: sympy.Basic, show: object) -> str:
    text = _condition(where, show)
    return rf" \quad ({text})" if text else ""


def _joined(where: sympy.Basic, show: Callable[[sympy.Basic], str], over: Idx | None = None) -> str:
    """A condition as it stands after an equation; under a sum, with the index that runs named first."""
    parts = where.args if isinstance(where, sympy.And) else (where,)
    parts = [p.reversed if isinstance(p, sympy.Eq | sympy.Ne) and p.rhs == over else p for p in parts]
    led = [p for p in parts if _leader(p) == over]
    text = ", ".join(show(p) for p in (*led, *(p for p in parts if p not in led)))
    return text if over is None or led else f"{over}: {text}"


def _leader(relation: sympy.Basic) -> Idx | None:
    """The index that a condition begins with, if it is one."""
    if (asked := membership(relation)) is not None:
        at = visible(asked[0].indices)
        return at[0] if len(at) == 1 else None
    return relation.lhs if isinstance(relation, sympy.Eq | sympy.Ne) and isinstance(relation.lhs, Idx) else None


class _Text(StrPrinter):  # type: ignore[misc]
    """SymPy's text, with sums as in a paper and without the bookkeeping of ranges."""

    printmethod = "_viner"  # The objects' own way of printing themselves would come first.

    def _print_Sum(self, expr: sympy.Sum) -> str:
        body, over, where = summand(expr)
        under = str(over) if where == sympy.true else _joined(where, self._print, over)
        return f"sum_{{{under}}}({self._print(body)})"

    def _print_And(self, expr: sympy.And) -> str:
        return _joined(expr, self._print)

    def _print_Or(self, expr: sympy.Or) -> str:
        return " or ".join(self._print(p) for p in expr.args)

    def _print_Unequality(self, expr: sympy.Ne) -> str:
        return self._relation(expr, "\u2260")

    def _print_Equality(self, expr: sympy.Eq) -> str:
        return self._relation(expr, "=")

    def _relation(self, expr: sympy.Eq | sympy.Ne, sign: str) -> str:
        asked = membership(expr)
        if asked is None:
            return f"{self._print(expr.lhs)} {sign} {self._print(expr.rhs)}"
        cell, held = asked
        if not visible(cell.indices):
            return f"{'' if held else 'not '}{name_of(cell)}"
        return f"{place(cell)} {'in' if held else 'not in'} {name_of(cell)}"

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:  # noqa: FBT001, FBT002
        return str(super()._print_Pow(expr, rational)).replace("**", "^")

    def _print_Idx(self, expr: Idx) -> str:
        return str(expr.label)

    def _print_Indexed(self, expr: Indexed) -> str:
        return shown(expr)


class _Latex(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX with the paper's symbols."""

    def __init__(self, quantities: Sequence[Quantity]) -> None:
        super().__init__({"fold_short_frac": False})
        self.symbols = {q.name: q.latex for q in quantities}
        self.symbols |= {log_name(q.name): rf"\ln \hat{{{q.latex}}}" for q in quantities}

    def _print_Indexed(self, expr: Indexed, exp: str | None = None) -> str:
        name = name_of(expr)
        symbol = self.symbols.get(name) or _greek(name)
        low = "".join(map(str, visible(expr.indices)))
        text = rf"{symbol}_{{{low}}}" if low else symbol
        if exp is not None:
            return rf"\left({text}\right)^{{{exp}}}"
        return rf"{{{text}}}"

    def _print_Idx(self, expr: Idx) -> str:
        return str(expr.label)

    def parenthesize(self, item: Expr, level: int, is_neg: bool = False, strict: bool = False) -> str:  # noqa: FBT001, FBT002
        """Put a sum into brackets as SymPy does its own, which it knows by the name of the class."""
        rank = PRECEDENCE["Mul"]
        if isinstance(item, sympy.Sum) and (rank < level or (rank == level and not strict)):
            return str(self._add_parens(self._print(item)))
        return str(super().parenthesize(item, level, is_neg, strict))

    def _print_And(self, expr: sympy.And) -> str:
        return _joined(expr, self._print)

    def _print_Relational(self, expr: Relational) -> str:
        asked = membership(expr)
        if asked is None:
            return str(super()._print_Relational(expr))
        cell, held = asked
        symbol = self.symbols[name_of(cell)]
        if not visible(cell.indices):
            return symbol if held else rf"\neg {symbol}"
        return rf"{place(cell)} {chr(92)}{'in' if held else 'notin'} {symbol}"

    def _print_Sum(self, expr: sympy.Sum) -> str:
        body, over, where = summand(expr)
        under = str(over) if where == sympy.true else _joined(where, self._print, over)
        return rf"\sum_{{{under}}} {self._print(body)}"


def _greek(name: str) -> str:
    """``phi_home`` as a symbol with a superscript in words."""
    head, _, tail = name.partition("_")
    known = {"theta", "phi", "lambda", "mean", "share"}
    symbol = rf"\{head}" if head in known - {"mean", "share"} else rf"\mathrm{{{head}}}"
    words = tail.replace("_", " ")
    return rf"{symbol}^{{\text{{{words}}}}}" if words else symbol


def symbols_used(expr: Expr) -> tuple[str, ...]:
    """Return the names of the quantities in an expression."""
    return tuple(dict.fromkeys(name_of(leaf) for leaf in leaves(expr)))
