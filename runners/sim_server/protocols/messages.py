"""Anthropic's Messages."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from harness.values import Image, Message, Part, Text
from runners.sim_server.protocols.shape import data, parts_of, reply_id, system_of
from runners.sim_server.reply import Asked, Reply


class Messages:
    """Anthropic's Messages."""

    overloaded_status = 529
    FINISH = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}  # noqa: RUF012 - read only

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""

        def part(given: Mapping[str, Any]) -> Part:
            if given["type"] == "image":
                return Image(given["source"]["media_type"], base64.b64decode(given["source"]["data"]))
            return Text(given["text"])

        system = body.get("system") or ""
        text = system if isinstance(system, str) else "".join(block["text"] for block in system)
        messages = tuple(
            Message(given["role"], parts_of(given["content"], part)) for given in body["messages"]
        )
        return Asked(
            system_of(text) + messages, body["max_tokens"], bool(body.get("stream")), True, body["model"]
        )

    def _usage(self, reply: Reply, output_tokens: int) -> dict[str, Any]:
        return {
            "input_tokens": reply.input_tokens - reply.cached_tokens,
            "cache_read_input_tokens": reply.cached_tokens,
            "cache_creation_input_tokens": 0,
            "output_tokens": output_tokens,
            "output_tokens_details": {"thinking_tokens": reply.reasoning_tokens},
        }

    def _typed(self, kind: str, **rest: Any) -> bytes:
        return data({"type": kind, **rest}, kind)

    def head(self, reply: Reply, model: str) -> bytes:
        """Open the message."""
        message = self._message(reply, model, [], None, 1)
        return self._typed("message_start", message=message) + self._typed("ping")

    def _message(
        self, reply: Reply, model: str, content: list[Any], stop: str | None, made: int
    ) -> dict[str, Any]:
        return {
            "id": reply_id("msg", reply),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": self._usage(reply, made),
        }

    def chunk(self, text: str, channel: str, reply: Reply, model: str, *, first: bool) -> bytes:  # noqa: ARG002 - model stands in the head
        """Write one chunk; its block is opened before the first, the one before it closed."""
        thinking = channel == "reasoning"
        index = 1 if not thinking and reply.reasoning else 0
        out = b""
        if first:
            if index:
                out += self._typed("content_block_stop", index=0)
            block = (
                {"type": "thinking", "thinking": "", "signature": ""}
                if thinking
                else {"type": "text", "text": ""}
            )
            out += self._typed("content_block_start", index=index, content_block=block)
        delta = (
            {"type": "thinking_delta", "thinking": text} if thinking else {"type": "text_delta", "text": text}
        )
        return out + self._typed("content_block_delta", index=index, delta=delta)

    def tail(self, reply: Reply, asked: Asked, model: str) -> bytes:  # noqa: ARG002 - counts always come
        """Close the block and the message."""
        out = b""
        if reply.answer or reply.reasoning:
            out += self._typed("content_block_stop", index=1 if reply.answer and reply.reasoning else 0)
        delta = {"stop_reason": self.FINISH[reply.finish], "stop_sequence": None}
        out += self._typed("message_delta", delta=delta, usage=self._usage(reply, reply.output_tokens))
        return out + self._typed("message_stop")

    def whole(self, reply: Reply, model: str) -> dict[str, Any]:
        """Return the reply unstreamed."""
        content: list[dict[str, Any]] = []
        if reply.reasoning:
            content.append({"type": "thinking", "thinking": "".join(reply.reasoning), "signature": ""})
        content.append({"type": "text", "text": "".join(reply.answer)})
        return self._message(reply, model, content, self.FINISH[reply.finish], reply.output_tokens)

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        kind = {
            429: "rate_limit_error",
            529: "overloaded_error",
            500: "api_error",
            401: "authentication_error",
        }
        return {
            "type": "error",
            "error": {"type": kind.get(status, "invalid_request_error"), "message": message},
        }
