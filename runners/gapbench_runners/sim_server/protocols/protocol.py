"""What the four protocols have in common: the seam to the server, and their shared pieces."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from gapbench.values import Audio, Document, Image, Medium, Message, Part, Role, Text, ToolResult
from gapbench_runners.sim_server.reply import SimReply, SimRequest

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "tool": "tool",
    "function": "user",
    "assistant": "assistant",
    "model": "assistant",
}


MAX_CHOICES = 128
"""Most answers to one request, as in OpenAI's API."""


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


class VendorRefusalError(ValueError):
    """What the vendor itself refuses, in its own words.

    Attributes:
        status: HTTP status.
        code: The vendor's error code. None: that of the status.
    """

    def __init__(self, message: str, *, status: int = 400, code: str | None = None) -> None:
        """Make the refusal."""
        super().__init__(message)
        self.status = status
        self.code = code


class WireProtocol(Protocol):
    """What the server needs of a protocol."""

    overloaded_status: int

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Return what a request's body asks.

        Raises:
            KeyError, ValueError: It has another form.
            VendorRefusalError: The vendor refuses it.
        """

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Return the reply as events."""

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply as one JSON body."""

    def render_error(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:
        """Return an error's body; a vendor without error codes ignores ``code``."""


def sse_event(value: Any, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    named = f"event: {event}\n".encode() if event else b""
    return named + b"data: " + orjson.dumps(value) + b"\n\n"


def parse_medium(media_type: str, encoded: str, name: str | None = None) -> Medium:
    """Return an image, a document or a sound of its base64 text; it is counted, not read."""
    # Google's SDK writes bytes in the URL-safe alphabet, curl users in the other.
    data = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    if media_type == "application/pdf":
        return Document(media_type, data, name or "document.pdf")
    return Audio(media_type, data) if media_type.startswith("audio/") else Image(media_type, data)


def parse_data_uri(uri: str, name: str | None = None) -> Medium:
    """Return what a data URI holds; raises ``ValueError`` for another address."""
    head, comma, encoded = uri.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise ValueError(f"an image or a file must be a base64 data URI, found {uri[:60]!r}")
    return parse_medium(head.removeprefix("data:").removesuffix(";base64"), encoded, name)


def parse_message(
    role: str,
    content: str | list[Mapping[str, Any]] | None,
    read: Callable[[Mapping[str, Any]], tuple[Part, ...]],
) -> Message:
    """Return one turn.

    Args:
        role: The vendor's name of the role.
        content: Plain text, or parts. None: the turn has no text, as when the model called a tool.
        read: Returns what a part says; () for one that says nothing.
    """
    if role not in _ROLES:
        raise ValueError(f"role must be one of {', '.join(_ROLES)}, found {role!r}")
    if content is None:
        return Message(_ROLES[role], ())
    if isinstance(content, str):
        return Message(_ROLES[role], (Text(content),))
    if not isinstance(content, list) or not all(isinstance(part, Mapping) for part in content):
        raise ValueError(f"content must be a text or a list of parts, found {content!r:.60}")
    return Message(_ROLES[role], tuple(found for part in content for found in read(part)))


def parse_stop(value: Any) -> tuple[str, ...]:
    """Return stop texts given as one text, as a list, or not at all; raises ``ValueError`` for anything else."""
    words = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise ValueError(f"stop must be a text or a list of texts that are not empty, found {value!r:.60}")
    return tuple(words)


def parse_choices(value: Any) -> int:
    """Return the number of answers that are asked for, 1 if none is given; raises ``ValueError`` for anything else."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_CHOICES:
        raise ValueError(
            f"the number of choices must be a whole number from 1 to {MAX_CHOICES}, found {value!r}"
        )
    return value


def refuse_part(kind: object) -> ValueError:
    """Return the error for a part of a message that is not simulated."""
    return ValueError(
        f"content of type {kind!r} is not simulated; send text, images, PDFs, sounds and tool calls"
    )


def json_text(value: Any) -> str:
    """Return a value of a request as JSON text."""
    return orjson.dumps(value).decode()


def parse_text(value: Any) -> Text:
    """Return a piece of text; raises ``ValueError`` for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"text must be a string, found {value!r}")  # noqa: TRY004 - the sender's value
    return Text(value)


def result_message(call_id: str, name: str, parts: tuple[Part, ...], *, is_error: bool = False) -> Message:
    """Return what a tool returned: its text as a result, and its media."""
    text = "".join(part.text for part in parts if isinstance(part, Text))
    media = tuple(part for part in parts if isinstance(part, Medium))
    return Message("tool", (ToolResult(call_id, name, text, is_error), *media))


def system_messages(text: str) -> tuple[Message, ...]:
    """Return a system prompt as a message; none for no text."""
    return (Message("system", (Text(text),)),) if text else ()


def reply_id(prefix: str, reply: SimReply) -> str:
    """Return an id that depends on prompt and repeat alone."""
    return f"{prefix}-{reply.prompt_sha256[:16]}-{reply.nth}"


def created_at() -> int:
    """Return the wall clock in whole seconds, as the vendors date a reply."""
    return int(datetime.now(UTC).timestamp())


def check_request(request: SimRequest) -> None:
    """Raise ``ValueError`` for what no protocol allows."""
    budget = request.max_tokens
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int) or budget < 0):
        raise ValueError(f"the token budget must be a whole number of at least 0, found {budget!r}")
    if not isinstance(request.model, str):
        raise ValueError(f"model must be a name, found {request.model!r}")  # noqa: TRY004 - the sender's value
    if not request.messages:
        raise ValueError("no messages")
