"""Anthropic's Messages."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from gapbench.values import Image, Part
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    parse_message,
    parse_stop,
    parse_text,
    refuse_part,
    reply_id,
    sse_event,
    system_messages,
)
from gapbench_runners.sim_server.reply import SimReply, SimRequest

FINISH = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
# docs.claude.com/en/api/errors
ERRORS = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
SIGNATURE = base64.b64encode(b"simulated").decode()


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    kind = given["type"]
    if kind == "image":
        source = given["source"]
        return (Image(source["media_type"], base64.b64decode(source["data"], validate=True)),)
    if kind == "text":
        return (parse_text(given["text"]),)
    if kind == "tool_result":
        return parse_message("tool", given.get("content"), _parse_part).parts
    if kind in {"tool_use", "thinking", "redacted_thinking"}:
        return ()
    raise refuse_part(kind)


class MessagesProtocol:
    """Anthropic's Messages."""

    overloaded_status = 529

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request."""
        system = body.get("system") or ""
        text = system if isinstance(system, str) else "".join(block["text"] for block in system)
        return SimRequest(
            system_messages(text)
            + tuple(
                parse_message(given["role"], given["content"], _parse_part) for given in body["messages"]
            ),
            body["max_tokens"],
            bool(body.get("stream")),
            True,
            body["model"],
            parse_stop(body.get("stop_sequences")),
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open message and blocks, close each; thinking is a separate block before the text."""
        opened = _message(reply, request, [], None, _usage(reply, 1, 0))
        head = _typed_event("message_start", message=opened) + _typed_event("ping")
        chunks: list[bytes] = []
        index = 0
        for kind, key, texts in (("thinking", "thinking", reply.reasoning), ("text", "text", reply.answer)):
            if not texts:
                continue
            block: dict[str, Any] = {
                "type": kind,
                key: "",
                **({"signature": ""} if kind == "thinking" else {}),
            }
            opening = _block_end(index - 1, "thinking") if index else b""
            opening += _typed_event("content_block_start", index=index, content_block=block)
            for text in texts:
                delta = {"type": f"{kind}_delta", key: text}
                chunks.append(opening + _typed_event("content_block_delta", index=index, delta=delta))
                opening = b""
            index += 1
        tail = b""
        if index:
            tail = _block_end(index - 1, "text" if reply.answer else "thinking")
        stop = {"stop_reason": _stop_reason(reply), "stop_sequence": reply.choices[0].stop_sequence}
        usage = _usage(reply, reply.output_tokens, reply.reasoning_tokens)
        tail += _typed_event("message_delta", delta=stop, usage=usage) + _typed_event("message_stop")
        return RenderedStream(head, tuple(chunks), tail)

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        content: list[dict[str, Any]] = []
        if reply.reasoning:
            thinking = "".join(reply.reasoning)
            content.append({"type": "thinking", "thinking": thinking, "signature": SIGNATURE})
        if reply.answer:
            content.append({"type": "text", "text": "".join(reply.answer)})
        usage = _usage(reply, reply.output_tokens, reply.reasoning_tokens)
        return _message(reply, request, content, _stop_reason(reply), usage)

    def render_error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        kind = ERRORS.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}


def _typed_event(kind: str, **rest: Any) -> bytes:
    return sse_event({"type": kind, **rest}, kind)


def _block_end(index: int, kind: str) -> bytes:
    """Return the end of a block; a thinking block is signed first."""
    signed = b""
    if kind == "thinking":
        delta = {"type": "signature_delta", "signature": SIGNATURE}
        signed = _typed_event("content_block_delta", index=index, delta=delta)
    return signed + _typed_event("content_block_stop", index=index)


def _stop_reason(reply: SimReply) -> str:
    return "stop_sequence" if reply.choices[0].stop_sequence is not None else FINISH[reply.finish]


def _message(
    reply: SimReply, request: SimRequest, content: list[Any], stop: str | None, usage: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": reply_id("msg", reply),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None if stop is None else reply.choices[0].stop_sequence,
        "usage": usage,
    }


def _usage(reply: SimReply, output_tokens: int, thinking_tokens: int) -> dict[str, Any]:
    # Anthropic's input leaves out what came from the cache.
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens},
    }
