"""Chunks become one response: texts in their channels, instants, tool calls and counts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.errors import RunnerError
from gapbench.execution.attempts.attempt_row import outcome_of_response
from gapbench.execution.attempts.measure import measure
from gapbench.values import Call, Chunk, Response, Score, ToolCallPiece, Usage
from gapbench.values.pieces import Pieces
from tests.makers import ScriptedRunner, model

STOP = Chunk(finish_reason="stop", finish_raw="stop")
LENGTH = Chunk(finish_reason="length", finish_raw="length")


def heard(*turn: Any, max_tokens: int | None = None, **changes: Any) -> Response:
    runner = ScriptedRunner(model(**changes), {"*": [list(turn)]})
    return asyncio.run(measure(runner, Call({"text": "x"}, {}), 120.0, max_tokens=max_tokens))


def texts(*pieces: str) -> list[Chunk]:
    """Return pieces of the answer; the first arrives at 1 s, the second at 2 s, and so on."""
    return [Chunk(piece, "answer", float(second)) for second, piece in enumerate(pieces, 1)]


def _usage(*counts: Any, **named: Any) -> Usage:
    """Return counts of any type, as servers send them."""
    return Usage(*counts, **named)


REPLIES = (
    "<think>\nFirst 不 <b>. Answer: C\n</think>\n\nAnswer: 🙂 B\n",
    "reasoning <i>\n</think>\n\nB",
    "<|channel|>analysis<|message|>größer<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
    "◁think▷a◁/think▷\nB",
    "Use `<think>` and `</think>`: B",
    "\n\nB",
    "<think>never closed",
    "<",
)


@given(st.sampled_from(REPLIES), st.lists(st.integers(1, 90), max_size=40), st.booleans())
def test_how_a_text_is_cut_into_chunks_does_not_matter(text: str, cuts: list[int], length: bool) -> None:
    """The same text gives the same reasoning and answer, and the first answer is when its first character came."""
    places = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    pieces = [text[start:stop] for start, stop in pairwise(places)]
    end = LENGTH if length else STOP
    whole, cut = heard(Chunk(text), end), heard(*texts(*pieces), end)

    assert (whole.reasoning, whole.answer, whole.thinking_rule) == (
        cut.reasoning,
        cut.answer,
        cut.thinking_rule,
    )
    assert (whole.finish_reason, whole.disclosure) == (cut.finish_reason, cut.disclosure)
    first = whole.answer.strip()[:1]
    if first:
        # Each of these answers begins with the last occurrence of its first character but one of "Use `<think>`".
        place = text.index(first) if whole.thinking_rule is None else text.rindex(whole.answer.strip())
        assert float(sum(start <= place for start in places)) == cut.timing.first_answer_s


def test_pieces_in_one_chunk_are_those_that_came_one_by_one() -> None:
    """Each with its own instant."""
    pieces = Pieces(["<think>", "hm", "</think>", "\n\n", "B"], [1.0, 2.0, 3.0, 4.0, 5.0])
    together = heard(Chunk("".join(pieces.texts), "answer", 1.0, pieces=pieces), STOP)
    apart = heard(*texts(*pieces.texts), STOP)

    assert replace(apart.timing, done_s=0.0, sent_s=None) == replace(together.timing, done_s=0.0, sent_s=None)
    assert (apart.answer, apart.reasoning, apart.parts) == (
        together.answer,
        together.reasoning,
        together.parts,
    )


def test_thinking_in_the_text_is_timed_as_reasoning() -> None:
    """First token at 1 s, end of the thinking at 3 s, an empty line at 4 s, the answer at 5 s."""
    response = heard(*texts("<think>", "hm", "</think>", "\n\n", "B", "!"), STOP)

    assert ("hm", "B!", "think") == (response.reasoning, response.answer, response.thinking_rule)
    assert (1.0, 5.0, 6.0) == (
        response.timing.first_token_s,
        response.timing.first_answer_s,
        response.timing.last_token_s,
    )
    assert "verbatim" == response.disclosure


def test_an_empty_line_is_no_answer() -> None:
    """The text is kept as it is; the answer begins with its first visible character."""
    response = heard(*texts("\n", " ", "B"), STOP)

    assert ("\n B", 3.0) == (response.answer, response.timing.first_answer_s)
    assert heard(*texts("\n", " "), STOP).timing.first_answer_s is None


def test_the_first_answer_after_a_reasoning_channel() -> None:
    """Reasoning at 1 s and 3 s, white space at 2 s, the answer at 4 s."""
    turn = [
        Chunk("hm", "reasoning", 1.0),
        Chunk("\n", "answer", 2.0),
        Chunk("hm", "reasoning", 3.0),
        Chunk("B", "answer", 4.0),
    ]

    assert 4.0 == heard(*turn, STOP).timing.first_answer_s


@pytest.mark.parametrize("end", [STOP, LENGTH])
@pytest.mark.parametrize("outcome", ["correct", "wrong", "unparsed"])
def test_a_reply_cut_off_in_its_thinking_is_truncated(end: Chunk, outcome: Any) -> None:
    """It has no answer, so no scorer can call it correct."""
    response = heard(*texts("<think>", "Answer: B"), end)

    assert ("", "Answer: B", "length") == (response.answer, response.reasoning, response.finish_reason)
    assert ("truncated", 0.0) == outcome_of_response(response, Score(1.0, outcome))


def test_a_failed_reply_keeps_its_thinking_apart() -> None:
    """What arrived before the failure is split as well."""
    response = heard(*texts("<think>hm", "</think>", "B"), RunnerError("cut_stream", "gone"))

    assert ("hm", "B", None) == (response.reasoning, response.answer, response.finish_reason)


def test_thinking_is_left_in_the_text_on_request() -> None:
    """The model's entry in the suite decides."""
    response = heard(*texts("<think>hm</think>B"), STOP, thinking_in_text=("off",))

    assert ("<think>hm</think>B", "", None) == (response.answer, response.reasoning, response.thinking_rule)


