"""The replies that score 1 and 0 as messages with tool calls: from a column, a recording, or a target that names calls.

Only simulated providers see them, and ``bench validate``, which scores those of single replies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gapbench.suite.tasks.expected_calls import read_expected_calls, reference_message
from gapbench.suite.tasks.prompted_tools import message_as_text
from gapbench.values import Message, Part, Sample, Text, ToolCall

CALL_SCORERS = frozenset({"tool_call", "tool_calls"})
NO_CALL_REPLY = "None of the tools helps here."


class ReferenceTurnsError(ValueError):
    """A column holds no list of turns."""


def scores_calls(scorer: Any) -> bool:
    """Return whether a task's scorer entry compares tool calls with the target, alone or in a list under ``all``."""
    if isinstance(scorer, str):
        return scorer in CALL_SCORERS
    if not isinstance(scorer, Mapping):
        return False
    parts = scorer.get("all") or scorer.get("scorers")
    if isinstance(parts, Sequence) and not isinstance(parts, str):
        return any(map(scores_calls, parts))
    return scorer.get("name") in CALL_SCORERS


def calls_as_target(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the calls of messages in the form of a target; [] where they make none."""
    return [
        {"name": call.name, "arguments": _arguments(call.arguments_json)}
        for message in messages
        for call in message.tool_calls
    ]


def read_reference_turns(value: Any) -> tuple[Message, ...]:
    """Return an assistant's messages from a list of turns ``{text, tool_calls: [{name, arguments}]}``, or JSON text of one.

    Raises:
        ReferenceTurnsError: It is no such list.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError) as exc:
            raise ReferenceTurnsError(f"found {value[:60]!r}; expected a list of turns as JSON") from exc
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise ReferenceTurnsError(
            f"found {type(value).__name__}; expected a list of turns {{text, tool_calls}}"
        )
    return tuple(_read_turn(turn, number) for number, turn in enumerate(value, 1))


def _read_turn(turn: Any, number: int) -> Message:
    if not isinstance(turn, Mapping) or set(turn) - {"text", "tool_calls"}:
        found = ", ".join(map(str, turn)) if isinstance(turn, Mapping) else type(turn).__name__
        raise ReferenceTurnsError(f"turn {number} has {found or 'nothing'}; expected text and tool_calls")
    text = turn.get("text")
    parts: list[Part] = [Text(str(text))] if text else []
    for call in turn.get("tool_calls") or ():
        name = call.get("name") if isinstance(call, Mapping) else None
        if not isinstance(name, str):
            raise ReferenceTurnsError(f"turn {number}: a call without name; expected {{name, arguments}}")
        arguments = call.get("arguments")
        as_json = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
        parts.append(ToolCall("", name, as_json))
    return Message("assistant", tuple(parts) or (Text(""),))


def with_references(sample: Sample, *, compares_calls: bool) -> Sample:
    """Return a sample whose references and decoys follow from each other where the task gives only some.

    With tools and a target of calls, the reference makes the first allowed calls. A target without any call gets a decoy
    that makes one. In a prompt that describes its tools, the turns are text.

    Args:
        sample: The sample as the task gives it.
        compares_calls: Whether its scorer compares calls with the target.
    """
    tools = sample.tools or sample.described_tools
    if tools is not None and compares_calls and sample.episode is None:
        sample = _with_derived_turns(sample, tools.tools[0].name)
    if sample.described_tools is not None:
        sample = replace(
            sample,
            reference_turns=tuple(map(_as_text_turn, sample.reference_turns)),
            decoy_turns=tuple(map(_as_text_turn, sample.decoy_turns)),
        )
    reference, decoy = sample.reference, sample.decoy
    if reference is None and sample.reference_turns:
        reference = message_as_text(sample.reference_turns[-1])
    if decoy is None and sample.decoy_turns:
        decoy = message_as_text(sample.decoy_turns[-1])
    if reference is sample.reference and decoy is sample.decoy:
        return sample
    return replace(sample, reference=reference, decoy=decoy)


def _with_derived_turns(sample: Sample, first_tool: str) -> Sample:
    wanted = read_expected_calls(sample.target)
    if wanted is None:
        return sample
    reference, decoy = sample.reference_turns, sample.decoy_turns
    if not reference and sample.reference is None:
        reference = (reference_message(wanted) if wanted else Message("assistant", (Text(NO_CALL_REPLY),)),)
    if not wanted and not decoy and sample.decoy is None:
        decoy = (Message("assistant", (ToolCall("", first_tool, "{}"),)),)
    return replace(sample, reference_turns=reference, decoy_turns=decoy)


def _as_text_turn(message: Message) -> Message:
    return Message("assistant", (Text(message_as_text(message)),))


def _arguments(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return text
