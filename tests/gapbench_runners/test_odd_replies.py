"""Replies that are unusual and mean one thing all the same, through the vendors' clients over HTTP.

Variants of the forms in ``test_wire_forms.py`` that a second reader thought of.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapbench.values import Usage
from tests.gapbench_runners.events import (
    PROTOCOLS,
    chat,
    generate,
    heard,
    messages,
    responses,
    sse,
    text_stream,
)

TEXT = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "B"}]
DELTA = {"type": "response.output_text.delta", "delta": "B"}
REFUSAL = {"type": "refusal", "refusal": "No."}
FILTERED = {"error": {"code": "content_filter", "message": "The response was filtered", "status": 400}}


@pytest.mark.parametrize(
    ("protocol", "body", "answer"),
    [
        ("chat", chat({"content": [REFUSAL]}), "No."),
        ("chat", chat({"content": "B"}, finish="content_filter", done=False) + chat(finish="stop"), "B"),
        ("chat", chat({"content": "B"}, finish=None, done=False) + sse([FILTERED]), "B"),
        ("vllm", chat({"content": "B"}, finish=None, done=False) + sse([FILTERED]), "B"),
        ("chat", chat({"content": "B"}, finish="content_filter_completion"), "B"),
        ("generate", generate([{"text": "B"}], finish="SAFETY") + generate([{"text": ""}]), "B"),
        ("generate", sse([{"promptFeedback": {"blockReason": "SAFETY"}}]) + generate([{"text": "B"}]), "B"),
        ("generate", generate([{"text": "B"}], finish="safety"), "B"),
        ("messages", messages(TEXT, stop="refusal", end=False) + sse([{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]), "B"),
        ("responses", responses(DELTA, kind="response.failed", status="failed", **FILTERED), "B"),
        ("responses", sse([DELTA, {"type": "error", **FILTERED["error"]}]), "B"),
        ("responses", responses({"type": "response.refusal.done", "refusal": "No."}), "No."),
        ("responses", responses({"type": "response.content_part.done", "part": REFUSAL}), "No."),
        ("responses", responses({"type": "response.output_item.done", "item": {"type": "message", "content": [REFUSAL]}}), "No."),
        ("responses", responses(DELTA, output=[{"type": "message", "content": [{"type": "output_text", "text": "B"}, REFUSAL]}]), "B"),
    ],
)  # fmt: skip
def test_a_refusal_in_an_odd_place(protocol: str, body: str, answer: str) -> None:
    """Whatever comes after it, a refusal is the outcome."""
    response = heard(protocol, body)

    assert ("refusal", answer, None) == (response.finish_reason, response.answer, response.failure)


PART = {"type": "output_text", "text": "B"}


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "B"}],
        [{"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": PART}],
        [{"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": [PART]}}],
        [
            {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "B"},
            {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": PART},
            {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": [PART]}},
        ],
        [DELTA, {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "B"}],
    ],
)  # fmt: skip
@pytest.mark.parametrize("output", [[], [{"type": "message", "content": [PART]}]])
def test_a_text_that_responses_gives_once_or_often_is_one_text(
    events: list[dict[str, Any]], output: list[Any]
) -> None:
    """A server need not stream deltas, nor repeat the text at the end."""
    response = heard("responses", responses(*events, output=output))

    assert ("B", "stop", None) == (response.answer, response.finish_reason, response.failure)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "end", ["data: [DONE]\n\n", "data:[DONE]\n\n", "data:  [DONE]\n\n", "data: [DONE]", "event: done\ndata: [DONE]\n\n"]
)  # fmt: skip
def test_done_ends_every_vendors_stream(protocol: str, end: str) -> None:
    """Gateways write it after each protocol; Anthropic's SDK ignores an event without a name."""
    response = heard(protocol, text_stream(protocol, ["B"]).replace("data: [DONE]\n\n", "") + end)

    assert ("B", "stop", None) == (response.answer, response.finish_reason, response.failure)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["Text/Event-Stream; charset=utf-8", "text/plain", "application/json"])
