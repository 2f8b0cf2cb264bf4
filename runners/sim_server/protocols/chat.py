"""OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.values import Message, Part, Text
from runners.sim_server.protocols.shape import data, image_of, parts_of, reply_id
from runners.sim_server.reply import Asked, Reply

FINGERPRINT = "fp_simulated"
ERROR_TYPES = {
    429: "rate_limit_error",
    401: "authentication_error",
    400: "invalid_request_error",
    503: "overloaded_error",
}


class ChatCompletions:
    """OpenAI's Chat Completions."""

    overloaded_status = 503
    FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter"}  # noqa: RUF012 - read only

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""

        def part(given: Mapping[str, Any]) -> Part:
            return (
                image_of(given["image_url"]["url"]) if given["type"] == "image_url" else Text(given["text"])
            )

        messages = tuple(
            Message(given["role"], parts_of(given["content"], part)) for given in body["messages"]
        )
        return Asked(
            messages,
            body.get("max_completion_tokens") or body.get("max_tokens"),
            bool(body.get("stream")),
            bool((body.get("stream_options") or {}).get("include_usage")),
            body["model"],
        )

    def _event(self, reply: Reply, model: str, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        return data(
            {
                "id": reply_id("chatcmpl", reply),
                "object": "chat.completion.chunk",
                "created": 0,
                "model": model,
                "system_fingerprint": FINGERPRINT,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }
        )

    def head(self, reply: Reply, model: str) -> bytes:
        """Open with the role."""
        return self._event(reply, model, {"role": "assistant", "content": ""})

    def chunk(self, text: str, channel: str, reply: Reply, model: str, *, first: bool) -> bytes:  # noqa: ARG002 - the same for every chunk
        """Write one chunk."""
        return self._event(reply, model, {"reasoning" if channel == "reasoning" else "content": text})

    def tail(self, reply: Reply, asked: Asked, model: str) -> bytes:
        """Close with the finish reason, the counts where asked for, and the end mark."""
        out = self._event(reply, model, {}, self.FINISH[reply.finish])
        if asked.usage_in_stream:
            out += data(
                {
                    "id": reply_id("chatcmpl", reply),
                    "object": "chat.completion.chunk",
                    "created": 0,
                    "model": model,
                    "choices": [],
                    "usage": self._usage(reply),
                }
            )
        return out + b"data: [DONE]\n\n"

    def _usage(self, reply: Reply) -> dict[str, Any]:
        return {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        }

    def whole(self, reply: Reply, model: str) -> dict[str, Any]:
        """Return the reply unstreamed."""
        message = {"role": "assistant", "content": "".join(reply.answer)}
        if reply.reasoning:
            message["reasoning"] = "".join(reply.reasoning)
        return {
            "id": reply_id("chatcmpl", reply),
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": self.FINISH[reply.finish]}],
            "usage": self._usage(reply),
        }

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        return {
            "error": {
                "message": message,
                "type": ERROR_TYPES.get(status, "server_error"),
                "code": str(status),
            }
        }
