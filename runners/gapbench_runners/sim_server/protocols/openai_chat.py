"""OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.values import Part
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    created_at,
    parse_choices,
    parse_image,
    parse_message,
    parse_stop,
    parse_text,
    refuse_part,
    reply_id,
    sse_event,
)
from gapbench_runners.sim_server.reply import SimReply, SimRequest

FINGERPRINT = "fp_simulated"
# Type and code of an error, platform.openai.com/docs/guides/error-codes.
ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "invalid_value"),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    503: ("overloaded_error", "overloaded"),
}
FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter"}


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    kind = given["type"]
    if kind == "image_url":
        return (parse_image(given["image_url"]["url"]),)
    if kind in {"text", "refusal"}:
        return (parse_text(given[kind]),)
    raise refuse_part(kind)


class ChatCompletionsProtocol:
    """OpenAI's Chat Completions; reasoning is in ``reasoning``, as vLLM sends it."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request."""
        budget = body.get("max_completion_tokens")
        return SimRequest(
            tuple(
                parse_message(given["role"], given.get("content"), _parse_part) for given in body["messages"]
            ),
            body.get("max_tokens") if budget is None else budget,
            bool(body.get("stream")),
            bool((body.get("stream_options") or {}).get("include_usage")),
            body["model"],
            parse_stop(body.get("stop")),
            parse_choices(body.get("n")),
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
                    b"".join(event({"content": text}, index=index) for index, text in step)
                    for step in reply.answer_steps()
                ),
            ),
            tail + b"data: [DONE]\n\n",
        )

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        choices: list[dict[str, Any]] = []
        for index, choice in enumerate(reply.choices):
            message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.answer)}
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

    def render_error(self, status: int, message: str) -> dict[str, Any]:
        """Return an error."""
        kind, code = ERRORS.get(status, ("server_error", "server_error"))
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def completion_usage(reply: SimReply) -> dict[str, Any]:
    """Return the counts of a reply under OpenAI's names."""
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
