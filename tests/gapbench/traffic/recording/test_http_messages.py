"""Heads and bodies: what is read, and what is refused because two programs could read it in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.traffic.recording.http_messages import (
    MAX_HEAD_BYTES,
    BodyReader,
    Framing,
    MessageError,
    frame,
    read_answer_head,
    read_request_head,
    split_head,
)


def request(*lines: str) -> bytes:
    return "\r\n".join(("POST /v1/x HTTP/1.1", *lines)).encode()


@pytest.mark.parametrize(
    "head",
    [
        b"POST  /v1 HTTP/1.1",
        b"POST /v1 HTTP/2.0",
        b"PO ST /v1 HTTP/1.1",
        b"POST /a b HTTP/1.1",
        b"POST /v1",
        request("Content-Length: 1", "Content-Length: 2"),
        request("Content-Length: -1"),
        request("Content-Length: 1e3"),
        request("Content-Length: 0x10"),
        request("Content-Length: 3", "Transfer-Encoding: chunked"),
        request("Transfer-Encoding: gzip, chunked"),
        request("Transfer-Encoding: xchunked"),
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
        request("X : 1"),
        request("X: 1", " folded"),
        request("no colon"),
        request("X: a\nY: b"),
        request("X: a\rY: b"),
        request("X: a\0b"),
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(head: bytes) -> None:
    """Two lengths, a length and chunks, folded lines, a line end alone (RFC 9112, sections 5.2 and 6.3)."""
    with pytest.raises(MessageError):
        read_request_head(head)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 abc OK",
        b"HTTP/3 200 OK",
        b"SSH-2.0-OpenSSH_9",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2",
        b"HTTP/1.1 200 O\x00K",
    ],
)
def test_an_answer_that_is_none_is_refused(head: bytes) -> None:
    """The text of the error has nothing of it."""
    with pytest.raises(MessageError) as raised:
        read_answer_head(head, "POST")
    assert head.split()[-1].decode() not in str(raised.value)


@pytest.mark.parametrize(
    ("head", "method", "framing", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7", "POST", Framing.LENGTH, 7),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7, 7", "POST", Framing.LENGTH, 7),
        (b"HTTP/1.1 200\r\ntransfer-encoding: Chunked\r\ncontent-length: 9", "POST", Framing.CHUNKED, 0),
        (b"HTTP/1.0 200 OK", "POST", Framing.CLOSE, 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7", "HEAD", Framing.NONE, 0),
        (b"HTTP/1.1 204 No Content", "POST", Framing.NONE, 0),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7", "GET", Framing.NONE, 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0", "POST", Framing.NONE, 0),
    ],
)
def test_the_end_of_an_answer(head: bytes, method: str, framing: Framing, length: int) -> None:
    """RFC 9112, section 6.3."""
    found = read_answer_head(head, method)
    assert (framing, length) == (found.framing, found.length)


def test_headers_stay_as_they_came() -> None:
    """Order, case, spaces and repetition; not those of the connection, nor one that it names, nor a second length."""
    found = read_request_head(
        request(
            "b:  2 ", "A: 1", "b: 3", "Connection: X-Hop, close", "X-Hop: 1", "Upgrade: h2c",
            "Content-Length: 4", "Content-Length: 4",
        )
    )  # fmt: skip

    assert [b"b:  2 ", b"A: 1", b"b: 3", b"Content-Length: 4"] == [field.line for field in found.end_to_end()]
    assert not found.keeps_alive


def test_a_head_without_an_end_is_refused_at_the_bound() -> None:
    """256 KiB."""
    assert split_head(b"x" * (MAX_HEAD_BYTES - 1)) is None
    with pytest.raises(MessageError, match="262,144"):
        split_head(b"x" * MAX_HEAD_BYTES)


@given(st.lists(st.binary(max_size=40), max_size=6), st.binary(max_size=9), st.data())
def test_chunks_are_the_same_however_they_arrive(
    pieces: list[bytes], after: bytes, data: st.DataObject
) -> None:
    """Cut at any places: the body is whole, and what follows it is left."""
    sent = b"".join(frame(piece, Framing.CHUNKED, is_end=False) for piece in pieces)
    sent += frame(b"", Framing.CHUNKED, is_end=True) + after
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=8)))
    reader, body, rest = BodyReader(Framing.CHUNKED), b"", b""
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        payload, left = reader.feed(sent[start:end])
        body, rest = body + payload, rest + left

    assert (b"".join(pieces), after, True) == (body, rest, reader.is_complete)


def test_extensions_and_trailers_are_passed_over() -> None:
    """RFC 9112, sections 7.1.1 and 7.1.2."""
    reader = BodyReader(Framing.CHUNKED)
    found = reader.feed(b'3;a="b"\r\nabc\r\n0;x\r\nTrailer: 1\r\n\r\nnext')

    assert ((b"abc", b"next"), True) == (found, reader.is_complete)


@pytest.mark.parametrize(
    "sent",
    [b"zz\r\n", b"3\r\nabcd\r\n", b"-3\r\n", b"3 4\r\n", b"1" * 16 + b"\r\n", b"3" + b";" * 5_000, b"0\r\n" + b"a: b\r\n" * 2**17],
)  # fmt: skip
def test_bytes_that_are_no_chunks_are_refused(sent: bytes) -> None:
    """A size that is not a number, a chunk longer than its size, lines and trailers without end."""
    with pytest.raises(MessageError):
        BodyReader(Framing.CHUNKED).feed(sent)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Both sides of the network send what they like."""
    for read in (
        read_request_head,
        lambda head: read_answer_head(head, "POST"),
        BodyReader(Framing.CHUNKED).feed,
    ):
        try:
            read(data)
        except MessageError:
            continue
