"""What changed between two states, as a JSON Patch (RFC 6902)."""

from __future__ import annotations

import marshal
from typing import Any

MAX_DEPTH = 100


def make_patch(before: Any, after: Any) -> list[dict[str, Any]]:
    """Return the operations that turn one JSON value into another; [] if they are equal.

    Numbers and booleans of different types differ (1, 1.0 and true), as their JSON does. A value that is more than
    :data:`MAX_DEPTH` levels down is replaced whole.

    Args:
        before: The old value.
        after: The new value.
    """
    operations: list[dict[str, Any]] = []
    _compare(before, after, "", 0, operations)
    return operations


def _compare(before: Any, after: Any, path: str, depth: int, out: list[dict[str, Any]]) -> None:
    if _is_same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict) and depth < MAX_DEPTH:
        _compare_objects(before, after, path, depth, out)
    elif isinstance(before, list) and isinstance(after, list) and depth < MAX_DEPTH:
        _compare_arrays(before, after, path, depth, out)
    else:
        out.append({"op": "replace", "path": path, "value": after})


def _compare_objects(
    before: dict[str, Any], after: dict[str, Any], path: str, depth: int, out: list[dict[str, Any]]
) -> None:
    out.extend({"op": "remove", "path": f"{path}/{_escape(key)}"} for key in before if key not in after)
    for key, value in after.items():
        if key in before:
            _compare(before[key], value, f"{path}/{_escape(key)}", depth + 1, out)
        else:
            out.append({"op": "add", "path": f"{path}/{_escape(key)}", "value": value})


def _compare_arrays(
    before: list[Any], after: list[Any], path: str, depth: int, out: list[dict[str, Any]]
) -> None:
    """Compare what lies between the equal items at both ends; so an item that was inserted or removed is one operation."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and _is_same(before[start], after[start]):
        start += 1
    end = 0
    while end < shorter - start and _is_same(before[-1 - end], after[-1 - end]):
        end += 1
    common = shorter - start - end
    for at in range(start, start + common):
        _compare(before[at], after[at], f"{path}/{at}", depth + 1, out)
    out.extend(
        {"op": "remove", "path": f"{path}/{at}"}
        for at in range(len(before) - end - 1, start + common - 1, -1)
    )
    out.extend(
        {"op": "add", "path": f"{path}/{at}", "value": after[at]}
        for at in range(start + common, len(after) - end)
    )


def _is_same(before: Any, after: Any) -> bool:
    """Return whether two values are surely the same; large ones are compared by C code, which also sees types."""
    if type(before) is not type(after):
        return False
    if isinstance(before, (dict, list)):
        return len(before) == len(after) and marshal.dumps(before, 2) == marshal.dumps(after, 2)
    if isinstance(before, float):
        return repr(before) == repr(after)
    return bool(before == after)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
