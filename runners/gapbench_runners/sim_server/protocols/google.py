"""Google's streamGenerateContent and generateContent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from gapbench.values import Image, Part
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    parse_choices,
    parse_message,
    parse_stop,
    parse_text,
    refuse_part,
    reply_id,
    sse_event,
    system_messages,
)
from gapbench_runners.sim_server.reply import SimReply, SimRequest

FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
STATUSES = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


_PARTS_WITHOUT_TEXT = {"functionCall", "function_call", "functionResponse", "function_response"}


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    inline = given.get("inlineData") or given.get("inline_data")
    if inline:
        # The SDK writes bytes in the URL-safe alphabet, curl users in the other.
        encoded = inline["data"].replace("-", "+").replace("_", "/")
        media_type = inline.get("mimeType") or inline["mime_type"]
        return (Image(media_type, base64.b64decode(encoded, validate=True)),)
    if "text" in given:
        return (parse_text(given["text"]),)
    if _PARTS_WITHOUT_TEXT & given.keys():
        return ()
    raise refuse_part(", ".join(given))


class GenerateContentProtocol:
    """Google's streamGenerateContent and generateContent."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request; ``model`` and ``render_stream`` are in the path; the server adds them to the body."""
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        config = body.get("generationConfig") or body.get("generation_config") or {}
        return SimRequest(
            system_messages("".join(piece.get("text") or "" for piece in system.get("parts", ())))
            + tuple(
                parse_message(given.get("role") or "user", given["parts"], _parse_part)
                for given in body["contents"]
            ),
            config.get("maxOutputTokens"),
            bool(body["stream"]),
            True,
            body["model"],
            parse_stop(config.get("stopSequences")),
            parse_choices(config.get("candidateCount")),
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open with the first chunk, close with the finish reasons and the counts."""
        return RenderedStream(
            b"",
            (
                *(
                    sse_event(_chunk_body(reply, request, {0: [{"text": text, "thought": True}]}))
                    for text in reply.reasoning
                ),
                *(
                    sse_event(_chunk_body(reply, request, {index: [{"text": text}] for index, text in step}))
                    for step in reply.answer_steps()
                ),
            ),
            sse_event(_final_body(reply, request, [[{"text": ""}] for _ in reply.choices])),
        )

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        parts: list[list[Any]] = []
        for choice in reply.choices:
            parts.append([])
            if reply.reasoning:
                parts[-1].append({"text": "".join(reply.reasoning), "thought": True})
            if choice.answer:
                parts[-1].append({"text": "".join(choice.answer)})
        return _final_body(reply, request, parts)

    def render_error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        name = STATUSES.get(status, "INVALID_ARGUMENT")
        return {"error": {"code": status, "message": message, "status": name}}


def _chunk_body(reply: SimReply, request: SimRequest, parts: Mapping[int, list[Any]]) -> dict[str, Any]:
    """Return a chunk with the parts of each candidate, by its index."""
    return {
        "candidates": [
            {"content": {"parts": given, "role": "model"}, "index": index} for index, given in parts.items()
        ],
        "modelVersion": request.model,
        "responseId": reply_id("gen", reply),
    }


def _final_body(reply: SimReply, request: SimRequest, parts: list[list[Any]]) -> dict[str, Any]:
    body = _chunk_body(reply, request, dict(enumerate(parts)))
    for candidate, choice in zip(body["candidates"], reply.choices, strict=True):
        candidate["finishReason"] = FINISH[choice.finish]
    # ai.google.dev/api/generate-content: candidates and thoughts are counted apart, the prompt with its cache.
    body["usageMetadata"] = {
        "promptTokenCount": reply.input_tokens,
        "cachedContentTokenCount": reply.cached_tokens,
        "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens,
        "thoughtsTokenCount": reply.reasoning_tokens,
        "totalTokenCount": reply.input_tokens + reply.output_tokens,
    }
    return body
