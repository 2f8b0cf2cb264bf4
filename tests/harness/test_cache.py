"""Answers kept by what was asked: no call, no time, no price; and never where time is measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cache import ResponseCache
from harness.errors import ResultsError, RunnerError
from harness.load import Retries
from harness.plan import Load
from harness.run import Settings
from harness.values import Chunk, Params
from tests.harness.test_run import ANSWERS, frame, go
from tests.makers import ScriptedRunner, model, plan


def settings(folder: Path) -> Settings:
    return Settings(retries=Retries(attempts=1, max_wait_s=0.0), cache=folder / "cache")


def test_the_second_run_asks_nobody(tmp_path: Path) -> None:
    """Four answers: the same scores, tagged, without time and without price."""
    first, second = ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)
    go(tmp_path / "a", plan(), {"m": first}, settings(tmp_path))
    go(tmp_path / "b", plan(), {"m": second}, settings(tmp_path))
    before, after = frame(tmp_path / "a"), frame(tmp_path / "b")

    assert (4, 0) == (len(first.calls), len(second.calls))
    assert not before["from_cache"].any()
    assert after["from_cache"].all()
    assert after["final"].all()
    assert sorted(before["answer"]) == sorted(after["answer"])
    assert ["correct"] * 4 == list(after["outcome"])
    for instant in ("sent_s", "first_byte_s", "first_token_s", "first_answer_s", "last_token_s"):
        assert after[instant].isna().all()


def test_a_repeat_is_a_draw_of_its_own(tmp_path: Path) -> None:
    """Two repeats of four prompts are eight calls, and eight hits later."""
    first, second = ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)
    go(tmp_path / "a", plan(repeats=2), {"m": first}, settings(tmp_path))
    go(tmp_path / "b", plan(repeats=2), {"m": second}, settings(tmp_path))

    assert (8, 0) == (len(first.calls), len(second.calls))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "m-2"},
        {"runner": "other"},
        {"base_url": "http://127.0.0.1:9/v1"},
        {"params": Params(max_tokens=7)},
    ],
    ids=["model", "runner", "endpoint", "parameters"],
)
def test_another_question_is_asked(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Whatever an answer depends on is in the key."""
    go(tmp_path / "a", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, settings(tmp_path))
    other = replace(model(), **changes)
    second = ScriptedRunner(other, ANSWERS)
    go(tmp_path / "b", plan(other), {"m": second}, settings(tmp_path))

    assert 4 == len(second.calls)


def test_a_load_that_measures_time_is_never_served(tmp_path: Path) -> None:
    """A rate is there to measure: it asks although every answer is kept."""
    go(tmp_path / "a", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, settings(tmp_path))
    second = ScriptedRunner(model(), ANSWERS)
    load = Load("rate", 1_000, arrivals="constant", duration_s=0.004)
    go(tmp_path / "b", plan(load=load), {"m": second}, settings(tmp_path))

    assert 4 == len(second.calls)
    assert not frame(tmp_path / "b")["from_cache"].any()


@pytest.mark.parametrize(
    "turn",
    [
        RunnerError("server", "oops"),
        [Chunk("Answer: 1"), RunnerError("cut_stream", "gone")],
        [Chunk("Answer: 1"), Chunk(finish_reason="length")],
        [Chunk("I can't"), Chunk(finish_reason="refusal")],
    ],
    ids=["failed", "cut", "truncated", "refused"],
)
def test_only_a_whole_answer_is_kept(tmp_path: Path, turn: Any) -> None:
    """What went wrong is asked again."""
    for name in ("a", "b"):
        runner = ScriptedRunner(model(), {"*": [turn]})
        go(tmp_path / name, plan(count=1), {"m": runner}, settings(tmp_path))
        assert 1 == len(runner.calls)


def test_a_damaged_entry_is_a_miss(tmp_path: Path) -> None:
    """It is written anew."""
    go(tmp_path / "a", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, settings(tmp_path))
    entries = sorted((tmp_path / "cache").rglob("*.json"))
    entries[0].write_bytes(b"{")
    entries[1].write_text(json.dumps({**json.loads(entries[1].read_text()), "version": 0}))
    second = ScriptedRunner(model(), ANSWERS)
    go(tmp_path / "b", plan(), {"m": second}, settings(tmp_path))

    assert 2 == len(second.calls)


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    """A file stands there."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ResultsError, match="choose another with --cache"):
        ResponseCache(tmp_path / "file" / "cache")
