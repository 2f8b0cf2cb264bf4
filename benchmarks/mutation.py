"""Small faults put into a right program, in a fixed order: comparison, arithmetic, constant, branch, return.

One mutant differs in one place. Places inside the condition of a ``while`` are left alone, since
most of their mutants only run forever, and so are statements in its body.
"""

from __future__ import annotations

import ast
import copy
import random
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "append": "extend"}
SQL_SWAPS = (
    (r"<=", "<"), (r">=", ">"), (r"(?<![<>!=])<(?![=>])", "<="), (r"(?<![<>!=])>(?!=)", ">="),
    (r"<>|!=", "="), (r"(?<![<>!])=", "<>"), (r"\bAND\b", "OR"), (r"\bOR\b", "AND"),
    (r"\bLEFT JOIN\b", "JOIN"), (r"\bDISTINCT\b ", ""),
    (r"\bSUM\b", "MAX"), (r"\bMAX\b", "MIN"), (r"\bMIN\b", "MAX"), (r"\bAVG\b", "MAX"), (r"\bCOUNT\b", "SUM"),
    (r"\bDESC\b", "ASC"), (r"\bUNION ALL\b", "UNION"), (r"\bUNION\b(?! ALL)", "UNION ALL"),
    (r"\bEXCEPT\b", "INTERSECT"), (r"\bINTERSECT\b", "EXCEPT"), (r"\bNOT IN\b", "IN"),
    (r"\bNOT EXISTS\b", "EXISTS"), (r"\bIS NOT NULL\b", "IS NULL"), (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bROW_NUMBER\b", "RANK"), (r"\bDENSE_RANK\b", "RANK"), (r"\bRANK\b", "ROW_NUMBER"), (r"\bLAG\b", "LEAD"),
    (r"\bLEAD\b", "LAG"), (r"\s\+\s", " - "), (r"\s-\s", " + "), (r"\s\*\s", " + "), (r"\s/\s", " * "),
    (r"(?<![\w'.-])\d+(?![\w'.-])", "+1"), (r"'[^']*'", "'another text'"), (r"\bGROUP BY [\w., ()]+?(?= HAVING| ORDER|\)|$)", ""),
    (r"\bHAVING [^)]*$", ""), (r"\bORDER BY [\w., ]+$", ""), (r"\bPARTITION BY \w+ ", ""),
)  # fmt: skip


class Mutant(NamedTuple):
    """One fault.

    Attributes:
        label: What was changed, and on which line of the normalised program.
        code: The whole faulty program.
    """

    label: str
    code: str


def python_mutants(code: str, only: frozenset[str] | None = None) -> list[Mutant]:
    """Return every mutant of a Python program, in the order of its text.

    Args:
        code: The program.
        only: Names of the functions whose bodies may change. None: all.
    """
    tree = ast.parse(code)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    labels: Counter[str] = Counter()
    for index, node in enumerate(ast.walk(tree)):
        if not _may_change(tree, node, only):
            continue
        for label, changed in (*_changes(node), *_smaller(node)):
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[index]
            _replace(mutated, target, changed)
            text = ast.unparse(ast.fix_missing_locations(mutated))
            if text != original and text not in found:
                said = f"line {_line(original, text)}: {label}"
                labels[said] += 1
                again = f" ({labels[said]})" if labels[said] > 1 else ""
                found[text] = Mutant(said + again, text + "\n")
    return list(found.values())


def function_mutants(code: str, names: frozenset[str]) -> list[Mutant]:
    """Return every mutant of some functions of a Python program; the text around them stays as it is.

    Args:
        code: The program.
        names: Functions, methods as ``method`` or ``Class.method``.
    """
    lines = code.splitlines(keepends=True)
    found = []
    for name, node in _named_functions(ast.parse(code), ""):
        if not names & {name, node.name}:
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        text = textwrap.dedent("".join(lines[first : node.end_lineno]))
        for label, mutated in python_mutants(text, frozenset({node.name})):
            inner = textwrap.indent(mutated, " " * node.col_offset)
            whole = "".join(lines[:first]) + inner + "".join(lines[node.end_lineno :])
            found.append(Mutant(f"{name} {label}", whole))
    return found


def _named_functions(node: ast.AST, outer: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield outer + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _named_functions(child, f"{outer}{child.name}.")


def _may_change(tree: ast.AST, node: ast.AST, only: frozenset[str] | None) -> bool:
    inside = only is None
    for above in ast.walk(tree):
        below = list(ast.walk(above)) if isinstance(above, (ast.While, ast.FunctionDef)) else []
        if not any(one is node for one in below):
            continue
        if isinstance(above, ast.While) and (
            node in above.body or any(one is node for one in ast.walk(above.test))
        ):
            return False
        if isinstance(above, ast.FunctionDef):
            signature = [*ast.walk(above.args), *(one for d in above.decorator_list for one in ast.walk(d))]
            if above.returns is not None:
                signature += ast.walk(above.returns)
            if any(one is node for one in signature):
                return False
            inside = inside or above.name in (only or ())
    return inside and not _is_words(tree, node)


def _is_words(tree: ast.AST, node: ast.AST) -> bool:
    for above in ast.walk(tree):
        if isinstance(above, ast.AnnAssign) and any(one is node for one in ast.walk(above.annotation)):
            return True
        if isinstance(above, ast.Expr) and above.value is node and isinstance(node, ast.Constant):
            return True  # a docstring
        is_raise = isinstance(above, ast.Raise) and isinstance(node, ast.Constant)
        if is_raise and any(one is node for one in ast.walk(above)):
            return True  # the words of an error
    return False


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            for other in COMPARISONS.get(type(operator), []):
                changed = copy.deepcopy(node)
                changed.ops[at] = other()
                yield f"{type(operator).__name__} to {other.__name__}", changed
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        other_operator = ARITHMETIC.get(type(node.op))
        if other_operator is not None:
            changed_arithmetic = copy.deepcopy(node)
            changed_arithmetic.op = other_operator()
            yield f"{type(node.op).__name__} to {other_operator.__name__}", changed_arithmetic
    elif isinstance(node, ast.BoolOp):
        changed_bool = copy.deepcopy(node)
        changed_bool.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and for or", changed_bool
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, (ast.If, ast.IfExp)):
        changed_if = copy.deepcopy(node)
        changed_if.test = ast.UnaryOp(ast.Not(), changed_if.test)
        yield "branch turned", changed_if
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "returns None", ast.Return(ast.Constant(None))
    elif isinstance(node, (ast.Name, ast.Attribute)):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name in CALLS and isinstance(node.ctx, ast.Load):
            changed_name = copy.deepcopy(node)
            setattr(changed_name, "id" if isinstance(node, ast.Name) else "attr", CALLS[name])
            yield f"{name} to {CALLS[name]}", changed_name


def _smaller_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    """Yield a call without its function, without one keyword, and without its method."""
    has_one_argument = len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred)
    if isinstance(node.func, ast.Name) and has_one_argument:
        yield f"{node.func.id} left out", node.args[0]
    for at, keyword in enumerate(node.keywords):
        changed = copy.deepcopy(node)
        del changed.keywords[at]
        yield f"{keyword.arg} left out", changed
    if isinstance(node.func, ast.Attribute) and not node.args:
        yield f"{node.func.attr} left out", node.func.value


