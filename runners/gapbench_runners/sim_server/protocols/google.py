"""Google's streamGenerateContent and generateContent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from gapbench.values import Image, Part
from gapbench_runners.sim_server.protocols.protocol import (
    Rendered,
    data,
    message_of,
    reply_id,
    system_of,
    text_of,
)
from gapbench_runners.sim_server.reply import Asked, Reply

FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
STATUSES = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def _part(given: Mapping[str, Any]) -> Part:
    inline = given.get("inlineData") or given.get("inline_data")
    if not inline:
        return text_of(given["text"])
    # The SDK writes bytes in the URL-safe alphabet, curl users in the other.
    encoded = inline["data"].replace("-", "+").replace("_", "/")
    return Image(inline.get("mimeType") or inline["mime_type"], base64.b64decode(encoded, validate=True))


class GenerateContent:
    """Google's streamGenerateContent and generateContent."""

    overloaded_status = 503

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request; ``model`` and ``stream`` stand in the path, the server adds them to the body."""
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        config = body.get("generationConfig") or body.get("generation_config") or {}
        return Asked(
            system_of("".join(piece["text"] for piece in system.get("parts", ())))
            + tuple(
                message_of(given.get("role") or "user", given["parts"], _part) for given in body["contents"]
            ),
            config.get("maxOutputTokens"),
            bool(body["stream"]),
            True,
            body["model"],
        )

    def stream(self, reply: Reply, asked: Asked) -> Rendered:
        """Open with the first chunk, close with the finish reason and the counts."""
        return Rendered(
            b"",
            (
                *(data(_body(reply, asked, [{"text": text, "thought": True}])) for text in reply.reasoning),
                *(data(_body(reply, asked, [{"text": text}])) for text in reply.answer),
            ),
            data(_ended(reply, asked, [{"text": ""}])),
        )

    def whole(self, reply: Reply, asked: Asked) -> dict[str, Any]:
        """Return the reply unstreamed."""
        parts: list[Any] = []
        if reply.reasoning:
            parts.append({"text": "".join(reply.reasoning), "thought": True})
        if reply.answer:
            parts.append({"text": "".join(reply.answer)})
        return _ended(reply, asked, parts)

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        name = STATUSES.get(status, "INVALID_ARGUMENT")
        return {"error": {"code": status, "message": message, "status": name}}


def _body(reply: Reply, asked: Asked, parts: list[Any]) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "modelVersion": asked.model,
        "responseId": reply_id("gen", reply),
    }


def _ended(reply: Reply, asked: Asked, parts: list[Any]) -> dict[str, Any]:
    body = _body(reply, asked, parts)
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
