"""Google's streamGenerateContent and generateContent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from gapbench.values import Image, Part
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    parse_message,
    parse_text,
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


def _parse_part(given: Mapping[str, Any]) -> Part:
    inline = given.get("inlineData") or given.get("inline_data")
    if not inline:
        return parse_text(given["text"])
    # The SDK writes bytes in the URL-safe alphabet, curl users in the other.
    encoded = inline["data"].replace("-", "+").replace("_", "/")
    return Image(inline.get("mimeType") or inline["mime_type"], base64.b64decode(encoded, validate=True))


class GenerateContentProtocol:
    """Google's streamGenerateContent and generateContent."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request; ``model`` and ``render_stream`` stand in the path, the server adds them to the body."""
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        config = body.get("generationConfig") or body.get("generation_config") or {}
        return SimRequest(
            system_messages("".join(piece["text"] for piece in system.get("parts", ())))
            + tuple(
                parse_message(given.get("role") or "user", given["parts"], _parse_part)
                for given in body["contents"]
            ),
            config.get("maxOutputTokens"),
            bool(body["stream"]),
            True,
            body["model"],
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open with the first chunk, close with the finish reason and the counts."""
        return RenderedStream(
            b"",
            (
                *(
                    sse_event(_chunk_body(reply, request, [{"text": text, "thought": True}]))
                    for text in reply.reasoning
                ),
                *(sse_event(_chunk_body(reply, request, [{"text": text}])) for text in reply.answer),
            ),
            sse_event(_final_body(reply, request, [{"text": ""}])),
        )

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        parts: list[Any] = []
        if reply.reasoning:
            parts.append({"text": "".join(reply.reasoning), "thought": True})
        if reply.answer:
            parts.append({"text": "".join(reply.answer)})
        return _final_body(reply, request, parts)

    def render_error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        name = STATUSES.get(status, "INVALID_ARGUMENT")
        return {"error": {"code": status, "message": message, "status": name}}


def _chunk_body(reply: SimReply, request: SimRequest, parts: list[Any]) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "modelVersion": request.model,
        "responseId": reply_id("gen", reply),
    }


def _final_body(reply: SimReply, request: SimRequest, parts: list[Any]) -> dict[str, Any]:
    body = _chunk_body(reply, request, parts)
    body["candidates"][0]["finishReason"] = FINISH[reply.finish]
    # ai.google.dev/api/generate-content: candidates and thoughts are counted apart, the prompt with its cache.
    body["usageMetadata"] = {
        "promptTokenCount": reply.input_tokens,
        "cachedContentTokenCount": reply.cached_tokens,
        "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens,
        "thoughtsTokenCount": reply.reasoning_tokens,
        "totalTokenCount": reply.input_tokens + reply.output_tokens,
    }
    return body
