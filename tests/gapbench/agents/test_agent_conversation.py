"""What follows a reply: results of tools, a line of the user, or the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gapbench.agents import AgentConversation, DeadEnvironmentError, Step, ToolOutcome, open_conversation
from gapbench.agents.agent import clean_result
from gapbench.values import (
    Episode,
    EpisodeLimits,
    Message,
    RecordedTools,
    Role,
    Sample,
    StepRecord,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
    Transcript,
    UserLine,
)

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = ToolSet((Tool("add", "", NUMBER), Tool("fail", "", {"type": "object"}), Tool("die", "", {})))


@dataclass
class Counter:
    """Tools over {"sum": n}, in this process."""

    value: Any = None
    calls: list[str] = field(default_factory=list)
    closed: int = 0

    async def open(self, state: Any) -> None:
        self.value = state

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        self.calls.append(name)
        if name == "die":
            raise DeadEnvironmentError("the server is gone")
        if name == "fail":
            return ToolOutcome("ValueError: no", is_error=True, tool_s=0.5)
        self.value = {"sum": self.value["sum"] + arguments["n"]}
        return ToolOutcome(str(self.value["sum"]), tool_s=0.25)

    async def state(self) -> Any:
        return self.value

    async def close(self) -> None:
        self.closed += 1


def said(text: str, role: Role = "assistant") -> Message:
    return Message(role, (Text(text),))


def called(*calls: tuple[str, str]) -> Message:
    return Message(
        "assistant", tuple(ToolCall(f"call_{at}", name, text) for at, (name, text) in enumerate(calls))
    )


def make_sample(
    *,
    user: Sequence[UserLine] = (),
    limits: EpisodeLimits | None = None,
    think_time_s: float = 0.0,
    messages: tuple[Message, ...] = (said("Add.", "user"),),
) -> Sample:
    episode = Episode(
        state={"sum": 1},
        user=tuple(user),
        limits=limits or EpisodeLimits(),
        think_time_s=think_time_s,
    )
    return Sample("s", messages, tools=TOOLS, episode=episode)


def play(
    sample: Sample, *replies: Message, environment: Counter | None = None
) -> tuple[list[Step], Transcript]:
    """Return the steps after some replies, and the transcript."""

    async def run() -> tuple[list[Step], Transcript]:
        conversation = AgentConversation(sample, environment=environment)
        await conversation.begin()
        steps = [await conversation.follow(reply) for reply in replies]
        return steps, await conversation.end()

    return asyncio.run(run())


def test_parallel_calls_run_in_order_and_answer_in_one_message() -> None:
    """1 + 2 = 3, then 3 + 5 = 8: the second call sees the state that the first left."""
    (step,), transcript = play(
        make_sample(), called(("add", '{"n": 2}'), ("add", '{"n": 5}')), environment=Counter()
    )
    assert step.messages == (
        Message("tool", (ToolResult("call_0", "add", "3"), ToolResult("call_1", "add", "8"))),
    )
    assert step.termination is None
    assert json.loads(step.state_changes or "") == [{"op": "replace", "path": "/sum", "value": 8}]
    assert (transcript.initial_state, transcript.final_state) == ({"sum": 1}, {"sum": 8})


def test_an_invalid_call_is_answered_but_not_run() -> None:
    """The result says what is wrong, and the calls after it run."""
    environment = Counter()
    (step,), _ = play(
        make_sample(),
        called(("sub", "{}"), ("add", '{"n": "x"}'), ("add", '{"n": 1}')),
        environment=environment,
    )
    assert environment.calls == ["add"]
    assert [(result.content, result.is_error) for result in step.messages[0].tool_results] == [
        ("invalid call: there is no tool 'sub'; the tools are: add, fail, die", True),
        ("invalid call: arguments.n: 'x' is not of type 'integer'", True),
        ("2", False),
    ]
    assert [record.problem is None for record in step.records] == [False, False, True]


def test_each_call_is_recorded_with_its_turn_arguments_and_time() -> None:
    """Arguments that are no JSON object are recorded as None."""
    _, transcript = play(
        make_sample(),
        called(("add", '{"n": 2}')),
        called(("fail", "{}"), ("fail", "[")),
        environment=Counter(),
    )
    problem = "the arguments are not JSON: Expecting value at character 1"
    assert transcript.steps == (
        StepRecord(0, "call_0", "add", {"n": 2}, "3", is_error=False, tool_s=0.25),
        StepRecord(1, "call_0", "fail", {}, "ValueError: no", is_error=True, tool_s=0.5),
        StepRecord(1, "call_1", "fail", None, f"invalid call: {problem}", is_error=True, problem=problem),
    )


def test_a_turn_that_changes_nothing_has_an_empty_patch() -> None:
    """Null is for tools without a state."""
    (step,), _ = play(make_sample(), called(("fail", "{}")), environment=Counter())
    assert step.state_changes == "[]"
    sample = Sample("s", (said("a", "user"),), episode=Episode())
    (step,), _ = play(sample, said("x"))
    assert step.state_changes is None


def test_a_reply_without_a_call_ends_an_episode_without_a_user() -> None:
    """It is done."""
    (step,), transcript = play(make_sample(), said("The sum is 1."), environment=Counter())
    assert (step.termination, transcript.termination, step.messages) == ("done", "done", ())


def test_the_user_says_the_first_unused_line_that_matches() -> None:
    """``when`` is looked for in the last text, whatever the case; a line is said once."""
    user = (UserLine("It is 7.", when="number"), UserLine("Thanks."))
    steps, _ = play(
        make_sample(user=user, think_time_s=1.5), said("Which NUMBER?"), said("Ok, the number."), said("Bye.")
    )
    assert [[message.text for message in step.messages] for step in steps] == [["It is 7."], ["Thanks."], []]
    assert [(step.termination, step.think_s) for step in steps] == [(None, 1.5), (None, 1.5), ("done", 0.0)]


def test_a_line_whose_condition_is_never_met_is_never_said() -> None:
    """Then the user has nothing to add, and the episode is done."""
    (step,), _ = play(make_sample(user=[UserLine("Yes.", when="refund")]), said("Hello."))
    assert (step.termination, step.messages) == ("done", ())


def test_the_user_opens_a_conversation_in_which_nobody_has_spoken() -> None:
    """After the system prompt comes the first line without a condition, without think time."""

    async def run() -> tuple[tuple[Message, ...], Step]:
        user = (UserLine("Later.", when="x"), UserLine("Hi."))
        sample = make_sample(user=user, messages=(said("Be kind.", "system"),), think_time_s=9.0)
        conversation = AgentConversation(sample, environment=None)
        first = await conversation.begin()
        return first, await conversation.follow(said("Hello."))

    first, step = asyncio.run(run())
    assert [message.text for message in first] == ["Be kind.", "Hi."]
    assert step.termination == "done"


def test_the_last_turn_that_is_allowed_runs_its_calls() -> None:
    """Two turns are allowed: the second reply's call changes the state, and the episode ends."""
    steps, transcript = play(
        make_sample(limits=EpisodeLimits(turns=2)),
        called(("add", '{"n": 1}')),
        called(("add", '{"n": 1}')),
        environment=Counter(),
    )
    assert [step.termination for step in steps] == [None, "max_turns"]
    assert (transcript.termination, transcript.final_state) == ("max_turns", {"sum": 1 + 1 + 1})
    assert transcript.reason == "2 turns, the most that the task allows"


