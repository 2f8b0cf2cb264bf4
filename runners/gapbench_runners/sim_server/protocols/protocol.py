"""What the four protocols have in common: the seam to the server, and their shared pieces."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from gapbench.values import Image, Message, Part, Role, Text
from gapbench_runners.sim_server.reply import SimReply, SimRequest

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
}


class RenderedStream(NamedTuple):
    """A streamed reply's events, before any is due.

    Attributes:
        head: Written with the first chunk, before it.
        chunks: One for each of the reply's reasoning and then answer chunks.
        tail: Written with the last chunk, after it; the end mark is in it.
    """

    head: bytes
    chunks: tuple[bytes, ...]
    tail: bytes


class WireProtocol(Protocol):
    """What the server needs of a protocol."""

    overloaded_status: int

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Return what a request's body asks; raises ``KeyError`` or ``ValueError`` for another form."""

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Return the reply as events."""

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply as one JSON body."""

    def render_error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error's body."""


def sse_event(value: Any, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    named = f"event: {event}\n".encode() if event else b""
    return named + b"data: " + orjson.dumps(value) + b"\n\n"


def parse_image(uri: str) -> Image:
    """Return the image in a data URI; raises ``ValueError`` for another address."""
    head, comma, encoded = uri.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise ValueError(f"an image must be a base64 data URI, found {uri[:60]!r}")
    return Image(head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(encoded, validate=True))


def parse_message(
    role: str, content: str | list[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], Part]
) -> Message:
    """Return one turn; plain text is one part, other content is read part by part."""
    parts = (Text(content),) if isinstance(content, str) else tuple(read(part) for part in content)
    return Message(_ROLES[role], parts)


def parse_text(value: Any) -> Text:
    """Return a piece of text; raises ``ValueError`` for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"text must be a string, found {value!r}")  # noqa: TRY004 - the sender's value
    return Text(value)


def system_messages(text: str) -> tuple[Message, ...]:
    """Return a system prompt as a message; none for no text."""
    return (Message("system", (Text(text),)),) if text else ()


def reply_id(prefix: str, reply: SimReply) -> str:
    """Return an id that depends on prompt and repeat alone."""
    return f"{prefix}-{reply.prompt_sha256[:16]}-{reply.nth}"


def created_at() -> int:
    """Return the wall clock in whole seconds, as the vendors date a reply."""
    return int(datetime.now(UTC).timestamp())
