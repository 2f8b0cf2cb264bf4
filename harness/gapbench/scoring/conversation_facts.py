"""What a model did in a conversation: the calls it made and what it said, without the prompt's own history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gapbench.values import Message, Sample, Transcript


@dataclass(frozen=True, slots=True)
class CallMade:
    """One call of the model.

    Attributes:
        name: The tool as the model wrote it.
        arguments: The arguments. None: they are not a JSON object.
        has_failed: Whether its result is an error, or it is invalid.
    """

    name: str
    arguments: Mapping[str, Any] | None
    has_failed: bool = False


def calls_made(transcript: Transcript, sample: Sample) -> list[CallMade]:
    """Return the calls of a model in order: those that ran, then those of the last reply if they did not run."""
    made = [
        CallMade(step.name, step.arguments, step.is_error or step.problem is not None)
        for step in transcript.steps
    ]
    replies = model_replies(transcript, sample)
    has_run = any(step.turn == len(replies) - 1 for step in transcript.steps)
    if replies and not has_run and transcript.messages[-1].role == "assistant":
        made += calls_in([replies[-1]])
    return made


def calls_in(messages: Sequence[Message]) -> list[CallMade]:
    """Return the calls of an assistant's messages."""
    return [
        CallMade(call.name, parse_arguments(call.arguments_json))
        for message in messages
        for call in message.tool_calls
    ]


def model_replies(transcript: Transcript, sample: Sample) -> list[Message]:
    """Return the messages that the model itself wrote: those of the assistant after the sample's prompt."""
    return [message for message in transcript.messages[len(sample.messages) :] if message.role == "assistant"]


def parse_arguments(text: str) -> Mapping[str, Any] | None:
    """Return the arguments of a call. None: they are not a JSON object."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
