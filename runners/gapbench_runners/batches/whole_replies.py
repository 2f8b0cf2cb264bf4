"""Replies that come whole: turned into the events of a stream, and read by the reader of that stream.

So a figure of a batch and of a live request comes from the same lines of code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import orjson

from gapbench import credentials, transport
from gapbench.errors import FailureKind, RunnerError
from gapbench.values import Call, Chunk, Disclosure, Failure
from gapbench.values.batches import BatchReply
from gapbench_runners.support.chat_stream import read_chat_stream
from gapbench_runners.support.filtered_prompt import filtered_prompt_as_event
from gapbench_runners.support.google_stream import read_google_stream
from gapbench_runners.support.messages_stream import read_anthropic_stream
from gapbench_runners.support.request_builder import restored
from gapbench_runners.support.responses_stream import read_responses_stream

_MALFORMED_REPLY_ERRORS = (KeyError, TypeError, ValueError, AttributeError, IndexError)
EventBatches = AsyncIterator[Iterable[transport.Event]]


def read_whole_chat(body: Mapping[str, Any] | RunnerError, shown: Disclosure) -> AsyncIterator[Chunk]:
    """Read a chat completion, or why there is none."""
    return read_chat_stream(filtered_prompt_as_event(_events([body]), "chat"), shown)


def read_whole_response(body: Mapping[str, Any] | RunnerError) -> AsyncIterator[Chunk]:
    """Read a response of the Responses API, or why there is none."""
    event: Mapping[str, Any] | RunnerError = body
    if not isinstance(body, RunnerError):
        if not isinstance(body.get("status"), str):
            event = RunnerError(
                "garbage", f"expected a response with a status, found {str(dict(body))[:200]}"
            )
        else:
            event = {"type": "response.done", "response": body}
    return read_responses_stream(filtered_prompt_as_event(_events([event]), "responses"))


def read_whole_message(body: Mapping[str, Any] | RunnerError, disclosure: Disclosure) -> AsyncIterator[Chunk]:
    """Read a message of the Messages API, or why there is none."""
    events = iter([body]) if isinstance(body, RunnerError) else _message_events(body)
    return read_anthropic_stream(_events(events), disclosure)


def read_whole_content(body: Mapping[str, Any] | RunnerError) -> AsyncIterator[Chunk]:
    """Read a response of generateContent, or why there is none."""
    return read_google_stream(_events([body]))


async def to_reply(
    custom_id: str, chunks: AsyncIterator[Chunk], call: Call | None, http_status: int | None = None
) -> BatchReply:
    """Return the reply of one request, complete or not. Raises nothing except on cancellation.

    Args:
        custom_id: Our name of the request.
        chunks: The reply, read.
        call: What was sent; what it changed about the tools is undone. None: it is not known.
        http_status: Status of this request. None: the provider does not say.
    """
    found: list[Chunk] = []
    failure: Failure | None = None
    with transport.record_exchange():
        try:
            async for chunk in chunks if call is None else restored(chunks, call):
                found.append(chunk._replace(received_s=None))  # noqa: PERF401 - what came before a failure is kept
        except RunnerError as exc:
            status = exc.http_status or http_status
            failure = Failure(exc.kind, credentials.redact(str(exc)), status, exc.retry_after_s)
        except Exception as exc:  # noqa: BLE001 - one broken reply must not end the reading of the others
            kind: FailureKind = "garbage" if isinstance(exc, _MALFORMED_REPLY_ERRORS) else "runner"
            failure = Failure(
                kind, transport.redact_and_truncate(f"{type(exc).__name__}: {exc}"), http_status
            )
    return BatchReply(
        custom_id, tuple(found), failure, http_status if failure is None else failure.http_status
    )


def broken_reply(custom_id: str, problem: str) -> BatchReply:
    """Return the reply of a line that cannot be read."""
    return BatchReply(custom_id, failure=Failure("garbage", transport.redact_and_truncate(problem)))


async def _events(bodies: Iterable[Mapping[str, Any] | RunnerError]) -> EventBatches:
    """Yield bodies as events; raise one that is a failure."""
    for body in bodies:
        if isinstance(body, RunnerError):
            raise body
        yield [transport.Event(0.0, "", orjson.dumps(body))]


def _message_events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events that a stream of a message would have, with each block in one piece.

    Raises:
        RunnerError: It is no message.
    """
    blocks = message.get("content")
    if not isinstance(blocks, list):
        raise RunnerError("garbage", f"expected a message with content, found {str(dict(message))[:200]}")
    yield {"type": "message_start", "message": {**message, "content": []}}
    for index, block in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": message.get("stop_reason"), "stop_sequence": message.get("stop_sequence")}
    yield {"type": "message_delta", "delta": delta, "usage": message.get("usage")}
    yield {"type": "message_stop"}
