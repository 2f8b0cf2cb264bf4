"""Scorers of conversations: tool_calls, state, trajectory, and all of several."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import TranscriptScorer, make_scorer
from gapbench.scoring.task_scorer import single_reply
from gapbench.values import (
    Episode,
    Message,
    Part,
    Sample,
    Score,
    StepRecord,
    Termination,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
    Transcript,
)

PROMPT = (Message("system", (Text("Say nothing bad."),)), Message("user", (Text("Weather in Oslo?"),)))
WEATHER = Tool(
    "weather",
    "Tells the weather.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "default": 1},
            "unit": {"enum": ["C", "F"]},
            "share": {"type": "number"},
        },
        "required": ["city"],
    },
)
REFUND = Tool("refund", "Pays back.", {"type": "object", "properties": {"id": {"type": "integer"}}})
TOOLS = ToolSet((WEATHER, REFUND))


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{name}", name, json.dumps(arguments))


def sample(
    target: Any = None, *, tools: ToolSet | None = TOOLS, described: bool = False, **columns: Any
) -> Sample:
    return Sample("s", PROMPT, target=target, columns=columns, tools=None if described else tools, described_tools=tools if described else None)  # fmt: skip


def scored(scorer: str, transcript: Transcript, of: Sample, **options: Any) -> Score:
    made = make_scorer(scorer, options)
    assert isinstance(made, TranscriptScorer)
    assert made.reads_transcript
    score = made.score_transcript(transcript, of)
    assert "\n" not in score.reason
    return score


def reply_score(parts: tuple[Part, ...], of: Sample, **options: Any) -> Score:
    return scored("tool_calls", single_reply(of, Message("assistant", parts)), of, **options)


def episode(
    *steps: StepRecord,
    said: tuple[str, ...] = ("Done.",),
    final: Any = None,
    termination: Termination = "done",
) -> Transcript:
    """Return an episode with one reply for each step, then what the model said."""
    messages = list(PROMPT)
    for step in steps:
        messages.append(Message("assistant", (call(step.name, **(step.arguments or {})),)))
        messages.append(Message("tool", (ToolResult(step.call_id, step.name, step.content, step.is_error),)))
    messages += [Message("assistant", (Text(text),)) for text in said]
    return Transcript(tuple(messages), steps, {}, final, termination)


def step(name: str, *, is_error: bool = False, problem: str | None = None, **arguments: Any) -> StepRecord:
    return StepRecord(0, f"call_{name}", name, arguments, "ok", is_error, problem)


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


STATE = {
    "orders": {"7": {"status": "refunded", "items": ["a", "b"], "total": 12.5}, "a/b": {"status": "open"}},
    "log": ["10:01 refund"],
    "notes": [{"to": "ann", "text": "done"}],
}


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"path": "/orders/7/status", "equals": "refunded"}, True),
        ({"path": "/orders/7/status", "equals": "open"}, False),
        ({"path": "/orders/7/total", "equals": 12.50}, True),
        ({"path": "/orders/a~1b/status", "equals": "open"}, True),
        ({"path": "/orders/8", "absent": True}, True),
        ({"path": "/orders/7", "absent": True}, False),
        ({"path": "/orders/7", "absent": False}, True),
        ({"path": "/orders/8", "absent": False}, False),
        ({"path": "/orders/8/status", "equals": "open"}, False),
        ({"path": "/orders/7/items", "count": 2}, True),
        ({"path": "/orders/7/items", "count": 3}, False),
        ({"path": "/orders/7/items", "contains": "a"}, True),
        ({"path": "/orders/7/items", "contains": "c"}, False),
        ({"path": "/notes", "contains": {"to": "ann"}}, True),
        ({"path": "/notes", "contains": {"to": "bob"}}, False),
        ({"path": "/log/0", "contains": "refund"}, True),
        ({"path": "/orders", "contains": "7"}, True),
        ({"path": "/orders/7/total", "min": 12, "max": 13}, True),
        ({"path": "/orders/7/total", "min": 13}, False),
        ({"path": "/orders/7/total", "max": 12}, False),
        ({"path": "/orders/7/status", "min": 1}, False),
        ({"path": "/log/00", "absent": True}, True),
        ({"path": "", "count": 3}, True),
    ],
)
def test_assertions_about_a_state(assertion: dict[str, Any], holds: bool) -> None:
    """By JSON Pointer; several checks in one assertion must all hold."""
    score = scored("state", episode(final=STATE), sample([assertion]))

    assert (float(holds), float(holds)) == (score.value, score.partial)


def test_the_share_of_assertions_is_partial() -> None:
    """Two of three hold: the score is 0, and 2 / 3 is stored beside it."""
    right, wrong = {"path": "/log", "count": 1}, {"path": "/log", "count": 2}
    score = scored("state", episode(final=STATE), sample([right, wrong]), assertions=[right])

    assert (0.0, 2 / 3) == (score.value, score.partial)
    assert "1 of 3 assertions fail: /log has 1 items, not 2" == score.reason


def test_a_whole_state_is_compared() -> None:
    """Equal, one value changed, one missing, and a part that does not count."""
    changed = {**STATE, "log": ["10:02 refund"]}

    assert "correct" == scored("state", episode(final=STATE), sample(STATE)).outcome
    assert "correct" == scored("state", episode(final=STATE), sample(json.dumps(STATE))).outcome
    assert (
        '/log/0 is "10:01 refund", not "10:02 refund"'
        == scored("state", episode(final=STATE), sample(changed)).reason
    )
    assert "correct" == scored("state", episode(final=STATE), sample(changed), ignore=["/log"]).outcome
    assert "/orders is missing" == scored("state", episode(final={}), sample({"orders": {}})).reason
    assert "/more should not be there" == scored("state", episode(final={"more": 1}), sample({})).reason
    assert (
        "correct"
        == scored(
            "state", episode(final={"a": {"x": {"t": 1}}}), sample({"a": {"x": {"t": 2}}}), ignore=["/a/*/t"]
        ).outcome
    )


def test_true_is_not_one() -> None:
    """And 1 is 1.0."""
    assert "wrong" == scored("state", episode(final={"a": True}), sample({"a": 1})).outcome
    assert "correct" == scored("state", episode(final={"a": 1.0}), sample({"a": 1})).outcome


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"assertions": [{"path": "orders", "equals": 1}]}, "'orders' is not a JSON Pointer"),
        ({"assertions": [{"path": "/a", "equal": 1}]}, "assertion 1 has the unknown key 'equal'"),
        ({"assertions": [{"path": "/a"}]}, "assertion 1 asserts nothing"),
        ({"assertions": ["/a"]}, "expected {path: /a/b, equals: …}"),
        ({"assertions": [{"path": "/a", "count": "2"}]}, 'count is "2"; expected a number'),
        ({"assertions": [{"path": "/a", "absent": 1}]}, "absent is 1; expected true or false"),
        ({"ignore": ["log"]}, "ignore: 'log' is not a JSON Pointer"),
    ],
)  # fmt: skip
def test_wrong_assertions_are_told_before_the_run(options: dict[str, Any], said: str) -> None:
    """As options; in a row they leave the sample unscored."""
    with pytest.raises(InputError) as caught:
        make_scorer("state", options)
    assert said in str(caught.value)
    if "assertions" in options:
        assert said in str(make_scorer("state", {}).unscorable_reason(sample(options["assertions"])))


def test_a_sample_without_a_state_cannot_be_scored() -> None:
    """Unless the options assert something."""
    assert "no state or assertions" in str(make_scorer("state", {}).unscorable_reason(sample(None)))
    assert (
        make_scorer("state", {"assertions": [{"path": "/a", "count": 1}]}).unscorable_reason(sample(None))
        is None
    )


PLAYED = episode(
    step("weather", city="Oslo"),
    step("refund", is_error=True, id=7),
    step("weather", city="Bern"),
    said=("Your refund was refused.", "Anything else?"),
)


@pytest.mark.parametrize(
    ("rules", "holds"),
    [
        ({"must_call": ["weather"]}, True),
        ({"must_call": ["refund"]}, False),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Bern"}}]}, True),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Rome"}}]}, False),
        ({"must_not_call": ["cancel"]}, True),
        ({"must_not_call": ["refund"]}, False),
        ({"must_not_call": [{"name": "weather", "arguments": {"city": "Rome"}}]}, True),
        ({"max_calls": 3}, True),
        ({"max_calls": 2}, False),
        ({"max_calls": 0}, False),
        ({"must_say": ["refund was REFUSED"]}, True),
        ({"must_say": ["paid back"]}, False),
        ({"must_say": [["paid back", "refused"]]}, True),
        ({"must_not_say": ["bad"]}, True),
        ({"must_not_say": ["refused"]}, False),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Oslo"}}, {"name": "weather", "arguments": {"city": "Bern"}}], "order": True}, True),
        ({"must_call": [{"name": "weather", "arguments": {"city": "Bern"}}, {"name": "weather", "arguments": {"city": "Oslo"}}], "order": True}, False),
    ],
)  # fmt: skip
def test_rules_about_an_episode(rules: dict[str, Any], holds: bool) -> None:
    """As options and as a column; a failed call is none that was made as asked. The prompt's words are not the model's."""
    assert float(holds) == scored("trajectory", PLAYED, sample(), **rules).value
    assert float(holds) == scored("trajectory", PLAYED, sample(trajectory=rules)).value
    assert float(holds) == scored("trajectory", PLAYED, sample(trajectory=json.dumps(rules))).value


def test_rules_of_options_and_of_the_row_add_up() -> None:
    """Two of four hold."""
    score = scored("trajectory", PLAYED, sample(trajectory={"must_say": ["refused"], "max_calls": 1}), must_call=["weather", "cancel"])  # fmt: skip

    assert (0.0, 2 / 4) == (score.value, score.partial)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"must_call": [7]}, "must_call is [7]; expected a list of names"),
        ({"must_say": ["a", ""]}, "expected a list of texts"),
        ({"must_call": [{"tool": "a"}]}, "expected a list of names, or of {name, arguments}"),
    ],
)
def test_wrong_rules_are_told_before_the_run(rules: dict[str, Any], said: str) -> None:
    """As options, and in a row, where an unknown rule is told too."""
    with pytest.raises(InputError) as caught:
        make_scorer("trajectory", rules)
    assert said in str(caught.value)
    assert said in str(make_scorer("trajectory", {}).unscorable_reason(sample(trajectory=rules)))
    assert "unknown rule 'must_cal'" in str(
        make_scorer("trajectory", {}).unscorable_reason(sample(trajectory={"must_cal": []}))
    )
    assert "there is no rule" in str(make_scorer("trajectory", {}).unscorable_reason(sample()))


ALL: dict[str, Any] = {"scorers": ["state", {"name": "trajectory", "must_say": ["refused"]}]}


@pytest.mark.parametrize(("final", "said", "value", "partial"), [(STATE, "Refused.", 1, 1), ({}, "Refused.", 0, 0.5), (STATE, "Paid.", 0, 0.5), ({}, "Paid.", 0, 0)])  # fmt: skip
def test_all_is_the_product(final: Any, said: str, value: float, partial: float) -> None:
    """One that fails fails the whole; the share is the mean."""
    target = [{"path": "/log", "count": 1}]
    score = scored("all", episode(said=(said,), final=final), sample(target), **ALL)

    assert (value, partial) == (score.value, score.partial)


def test_all_gives_scorers_of_texts_the_last_reply() -> None:
    """`contains` sees what was said last."""
    options: dict[str, Any] = {"scorers": ["contains", {"name": "trajectory", "max_calls": 0}]}

    assert 1 == scored("all", episode(said=("No.", "It is refused.")), sample("refused"), **options).value


def test_all_refuses_what_it_cannot_combine() -> None:
    """Nothing, itself, a judge, an unknown one, and programs that need a core of their own."""
    for scorers, said in (
        ([], "name at least one"),
        (["all"], "expected the name of a scorer"),
        (["judge"], "expected the name of a scorer"),
        (["stat"], "did you mean 'state'"),
        (["code"], "runs the reply in the sandbox"),
    ):
        with pytest.raises(InputError, match=said):
            make_scorer("all", {"scorers": scorers})


def test_one_part_that_cannot_score_leaves_the_whole_unscored() -> None:
    """With its name."""
    assert "trajectory: there is no rule" in str(make_scorer("all", {"scorers": ["state", "trajectory"]}).unscorable_reason(sample({})))  # fmt: skip


@pytest.mark.parametrize(("name", "options"), [("state", {}), ("trajectory", {"max_calls": 1}), ("tool_calls", {}), ("all", ALL)])  # fmt: skip
def test_an_infra_episode_is_never_a_failure(name: str, options: dict[str, Any]) -> None:
    """It is unscored, whatever happened before."""
    score = scored(name, episode(termination="infra"), sample([]), **options)

    assert (None, "unscored") == (score.value, score.outcome)


def test_a_text_alone_has_no_state() -> None:
    """`bench try --answer` and stored texts."""
    assert "unscored" == make_scorer("state", {})("done", sample({})).outcome
    assert "correct" == make_scorer("tool_calls", {})(json.dumps([OSLO]), sample([OSLO])).outcome
