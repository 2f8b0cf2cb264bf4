"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.values import Message, Part
from gapbench_runners.sim_server.protocols.openai_chat import ChatCompletionsProtocol
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    created_at,
    parse_image,
    parse_message,
    parse_text,
    refuse_part,
    reply_id,
    sse_event,
    system_messages,
)
from gapbench_runners.sim_server.reply import SimReply, SimRequest

INCOMPLETE_REASONS = {"length": "max_output_tokens", "refusal": "content_filter"}


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    kind = given["type"]
    if kind == "input_image":
        return (parse_image(given["image_url"]),)
    if kind in {"input_text", "output_text", "text"}:
        return (parse_text(given["text"]),)
    if kind == "refusal":
        return (parse_text(given["refusal"]),)
    raise refuse_part(kind)


def _parse_item(given: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return the turn of an input item; () for one that has no text, such as a tool call or earlier reasoning."""
    if given.get("type", "message") == "message":
        return (parse_message(given["role"], given.get("content"), _parse_part),)
    if "output" in given:
        return (parse_message("tool", given["output"], _parse_part),)
    return ()


class ResponsesProtocol:
    """OpenAI's Responses."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request."""
        given = body["input"]
        turns: list[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else given
        return SimRequest(
            system_messages(body.get("instructions") or "")
            + tuple(message for turn in turns for message in _parse_item(turn)),
            body.get("max_output_tokens"),
            bool(body.get("stream")),
            True,
            body["model"],
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open the response, its items and their parts, and close each."""
        return _ResponseEvents(reply, request).render()

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        return _response(reply, request, _status(reply))

    def render_error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        return ChatCompletionsProtocol().render_error(status, message)


class _ResponseEvents:
    """The events of one response, numbered in the order they are sent."""

    def __init__(self, reply: SimReply, request: SimRequest) -> None:
        self.reply = reply
        self.request = request
        self._number = 0

    def render(self) -> RenderedStream:
        reply = self.reply
        opened = _response(reply, self.request, "in_progress")
        head = self._typed_event("response.created", response=opened)
        head += self._typed_event("response.in_progress", response=opened)
        chunks: list[bytes] = []
        closing = b""
        if reply.reasoning:
            chunks, closing = self._item_events(0, _reasoning_item(reply), reply.reasoning)
        if reply.answer:
            answers, ending = self._item_events(
                1 if reply.reasoning else 0, _message_item(reply, _status(reply)), reply.answer, closing
            )
            chunks, closing = chunks + answers, ending
        status = _status(reply)
        tail = closing + self._typed_event(
            f"response.{status}", response=_response(reply, self.request, status)
        )
        return RenderedStream(head, tuple(chunks), tail)

    def _item_events(
        self, index: int, item: dict[str, Any], texts: tuple[str, ...], before: bytes = b""
    ) -> tuple[list[bytes], bytes]:
        """Return an item's chunks and the bytes that close it."""
        summary = item["type"] == "reasoning" and "content" not in item
        field = "summary" if summary else "content"
        part = item[field][0]
        words, parts = {
            "output_text": ("output_text", "content_part"),
            "summary_text": ("reasoning_summary_text", "reasoning_summary_part"),
            "reasoning_text": ("reasoning_text", "content_part"),
        }[part["type"]]
        where = {"item_id": item["id"], "output_index": index, f"{field}_index": 0}
        more: dict[str, Any] = {"logprobs": []} if part["type"] == "output_text" else {}
        empty = {**item, field: [], **({"status": "in_progress"} if "status" in item else {})}
        opening = before + self._typed_event("response.output_item.added", output_index=index, item=empty)
        opening += self._typed_event(f"response.{parts}.added", **where, part={**part, "text": ""})
        chunks = []
        for text in texts:
            chunks.append(opening + self._typed_event(f"response.{words}.delta", **where, delta=text, **more))
            opening = b""
        closing = self._typed_event(f"response.{words}.done", **where, text=part["text"], **more)
        closing += self._typed_event(f"response.{parts}.done", **where, part=part)
        closing += self._typed_event("response.output_item.done", output_index=index, item=item)
        return chunks, closing

    def _typed_event(self, kind: str, **rest: Any) -> bytes:
        event = sse_event({"type": kind, "sequence_number": self._number, **rest}, kind)
        self._number += 1
        return event


def _status(reply: SimReply) -> str:
    return "incomplete" if reply.finish in INCOMPLETE_REASONS else "completed"


def _reasoning_item(reply: SimReply) -> dict[str, Any]:
    text = "".join(reply.reasoning)
    item: dict[str, Any] = {"id": reply_id("rs", reply), "type": "reasoning", "summary": []}
    if reply.shown == "summary":
        item["summary"] = [{"type": "summary_text", "text": text}]
    else:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    return item


def _message_item(reply: SimReply, status: str) -> dict[str, Any]:
    return {
        "id": reply_id("msg", reply),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [
            {"type": "output_text", "text": "".join(reply.answer), "annotations": [], "logprobs": []}
        ],
    }


def _response(reply: SimReply, request: SimRequest, status: str) -> dict[str, Any]:
    ended = status != "in_progress"
    output = []
    if ended and reply.reasoning:
        output.append(_reasoning_item(reply))
    if ended and reply.answer:
        output.append(_message_item(reply, status))
    return {
        "id": reply_id("resp", reply),
        "object": "response",
        "created_at": created_at(),
        "model": request.model,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": INCOMPLETE_REASONS[reply.finish]}
        if status == "incomplete"
        else None,
        "instructions": None,
        "max_output_tokens": request.max_tokens,
        "metadata": {},
        "output": output,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": _usage(reply) if ended else None,
    }


def _usage(reply: SimReply) -> dict[str, Any]:
    return {
        "input_tokens": reply.input_tokens,
        "input_tokens_details": {"cached_tokens": reply.cached_tokens},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
