"""What a persona says in each turn of an episode: the reference's or the decoy's turns, as the request allows them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gapbench.values import GroundTruth, Message, Text, Tool, ToolSet, canonical_json
from gapbench_runners.sim_server.episode_position import EpisodePosition, read_result

NOTHING_TO_ADD = "I have nothing to add."
NO_CALL = "I would call a tool, but I may not."
RESULT_KEY = "$result"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


class ScriptedCall(NamedTuple):
    """A call as it is to be made.

    Attributes:
        name: The tool's name.
        arguments_json: The arguments; values of earlier results may be left open.
        origin: The turn and the position of the call in the ground truth.
    """

    name: str
    arguments_json: str
    origin: tuple[int, int]


class ScriptedTurn(NamedTuple):
    """One reply: text, then calls."""

    text: str
    calls: tuple[ScriptedCall, ...] = ()


def find_truth(
    truths: Sequence[GroundTruth], position: EpisodePosition, tools: ToolSet | None
) -> GroundTruth | None:
    """Return the ground truth of an episode: of those with its first prompt, the one that its further course fits best.

    Args:
        truths: With the same first prompt, in the order of the samples.
        position: What was said so far.
        tools: Those of the request.
    """
    if len(truths) < 2:
        return truths[0] if truths else None
    said = tuple(message.text for message in position.messages if message.role == "user")
    declared = {plain_name(tool.name) for tool in tools.tools} if tools is not None else set()

    def fit(truth: GroundTruth) -> tuple[bool, bool]:
        return truth.user_lines[: len(said)] == said, set(map(plain_name, truth.tool_names)) == declared

    return max(reversed(truths), key=fit)


def plain_name(name: str) -> str:
    """Return a tool's name as every vendor takes it."""
    return _NOT_IN_NAMES.sub("_", name)


def turns_of(truth: GroundTruth, *, right: bool) -> tuple[Message, ...]:
    """Return the messages that score 1, or those that score 0."""
    turns, text = (truth.reference_turns, truth.reference) if right else (truth.decoy_turns, truth.decoy)
    return turns or (Message("assistant", (Text(text),)),)


def write_script(turns: Sequence[Message], *, one_call_a_reply: bool) -> list[ScriptedTurn]:
    """Return the replies of an episode.

    Args:
        turns: Of the ground truth.
        one_call_a_reply: Whether a turn with several calls becomes several replies.
    """
    script: list[ScriptedTurn] = []
    for number, message in enumerate(turns):
        text = message.text
        calls = tuple(
            ScriptedCall(call.name, call.arguments_json, (number, index))
            for index, call in enumerate(message.tool_calls)
        )
        if one_call_a_reply and len(calls) > 1:
            script.append(ScriptedTurn(text, calls[:1]))
            script += (ScriptedTurn("", (call,)) for call in calls[1:])
        else:
            script.append(ScriptedTurn(text, calls))
    return script


def turn_at(script: Sequence[ScriptedTurn], turn: int) -> ScriptedTurn:
    """Return a reply of a script; after its end, the last text without calls."""
    if turn < len(script):
        return script[turn]
    last = script[-1]
    return ScriptedTurn(NOTHING_TO_ADD if last.calls or not last.text else last.text)


def is_followed(script: Sequence[ScriptedTurn], position: EpisodePosition, tools: ToolSet | None) -> bool:
    """Return whether the replies so far have the script's texts and names of calls."""
    for number, reply in enumerate(position.replies):
        expected = fit_to_tools(turn_at(script, number), tools)
        names = [call.name for call in reply.tool_calls]
        if reply.text != expected.text or names != [call.name for call in expected.calls]:
            return False
    return True


def fill_results(
    turn: ScriptedTurn, script: Sequence[ScriptedTurn], position: EpisodePosition
) -> ScriptedTurn:
    """Return a reply with the values of earlier results in its calls' arguments."""
    if not any(RESULT_KEY in call.arguments_json for call in turn.calls):
        return turn
    found = {
        call.origin: content
        for scripted, contents in zip(script, position.results(), strict=False)
        for call, content in zip(scripted.calls, contents, strict=False)
    }
    return turn._replace(calls=tuple(_fill_call(call, found) for call in turn.calls))


def _fill_call(call: ScriptedCall, found: Mapping[tuple[int, int], str | None]) -> ScriptedCall:
    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {RESULT_KEY}:
                turn, index, pointer = value[RESULT_KEY]
                return read_result(found.get((turn, index)), pointer)
            return {key: fill(inner) for key, inner in value.items()}
        return [fill(inner) for inner in value] if isinstance(value, list) else value

    if RESULT_KEY not in call.arguments_json:
        return call
    arguments = fill(json.loads(call.arguments_json))
    return call._replace(arguments_json=json.dumps(arguments, ensure_ascii=False))


def fit_to_tools(turn: ScriptedTurn, tools: ToolSet | None) -> ScriptedTurn:
    """Return a reply as the request's tools allow it.

    Without tools, calls are written as text; with the choice ``none`` there are none; ``required`` or a name forces one.
    Names are those declared, since a client may have had to rewrite them for its vendor.
    """
    if tools is None:
        return ScriptedTurn(turn.text + _calls_as_text(turn.calls)) if turn.calls else turn
    if tools.choice == "none":
        return ScriptedTurn(turn.text or NO_CALL) if turn.calls else turn
    if turn.calls:
        by_plain_name = {plain_name(tool.name): tool.name for tool in tools.tools}
        turn = turn._replace(
            calls=tuple(
                call
                if tools.tool(call.name)
                else call._replace(name=by_plain_name.get(plain_name(call.name), call.name))
                for call in turn.calls
            )
        )
    if tools.choice == "auto":
        return turn
    if tools.choice == "required":
        return turn if turn.calls else turn._replace(calls=(_least_call(tools.tools[0]),))
    named = tuple(call for call in turn.calls if call.name == tools.choice)
    tool = tools.tool(tools.choice)
    return turn._replace(calls=named or ((_least_call(tool),) if tool else ()))


def _calls_as_text(calls: Sequence[ScriptedCall]) -> str:
    return json.dumps(
        [{"name": call.name, "arguments": json.loads(call.arguments_json)} for call in calls],
        ensure_ascii=False,
    )


def _least_call(tool: Tool) -> ScriptedCall:
    """Return a call whose arguments are the least that the schema asks for."""
    return ScriptedCall(tool.name, canonical_json(least_value(tool.parameters)), (-1, 0))


_LEAST: Mapping[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "null": None,
}


def least_value(schema: Mapping[str, Any]) -> Any:
    """Return the least value of a JSON Schema's type, with what is required of an object."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind.lower() != "object":
        return _LEAST.get(kind.lower())
    inner = schema.get("properties") or {}
    return {name: least_value(inner.get(name) or {}) for name in schema.get("required") or ()}


def break_calls(turn: ScriptedTurn, fault: str) -> ScriptedTurn:
    """Return a reply whose first call has a fault of :class:`gapbench_runners.sim_server.persona.ToolFaults`."""
    first, *rest = turn.calls
    if fault == "malformed_arguments":
        first = first._replace(arguments_json=first.arguments_json.rstrip().removesuffix("}"))
    elif fault == "unknown_tool":
        first = first._replace(name=f"{first.name}_that_is_not_there")
    elif fault == "cut_call":
        return turn._replace(calls=(first._replace(arguments_json=_first_half(first.arguments_json)),))
    return turn._replace(calls=(first, *rest))


def _first_half(text: str) -> str:
    return text[: max(1, len(text) // 2)]
