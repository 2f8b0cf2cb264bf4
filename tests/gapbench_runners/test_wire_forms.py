"""Forms of replies that servers really send, over HTTP and through the vendors' clients.

Each stream is written from what the reply says (``events.py``), so that the expected value never comes from our readers.
"""

from __future__ import annotations

import json
import random
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

THINKING = "<think>\nFirst 不. Answer: C\n</think>\n\nAnswer: B"
TEXT = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "B"}]
DELTA = {"type": "response.output_text.delta", "delta": "B"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("size", [1, 3, 7, 200])
def test_thinking_in_the_text_is_reasoning_in_every_runner(protocol: str, size: int) -> None:
    """Pieces of any size, also within a mark."""
    pieces = [THINKING[start : start + size] for start in range(0, len(THINKING), size)]
    response = heard(protocol, text_stream(protocol, pieces))

    assert ("First 不. Answer: C", "Answer: B") == (response.reasoning, response.answer)
    assert ("think", None) == (response.thinking_rule, response.failure)


@pytest.mark.parametrize(
    "deltas",
    [
        [{"role": "assistant", "content": None, "refusal": None}, {"refusal": "I "}, {"refusal": "can't."}],
        [{"content": ""}, {"refusal": "I can't."}, {"content": ""}],
        [{"refusal": "I ", "content": ""}, {"refusal": "can't."}, {"refusal": ""}],
        [{"content": [{"type": "text", "text": ""}]}, {"refusal": "I can't."}],
    ],
)
@pytest.mark.parametrize("finish", ["stop", "content_filter", "length"])
def test_a_refusal_anywhere_in_a_chat_stream(deltas: list[dict[str, Any]], finish: str) -> None:
    """The words are kept, and no finish reason hides the refusal."""
    response = heard("chat", chat(*deltas, finish=finish))

    assert ("refusal", "I can't.", finish) == (response.finish_reason, response.answer, response.finish_raw)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("responses", responses({"type": "response.refusal.delta", "delta": "No."})),
        (
            "responses",
            responses(output=[{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]),
        ),
        ("responses", responses(DELTA, kind="response.incomplete", status="incomplete", incomplete_details={"reason": "content_filter"})),
        ("responses", responses(DELTA, status="incomplete", incomplete_details={"reason": "content_filter"})),
        ("messages", messages(TEXT, stop="refusal")),
        *(("chat", chat({"content": "B"}, finish=word)) for word in ("content_filter", "SAFETY", "sensitive")),
        *(
            ("generate", generate([{"text": "B"}], finish=word))
            for word in ("SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII")
        ),
        ("generate", sse([{"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {"promptTokenCount": 4}}])),
    ],
)  # fmt: skip
def test_every_vendors_refusal(protocol: str, body: str) -> None:
    """A blocked prompt, a filtered reply and a declared refusal are one outcome."""
    response = heard(protocol, body)

    assert ("refusal", None) == (response.finish_reason, response.failure)


@pytest.mark.parametrize("protocol", ["chat", "responses", "vllm"])
@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation", "data_inspection_failed"])
def test_a_filtered_prompt_is_a_refusal(protocol: str, code: str) -> None:
    """Azure answers with HTTP 400 where others stream a finish reason; another 400 stays a bad request."""
    body = json.dumps({"error": {"code": code, "message": "The prompt was filtered."}})
    response = heard(protocol, body, status=400, kind="application/json")

    assert ("refusal", "content_filter", None) == (
        response.finish_reason,
        response.finish_raw,
        response.failure,
    )
    failure = heard(protocol, body.replace(code, "bad"), status=400, kind="application/json").failure
    assert failure is not None
    assert "bad_request" == failure.kind


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


CALLS = [{"name": "book", "arguments": {"n": 2}}, {"name": "pay", "arguments": {"usd": 9, "to": "Zoë"}}]


def _tool(place: Any, identity: Any, name: Any, arguments: Any) -> dict[str, Any]:
    tool: dict[str, Any] = {"function": {}}
    tool |= {} if place is None else {"index": place}
    tool |= {} if identity is None else {"id": identity, "type": "function"}
    tool["function"] |= {} if name is None else {"name": name}
    tool["function"] |= {} if arguments is None else {"arguments": arguments}
    return tool


def _chat_calls(seed: int) -> str:
    """Return a stream of :data:`CALLS` in one of the ways of servers: number, id and name here or there, in pieces."""
    draw = random.Random(seed)
    numbered, named_each_time, interleaved = draw.random() < 0.7, draw.random() < 0.2, draw.random() < 0.5
    same_number = numbered and draw.random() < 0.2
    queues = []
    for place, call in enumerate(CALLS):
        text = json.dumps(call["arguments"], ensure_ascii=draw.random() < 0.5)
        size = draw.choice([1, 4, 50])
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        number = (0 if same_number else place) if numbered else None
        identity = f"c{place}" if draw.random() < 0.7 or same_number or not numbered else None
        first = draw.choice(["", None]) if len(pieces) > 1 else pieces.pop(0)
        queue = [_tool(number, identity, call["name"], first)]
        repeat_id = identity if same_number or not numbered else None
        queue += [
            _tool(number, repeat_id, call["name"] if named_each_time and repeat_id else None, piece)
            for piece in pieces
        ]
        queues.append(queue)
    deltas = []
    if interleaved and numbered and not same_number:
        while any(queues):
            deltas.append({"tool_calls": [draw.choice([queue for queue in queues if queue]).pop(0)]})
        order = [place for delta in deltas if (place := delta["tool_calls"][0]["function"].get("name"))]
        if [name for name in order if name] != [call["name"] for call in CALLS]:
            return _chat_calls(seed + 1_000)
    else:
        deltas = [{"tool_calls": [tool]} for queue in queues for tool in queue]
        if draw.random() < 0.2:
            deltas = [{"tool_calls": [tool for queue in queues for tool in queue]}]
    return chat(*deltas, finish="tool_calls")


@pytest.mark.parametrize("seed", range(60))
def test_native_tool_calls_of_chat_keep_their_names(seed: int) -> None:
    """However the server cuts, numbers and names the pieces."""
    assert CALLS == json.loads(heard("chat", _chat_calls(seed)).answer)


def _responses_calls(*, deltas: bool, done: bool) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for place, call in enumerate(CALLS):
        item = {"type": "function_call", "id": f"fc{place}", "call_id": f"c{place}", "name": call["name"]}
        text = json.dumps(call["arguments"])
        key = {"output_index": place, "item_id": f"fc{place}"}
        events.append({"type": "response.output_item.added", **key, "item": {**item, "arguments": ""}})
        if deltas:
            events += [
                {"type": "response.function_call_arguments.delta", **key, "delta": piece}
                for piece in (text[:5], text[5:])
            ]
        if done:
            events.append({"type": "response.function_call_arguments.done", **key, "arguments": text})
        events.append({"type": "response.output_item.done", **key, "item": {**item, "arguments": text}})
    return events


WHOLE_CALLS = [
    {
        "type": "function_call",
        "call_id": f"c{place}",
        "name": call["name"],
        "arguments": json.dumps(call["arguments"]),
    }
    for place, call in enumerate(CALLS)
]
LEGACY = [{"function_call": {"name": "book", "arguments": ""}}, {"function_call": {"arguments": '{"n": 2}'}}]
BLOCKS = [
    [
        {"type": "tool_use", "id": f"t{place}", "name": call["name"], "input": {}},
        *(
            {"type": "input_json_delta", "partial_json": piece}
            for piece in ("", *json.dumps(call["arguments"]))
        ),
    ]
    for place, call in enumerate(CALLS)
]
WHOLE_BLOCKS = [
    [{"type": "tool_use", "id": f"t{place}", "name": call["name"], "input": call["arguments"]}]
    for place, call in enumerate(CALLS)
]
PARTS = [{"functionCall": {"name": call["name"], "args": call["arguments"]}} for call in CALLS]


@pytest.mark.parametrize(
    ("protocol", "body", "calls"),
    [
        ("chat", chat(*LEGACY, finish="function_call"), CALLS[:1]),
        ("chat", chat({"tool_calls": [_tool(0, "c", "now", None)]}), [{"name": "now", "arguments": {}}]),
        (
            "chat",
            chat({"tool_calls": [_tool(0, "c", "f", "not JSON")]}),
            [{"name": "f", "arguments": "not JSON"}],
        ),
        ("responses", responses(*_responses_calls(deltas=True, done=True)), CALLS),
        ("responses", responses(*_responses_calls(deltas=False, done=True)), CALLS),
        ("responses", responses(*_responses_calls(deltas=False, done=False)), CALLS),
        ("responses", responses(output=WHOLE_CALLS), CALLS),
        ("messages", messages(*BLOCKS, stop="tool_use"), CALLS),
        ("messages", messages(*WHOLE_BLOCKS, stop="tool_use"), CALLS),
        ("generate", generate(PARTS), CALLS),
        ("generate", generate(PARTS[:1], PARTS[1:]), CALLS),
        ("generate", generate([{"functionCall": {"name": "now"}}]), [{"name": "now", "arguments": {}}]),
        ("generate", generate([PARTS[0], PARTS[0]]), [CALLS[0], CALLS[0]]),
    ],
)
def test_native_tool_calls_of_every_vendor(protocol: str, body: str, calls: list[Any]) -> None:
    """One JSON list of name and arguments; arguments that are no JSON stay a text."""
    assert calls == json.loads(heard(protocol, body).answer)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("chat", chat({"content": "I book it."}, {"tool_calls": [_tool(0, "c", "book", '{"n": 2}')]})),
        ("responses", responses({"type": "response.output_text.delta", "delta": "I book it."}, *_responses_calls(deltas=True, done=True)[:5])),
        ("messages", messages([{"type": "text", "text": ""}, {"type": "text_delta", "text": "I book it."}], BLOCKS[0])),
        ("generate", generate([{"text": "I book it."}, PARTS[0]])),
    ],
)  # fmt: skip
def test_text_beside_a_tool_call_is_kept(protocol: str, body: str) -> None:
    """It stands before the calls."""
    assert f"I book it.\n{json.dumps(CALLS[:1])}" == heard(protocol, body).answer


@pytest.mark.parametrize(
    ("protocol", "body", "kind"),
    [
        *(
            ("chat", chat({"content": "B"}, finish=word), kind)
            for word, kind in (
                ("error", "server"),
                ("abort", "server"),
                ("network_error", "server"),
                ("timeout", "timeout"),
                ("insufficient_system_resource", "overloaded"),
            )
        ),
        ("vllm", chat({"content": "B"}, finish="ERROR"), "server"),
        ("messages", messages(TEXT, stop="error"), "server"),
        ("generate", generate([{"text": "B"}], finish="OTHER"), "server"),
        ("responses", responses(DELTA, status="failed", error={"code": "server_error", "message": "the GPU is gone"}), "server"),
        ("responses", responses(DELTA, status="failed", error=None), "server"),
        ("responses", responses(DELTA, status="cancelled"), "server"),
        ("responses", responses(DELTA, kind="response.failed", status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}), "rate_limit"),
    ],
)  # fmt: skip
def test_a_server_that_gave_up_is_a_failure(protocol: str, body: str, kind: str) -> None:
    """There is no answer to score, and another attempt may bring one; the text so far is kept."""
    response = heard(protocol, body)

    assert response.failure is not None
    assert (kind, "B") == (response.failure.kind, response.answer)


@pytest.mark.parametrize(
    ("protocol", "body", "expected"),
    [
        ("responses", responses(DELTA, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length"),
        ("responses", responses(DELTA, status="incomplete"), "length"),
        ("responses", responses(DELTA, usage={"input_tokens": 5, "output_tokens": 16}), "length"),
        ("chat", chat({"content": "B"}, usage={"prompt_tokens": 5, "completion_tokens": 16}), "length"),
        ("messages", messages(TEXT, delta={"output_tokens": 16}), "length"),
        ("generate", generate([{"text": "B"}], usages=[{"candidatesTokenCount": 9, "thoughtsTokenCount": 7}]), "length"),
        ("chat", chat({"content": "B"}, usage={"prompt_tokens": 5, "completion_tokens": 15}), "stop"),
        ("chat", chat({"content": "B"}, finish="unknown"), "other"),
        ("generate", generate([{"text": "B"}], finish="MALFORMED_FUNCTION_CALL"), "other"),
    ],
)  # fmt: skip
def test_what_ended_a_reply(protocol: str, body: str, expected: str) -> None:
    """16 tokens were asked for: a reply that has them was cut off, whatever the server says."""
    response = heard(protocol, body, max_tokens=16)

    assert (expected, None) == (response.finish_reason, response.failure)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("chat", chat({"content": "B"}, done=False)),
        ("chat", chat({"content": "B"}).removesuffix("\n\n")),
        ("vllm", chat({"content": "B"}, done=False, usage={"prompt_tokens": 1, "completion_tokens": 1})),
        ("messages", messages(TEXT, end=False)),
        ("messages", messages(TEXT).removesuffix("\n\n")),
        ("responses", responses(DELTA).removesuffix("\n\n")),
        ("generate", generate([{"text": "B"}]).removesuffix("\n\n")),
    ],
)
def test_a_clean_end_after_a_finish_reason_is_complete(protocol: str, body: str) -> None:
    """The vendors' SDKs need no ``[DONE]`` and no ``message_stop``; ``transformers serve`` sends none."""
    response = heard(protocol, body)

    assert ("B", "stop", None) == (response.answer, response.finish_reason, response.failure)
    cut = heard(protocol, body, cut=True)
    assert cut.failure is not None
    assert ("B", "cut_stream") == (cut.answer, cut.failure.kind)


ERRORS: list[Any] = [
    {"error": {"message": "the GPU is gone", "type": "internal", "code": "internal_error"}},
    {"error": "the GPU is gone"},
    {"error": {"detail": "the GPU is gone"}},
    {"detail": "the GPU is gone"},
    {"detail": [{"loc": ["body"], "msg": "the GPU is gone", "type": "value_error"}]},
    {"message": "the GPU is gone"},
    {"object": "error", "message": "the GPU is gone", "code": 500},
    {"error": {"code": 503, "message": "the GPU is gone"}},
    {"error": {"message": {"text": "the GPU is gone"}}},
]
# An event, a named event, bare JSON; with the empty line after it, with the end of its line, and with nothing.
WAYS = [
    (prefix, ending) for prefix in ("data: ", "event: error\ndata: ", "") for ending in ("\n\n", "\n", "")
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("error", "way"),
    [*((ERRORS[0], way) for way in WAYS), *zip(ERRORS[1:], WAYS[1:], strict=True)],
)
def test_the_words_of_an_error_are_kept(protocol: str, error: Any, way: tuple[str, str]) -> None:
    """In any shape, and however it is written into the stream."""
    begin = text_stream(protocol, ["B"]).partition("\n\n")[0] + "\n\n" if protocol in {"chat", "vllm"} else ""
    response = heard(protocol, f"{begin}{way[0]}{json.dumps(error)}{way[1]}")

    assert response.failure is not None
    assert "the GPU is gone" in response.failure.message
    assert response.failure.kind in {"server", "overloaded"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("page", ["Internal Server Error", "upstream connect error: reset"])
def test_plain_text_at_the_end_of_a_stream_is_kept(protocol: str, page: str) -> None:
    """A proxy that fails writes its page into the stream."""
    for body in (page, f"event: error\ndata: {page}\n\n"):
        failure = heard(protocol, body).failure
        assert failure is not None
        assert page in failure.message


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"detail": "no such model"}', "no such model"),
        ('{"error": "no such model"}', "no such model"),
        ('{"message": "no such model"}', "no such model"),
        ("no such model", "no such model"),
    ],
)
def test_the_words_of_an_error_status_are_kept(protocol: str, body: str, words: str) -> None:
    """FastAPI, plain text and the rest."""
    failure = heard(protocol, body, status=500, kind="application/json").failure

    assert failure is not None
    assert words in failure.message
    assert ("server", 500) == (failure.kind, failure.http_status)


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6.5s"}


