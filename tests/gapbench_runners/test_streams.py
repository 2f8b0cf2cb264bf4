"""Each vendor's stream, as its documentation shapes it, gives the same harness values.

The transcripts in ``transcripts/`` were written for this project after the vendors' documentation and the
servers; each of them reports the same counts: 100 tokens in, 64 of them cached, 30 out,
12 of them reasoning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.values import Model, Response, Usage
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from tests.gapbench_runners.replay import Replay, ask

TRANSCRIPTS = Path(__file__).parent / "transcripts"
CHAT = Model("m", "openai", "gpt-x", "closed")
RESPONSES = Model("m", "openai", "gpt-x", "closed", options={"api": "responses"})
MESSAGES = Model("m", "anthropic", "claude-x", "closed")
GENERATE = Model("m", "google", "gemini-2.5-x", "closed")
VENDORS: dict[str, tuple[Any, Model, str]] = {
    "chat": (OpenAIRunner, CHAT, "/v1"),
    "responses": (OpenAIRunner, RESPONSES, "/v1"),
    "messages": (AnthropicRunner, MESSAGES, ""),
    "generate": (GoogleRunner, GENERATE, ""),
}


def heard(name: str, **changes: Any) -> Response:
    """Return what the runner of a transcript makes of it."""
    kind, model, path = VENDORS[name.partition("_")[0]]
    body = (TRANSCRIPTS / f"{name}.sse").read_bytes()
    return ask(kind, Replay(body, **changes), model=model, path=path)


@pytest.mark.parametrize("name", ["chat", "responses", "messages", "generate"])
def test_the_answer_is_whole(name: str) -> None:
    """Text, finish and no failure."""
    response = heard(name)

    assert ("Grüß Gott", "stop", None) == (response.answer, response.finish_reason, response.failure)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat", Usage(100, 64, None, None, 30, 12)),
        ("responses", Usage(100, 64, None, None, 30, 12)),
        # Anthropic's input leaves the cache out: 20 + 64 read + 16 written = 100.
        ("messages_thinking", Usage(20 + 64 + 16, 64, 16, 6, 30, 12)),
        # Google's candidates leave thoughts out: 18 + 12 = 30.
        ("generate", Usage(100, 64, None, None, 18 + 12, 12)),
    ],
)
def test_token_classes_are_made_alike(name: str, expected: Usage) -> None:
    """Input includes cache reads and writes, output includes reasoning."""
    assert expected == heard(name).usage


@pytest.mark.parametrize(
    ("name", "reasoning", "answer", "disclosure"),
    [
        ("chat_reasoning", "think more", "4", "verbatim"),
        ("responses", "think", "Grüß Gott", "summary"),
        ("messages_thinking", "think", "Grüß Gott", "verbatim"),
        ("generate_thoughts", "think", "4", "summary"),
        ("generate", "", "Grüß Gott", "hidden"),
    ],
)
def test_channels_are_kept_apart(name: str, reasoning: str, answer: str, disclosure: str) -> None:
    """Scorers see the answer alone; how much of the reasoning was shown is told."""
    response = heard(name)

    assert (reasoning, answer, disclosure) == (response.reasoning, response.answer, response.disclosure)


@pytest.mark.parametrize("name", ["chat_reasoning", "responses", "messages_thinking", "generate_thoughts"])
def test_the_first_token_and_the_first_answer_are_two_instants(name: str) -> None:
    """A thinking model's first token is not its first answer."""
    timing = heard(name).timing

    assert timing.first_token_s is not None
    assert timing.first_answer_s is not None
    assert timing.first_token_s <= timing.first_answer_s
    assert timing.first_token_s == timing.chunk_s[0]


