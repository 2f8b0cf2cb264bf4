"""Calls that score 1 on a BFCL item: what the simulated provider answers, and a check of the rules on their own data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Call = tuple[str, Mapping[str, Any]]


def reference_calls(
    functions: Sequence[Mapping[str, Any]],
    expected: Sequence[Mapping[str, Mapping[str, Sequence[Any]]]],
    category: str,
) -> list[Call]:
    """Return one call for each expected one, made of the first values that BFCL's rules accept.

    Args:
        functions: As the data describe them.
        expected: As the data give the possible answers.
        category: BFCL's name of the category.
    """
    parameters = {function["name"]: function["parameters"] for function in functions}
    calls: list[Call] = []
    for answer in expected:
        ((name, allowed),) = answer.items()
        arguments = {}
        for argument, values in allowed.items():
            described = parameters[name]["properties"].get(argument)
            # Some required arguments have "" as the only right value.
            is_required = argument in parameters[name]["required"]
            given = [value for value in values if value != "" or (is_required and len(values) == 1)]
            if not given or described is None:
                continue
            value = _choose(given)
            if category == "simple_java":
                value = java_text(value, described)
            elif category == "simple_javascript":
                value = javascript_text(value, described)
            arguments[argument] = value
        calls.append((name, arguments))
    return calls


def _choose(given: Sequence[Any]) -> Any:
    """Return the first allowed value whose parts all have a value; the data list the values of each key."""
    for value in given:
        if isinstance(value, dict):
            return _plain_dict(value)
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return [_plain_dict(item) for item in value]
    return given[0]


def _plain_dict(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict of lists of right values as a dict of the first right ones, without what may be left out."""
    plain = {}
    for key, right in value.items():
        if not isinstance(right, list):
            plain[key] = right
        elif "" not in right and right:
            plain[key] = right[0]
        elif (rest := [inner for inner in right if inner != ""]) and not isinstance(rest[0], (list, dict)):
            plain[key] = rest[0]
    return plain


def java_text(value: Any, described: Mapping[str, Any]) -> str:
    """Return a value as BFCL's converter reads it from Java."""
    kind = described["type"]
    if isinstance(value, bool):
        return str(value).lower()
    if kind == "long" and isinstance(value, int):
        return f"{value}L"
    if kind == "float" and isinstance(value, (int, float)):
        return f"{value}f"
    if kind == "ArrayList" and isinstance(value, list):
        return (
            f"new ArrayList<>(Arrays.asList({_java_items(value, described)}))"
            if value
            else "new ArrayList<>()"
        )
    if kind == "Array" and isinstance(value, list):
        return f"new Object[]{{{_java_items(value, described)}}}"
    if kind == "HashMap" and isinstance(value, dict):
        puts = " ".join(f'put("{key}", {_java_literal(inner)});' for key, inner in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    return str(value)


def _java_items(values: Sequence[Any], described: Mapping[str, Any]) -> str:
    of = described["items"]
    if of["type"] in {"String", "char"}:
        is_quoted = described["type"] == "ArrayList"
        return ", ".join(f'"{value}"' if is_quoted else str(value) for value in values)
    return ", ".join(java_text(value, of) for value in values)


def _java_literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def javascript_text(value: Any, described: Mapping[str, Any]) -> str:
    """Return a value as BFCL's converter reads it from JavaScript."""
    if described["type"] == "Bigint" and isinstance(value, int):
        return f"{value}n"
    if isinstance(value, str):
        return value
    return json.dumps(value)
