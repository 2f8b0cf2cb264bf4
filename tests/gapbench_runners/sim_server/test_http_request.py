"""Requests are read whole, however they are split, and refused when they are no HTTP or too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench_runners.sim_server.http_request import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    HttpRequest,
    RefusedRequestError,
    RequestParser,
)

PLAIN = b"POST /v1/a%3Ab?alt=sse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;note=x\r\nhel\r\n2\r\nlo\r\n0\r\ntrailer: x\r\n\r\n"
)
GET = b"GET /health HTTP/1.1\r\n\r\n"


def read(*pieces: bytes) -> list[HttpRequest]:
    parser, found = RequestParser(), []
    for piece in pieces:
        parser.feed(piece)
        while (request := parser.next_request()) is not None:
            found.append(request)
    return found


def test_a_request_has_a_decoded_path_and_lower_case_headers() -> None:
    """The query is apart, the colon decoded."""
    assert read(PLAIN) == [
        HttpRequest("POST", "/v1/a:b", {"host": "x", "content-length": "5"}, b"hello", {"alt": "sse"})
    ]


@given(st.lists(st.integers(1, 40), max_size=20))
def test_no_split_of_the_bytes_changes_what_is_read(sizes: list[int]) -> None:
    """Three requests in a row: by length, in chunks with trailer, without a body."""
    stream, pieces = PLAIN + CHUNKED + GET, []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]

    found = read(*pieces, stream)

    assert [(request.path, request.body) for request in found] == [
        ("/v1/a:b", b"hello"),
        ("/v1/messages", b"hello"),
        ("/health", b""),
    ]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % (MAX_BODY_BYTES + 1), 413),
        (b"POST / HTTP/1.1\r\nx: " + b"y" * MAX_HEAD_BYTES, 431),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, status: int) -> None:
    """Before it is held in memory."""
    with pytest.raises(RefusedRequestError) as caught:
        read(data)

    assert caught.value.status == status


def test_a_client_that_asks_first_is_told_to_go_on_once() -> None:
    """``Expect: 100-continue``, as curl sends it with a large image."""
    parser = RequestParser()
    parser.feed(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")

    assert parser.next_request() is None
    assert [parser.needs_100_continue(), parser.needs_100_continue()] == [True, False]
    parser.feed(b"ok")
    assert parser.next_request() is not None
