"""A prompt that is too long is recognized by the vendors' own words, and nothing else is."""

from __future__ import annotations

import pytest

from gapbench.errors import FailureKind
from gapbench.execution.attempts.context_overflow import is_context_overflow
from gapbench.values import Failure


@pytest.mark.parametrize(
    "message",
    [
        "context_length_exceeded: Your input exceeds the context window of this model.",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "The decoder prompt (length 5000) is longer than the maximum model length; maximum context length is 4096",
    ],
)
def test_the_vendors_words(message: str) -> None:
    """OpenAI, older OpenAI and vLLM, Anthropic, Google, vLLM."""
    assert is_context_overflow(Failure("bad_request", message, 400))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("bad_request", "max_tokens is too large: 100000"),
        ("bad_request", "string too long. Expected a string with maximum length 64"),
        ("server", "maximum context length"),
    ],
)
def test_other_failures_are_none(kind: FailureKind, message: str) -> None:
    """A parameter that is refused, and a server in trouble that speaks of a context."""
    assert not is_context_overflow(Failure(kind, message, 400))
    assert not is_context_overflow(None)
