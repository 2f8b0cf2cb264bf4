"""What the values of a column look like: text, images, addresses, times, identifiers, or conversations."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.prompt_problems import is_image

ValueKind = Literal[
    "text", "number", "image", "image_url", "url", "time", "identifier", "conversation", "object"
]

_INSPECTED_ROWS = 20
_IMAGE_URL = re.compile(r"https?://\S+\.(?:png|jpe?g|gif|webp)(?:[?#]\S*)?", re.IGNORECASE)
_URL = re.compile(r"(?:https?|s3|gs|ftp)://\S+", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?=[0-9a-f]*\d)[0-9a-f]{16,}", re.IGNORECASE)
_CODE = re.compile(r"(?=\S*\d)[A-Za-z]{1,12}[-_:][A-Za-z0-9_:.-]{4,}")
_EPOCH_S = (946_684_800, 4_102_444_800)
"""Seconds since 1970 from 2000 to 2100; the same numbers of milliseconds are times too."""


def column_kind(rows: Sequence[Row], column: str, base: Path) -> ValueKind | None:
    """Return the kind of nearly all values of a column. None: it is empty, or has no common kind.

    Args:
        rows: The first rows of the data.
        column: The column.
        base: Folder that image paths are relative to.
    """
    values = [row[column] for row in rows[:_INSPECTED_ROWS] if row.get(column) not in (None, "")]
    kinds = Counter(kind_of_value(value, base) for value in values)
    if not kinds:
        return None
    kind, count = kinds.most_common(1)[0]
    return kind if count >= 0.9 * len(values) else None


def kind_of_value(value: Any, base: Path) -> ValueKind:
    """Return what a value looks like.

    Args:
        value: The value.
        base: Folder that image paths are relative to.
    """
    if isinstance(value, bool):
        return "text"
    if isinstance(value, (int, float)):
        return "time" if _is_epoch(value) else "number"
    if _is_conversation(value):
        return "conversation"
    if is_image(value, base):
        return "image"
    return _kind_of_text(value.strip()) if isinstance(value, str) else "object"


def _kind_of_text(text: str) -> ValueKind:
    if text[:1] in {"{", "["}:
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return "text"
        return (
            "conversation"
            if _is_conversation(inner)
            else "object"
            if isinstance(inner, (dict, list))
            else "text"
        )
    if _IMAGE_URL.fullmatch(text):
        return "image_url"
    if _URL.fullmatch(text):
        return "url"
    if _is_time(text):
        return "time"
    if any(pattern.fullmatch(text) for pattern in (_UUID, _HEX, _CODE)):
        return "identifier"
    try:
        number = float(text)
    except ValueError:
        return "text"
    return "time" if _is_epoch(number) else "number"


def _is_conversation(value: Any) -> bool:
    """Return whether a value is a list of turns, a request with such a list, or a stored reply with a role.

    A turn has a ``role``, or ``from`` and ``value`` as in ShareGPT's form; among turns of the Responses API stand items
    with a ``call_id``.
    """
    if isinstance(value, Mapping):
        keys = ("messages", "contents", "input", "prompt", "conversations", "conversation")
        if any(_is_conversation(value.get(key)) for key in keys):
            return True
        return "role" in value and bool({"content", "parts", "tool_calls"} & value.keys())
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(isinstance(turn, Mapping) and _is_turn(turn) for turn in value)


def _is_turn(turn: Mapping[str, Any]) -> bool:
    return (
        "role" in turn
        or "call_id" in turn
        or turn.get("type") == "reasoning"
        or {"from", "value"} <= turn.keys()
    )


def _is_epoch(value: float) -> bool:
    low, high = _EPOCH_S
    return low <= value <= high or low <= value / 1_000 <= high


def _is_time(text: str) -> bool:
    """Return whether a text is a day or a time in ISO 8601."""
    if not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
