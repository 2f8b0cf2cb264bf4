"""Files of results come cut anywhere, may be large, and may be broken; line errors become the kinds of live failures."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from gapbench import credentials
from gapbench.errors import RunnerError
from gapbench.values.batches import BatchReply
from gapbench_runners.batches.descriptions import (
    count_or_none,
    instant_or_none,
    join_errors,
    state_of,
    text_or_none,
)
from gapbench_runners.batches.line_errors import anthropic_line_error, google_line_error, openai_line_error
from gapbench_runners.batches.names import split_label, with_label
from gapbench_runners.batches.result_lines import ResultLine, read_result_lines
from gapbench_runners.batches.whole_replies import (
    read_whole_chat,
    read_whole_content,
    read_whole_message,
    read_whole_response,
    to_reply,
)

FILE = b'{"custom_id":"a","n":1}\n\n{"custom_id":"b","n":2}\r\n{"custom_id":"c","n":3}'


def read(pieces: Sequence[bytes], **limits: int) -> list[ResultLine]:
    async def given() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def main() -> list[ResultLine]:
        return [line async for line in read_result_lines(given(), **limits)]

    return asyncio.run(main())


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_a_file_is_read_however_it_is_cut(size: int) -> None:
    """Three lines, an empty one, and no line break at the end."""
    pieces = [FILE[start : start + size] for start in range(0, len(FILE), size)]

    assert [1, 2, 3] == [line.body["n"] for line in read(pieces) if line.body]


@pytest.mark.parametrize(
    ("line", "name", "said"),
    [
        (b'{"id":"x","custom_id":"a-1","respon', "a-1", "is not JSON"),
        (b'{"key": "a-1", "respon', "a-1", "is not JSON"),
        (b"<html>", "", "is not JSON"),
        (b"[1]", "", "is not a JSON object, but a list"),
        (b'{"n":"' + b"x" * 100 + b'"}', "", "has 108 bytes, more than 64"),
        (b'{"custom_id":"a-1","n":"' + b"x" * 100 + b'"}', "", "bytes, more than 64"),
    ],
)
def test_a_broken_line_does_not_end_the_file(line: bytes, name: str, said: str) -> None:
    """Its name is kept if it can be made out; the lines around it are whole."""
    first, broken, last = read([b'{"n":1}\n' + line + b'\n{"n":2}'], max_line_bytes=64)

    assert ({"n": 1}, {"n": 2}) == (first.body, last.body)
    assert (broken.body, broken.name) == (None, name)
    assert said in broken.problem


def test_a_line_without_an_end_is_never_held_whole() -> None:
    """64 pieces of a megabyte; a megabyte is allowed."""
    piece = b"x" * 2**20
    tracemalloc.start()
    try:
        (line,) = read([piece] * 64, max_line_bytes=2**20)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert f"has {64 * 2**20} bytes" in line.problem
    assert peak_bytes < 8 * 2**20


def test_a_file_without_an_end_is_left() -> None:
    """The bound of a file is an error, not a failed line."""
    with pytest.raises(RunnerError, match="larger than 10 bytes"):
        read([b"{}\n"] * 10, max_file_bytes=10)


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (openai_line_error(None, None, {"code": "batch_expired", "message": "late"}), "timeout", None),
        (openai_line_error(None, None, {"code": "batch_cancelled", "message": ""}), "cancelled", None),
        (openai_line_error(None, None, {"code": "invalid_request", "message": "no"}), "bad_request", None),
        (openai_line_error(None, None, {"code": "500", "message": "no"}), "server", None),
        (openai_line_error(None, None, {"code": "odd", "message": "no"}), "server", None),
        (openai_line_error(429, {"error": {"code": "rate_limit_exceeded"}}, None), "rate_limit", 429),
        (openai_line_error(429, {"error": {"code": "insufficient_quota"}}, None), "quota", 429),
        (openai_line_error(404, {"error": {"message": "no model"}}, None), "not_found", 404),
        # vLLM 0.32: no body, and the reason outside of the response
        (
            openai_line_error(400, None, {"error": {"message": "too long", "code": 400}}),
            "bad_request",
            400,
        ),
        (openai_line_error(400, None, "Model does not support it"), "bad_request", 400),
        (
            anthropic_line_error({"type": "error", "error": {"type": "invalid_request_error"}}),
            "bad_request",
            400,
        ),
        (anthropic_line_error({"type": "error", "error": {"type": "overloaded_error"}}), "overloaded", 529),
        (anthropic_line_error({"error": {"type": "billing_error"}}), "quota", 402),
        (anthropic_line_error({"type": "rate_limit_error", "message": "slow"}), "rate_limit", 429),
        (anthropic_line_error(None), "server", None),
        (google_line_error({"code": 3, "message": "no"}), "bad_request", 400),
        (google_line_error({"code": 4, "message": "late"}), "timeout", None),
        (google_line_error({"code": 1}), "cancelled", None),
        (google_line_error({"code": 8, "message": "busy"}), "rate_limit", 429),
        (google_line_error({"code": 503, "message": "busy"}), "overloaded", 503),
        (google_line_error({"code": True}), "server", None),
        (google_line_error("broken"), "server", None),
    ],
)
def test_a_line_error_has_the_kind_of_a_live_failure(
    failure: RunnerError, kind: str, status: int | None
) -> None:
    """A code that is a word is no HTTP status, and a gRPC code becomes one."""
    assert (failure.kind, failure.http_status) == (kind, status)


def replied(chunks: Any) -> BatchReply:
    return asyncio.run(to_reply("a", chunks, None, 200))


def whole_chat(body: Any) -> Any:
    return read_whole_chat(body, "verbatim")


def whole_message(body: Any) -> Any:
    return read_whole_message(body, "verbatim")


@pytest.mark.parametrize("reader", [whole_chat, read_whole_response, whole_message, read_whole_content])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": 5, "content": 5, "output": 5, "candidates": 5},
        {"choices": [5], "content": [5], "output": [5], "candidates": [5], "status": "completed"},
        {"choices": [{"message": {"content": "x"}}], "content": [], "status": "in_progress"},
        {"error": {"message": "boom", "code": 500}},
    ],
)
def test_a_reply_that_is_none_is_a_failure(reader: Callable[[Any], Any], body: Any) -> None:
    """Never an answer, and never an exception: the other lines are still to be read."""
    reply = replied(reader(body))

    assert reply.failure is not None
    assert reply.failure.kind in {"garbage", "cut_stream", "server"}


def test_a_filtered_prompt_is_a_refusal_as_it_is_live() -> None:
    """Azure answers it with HTTP 400."""
    body = {"error": {"code": "content_filter", "message": "filtered"}}
    reply = replied(whole_chat(openai_line_error(400, body, None)))

    assert reply.failure is None
    assert "refusal" in {chunk.finish_reason for chunk in reply.chunks}


def test_a_key_that_is_told_back_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of a line is redacted like any other."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789abcdef")
    credentials.read_key("OPENAI_API_KEY")
    error = {"code": "odd", "message": "wrong key sk-planted-0123456789abcdef"}
    reply = replied(whole_chat(openai_line_error(None, None, error)))

    assert reply.failure is not None
    assert "planted" not in reply.failure.message


@pytest.mark.parametrize(
    ("name", "label", "custom_id"),
    [
        (with_label("run-1", "a_b-c"), "run-1", "a_b-c"),
        ("nothing-of-ours", None, "nothing-of-ours"),
        ("_x", None, "_x"),
        ("a.b_c", None, "a.b_c"),
    ],
)
def test_a_label_in_front_of_a_custom_id(name: str, label: str | None, custom_id: str) -> None:
    """A label has no underscore, so the first one ends it."""
    assert split_label(name) == (label, custom_id)


def test_label_and_custom_id_fit_into_anthropics_64_characters() -> None:
    """31 and 32, and what is between them."""
    assert len(with_label("x" * 31, "y" * 32)) == 64


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (count_or_none("12"), 12),
        (count_or_none(-1), None),
        (count_or_none(True), None),
        (count_or_none("9" * 30), None),
        (count_or_none(10**30), None),
        (text_or_none("a\ud800"), "a?"),
        (state_of("a\ud800" + "b" * 900), "a?" + "b" * 78),
        (instant_or_none(float("inf")), None),
        (instant_or_none("yesterday"), None),
        (instant_or_none(10**30), None),
        (join_errors([]), None),
        (join_errors([{"code": "c", "message": "m", "line": 3}, {"code": "d"}]), "line 3: c: m (and 1 more)"),
    ],
)
def test_fields_of_another_type_are_unknown(found: object, expected: object) -> None:
    """A provider's description is read with care."""
    assert found == expected
