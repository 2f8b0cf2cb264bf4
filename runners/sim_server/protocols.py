"""Four wire protocols: a request's body to what was asked, and a reply to the events of each.

A protocol reads with ``asked`` and writes with ``head``, ``reasoning``, ``answer`` and ``tail``: the bytes
before, between and after the timed chunks, so that the server times all four in the same lines.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

from harness.values import Image, Message, Part, Role, Text
from runners.sim_server.reply import Asked, Reply

FINGERPRINT = "fp_simulated"


class WireProtocol(Protocol):
    """What the server needs of a protocol."""

    overloaded_status: int

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return what a request's body asks; raises ``KeyError`` or ``ValueError`` for another form."""

    def head(self, reply: Reply, model: str) -> bytes:
        """Return what is written with the first chunk, before it."""

    def chunk(self, text: str, channel: str, reply: Reply, model: str, *, first: bool) -> bytes:
        """Return one chunk of ``reasoning`` or ``answer``; ``first`` of its channel."""

    def tail(self, reply: Reply, asked: Asked, model: str) -> bytes:
        """Return what is written after the last chunk."""

    def whole(self, reply: Reply, model: str) -> dict[str, Any]:
        """Return the reply as one JSON body."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error's body."""


def data(value: Any, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    named = f"event: {event}\n".encode() if event else b""
    return named + b"data: " + orjson.dumps(value) + b"\n\n"


def image_of(uri: str) -> Image:
    """Return the image in a data URI."""
    head, _, encoded = uri.partition(",")
    return Image(head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(encoded))


def _parts(content: Any, read: Any) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(read(part) for part in content)


def _system(text: str) -> tuple[Message, ...]:
    return (Message("system", (Text(text),)),) if text else ()


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

        messages = tuple(Message(given["role"], _parts(given["content"], part)) for given in body["messages"])
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
                "id": _id("chatcmpl", reply),
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
                    "id": _id("chatcmpl", reply),
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
            "id": _id("chatcmpl", reply),
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
                "type": _ERROR_TYPES.get(status, "server_error"),
                "code": str(status),
            }
        }


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
        messages = tuple(Message(turn["role"], _parts(turn["content"], part)) for turn in turns)
        return Asked(
            _system(body.get("instructions") or "") + messages,
            body.get("max_output_tokens"),
            bool(body.get("stream")),
            True,
            body["model"],
        )

    def _response(self, reply: Reply, model: str, status: str) -> dict[str, Any]:
        ended = status in {"completed", "incomplete"}
        why = {"length": "max_output_tokens", "refusal": "content_filter"}.get(reply.finish)
        item = {
            "id": _id("msg", reply),
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "".join(reply.answer), "annotations": []}],
        }
        return {
            "id": _id("resp", reply),
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
                item = {"id": _id("rs", reply), "type": "reasoning", "summary": []}
                out = self._typed("response.output_item.added", output_index=0, item=item)
            return out + self._typed(
                "response.reasoning_summary_text.delta",
                item_id=_id("rs", reply),
                output_index=0,
                summary_index=0,
                delta=text,
            )
        if first:
            item = {
                "id": _id("msg", reply),
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [],
            }
            part = {"type": "output_text", "text": "", "annotations": []}
            out = self._typed("response.output_item.added", output_index=1, item=item)
            out += self._typed(
                "response.content_part.added",
                item_id=_id("msg", reply),
                output_index=1,
                content_index=0,
                part=part,
            )
        return out + self._typed(
            "response.output_text.delta",
            item_id=_id("msg", reply),
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
        messages = tuple(Message(given["role"], _parts(given["content"], part)) for given in body["messages"])
        return Asked(
            _system(text) + messages, body["max_tokens"], bool(body.get("stream")), True, body["model"]
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
            "id": _id("msg", reply),
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
            _system(system) + tuple(turn(given) for given in body["contents"]),
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
            "responseId": _id("gen", reply),
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


_ERROR_TYPES = {
    429: "rate_limit_error",
    401: "authentication_error",
    400: "invalid_request_error",
    503: "overloaded_error",
}


def _id(prefix: str, reply: Reply) -> str:
    return f"{prefix}-{reply.prompt_sha256[:16]}-{reply.nth}"
