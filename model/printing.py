"""The equations of a structure for people: as text for a terminal, as LaTeX for an appendix.

Both are made from the objects that are compiled, so what is read is what is solved.
"""

import re
from collections.abc import Mapping, Sequence

import sympy
from sympy import Expr, Idx, Indexed
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from viner.model.calibrate import calibrate
from viner.model.changes import changes, log_name
from viner.model.notation import Quantity, System, leaves, name_of, summand
from viner.model.program import Assign, Mean, Program, ShareRule, Statement, SumOver
from viner.model.structures.structure import Structure

_RELATIONS = {"!=": ("\u2260", r"\neq"), "==": ("=", "=")}


def as_text(structure: Structure) -> str:
    """Return the equations of a structure as plain text: in levels, calibrated, and in log changes."""
    system = structure.system()
    program = changes(system)
    show = _Text().doprint
    lines = [f"{structure.title}", f"{structure.reference}", "", "In levels"]
    lines += _aligned(
        [(show(d.target), show(d.value), _condition(d.where, show), d.text) for d in system.definitions]
        + [(show(c.left), show(c.right), "", c.text) for c in system.conditions]
    )
    lines += ["", "Share parameters, from the equations at the benchmark"]
    lines += _aligned([(show(left), show(right), "", "") for left, right in _calibration(system)])
    lines += ["", "In log changes from the benchmark, as solved"]
    lines += _aligned([(show(left), show(right), _condition(w, show), "") for left, right, w in _rows(program)])
    lines += _aligned([(show(r.value), "0", "", f"solved for {show(r.unknown)}") for r in program.residuals])
    lines += ["", "Benchmark shares"]
    lines += _aligned([(show(left), show(right), "", "") for left, right in _shares(program)])
    lines += ["", "Symbols"]
    lines += [f"  {q.name:<14}{q.role:<12}{q.text}" for q in system.quantities]
    return "\n".join(lines) + "\n"


def as_latex(structure: Structure) -> str:
    """Return the equations as a LaTeX document that compiles by itself."""
    return "\n".join(
        (
            r"\documentclass{article}",
            r"\usepackage{amsmath,booktabs}",
            r"\allowdisplaybreaks",
            r"\begin{document}",
            latex_body(structure),
            r"\end{document}",
            "",
        )
    )


def latex_body(structure: Structure) -> str:
    """Return the equations as LaTeX to be put into a paper's appendix."""
    system = structure.system()
    program = changes(system)
    show = _Latex(system).doprint
    parts = [rf"\section*{{{structure.title}}}", rf"After {structure.reference.replace('&', chr(92) + '&')}."]
    parts += [r"\subsection*{Equations in levels}", _align(equations(structure))]
    parts += [
        r"\subsection*{Calibration}",
        _align([rf"{show(a)} &= {show(b)}" for a, b in _calibration(system)]),
    ]
    rows = [rf"{show(a)} &= {show(b)}{_latex_condition(w, show)}" for a, b, w in _rows(program)]
    rows += [rf"{show(r.value)} &= 0" for r in program.residuals]
    parts += [r"\subsection*{In log changes, as solved}", _align(rows)]
    parts += [
        r"\subsection*{Benchmark shares}",
        _align([rf"{show(a)} &= {show(b)}" for a, b in _shares(program)]),
    ]
    symbols = [rf"${q.latex}_{{{''.join(map(str, q.indices))}}}$ & {q.role} & {q.text} \\" for q in system.quantities]
    table = [
        r"\subsection*{Notation}",
        r"\begin{tabular}{lll}\toprule",
        r"Symbol & Role & Meaning \\ \midrule",
        *symbols,
        r"\bottomrule\end{tabular}",
    ]
    return "\n".join([*parts, *table])


def equations(structure: Structure) -> list[str]:
    """Return the equations in levels, each as a line of a LaTeX ``align`` with its text."""
    system = structure.system()
    show = _Latex(system).doprint
    rows = [
        rf"{show(d.target)} &= {show(d.value)}{_latex_condition(d.where, show)} && \text{{{d.text}}}"
        for d in system.definitions
    ]
    return rows + [rf"{show(c.left)} &= {show(c.right)} && \text{{{c.text}}}" for c in system.conditions]


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
            return sympy.Sum(body, (over, over.lower, over.upper))
        case Mean(weights=weights, bodies=bodies, exponent=exponent, over=over):
            terms = sympy.Add(*(w * sympy.exp(exponent * b) for w, b in zip(weights, bodies, strict=True)))
            if over is not None:
                terms = sympy.Sum(terms, (over, over.lower, over.upper))
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
    body = terms if rule.where == sympy.true else sympy.Piecewise((terms, rule.where), (0, True))
    return sympy.Sum(body, (rule.over, rule.over.lower, rule.over.upper))


def _aligned(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    width = max((len(row[0]) for row in rows), default=0)
    out = []
    for left, right, where, text in rows:
        tail = "".join(f"   {part}" for part in (where and f"for {where}", text and f"({text})") if part)
        out.append(f"  {left:<{width}} = {right}{tail}")
    return out


def _align(rows: Sequence[str]) -> str:
    return "\n".join((r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"))


def _condition(where: sympy.Basic, show: object) -> str:
    assert callable(show)  # noqa: S101
    return "" if where == sympy.true else str(show(where))


def _latex_condition(where: sympy.Basic, show: object) -> str:
    text = _condition(where, show)
    return rf" \quad ({text})" if text else ""


class _Text(StrPrinter):  # type: ignore[misc]
    """SymPy's text, with sums as in a paper and without the bookkeeping of ranges."""

    def _print_Sum(self, expr: sympy.Sum) -> str:
        body, over, where = summand(expr)
        under = str(over) if where == sympy.true else self._print(where)
        return f"sum_{{{under}}}({self._print(body)})"

    def _print_Unequality(self, expr: sympy.Ne) -> str:
        return f"{expr.lhs} {_RELATIONS['!='][0]} {expr.rhs}"

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:  # noqa: FBT001, FBT002
        return str(super()._print_Pow(expr, rational)).replace("**", "^")

    def _print_Idx(self, expr: Idx) -> str:
        return str(expr.label)

    def _print_Indexed(self, expr: Indexed) -> str:
        name = re.sub("_$", "", name_of(expr))
        return f"{name}[{','.join(str(i) for i in expr.indices)}]"


class _Latex(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX with the paper's symbols."""

    def __init__(self, system: System) -> None:
        super().__init__({"fold_short_frac": False})
        named: Mapping[str, Quantity] = system.by_name
        self.symbols = {q.name: q.latex for q in named.values()}
        self.symbols |= {log_name(q.name): rf"\ln \hat{{{q.latex}}}" for q in named.values()}

    def _print_Indexed(self, expr: Indexed, exp: str | None = None) -> str:
        name = name_of(expr)
        symbol = self.symbols.get(name) or _greek(name)
        low = "".join(str(i) for i in expr.indices)
        text = rf"{symbol}_{{{low}}}"
        if exp is not None:
            return rf"\left({text}\right)^{{{exp}}}"
        return rf"{{{text}}}"

    def _print_Idx(self, expr: Idx) -> str:
        return str(expr.label)

    def _print_Sum(self, expr: sympy.Sum) -> str:
        body, over, where = summand(expr)
        under = str(over) if where == sympy.true else self._print(where)
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
