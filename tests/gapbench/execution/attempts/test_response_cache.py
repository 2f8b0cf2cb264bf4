"""Answers kept by what was asked: no call, no time, no price; and never where time is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import ResultsError, RunnerError
from gapbench.execution.attempts.cached_reply import CACHE_VERSION
from gapbench.execution.attempts.response_cache import FolderCache, ResponseCache
from gapbench.execution.run import RunSettings
from gapbench.suite.plan import Load
from gapbench.values import (
    Call,
    Chunk,
    Model,
    Params,
    ReasoningState,
    Response,
    ResponseSchema,
    Text,
    Timing,
    Tool,
    ToolCall,
    ToolSet,
    Usage,
)
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.gapbench.execution.test_run import ANSWERS, frame, go
from tests.makers import ScriptedRunner, model, plan


def settings(folder: Path) -> RunSettings:
    return RunSettings(RunPolicies(RetryPolicy(max_attempts=1, max_wait_s=0.0), cache=folder / "cache"))


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
        {"options": {"serve": {"args": ["--revision", "b"]}}},
        {"options": {"engine": {"args": {"quantization": "fp8"}}}},
        {"options": {"sim": {"skill": 0.1}}},
        {"options": {"api": "responses"}},
    ],
    ids=["model", "runner", "endpoint", "parameters", "serve", "engine", "sim", "options"],
)
def test_another_question_is_asked(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Whatever an answer depends on is in the key."""
    go(tmp_path / "a", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, settings(tmp_path))
    other = replace(model(), **changes)
    second = ScriptedRunner(other, ANSWERS)
    go(tmp_path / "b", plan(other), {"m": second}, settings(tmp_path))

    assert 4 == len(second.calls)


@pytest.mark.parametrize(
    "load",
    [Load("rate", 1_000, arrivals="constant", duration_s=0.004), Load("concurrency", 2, timed=True)],
    ids=["rate", "timed"],
)
def test_a_load_that_measures_time_is_never_served(tmp_path: Path, load: Load) -> None:
    """It asks although every answer is kept."""
    go(tmp_path / "a", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, settings(tmp_path))
    second = ScriptedRunner(model(), ANSWERS)
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


def at(url: str, given: Model) -> ScriptedRunner:
    """Return a runner that found its address outside the suite, as vllm does in VLLM_BASE_URL."""
    runner = ScriptedRunner(given, ANSWERS)
    runner.base_url = url
    return runner


@pytest.mark.parametrize(
    ("options", "url", "asked"),
    [
        ({}, "http://127.0.0.1:8001/v1", 4),
        ({}, "http://127.0.0.1:8000/v1/", 0),
        ({"serve": {"gpus": 1}}, "http://127.0.0.1:8001/v1", 0),
    ],
    ids=["another server", "the same address", "a port of the moment"],
)
def test_the_address_that_the_runner_found_counts(
    tmp_path: Path, options: dict[str, Any], url: str, asked: int
) -> None:
    """The suite names no address; a server of our own is told by its settings, not by its port."""
    given = model(runner="vllm", options=options)
    go(tmp_path / "a", plan(given), {"m": at("http://127.0.0.1:8000/v1", given)}, settings(tmp_path))
    second = at(url, given)
    go(tmp_path / "b", plan(given), {"m": second}, settings(tmp_path))

    assert asked == len(second.calls)


def test_a_weighed_text_is_no_asked_one(tmp_path: Path) -> None:
    """The same words asked and weighed are two entries."""
    asked = plan(count=1).cells[0]
    planned = asked.requests[0]
    weighed = replace(planned, sample=replace(planned.sample, needs_logprobs=True))
    call = Call({}, {})

    assert ResponseCache.make_key(asked, planned, call, None) != ResponseCache.make_key(
        asked, weighed, call, None
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: entry[: len(entry) // 2],
        lambda entry: b"",
        lambda entry: b'"a text"',
        lambda entry: b"[1]",
        lambda entry: b"null",
        lambda entry: entry.replace(b"Answer: 1", b"Answer: 9"),
        lambda entry: entry.replace(b'"output_tokens":3', b'"output_tokens":"x"'),
        lambda entry: entry.replace(b'"version":%d' % CACHE_VERSION, b'"version":1'),
    ],
    ids=["cut", "empty", "text", "list", "null", "bits", "type", "version"],
)
def test_a_damaged_entry_is_a_miss(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """It is asked again and written anew."""
    go(tmp_path / "a", plan(count=1), {"m": ScriptedRunner(model(), ANSWERS)}, settings(tmp_path))
    (entry,) = (tmp_path / "cache").rglob("*.json")
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    second = ScriptedRunner(model(), ANSWERS)
    go(tmp_path / "b", plan(count=1), {"m": second}, settings(tmp_path))

    assert 1 == len(second.calls)
    assert whole == entry.read_bytes()
    assert [entry] == [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    """A file stands there."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ResultsError, match="choose another with --cache"):
        FolderCache.open(tmp_path / "file" / "cache")


@pytest.mark.parametrize(
    "changes",
    [
        {"tools": ToolSet((Tool("find", "", {"type": "object"}),))},
        {"tools": ToolSet((), choice="none")},
        {"response_schema": ResponseSchema("answer", {"type": "object"})},
    ],
    ids=["a tool", "a choice", "a schema"],
)
def test_tools_and_schemas_are_part_of_the_key(changes: dict[str, Any]) -> None:
    """The same words with other tools are another request."""
    cell = plan(count=1).cells[0]
    planned = cell.requests[0]
    other = replace(planned, sample=replace(planned.sample, **changes))
    call = Call({}, {})

    assert ResponseCache.make_key(cell, planned, call, None) != ResponseCache.make_key(
        cell, other, call, None
    )


def test_a_turns_key_has_its_messages() -> None:
    """Two prompts of one request."""
    cell = plan(count=1).cells[0]
    planned, call = cell.requests[0], Call({}, {})
    longer = (*planned.sample.messages, *planned.sample.messages)

    assert ResponseCache.make_key(cell, planned, call, None) != ResponseCache.make_key(
        cell, planned, call, None, longer
    )


def test_calls_and_reasoning_state_come_back(tmp_path: Path) -> None:
    """The next turn needs their ids and signatures."""
    parts = (
        ReasoningState("google", {"thoughtSignature": "s"}),
        Text("I look."),
        ToolCall("1", "find", "{}", "sig"),
    )
    timing = Timing(None, None, None, None, None, 1.0)
    given = Response("I look.", "", timing, Usage(), "tool", transport="cache", parts=parts)
    cache = FolderCache.open(tmp_path)
    cache.put("abcd", given)

    assert given == cache.get("abcd", 1.0)
