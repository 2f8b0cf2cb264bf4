"""Anthropic's Messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gapbench.values import (
    Message,
    Part,
    ReasoningState,
    ResponseSchema,
    ToolCall,
    join_turns,
)
from gapbench_runners.sim_server.episode_mark import read_mark, sign_mark, verify_mark
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    VendorRefusalError,
    json_text,
    parse_medium,
    parse_message,
    parse_stop,
    parse_text,
    refuse_part,
    reply_id,
    result_message,
    sse_event,
    system_messages,
)
from gapbench_runners.sim_server.protocols.tool_declarations import parse_anthropic_tools
from gapbench_runners.sim_server.protocols.turn_order import check_anthropic_turns
from gapbench_runners.sim_server.reply import Piece, SimCall, SimReply, SimRequest

FINISH = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "tool": "tool_use"}
# docs.claude.com/en/api/errors
ERRORS = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_THINKING = frozenset({"thinking", "redacted_thinking"})


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    kind = given["type"]
    if kind in {"image", "document"}:
        source = given["source"]
        if source["type"] == "text":
            return (parse_text(source["data"]),)
        return (parse_medium(source["media_type"], source["data"], given.get("title")),)
    if kind == "text":
        return (parse_text(given["text"]),)
    if kind == "tool_result":
        parts = parse_message("tool", given.get("content"), _parse_part).parts
        return result_message(given["tool_use_id"], "", parts, is_error=bool(given.get("is_error"))).parts
    if kind == "tool_use":
        return (ToolCall(given["id"], given["name"], json_text(given["input"])),)
    if kind in _THINKING:
        return (ReasoningState("messages", given),)
    raise refuse_part(kind)


def _parse_turn(given: Mapping[str, Any]) -> Iterator[Message]:
    """Yield a turn; results of tools, which the user brings here, become a message of their own."""
    content = given["content"]
    blocks = content if isinstance(content, list) else []
    results = [block for block in blocks if block.get("type") == "tool_result"]
    if results:
        parts = parse_message("tool", results, _parse_part).parts
        yield Message("tool", parts)
        content = [block for block in blocks if block.get("type") != "tool_result"]
        if not content:
            return
    yield parse_message(given["role"], content, _parse_part)


def _check_state(given: Sequence[Mapping[str, Any]], *, is_thinking: bool) -> None:
    """Refuse thinking that was changed, and calls of the present turn whose thinking did not come back."""
    start = max(
        (at for at, turn in enumerate(given) if turn["role"] == "user" and not _only_results(turn)), default=0
    )
    for at, turn in enumerate(given):
        blocks = turn["content"] if isinstance(turn["content"], list) else []
        for index, block in enumerate(blocks):
            state, content = block.get("signature") or block.get("data"), block.get("thinking") or ""
            if block.get("type") in _THINKING and verify_mark(str(state), content) is None:
                raise VendorRefusalError(
                    f"messages.{at}.content.{index}: Invalid `signature` in `thinking` block"
                )
        calls = [read_mark(block["id"]) for block in blocks if block.get("type") == "tool_use"]
        needs_state = any(mark is not None and mark.has_state for mark in calls)
        if at > start and calls and (is_thinking or needs_state) and blocks[0].get("type") not in _THINKING:
            raise VendorRefusalError(
                f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                f"`{blocks[0].get('type')}`. When `thinking` is enabled, a final `assistant` message must start with a "
                "thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks)."
            )


def _only_results(turn: Mapping[str, Any]) -> bool:
    content = turn["content"]
    return isinstance(content, list) and all(block.get("type") == "tool_result" for block in content)


class MessagesProtocol:
    """Anthropic's Messages."""

    overloaded_status = 529

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request."""
        system = body.get("system") or ""
        text = system if isinstance(system, str) else "".join(block["text"] for block in system)
        given = body["messages"]
        turns = join_turns(message for turn in given for message in _parse_turn(turn))
        check_anthropic_turns(turns)
        _check_state(given, is_thinking=(body.get("thinking") or {}).get("type") == "enabled")
        eager = (tool["name"] for tool in body.get("tools") or () if tool.get("eager_input_streaming"))
        return SimRequest(
            system_messages(text) + turns,
            body["max_tokens"],
            bool(body.get("stream")),
            True,
            body["model"],
            parse_stop(body.get("stop_sequences")),
            tools=parse_anthropic_tools(body),
            response_schema=_parse_schema(body),
            call_form="buffered",
            eager_tools=frozenset(eager),
            state="thinking",
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open message and blocks, close each; thinking is a separate block before the text."""
        opened = _message(reply, request, [], None, _usage(reply, 1, 0))
        head = _typed_event("message_start", message=opened) + _typed_event("ping")
        blocks = _Blocks()
        signature = _signature(reply)
        if reply.reasoning or reply.has_state:
            blocks.open({"type": "thinking", "thinking": "", "signature": ""})
            for text in reply.reasoning:
                blocks.write({"type": "thinking_delta", "thinking": text})
            blocks.add({"type": "signature_delta", "signature": signature})
        if reply.answer:
            blocks.open({"type": "text", "text": ""})
            for text in reply.answer:
                blocks.write({"type": "text_delta", "text": text})
        for call in reply.calls:
            blocks.open({"type": "tool_use", "id": _call_id(call), "name": call.name, "input": {}})
            for piece in call.pieces:
                blocks.write(*_input_deltas(piece, request, call.name))
        chunks, tail = blocks.close()
        stop = {"stop_reason": _stop_reason(reply), "stop_sequence": reply.choices[0].stop_sequence}
        usage = _usage(reply, reply.output_tokens, reply.reasoning_tokens)
        tail += _typed_event("message_delta", delta=stop, usage=usage) + _typed_event("message_stop")
        return RenderedStream(head, tuple(chunks), tail)

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        content: list[dict[str, Any]] = []
        if reply.reasoning or reply.has_state:
            thinking = "".join(reply.reasoning)
            content.append({"type": "thinking", "thinking": thinking, "signature": _signature(reply)})
        if reply.answer:
            content.append({"type": "text", "text": "".join(reply.answer)})
        content += (
            {"type": "tool_use", "id": _call_id(call), "name": call.name, "input": _input(reply, call)}
            for call in reply.calls
        )
        usage = _usage(reply, reply.output_tokens, reply.reasoning_tokens)
        return _message(reply, request, content, _stop_reason(reply), usage)

    def render_error(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:  # noqa: ARG002 - Anthropic has no codes
        """Return an error."""
        kind = ERRORS.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}


