"""Whatever a client sends and a server answers, the request has its line, which the import reads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gapbench.traffic.recording.protocols import Protocol
from tests.recorded_lines import exchange, line_of
from tests.traffic_logs import CHAT_REPLY, CLAUDE_REPLY, import_files

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    {"a": None},
    {"type": ["image"]},
    [{"type": {}}],
)
"""What takes the place of one value."""
PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
BODIES: dict[Protocol, tuple[dict[str, Any], dict[str, Any]]] = {
    Protocol.CHAT: (
        {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, PART]}], "tools": [{"type": "function"}],
         "response_format": {"type": "json_object"}, "user": "u", "metadata": {"session_id": "s"}},
        CHAT_REPLY,
    ),
    Protocol.RESPONSES: (
        {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}], "instructions": "i",
         "conversation": {"id": "c"}, "reasoning": {"effort": "low"}},
        {"id": "r", "object": "response", "status": "completed", "incomplete_details": {"reason": "x"}, "error": None,
         "output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}, {"type": "function_call", "name": "f"}],
         "usage": {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}},
    ),
    Protocol.MESSAGES: (
        {"model": "m", "system": [{"type": "text", "text": "s"}], "metadata": {"user_id": "u"},
         "messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image", "source": {"data": "AAAA"}}]}]}]},
        CLAUDE_REPLY,
    ),
    Protocol.GOOGLE: (
        {"contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"data": "AAAA"}}]}],
         "systemInstruction": {"parts": [{"text": "s"}]}, "tools": [{"functionDeclarations": [{"name": "f"}]}],
         "generationConfig": {"temperature": 0}},
        {"candidates": [{"content": {"parts": [{"text": "hi"}, {"functionCall": {"name": "f", "args": {}}}]}, "finishReason": "STOP"}],
         "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 1}},
    ),
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a JSON value but the outermost."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def with_odd_values(draw: random.Random, body: dict[str, Any], times: int) -> Any:
    """Return a copy of a body in which some values have another shape."""
    changed = json.loads(json.dumps(body))
    for _ in range(times):
        path = draw.choice(list(places(changed)) or [()])
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        if path:
            holder[path[-1]] = json.loads(json.dumps(draw.choice(ODD)))
    return changed


@pytest.mark.parametrize("keep_texts", [True, False])
@pytest.mark.parametrize("protocol", list(Protocol))
def test_bodies_of_any_shape_have_their_line(tmp_path: Path, protocol: Protocol, keep_texts: bool) -> None:
    """120 pairs, with up to four odd values on each side: none is lost, and each is one row of the import."""
    draw = random.Random(f"{protocol}")
    lines = []
    for number in range(120):
        request, reply = BODIES[protocol]
        reply = {
            **with_odd_values(draw, reply, draw.randrange(4)),
            "id": f"r-{number}",
            "responseId": f"r-{number}",
        }
        given = with_odd_values(draw, request, draw.randrange(5))
        one = exchange(
            protocol, given, orjson.dumps(reply), content_type="application/json", status=200 + number
        )
        line = line_of(one, keep_texts=keep_texts)
        assert (200 + number, 10.0) == (line["http_status"], line["response_s"])
        lines.append(line)
    rows, report = import_files(tmp_path, {"traffic.jsonl": lines})

    assert (120, 0) == (len(rows), report.set_aside)
