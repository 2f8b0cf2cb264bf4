"""OpenAI's older Completions: one text prompt in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.values import Message
from gapbench_runners.sim_server.protocols.openai_chat import (
    FINGERPRINT,
    FINISH,
    ChatCompletionsProtocol,
    completion_usage,
)
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    created_at,
    parse_choices,
    parse_stop,
    parse_text,
    reply_id,
    sse_event,
)
from gapbench_runners.sim_server.reply import SimReply, SimRequest

DEFAULT_MAX_TOKENS = 16
"""platform.openai.com/docs/api-reference/completions/create"""


class CompletionsProtocol:
    """OpenAI's older Completions; reasoning is not shown."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request; a list of one prompt is that prompt."""
        prompt = body["prompt"]
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            raise ValueError(f"prompt must be one text, found {prompt!r:.60}")  # noqa: TRY004 - the sender's value
        unsupported = [name for name in ("echo", "logprobs", "suffix") if body.get(name)]
        if unsupported:
            raise ValueError(f"{', '.join(unsupported)}: not simulated")
        return SimRequest(
            (Message("user", (parse_text(prompt),)),),
            DEFAULT_MAX_TOKENS if body.get("max_tokens") is None else body["max_tokens"],
            bool(body.get("stream")),
            bool((body.get("stream_options") or {}).get("include_usage")),
            body["model"],
            parse_stop(body.get("stop")),
            parse_choices(body.get("n")),
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Close with the finish reasons, the counts where asked for, and ``[DONE]``."""

        def event(*choices: dict[str, Any], **more: Any) -> bytes:
            return sse_event(_completion(reply, request, list(choices)) | more)

        tail = b"".join(
            event(_choice(index, "", choice.finish)) for index, choice in enumerate(reply.choices)
        )
        if request.usage_in_stream:
            tail += event(usage=completion_usage(reply))
        return RenderedStream(
            b"",
            (
                # A comment takes the time of hidden reasoning without a text.
                *(b": reasoning\n\n" for _ in reply.reasoning),
                *(
                    b"".join(event(_choice(index, piece.text, None)) for index, piece in step)
                    for step in reply.steps()
                ),
            ),
            tail + b"data: [DONE]\n\n",
        )

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        choices = [
            _choice(index, "".join(choice.answer), choice.finish)
            for index, choice in enumerate(reply.choices)
        ]
        return _completion(reply, request, choices) | {"usage": completion_usage(reply)}

    def render_error(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:
        """Return an error."""
        return ChatCompletionsProtocol().render_error(status, message, code)


def _completion(reply: SimReply, request: SimRequest, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": reply_id("cmpl", reply),
        "object": "text_completion",
        "created": created_at(),
        "model": request.model,
        "system_fingerprint": FINGERPRINT,
        "choices": choices,
    }


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {
        "index": index,
        "text": text,
        "logprobs": None,
        "finish_reason": None if finish is None else FINISH[finish],
    }
