"""Apply a JSON Patch (RFC 6902), the form in which the payload table stores how a turn changed the state."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any


def apply_patch(value: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    """Return a JSON value with a patch applied; the given value is not changed.

    Args:
        value: The value before.
        patch: Operations, applied in order.

    Raises:
        ValueError: An operation does not fit the value; the message names it.
    """
    found = copy.deepcopy(value)
    for operation in patch:
        try:
            found = _apply(found, operation)
        except (KeyError, IndexError, TypeError, ValueError) as exc:
            where = f"{operation.get('op')} {operation.get('path')!r}"
            raise ValueError(f"the patch operation {where} does not fit the value: {exc}") from exc
    return found


def _apply(value: Any, operation: Mapping[str, Any]) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _add(value, path, copy.deepcopy(operation["value"]))
        case "remove":
            return _remove(value, path)
        case "replace":
            return _replace(value, path, copy.deepcopy(operation["value"]))
        case "copy":
            return _add(value, path, copy.deepcopy(_get(value, _pointer(operation["from"]))))
        case "move":
            source = _pointer(operation["from"])
            moved = _get(value, source)
            return _add(_remove(value, source), path, moved)
        case "test":
            if _get(value, path) != operation["value"]:
                raise ValueError("the value is another")
            return value
        case other:
            raise ValueError(f"there is no operation {other!r}")


def _pointer(text: str) -> list[str]:
    """Return the steps of a JSON Pointer (RFC 6901)."""
    if text and not text.startswith("/"):
        raise ValueError(f"{text!r} is not a JSON Pointer")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _get(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value[_key(value, step)]
    return value


def _key(holder: Any, step: str) -> Any:
    if isinstance(holder, list):
        if not step.isdecimal():
            raise ValueError(f"{step!r} is not a position in a list")
        return int(step)
    if not isinstance(holder, dict):
        raise TypeError(f"{step!r} is looked for in a value that holds nothing")
    return step


def _add(value: Any, path: Sequence[str], new: Any) -> Any:
    if not path:
        return new
    holder, last = _get(value, path[:-1]), path[-1]
    if not isinstance(holder, list):
        holder[_key(holder, last)] = new
        return value
    place = len(holder) if last == "-" else _key(holder, last)
    if place > len(holder):
        raise IndexError(f"the list has {len(holder)} values")
    holder.insert(place, new)
    return value


def _remove(value: Any, path: Sequence[str]) -> Any:
    if not path:
        return None
    holder = _get(value, path[:-1])
    del holder[_key(holder, path[-1])]
    return value


def _replace(value: Any, path: Sequence[str], new: Any) -> Any:
    if not path:
        return new
    holder = _get(value, path[:-1])
    key = _key(holder, path[-1])
    _ = holder[key]
    holder[key] = new
    return value
