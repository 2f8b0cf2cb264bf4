"""Bytes to one HTTP/1.1 reply."""

from __future__ import annotations

from itertools import pairwise

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.transport.http_parser import MAX_HEAD_BYTES, ResponseParser
from gapbench.transport.sse import EventParser

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = [b"data: one\n\n", b"event: x\ndata: two\n\n", b"data: thr", b"ee\n\ndata: four\n\n"]
BODY = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in EVENTS)
WHOLE = b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + BODY + b"0\r\nx-trailer: 1\r\n\r\n"
SAID = [("", b"one"), ("x", b"two"), ("", b"three"), ("", b"four")]


def fed(*reads: bytes) -> tuple[ResponseParser, bytes]:
    reply = ResponseParser()
    for number, read in enumerate(reads):
        reply.feed(read, float(number))
    return reply, b"".join(payload for _, payload in reply.pop_payloads())


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_events_in_order(cuts: list[int]) -> None:
    """Reads end anywhere: in a head, a chunk's size, its line break or a trailer."""
    reply, parser, found = ResponseParser(), EventParser(), []
    edges = [0, *sorted(cuts), len(WHOLE)]
    for number, (start, end) in enumerate(pairwise(edges)):
        if start < end:
            reply.feed(WHOLE[start:end], float(number))
            if number % 2:
                found += [event for at_s, read in reply.pop_payloads() for event in parser.feed(read, at_s)]
    found += [event for at_s, read in reply.pop_payloads() for event in parser.feed(read, at_s)]

    assert SAID == [(event.name, event.data) for event in found]
    assert sorted(event.received_s for event in found) == [event.received_s for event in found]
    assert (True, True, 200) == (reply.is_complete, reply.is_reusable, reply.status)


@given(
    st.lists(
        st.sampled_from((b"x" * 600, b"data: two\n\n", b"a\r\nb", b"\n", b"\r", b"7\r\nabcdefg")),
        min_size=3,
        max_size=12,
    ),
    st.lists(st.integers(0, 8_000), max_size=4),
    st.booleans(),
)
def test_a_read_of_many_chunks_is_taken_apart_at_their_sizes(
    payloads: list[bytes], cuts: list[int], has_rare_sizes: bool
) -> None:
    """Whatever is in them: line breaks, and text that looks like another chunk."""
    size = b"%04X\r\n%s\r\n" if has_rare_sizes else b"%x\r\n%s\r\n"
    body = b"".join(size % (len(payload), payload) for payload in payloads) + b"0\r\n\r\n"
    edges = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    reply, found = fed(CHUNKED, *(body[start:end] for start, end in pairwise(edges)))

    assert (b"".join(payloads), True, True) == (found, reply.is_complete, reply.is_reusable)


@pytest.mark.parametrize("last", [b"5\r\nabc\r\n", b"2\r\nabc\r\n", b"zz\r\nabc\r\n", b"3\r\nabcd\r\n"])
def test_a_wrong_size_after_many_chunks_is_refused(last: bytes) -> None:
    """What came before it is kept."""
    reply = ResponseParser()
    reply.feed(CHUNKED + (b"258\r\n%s\r\n" % (b"x" * 600)) * 3 + last + b"0\r\n\r\n0\r\n", 1.0)

    assert 3 * 600 <= sum(len(payload) for _, payload in reply.pop_payloads()) <= 3 * 600 + 5
    with pytest.raises(httpx2.RemoteProtocolError):
        reply.pop_payloads()


def test_a_payload_has_the_stamp_of_the_read_that_completed_it() -> None:
    """Two whole chunks in the first read, the third in the second. What came in one read is one payload."""
    reply = ResponseParser()
    reply.feed(CHUNKED + b"1\r\na\r\n1\r\nb\r\n", 1.0)
    reply.feed(b"1\r\nc\r\n0\r\n\r\n", 2.0)

    assert [(1.0, b"ab"), (2.0, b"c")] == reply.pop_payloads()
    assert (1.0, 2.0) == (reply.first_byte_s, reply.ended_s)