@pytest.mark.parametrize(
    ("protocol", "error", "headers", "expected"),
    [
        ("generate", {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota.", "details": [RETRY_INFO]}, {}, 6.5),
        ("generate", {"code": 429, "message": "Quota.", "details": [{"retryDelay": {"seconds": 6, "nanos": 500_000_000}}]}, {}, 6.5),
        ("generate", {"code": 429, "message": "Please retry in 12.25s."}, {}, 12.25),
        ("chat", {"code": 429, "message": "Quota.", "details": [RETRY_INFO]}, {}, 6.5),
        ("chat", {"message": "Rate limit reached. Please try again in 6.2s."}, {}, 6.2),
        ("chat", {"message": "Please try again in 1m30s."}, {}, 90.0),
        ("chat", {"message": "Please try again in 20ms."}, {}, 0.02),
        ("chat", {"message": "Please retry after 26 seconds."}, {}, 26.0),
        ("chat", {"message": "Please try again in 6.2s."}, {"retry-after": "3"}, 3.0),
        ("chat", {"message": "slow down"}, {"retry-after-ms": "1500"}, 1.5),
        ("chat", {"message": "slow down"}, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "1s"}, 360.0),
        ("messages", {"type": "rate_limit_error", "message": "slow down"}, {"retry-after": "7"}, 7.0),
        ("messages", {"type": "rate_limit_error", "message": "Try again in 4 seconds"}, {}, 4.0),
        ("responses", {"message": "slow down"}, {}, None),
    ],
)  # fmt: skip
def test_how_long_to_wait(protocol: str, error: Any, headers: dict[str, str], expected: float | None) -> None:
    """The header first, then the body."""
    body = json.dumps({"error": error})
    failure = heard(protocol, body, status=429, kind="application/json", headers=headers).failure

    assert failure is not None
    assert ("rate_limit", expected) == (failure.kind, failure.retry_after_s)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_error_in_a_stream_says_how_long_to_wait(protocol: str) -> None:
    """Status 200, then a rate limit."""
    error = {
        "code": 429,
        "type": "rate_limit_error",
        "message": "Please try again in 6s.",
        "status": "RESOURCE_EXHAUSTED",
    }
    failure = heard(protocol, sse([{"type": "error", "error": error}])).failure

    assert failure is not None
    assert ("rate_limit", 6.0) == (failure.kind, failure.retry_after_s)


NOISE = ("data:\n\n", "data: \n\n", ": keep-alive\n\n", ":\n", "retry: 500\n\n", "id: 7\n", "event: ping\n\n", "\n\n", "data:   \n\n", "event: ping\ndata: \n\n")  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", range(8))
def test_what_is_no_event_is_ignored(protocol: str, seed: int) -> None:
    """A byte-order mark at the start, empty data, comments, ``retry:``, ``id:`` and any line ending, however it is read."""
    draw = random.Random(f"{protocol} {seed}")
    events = text_stream(protocol, ["Answer", ": ", "B"]).split("\n\n")[:-1]
    stream = "".join(draw.choice([*NOISE, "", ""]) + event + "\n\n" for event in events)
    line_ending = draw.choice(["\n", "\r\n", "\r"])
    mark = draw.choice(["", "\ufeff"])
    body = (mark + stream.replace("\n", line_ending)).encode()
    response = heard(protocol, body, pieces=[draw.choice([1, 2, 3, 17])] * 40)

    assert ("Answer: B", "stop", None) == (response.answer, response.finish_reason, response.failure)
