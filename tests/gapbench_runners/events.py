"""Write streams of each protocol from what a reply says, for tests whose oracle is that reply."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gapbench.values import Model, Response
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.replay import Replay, ask

PROTOCOLS = ("chat", "responses", "messages", "generate", "vllm")
_DOORS: dict[str, tuple[Any, Model, str]] = {
    "chat": (OpenAIRunner, Model("m", "openai", "x", "open"), "/v1"),
    "responses": (OpenAIRunner, Model("m", "openai", "x", "open", options={"api": "responses"}), "/v1"),
    "messages": (AnthropicRunner, Model("m", "anthropic", "x", "open"), ""),
    "generate": (GoogleRunner, Model("m", "google", "x", "open"), ""),
    "vllm": (VllmRunner, Model("m", "vllm", "x", "open"), "/v1"),
}


def heard(protocol: str, body: bytes | str, *, max_tokens: int | None = None, **changes: Any) -> Response:
    """Return what the vendor's client and our runner make of a body over HTTP."""
    kind, model, path = _DOORS[protocol]
    data = body if isinstance(body, bytes) else body.encode()
    return ask(kind, Replay(data, **changes), model=model, path=path, max_tokens=max_tokens)


def sse(events: Iterable[Any]) -> str:
    """Return events as a stream; a text is data as it is."""
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)


def chat(*deltas: dict[str, Any], finish: Any = "stop", usage: Any = None, done: bool = True) -> str:
    """Return a Chat Completions stream."""
    events: list[Any] = [
        {"id": "c", "model": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    if finish is not None:
        events.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage is not None:
        events.append({"id": "c", "choices": [], "usage": usage})
    return sse([*events, *(["[DONE]"] if done else [])])


def responses(*events: dict[str, Any], kind: str = "response.completed", **response: Any) -> str:
    """Return a Responses stream."""
    whole = {"id": "r", "status": "completed", "output": [], **response}
    return sse([*events, {"type": kind, "response": whole}])


def messages(
    *blocks: Sequence[dict[str, Any]],
    stop: Any = "end_turn",
    start: Any = None,
    delta: Any = None,
    end: bool = True,
) -> str:
    """Return a Messages stream; a block is its start and its deltas."""
    events: list[Any] = [{"type": "message_start", "message": {"id": "m", "model": "x", "usage": start}}]
    for index, (first, *deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": first})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": delta})
    return sse([*events, *([{"type": "message_stop"}] if end else [])])


def generate(
    *chunks: Sequence[dict[str, Any]], finish: Any = "STOP", usages: Sequence[Any] = (), **more: Any
) -> str:
    """Return a streamGenerateContent stream; a chunk is its parts."""
    events = [
        {
            "candidates": [
                {
                    "content": {"parts": list(parts)},
                    **({"finishReason": finish} if place == len(chunks) - 1 and finish else {}),
                }
            ],
            **({"usageMetadata": usages[place]} if place < len(usages) else {}),
            **more,
        }
        for place, parts in enumerate(chunks)
    ]
    return sse(events)


def text_stream(protocol: str, pieces: Sequence[str]) -> str:
    """Return a whole reply of some pieces of text."""
    if protocol in {"chat", "vllm"}:
        return chat(*({"content": piece} for piece in pieces))
    if protocol == "responses":
        return responses(*({"type": "response.output_text.delta", "delta": piece} for piece in pieces))
    if protocol == "messages":
        return messages(
            [{"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces)]
        )
    return generate(*([{"text": piece}] for piece in pieces))
