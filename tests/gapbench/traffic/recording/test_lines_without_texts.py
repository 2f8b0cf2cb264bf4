"""Lines without texts: no phrase is written, and equal starts have equal hashes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gapbench.traffic.recording.line_builder import LineBuilder
from gapbench.traffic.recording.protocols import Protocol
from gapbench.traffic.recording.text_shape import BLOCK_CHARS
from tests.recorded_lines import HASHER, events, exchange, line_of

WORDS = [
    f"{first}{second}"
    for first in ("qua", "bro", "vel", "zim")
    for second in ("rk", "nto", "sh", "lop", "dra", "xi")
]


class Phrases:
    """Draws phrases of six words, and remembers each."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self.drawn: list[str] = []

    def __call__(self) -> str:
        self.drawn.append(" ".join(self._draw.choices(WORDS, k=6)) + f" SECRET{self._draw.randrange(10**9)}")
        return self.drawn[-1]


def requests(p: Phrases) -> Iterator[tuple[Protocol, dict[str, Any]]]:
    """Yield a request of each protocol with a phrase wherever it takes a text."""
    schema = {"type": "object", "description": p(), "properties": {p(): {"enum": [p()]}}}
    tool = {"name": p(), "description": p(), "parameters": schema}
    yield Protocol.CHAT, {
        "model": "gpt-5.2", "stream": True, "user": p(), "metadata": {"feature": p(), "session_id": p()}, "stop": [p(), p()],
        "temperature": 0.5, "reasoning_effort": "high", "logit_bias": {p(): 1},
        "response_format": {"type": "json_schema", "json_schema": {"name": p(), "schema": schema}},
        "tool_choice": {"type": "function", "function": {"name": p()}}, "tools": [{"type": "function", "function": tool}],
        "messages": [
            {"role": "system", "content": p()}, {"role": p(), "name": p(), "content": [{"type": "text", "text": p()}]},
            {"role": "assistant", "tool_calls": [{"id": p(), "function": {"name": p(), "arguments": p()}}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": p()}}]},
        ],
    }  # fmt: skip
    yield Protocol.RESPONSES, {
        "model": "gpt-5.2", "stream": True, "instructions": p(), "input": [{"role": "user", "content": p()}], "tools": [tool],
        "text": {"format": {"type": "json_schema", "name": p(), "schema": schema}}, "safety_identifier": p(),
        "prompt_cache_key": p(), "include": [p()], "truncation": p(), "previous_response_id": p(),
    }  # fmt: skip
    yield Protocol.MESSAGES, {
        "model": "claude-sonnet-4-5", "max_tokens": 9, "stream": True, "system": [{"type": "text", "text": p()}],
        "messages": [{"role": "user", "content": p()}], "stop_sequences": [p()], "tools": [tool],
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {"user_id": p()},
    }  # fmt: skip
    yield Protocol.GOOGLE, {
        "systemInstruction": {"parts": [{"text": p()}]}, "tools": [{"functionDeclarations": [tool]}],
        "contents": [{"role": "user", "parts": [{"text": p()}, {"inlineData": {"mimeType": "image/png", "data": p()}}]}],
        "generationConfig": {"maxOutputTokens": 9, "stopSequences": [p()], "responseSchema": schema, "responseMimeType": p()},
    }  # fmt: skip


def replies(p: Phrases, protocol: Protocol) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield answers with a phrase wherever they may have a text: a stream, an error, and what is no answer at all."""
    if protocol is Protocol.CHAT:
        call = {"index": 0, "id": p(), "function": {"name": p(), "arguments": p()}}
        delta = {"content": p(), "reasoning_content": p(), "refusal": p(), "tool_calls": [call]}
        yield events({"id": p(), "model": p(), "choices": [{"delta": delta, "finish_reason": p()}]}), {}
    elif protocol is Protocol.RESPONSES:
        item = {"type": "message", "content": [{"type": "output_text", "text": p()}]}
        done = {
            "status": "incomplete",
            "incomplete_details": {"reason": p()},
            "output": [item],
            "instructions": p(),
        }
        yield (
            events(
                {"type": "response.output_text.delta", "delta": p()},
                {"type": "response.incomplete", "response": done},
            ),
            {},
        )
    elif protocol is Protocol.MESSAGES:
        yield (
            events(
                {"type": "message_start", "message": {"id": p(), "model": p()}},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"text": p()}},
                {"type": "message_delta", "delta": {"stop_reason": p()}},
            ),
            {},
        )
    else:
        part = {"functionCall": {"name": p(), "args": {p(): p()}}}
        yield (
            events(
                {
                    "candidates": [{"content": {"parts": [{"text": p()}, part]}, "finishReason": p()}],
                    "modelVersion": p(),
                }
            ),
            {},
        )
    error = {"error": {"type": p(), "code": p(), "status": p(), "message": p()}}
    yield orjson.dumps(error), {"status": 400, "content_type": "application/json"}
    yield orjson.dumps({"detail": [p()]}), {"status": 422, "content_type": "application/json"}
    yield events(error, {"type": "error", **error}), {"is_cancelled": True}
    yield p().encode(), {"content_type": p(), "status": 502}
    yield b"data: " + p().encode() + b"\n\n", {"error": f"connection: {p()}"}
    yield p().encode(), {"encoding": "gzip"}


@pytest.mark.parametrize("seed", range(5))
def test_without_texts_no_phrase_is_written(seed: int) -> None:
    """About 900 phrases a seed, in every place that takes a text; no four words of one, and no planted secret."""
    phrases = Phrases(seed)
    content = b""
    builder = LineBuilder(HASHER, keep_texts=False)
    for protocol, request in requests(phrases):
        for reply, more in replies(phrases, protocol):
            content += builder.build(exchange(protocol, request, reply, **more))
    text = content.decode()

    assert len(content.splitlines()) == 28
    assert "SECRET" not in text
    for phrase in phrases.drawn:
        words = phrase.split()
        assert not [at for at in range(4) if " ".join(words[at : at + 4]) in text]
    assert not [word for word in WORDS if word in text]
    with_texts = LineBuilder(HASHER).build(exchange(protocol, request, reply)).decode()
    assert "SECRET" in with_texts


def test_equal_starts_have_equal_hashes_and_nothing_else_has() -> None:
    """Prompts of 320 characters that differ at character 200 of the whole share three blocks of 64."""
    head = "\nuser\n"  # how a message starts
    first = "x" * (320 - len(head))
    at = 200 - len(head)
    second = first[:at] + "y" + first[at + 1 :]
    lines = [
        line_of(
            exchange(Protocol.CHAT, {"model": "m", "messages": [{"role": "user", "content": text}]}, b""),
            keep_texts=False,
        )
        for text in (first, second, first)
    ]
    blocks = [line["text_shape"]["blocks"] for line in lines]

    assert (64, 5, 320) == (BLOCK_CHARS, len(blocks[0]), lines[0]["text_shape"]["prompt_chars"])
    assert blocks[0] == blocks[2]
    assert [True] * 3 + [False] * 2 == [a == b for a, b in zip(blocks[0], blocks[1], strict=True)]
    assert len(set(blocks[0])) == 5


def test_lengths_times_and_tokens_are_written_without_texts() -> None:
    """Two messages of 2 and 3 words, a reply of 2."""
    request = {
        "model": "m", "stream": True, "temperature": 0,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one two three"}],
    }  # fmt: skip
    reply = events(
        {"choices": [{"delta": {"content": "yes "}}]}, {"choices": [{"delta": {"content": "sir"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
    )  # fmt: skip
    line = line_of(exchange(Protocol.CHAT, request, reply), keep_texts=False)
    shape = line["text_shape"]

    assert [("system", 8, 2), ("user", 13, 3)] == [
        (m["role"], m["chars"], m["words"]) for m in shape["messages"]
    ]
    assert (7, 2, 9, 2) == (
        shape["reply_chars"],
        shape["reply_words"],
        line["input_tokens"],
        line["output_tokens"],
    )
    assert (1.0, 10.0, {"temperature": 0}) == (line["first_token_s"], line["response_s"], line["parameters"])
    assert not {"messages", "reply", "tools"} & line.keys()
