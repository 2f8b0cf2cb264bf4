"""Hidden tests from expressions: what each gives on the reference solution is what it must give.

An expression names the functions and classes of the program. ``play(thing, ("method", 1), …)`` calls methods one
after another and gives what each returned, or the name of what it raised.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

PLAY_SOURCE = """def play(thing, *calls):
    said = []
    for name, *given in calls:
        try:
            said.append(getattr(thing, name)(*given))
        except Exception as exc:
            said.append(type(exc).__name__)
    return said
"""
RAISED_SOURCE = """def raised(call):
    try:
        call()
    except Exception as exc:
        return type(exc).__name__
    return None
"""
CLOSE_SOURCE = """def close(found, wanted):
    if isinstance(wanted, float):
        return isinstance(found, (int, float)) and abs(found - wanted) <= 1e-9 * max(1, abs(wanted))
    if isinstance(wanted, dict):
        return isinstance(found, dict) and found.keys() == wanted.keys() and all(close(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, (list, tuple)):
        return type(found) is type(wanted) and len(found) == len(wanted) and all(map(close, found, wanted))
    return found == wanted
"""
SCALARS = (bool, int, float, str, bytes, type(None))


def program_namespace(code: str) -> dict[str, Any]:
    """Return what a program defines, and what the expressions may use."""
    space: dict[str, Any] = {"__name__": "program"}
    exec(code, space)  # noqa: S102 - this package's own text
    exec(PLAY_SOURCE, space)  # noqa: S102 - as above
    return space


def evaluate_expression(space: dict[str, Any], expression: str) -> tuple[str, Any]:
    """Return ("returns", value) or ("raises", name of the exception) of an expression."""
    try:
        return "returns", copy.deepcopy(eval(expression, space))  # noqa: S307 - this package's own text
    except Exception as exc:  # noqa: BLE001 - the name is the outcome
        return "raises", type(exc).__name__


def make_tests(code: str, expressions: Sequence[str]) -> str:
    """Return hidden tests: one assertion for each expression, with the value that ``code`` gives.

    Raises:
        SystemExit: A value is not plain, or the same expression stands there twice.
    """
    if len(set(expressions)) != len(expressions):
        raise SystemExit(f"an expression stands there twice: {expressions}")
    lines = [
        make_assertion(evaluate_expression(program_namespace(code), expression), expression)
        for expression in expressions
    ]
    text = "\n".join(lines) + "\n"
    helpers = [
        source
        for word, source in (("play(", PLAY_SOURCE), ("raised(", RAISED_SOURCE), ("close(", CLOSE_SOURCE))
        if word in text
    ]
    return "".join(helpers) + text


def make_assertion(found: tuple[str, Any], expression: str) -> str:
    """Return the assertion that an expression has this outcome."""
    kind, value = found
    if kind == "raises":
        return f"assert raised(lambda: {expression}) == {value!r}"
    if not is_plain(value):
        raise SystemExit(f"{expression} gives {value!r}, which is no plain value")
    if isinstance(value, bool) or value is None:
        return f"assert ({expression}) is {value!r}"
    if has_float(value):
        return f"assert close({expression}, {value!r})"
    return f"assert {expression} == {value!r}"


def is_plain(value: Any) -> bool:
    """Say whether a value can be written down."""
    if isinstance(value, dict):
        return all(is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_plain, value))
    return isinstance(value, SCALARS)


def has_float(value: Any) -> bool:
    """Say whether a value holds a float, which another right solution may round otherwise."""
    if isinstance(value, dict):
        return any(map(has_float, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_float, value))
    return isinstance(value, float)


def find_differences(right: str, wrong: str, expressions: Sequence[str]) -> list[bool]:
    """Return, for each expression, whether two programs disagree."""
    return [
        evaluate_expression(program_namespace(right), text)
        != evaluate_expression(program_namespace(wrong), text)
        for text in expressions
    ]


def replace_once(code: str, old: str, new: str) -> str:
    """Return ``code`` with its one ``old`` replaced.

    Raises:
        SystemExit: ``old`` is not there exactly once.
    """
    if code.count(old) != 1:
        raise SystemExit(f"{old!r} is {code.count(old)} times in:\n{code}")
    return code.replace(old, new)
