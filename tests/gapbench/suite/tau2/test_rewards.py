"""tau2's reward: the reference of every task scores 1, what differs from it scores 0, as by the package's own hash."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gapbench.scoring.scorers import tau2 as scorer_module
from gapbench.scoring.scorers.tau2 import Tau2
from gapbench.suite.tau2.conversion import _turns
from gapbench.values import Message, Sample, Score, Text, Transcript
from tests.gapbench.suite.tau2.tau2_domains import (
    DOMAINS,
    fresh,
    package_hash,
    play,
    replayed,
    task,
    tools_module,
)

Action = Mapping[str, Any]


@pytest.fixture
def scorers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tau2]:
    """The scorer of each domain, with the reference replayed in this process: 164 sandboxes would take minutes."""
    monkeypatch.setattr(
        scorer_module, "replay_reference", lambda domain, actions, _: replayed(domain, actions)
    )
    return {domain: Tau2(domain=domain) for domain in DOMAINS}


def actions_of(sample: Sample) -> list[Action]:
    """Return the actions of a task's reference."""
    return list(sample.columns["criteria"]["actions"])


def played(sample: Sample, actions: Sequence[Action]) -> Transcript:
    """Return the episode of a model that makes these calls, and then says all that the task asks for."""
    said = sample.reference_turns[-1].text
    return play(sample, _turns([(action["name"], action["arguments"]) for action in actions], said))


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_reference_of_every_task_scores_1_and_the_decoy_0(domain: str, scorers: dict[str, Tau2]) -> None:
    missed = {}
    for sample in task(domain).samples:
        scores = [
            scorers[domain].score_transcript(play(sample, turns), sample)
            for turns in (sample.reference_turns, sample.decoy_turns)
        ]
        if [score.value for score in scores] != [1.0, 0.0]:
            missed[sample.sample_id] = scores
    assert missed == {}


def mutations(actions: Sequence[Action]) -> list[list[Action]]:
    """Return the actions without each one of them, and with each one changed in its last argument."""
    dropped = [[*actions[:at], *actions[at + 1 :]] for at in range(len(actions))]
    changed = [
        [*actions[:at], {**action, "arguments": changed_arguments(action["arguments"])}, *actions[at + 1 :]]
        for at, action in enumerate(actions)
        if action["arguments"]
    ]
    return dropped + changed


def changed_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with a value of the same type in place of the last one."""
    name, value = list(arguments.items())[-1]
    other: Any
    if isinstance(value, (int, float)):
        other = value + 1
    elif isinstance(value, list):
        other = value[:-1]
    else:
        other = f"{value}x"
    return {**arguments, name: other}


@pytest.mark.parametrize(("domain", "step"), [("airline", 10), ("retail", 25)])
def test_mutated_actions_score_by_the_package_s_hash(
    domain: str, step: int, scorers: dict[str, Tau2]
) -> None:
    """In some tasks, each action dropped and each changed: 0 exactly where the package's hash differs."""
    verdicts = []
    for sample in task(domain).samples[::step]:
        right = package_hash(replayed(domain, actions_of(sample)))
        for mutated in mutations(actions_of(sample)):
            transcript = played(sample, mutated)
            is_same = package_hash(transcript.final_state) == right
            score = scorers[domain].score_transcript(transcript, sample)
            verdicts.append((score.value, is_same))
    assert set(verdicts) == {(1.0, True), (0.0, False)}


def sample_that_says(text: str) -> Sample:
    """Return the first task of the airline whose reference changes nothing, with a text to say."""
    sample = next(sample for sample in task("airline").samples if not actions_of(sample))
    criteria = {**sample.columns["criteria"], "communicate_info": [text]}
    return replace(sample, columns={**sample.columns, "criteria": criteria})


def score_of(sample: Sample, *replies: str, scorers: dict[str, Tau2]) -> Score:
    """Return the score of an episode of texts."""
    turns = [Message("assistant", (Text(reply),)) for reply in replies]
    return scorers["airline"].score_transcript(play(sample, turns), sample)


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("It is $1,628 in all.", 1.0),
        ("It is 1628.", 1.0),
        ("It is 162.", 0.0),
        ("", 0.0),
    ],
)
def test_commas_do_not_count_in_what_was_said(reply: str, value: float, scorers: dict[str, Tau2]) -> None:
    assert score_of(sample_that_says("1628"), reply, scorers=scorers).value == value


def test_case_does_not_count_in_what_was_said(scorers: dict[str, Tau2]) -> None:
    assert score_of(sample_that_says("Polyester"), "POLYESTER.", scorers=scorers).value == 1.0


def test_each_text_is_a_part_of_the_share(scorers: dict[str, Tau2]) -> None:
    """The database is right and the text is missing: 1 of 2."""
    score = score_of(sample_that_says("1628"), "No.", scorers=scorers)
    assert (score.value, score.partial, score.reason) == (0.0, 0.5, "the agent did not say '1628'")


def test_a_text_next_to_a_call_does_not_reach_the_user(scorers: dict[str, Tau2]) -> None:
    sample = sample_that_says("1628")
    (call,) = _turns([("list_all_airports", {})], "Done.")[0].tool_calls
    turns = (Message("assistant", (Text("1628"), call)), Message("assistant", (Text("Done."),)))
    assert scorers["airline"].score_transcript(play(sample, turns), sample).value == 0.0


def test_a_question_is_confirmed_and_the_episode_goes_on(scorers: dict[str, Tau2]) -> None:
    score = score_of(sample_that_says("1628"), "May I go ahead?", "It is 1628.", scorers=scorers)
    assert score.value == 1.0


def test_an_episode_that_ran_into_a_limit_scores_0(scorers: dict[str, Tau2]) -> None:
    """As in tau2: only an end by the agent or the user counts."""
    sample = task("airline").samples[0]
    ended = replace(play(sample, sample.reference_turns), termination="max_turns")
    score = scorers["airline"].score_transcript(ended, sample)
    assert (score.value, score.reason) == (0.0, "it ended as max_turns")


def test_a_basis_that_needs_a_judge_is_left_out_and_named(scorers: dict[str, Tau2]) -> None:
    sample = sample_that_says("1628")
    criteria = {**sample.columns["criteria"], "reward_basis": ["DB", "NL_ASSERTION"]}
    sample = replace(sample, columns={**sample.columns, "criteria": criteria})
    score = score_of(sample, "1628", scorers=scorers)
    assert (score.value, score.reason) == (
        1.0,
        "the database is right, and so are the statements; not judged: NL_ASSERTION",
    )


def test_a_change_that_is_taken_back_is_none() -> None:
    """Two writes of an address, the second with what was there: the state has no record."""
    first = replayed("retail", [])
    order = json.loads(call("get_order_details", first, order_id="#W5918442"))
    written = {**order["address"], "order_id": "#W5918442"}
    call("modify_pending_order_address", first, **{**written, "city": "Elsewhere"})
    assert first["changed"]["orders"]["#W5918442"]["address"]["city"] == "Elsewhere"
    call("modify_pending_order_address", first, **written)
    assert first == fresh("retail")


def call(name: str, state: dict[str, Any], /, **arguments: Any) -> str:
    """Return the result of one call."""
    result: str = tools_module().run_call(state, name=name, arguments=arguments)
    return result
