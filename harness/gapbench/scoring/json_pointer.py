"""JSON Pointers (RFC 6901), equality of JSON values, and the first place where two of them differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MISSING: Any = object()
"""What :func:`find_at` returns where there is nothing."""


class PointerError(ValueError):
    """A text is no JSON Pointer."""


def parse_pointer(text: str) -> tuple[str, ...]:
    """Return the steps of a pointer such as ``/orders/7/status``; "" is the whole value.

    Raises:
        PointerError: It does not begin with a slash, or ``~`` is followed by neither 0 nor 1.
    """
    if not text:
        return ()
    steps = text.split("/")
    if steps[0] or any("~" in step.replace("~0", "").replace("~1", "") for step in steps):
        raise PointerError(
            f"{text!r} is not a JSON Pointer; write /orders/7/status, with ~1 for a slash in a name and ~0 for ~"
        )
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps[1:])


def find_at(value: Any, steps: tuple[str, ...]) -> Any:
    """Return what is at a place in a JSON value; :data:`MISSING` if there is nothing."""
    for step in steps:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and (
            step == "0" or (step.isdecimal() and step[0] != "0" and step.isascii())
        ):
            if int(step) >= len(value):
                return MISSING
            value = value[int(step)]
        else:
            return MISSING
    return value


def without(value: Any, steps: tuple[str, ...]) -> Any:
    """Return a JSON value without what is at a place; ``*`` is any key or index. The value itself is not changed."""
    if not steps:
        return None
    first, rest = steps[0], steps[1:]
    if isinstance(value, Mapping):
        return {
            key: without(inner, rest) if rest and first in ("*", key) else inner
            for key, inner in value.items()
            if rest or first not in ("*", key)
        }
    if isinstance(value, list):
        return [
            without(inner, rest) if rest and first in ("*", str(index)) else inner
            for index, inner in enumerate(value)
            if rest or first not in ("*", str(index))
        ]
    return value


def same_json(a: Any, b: Any) -> bool:
    """Return whether two JSON values are equal: 1 equals 1.0, and true does not equal 1."""
    return find_difference(a, b) is None


def find_difference(found: Any, wanted: Any, place: str = "") -> str | None:
    """Return where two JSON values differ first, in words, or None if they are equal."""
    here = place or "the whole"
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted(found.keys() | wanted.keys(), key=str):
            step = f"{place}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in found:
                return f"{step} is missing"
            if key not in wanted:
                return f"{step} should not be there"
            difference = find_difference(found[key], wanted[key], step)
            if difference is not None:
                return difference
        return None
    if isinstance(found, (list, tuple)) and isinstance(wanted, (list, tuple)):
        for index, (one, other) in enumerate(zip(found, wanted, strict=False)):
            difference = find_difference(one, other, f"{place}/{index}")
            if difference is not None:
                return difference
        return None if len(found) == len(wanted) else f"{here} has {len(found)} items, not {len(wanted)}"
    is_number = isinstance(found, (int, float)) and isinstance(wanted, (int, float))
    is_same_kind = is_number and isinstance(found, bool) == isinstance(wanted, bool)
    if (is_same_kind or type(found) is type(wanted)) and found == wanted:
        return None
    return f"{here} is {shown(found)}, not {shown(wanted)}"


def shown(value: Any) -> str:
    """Return a value as short JSON."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"
