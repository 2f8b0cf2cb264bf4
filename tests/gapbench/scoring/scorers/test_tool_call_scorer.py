"""The scorer of tool calls: names and arguments, in one reply or over an episode."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from gapbench.scoring import make_scorer
from gapbench.scoring.task_scorer import single_reply
from gapbench.values import (
    Episode,
    Message,
    Part,
    Sample,
    Score,
    StepRecord,
    Text,
    ToolCall,
    ToolResult,
    Transcript,
)
from tests.scored_episodes import PROMPT, TOOLS, call, episode, sample, scored, step


def reply_score(parts: tuple[Part, ...], of: Sample, **options: Any) -> Score:
    return scored("tool_calls", single_reply(of, Message("assistant", parts)), of, **options)


OSLO = {"name": "weather", "arguments": {"city": "Oslo"}}


@pytest.mark.parametrize(
    ("parts", "target", "options", "outcome"),
    [
        ((call("weather", city="Oslo"),), OSLO, {}, "correct"),
        ((Text("Let me look."), call("weather", city="Oslo")), [OSLO], {}, "correct"),
        ((call("weather", city="oslo"),), OSLO, {}, "correct"),
        ((call("weather", city="oslo"),), OSLO, {"ignore_case": False}, "wrong"),
        ((call("weather", city="Bern"),), OSLO, {}, "wrong"),
        ((call("weather"),), OSLO, {}, "wrong"),
        ((call("forecast", city="Oslo"),), OSLO, {}, "wrong"),
        ((Text("It is sunny."),), OSLO, {}, "wrong"),
        ((ToolCall("c", "weather", '{"city": "Os'),), OSLO, {}, "wrong"),
        ((ToolCall("c", "weather", '["Oslo"]'),), OSLO, {}, "wrong"),
        # A default of the schema may be given or left out; another extra argument may not.
        ((call("weather", city="Oslo", days=1),), OSLO, {}, "correct"),
        ((call("weather", city="Oslo", days=2),), OSLO, {}, "wrong"),
        ((call("weather", city="Oslo", days=2),), OSLO, {"extra": True}, "correct"),
        ((call("weather", city="Oslo"),), {"name": "weather", "arguments": {"city": "Oslo", "days": 1}}, {}, "correct"),
        # The schema counts, whatever the target allows.
        ((call("weather", city="Oslo", unit="K"),), {"name": "weather", "arguments": {"city": "Oslo", "unit": "K"}}, {}, "wrong"),
        ((call("weather", city="Oslo", unit="K"),), {"name": "weather", "arguments": {"city": "Oslo", "unit": "K"}}, {"check_schema": False}, "correct"),
        # Allowed values and optional arguments.
        ((call("weather", city="Oslo, Norway"),), {"name": "weather", "allowed": {"city": ["Oslo", "Oslo, Norway"]}}, {}, "correct"),
        ((call("weather", city="Rome"),), {"name": "weather", "allowed": {"city": ["Oslo", "Oslo, Norway"]}}, {}, "wrong"),
        ((call("weather", city="Oslo"),), {"name": "weather", "arguments": {"city": "Oslo", "unit": "C"}, "optional": ["unit"]}, {}, "correct"),
        ((call("weather", city="Oslo", unit="F"),), {"name": "weather", "arguments": {"city": "Oslo", "unit": "C"}, "optional": ["unit"]}, {}, "wrong"),
        # Numbers.
        ((call("weather", city="Oslo", share=0.1 + 0.2),), {"name": "weather", "arguments": {"city": "Oslo", "share": 0.3}}, {}, "correct"),
        ((call("weather", city="Oslo", share=0.31),), {"name": "weather", "arguments": {"city": "Oslo", "share": 0.3}}, {}, "wrong"),
        ((call("weather", city="Oslo", share=0.31),), {"name": "weather", "arguments": {"city": "Oslo", "share": 0.3}}, {"abs_tol": 0.02}, "correct"),
        ((call("weather", city="Oslo", days=3.0),), {"name": "weather", "arguments": {"city": "Oslo", "days": 3}}, {}, "correct"),
        ((call("refund", id=True),), {"name": "refund", "arguments": {"id": 1}}, {"check_schema": False}, "wrong"),
        # No call expected.
        ((Text("None of these helps."),), [], {}, "correct"),
        ((call("weather", city="Oslo"),), [], {}, "wrong"),
    ],
)  # fmt: skip
def test_tool_calls(parts: tuple[Part, ...], target: Any, options: dict[str, Any], outcome: str) -> None:
    """Names, allowed arguments, optional ones, defaults, the schema, and no call at all."""
    assert outcome == reply_score(parts, sample(target), **options).outcome
    assert outcome == reply_score(parts, sample(json.dumps(target)), **options).outcome


def test_parallel_calls_have_no_order_unless_asked() -> None:
    """Two calls the other way round."""
    target = [OSLO, {"name": "refund", "arguments": {"id": 7}}]
    parts = (call("refund", id=7), call("weather", city="Oslo"))

    assert "correct" == reply_score(parts, sample(target)).outcome
    assert "wrong" == reply_score(parts, sample(target), order=True).outcome
    assert "correct" == reply_score(parts[::-1], sample(target), order=True).outcome


def test_calls_of_the_last_reply_count_whether_they_ran_or_not() -> None:
    """At a limit of turns the last calls may have run, or not; either way they are counted once."""
    target = [OSLO, {"name": "refund", "arguments": {"id": 7}}]
    of = Sample("s", PROMPT, target=target, tools=TOOLS, episode=Episode())
    first, ran = step("weather", city="Oslo"), StepRecord(1, "c", "refund", {"id": 7}, "ok", is_error=False)
    messages = (*episode(first, said=()).messages, Message("assistant", (call("refund", id=7),)))

    for steps in ((first,), (first, ran)):
        assert 1 == scored("tool_calls", Transcript(messages, steps, {}, {}, "max_turns"), of).value


def test_calls_are_matched_so_that_all_find_one() -> None:
    """The first call fits both expected ones, the second only the first: a greedy match would refuse them."""
    wide = {"name": "weather", "allowed": {"city": ["Oslo", "Bern"]}}
    parts = (call("weather", city="Oslo"), call("weather", city="Bern"))

    assert "correct" == reply_score(parts, sample([wide, OSLO])).outcome
    assert "wrong" == reply_score((parts[1], parts[1]), sample([wide, OSLO])).outcome


def test_a_repeated_call_is_one_too_many() -> None:
    """As BFCL counts."""
    score = reply_score((call("weather", city="Oslo"),) * 2, sample(OSLO))

    assert ("wrong", "makes 2 calls (weather, weather), 1 expected") == (score.outcome, score.reason)


def test_calls_of_the_history_do_not_count() -> None:
    """A recorded conversation has calls in its prompt; the reply has none."""
    history = (
        *PROMPT,
        Message("assistant", (call("weather", city="Oslo"),)),
        Message("tool", (ToolResult("call_weather", "weather", "sun"),)),
    )
    of = Sample("s", history, target=[], tools=TOOLS)

    assert "correct" == reply_score((Text("Sunny."),), of).outcome


def test_calls_written_as_json_are_scored_alike() -> None:
    """`tools_as: prompt`: the same targets, also for no call; what is no call at all is unparsed."""
    of, none = sample([OSLO], described=True), sample([], described=True)

    assert "correct" == reply_score((Text(json.dumps([OSLO])),), of).outcome
    assert (
        "wrong"
        == reply_score(
            (Text('[{"name": "weather", "arguments": {"city": "Oslo", "unit": "K"}}]'),), of
        ).outcome
    )
    assert "unparsed" == reply_score((Text("I would look it up."),), of).outcome
    assert "correct" == reply_score((Text("No tool helps."),), none).outcome
    assert "correct" == reply_score((Text("[]"),), none).outcome
    assert "wrong" == reply_score((Text(json.dumps([OSLO])),), none).outcome


def test_in_an_episode_all_calls_count() -> None:
    """Those that ran, in order."""
    target = [OSLO, {"name": "refund", "arguments": {"id": 7}}]
    of = Sample("s", PROMPT, target=target, tools=TOOLS, episode=Episode())

    assert (
        "correct"
        == scored(
            "tool_calls", episode(step("weather", city="Oslo"), step("refund", id=7)), of, order=True
        ).outcome
    )
    assert "wrong" == scored("tool_calls", episode(step("weather", city="Oslo")), of).outcome


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (None, "the sample has no target"),
        ("weather", "write a list of {name, arguments}"),
        (
            [{"name": "weather", "arguments": {"city": "Oslo"}, "allowed": {"city": ["Bern"]}}],
            "write a list of",
        ),
        ([{"name": "weather", "optional": ["city"]}], "write a list of"),
        ([{"name": "weather", "argument": {}}], "write a list of"),
        (
            [{"name": "search", "arguments": {}}],
            "the target calls 'search', which is not among the sample's tools",
        ),
    ],
)
def test_a_target_that_is_no_list_of_calls(target: Any, said: str) -> None:
    """It is told before the run, and never costs a model a point."""
    reason = make_scorer("tool_calls", {}).unscorable_reason(sample(target))

    assert reason is not None
    assert said in reason
    assert "unscored" == reply_score((call("weather", city="Oslo"),), sample(target)).outcome


def test_mutated_calls_are_never_right() -> None:
    """300 random targets: the reference scores 1, and each of six mutants 0."""
    draw = Random(9)
    for _ in range(300):
        target = [
            {
                "name": "weather",
                "arguments": {"city": draw.choice(("Oslo", "Bern", "Rome")), "days": draw.randint(2, 9)},
            }
            for _ in range(draw.randint(1, 4))
        ]
        calls = [call(one["name"], **one["arguments"]) for one in target]  # type: ignore[arg-type]
        at = draw.randrange(len(calls))
        arguments = json.loads(calls[at].arguments_json)
        mutants = [
            call("refund", id=1),
            call("weather", **{**arguments, "city": "Lima"}),
            call("weather", **{**arguments, "days": arguments["days"] + 10}),
            call("weather", **{**arguments, "unit": "C"}),
            call("weather", city=arguments["city"]),
            ToolCall("c", "weather", calls[at].arguments_json[:-1]),
        ]
        of = sample(target)
        assert 1 == reply_score(tuple(draw.sample(calls, len(calls))), of).value
        for mutant in mutants:
            assert 0 == reply_score((*calls[:at], mutant, *calls[at + 1 :]), of).value


def test_a_text_alone_has_no_state() -> None:
    """`bench try --answer` and stored texts."""
    assert "unscored" == make_scorer("state", {})("done", sample({})).outcome
    assert "correct" == make_scorer("tool_calls", {})(json.dumps([OSLO]), sample([OSLO])).outcome
