"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.values import Message, Part, Text
from runners.sim_server.protocols.chat import ChatCompletions
from runners.sim_server.protocols.shape import data, image_of, parts_of, reply_id, system_of
from runners.sim_server.reply import Asked, Reply


class Responses:
    """OpenAI's Responses."""

    overloaded_status = 503

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Read a request."""

        def part(given: Mapping[str, Any]) -> Part:
            return image_of(given["image_url"]) if given["type"] == "input_image" else Text(given["text"])

        given = body["input"]
        turns: Iterable[Mapping[str, Any]] = (
            [{"role": "user", "content": given}] if isinstance(given, str) else given
        )
        messages = tuple(Message(turn["role"], parts_of(turn["content"], part)) for turn in turns)
        return Asked(
            system_of(body.get("instructions") or "") + messages,
            body.get("max_output_tokens"),
            bool(body.get("stream")),
            True,
            body["model"],
        )

    def _response(self, reply: Reply, model: str, status: str) -> dict[str, Any]:
        ended = status in {"completed", "incomplete"}
        why = {"length": "max_output_tokens", "refusal": "content_filter"}.get(reply.finish)
        item = {
            "id": reply_id("msg", reply),
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "".join(reply.answer), "annotations": []}],
        }
        return {
            "id": reply_id("resp", reply),
            "object": "response",
            "created_at": 0,
            "model": model,
            "status": status,
            "incomplete_details": {"reason": why} if ended and why else None,
            "output": [item] if ended else [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": self._usage(reply) if ended else None,
        }

    def _usage(self, reply: Reply) -> dict[str, Any]:
        return {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": reply.cached_tokens},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        }

    def _typed(self, kind: str, **rest: Any) -> bytes:
        return data({"type": kind, "sequence_number": 0, **rest}, kind)

    def head(self, reply: Reply, model: str) -> bytes:
        """Open the response."""
        opened = self._response(reply, model, "in_progress")
        return self._typed("response.created", response=opened) + self._typed(
            "response.in_progress", response=opened
        )

    def chunk(self, text: str, channel: str, reply: Reply, model: str, *, first: bool) -> bytes:  # noqa: ARG002 - model stands in the head
        """Write one chunk, and open its item before the first."""
        out = b""
        if channel == "reasoning":
            if first:
                item = {"id": reply_id("rs", reply), "type": "reasoning", "summary": []}
                out = self._typed("response.output_item.added", output_index=0, item=item)
            return out + self._typed(
                "response.reasoning_summary_text.delta",
                item_id=reply_id("rs", reply),
                output_index=0,
                summary_index=0,
                delta=text,
            )
        if first:
            item = {
                "id": reply_id("msg", reply),
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [],
            }
            part = {"type": "output_text", "text": "", "annotations": []}
            out = self._typed("response.output_item.added", output_index=1, item=item)
            out += self._typed(
                "response.content_part.added",
                item_id=reply_id("msg", reply),
                output_index=1,
                content_index=0,
                part=part,
            )
        return out + self._typed(
            "response.output_text.delta",
            item_id=reply_id("msg", reply),
            output_index=1,
            content_index=0,
            delta=text,
            logprobs=[],
        )

    def tail(self, reply: Reply, asked: Asked, model: str) -> bytes:  # noqa: ARG002 - counts always come
        """Close the response."""
        status = "completed" if reply.finish == "stop" else "incomplete"
        return self._typed(f"response.{status}", response=self._response(reply, model, status))

    def whole(self, reply: Reply, model: str) -> dict[str, Any]:
        """Return the reply unstreamed."""
        return self._response(reply, model, "completed" if reply.finish == "stop" else "incomplete")

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        return ChatCompletions().error(status, message)
