"""Token counts as vendors and servers that imitate one send them."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.values import Usage
from tests.gapbench_runners.events import chat, generate, heard, messages, responses, sse
from tests.wire_pieces import DELTA, TEXT


def _chat_counts(**counts: Any) -> str:
    return chat({"content": "B"}, usage=counts)


REASONING = {"completion_tokens_details": {"reasoning_tokens": 4_000}}


@pytest.mark.parametrize(
    ("protocol", "body", "expected"),
    [
        # xAI: total = 1000 + 10 + 4000.
        (
            "chat",
            _chat_counts(prompt_tokens=1_000, completion_tokens=10, total_tokens=5_010, **REASONING),
            Usage(1_000, output_tokens=4_010, reasoning_tokens=4_000),
        ),
        # OpenAI: total = 1000 + 4010, reasoning inside.
        (
            "chat",
            _chat_counts(prompt_tokens=1_000, completion_tokens=4_010, total_tokens=5_010, **REASONING),
            Usage(1_000, output_tokens=4_010, reasoning_tokens=4_000),
        ),
        # Gemini's OpenAI route: only the total shows 5010 - 1000 - 10 = 4000 more.
        (
            "vllm",
            _chat_counts(prompt_tokens=1_000, completion_tokens=10, total_tokens=5_010),
            Usage(1_000, output_tokens=4_010, reasoning_tokens=4_000),
        ),
        # No total, but more reasoning than output.
        (
            "chat",
            _chat_counts(prompt_tokens=1_000, completion_tokens=10, **REASONING),
            Usage(1_000, output_tokens=4_010, reasoning_tokens=4_000),
        ),
        # A total that is smaller than its parts says nothing.
        (
            "chat",
            _chat_counts(prompt_tokens=1_000, completion_tokens=10, total_tokens=0),
            Usage(1_000, output_tokens=10),
        ),
        # Floats and texts.
        (
            "chat",
            _chat_counts(prompt_tokens=1000.0, completion_tokens="10", total_tokens="1010"),
            Usage(1_000, output_tokens=10),
        ),
        # Cache reads beside the input: 36 + 64 = 100, as the total 100 + 30 shows.
        (
            "chat",
            _chat_counts(
                prompt_tokens=36,
                completion_tokens=30,
                total_tokens=130,
                prompt_tokens_details={"cached_tokens": 64},
            ),
            Usage(100, 64, output_tokens=30),
        ),
        (
            "responses",
            responses(
                DELTA,
                usage={
                    "input_tokens": 9,
                    "output_tokens": 3,
                    "output_tokens_details": {"reasoning_tokens": 5},
                    "total_tokens": 17,
                },
            ),
            Usage(9, output_tokens=8, reasoning_tokens=5),
        ),
        # Google: thoughts outside the candidates, and a total with 20 more than 100 + 5 + 7.
        (
            "generate",
            generate(
                [{"text": "B"}],
                usages=[
                    {
                        "promptTokenCount": 100,
                        "candidatesTokenCount": 5,
                        "thoughtsTokenCount": 7,
                        "totalTokenCount": 132,
                    }
                ],
            ),
            Usage(100, output_tokens=32, reasoning_tokens=27),
        ),
    ],
)
def test_reasoning_is_part_of_the_output(protocol: str, body: str, expected: Usage) -> None:
    """Wherever the server counts it."""
    assert expected == heard(protocol, body).usage


@pytest.mark.parametrize(
    ("protocol", "body", "expected"),
    [
        (
            "messages",
            messages(
                TEXT,
                start={"input_tokens": 25_000, "cache_read_input_tokens": 0, "output_tokens": 1},
                delta={"input_tokens": 0, "output_tokens": 15},
            ),
            Usage(25_000, 0, output_tokens=15),
        ),
        (
            "messages",
            messages(TEXT, start={"input_tokens": 0, "output_tokens": 0}, delta={"input_tokens": 25, "output_tokens": 15}),
            Usage(25, output_tokens=15),
        ),
        # 19 + 384 read from the cache; the last event has zeros for all but the output.
        (
            "messages",
            messages(
                TEXT,
                start={"input_tokens": 19, "cache_read_input_tokens": 384, "output_tokens": 1},
                delta={"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 15},
            ),
            Usage(19 + 384, 384, output_tokens=15),
        ),
        # The last event moves all of the input into the cache.
        (
            "messages",
            messages(
                TEXT,
                start={"input_tokens": 403, "cache_read_input_tokens": 0, "output_tokens": 1},
                delta={"input_tokens": 0, "cache_read_input_tokens": 403, "output_tokens": 15},
            ),
            Usage(403, 403, output_tokens=15),
        ),
        (
            "generate",
            generate(
                [{"text": "B"}],
                [{"text": "!"}],
                usages=[
                    {"promptTokenCount": 20, "thoughtsTokenCount": 12, "cachedContentTokenCount": 8},
                    {"promptTokenCount": 0, "candidatesTokenCount": 5, "thoughtsTokenCount": 0},
                ],
            ),
            Usage(20, 8, output_tokens=5 + 12, reasoning_tokens=12),
        ),
        (
            "chat",
            sse(
                [
                    {"choices": [{"delta": {"content": "B"}}], "usage": {"prompt_tokens": 20, "completion_tokens": 1}},
                    {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 20, "completion_tokens": 7}},
                    {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}},
                    "[DONE]",
                ]
            ),
            Usage(20, output_tokens=7),
        ),
    ],
)  # fmt: skip
def test_a_zero_does_not_replace_a_count(protocol: str, body: str, expected: Usage) -> None:
    """Gateways end a stream with zeros for what they do not know."""
    assert expected == heard(protocol, body).usage


@pytest.mark.parametrize(
    ("protocol", "body", "expected", "note"),
    [
        (
            "chat",
            _chat_counts(prompt_tokens=10, completion_tokens=5, prompt_tokens_details={"cached_tokens": 64}),
            Usage(10, None, output_tokens=5),
            "cached_input_tokens dropped: 64 is more than input_tokens 10",
        ),
        (
            "chat",
            _chat_counts(prompt_tokens=-1, completion_tokens=5),
            Usage(output_tokens=5),
            "input_tokens dropped: '-1' is not a count",
        ),
        (
            "messages",
            messages(
                TEXT, start={"input_tokens": 5, "cache_read_input_tokens": -2}, delta={"output_tokens": 3}
            ),
            Usage(output_tokens=3),
            "input_tokens dropped: '-2' is not a count; cached_input_tokens dropped: '-2' is not a count",
        ),
        (
            "generate",
            generate([{"text": "B"}], usages=[{"promptTokenCount": 5, "candidatesTokenCount": -4}]),
            Usage(5),
            "output_tokens dropped: '-4' is not a count",
        ),
    ],
)
def test_impossible_counts_are_null_with_a_note(protocol: str, body: str, expected: Usage, note: str) -> None:
    """The reply is kept; no price is computed from such a count."""
    response = heard(protocol, body)

    assert (expected, note, None) == (response.usage, response.usage_note, response.failure)
