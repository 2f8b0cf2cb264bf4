"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapbench.values import Message, Part, ReasoningState, ToolCall, join_turns
from gapbench_runners.sim_server.episode_mark import read_mark, sign_mark, verify_mark
from gapbench_runners.sim_server.protocols.openai_chat import ChatCompletionsProtocol, call_id
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    VendorRefusalError,
    created_at,
    parse_data_uri,
    parse_medium,
    parse_message,
    parse_text,
    refuse_part,
    reply_id,
    result_message,
    sse_event,
    system_messages,
)
from gapbench_runners.sim_server.protocols.tool_declarations import parse_openai_schema, parse_openai_tools
from gapbench_runners.sim_server.protocols.turn_order import check_response_items
from gapbench_runners.sim_server.reply import SimCall, SimReply, SimRequest

INCOMPLETE_REASONS = {"length": "max_output_tokens", "refusal": "content_filter"}


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    kind = given["type"]
    if kind == "input_image":
        return (parse_data_uri(given["image_url"]),)
    if kind == "input_file":
        return (parse_data_uri(given["file_data"], given.get("filename")),)
    if kind == "input_audio":
        sound = given["input_audio"]
        return (parse_medium(f"audio/{sound['format']}", sound["data"]),)
    if kind in {"input_text", "output_text", "text"}:
        return (parse_text(given["text"]),)
    if kind == "refusal":
        return (parse_text(given["refusal"]),)
    raise refuse_part(kind)


def _parse_item(given: Mapping[str, Any], *, is_stored: bool) -> tuple[Message, ...]:
    """Return the turn of an input item; () for one that says nothing."""
    kind = given.get("type", "message")
    if kind == "message":
        return (parse_message(given["role"], given.get("content"), _parse_part),)
    if kind == "function_call":
        call = ToolCall(given["call_id"], given["name"], given["arguments"])
        return (Message("assistant", (call,)),)
    if kind == "reasoning":
        _check_reasoning(given, is_stored=is_stored)
        return (Message("assistant", (ReasoningState("responses", given),)),)
    if "output" in given:
        parts = parse_message("tool", given["output"], _parse_part).parts
        return (result_message(given["call_id"], "", parts),)
    return ()


def _check_reasoning(item: Mapping[str, Any], *, is_stored: bool) -> None:
    """Refuse reasoning that cannot be read again."""
    sealed = item.get("encrypted_content")
    if sealed is None:
        if not is_stored:
            raise VendorRefusalError(
                f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false. Try "
                "again with `store` set to true, or remove this item from your input.",
                status=404,
            )
    elif verify_mark(sealed) is None:
        raise VendorRefusalError(
            f"The encrypted content {sealed[:4]}...{sealed[-4:]} could not be verified. Reason: Encrypted content could "
            "not be decrypted or parsed.",
            code="invalid_encrypted_content",
        )


def _check_state(messages: Sequence[Message]) -> None:
    """Refuse a call whose reasoning did not come back with it."""
    for message in messages:
        if any(isinstance(part, ReasoningState) for part in message.parts):
            continue
        for call in message.tool_calls:
            mark = read_mark(call.id)
            if mark is not None and mark.has_state:
                raise VendorRefusalError(
                    f"Item '{call.id.replace('call_', 'fc_', 1)}' of type 'function_call' was provided without its "
                    f"required 'reasoning' item: 'rs_{mark}'."
                )