def _smaller(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield changes that leave something out."""
    if isinstance(node, ast.Call):
        yield from _smaller_call(node)
    if isinstance(node, ast.FunctionDef) and node.args.args:
        changed_body = copy.deepcopy(node)
        changed_body.body = [ast.Return(ast.Name(node.args.args[-1].arg, ast.Load()))]
        yield f"{node.name} returns its last argument", changed_body
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield f"{type(node.op).__name__} left out", node.operand
    if isinstance(node, ast.comprehension):
        for at in range(len(node.ifs)):
            changed_for = copy.deepcopy(node)
            del changed_for.ifs[at]
            yield "filter left out", changed_for
    if isinstance(node, (ast.comprehension, ast.For)):
        changed_loop = copy.deepcopy(node)
        everything = ast.Call(ast.Name("list", ast.Load()), [changed_loop.iter], [])
        changed_loop.iter = ast.Subscript(everything, ast.Slice(ast.Constant(1)), ast.Load())
        yield "first item left out", changed_loop
    if isinstance(node, ast.Slice):
        for name in ("lower", "upper", "step"):
            if getattr(node, name) is not None:
                changed_slice = copy.deepcopy(node)
                setattr(changed_slice, name, None)
                yield f"{name} bound left out", changed_slice
    if isinstance(node, (ast.AugAssign, ast.Continue, ast.Break, ast.Raise)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "statement left out", ast.Pass()
    if isinstance(node, (ast.BoolOp, ast.BinOp)):
        for at, part in enumerate(node.values if isinstance(node, ast.BoolOp) else [node.left, node.right]):
            yield f"only operand {at + 1}", part


def _constants(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} to {not value}", ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield f"{value} to {value + 1}", ast.Constant(value + 1)
        if value:
            yield f"{value} to {value - 1}", ast.Constant(value - 1)
    elif isinstance(value, str):
        yield f"{value!r} to another text", ast.Constant(value + "x" if value else "x")


def _replace(tree: ast.AST, target: ast.AST, changed: ast.AST) -> None:
    for above in ast.walk(tree):
        for name, value in ast.iter_fields(above):
            if value is target:
                setattr(above, name, changed)
                return
            if isinstance(value, list):
                for at, item in enumerate(value):
                    if item is target:
                        value[at] = changed
                        return


def _line(original: str, changed: str) -> int:
    pairs = zip(original.splitlines(), changed.splitlines(), strict=False)
    return next((number for number, (a, b) in enumerate(pairs, 1) if a != b), 0)


def sql_mutants(query: str) -> list[Mutant]:
    """Return every mutant of a query, keyword by keyword."""
    found: dict[str, Mutant] = {}
    for pattern, new in SQL_SWAPS:
        for number, match in enumerate(re.finditer(pattern, query), 1):
            replacement = str(int(match[0]) + 1) if new == "+1" else new
            text = query[: match.start()] + replacement + query[match.end() :]
            found.setdefault(text, Mutant(f"{match[0].strip()} no. {number} to {replacement.strip()}", text))
    head = re.match(r"SELECT ([\w.]+), ([\w.]+)", query)
    if head:
        text = f"SELECT {head[2]}, {head[1]}{query[head.end() :]}"
        found.setdefault(text, Mutant("first two columns exchanged", text))
    return list(found.values())


def drawn(mutants: list[Mutant], seed: str) -> list[Mutant]:
    """Return the mutants in an order that depends on ``seed`` alone."""
    mixed = list(mutants)
    random.Random(seed).shuffle(mixed)
    return mixed
