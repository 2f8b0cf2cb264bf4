"""Pieces of tool calls out of the events of each vendor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gapbench.values import ToolCallPiece


def arguments_text(arguments: Any) -> str:
    """Return arguments as JSON text; OpenAI sends a text, others an object. None: no arguments."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments, ensure_ascii=False)


def make_piece(index: Any, identity: Any, name: Any, arguments: Any, signature: Any = None) -> ToolCallPiece:
    """Return a piece with the fields that a server sent."""
    return ToolCallPiece(
        index if isinstance(index, (int, str)) else None,
        str(identity or ""),
        str(name or ""),
        arguments_text(arguments),
        str(signature) if signature else None,
    )


def chat_tool_pieces(delta: Mapping[str, Any]) -> Iterator[ToolCallPiece]:
    """Yield the pieces of ``tool_calls`` and of the older ``function_call`` in a delta of Chat Completions."""
    for tool in delta.get("tool_calls") or ():
        function = tool.get("function") or tool
        yield make_piece(
            tool.get("index"),
            tool.get("id"),
            function.get("name"),
            function.get("arguments"),
            _google_signature(tool.get("extra_content")),
        )
    call = delta.get("function_call")
    if call:
        # A reply has at most one of these.
        yield make_piece("function_call", None, call.get("name"), call.get("arguments"))


def _google_signature(extra: Any) -> Any:
    """Return the thought signature that Google's compatible route adds to a call. None: there is none."""
    google = extra.get("google") if isinstance(extra, Mapping) else None
    return google.get("thought_signature") if isinstance(google, Mapping) else None