@pytest.mark.parametrize(
    ("given_reason", "output_tokens", "max_tokens", "expected"),
    [
        ("stop", 8, 8, "length"),
        ("stop", 9, 8, "length"),
        ("tool", 8, 8, "length"),
        ("other", 8, 8, "length"),
        ("stop", 7, 8, "stop"),
        ("stop", 8, None, "stop"),
        ("stop", None, 8, "stop"),
        ("refusal", 8, 8, "refusal"),
    ],
)
def test_a_reply_that_uses_all_tokens_was_cut(
    given_reason: Any, output_tokens: int | None, max_tokens: int | None, expected: str
) -> None:
    """Whatever the server calls it: several say ``stop`` for a reply that reached ``max_tokens``."""
    end = Chunk(finish_reason=given_reason, usage=Usage(1, output_tokens=output_tokens))

    assert expected == heard(Chunk("B"), end, max_tokens=max_tokens).finish_reason


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([Usage(25_000, output_tokens=1), Usage(0, output_tokens=15)], Usage(25_000, output_tokens=15)),
        ([Usage(0, output_tokens=0), Usage(25, output_tokens=15)], Usage(25, output_tokens=15)),
        ([Usage(20, 12, output_tokens=5), Usage(0, 0, output_tokens=0)], Usage(20, 12, output_tokens=5)),
        ([Usage(20, 12, output_tokens=5), Usage(21)], Usage(21, 12, output_tokens=5)),
        ([Usage(0, output_tokens=0)], Usage(0, output_tokens=0)),
        ([_usage("20", output_tokens=5.0)], Usage(20, output_tokens=5)),
    ],
)
def test_counts_are_merged(usages: list[Usage], expected: Usage) -> None:
    """The last known count wins, and a zero does not replace a count."""
    response = heard(Chunk("B"), *(Chunk(usage=usage) for usage in usages), STOP)

    assert (expected, None) == (response.usage, response.usage_note)


@pytest.mark.parametrize(
    ("usage", "expected", "note"),
    [
        (Usage(10, 64), Usage(10), "cached_input_tokens dropped: 64 is more than input_tokens 10"),
        (Usage(-3, output_tokens=5), Usage(output_tokens=5), "input_tokens dropped: '-3' is not a count"),
        (_usage(10, output_tokens="many"), Usage(10), "output_tokens dropped: 'many' is not a count"),
        (_usage(10, output_tokens=2.5), Usage(10), "output_tokens dropped: '2.5' is not a count"),
        (Usage(10, output_tokens=True), Usage(10), "output_tokens dropped: 'True' is not a count"),
        (
            Usage(10, 6, 6),
            Usage(10),
            "cache counts dropped: 6 read and 6 written are more than input_tokens 10",
        ),
        (
            Usage(10, None, 3, 5),
            Usage(10, None, 3),
            "cache_write_1h_tokens dropped: 5 is more than cache_write_tokens 3",
        ),
        (
            Usage(10, output_tokens=3, reasoning_tokens=5),
            Usage(10, output_tokens=3),
            "reasoning_tokens dropped: 5 is more than output_tokens 3",
        ),
    ],
)
def test_impossible_counts_are_dropped_with_a_note(usage: Usage, expected: Usage, note: str) -> None:
    """Null, never a negative price; the row says why."""
    response = heard(Chunk("B"), Chunk(usage=usage), STOP)

    assert (expected, note) == (response.usage, response.usage_note)


def test_tool_calls_are_one_list_after_the_text() -> None:
    """Pieces of two calls come in turns; the first one at 2 s, after white space at 1 s."""
    turn = [
        Chunk("\n", "answer", 1.0),
        Chunk(tool_call=ToolCallPiece(0, "c0", "book", ""), received_s=2.0),
        Chunk(tool_call=ToolCallPiece(1, "c1", "pay", '{"usd"'), received_s=3.0),
        Chunk(tool_call=ToolCallPiece(0, arguments='{"n": 2}'), received_s=4.0),
        Chunk(tool_call=ToolCallPiece(1, arguments=": 9}"), received_s=5.0),
    ]
    calls = [{"name": "book", "arguments": {"n": 2}}, {"name": "pay", "arguments": {"usd": 9}}]
    response = heard(*turn, Chunk(finish_reason="tool"))

    assert calls == json.loads(response.answer)
    assert (2.0, (1.0, 2.0, 3.0, 4.0, 5.0)) == (response.timing.first_answer_s, response.timing.chunk_s)
    said = heard(Chunk("I book it."), *turn, Chunk(finish_reason="tool")).answer
    assert f"I book it.\n\n{json.dumps(calls)}" == said
