"""Spoilt replies through the readers of the four runners: a response comes back, whatever was sent.

The mutations start from whole streams of each protocol, so that they reach behind the first check; the kept inputs are
what `benchmarks/fuzz.py` found by coverage. That runs the same for as long as it is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench import transport
from gapbench.transport.http_parser import ResponseParser
from gapbench.values import Response
from tests.gapbench_runners.fuzzed import (
    ENDINGS,
    HEAD,
    PROTOCOLS,
    Input,
    Reader,
    framed,
    kept,
    seeds,
)
from tests.gapbench_runners.mutated import mutated
from tests.gapbench_runners.scripted import Ending

READ_SIZES = (0, 1, 7, 64, 255)
slow_to_draw = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    """Every runner, opened once."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(contextlib.closing(Reader(name))) for name in PROTOCOLS}


def response_to(reader: Reader, asked: Input) -> Response:
    """Return what the harness makes of a reply to a request."""
    response = reader.read(asked.encoded())
    assert response is not None
    return response


def behaving(sent: bytes, protocol: int, draw: Any) -> Input:
    """Return a server of drawn behaviour; ``draw`` is a ``random.Random``."""
    flags = {name: draw.random() < 0.5 for name in ("raw", "slow", "kept", "followed", "compared")}
    sizes = (draw.choice(READ_SIZES), draw.choice(READ_SIZES))
    return Input(sent, protocol, ending=draw.choice(ENDINGS), sizes=sizes, **flags)


@pytest.mark.parametrize("name", list(PROTOCOLS))
@settings(slow_to_draw, max_examples=400)
@given(draw=st.randoms(use_true_random=False))
def test_a_spoilt_stream_is_a_response(readers: dict[str, Reader], name: str, draw: Any) -> None:
    """Never an exception, never a value that a column cannot hold, never a bug of the runner's."""
    number = draw.randrange(len(PROTOCOLS[name]))
    stream = mutated(draw.choice(PROTOCOLS[name][number].transcripts), draw)
    asked = behaving(stream, number, draw)
    readers[name].read(replace(asked, sent=HEAD + stream if asked.raw else stream).encoded())


@pytest.mark.parametrize("name", list(PROTOCOLS))
@settings(slow_to_draw, max_examples=100)
@given(data=st.binary(max_size=2_000), draw=st.randoms(use_true_random=False))
def test_noise_is_a_failure(readers: dict[str, Reader], name: str, data: bytes, draw: Any) -> None:
    """Bytes that are no stream at all."""
    assert response_to(readers[name], behaving(data, 0, draw)).failure is not None


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_what_fuzzing_kept_is_read(readers: dict[str, Reader], name: str) -> None:
    """The inputs that cover the most of our code, and every form of reply."""
    for data in (*seeds(name), *kept(name)):
        readers[name].read(data)


@pytest.mark.parametrize(("name", "number"), [(name, number) for name in PROTOCOLS for number in range(len(PROTOCOLS[name])) if not PROTOCOLS[name][number].beside])  # fmt: skip
def test_the_scripted_server_is_read_as_a_real_one(
    readers: dict[str, Reader], name: str, number: int
) -> None:
    """Else the fuzzing would fuzz nothing: a whole stream is an answer without a failure."""
    response = response_to(readers[name], Input(PROTOCOLS[name][number].transcripts[0], number))

    assert (None, "stop", 200) == (response.failure, response.finish_reason, response.http_status)


def test_an_input_is_its_bytes() -> None:
    """What libFuzzer mutates and what a test writes are one."""
    asked = Input(b"sent", 1, slow=True, ending=ENDINGS[2], compared=True, sizes=(3, 0))

    assert asked == Input.of(asked.encoded())


def test_a_body_is_framed_read_by_read() -> None:
    """Sizes in turns: 3, all that is left."""
    assert framed([b"dat", b"a: x\n\n"]) == Input(b"data: x\n\n", sizes=(3, 0)).reads()


@pytest.mark.parametrize("sizes", [(0, 0), (3, 3), (64, 255)])
@pytest.mark.parametrize("ending", ENDINGS)
def test_text_before_a_broken_chunk_is_kept(
    readers: dict[str, Reader], sizes: tuple[int, int], ending: Ending
) -> None:
    """However it was cut into reads, and though the server then falls silent: it was paid for."""
    whole = b"".join(framed([PROTOCOLS["openai"][0].transcripts[0]]))
    # The last chunk's size is no number.
    broken = Input(whole[: -len(b"0\r\n\r\n")] + b"zz\r\n\r\n", raw=True, ending=ending, sizes=sizes)
    response = response_to(readers["openai"], broken)

    assert response.failure is not None
    assert ("Grüß Gott", "cut_stream") == (response.answer, response.failure.kind)


def test_behind_a_broken_chunk_nothing_is_read() -> None:
    """Else an end in a later read would make the reply whole."""
    reply = ResponseParser()
    reply.feed(HEAD + b"2\r\nab\r\n", 0.0)
    with pytest.raises(httpx2.RemoteProtocolError):
        reply.feed(b"zz\r\n\r\n", 1.0)
    with pytest.raises(httpx2.RemoteProtocolError):
        reply.feed(b"0\r\n\r\n", 2.0)

    assert not reply.is_complete


@pytest.mark.parametrize("line", [b"content-length: 5, 6", b"no colon", b"transfer-encoding: gzip"])
def test_behind_a_broken_head_nothing_is_read(readers: dict[str, Reader], line: bytes) -> None:
    """A whole reply in the next read is none: the head before it was the head of this one."""
    whole = b"".join(framed([PROTOCOLS["openai"][0].transcripts[0]]))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%s\r\n\r\n" % line
    asked = Input(head + whole, raw=True, sizes=(len(head), 0), ending=Ending.CLOSE)
    response = response_to(readers["openai"], asked)

    assert response.failure is not None
    assert ("", "cut_stream") == (response.answer, response.failure.kind)


@pytest.mark.parametrize("size", [0, 100])
def test_text_of_a_chunk_that_is_longer_than_its_size_is_kept(readers: dict[str, Reader], size: int) -> None:
    """In one read as in many."""
    event = b'data: {"choices":[{"delta":{"content":"ab"}}]}\n\n'
    broken = Input(HEAD + b"%x\r\n%s!" % (len(event), event) + b"!" * 99, raw=True, sizes=(size, size))

    assert "ab" == response_to(readers["openai"], broken).answer


def test_a_line_without_an_end_is_bounded() -> None:
    """17 MiB of one event, in reads of 64 KiB: refused at 16, and not before."""
    parser = transport.EventParser()
    block = b"x" * 65_536
    fed = 0
    with pytest.raises(Exception, match="larger than"):
        for _ in range(17 * 16):
            parser.feed(block, 0.0)
            fed += len(block)

    assert transport.MAX_EVENT_BYTES - len(block) <= fed <= transport.MAX_EVENT_BYTES
