"""The scorer ``state``: the state after an episode equals the expected one, or assertions about it hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.json_pointer import (
    MISSING,
    PointerError,
    find_at,
    find_difference,
    parse_pointer,
    same_json,
    shown,
    without,
)
from gapbench.scoring.scorer import TranscriptScorer
from gapbench.values import Sample, Score, Transcript

CHECKS = ("equals", "contains", "absent", "count", "min", "max")


@dataclass(frozen=True)
class State(TranscriptScorer):
    """Accepts an episode after which the state of the tools is as expected.

    The target is the whole expected state, a mapping, or a list of assertions ``{path: /orders/7/status, equals: …}``.
    ``path`` is a JSON Pointer. An assertion has one or more of ``equals``, ``contains`` (an item of a list, a part of a
    text, or keys of a mapping), ``absent`` (true or false), ``count``, ``min`` and ``max``; it holds if all of them do.
    The share of assertions that hold is stored as ``partial``.

    Attributes:
        column: The column with the expected state or the assertions; "" takes the target.
        assertions: Assertions that hold for every sample.
        ignore: JSON Pointers of parts that do not count when whole states are compared; ``*`` is any key or index.
    """

    name: ClassVar[str] = "state"
    description: ClassVar[str] = "the state after an episode: equal to the target, or assertions hold"

    column: str = ""
    assertions: list = field(default_factory=list)  # type: ignore[type-arg] # the type is checked at run time, and isinstance takes no arguments
    ignore: list = field(default_factory=list)  # type: ignore[type-arg] # as above

    def __post_init__(self) -> None:
        """Check assertions and pointers that are given as options."""
        problem = find_assertion_problem(self.assertions)
        if problem is not None:
            raise InputError(f"scorer 'state': {problem}")
        for pointer in self.ignore:
            try:
                parse_pointer(str(pointer))
            except PointerError as exc:
                raise InputError(f"scorer 'state': ignore: {exc}") from exc

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that nothing is expected, or that an assertion is wrong, or None."""
        given = self._given(sample)
        if given is None or given == "":
            where = f"column {self.column!r}" if self.column else "its target"
            return None if self.assertions else f"the sample has no state or assertions in {where}"
        if isinstance(given, Mapping):
            return None
        if isinstance(given, list):
            return find_assertion_problem(given)
        return f"what is expected is {shorten(str(given), 60)}; write a state (a mapping) or a list of assertions"

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return 1 or 0, and the share of assertions that hold."""
        given = self._given(sample)
        state = transcript.final_state
        faults = [find_fault(state, assertion) for assertion in self.assertions]
        if isinstance(given, list):
            faults += [find_fault(state, assertion) for assertion in given]
        elif isinstance(given, Mapping):
            found, wanted = state, given
            for pointer in self.ignore:
                steps = parse_pointer(str(pointer))
                found, wanted = without(found, steps), without(wanted, steps)
            faults.append(find_difference(found, wanted))
        failed = [fault for fault in faults if fault is not None]
        share = (len(faults) - len(failed)) / len(faults)
        if not failed:
            return Score(1.0, "correct", None, f"all of {len(faults)} assertions hold", partial=1.0)
        count = f"{len(failed)} of {len(faults)} assertions fail: " if len(faults) > 1 else ""
        return Score(0.0, "wrong", None, shorten(count + failed[0], 200), partial=share)

    def _given(self, sample: Sample) -> Any:
        given = sample.columns.get(self.column) if self.column else sample.target
        if isinstance(given, str) and given.strip()[:1] in ("{", "["):
            try:
                return json.loads(given)
            except (ValueError, RecursionError):
                return given
        return given


def find_assertion_problem(assertions: Any) -> str | None:
    """Return why a list holds no assertions, or None if it does."""
    if not isinstance(assertions, list):
        return f"assertions are {type(assertions).__name__}; expected a list"
    for number, assertion in enumerate(assertions, 1):
        where = f"assertion {number}"
        if not isinstance(assertion, Mapping) or not isinstance(assertion.get("path"), str):
            return f"{where} is {shown(assertion)}; expected {{path: /a/b, equals: …}}"
        unknown = [str(key) for key in assertion if key not in ("path", *CHECKS)]
        if unknown or len(assertion) == 1:
            found = f"has the unknown key {unknown[0]!r}" if unknown else "asserts nothing"
            return f"{where} {found}; expected one of {', '.join(CHECKS)}"
        try:
            parse_pointer(assertion["path"])
        except PointerError as exc:
            return f"{where}: {exc}"
        for key in ("count", "min", "max"):
            value = assertion.get(key, 0)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return f"{where}: {key} is {shown(value)}; expected a number"
        if not isinstance(assertion.get("absent", False), bool):
            return f"{where}: absent is {shown(assertion['absent'])}; expected true or false"
    return None


def find_fault(state: Any, assertion: Mapping[str, Any]) -> str | None:
    """Return why an assertion does not hold, or None if it holds."""
    path = assertion["path"] or "the state"
    found = find_at(state, parse_pointer(assertion["path"]))
    if "absent" in assertion:
        if assertion["absent"] != (found is MISSING):
            return f"{path} is {'missing' if found is MISSING else 'there'}"
        if found is MISSING and len(assertion) == 2:
            return None
    if found is MISSING:
        return f"{path} is missing"
    checks = (
        (_check_equals, "equals"),
        (_check_contains, "contains"),
        (_check_count, "count"),
        (_check_min, "min"),
        (_check_max, "max"),
    )
    faults = (check(found, assertion[key]) for check, key in checks if key in assertion)
    fault = next((fault for fault in faults if fault is not None), None)
    return None if fault is None else f"{path} {fault}"


def _check_equals(found: Any, wanted: Any) -> str | None:
    return None if same_json(found, wanted) else f"is {shown(found)}, not {shown(wanted)}"


def _check_contains(found: Any, wanted: Any) -> str | None:
    if isinstance(found, str):
        holds = isinstance(wanted, str) and wanted in found
    elif isinstance(found, Mapping) and isinstance(wanted, Mapping):
        holds = all(key in found and same_json(found[key], wanted[key]) for key in wanted)
    elif isinstance(found, Mapping):
        holds = isinstance(wanted, str) and wanted in found
    elif isinstance(found, (list, tuple)):
        holds = any(same_json(item, wanted) or _has_fields(item, wanted) for item in found)
    else:
        holds = False
    return None if holds else f"is {shown(found)} and does not contain {shown(wanted)}"


def _has_fields(item: Any, wanted: Any) -> bool:
    """Return whether a mapping in a list has all fields that are asked for."""
    is_both = isinstance(item, Mapping) and isinstance(wanted, Mapping)
    return is_both and all(key in item and same_json(item[key], wanted[key]) for key in wanted)


def _check_count(found: Any, wanted: float) -> str | None:
    if not isinstance(found, (list, tuple, Mapping, str)):
        return f"is {shown(found)}, which has no items to count"
    return None if len(found) == wanted else f"has {len(found)} items, not {wanted}"


def _check_min(found: Any, wanted: float) -> str | None:
    return None if _is_number(found) and found >= wanted else f"is {shown(found)}, not at least {wanted}"


def _check_max(found: Any, wanted: float) -> str | None:
    return None if _is_number(found) and found <= wanted else f"is {shown(found)}, not at most {wanted}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
