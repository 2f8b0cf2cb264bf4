"""What the four protocols have in common: the seam to the server, and their shared pieces."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from harness.values import Image, Message, Part, Text
from runners.sim_server.reply import Asked, Reply


class WireProtocol(Protocol):
    """What the server needs of a protocol."""

    overloaded_status: int

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return what a request's body asks; raises ``KeyError`` or ``ValueError`` for another form."""

    def head(self, reply: Reply, model: str) -> bytes:
        """Return what is written with the first chunk, before it."""

    def chunk(self, text: str, channel: str, reply: Reply, model: str, *, first: bool) -> bytes:
        """Return one chunk of ``reasoning`` or ``answer``; ``first`` of its channel."""

    def tail(self, reply: Reply, asked: Asked, model: str) -> bytes:
        """Return what is written after the last chunk."""

    def whole(self, reply: Reply, model: str) -> dict[str, Any]:
        """Return the reply as one JSON body."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error's body."""


def data(value: Any, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    named = f"event: {event}\n".encode() if event else b""
    return named + b"data: " + orjson.dumps(value) + b"\n\n"


def image_of(uri: str) -> Image:
    """Return the image in a data URI."""
    head, _, encoded = uri.partition(",")
    return Image(head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(encoded))


def parts_of(content: Any, read: Any) -> tuple[Part, ...]:
    """Return a message's parts; plain text is one part."""
    if isinstance(content, str):
        return (Text(content),)
    return tuple(read(part) for part in content)


def system_of(text: str) -> tuple[Message, ...]:
    """Return a system prompt as a message; none for no text."""
    return (Message("system", (Text(text),)),) if text else ()


def reply_id(prefix: str, reply: Reply) -> str:
    """Return an id that depends on prompt and repeat alone."""
    return f"{prefix}-{reply.prompt_sha256[:16]}-{reply.nth}"