def _parse_schema(body: Mapping[str, Any]) -> ResponseSchema | None:
    form = (body.get("output_config") or {}).get("format") or body.get("output_format")
    if not form:
        return None
    if not isinstance(form.get("schema"), Mapping):
        raise VendorRefusalError("output_config.format.schema: Field required")
    return ResponseSchema("", form["schema"])


class _Blocks:
    """The content blocks of a stream; what opens and closes a block is written with the chunk that follows."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._waiting = b""
        self._index = -1

    def open(self, block: Mapping[str, Any]) -> None:
        self._end()
        self._index += 1
        self._waiting += _typed_event("content_block_start", index=self._index, content_block=block)

    def add(self, *deltas: Mapping[str, Any]) -> None:
        """Add to the block what takes no time of its own."""
        for delta in deltas:
            self._waiting += _typed_event("content_block_delta", index=self._index, delta=delta)

    def write(self, *deltas: Mapping[str, Any]) -> None:
        """Add a chunk to the block."""
        self.add(*deltas)
        self._chunks.append(self._waiting)
        self._waiting = b""

    def close(self) -> tuple[list[bytes], bytes]:
        """Return the chunks, and what follows the last."""
        self._end()
        return self._chunks, self._waiting

    def _end(self) -> None:
        if self._index >= 0:
            self._waiting += _typed_event("content_block_stop", index=self._index)


BUFFERED_CHARS = 24
"""Characters of one event when buffered arguments are sent."""


def _input_deltas(piece: Piece, request: SimRequest, name: str) -> list[dict[str, Any]]:
    """Return the events of a piece of a call: an empty one as it opens, then the arguments."""
    size = max(1, len(piece.text)) if name in request.eager_tools else BUFFERED_CHARS
    texts = [piece.text[start : start + size] for start in range(0, len(piece.text), size)]
    return [{"type": "input_json_delta", "partial_json": text} for text in ([""] if piece.opens else texts)]


def _call_id(call: SimCall) -> str:
    return f"toolu_{call.mark}"


def _input(reply: SimReply, call: SimCall) -> dict[str, Any]:
    """Return a call's arguments as an object, which is all that an unstreamed reply can hold."""
    try:
        value = json.loads(call.arguments_json)
    except ValueError:
        return {} if reply.finish == "length" else {"INVALID_JSON": call.arguments_json}
    return value if isinstance(value, dict) else {"value": value}


def _signature(reply: SimReply) -> str:
    """Return the signature of a reply's thinking; it holds for this text alone."""
    return "" if reply.mark is None else sign_mark(reply.mark, "".join(reply.reasoning))


def _typed_event(kind: str, **rest: Any) -> bytes:
    return sse_event({"type": kind, **rest}, kind)


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
    # Anthropic's input leaves out what came from the cache and what went into it.
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens - reply.cache_write_tokens,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation_input_tokens": reply.cache_write_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": reply.cache_write_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens},
    }
