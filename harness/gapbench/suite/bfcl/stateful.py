"""BFCL's stateful classes: a model's calls run on them, and the check of a whole conversation. Runs inside the sandbox.

Only the standard library and the package ``bfcl-eval`` are imported. The package evaluates calls as Python text; here a
call is a name and JSON arguments, bound to a method. Rules from ``multi_turn_checker.py`` of ``bfcl-eval`` (Apache-2.0).

:func:`run_call` and :func:`judge_conversation` are called from outside. The objects of an episode live as long as its
process. The state holds the calls so far: after a restart they are repeated, and the objects are the same again.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

MODULES = {
    "GorillaFileSystem": "gorilla_file_system", "MathAPI": "math_api", "MessageAPI": "message_api",
    "TwitterAPI": "posting_api", "TicketAPI": "ticket_api", "TradingBot": "trading_bot", "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}  # fmt: skip
"""By class, the module that has it, and the file of the data that describes its functions."""
_WITHOUT_STATE = frozenset({"MathAPI"})
# Names that the package refuses to run.
_REFUSED = frozenset({"kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"})

NamedCall = tuple[str, Sequence[Any], Mapping[str, Any]]
"""Name, positional and named arguments."""


class Instances:
    """The objects of one conversation.

    Args:
        classes: Names of the classes involved.
        config: Initial configuration by class.
        long_context: Whether to fill the objects with much irrelevant content.
    """

    def __init__(self, classes: Sequence[str], config: Mapping[str, Any], *, long_context: bool) -> None:
        """Make the objects."""
        self.by_class: dict[str, Any] = {}
        self._methods: dict[str, Any] = {}
        for name in classes:
            module = importlib.import_module(
                f"bfcl_eval.eval_checker.multi_turn_eval.func_source_code.{MODULES[name]}"
            )
            instance = getattr(module, name)()
            if name not in _WITHOUT_STATE:
                instance._load_scenario(  # noqa: SLF001 - as the package's own runner does
                    copy.deepcopy(dict(config.get(name, {}))), long_context=long_context
                )
            self.by_class[name] = instance
            for method_name, method in inspect.getmembers(instance, predicate=inspect.ismethod):
                if not method_name.startswith("_"):
                    self._methods[method_name] = method

    def call(self, call: NamedCall) -> str:
        """Run one call and return its result as the package shows it to the model."""
        name, positional, named = call
        try:
            if name in _REFUSED:
                raise RuntimeError(f"Function call {name} is not allowed.")  # noqa: TRY301 - one form for all errors
            if name not in self._methods:
                raise NameError(f"name '{name}' is not defined")  # noqa: TRY301
            result = self._methods[name](*positional, **named)
        except Exception as exc:  # noqa: BLE001 - a tool's error is its result
            return f"Error during execution: {exc}"
        if isinstance(result, str):
            return result
        if type(result) is dict:
            try:
                return json.dumps(result)
            except (TypeError, ValueError):
                return str(result)
        return str(result)


def parse_call(text: str) -> NamedCall:
    """Return a call that the data write as Python text, with literals as arguments; nothing is evaluated."""
    found = ast.parse(text, mode="eval").body
    if not isinstance(found, ast.Call) or not isinstance(found.func, ast.Name):
        raise ValueError(f"not a call of a function: {text}")  # noqa: TRY004 - the text is wrong, not its type
    named = {
        keyword.arg: ast.literal_eval(keyword.value) for keyword in found.keywords if keyword.arg is not None
    }
    return found.func.id, [ast.literal_eval(value) for value in found.args], named


_objects: list[Any] = []
"""The objects of this process's episode, and how many calls they have run."""


def run_call(state: dict[str, Any], *, name: str, arguments: Mapping[str, Any]) -> str:
    """Run one call of an episode and add it to the calls of its state.

    Args:
        state: ``classes``, ``config`` and ``long_context`` as for :class:`Instances`, and ``calls``.
        name: The function.
        arguments: Its arguments.
    """
    if not _objects or _objects[1] != len(state["calls"]):
        instances = Instances(state["classes"], state["config"], long_context=state["long_context"])
        for earlier, given in state["calls"]:
            instances.call((earlier, (), given))
        _objects[:] = [instances, len(state["calls"])]
    # Methods may keep or change what they are given, which must not change the state.
    result: str = _objects[0].call((name, (), copy.deepcopy(arguments)))
    state["calls"].append([name, arguments])
    _objects[1] += 1
    return result


def judge_conversation(_: Any, **conversation: Any) -> dict[str, str | None]:
    """Return the ``mismatch`` of a conversation; arguments as for :func:`find_mismatch`."""
    return {"mismatch": find_mismatch(**conversation)}


def find_mismatch(
    classes: Sequence[str],
    config: Mapping[str, Any],
    calls: Sequence[Sequence[Sequence[tuple[str, Mapping[str, Any]]]]],
    expected: Sequence[Sequence[str]],
    *,
    long_context: bool = False,
) -> str | None:
    """Return why a conversation is wrong, or None: after each turn of the user, state and results are compared.

    Args:
        classes: Names of the classes involved.
        config: Initial configuration by class.
        calls: The model's calls, for each turn of the user and each reply in it.
        expected: The right calls for each turn, as Python text. [] for a turn without any.
        long_context: See :class:`Instances`.
    """
    if len(calls) != len(expected):
        return f"it ended after {len(calls)} of {len(expected)} turns"
    model = Instances(classes, config, long_context=long_context)
    truth = Instances(classes, config, long_context=long_context)
    so_far: list[str] = []
    for number, (replies, right) in enumerate(zip(calls, expected, strict=True)):
        so_far += [model.call((name, (), arguments)) for reply in replies for name, arguments in reply]
        wanted = [truth.call(parse_call(text)) for text in right]
        if not right:
            continue
        if not any(replies):
            return f"turn {number}: no call"
        if difference := _find_difference(model, truth):
            return f"turn {number}: {difference}"
        if missing := _missing(wanted, so_far):
            return f"turn {number}: no call has brought {missing[:200]!r}"
    return None


def _find_difference(model: Instances, truth: Instances) -> str | None:
    for name, right in truth.by_class.items():
        found = model.by_class[name]
        for attribute, value in vars(right).items():
            if not attribute.startswith("_") and getattr(found, attribute) != value:
                return f"{name}.{attribute} is not as it should be"
    return None


def _missing(wanted: Sequence[str], found: Sequence[str]) -> str | None:
    rest = list(found)
    for result in wanted:
        if result not in rest:
            return result
        rest.remove(result)
    return None
