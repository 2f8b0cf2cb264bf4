"""Bytes to stamped events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench import transport as wire
from gapbench.errors import RunnerError
from gapbench_runners.support.stream_errors import status_error

STREAM = (
    b': comment\r\nevent: message_start\r\ndata: {"a": 1}\r\n\r\n'
    b"data: first\ndata: second\n\ndata:no space\n\nretry: 5\n\ndata: \xc3\xa9\n\nid: 7\rdata: lone CR\r\rdata: cut off"
)
EVENTS = [
    ("message_start", b'{"a": 1}'),
    ("", b"first\nsecond"),
    ("", b"no space"),
    ("", "é".encode()),
    ("", b"lone CR"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    """Reads end anywhere: inside a line, a CRLF or a UTF-8 character."""
    parser = wire.EventParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [event for start, end in pairwise(edges) for event in parser.feed(STREAM[start:end], 0.0)]

    assert EVENTS == [(event.name, event.data) for event in found]


@given(
    st.lists(
        st.sampled_from(
            (b"data: {}\n\n", b"data: [DONE]\n\n", b"data: \n\n", b"data:  \n\n", b"\n", b"data: a\ndata: b\n\n", b":\n\n",
             b"event: x\ndata: {}\n\n", b"data: a\r\n\r\n", b"data: \xc2\x85\n\n", b"data: a")
        ),
        max_size=8,
    )
)  # fmt: skip
def test_a_read_of_many_events_is_taken_apart_as_single_bytes_are(blocks: list[bytes]) -> None:
    """Events of the most common form are found all at once, and are those that the format has."""
    stream = b"data: first\n\n" + b"".join(blocks)
    whole, single = wire.EventParser(), wire.EventParser()

    expected = [event for byte in stream for event in single.feed(bytes((byte,)), 1.0)]
    block = whole.feed_block(stream, 1.0)
    assert expected == (whole.feed(stream, 1.0) if block is None else list(wire.EventBatch([block])))


def test_an_event_has_the_time_of_the_read_that_completed_it() -> None:
    """Half at 1.0, the rest at 2.0: it was there at 2.0."""
    parser = wire.EventParser()

    assert [] == parser.feed(b"data: a", 1.0)
    assert [2.0] == [event.received_s for event in parser.feed(b"b\n\n", 2.0)]


def test_an_endless_event_is_refused() -> None:
    """Memory is bounded whatever a server sends."""
    parser = wire.EventParser()

    with pytest.raises(RunnerError, match="larger than"):
        for _ in range(wire.MAX_EVENT_BYTES // 2**20 + 1):
            parser.feed(b"x" * 2**20, 0.0)


def test_half_a_surrogate_pair_in_a_providers_words_becomes_a_question_mark() -> None:
    """Clients read error bodies with a JSON reader that lets it through; no column could hold it."""
    assert "no ? such" == wire.redact_and_truncate("no \ud800 such")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:09 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Wed, 99999999999999999999 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Milliseconds are finer than seconds; a date counts from the reply's own; nonsense says nothing."""
    assert expected == wire.retry_after_s(headers)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad", "bad_request"),
        (401, "no key", "auth"),
        (402, "pay", "quota"),
        (403, "no", "auth"),
        (404, "no model", "not_found"),
        (408, "slow", "timeout"),
        (429, "slow down", "rate_limit"),
        (429, "insufficient_quota: add credit", "quota"),
        (429, "x (GenerateRequestsPerDayPerProjectPerModel)", "quota"),
        (
            429,
            "RESOURCE_EXHAUSTED check your plan and billing details (GenerateRequestsPerMinute)",
            "rate_limit",
        ),
        (429, "rate_limit_exceeded Limit: 3 / min. Visit https://x.test/account/billing", "rate_limit"),
        (400, "Your credit balance is too low to access the Anthropic API.", "quota"),
        (400, "the prompt speaks of billing and of a credit balance", "bad_request"),
        (500, "oops", "server"),
        (503, "busy", "overloaded"),
        (529, "busy", "overloaded"),
    ],
)
def test_a_status_has_its_kind(status: int, message: str, kind: str) -> None:
    """An exhausted quota is no rate limit: waiting does not cure it."""
    failure = status_error(status, message, {})

    assert (kind, status) == (failure.kind, failure.http_status)


