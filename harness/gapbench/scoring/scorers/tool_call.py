"""The scorer ``tool_call``: the right calls with the right arguments, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import reply_tail, shorten
from gapbench.scoring.scorer import ReplyScorer
from gapbench.scoring.scorers.json import json_equal
from gapbench.scoring.scorers.json_schema import find_json_value
from gapbench.values import Sample, Score

NAME_FIELDS = ("name", "tool", "tool_name", "function", "function_name")
ARGUMENT_FIELDS = ("arguments", "args", "parameters", "input", "tool_input")
CALL_TAG = re.compile(
    r"<(?P<tag>tool_call|function_call|tool_use|function)(?:=(?P<name>[\w.-]+))?>(?P<text>(?:(?!<(?:tool_call|function|tool_use)).)*?)</(?P=tag)>",
    re.DOTALL | re.IGNORECASE,
)
BETWEEN_CALLS = re.compile(r"(?:\s|,|;|`|~|json|\d{1,2}[.)]|[-*])*")
MAX_CALLS = 50
CALL_LIST_FIELDS = ("tool_calls", "calls", "tools", "function_calls")


@dataclass(frozen=True)
class ToolCall(ReplyScorer):
    """Accepts the right calls with the right arguments, written as JSON.

    A call is ``{"name": …, "arguments": {…}}``. The field names of the usual APIs are understood, arguments
    may be JSON in a string, and several calls are a list. An empty target (``[]``) requires an empty list.

    Attributes:
        order: The calls must be in the target's order.
        extra: Arguments that the target does not have are allowed, such as explicit defaults.
        ignore_case: Compare text in arguments without case.
        rel_tol: Largest accepted difference of numbers in arguments, as a share of the larger.
    """

    name: ClassVar[str] = "tool_call"
    description: ClassVar[str] = "the right calls with the right arguments, as JSON"

    order: bool = False
    extra: bool = False
    ignore_case: bool = True
    rel_tol: float = 1e-9

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is not a call, or None."""
        if sample.target is None:
            return "the sample has no target"
        is_call = _target_calls(sample) is not None
        return None if is_call else "the target is not a call {name, arguments} or a list of calls"

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the calls."""
        wanted = _target_calls(sample)
        assert wanted is not None, "unscorable_reason refuses such samples"
        found = find_text_calls(reply_tail(reply))
        if found is None:
            return Score(0.0, "unparsed", reason="contains no call {name, arguments}")
        try:
            answer = shorten(json.dumps(found, ensure_ascii=False), 500)
            fault = self._compare_calls(found, wanted)
        except RecursionError:
            return Score(0.0, "unparsed", reason="the JSON is nested too deeply")
        if fault is None:
            return Score(1.0, "correct", answer, f"all of {len(wanted)} calls are right")
        return Score(0.0, "wrong", answer, fault)

    def _compare_calls(self, found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> str | None:
        if len(found) != len(wanted):
            return f"makes {len(found)} calls, {len(wanted)} are expected"
        left = list(found)
        for call in wanted:
            candidates = left[:1] if self.order else left
            match = next(
                (other for other in candidates if self._describe_difference(other, call) is None), None
            )
            if match is None:
                near = next((other for other in candidates if other["name"] == call["name"]), None)
                return f"no call of {call['name']}" if near is None else self._describe_difference(near, call)
            left.remove(match)
        return None

    def _describe_difference(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
        if found["name"] != wanted["name"]:
            return f"calls {shorten(str(found['name']))}, not {wanted['name']}"
        has, needs = found["arguments"], wanted["arguments"]
        wrong = [
            key
            for key in needs
            if key not in has
            or not json_equal(has[key], needs[key], self.rel_tol, ignore_case=self.ignore_case)
        ]
        if not self.extra:
            wrong += [key for key in has if key not in needs]
        return f"{wanted['name']}: wrong arguments: {shorten(', '.join(map(str, wrong)))}" if wrong else None


def _target_calls(sample: Sample) -> list[dict[str, Any]] | None:
    try:
        given = json.loads(sample.target) if isinstance(sample.target, str) else sample.target
    except (ValueError, RecursionError):
        return None
    return find_calls(given)


def find_text_calls(reply: str) -> list[dict[str, Any]] | None:
    """Return the calls that a reply writes as text, or None if it writes none.

    They are in separate tags (``<tool_call>{…}</tool_call>``, ``<function=name>{…}</function>``), or else the last
    JSON value, or else one JSON object after another.
    """
    tagged = [_parse_tagged(match) for match in CALL_TAG.finditer(reply)]
    calls = [call for call in tagged if call is not None]
    if calls and len(calls) == len(tagged):
        return [call for found in calls for call in found]
    value = find_json_value(reply, only=False)
    found = None if value is None else find_calls(value)
    row = _calls_in_a_row(reply) if found is not None and len(found) == 1 else []
    return row if len(row) > 1 else found


def _parse_tagged(match: re.Match[str]) -> list[dict[str, Any]] | None:
    value = find_json_value(match["text"], only=False)
    if match["name"]:
        return [{"name": match["name"], "arguments": value}] if isinstance(value, dict) else None
    return None if value is None else find_calls(value)


def _calls_in_a_row(reply: str) -> list[dict[str, Any]]:
    """Return the calls of JSON objects that follow each other with nothing but fences and commas between them."""
    decoder = json.JSONDecoder()
    calls: list[dict[str, Any]] = []
    at, end = reply.find("{"), -1
    for _ in range(MAX_CALLS):
        if at < 0:
            break
        try:
            value, following = decoder.raw_decode(reply, at)
        except (ValueError, RecursionError):
            at = reply.find("{", at + 1)
            continue
        call = _parse_call(value)
        if call is not None:
            if calls and not BETWEEN_CALLS.fullmatch(reply[end:at]):
                calls = []
            calls.append(call)
            end = following
        at = reply.find("{", following)
    return calls


def find_calls(value: Any) -> list[dict[str, Any]] | None:
    """Return the calls of a JSON value as ``{name, arguments}``, or None if it is anything else."""
    if isinstance(value, list):
        calls = [_parse_call(item) for item in value]
        return None if any(call is None for call in calls) else [call for call in calls if call is not None]
    if isinstance(value, Mapping):
        inner = _first_field(value, CALL_LIST_FIELDS)
        if isinstance(inner, list):
            return find_calls(inner)
        call = _parse_call(value)
        return None if call is None else [call]
    return None


def _parse_call(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    inner = value.get("function")
    if isinstance(inner, Mapping):  # OpenAI's form: {"type": "function", "function": {…}}
        return _parse_call(inner)
    name, arguments = _first_field(value, NAME_FIELDS), _first_field(value, ARGUMENT_FIELDS)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    if arguments is None:
        arguments = {}
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        return None
    return {"name": name, "arguments": dict(arguments)}


def _first_field(value: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((value[key] for key in keys if key in value), None)
