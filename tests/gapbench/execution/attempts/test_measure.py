"""One call, timed; every way it can end becomes a value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.execution.attempts.measure import measure
from gapbench.values import Call, Chunk, Response, Usage
from tests.makers import ScriptedRunner, model


def heard(*turn: Any, total_s: float = 120.0) -> Response:
    runner = ScriptedRunner(model(), {"*": [list(turn)]})
    return asyncio.run(measure(runner, Call({"text": "x"}, {}), total_s))


def test_instants_are_those_of_the_wire() -> None:
    """First token at 150 ms, first answer at 200 ms, last at 300 ms, as the chunks were stamped."""
    response = heard(
        Chunk("hm", "reasoning", 0.150),
        Chunk("4", "answer", 0.200),
        Chunk("2", "answer", 0.300),
        Chunk(finish_reason="stop"),
    )
    timing = response.timing

    assert (0.150, 0.200, 0.300) == (timing.first_token_s, timing.first_answer_s, timing.last_token_s)
    assert (0.150, 0.200, 0.300) == timing.chunk_s
    assert ("42", "hm") == (response.answer, response.reasoning)


def test_a_runner_without_a_wire_is_stamped_on_arrival() -> None:
    """Its chunks have no time of their own; the call's start counts as sent."""
    before_s = transport.now()
    timing = heard(Chunk("a"), Chunk(finish_reason="stop")).timing

    assert timing.sent_s is not None
    assert timing.first_token_s is not None
    assert before_s <= timing.sent_s <= timing.first_token_s <= timing.done_s <= transport.now()


def test_no_text_means_no_first_token() -> None:
    """Unknown is None, never the end of the reply."""
    timing = heard(Chunk(finish_reason="refusal")).timing

    assert (None, None, None) == (timing.first_token_s, timing.first_answer_s, timing.last_token_s)


def test_the_last_facts_win() -> None:
    """Counts grow while a stream runs; the final ones stand."""
    response = heard(
        Chunk("a", usage=Usage(5, output_tokens=1)),
        Chunk("b", usage=Usage(5, output_tokens=2)),
        Chunk(model_served="m-1"),
    )

    assert Usage(5, output_tokens=2) == response.usage
    assert (1, 2) == response.timing.chunk_tokens
    assert "m-1" == response.model_served


def test_counts_on_some_chunks_are_no_counts() -> None:
    """Tokens per chunk are kept only when every chunk told them."""
    assert heard(Chunk("a", usage=Usage(5, output_tokens=1)), Chunk("b")).timing.chunk_tokens is None


def test_a_failure_keeps_the_partial_text() -> None:
    """A cut stream has half an answer, and says why it is half."""
    response = heard(Chunk("half"), RunnerError("cut_stream", "gone", http_status=200))

    assert "half" == response.answer
    assert response.failure is not None
    assert ("cut_stream", "gone", 200) == (
        response.failure.kind,
        response.failure.message,
        response.failure.http_status,
    )


def test_a_runners_bug_becomes_a_row() -> None:
    """One bad reply must not cost the run."""
    response = heard(Chunk("half"), KeyError("delta"))

    assert response.failure is not None
    assert ("runner", "KeyError: 'delta'") == (response.failure.kind, response.failure.message)


def test_a_deadline_ends_a_silent_stream() -> None:
    """The stream never ends by itself; the deadline is 10 ms."""

    class Silent(ScriptedRunner):
        async def stream(self, call: Call) -> AsyncIterator[Chunk]:
            yield Chunk("half")
            await asyncio.Event().wait()

    response = asyncio.run(measure(Silent(model()), Call({}, {}), 0.01))

    assert "half" == response.answer
    assert response.failure is not None
    assert "timeout" == response.failure.kind


def test_cancelling_is_no_failure() -> None:
    """Ctrl-C must not be written down as a row."""

    class Silent(ScriptedRunner):
        async def stream(self, call: Call) -> AsyncIterator[Chunk]:
            yield Chunk("half")
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(measure(Silent(model()), Call({}, {}), 120))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([Chunk("a"), Chunk(usage=Usage(1, output_tokens=9, reasoning_tokens=5))], "hidden"),
        ([Chunk("a"), Chunk(usage=Usage(1, output_tokens=9, reasoning_tokens=0))], "none"),
        ([Chunk("a"), Chunk(usage=Usage(1, output_tokens=9))], "unknown"),
        ([Chunk("hm", "reasoning", disclosure="summary"), Chunk("a")], "summary"),
        ([Chunk("hm", "reasoning"), Chunk("a")], "unknown"),
    ],
)
def test_disclosure(chunks: list[Chunk], expected: str) -> None:
    """Reasoning that is billed and not shown is hidden."""
    assert expected == heard(*chunks).disclosure
