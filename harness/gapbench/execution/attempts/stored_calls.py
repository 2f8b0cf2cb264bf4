"""The tool calls of a reply in the payload table: written with the results of those that ran, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gapbench.values import StepRecord, ToolCall, canonical_json


def tool_calls_as_json(calls: Sequence[ToolCall], records: Sequence[StepRecord]) -> str | None:
    """Return the calls of a reply as JSON, each with its result if it ran. None: there are none.

    Args:
        calls: The calls, in order.
        records: The calls that were answered, in the same order.
    """
    if not calls:
        return None
    waiting = list(records)
    entries: list[dict[str, Any]] = []
    for call in calls:
        entry: dict[str, Any] = {"id": call.id, "name": call.name, "arguments_json": call.arguments_json}
        if call.signature is not None:
            entry["signature"] = call.signature
        if waiting and waiting[0].name == call.name:
            record = waiting.pop(0)
            entry |= {
                "result": record.content,
                "is_error": record.is_error,
                "problem": record.problem,
                "tool_s": record.tool_s,
            }
        entries.append(entry)
    return canonical_json(entries)


def tool_calls_from_json(
    stored: str | None, turn: int
) -> tuple[tuple[ToolCall, ...], tuple[StepRecord, ...]]:
    """Return the calls of a reply and those that were answered, as :func:`tool_calls_as_json` wrote them.

    Args:
        stored: The column ``calls`` of the payload table.
        turn: The reply that made them, from 0.
    """
    entries: list[dict[str, Any]] = orjson.loads(stored) if stored else []
    calls = tuple(
        ToolCall(entry["id"], entry["name"], entry["arguments_json"], entry.get("signature"))
        for entry in entries
    )
    records = tuple(
        StepRecord(
            turn,
            entry["id"],
            entry["name"],
            _to_arguments(entry["arguments_json"]),
            entry["result"],
            entry["is_error"],
            entry["problem"],
            entry["tool_s"],
        )
        for entry in entries
        if "result" in entry
    )
    return calls, records


def _to_arguments(text: str) -> dict[str, Any] | None:
    """Return arguments as an object. None: they are not a JSON object."""
    try:
        value = orjson.loads(text.strip() or "{}")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
