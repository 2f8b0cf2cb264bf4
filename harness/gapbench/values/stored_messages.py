"""Read messages back from the JSON form in which they are hashed and stored, and show their parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gapbench.values.messages import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
    canonical_json,
)

ReadMedium = Callable[[str], bytes | None]
"""Returns the bytes with a SHA-256. None: they are not kept."""
_MAX_INDENTED_CHARS = 100_000


def messages_from_json(stored: Iterable[Mapping[str, Any]], read_medium: ReadMedium) -> tuple[Message, ...]:
    """Return the messages that :func:`gapbench.values.messages_as_json` wrote.

    Args:
        stored: The messages as JSON values.
        read_medium: Called for each image, document and sound. One that is not kept becomes a line of text that says so.
    """
    return tuple(
        Message(message["role"], parts_from_json(message["parts"], read_medium)) for message in stored
    )


def parts_from_json(stored: Iterable[Mapping[str, Any]], read_medium: ReadMedium) -> tuple[Part, ...]:
    """Return the parts of one message; see :func:`messages_from_json`. A note on new tools is no part of a prompt."""
    return tuple(_part_from_json(part, read_medium) for part in stored if "new_tools" not in part)


def _part_from_json(part: Mapping[str, Any], read_medium: ReadMedium) -> Part:
    if "text" in part:
        return Text(part["text"])
    if "tool_call" in part:
        call = part["tool_call"]
        return ToolCall(call["id"], call["name"], call["arguments"], call.get("signature"))
    if "tool_result" in part:
        result = part["tool_result"]
        return ToolResult(result["call_id"], result["name"], result["content"], result["is_error"])
    if "reasoning_state" in part:
        return ReasoningState(part["reasoning_state"]["api"], part["reasoning_state"]["item"])
    return _medium_from_json(part, read_medium)


def _medium_from_json(part: Mapping[str, Any], read_medium: ReadMedium) -> Part:
    for kind in ("image", "document", "audio"):
        digest = part.get(f"{kind}_sha256")
        if digest is None:
            continue
        data = read_medium(digest)
        if data is None:
            return Text(f"[{'an' if kind != 'document' else 'a'} {kind} that is not kept with the run]")
        if kind == "image":
            return Image(part["media_type"], data)
        if kind == "document":
            return Document(part["media_type"], data, part["name"])
        return Audio(part["media_type"], data)
    raise ValueError(f"a stored message has a part of an unknown kind: {sorted(part)}")


def describe_part(part: Mapping[str, Any]) -> dict[str, str]:
    """Return a stored part as every page and table shows it.

    An image has ``image`` (its hash) and ``media_type``. Every other part has ``text``; one that is not plain text has
    ``kind`` besides (``call``, ``result``, ``error``, ``new tools``, ``document``, ``audio``, ``reasoning state`` or
    ``part``), and a call or a result ``name``, the tool's.
    """
    if "text" in part:
        return {"text": str(part["text"])}
    if "image_sha256" in part:
        return {"image": str(part["image_sha256"]), "media_type": str(part.get("media_type", ""))}
    if "tool_call" in part:
        call = part["tool_call"]
        return {"kind": "call", "name": str(call["name"]), "text": indent_json(str(call["arguments"]))}
    if "tool_result" in part:
        result = part["tool_result"]
        kind = "error" if result["is_error"] else "result"
        return {"kind": kind, "name": str(result["name"]), "text": str(result["content"])}
    if "reasoning_state" in part:
        state = part["reasoning_state"]
        size = len(str(state["item"]))
        return {"kind": "reasoning state", "text": f"[{size:,} characters that only {state['api']} reads]"}
    if "new_tools" in part:
        return {"kind": "new tools", "text": ", ".join(map(str, part["new_tools"]))}
    for kind in ("document", "audio"):
        if f"{kind}_sha256" in part:
            facts = [part.get("name"), part.get("media_type"), f"sha256 {str(part[f'{kind}_sha256'])[:12]}…"]
            return {"kind": kind, "text": f"[{', '.join(str(fact) for fact in facts if fact)}]"}
    return {"kind": "part", "text": canonical_json(part)}


def indent_json(text: str) -> str:
    """Return JSON with line breaks for a reader. Text that is not JSON, or is too long to lay out, is returned as it is."""
    if len(text) > _MAX_INDENTED_CHARS:
        return text
    try:
        shown = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
        shown.encode()  # Half a character, which no file can hold, stays in the form that it came in.
    except (ValueError, RecursionError):
        return text
    return shown