def test_after_the_last_turn_the_user_says_nothing() -> None:
    """A user with more to say makes it max_turns, one without makes it done."""
    one = EpisodeLimits(turns=1)
    (step,), transcript = play(make_sample(limits=one, user=[UserLine("More.")]), said("Hi."))
    assert (step.termination, step.messages, transcript.messages[-1].text) == ("max_turns", (), "Hi.")
    (step,), _ = play(make_sample(limits=one), said("Hi."))
    assert step.termination == "done"


def test_a_call_ends_an_episode_whose_tools_do_not_run() -> None:
    """It is recorded without a result."""
    (step,), transcript = play(make_sample(), called(("add", '{"n": 2}')))
    assert (step.termination, step.messages) == ("done", ())
    assert transcript.steps == (StepRecord(0, "call_0", "add", {"n": 2}, "", is_error=False),)


def test_tools_that_died_make_the_episode_infra() -> None:
    """What the calls before it did is kept."""
    environment = Counter()
    (step,), transcript = play(
        make_sample(),
        called(("add", '{"n": 2}'), ("die", "{}"), ("add", '{"n": 2}')),
        environment=environment,
    )
    assert (step.termination, step.reason, step.messages) == ("infra", "the server is gone", ())
    assert [record.content for record in transcript.steps] == ["3"]
    assert transcript.final_state == {"sum": 3}
    assert environment.calls == ["add", "die"]


def test_execution_can_end_an_episode() -> None:
    """Its reason replaces that of the last step; a second end returns the same, and the tools are closed once."""

    async def run() -> tuple[Transcript, Transcript, int]:
        environment = Counter()
        conversation = AgentConversation(make_sample(), environment=environment)
        await conversation.begin()
        await conversation.follow(called(("add", '{"n": 2}')))
        first = await conversation.end("budget", "300 tokens")
        return first, await conversation.end(), environment.closed

    first, second, closed = asyncio.run(run())
    assert (first.termination, first.reason) == ("budget", "300 tokens")
    assert second is first
    assert closed == 1