@pytest.mark.parametrize("pieces", [[], [1] * 20])
def test_the_content_type_does_not_decide(protocol: str, kind: str, pieces: list[int]) -> None:
    """The vendors' SDKs do not look at it."""
    response = heard(protocol, ": hello\n\n" + text_stream(protocol, ["B"]), kind=kind, pieces=pieces)

    assert ("B", "stop", None) == (response.answer, response.finish_reason, response.failure)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_ping_is_no_reply_whatever_it_says(protocol: str) -> None:
    """Anthropic's SDK does not read its data."""
    response = heard(protocol, "event: ping\ndata: pong\n\n" + text_stream(protocol, ["B"]))

    assert ("B", None) == (response.answer, response.failure)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "words", ["<html>502 Bad Gateway</html>", "data: the GPU is gone", "the GPU is gone\n"]
)
def test_the_words_before_a_broken_connection_are_kept(protocol: str, words: str) -> None:
    """They say why it broke."""
    begin = text_stream(protocol, ["B"]).partition("\n\n")[0] + "\n\n"
    failure = heard(protocol, begin + words, cut=True).failure

    assert failure is not None
    assert "cut_stream" == failure.kind
    assert words.removeprefix("data: ").strip() in failure.message


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_list_with_an_error_is_that_error(protocol: str) -> None:
    """Google answers so outside of streams."""
    error = {"code": 429, "message": "Quota.", "details": [{"retryDelay": "5s"}]}
    failure = heard(protocol, sse([json.dumps([{"error": error}])])).failure

    assert failure is not None
    assert ("rate_limit", "Quota.", 5.0) == (failure.kind, failure.message, failure.retry_after_s)


@pytest.mark.parametrize(
    ("protocol", "word", "kind"),
    [
        *(("chat", word, "server") for word in ("Engine Error", "error_finish", "client_disconnected", "preempted", "internal")),
        *(("chat", word, "overloaded") for word in ("overloaded_error", "service-unavailable", "out_of_memory")),
        *(("chat", word, "timeout") for word in ("timed_out", "deadline_exceeded")),
        ("chat", "rate_limit", "rate_limit"),
        *((protocol, "upstream_error", "server") for protocol in ("chat", "vllm", "messages", "generate")),
    ],
)  # fmt: skip
def test_words_for_a_server_that_gave_up(protocol: str, word: str, kind: str) -> None:
    """Gateways make them up, and may write an ordinary reason after them."""
    body = {
        "chat": chat({"content": "B"}, finish=word, done=False) + chat(finish="stop"),
        "vllm": chat({"content": "B"}, finish=word),
        "messages": messages(TEXT, stop=word),
        "generate": generate([{"text": "B"}], finish=word),
    }[protocol]
    failure = heard(protocol, body).failure

    assert failure is not None
    assert kind == failure.kind


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("context_length_exceeded", "length"),
        ("token_limit", "length"),
        (" STOP ", "stop"),
        ("malformed_function_call", "other"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "other"),
        ("unknown", "other"),
    ],
)
def test_words_for_the_end_of_a_reply(word: str, meaning: str) -> None:
    """They are no failure."""
    response = heard("chat", chat({"content": "B"}, finish=word))

    assert (meaning, None) == (response.finish_reason, response.failure)


def test_the_words_of_an_error_in_a_choice_are_kept() -> None:
    """OpenRouter puts it beside the finish reason."""
    choice = {"delta": {"content": "B"}, "finish_reason": "error", "error": {"code": 502, "message": "the GPU is gone"}}  # fmt: skip
    failure = heard("chat", sse([{"choices": [choice]}])).failure

    assert failure is not None
    assert ("server", "the GPU is gone") == (failure.kind, failure.message)


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_never_ran_is_a_failure(status: str) -> None:
    """An empty answer would be scored; with its text it is complete, as the SDK has it."""
    failure = heard("responses", responses(status=status)).failure

    assert failure is not None
    assert "cut_stream" == failure.kind
    assert heard("responses", responses(DELTA, status=status)).failure is None


