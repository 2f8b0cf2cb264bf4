"""Read a stream of Google's generateContent, and of compatible servers, into chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import Chunk, FinishReason, ReasoningState, Usage
from gapbench_runners.support.finish_reasons import gave_up_error, normalize_finish
from gapbench_runners.support.stream_errors import (
    cut_stream_error,
    decode_event,
    duplicate_event_error,
    error_from_event,
    raise_error_event,
    status_error,
)
from gapbench_runners.support.tool_pieces import make_piece
from gapbench_runners.support.usage import google_usage, merge_google_counts

# ai.google.dev/api/generate-content#FinishReason. A malformed or unexpected function call is the model's doing: "other".
FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
    "MODEL_ARMOR": "refusal",
}
NO_REASON = "FINISH_REASON_UNSPECIFIED"


async def read_google_stream(batches: AsyncIterator[Iterable[transport.Event]]) -> AsyncIterator[Chunk]:
    """Read a streamGenerateContent stream; it is complete after a finish reason or a blocked prompt."""
    finish_raw, finish_message, blocked = "", "", False
    last_facts: tuple[Any, ...] | None = None
    last_data = b""
    counts: dict[str, Any] = {}
    async for batch in batches:
        for received_s, name, data in batch:
            # Older models give a finish reason in every event, but never the same event twice.
            if (finish_raw or blocked) and data == last_data:
                raise duplicate_event_error("its last event")
            last_data = data
            body = decode_event(data, name)
            if "error" in body:
                raise _google_error(body["error"])
            candidates, feedback = body.get("candidates"), body.get("promptFeedback")
            usage: Usage | None = None
            note = None
            given = body.get("usageMetadata")
            if given:
                merge_google_counts(counts, given)
                usage, note = google_usage(counts)
            elif not candidates and not feedback:
                raise_error_event(body, name)
            unsent_usage = usage
            if feedback and feedback.get("blockReason"):
                blocked = True
                yield Chunk(finish_reason="refusal", finish_raw=feedback["blockReason"])
            for candidate in candidates or ():
                for chunk in _part_chunks(candidate, received_s, usage):
                    unsent_usage = None
                    yield chunk
                raw = candidate.get("finishReason")
                if raw and raw != NO_REASON:
                    finish_raw, finish_message = raw, str(candidate.get("finishMessage") or "")
                    yield Chunk(finish_reason=FINISH.get(raw) or normalize_finish(raw), finish_raw=raw)
            facts = (body.get("modelVersion"), body.get("responseId"))
            # Every event repeats these facts; yield them only when they change. A text already carried the counts.
            if unsent_usage is not None or note is not None or facts != last_facts:
                last_facts = facts
                yield Chunk(usage=unsent_usage, model_served=facts[0], response_id=facts[1], usage_note=note)
    if not finish_raw and not blocked:
        raise cut_stream_error("a finish reason")
    # OTHER is "unknown reason": no part of the reply says what the model would have answered.
    failure = gave_up_error("error" if finish_raw == "OTHER" else finish_raw, finish_message)
    if failure is not None and not blocked:
        raise RunnerError(failure.kind, str(failure).replace("reason error", f"reason {finish_raw}"))


def _part_chunks(candidate: Mapping[str, Any], received_s: float, usage: Usage | None) -> list[Chunk]:
    """Return the chunks of a candidate's parts: text, thoughts, function calls, which come whole, and signatures."""
    chunks = []
    for part in (candidate.get("content") or {}).get("parts") or ():
        text = part.get("text")
        if text and part.get("thought"):
            chunks.append(Chunk(text, "reasoning", received_s, usage=usage, disclosure="summary"))
        elif text:
            chunks.append(Chunk(text, "answer", received_s, usage))
        elif part.get("functionCall"):
            call = part["functionCall"]
            piece = make_piece(
                None, call.get("id"), call.get("name"), call.get("args") or {}, part.get("thoughtSignature")
            )
            chunks.append(Chunk(received_s=received_s, usage=usage, tool_call=piece))
        if part.get("thoughtSignature") and not part.get("functionCall"):
            # An event's token counts travel with its chunks, and this may be the only one.
            chunks.append(Chunk(usage=usage, reasoning_state=ReasoningState("google", part)))
    return chunks


def _google_error(error: Any) -> RunnerError:
    if isinstance(error, dict) and isinstance(error.get("code"), int):
        message = str(error.get("message") or error) + quota_ids({"error": error})
        failure = status_error(error["code"], message, {}, error)
        return RunnerError(failure.kind, str(failure), retry_after_s=failure.retry_after_s)
    return error_from_event(error)


def quota_ids(details: Any) -> str:
    """Return the quota ids of a 429. Only they distinguish a daily quota from a rate limit."""
    error = details.get("error") if isinstance(details, dict) else None
    listed = error.get("details") if isinstance(error, dict) else None
    found: list[str] = []
    for detail in listed if isinstance(listed, list) else []:
        violations = detail.get("violations") if isinstance(detail, dict) else None
        if isinstance(violations, list):
            found += [
                str(violation.get("quotaId")) for violation in violations if isinstance(violation, dict)
            ]
    return f" ({', '.join(found)})" if found else ""
