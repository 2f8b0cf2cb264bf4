"""The tool calls that a sample's target asks for: exact arguments, lists of allowed values, and optional ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gapbench.values import Message, Part, ToolCall

_KEYS = frozenset({"id", "name", "arguments", "allowed", "optional"})


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """One call that the target asks for.

    Attributes:
        name: The tool.
        allowed: The values that each argument may have.
        optional: Arguments that may be left out.
    """

    name: str
    allowed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    def example(self) -> dict[str, Any]:
        """Return arguments that fit: the first allowed value of each that is not optional."""
        return {
            name: values[0] for name, values in self.allowed.items() if values and name not in self.optional
        }


def read_expected_calls(target: Any) -> tuple[ExpectedCall, ...] | None:
    """Return the calls of a target, () if it asks for none, or None if it is no list of calls.

    A call is ``{name, arguments: {argument: value}}``. ``allowed: {argument: [values]}`` stands in place of a value, or
    beside the others, and ``optional: [arguments]`` names those that may be left out. The target may be JSON text, one
    call, or a list; calls in the forms of the vendors' APIs (``{function: {name, arguments}}``) are read too.
    """
    if isinstance(target, str):
        try:
            target = json.loads(target)
        except (ValueError, RecursionError):
            return None
    if isinstance(target, Mapping):
        target = [target]
    if not isinstance(target, (list, tuple)):
        return None
    calls = [_read_call(item) for item in target]
    return None if any(call is None for call in calls) else tuple(call for call in calls if call is not None)


def _read_call(item: Any) -> ExpectedCall | None:
    if isinstance(item, Mapping) and isinstance(item.get("function"), Mapping):
        item = item["function"]
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or set(item) - _KEYS:
        return None
    arguments = item.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            return None
    exact, allowed, optional = arguments or {}, item.get("allowed") or {}, item.get("optional") or ()
    if not isinstance(exact, Mapping) or not isinstance(allowed, Mapping):
        return None
    if not isinstance(optional, (list, tuple)) or not all(isinstance(name, str) for name in optional):
        return None
    if exact.keys() & allowed.keys() or not all(
        isinstance(values, (list, tuple)) and values for values in allowed.values()
    ):
        return None
    values = {name: (value,) for name, value in exact.items()}
    values |= {name: tuple(choices) for name, choices in allowed.items()}
    if not set(optional) <= values.keys():
        return None
    return ExpectedCall(item["name"], values, frozenset(optional))


def reference_message(calls: tuple[ExpectedCall, ...]) -> Message:
    """Return an assistant's message that makes calls, for the simulated provider."""
    parts: tuple[Part, ...] = tuple(
        ToolCall("", call.name, json.dumps(call.example(), ensure_ascii=False)) for call in calls
    )
    return Message("assistant", parts)
