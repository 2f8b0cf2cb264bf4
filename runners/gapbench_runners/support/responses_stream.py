"""Read a stream of OpenAI's Responses API into chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import (
    Chunk,
    FinishReason,
    Usage,
)
from gapbench_runners.support.stream_errors import duplicate_event_error, error_from_event


async def read_responses_stream(batches: AsyncIterator[list[transport.Event]]) -> AsyncIterator[Chunk]:
    """Read a Responses stream; it is complete at ``response.completed`` or ``response.incomplete``."""
    ended = refused = False
    async for batch in batches:
        for received_s, name, data in batch:
            if data == b"[DONE]":
                continue
            body = transport.decode_event(data)
            kind = body.get("type", name)
            if kind in {
                "response.output_text.delta",
                "response.refusal.delta",
                "response.function_call_arguments.delta",
            }:
                refused = refused or kind == "response.refusal.delta"
                yield Chunk(body["delta"], "answer", received_s)
            elif kind in {"response.reasoning_text.delta", "response.reasoning_summary_text.delta"}:
                yield Chunk(
                    body["delta"],
                    "reasoning",
                    received_s,
                    disclosure="summary" if "summary" in kind else "verbatim",
                )
            elif kind in {"response.completed", "response.incomplete"}:
                if ended:
                    raise duplicate_event_error(kind)
                ended = True
                response = body["response"]
                why = (response.get("incomplete_details") or {}).get("reason")
                yield Chunk(
                    finish_reason=_responses_finish_reason(why, refused=refused),
                    finish_raw=why or response.get("status"),
                    usage=responses_usage(response.get("usage") or {}),
                    model_served=response.get("model"),
                    response_id=response.get("id"),
                    service_tier=response.get("service_tier"),
                )
            elif kind == "response.failed":
                raise error_from_event(body["response"].get("error") or {})
            elif kind == "error":
                raise error_from_event(body.get("error") or body)
    if not ended:
        raise RunnerError("cut_stream", "the stream ended without response.completed")


def _responses_finish_reason(why: str | None, *, refused: bool) -> FinishReason:
    if refused or why == "content_filter":
        return "refusal"
    if why is None:
        return "stop"
    return "length" if why == "max_output_tokens" else "other"


def responses_usage(usage: Mapping[str, Any]) -> Usage:
    """Return Responses' token counts. Input includes cache reads, output includes reasoning."""
    given = usage.get("input_tokens_details") or {}
    made = usage.get("output_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("input_tokens"),
        cached_input_tokens=given.get("cached_tokens"),
        cache_write_tokens=given.get("cache_write_tokens"),
        output_tokens=usage.get("output_tokens"),
        reasoning_tokens=made.get("reasoning_tokens"),
    )
