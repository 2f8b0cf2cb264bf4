"""Forms that replies have on the wire: refusals, ends, errors and noise, by every vendor and by servers that imitate one."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

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
from tests.wire_pieces import DELTA, TEXT

THINKING = "<think>\nFirst 不. Answer: C\n</think>\n\nAnswer: B"


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
