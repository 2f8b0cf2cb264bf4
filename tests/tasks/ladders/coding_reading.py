"""An interpreter of the programs to read, over their syntax trees, whole or with bounds; Python itself runs nothing."""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.Eq: operator.eq,
}
Signal = tuple[str, Any] | None
Statements = Generator[Any, None, Signal]


class BoundError(Exception):
    """The interpreter's bound is reached."""


@dataclass
class Scope:
    """Names of one call, and the scope around its function."""

    outer: Scope | None
    names: dict[str, Any] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def holder(self, name: str) -> Scope:
        """Return the scope in which a name stands."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope
            scope = scope.outer
        raise AmbiguousError(f"{name} is not defined")


@dataclass(frozen=True)
class Function:
    """A function with the scope in which it was defined."""

    node: ast.FunctionDef
    scope: Scope
    gives: bool


class Interpreter:
    """Runs a program; a bound ends it with :class:`BoundError`, or makes its values wrong.

    Args:
        text: The program.
        steps: Most statements.
        depth: Most calls within one another.
        places: Variables remembered: those written or read last.
        copies: Copies a list when it gets another name, as if there were no aliases.
        slip_in: One in so many remainders is off by one.
    """

    def __init__(
        self,
        text: str,
        *,
        steps: int = 200_000,
        depth: int = 60,
        places: int = 1000,
        copies: bool = False,
        slip_in: int = 0,
    ) -> None:
        self.tree = ast.parse(text)
        self.steps, self.depth, self.places, self.copies, self.slip_in = steps, depth, places, copies, slip_in
        self.random = Random(text)
        self.recent: dict[tuple[int, str], Scope] = {}
        self.printed: list[str] = []

    def output(self) -> str:
        """Return what the program prints."""
        self.drain(self.block(self.tree.body, Scope(None)))
        if len(self.printed) != 1:
            raise AmbiguousError(f"prints {len(self.printed)} lines")
        return self.printed[0]

    @staticmethod
    def drain(statements: Statements) -> Signal:
        """Run statements that give no values."""
        try:
            next(statements)
        except StopIteration as end:
            signal: Signal = end.value
            return signal
        raise AssertionError("a value given outside of a generator")

    def block(self, body: Iterable[ast.stmt], scope: Scope) -> Statements:
        """Run statements; a signal says that one of them ends the block."""
        for node in body:
            self.steps -= 1
            if self.steps < 0:
                raise BoundError("steps")
            signal = yield from self.statement(node, scope)
            if signal is not None:
                return signal
        return None

    def statement(self, node: ast.stmt, scope: Scope) -> Statements:
        """Run one statement."""
        match node:
            case ast.Assign():
                self.assign(node.targets[0], self.value(node.value, scope), scope)
            case ast.Expr(value=ast.Yield(value=given)):
                assert given is not None
                yield self.value(given, scope)
            case ast.Expr():
                self.value(node.value, scope)
            case ast.If():
                body = node.body if self.value(node.test, scope) else node.orelse
                return (yield from self.block(body, scope))
            case ast.For():
                return (yield from self.loop(self.value(node.iter, scope), node.target, node.body, scope))
            case ast.While(test=ast.Constant(value=True)):
                return (yield from self.loop(itertools.repeat(None), None, node.body, scope))
            case ast.FunctionDef():
                gives = any(isinstance(part, ast.Yield) for part in ast.walk(node))
                scope.names[node.name] = Function(node, scope, gives)
            case ast.Nonlocal():
                scope.shared |= set(node.names)
            case ast.Return():
                assert node.value is not None
                return ("return", self.value(node.value, scope))
            case ast.Break():
                return ("break", None)
            case ast.Continue():
                return ("continue", None)
            case _:
                raise AssertionError(ast.dump(node))
        return None

    def loop(
        self, items: Iterable[Any], target: ast.expr | None, body: list[ast.stmt], scope: Scope
    ) -> Statements:
        """Run a loop."""
        for item in items:
            if target is not None:
                self.assign(target, item, scope)
            signal = yield from self.block(body, scope)
            if signal and signal[0] == "break":
                break
            if signal and signal[0] == "return":
                return signal
        return None

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Write a value to a name, an element, or several of them."""
        if self.copies and isinstance(value, list):
            value = list(value)
        match target:
            case ast.Name(id=name):
                home = scope.outer.holder(name) if name in scope.shared and scope.outer else scope
                home.names[name] = value
                self.remember(home, name)
            case ast.Subscript():
                self.value(target.value, scope)[self.value(target.slice, scope)] = value
            case ast.Tuple():
                for one, part in zip(target.elts, value, strict=True):
                    self.assign(one, part, scope)

    def remember(self, scope: Scope, name: str) -> None:
        """Note that a variable was used; the one unused for longest is forgotten when there are too many."""
        if self.places < 1000 and not isinstance(scope.names[name], Function):
            self.recent.pop((id(scope), name), None)
            self.recent[id(scope), name] = scope
            while len(self.recent) > self.places:
                del self.recent[next(iter(self.recent))]

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """Return the value of an expression."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id=name):
                home = scope.holder(name)
                found = home.names[name]
                if self.places < 1000 and not isinstance(found, Function):
                    if (id(home), name) not in self.recent:
                        raise BoundError("memory")
                    self.remember(home, name)
                return found
            case ast.BinOp():
                result = OPERATORS[type(node.op)](self.value(node.left, scope), self.value(node.right, scope))
                slips = (
                    self.slip_in and isinstance(node.op, ast.Mod) and not self.random.randrange(self.slip_in)
                )
                return result + 1 if slips else result
            case ast.Compare(ops=[test], comparators=[other]):
                return OPERATORS[type(test)](self.value(node.left, scope), self.value(other, scope))
            case ast.BoolOp():
                values = (bool(self.value(part, scope)) for part in node.values)
                return all(values) if isinstance(node.op, ast.And) else any(values)
            case ast.UnaryOp(op=ast.Not()):
                return not self.value(node.operand, scope)
            case ast.Subscript():
                return self.value(node.value, scope)[self.value(node.slice, scope)]
            case ast.List() | ast.Tuple():
                return [self.value(part, scope) for part in node.elts]
            case ast.Call():
                return self.call(node, scope)
        raise AssertionError(ast.dump(node))

    def call(self, node: ast.Call, scope: Scope) -> Any:
        """Return the value of a call."""
        given = [self.value(part, scope) for part in node.args]
        if isinstance(node.func, ast.Attribute):
            return METHODS[node.func.attr](self.value(node.func.value, scope), *given)
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "print":
            self.printed.append(" ".join(str(value) for value in given))
            return None
        if name in BUILTINS:
            return BUILTINS[name](*given)
        function = self.value(node.func, scope)
        inner = Scope(function.scope)
        for argument, value in zip(function.node.args.args, given, strict=True):
            inner.names[argument.arg] = value
            self.remember(inner, argument.arg)
        body = self.block(function.node.body, inner)
        if function.gives:
            return body
        self.depth -= 1
        if self.depth < 0:
            raise BoundError("depth")
        signal = self.drain(body)
        self.depth += 1
        assert signal is not None
        return signal[1]


BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "max": max,
    "min": min,
    "len": len,
    "sum": sum,
    "list": list,
    "range": range,
    "next": next,
}
METHODS: dict[str, Callable[..., Any]] = {
    "append": list.append,
    "insert": list.insert,
    "pop": list.pop,
}


def solve(row: Mapping[str, Any]) -> str:
    """Run the whole program."""
    return Interpreter(row["question"]).output()


def bounded(**bounds: Any) -> Callable[[Mapping[str, Any]], str | None]:
    """Return a reader with bounds, who gives up where one is reached."""

    def answer(row: Mapping[str, Any]) -> str | None:
        try:
            return Interpreter(row["question"], **bounds).output()
        except (BoundError, IndexError):  # a slip may make an index too large
            return None

    return answer


BOUNDED = {
    "remembers 12 variables": bounded(places=12),
    "one slip in 60 remainders": bounded(slip_in=60),
    "knows no aliases": bounded(copies=True),
    "4 calls deep": bounded(depth=4),
    "1000 statements": bounded(steps=1000),
}