def test_an_episode_that_was_left_is_infra() -> None:
    """Nobody says why it ended, so it says nothing about the model."""
    _, transcript = play(make_sample())
    assert (transcript.termination, transcript.reason) == ("infra", "the episode was not finished")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("abcdef", "abcd\n[cut after 4 characters]"),
        ("abcd", "abcd"),
        ("\x1b[2J", "\N{REPLACEMENT CHARACTER}[2J"),
        ("\x00\x9b\ud800", "\N{REPLACEMENT CHARACTER}" * 3),
        ("a\tb\n", "a\tb\n"),
        ("", ""),
    ],
)
def test_the_model_sees_a_safe_and_short_result(content: str, shown: str) -> None:
    """Cut with a note; control characters and half characters replaced."""
    assert clean_result(content, 4) == shown


def test_a_recorded_conversation_is_opened_from_its_sample() -> None:
    """Each recorded result is given once; another call is not in the recording."""
    results = (("add", '{"n":1}', "one"), ("add", '{"n":1}', "two"))
    sample = Sample("s", (said("a", "user"),), tools=TOOLS, episode=Episode(tools=RecordedTools(results)))

    async def body() -> Transcript:
        conversation = open_conversation(sample)
        await conversation.begin()
        for text in ('{ "n": 1 }', '{"n": 1}', '{"n": 1}'):
            await conversation.follow(called(("add", text)))
        return await conversation.end()

    steps = asyncio.run(body()).steps
    missing = "this call of 'add' with these arguments is not in the recording"
    assert [(step.content, step.is_error) for step in steps] == [
        ("one", False),
        ("two", False),
        (missing, True),
    ]


def with_episode(sample: Sample, **changes: Any) -> Sample:
    assert sample.episode is not None
    return replace(sample, episode=replace(sample.episode, **changes))


def test_a_line_of_the_user_brings_tools() -> None:
    """A call of the new one is invalid before the line and valid after it; the step has all tools, in order."""
    new = Tool("double", "", {"type": "object"})
    given = make_sample(user=[UserLine("Now you can double."), UserLine("And?", tools=(new,))])
    steps, transcript = play(
        given, called(("double", "{}")), said("No."), said("No."), called(("double", "{}"))
    )
    assert given.tools is not None
    assert [step.tools for step in steps] == [
        None,
        None,
        replace(given.tools, tools=(*TOOLS.tools, new)),
        None,
    ]
    assert [record.problem for record in transcript.steps] == [
        "there is no tool 'double'; the tools are: add, fail, die",
        None,
    ]


def test_an_invalid_call_runs_where_the_episode_says_so() -> None:
    """It is still counted as invalid."""
    environment = Counter()
    given = with_episode(make_sample(), invalid_calls="run")
    (step,), _ = play(
        given, called(("add", '{"n": 2.0}'), ("fail", "{}"), ("sub", '{"n": 1}')), environment=environment
    )
    assert environment.calls == ["add", "fail", "sub"]
    assert [record.problem for record in step.records] == [
        None,
        None,
        "there is no tool 'sub'; the tools are: add, fail, die",
    ]


def test_nothing_of_a_reply_runs_where_one_call_cannot_be_read_and_the_user_speaks() -> None:
    """Each call has a result, and the line follows; without a line the episode is done."""
    environment = Counter()
    given = with_episode(make_sample(user=[UserLine("Go on.")]), invalid_calls="run")
    reply = called(("add", '{"n": 1}'), ("add", "[1]"))
    (first, second), transcript = play(given, reply, reply, environment=environment)
    assert environment.calls == []
    assert [message.role for message in first.messages] == ["tool", "user"]
    assert [result.content for result in first.messages[0].tool_results] == [
        "not run: another call of this reply has arguments that cannot be read",
        "not run: the arguments are JSON, but an array; expected an object",
    ]
    assert (second.messages, second.termination) == ((), "done")
    assert [record.is_error for record in transcript.steps] == [True] * 4


def test_replies_with_calls_between_two_lines_are_limited() -> None:
    """Two are allowed, then a line, two more, and the third ends the episode after its calls ran: 5 calls."""
    environment = Counter()
    limits = EpisodeLimits(calling_turns=2)
    given = make_sample(user=[UserLine("More."), UserLine("More.")], limits=limits)
    add = called(("add", '{"n": 1}'))
    steps, transcript = play(given, add, add, said("Done."), add, add, add, environment=environment)
    assert [step.termination for step in steps] == [None] * 5 + ["max_turns"]
    assert transcript.reason == "3 replies with calls after one line of the user; the task allows 2"
    assert transcript.final_state == {"sum": 1 + 5}
