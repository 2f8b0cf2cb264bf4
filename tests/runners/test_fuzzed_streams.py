"""Spoilt streams through the readers of the four protocols: a response comes back, whatever was sent.

The mutations start from whole streams of each protocol, so that they reach behind the first check. `benchmarks/fuzz.py`
runs the same for as long as it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import wire
from harness.measure import measure
from harness.schema import ATTEMPT_SCHEMA
from harness.values import Call, Chunk, Request, Response, Session
from runners.anthropic import read_messages
from runners.google import read_generate_content
from runners.openai import read_chat, read_responses

TRANSCRIPTS = Path(__file__).parent / "transcripts"
READERS: Mapping[str, Callable[[AsyncIterator[list[wire.Event]]], AsyncIterator[Chunk]]] = {
    "chat": lambda events: read_chat(events, "unknown"),
    "responses": read_responses,
    "messages": lambda events: read_messages(events, "unknown"),
    "generate": read_generate_content,
}
VALUES = (
    b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"true", b"99999999999999999999999999", b"0.5", b'"\\ud800"',
    b'{"a":', b"\x00", b"\xff\xfe", b"data: ", b"\n\n", b"\r", b"\r\n\r\n", b"event: x\n", b"[DONE]", b":", b"[[[[[[[[[[",
)  # fmt: skip


def mutated(data: bytes, draw: Any) -> bytes:
    """Return a stream with a few mutations; ``draw`` is a ``random.Random``."""
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(6)
        if kind == 0:
            data = data[:at] + data[at + draw.randint(1, 40) :]
        elif kind == 1:
            data = data[:at] + draw.choice(VALUES) + data[at:]
        elif kind == 2:
            # A value of the JSON is replaced: after a colon, up to a comma or a bracket.
            colon = data.find(b":", at)
            end = min(
                (found for mark in b",}]\n" if (found := data.find(mark, colon)) > 0), default=len(data)
            )
            data = data[: colon + 1] + draw.choice(VALUES) + data[end:]
        elif kind == 3:
            data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        elif kind == 4:
            end = data.find(b"\n\n", at) + 2
            data = data[:at] + data[at:end] * draw.randint(2, 3) + data[end:]
        else:
            data = data[:at]
    return data


class Replayed:
    """A runner whose reply is a given stream, read in given pieces."""

    simulated = True
    metered = False

    def __init__(self, reader: str, pieces: list[bytes]) -> None:
        self.reader = reader
        self.pieces = pieces

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        tape = wire.tape()
        tape.status, tape.transport, tape.sent_s = 200, "replayed", wire.now()

        async def events() -> AsyncIterator[list[wire.Event]]:
            parser = wire.EventParser()
            for piece in self.pieces:
                yield parser.feed(piece, wire.now())

        async for chunk in READERS[self.reader](events()):
            yield chunk

    def prepare(self, request: Request) -> Call:
        return Call({}, {})

    async def open(self, session: Session) -> None: ...

    async def facts(self) -> Mapping[str, Any]:
        return {}

    async def counters(self) -> Mapping[str, float] | None:
        return None

    async def close(self) -> None: ...


def response_to(reader: str, data: bytes, draw: Any) -> Response:
    """Return what the harness makes of a stream that arrives in random pieces."""
    pieces, at = [], 0
    while at < len(data):
        step = draw.choice((1, 7, 64, 4_096))
        pieces.append(data[at : at + step])
        at += step
    runner: Any = Replayed(reader, pieces)
    return asyncio.run(measure(runner, Call({}, {}), 30.0))


def holds(response: Response) -> None:
    """Every value has a place in the row's columns and in UTF-8."""
    names = (
        "model_served",
        "response_id",
        "system_fingerprint",
        "service_tier",
        "finish_reason",
        "finish_raw",
    )
    row = {name: getattr(response, name) for name in names}
    row |= {name: getattr(response.usage, name) for name in response.usage.__slots__}
    schema = pa.schema([ATTEMPT_SCHEMA.field(name) for name in row])
    pa.Table.from_pylist([row], schema=schema)
    response.answer.encode()
    response.reasoning.encode()
    if response.failure is not None:
        assert "runner" != response.failure.kind, response.failure
        response.failure.message.encode()


@pytest.mark.parametrize("reader", list(READERS))
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(draw=st.randoms(use_true_random=False))
def test_a_spoilt_stream_is_a_response(reader: str, draw: Any) -> None:
    """Never an exception, never a value that a column cannot hold, never a bug of the runner's."""
    stream = draw.choice(sorted(TRANSCRIPTS.glob(f"{reader}*.sse"))).read_bytes()
    holds(response_to(reader, mutated(stream, draw), draw))


@pytest.mark.parametrize("reader", list(READERS))
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=2_000), draw=st.randoms(use_true_random=False))
def test_noise_is_a_failure(reader: str, data: bytes, draw: Any) -> None:
    """Bytes that are no stream at all."""
    response = response_to(reader, data, draw)

    assert response.failure is not None
    holds(response)


def test_a_line_without_an_end_is_bounded() -> None:
    """17 MiB of one event, in reads of 64 KiB: refused at 16, and not before."""
    parser = wire.EventParser()
    block = b"x" * 65_536
    fed = 0
    with pytest.raises(Exception, match="larger than"):
        for _ in range(17 * 16):
            parser.feed(block, 0.0)
            fed += len(block)

    assert wire.MAX_EVENT_BYTES - len(block) <= fed <= wire.MAX_EVENT_BYTES