@pytest.mark.parametrize(
    ("name", "finish", "raw"),
    [
        ("chat_length", "length", "length"),
        ("chat_refusal", "refusal", "content_filter"),
        ("chat_tool", "tool", "tool_calls"),
        ("responses_length", "length", "max_output_tokens"),
        ("messages_length", "length", "max_tokens"),
        ("messages_refusal", "refusal", "refusal"),
        ("generate_length", "length", "MAX_TOKENS"),
        ("generate_safety", "refusal", "SAFETY"),
        ("generate_blocked", "refusal", "PROHIBITED_CONTENT"),
    ],
)
def test_finish_reasons(name: str, finish: str, raw: str) -> None:
    """In the harness's words, with the provider's beside them."""
    response = heard(name)

    assert (finish, raw, None) == (response.finish_reason, response.finish_raw, response.failure)


@pytest.mark.parametrize("name", ["chat_early", "responses_early", "messages_early", "generate_early"])
def test_a_stream_that_ends_early_is_cut(name: str) -> None:
    """None of the SDKs notices a clean but early end; the partial text is kept."""
    response = heard(name)

    assert response.failure is not None
    assert "cut_stream" == response.failure.kind
    assert response.answer


@pytest.mark.parametrize("name", ["chat", "responses", "messages", "generate"])
def test_a_connection_closed_in_mid_stream_is_cut(name: str) -> None:
    """The bytes stop before the body's end."""
    response = heard(name, cut=True)

    assert response.failure is not None
    assert "cut_stream" == response.failure.kind
    assert "Grüß Gott" == response.answer


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chat_error", "overloaded"),
        ("responses_failed", "rate_limit"),
        ("messages_error", "overloaded"),
        ("generate_error", "overloaded"),
    ],
)
def test_an_error_event_has_its_kind(name: str, kind: str) -> None:
    """Errors come within a stream of status 200, too."""
    response = heard(name)

    assert response.failure is not None
    assert kind == response.failure.kind
    assert response.answer


@pytest.mark.parametrize(
    ("name", "model", "identity", "tier"),
    [
        ("chat", "gpt-x-2026", "chatcmpl-1", "default"),
        ("responses", "gpt-x-2026", "resp_1", "flex"),
        ("messages", "claude-x-2026", "msg_1", "standard"),
        ("generate", "gemini-x-2026", "r1", None),
    ],
)
def test_who_answered_is_kept(name: str, model: str, identity: str, tier: str | None) -> None:
    """The served model, the reply's id and the tier."""
    response = heard(name)

    assert (model, identity, tier) == (response.model_served, response.response_id, response.service_tier)


@pytest.mark.parametrize("name", ["chat", "responses", "messages_thinking", "generate_thoughts"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_where_the_reads_end_does_not_matter(name: str, data: st.DataObject) -> None:
    """A read may end within an event, a line, or a UTF-8 character."""
    size = data.draw(st.integers(1, 400))
    whole, split = heard(name), heard(name, pieces=[size] * 40)

    assert (whole.answer, whole.reasoning, whole.usage) == (split.answer, split.reasoning, split.usage)


@pytest.mark.parametrize("name", ["chat", "responses", "messages", "generate"])
@pytest.mark.parametrize("body", [b"data: {not json\n\n", b"data: [1, 2]\n\n"])
def test_rubbish_in_an_event_is_garbage(name: str, body: bytes) -> None:
    """It is named and is no wrong answer."""
    kind, model, path = VENDORS[name]
    response = ask(kind, Replay(body), model=model, path=path)

    assert response.failure is not None
    assert "garbage" == response.failure.kind


@pytest.mark.parametrize("name", ["chat", "responses", "messages", "generate"])
def test_a_page_with_status_200_is_garbage(name: str) -> None:
    """A gateway's HTML is not an answer."""
    kind, model, path = VENDORS[name]
    page = b"<!doctype html><html><body>Please sign in.</body></html>"
    response = ask(kind, Replay(page, kind="text/html"), model=model, path=path)

    assert response.failure is not None
    assert ("garbage", True) == (response.failure.kind, "Please sign in" in response.failure.message)
