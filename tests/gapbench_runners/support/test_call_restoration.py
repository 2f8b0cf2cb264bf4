"""Calls come back under the suite's names and without added nulls, however a server cuts them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapbench.errors import RunnerError
from gapbench.values import Chunk, ToolCallPiece
from gapbench.values.tool_calls import ToolCallAccumulator
from gapbench_runners.support.call_restoration import CallRestoration, restore_calls

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
RESTORATION = CallRestoration(
    {"search_web": "search.web", "book_x": "book/x"}, {"book_x": SCHEMA, "plain": SCHEMA}
)
SENT = [
    ("search_web", '{"q": "a_b {}", "n": null}'),
    ("search", '{"q": null}'),
    ("book_x", '{"city": "Rome}", "days": null}'),
    ("plain", '{"city": "Oslo", "days": 3}'),
    ("plain", "{}"),
]
RESTORED = [
    ("search.web", {"q": "a_b {}", "n": None}),
    ("search", {"q": None}),
    ("book/x", {"city": "Rome}"}),
    ("plain", {"city": "Oslo", "days": 3}),
    ("plain", {}),
]


def restored(pieces: Sequence[ToolCallPiece], error: RunnerError | None = None) -> list[Chunk]:
    """Return the chunks of a reply; each piece comes one second after the one before."""

    async def stream() -> AsyncIterator[Chunk]:
        for second, piece in enumerate(pieces):
            yield Chunk(received_s=float(second), tool_call=piece)
        if error is not None:
            raise error

    async def main() -> list[Chunk]:
        out: list[Chunk] = []
        try:
            async for chunk in restore_calls(stream(), RESTORATION):
                out += [chunk]
        except RunnerError:
            assert error is not None
        return out

    return asyncio.run(main())


def calls_of(chunks: Sequence[Chunk]) -> list[tuple[str, str]]:
    calls = ToolCallAccumulator()
    for chunk in chunks:
        assert chunk.tool_call is not None
        calls.add(chunk.tool_call)
    return [(call.name, call.arguments_json) for call in calls.calls()]


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """Draw pieces of a text."""
    size = draw(st.integers(1, 40))
    return [text[start : start + size] for start in range(0, len(text), size)]


@st.composite
def streams(draw: st.DrawFn) -> list[ToolCallPiece]:
    """Draw a way in which a server may stream the calls: names whole or cut, alone or with arguments, interleaved."""
    queues: list[list[ToolCallPiece]] = []
    for place, (name, arguments) in enumerate(SENT):
        names = cut(draw, name) if draw(st.booleans()) else [name]
        queue = [ToolCallPiece(place, f"c{place}" if not at else "", part) for at, part in enumerate(names)]
        pieces = cut(draw, arguments)
        if draw(st.booleans()):
            queue[-1] = queue[-1]._replace(arguments=pieces.pop(0))
        queues.append(queue + [ToolCallPiece(place, arguments=piece) for piece in pieces])
    if not draw(st.booleans()):
        return [piece for queue in queues for piece in queue]
    # Begun in order, then in any order.
    out = [queue.pop(0) for queue in queues]
    while left := [queue for queue in queues if queue]:
        out.append(draw(st.sampled_from(left)).pop(0))
    return out


@settings(max_examples=200, deadline=None)
@given(pieces=streams())
def test_every_way_of_streaming_gives_the_same_calls(pieces: list[ToolCallPiece]) -> None:
    """Names that begin alike, brackets in texts, and nulls of other tools included."""
    found = calls_of(restored(pieces))

    assert RESTORED == [(name, json.loads(text)) for name, text in found]


@settings(max_examples=100, deadline=None)
@given(pieces=streams())
def test_a_piece_keeps_its_instant(pieces: list[ToolCallPiece]) -> None:
    """As many chunks at the same times as without the restoration."""
    assert [float(second) for second in range(len(pieces))] == [
        chunk.received_s for chunk in restored(pieces)
    ]


@pytest.mark.parametrize("error", [None, RunnerError("cut_stream", "cut")])
@pytest.mark.parametrize("arguments", ['{"city": "Ro', "not JSON", ""])
def test_what_was_cut_off_is_kept_as_it_came(arguments: str, error: RunnerError | None) -> None:
    """Also when the stream fails; the name of a call without arguments is known at the end."""
    pieces = [
        ToolCallPiece(0, "c0", "book_x"),
        *([ToolCallPiece(0, arguments=arguments)] if arguments else []),
    ]

    assert [("book/x", arguments or "{}")] == calls_of(restored(pieces, error))
    assert [("search", "{}")] == calls_of(restored([ToolCallPiece(0, "c0", "search")], error))


def test_other_chunks_pass() -> None:
    """Text, counts and finish reasons are not touched."""
    given_chunk: Any = Chunk("text", received_s=1.0, finish_reason="stop")

    async def stream() -> AsyncIterator[Chunk]:
        yield given_chunk

    async def main() -> list[Chunk]:
        return [chunk async for chunk in restore_calls(stream(), RESTORATION)]

    assert [given_chunk] == asyncio.run(main())