def test_quota_phrases_come_from_the_runner() -> None:
    """The transport knows no vendor's words: without phrases a 429 is a rate limit, a 402 is still a quota."""
    message = "insufficient_quota"

    assert "rate_limit" == wire.status_failure(429, message, {}).kind
    assert "quota" == wire.status_failure(429, message, {}, ["insufficient_quota"]).kind
    assert "quota" == wire.status_failure(402, message, {}).kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ConnectTimeout("t"), "timeout"),
        (httpx2.ReadTimeout("t"), "timeout"),
        (httpx2.ConnectError("c"), "connect"),
        (httpx2.ReadError("r"), "cut_stream"),
        (httpx2.RemoteProtocolError("p"), "cut_stream"),
        (httpx2.ProxyError("p"), "connect"),
        (ConnectionResetError("r"), "cut_stream"),
        (KeyError("x"), "runner"),
    ],
)
def test_a_transport_error_has_its_kind(error: Exception, kind: str) -> None:
    """What is no transport's error is a runner's bug."""
    assert kind == wire.transport_failure(error).kind


def test_every_transport_error_of_httpx2_is_in_the_table() -> None:
    """A new class must not fall through to `runner`."""
    classes = [
        found
        for found in vars(httpx2).values()
        if isinstance(found, type) and issubclass(found, httpx2.TransportError)
    ]

    assert classes
    assert not [found for found in classes if wire.transport_failure(found("x")).kind == "runner"]


def test_a_wrapped_error_is_found() -> None:
    """The SDKs wrap the transport's error; its cause tells the kind."""
    wrapped = RuntimeError("Connection error.")
    wrapped.__cause__ = httpx2.ConnectError("refused")

    assert "connect" == wire.transport_failure(wrapped).kind


def test_secrets_are_redacted() -> None:
    """Error bodies echo keys."""
    assert "key [redacted] is wrong" == wire.redact_secrets("key sk-12345 is wrong", "sk-12345", None, "")


def test_proxies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is used, NO_PROXY is honoured."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "inside.test")

    assert "http://proxy.test:3128" == wire.proxy_for("https://api.test/v1")
    assert None is wire.proxy_for("https://inside.test/v1")
    assert None is wire.proxy_for("http://api.test/v1")


def test_outside_an_exchange_the_transport_is_plain() -> None:
    """Health checks and model lists go through untouched."""
    plain = wire.StampedTransport(httpx2.MockTransport(lambda _: httpx2.Response(200, text="whole")))

    async def main() -> str:
        async with httpx2.AsyncClient(transport=plain) as client:
            return (await client.get("http://server.test/")).text

    assert "whole" == asyncio.run(main())


def test_within_an_exchange_the_body_goes_to_the_tape() -> None:
    """The client sees an empty body; the tape has the events and the status."""
    reply = httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, stream=_Stream([b"data: a\n\n"])
    )
    transport = wire.StampedTransport(httpx2.MockTransport(lambda _: reply))

    async def main() -> tuple[str, list[bytes], int | None]:
        async with httpx2.AsyncClient(transport=transport) as client:
            with wire.record_exchange() as tape:
                seen = (await client.get("http://server.test/")).text
                return seen, [event.data async for event in tape.events()], tape.status

    assert ("", [b"a"], 200) == asyncio.run(main())


def test_a_page_in_place_of_a_stream_is_garbage() -> None:
    """A gateway's HTML with status 200 is named, with its first words."""
    reply = httpx2.Response(
        200, headers={"content-type": "text/html"}, stream=_Stream([b"<html>Bad gateway"])
    )
    transport = wire.StampedTransport(httpx2.MockTransport(lambda _: reply))

    async def main() -> None:
        async with httpx2.AsyncClient(transport=transport) as client:
            with wire.record_exchange() as tape:
                await client.get("http://server.test/")
                async for _ in tape.events():
                    pass

    with pytest.raises(
        RunnerError, match=r"expected an event stream, got text/html: '<html>Bad gateway'"
    ) as caught:
        asyncio.run(main())
    assert "garbage" == caught.value.kind


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, reads: list[bytes]) -> None:
        self.reads = reads

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for read in self.reads:
            yield read
