"""BFCL's multi-turn items as conversations: what they hold, their references, and agreement with the package."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gapbench.scoring.scorers import bfcl as scorer_module
from gapbench.scoring.scorers.bfcl import Bfcl
from gapbench.suite.bfcl.conversion import convert_category
from gapbench.suite.bfcl.entry import MULTI_TURN_CATEGORIES, BfclEntry
from gapbench.suite.bfcl.package import read_category
from gapbench.suite.tasks.task import Task
from gapbench.values import Message, Sample, Text, ToolCall, ToolSet
from gapbench_runners.sim_server.answer_book import make_answer_book
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.sim_server.sim_model import SimModel
from tests.bfcl import (
    DONE,
    Answer,
    by_line,
    calling,
    in_order,
    judge_directly,
    package,
    package_verdict,
    play,
)
from tests.gapbench_runners.episodes import asking, reply_message
from tests.makers import plan

CONVERSATIONS_PER_CATEGORY = 125


def load(category: str) -> Task:
    return convert_category(category, BfclEntry(bfcl=[category]))  # type: ignore[list-item]  # one of the literals


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge in this process; test_bfcl_conversations.py has the sandbox."""
    monkeypatch.setattr(scorer_module, "judge_calls", judge_directly)


def score(sample: Sample, category: str, answer: Answer) -> float | None:
    return Bfcl(category).score_transcript(play(sample, answer), sample).value


def test_held_back_functions_come_with_a_line_of_the_user() -> None:
    """Find and ls are away at first: 18 - 2 = 16 tools."""
    sample = load("multi_turn_miss_func").samples[3]
    assert sample.tools is not None
    assert sample.episode is not None
    first = sample.episode.user[0]
    names = {tool.name for tool in sample.tools.tools}
    assert len(names) == 16
    assert [tool.name for tool in first.tools] == ["find", "ls"]
    assert names.isdisjoint({"find", "ls"})
    assert first.text == "I have updated some more functions you can choose from. What about now?"


def test_variants_of_an_item_share_a_cluster() -> None:
    """So that four categories in one row of the gap table do not count as four independent items."""
    clusters = {load(category).samples[3].cluster_id for category in MULTI_TURN_CATEGORIES}
    assert clusters == {"multi_turn:3"}


def test_the_right_calls_are_not_in_the_state() -> None:
    """A tool that reads its state learns nothing of the answer."""
    sample = load("multi_turn_base").samples[0]
    assert sample.episode is not None
    assert sorted(sample.episode.state) == ["calls", "classes", "config", "long_context"]


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("category", MULTI_TURN_CATEGORIES)
def test_the_reference_of_every_item_scores_1_and_the_decoy_0(category: str) -> None:
    """All 200 items, through the loop of a run, with the tools in this process."""
    samples = load(category).samples
    assert len(samples) == 200
    missed = [
        sample.sample_id
        for sample in samples
        if score(sample, category, in_order(sample.reference_turns)) != 1.0
        or score(sample, category, in_order(sample.decoy_turns)) != 0.0
    ]
    assert missed == []


@pytest.mark.usefixtures("direct")
def test_twenty_replies_with_calls_are_allowed_and_one_more_ends_the_conversation() -> None:
    """As in the package; before the last line of the user that is wrong."""
    sample = load("multi_turn_base").samples[3]
    look = calling(("find", {"path": ".", "name": "test"}))
    rest = sample.reference_turns[1:]
    assert score(sample, "multi_turn_base", in_order([*[look] * 20, *rest])) == 1.0
    transcript = play(sample, in_order([*[look] * 21, *rest]))
    assert (transcript.termination, len(transcript.replies)) == ("max_turns", 21)
    assert transcript.reason == "21 replies with calls after one line of the user; the task allows 20"
    assert Bfcl("multi_turn_base").score_transcript(transcript, sample).value == 0.0


@pytest.fixture(scope="module")
def theirs() -> Iterator[SimpleNamespace]:
    """The package's own loop and rules."""
    with package() as found:
        yield found


Line = list[Message]


def split_reference(sample: Sample, draw: random.Random) -> list[Line]:
    """Return the right replies by line of the user, all calls of a line in one reply, or each in its own."""
    is_split = draw.random() < 0.5
    lines: list[Line] = [[] for turn in sample.reference_turns if not turn.tool_calls]
    at = 0
    for turn in sample.reference_turns:
        if not turn.tool_calls:
            at += 1
        elif is_split:
            lines[at] += [Message("assistant", (call,)) for call in turn.tool_calls]
        else:
            lines[at].append(turn)
    return lines


def change_arguments(reply: Message, draw: random.Random) -> Message:
    """Change one argument of the first call."""
    first, *rest = reply.tool_calls
    arguments: dict[str, Any] = json.loads(first.arguments_json)
    key = draw.choice([*arguments, "not_there"])
    arguments[key] = draw.choice(["x", 1, None, [], True, 2.5])
    changed = ToolCall(first.id, first.name, json.dumps(arguments))
    return Message("assistant", (changed, *rest))


