"""Google's streamGenerateContent and generateContent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from harness.values import Image, Message, Part, Role, Text
from runners.sim_server.protocols.shape import data, reply_id, system_of
from runners.sim_server.reply import Asked, Reply


class GenerateContent:
    """Google's streamGenerateContent and generateContent."""

    overloaded_status = 503
    FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}  # noqa: RUF012 - read only

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request; model and streaming stand in the path, the server fills them in."""

        def part(given: Mapping[str, Any]) -> Part:
            inline = given.get("inlineData") or given.get("inline_data")
            if inline:
                kind = inline.get("mimeType") or inline["mime_type"]
                # The SDK writes bytes in the URL-safe alphabet.
                return Image(
                    kind, base64.urlsafe_b64decode(inline["data"].replace("+", "-").replace("/", "_"))
                )
            return Text(given["text"])

        def turn(given: Mapping[str, Any]) -> Message:
            role: Role = "assistant" if given.get("role") == "model" else "user"
            return Message(role, tuple(part(piece) for piece in given["parts"]))

        system = "".join(piece["text"] for piece in (body.get("systemInstruction") or {}).get("parts", ()))
        config = body.get("generationConfig") or {}
        return Asked(
            system_of(system) + tuple(turn(given) for given in body["contents"]),
            config.get("maxOutputTokens"),
            True,
            True,
            str(body.get("model", "")),
        )

    def _body(
        self, reply: Reply, model: str, parts: list[Any], finish: str | None = None, *, usage: bool = False
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        body: dict[str, Any] = {
            "candidates": [candidate],
            "modelVersion": model,
            "responseId": reply_id("gen", reply),
        }
        if usage:
            body["usageMetadata"] = {
                "promptTokenCount": reply.input_tokens,
                "cachedContentTokenCount": reply.cached_tokens,
                "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens,
                "thoughtsTokenCount": reply.reasoning_tokens,
                "totalTokenCount": reply.input_tokens + reply.output_tokens,
            }
        return body

    def head(self, reply: Reply, model: str) -> bytes:  # noqa: ARG002 - Google opens with the first chunk
        """Nothing comes first."""
        return b""

    def chunk(self, text: str, channel: str, reply: Reply, model: str, *, first: bool) -> bytes:  # noqa: ARG002 - the same for every chunk
        """Write one chunk."""
        part = {"text": text, "thought": True} if channel == "reasoning" else {"text": text}
        return data(self._body(reply, model, [part]))

    def tail(self, reply: Reply, asked: Asked, model: str) -> bytes:  # noqa: ARG002 - counts always come
        """Close with the finish reason and the counts."""
        return data(self._body(reply, model, [{"text": ""}], self.FINISH[reply.finish], usage=True))

    def whole(self, reply: Reply, model: str) -> dict[str, Any]:
        """Return the reply unstreamed."""
        parts = [{"text": "".join(reply.reasoning), "thought": True}] if reply.reasoning else []
        parts.append({"text": "".join(reply.answer)})
        return self._body(reply, model, parts, self.FINISH[reply.finish], usage=True)

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        names = {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 401: "UNAUTHENTICATED"}
        return {
            "error": {"code": status, "message": message, "status": names.get(status, "INVALID_ARGUMENT")}
        }