@pytest.mark.parametrize("status", ["canceled", "Failed", "error", "expired"])
def test_a_response_that_failed_has_no_finish_reason(status: str) -> None:
    """Beside a failure, *stop* would be a contradiction."""
    response = heard("responses", responses(DELTA, status=status))

    assert (None, status) == (response.finish_reason, response.finish_raw)
    assert response.failure is not None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.error", "error": {"message": "the GPU is gone"}},
        {"type": "response.in_progress", "response": {"error": {"message": "the GPU is gone"}}},
    ],
)
def test_the_words_of_an_error_in_any_responses_event_are_kept(event: dict[str, Any]) -> None:
    """Not only of those that OpenAI documents."""
    failure = heard("responses", sse([DELTA, event])).failure

    assert failure is not None
    assert "the GPU is gone" == failure.message


def _tool(index: Any, name: Any, arguments: Any = None) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}}]}


F = {"type": "function_call", "id": "f", "call_id": "c", "name": "get_weather", "arguments": ""}
WHOLE = {**F, "arguments": '{"a": 1}'}


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("chat", chat(_tool(0, "get_"), _tool(0, "get_weather", '{"a": 1}'), finish="tool_calls")),
        ("chat", chat(_tool(0, "get_"), _tool(0, "weather", ""), _tool(0, "", '{"a": 1}'), finish="tool_calls")),
        ("chat", chat({"function_call": {"name": "get_"}}, {"function_call": {"name": "weather"}}, {"function_call": {"arguments": '{"a": 1}'}}, finish="function_call")),
        ("messages", sse([{"type": "message_start", "message": {}}, {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "get_weather", "input": {"a": 1}}}, {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}])),
        ("messages", messages([{"type": "server_tool_use", "name": "web", "input": {}}, {"type": "input_json_delta", "partial_json": "{}"}], [{"type": "tool_use", "name": "get_weather", "input": {"a": 1}}], stop="tool_use")),
        ("responses", sse([{"type": "response.output_item.added", "output_index": 0, "item": F}, {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": '{"a": 1}'}, {"type": "response.output_item.done", "output_index": 0, "item": WHOLE}]) + responses(output=[WHOLE])),
        ("responses", responses(output=[WHOLE])),
        ("responses", responses({"type": "response.output_item.done", "output_index": 0, "item": WHOLE})),
    ],
)  # fmt: skip
def test_a_tool_call_in_an_odd_form_keeps_its_name(protocol: str, body: str) -> None:
    """One call, with the name whole."""
    response = heard(protocol, body)

    assert [{"name": "get_weather", "arguments": {"a": 1}}] == json.loads(response.answer)


def test_a_call_that_only_the_whole_response_has_is_kept() -> None:
    """Beside text that was streamed."""
    answer = heard(
        "responses", responses(DELTA, output=[{"type": "message", "content": [PART]}, WHOLE])
    ).answer

    assert 'B\n[{"name": "get_weather", "arguments": {"a": 1}}]' == answer


def test_a_zero_in_a_text_does_not_replace_a_count() -> None:
    """As a zero does not."""
    counts = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 7}}
    zeros = {"prompt_tokens": "0", "completion_tokens": "0", "prompt_tokens_details": {"cached_tokens": "0"}}
    body = chat({"content": "B"}, usage=counts, done=False) + sse([{"choices": [], "usage": zeros}, "[DONE]"])

    assert Usage(100, 7, output_tokens=10) == heard("chat", body).usage


WHOLE_REASONING = [
    {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "In short."}],
        "encrypted_content": "sealed",
    },
    {"type": "message", "content": [{"type": "output_text", "text": "B"}]},
]


def test_reasoning_that_comes_only_at_the_end() -> None:
    """A server that streams no deltas sends it with the whole response; it comes before the answer."""
    response = heard("responses", responses(output=WHOLE_REASONING))

    assert (response.reasoning, response.disclosure, response.answer) == ("In short.", "summary", "B")
    assert [type(part).__name__ for part in response.parts] == ["ReasoningState", "Text"]


def test_reasoning_that_was_streamed_is_not_added_again() -> None:
    """The whole response repeats it."""
    delta = {"type": "response.reasoning_summary_text.delta", "delta": "In short."}
    response = heard("responses", responses(delta, DELTA, output=WHOLE_REASONING))

    assert response.reasoning == "In short."