def break_json(reply: Message, draw: random.Random) -> Message:
    """Break the arguments of the last call, so that nothing of the reply runs."""
    *rest, last = reply.tool_calls
    broken = ToolCall(last.id, last.name, draw.choice(['{"a": ', "[1]", "7", "null"]))
    return Message("assistant", (*rest, broken))


def mutate(lines: list[Line], kind: int, draw: random.Random) -> list[Line]:
    """Return a conversation with one change of a kind."""
    lines = [list(line) for line in lines]
    line = lines[draw.randrange(len(lines))]
    loud = [other for other in lines if other]
    known = draw.choice(loud) if loud else line
    match kind:
        case 1:
            line.clear()
        case 2:
            line.insert(draw.randint(0, len(line)), calling(("no_such_function", {})))
        case 3:
            known.reverse()
        case 4:
            known.pop(draw.randrange(len(known)))
        case 5:
            line.append(draw.choice(known))
        case 6:
            at = draw.randrange(len(known))
            known[at] = change_arguments(known[at], draw)
        case 7:
            at = draw.randrange(len(known))
            known[at] = break_json(known[at], draw)
        case 8:
            known.insert(draw.randrange(len(known)), Message("assistant", (Text("Shall I?"),)))
        case 9:
            line += [draw.choice(known)] * draw.choice([5, 19, 20, 21, 25])
        case 10:
            known[0] = Message("assistant", (Text("I will."), *known[0].tool_calls))
        case 11:
            # What is not declared yet can be called all the same.
            lines[0] = [*known, *lines[0]]
    return lines


KINDS = 12


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("category", MULTI_TURN_CATEGORIES)
def test_verdicts_and_declared_tools_equal_the_package_s(
    category: str, theirs: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """125 conversations of each category, 500 in all, through both loops and both rules, each one."""
    samples, rows, draw = load(category).samples, read_category(category), random.Random(category)
    verdicts = {True: 0, False: 0}
    for number in range(CONVERSATIONS_PER_CATEGORY):
        at = draw.randrange(len(samples))
        sample, row = samples[at], rows.questions[at]
        replies = mutate(split_reference(sample, draw), number % KINDS, draw)
        wanted, declared = package_verdict(theirs, row, sample.target, replies)
        capsys.readouterr()  # its loop prints each step
        seen: list[list[str]] = []
        answer = by_line(replies)

        def noting(messages: Any, tools: Any, answer: Answer = answer, seen: Any = seen) -> Message:
            names = [tool.name for tool in tools.tools]
            if not seen or seen[-1] != names:
                seen.append(names)
            return answer(messages, tools)

        found = score(sample, category, noting)
        assert found == float(wanted), (sample.sample_id, number % KINDS, replies)
        assert seen == declared, sample.sample_id
        verdicts[wanted] += 1
    assert min(verdicts.values()) > 20


def test_a_reply_with_arguments_that_are_no_json_runs_nothing_and_the_user_goes_on() -> None:
    """As in the package; the model is told, since every vendor wants a result for each call."""
    sample = load("multi_turn_base").samples[3]
    broken = calling(("cd", {"folder": "projects"}), ("ls", '{"a": '))
    transcript = play(sample, by_line([[broken], []]))
    results = next(message for message in transcript.messages if message.role == "tool").tool_results
    assert [result.content for result in results] == [
        "not run: another call of this reply has arguments that cannot be read",
        "not run: the arguments are not JSON: Expecting value at character 6",
    ]
    after = transcript.messages[transcript.messages.index(broken) + 2]
    assert after.role == "user"
    assert transcript.final_state["calls"] == []
    assert transcript.messages[-1] == DONE


def simulated(sim: SimModel) -> Answer:
    """Answer as a simulated provider does on the wire."""

    def answer(messages: tuple[Message, ...], tools: ToolSet | None) -> Message:
        return reply_message(sim.reply_to(asking(messages, tools)))

    return answer


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("category", MULTI_TURN_CATEGORIES)
def test_a_simulated_provider_scores_its_skill(category: str) -> None:
    """Skill 1: 200 of 200, also where two items begin alike. Skill 0.6: 120 of 200, within three standard errors."""
    samples = load(category).samples
    book = make_answer_book(plan(samples=samples).truths())
    shares = []
    for skill in (1.0, 0.6):
        answer = simulated(SimModel(Persona.from_mapping({"skill": skill}), book))
        scores = [score(sample, category, answer) for sample in samples]
        shares.append(sum(value == 1.0 for value in scores) / 200)
        assert set(scores) <= {0.0, 1.0}
    assert shares[0] == 1.0
    assert shares[1] == pytest.approx(0.6, abs=3 * (0.6 * 0.4 / 200) ** 0.5)


@pytest.mark.usefixtures("direct")
def test_a_simulated_provider_tells_variants_in_one_suite_apart() -> None:
    """By what the user says later and by the tools: base items, and the same with a function held back."""
    categories = ("multi_turn_base", "multi_turn_miss_func")
    given = [(category, sample) for category in categories for sample in load(category).samples[:50]]
    book = make_answer_book(plan(samples=tuple(sample for _, sample in given)).truths())
    answer = simulated(SimModel(Persona.from_mapping({"skill": 1}), book))
    assert [score(sample, category, answer) for category, sample in given] == [1.0] * 100