def test_a_reader_is_woken_at_the_end_alone() -> None:
    """Between two reads of a stream no task runs."""
    reply = ResponseParser()

    assert [False, False, False, True] == [
        reply.feed(read, 0.0) for read in (CHUNKED, b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n")
    ]


def test_a_long_body_wakes_its_reader() -> None:
    """Memory is bounded however long a reply is."""
    reply = ResponseParser()
    reply.feed(CHUNKED, 0.0)

    assert reply.feed(b"%x\r\n%s\r\n" % (70_000, b"x" * 70_000), 0.0)
    assert 70_000 == sum(len(payload) for _, payload in reply.pop_payloads())
    assert not reply.feed(b"1\r\na\r\n", 0.0)


@pytest.mark.parametrize(
    ("reads", "body", "ended", "reusable"),
    [
        ([HEAD + b"Content-Length: 3\r\n\r\nabc"], b"abc", True, True),
        ([HEAD + b"Content-Length: 3\r\n\r\na", b"b"], b"ab", False, True),
        ([HEAD + b"Content-Length: 3\r\n\r\nabcd"], b"abc", True, False),
        ([HEAD + b"Content-Length: 0\r\n\r\n"], b"", True, True),
        ([HEAD + b"Content-Length: 3, 3\r\n\r\nabc"], b"abc", True, True),
        ([HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\na"], b"a", True, False),
        ([HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 1\r\n\r\na"], b"a", True, False),
        (
            [HEAD.replace(b"1.1", b"1.0") + b"Connection: Keep-Alive\r\nContent-Length: 1\r\n\r\na"],
            b"a",
            True,
            True,
        ),
        ([HEAD + b"\r\nabc", b"def"], b"abcdef", False, False),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b"", True, True),
        ([b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + CHUNKED + b"0\r\n\r\n"], b"", True, True),
        ([CHUNKED + b"3;name=value\r\nabc\r\n0\r\n\r\n"], b"abc", True, True),
        ([CHUNKED + b"0003\r\nabc\r\n00\r\n\r\n"], b"abc", True, True),
        ([CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"HTTP/1.1 408"], b"abc", True, False),
    ],
)
def test_framing(reads: list[bytes], body: bytes, *, ended: bool, reusable: bool) -> None:
    """Length, chunks or the end of the connection; what follows a reply makes the connection unfit."""
    reply, found = fed(*reads)

    assert (body, ended, reusable) == (found, reply.is_complete, reply.is_reusable)


def test_the_end_of_the_connection_ends_a_body_without_length() -> None:
    """And no other."""
    until_close, _ = fed(HEAD + b"\r\nabc")
    chunked, _ = fed(CHUNKED + b"3\r\nabc\r\n")

    assert (True, False) == (until_close.feed_eof(9.0), chunked.feed_eof(9.0))
    assert (9.0, None) == (until_close.ended_s, chunked.ended_s)


@pytest.mark.parametrize(
    "read",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        HEAD + b"Content-Length: 3, 4\r\n\r\nabc",
        HEAD + b"Content-Length: -3\r\n\r\nabc",
        HEAD + b"Content-Length: 3e9\r\n\r\nabc",
        CHUNKED + b"zz\r\n\r\n\r\n",
        CHUNKED + b"+3\r\nabc\r\n\r\n",
        CHUNKED + b"1_0\r\nabc\r\n\r\n",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"f" * 300 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"x" * MAX_HEAD_BYTES,
    ],
)
def test_what_is_no_reply_is_refused(read: bytes) -> None:
    """Another protocol, broken heads, lengths that are none, heads without end."""
    with pytest.raises(httpx2.RemoteProtocolError):
        fed(read)


def test_endless_trailers_are_refused() -> None:
    """Memory is bounded after the body too."""
    reply = ResponseParser()
    reply.feed(CHUNKED + b"0\r\n", 0.0)

    with pytest.raises(httpx2.RemoteProtocolError, match="trailers larger"):
        for _ in range(100):
            reply.feed(b"a: " + b"x" * 1_000 + b"\r\n", 0.0)
            reply.pop_payloads()


def test_headers_are_lower_case_and_joined() -> None:
    """As the wire's mapping promises."""
    reply, _ = fed(b"HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nA: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n")

    assert {"retry-after": "7", "a": "1, 2", "content-length": "0"} == reply.headers
