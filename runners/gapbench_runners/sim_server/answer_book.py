"""The answer book on disk: one ground truth a line, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from gapbench.values import GroundTruth, Message, Part, Text, ToolCall, messages_as_json

AnswerBook = Mapping[str, Sequence[GroundTruth]]
"""By the hash of the first prompt: the ground truths of the samples that have it."""


def make_answer_book(truths: Iterable[GroundTruth]) -> AnswerBook:
    """Return ground truths by prompt."""
    book: dict[str, list[GroundTruth]] = {}
    for truth in truths:
        book.setdefault(truth.prompt_sha256, []).append(truth)
    return book


def dump_answer_book(truths: Iterable[GroundTruth]) -> bytes:
    """Return ground truths as JSON lines."""
    return b"".join(orjson.dumps(_truth_as_json(truth), option=orjson.OPT_APPEND_NEWLINE) for truth in truths)


def _truth_as_json(truth: GroundTruth) -> dict[str, Any]:
    return {
        "prompt_sha256": truth.prompt_sha256,
        "category": truth.category,
        "reference": truth.reference,
        "decoy": truth.decoy,
        "reference_turns": messages_as_json(truth.reference_turns),
        "decoy_turns": messages_as_json(truth.decoy_turns),
        "user_lines": truth.user_lines,
        "tool_names": truth.tool_names,
        "rung": truth.rung,
    }


def parse_truth(line: bytes | str) -> GroundTruth:
    """Return the ground truth of one line.

    Raises:
        TypeError, ValueError: The line is not one, with what is wrong.
    """
    given = orjson.loads(line)
    for key in ("reference_turns", "decoy_turns"):
        given[key] = tuple(_parse_turn(turn) for turn in given.get(key, ()))
    for key in ("user_lines", "tool_names"):
        given[key] = tuple(given.get(key, ()))
    return GroundTruth(**given)


def _parse_turn(given: Mapping[str, Any]) -> Message:
    if given.get("role") != "assistant":
        raise ValueError(f"a turn must have the role assistant, found {given.get('role')!r}")
    return Message("assistant", tuple(_parse_part(part) for part in given["parts"]))


def _parse_part(given: Mapping[str, Any]) -> Part:
    call = given.get("tool_call")
    if call is not None:
        return ToolCall(call.get("id") or "", call["name"], call["arguments"])
    if "text" in given:
        return Text(given["text"])
    raise ValueError(f"a turn holds text and tool calls, found {', '.join(given)}")
