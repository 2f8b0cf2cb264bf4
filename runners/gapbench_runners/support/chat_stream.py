"""Read a stream of OpenAI's Chat Completions, and of compatible servers, into chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import Channel, Chunk, Disclosure, Usage
from gapbench_runners.support.finish_reasons import gave_up_error, normalize_finish
from gapbench_runners.support.stream_errors import (
    cut_stream_error,
    decode_event,
    duplicate_event_error,
    error_from_event,
    raise_error_event,
    refusal_or_raise,
)
from gapbench_runners.support.text_events import TextEvents
from gapbench_runners.support.tool_pieces import chat_tool_pieces
from gapbench_runners.support.usage import chat_usage

_BRACKET = ord("[")


async def read_chat_stream(
    batches: AsyncIterator[Iterable[transport.Event]], disclosure: Disclosure
) -> AsyncIterator[Chunk]:
    """Read a Chat Completions stream.

    It is complete after a finish reason, when its body has ended; ``[DONE]`` is not required, as OpenAI's SDK does not
    require it and ``transformers serve`` does not send it.

    Args:
        batches: Events, as the transport yields them.
        disclosure: How much of its reasoning this model shows.
    """
    finish_raw: Any = None
    failure: RunnerError | None = None
    done = refused = False
    last_facts: tuple[Any, ...] | None = None
    texts = TextEvents("choices", 0, "delta", "content")
    async for batch in batches:
        for found in texts.separate(batch):
            if isinstance(found, Chunk):
                yield found
                continue
            received_s, name, data = found
            if data[0] == _BRACKET and data.strip() == b"[DONE]":
                done = _note_done(already=done)
                continue
            body = decode_event(data, name)
            get = body.get
            if get("error"):
                yield refusal_or_raise(body["error"])
                finish_raw, refused = "content_filter", True
                continue
            counts = get("usage")
            usage, note = chat_usage(counts) if counts else (None, None)
            only_text = None
            choices = get("choices") or ()
            if not choices and usage is None:
                raise_error_event(body, name)
            for choice in choices:
                delta = choice.get("delta") or choice.get("message") or {}
                raw = choice.get("finish_reason")
                text = delta.get("content")
                if text and not raw and len(delta) == 1 and text.__class__ is str:
                    # By far the most common event: only a piece of the answer.
                    yield Chunk(text, "answer", received_s, usage)
                    only_text = text if len(choices) == 1 and usage is None and "delta" in choice else None
                    continue
                for chunk in _delta_chunks(delta, received_s, usage, disclosure):
                    yield chunk
                refused = _is_refused(choice, delta) or refused
                if choice.get("usage") and usage is None:  # Moonshot
                    usage, note = chat_usage(choice["usage"])
                if raw:
                    finish_raw = raw
                    failure = failure or gave_up_error(raw)
                    reason = "refusal" if refused else normalize_finish(raw)
                    yield Chunk(finish_reason=reason, finish_raw=raw)
            facts = (get("model"), get("id"), get("system_fingerprint"), get("service_tier"))
            # Every event repeats these facts; yield them only when they change.
            if facts != last_facts or usage is not None:
                last_facts = facts
                texts.forget()
                yield Chunk(
                    usage=usage,
                    model_served=facts[0],
                    response_id=facts[1],
                    system_fingerprint=facts[2],
                    service_tier=facts[3],
                    usage_note=note,
                )
            if only_text is not None:
                texts.learn(data, body, only_text)
    _check_end(finish_raw, failure)
    if refused:
        # The refusal may come after the finish reason.
        yield Chunk(finish_reason="refusal")


def _note_done(*, already: bool) -> bool:
    """Return that ``[DONE]`` has come.

    Raises:
        RunnerError: It had come already.
    """
    if already:
        raise duplicate_event_error("[DONE]")
    return True


def _check_end(finish_raw: Any, failure: RunnerError | None) -> None:
    """Raise the failure of a stream without a finish reason, or with one that says that the server gave up."""
    if finish_raw is None:
        raise cut_stream_error("a finish reason")
    if failure is not None:
        raise failure


def _is_refused(choice: Mapping[str, Any], delta: Mapping[str, Any]) -> bool:
    """Return whether a delta has a refusal, in its own field or as a part of its content.

    Raises:
        RunnerError: The choice has an error, as OpenRouter's have.
    """
    if choice.get("error"):
        raise error_from_event(choice["error"])
    content = delta.get("content")
    return bool(delta.get("refusal")) or (
        isinstance(content, list)
        and any(isinstance(part, Mapping) and part.get("refusal") for part in content)
    )


def _delta_chunks(
    delta: Mapping[str, Any], received_s: float, usage: Usage | None, disclosure: Disclosure
) -> Iterator[Chunk]:
    """Yield the chunks of one delta: reasoning, text, refusal and tool calls."""
    reasoning = delta.get("reasoning") or delta.get("reasoning_content")
    if reasoning:
        yield Chunk(reasoning, "reasoning", received_s, usage=usage, disclosure=disclosure)
    for channel, text in _content_pieces(delta.get("content")):
        shown = disclosure if channel == "reasoning" else None
        yield Chunk(text, channel, received_s, usage, disclosure=shown)
    refusal = delta.get("refusal")
    if refusal:
        yield Chunk(refusal, "answer", received_s, usage=usage)
    for piece in chat_tool_pieces(delta):
        yield Chunk(received_s=received_s, usage=usage, tool_call=piece)


def _content_pieces(content: Any) -> Iterator[tuple[Channel, Any]]:
    """Yield the texts of a delta's content with their channels; Mistral sends a list of parts."""
    if not isinstance(content, list):
        if content:
            yield "answer", content
        return
    for part in content:
        if not isinstance(part, Mapping):
            yield "answer", part
        elif part.get("type") == "thinking":
            inner = part.get("thinking")
            for _, text in _content_pieces(inner):
                yield "reasoning", text
        elif part.get("text") or part.get("refusal"):
            yield "answer", part.get("text") or part["refusal"]
