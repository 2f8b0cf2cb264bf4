"""The body of a reply in a log: as it came, or put together from the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gapbench.errors import RunnerError
from gapbench.traffic.draft import LineError, as_list, as_mapping, parse_json
from gapbench.traffic.recording.protocols import Protocol
from gapbench.traffic.recording.stream_replies import SHAPE_ERRORS, STREAMED_REPLIES
from gapbench.traffic.replies import looks_like_reply
from gapbench.traffic.requests import read_body
from gapbench.transport import EventParser
from gapbench.transport.sse import looks_like_events

_STREAM_KEYS = ("chunks", "events", "stream", "streamed_data", "streamedData")
"""Names that logs give to the list of events inside a reply."""
_MESSAGE_EVENTS = frozenset(
    {
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    }
)  # fmt: skip
_WHOLE = ("chat.completion", "response", "text_completion")
"""What whole replies say they are, which saves a closer look."""
_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""Events that have the whole reply."""


def read_reply_body(value: Any) -> dict[str, Any]:
    """Return the body of a logged reply; for a stream, the body of the same reply sent whole. {}: it is not a reply.

    A stream is a list of its events, their text as the server sent it, or either under a name such as ``chunks``.

    Raises:
        LineError: The events of a stream have another shape than documented.
    """
    if value is None:
        return {}
    body = read_body(value)
    if body.get("object") in _WHOLE or (looks_like_reply(body) and stream_protocol(body) is None):
        return body
    for given in (value, *(body.get(key) for key in _STREAM_KEYS)):
        if isinstance(given, (list, str)) and given:
            found = _join_events(given)
            if found:
                return found
    return body


def stream_protocol(event: Any) -> Protocol | None:
    """Return the protocol of which a value is one event of a streamed reply. None: it is not such an event."""
    if not isinstance(event, dict):
        return None
    choices = event.get("choices")
    if isinstance(choices, list):
        is_chunk = str(event.get("object")).endswith(".chunk") or any(
            isinstance(choice, dict) and "delta" in choice and "message" not in choice for choice in choices
        )
        return Protocol.CHAT if is_chunk else None
    kind = str(event.get("type"))
    if kind in _MESSAGE_EVENTS:
        return Protocol.MESSAGES
    return Protocol.RESPONSES if kind.startswith("response.") else None


def refuse_event(item: dict[str, Any]) -> None:
    """Refuse a record that is one event of a stream: as a request of its own it would count a reply many times.

    Raises:
        LineError: It is one.
    """
    if "choices" not in item and "type" not in item:
        return
    if stream_protocol(item) is not None and str(item.get("type")) not in _LAST_EVENTS:
        raise LineError(
            "is one event of a streamed reply, not a whole reply; log the events of a reply as one list, or record "
            "requests with `bench record`"
        )


def _join_events(given: list[Any] | str) -> dict[str, Any]:
    """Return the body of a streamed reply as if it had been sent whole. {}: these are not events of a stream."""
    try:
        events = list(_events(given))
        protocol = next((found for one in events if (found := stream_protocol(one)) is not None), None)
        if protocol is None:
            return {}
        reply = STREAMED_REPLIES[protocol]()
        for event in events:
            reply.add(event)
        return reply.finish()
    except (RunnerError, *SHAPE_ERRORS) as exc:
        raise LineError(f"a stream in it has another shape than documented: {type(exc).__name__}") from exc


def _events(given: list[Any] | str) -> Iterator[dict[str, Any]]:
    """Yield the events of a list of objects or of their texts, or of the text of such a list or of a stream."""
    if isinstance(given, list):
        for one in given:
            if isinstance(one, dict):
                yield one
            elif isinstance(one, str):
                yield from _events(one)
        return
    if given[:1] == "[":
        yield from _events(as_list(given))
        return
    if given[:1] == "{":
        event = as_mapping(given)
        yield from [event] if event else []
        return
    data = given.encode("utf-8", "surrogatepass")
    if not looks_like_events(data[:64]):
        return
    parser = EventParser()
    for sent in (*parser.feed(data, 0.0), parser.finish(0.0)):
        body = None if sent is None or sent.data.strip() == b"[DONE]" else parse_json(sent.data)
        if isinstance(body, dict):
            yield body