def _without_lone_reasoning(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the turns without those that hold only reasoning, of which the model sees nothing."""
    return tuple(
        message
        for message in messages
        if not message.parts or not all(isinstance(part, ReasoningState) for part in message.parts)
    )


class ResponsesProtocol:
    """OpenAI's Responses."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request."""
        given = body["input"]
        items: list[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else given
        if earlier := body.get("previous_response_id"):
            raise VendorRefusalError(
                f"Previous response with id '{earlier}' not found.", code="previous_response_not_found"
            )
        is_stored = body.get("store") is not False
        found = (message for item in items for message in _parse_item(item, is_stored=is_stored))
        turns = _without_lone_reasoning(join_turns(found))
        check_response_items(turns)
        _check_state(turns)
        return SimRequest(
            system_messages(body.get("instructions") or "") + turns,
            body.get("max_output_tokens"),
            bool(body.get("stream")),
            True,
            body["model"],
            tools=parse_openai_tools(body, nested=False),
            response_schema=parse_openai_schema((body.get("text") or {}).get("format")),
            state="thinking",
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open the response, its items and their parts, and close each."""
        return _ResponseEvents(reply, request).render()

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        return _response(reply, request, _status(reply))

    def render_error(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:
        """Return an error."""
        return ChatCompletionsProtocol().render_error(status, message, code)


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
        closing, index = b"", 0
        if _has_reasoning(reply):
            item = _reasoning_item(reply)
            if reply.reasoning:
                chunks, closing = self._item_events(0, item, reply.reasoning)
            else:
                closing = self._item_event("added", 0, item) + self._item_event("done", 0, item)
            index = 1
        if reply.answer:
            answers, closing = self._item_events(
                index, _message_item(reply, _status(reply)), reply.answer, closing
            )
            chunks += answers
            index += 1
        for place, call in enumerate(reply.calls):
            pieces, closing = self._call_events(index + place, call, _call_status(reply, place), closing)
            chunks += pieces
        status = _status(reply)
        tail = closing + self._typed_event(
            f"response.{status}", response=_response(reply, self.request, status)
        )
        return RenderedStream(head, tuple(chunks), tail)

    def _call_events(
        self, index: int, call: SimCall, status: str, before: bytes
    ) -> tuple[list[bytes], bytes]:
        """Return a call's chunks and the bytes that close it."""
        item = _call_item(call, status)
        where = {"item_id": item["id"], "output_index": index}
        opening = before + self._item_event(
            "added", index, {**item, "status": "in_progress", "arguments": ""}
        )
        chunks = [
            opening
            if piece.opens
            else self._typed_event("response.function_call_arguments.delta", **where, delta=piece.text)
            for piece in call.pieces
        ]
        closing = self._typed_event(
            "response.function_call_arguments.done", **where, name=call.name, arguments=call.arguments_json
        )
        return chunks, closing + self._item_event("done", index, item)

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
        opening = before + self._item_event("added", index, empty)
        opening += self._typed_event(f"response.{parts}.added", **where, part={**part, "text": ""})
        chunks = []
        for text in texts:
            chunks.append(opening + self._typed_event(f"response.{words}.delta", **where, delta=text, **more))
            opening = b""
        closing = self._typed_event(f"response.{words}.done", **where, text=part["text"], **more)
        closing += self._typed_event(f"response.{parts}.done", **where, part=part)
        return chunks, closing + self._item_event("done", index, item)

    def _item_event(self, what: str, index: int, item: Mapping[str, Any]) -> bytes:
        return self._typed_event(f"response.output_item.{what}", output_index=index, item=item)

    def _typed_event(self, kind: str, **rest: Any) -> bytes:
        event = sse_event({"type": kind, "sequence_number": self._number, **rest}, kind)
        self._number += 1
        return event


def _status(reply: SimReply) -> str:
    return "incomplete" if reply.finish in INCOMPLETE_REASONS else "completed"


def _has_reasoning(reply: SimReply) -> bool:
    """Return whether a reply has reasoning: shown, or sealed so that it can come back."""
    return bool(reply.reasoning) or reply.has_state


def _reasoning_item(reply: SimReply) -> dict[str, Any]:
    text = "".join(reply.reasoning)
    item: dict[str, Any] = {"id": reply_id("rs", reply), "type": "reasoning", "summary": []}
    if text and reply.shown == "summary":
        item["summary"] = [{"type": "summary_text", "text": text}]
    elif text:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    if reply.mark is not None and reply.has_state:
        item["encrypted_content"] = sign_mark(reply.mark)
    return item


def _call_item(call: SimCall, status: str) -> dict[str, Any]:
    return {
        "id": f"fc_{call.mark}",
        "type": "function_call",
        "status": status,
        "call_id": call_id(call),
        "name": call.name,
        "arguments": call.arguments_json,
    }


def _call_status(reply: SimReply, place: int) -> str:
    """Return whether a call is complete; the last of a reply that reached its budget is not."""
    is_cut = reply.finish == "length" and place == len(reply.calls) - 1
    return "incomplete" if is_cut else "completed"


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
    if ended and _has_reasoning(reply):
        output.append(_reasoning_item(reply))
    if ended and reply.answer:
        output.append(_message_item(reply, status))
    if ended:
        output += [_call_item(call, _call_status(reply, place)) for place, call in enumerate(reply.calls)]
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
