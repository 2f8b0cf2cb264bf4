"""Exchanges as the recording proxy sees them, and the lines that it writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.recording.exchange import Body, Exchange
from gapbench.traffic.recording.line_builder import LineBuilder
from gapbench.traffic.recording.protocols import Protocol, find_call

PATHS = {
    Protocol.CHAT: "/v1/chat/completions",
    Protocol.RESPONSES: "/v1/responses",
    Protocol.MESSAGES: "/v1/messages",
    Protocol.GOOGLE: "/v1beta/models/m:streamGenerateContent",
}
HASHER = IdentityHasher()


def body(data: bytes, encoding: str = "", *, piece_bytes: int = 0) -> Body:
    found = Body(encoding=encoding)
    size = piece_bytes or len(data) or 1
    for number, at in enumerate(range(0, len(data), size)):
        found.add(11.0 + number, data[at : at + size])
    return found


def exchange(protocol: Protocol, request: Any, reply: bytes, **more: Any) -> Exchange:
    call = find_call("POST", PATHS[protocol])
    assert call is not None
    given = {"content_type": "text/event-stream", "status": 200, "ended_s": 20.0, **more}
    encoding = given.pop("encoding", "")
    return Exchange(
        call, "openai", datetime(2026, 11, 30, tzinfo=UTC), 10.0, given.pop("labels", {}),
        request=body(orjson.dumps(request)), reply=body(reply, encoding), **given,
    )  # fmt: skip


def line_of(one: Exchange, *, keep_texts: bool = True) -> dict[str, Any]:
    line: dict[str, Any] = orjson.loads(LineBuilder(HASHER, keep_texts=keep_texts).build(one))
    return line


def events(*given: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % orjson.dumps(one) for one in given)
