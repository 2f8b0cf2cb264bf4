"""OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.values import Message, Part, ToolCall, join_turns
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    created_at,
    parse_choices,
    parse_data_uri,
    parse_medium,
    parse_message,
    parse_stop,
    parse_text,
    refuse_part,
    reply_id,
    result_message,
    sse_event,
)
from gapbench_runners.sim_server.protocols.tool_declarations import parse_openai_schema, parse_openai_tools
from gapbench_runners.sim_server.protocols.turn_order import check_chat_turns
from gapbench_runners.sim_server.reply import Piece, SimCall, SimReply, SimRequest

FINGERPRINT = "fp_simulated"
# Type and code of an error, platform.openai.com/docs/guides/error-codes.
ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "invalid_value"),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    503: ("overloaded_error", "overloaded"),
}
FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter", "tool": "tool_calls"}


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    kind = given["type"]
    if kind == "image_url":
        return (parse_data_uri(given["image_url"]["url"]),)
    if kind == "file":
        file = given["file"]
        return (parse_data_uri(file["file_data"], file.get("filename")),)
    if kind == "input_audio":
        sound = given["input_audio"]
        return (parse_medium(f"audio/{sound['format']}", sound["data"]),)
    if kind in {"text", "refusal"}:
        return (parse_text(given[kind]),)
    raise refuse_part(kind)


def _parse_turn(given: Mapping[str, Any]) -> Message:
    message = parse_message(given["role"], given.get("content"), _parse_part)
    if message.role == "tool":
        return result_message(given["tool_call_id"], "", message.parts)
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in given.get("tool_calls") or ()
        if call.get("type", "function") == "function"
    )
    return Message(message.role, message.parts + calls) if calls else message


class ChatCompletionsProtocol:
    """OpenAI's Chat Completions; reasoning is in ``reasoning``, as vLLM sends it."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request."""
        budget = body.get("max_completion_tokens")
        messages = join_turns(map(_parse_turn, body["messages"]))
        check_chat_turns(messages)
        return SimRequest(
            messages,
            body.get("max_tokens") if budget is None else budget,
            bool(body.get("stream")),
            bool((body.get("stream_options") or {}).get("include_usage")),
            body["model"],
            parse_stop(body.get("stop")),
            parse_choices(body.get("n")),
            tools=parse_openai_tools(body, nested=True),
            response_schema=parse_openai_schema(body.get("response_format")),
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open with the role, close with the finish reason, the counts where asked for, and ``[DONE]``."""
        frame = {
            "id": reply_id("chatcmpl", reply),
            "object": "chat.completion.chunk",
            "created": created_at(),
            "model": request.model,
            "system_fingerprint": FINGERPRINT,
        }

        def event(delta: Mapping[str, Any], finish: str | None = None, index: int = 0) -> bytes:
            return sse_event(
                {**frame, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
            )

        indexes = range(len(reply.choices))
        tail = b"".join(event({}, FINISH[choice.finish], index) for index, choice in enumerate(reply.choices))
        if request.usage_in_stream:
            tail += sse_event({**frame, "choices": [], "usage": completion_usage(reply)})
        return RenderedStream(
            b"".join(event({"role": "assistant", "content": ""}, index=index) for index in indexes),
            (
                *(event({"reasoning": text}) for text in reply.reasoning),
                *(
                    b"".join(event(_delta(reply, index, piece), index=index) for index, piece in step)
                    for step in reply.steps()
                ),
            ),
            tail + b"data: [DONE]\n\n",
        )

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        choices: list[dict[str, Any]] = []
        for index, choice in enumerate(reply.choices):
            text = "".join(choice.answer)
            message: dict[str, Any] = {
                "role": "assistant",
                "content": text if text or not choice.calls else None,
            }
            if choice.calls:
                message["tool_calls"] = [_tool_call(call) for call in choice.calls]
            if reply.reasoning:
                message["reasoning"] = "".join(reply.reasoning)
            choices.append({"index": index, "message": message, "finish_reason": FINISH[choice.finish]})
        return {
            "id": reply_id("chatcmpl", reply),
            "object": "chat.completion",
            "created": created_at(),
            "model": request.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
            "usage": completion_usage(reply),
        }

    def render_error(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:
        """Return an error."""
        kind, usual = ERRORS.get(status, ("server_error", "server_error"))
        return {"error": {"message": message, "type": kind, "param": None, "code": code or usual}}


def call_id(call: SimCall) -> str:
    """Return the id of a call in OpenAI's form."""
    return f"call_{call.mark}"


def _tool_call(call: SimCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments_json}
    return {"id": call_id(call), "type": "function", "function": function}


def _delta(reply: SimReply, index: int, piece: Piece) -> dict[str, Any]:
    """Return a piece of a choice; a call opens with its id and name, and its arguments follow."""
    if piece.call is None:
        return {"content": piece.text}
    opening: dict[str, Any] = {}
    function: dict[str, Any] = {"arguments": piece.text}
    if piece.opens:
        call = reply.choices[index].calls[piece.call]
        opening = {"id": call_id(call), "type": "function"}
        function = {"name": call.name, **function}
    return {"tool_calls": [{"index": piece.call, **opening, "function": function}]}


def completion_usage(reply: SimReply) -> dict[str, Any]:
    """Return the counts of a reply under OpenAI's names."""
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
