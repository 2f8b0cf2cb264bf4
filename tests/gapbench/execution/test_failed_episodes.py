"""Episodes that fail, end early or meet a limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import RunnerError
from gapbench.store import read_trajectory_values
from gapbench.values import EpisodeLimits
from tests.episodes import AddingConversation, Conversations, TurnRunner, adding, episode_plan, saying
from tests.makers import model
from tests.played_episodes import OVERFLOW, SOLVED, by_state, go, rows, texts


def test_a_failed_turn_is_tried_again_alone(tmp_path: Path) -> None:
    """A 500 in turn 1, then its answer: four rows, of which two are turn 1; the episode counts one retry."""
    turns: list[Any] = [SOLVED[0], [RunnerError("server", "oops", http_status=500), adding(2)], SOLVED[2]]
    go(tmp_path, episode_plan(), TurnRunner(None, turns))

    assert [
        (1, 0, "unscored", False),
        (2, 1, "infra", False),
        (3, 1, "unscored", False),
        (4, 2, "correct", True),
    ] == rows(tmp_path, "attempt", "turn", "outcome", "final")
    assert [1] == [found.retries for found in read_trajectory_values(tmp_path)]


def test_each_turn_may_be_tried_as_often_as_a_request(tmp_path: Path) -> None:
    """Three attempts a turn: two failures in each of three turns are 9 rows and no infra."""
    fault = RunnerError("server", "oops", http_status=500)
    go(tmp_path, episode_plan(), TurnRunner(None, [[fault, fault, *turn] for turn in SOLVED]))

    assert (9, "correct", True) == (len(rows(tmp_path, "turn")), *rows(tmp_path, "outcome", "final")[-1])


def test_a_failure_for_good_makes_the_episode_infra(tmp_path: Path) -> None:
    """Turn 1 fails three times: its last row is final, and neither a failure of the model nor scored."""
    opened = Conversations()
    turns: list[Any] = [SOLVED[0], [RunnerError("server", "oops", http_status=500)]]
    go(tmp_path, episode_plan(), TurnRunner(None, turns), opened)
    (found,) = read_trajectory_values(tmp_path)

    assert ("infra", "server", True, None) == rows(tmp_path, "outcome", "failure_kind", "final", "score")[-1]
    assert ("infra", "infra", None, None, "oops") == (
        found.termination, found.outcome, found.success, found.score, found.reason,
    )  # fmt: skip
    assert opened.opened[0].is_closed


def test_dead_tools_start_the_episode_again_once(tmp_path: Path) -> None:
    """The tools of the first conversation die after turn 1: the second solves it under a new id, attempts 3 to 5."""
    opened = Conversations(lambda given, n: AddingConversation(given, frozenset() if n else frozenset({1})))
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), opened)
    found = rows(tmp_path, "attempt", "turn", "final", "outcome", "failure_kind")
    ids = [found for (found,) in rows(tmp_path, "trajectory_id")]

    assert [
        (1, 0, False, "unscored", None),
        (2, 1, False, "unscored", None),
        (3, 0, False, "unscored", None),
        (4, 1, False, "unscored", None),
        (5, 2, True, "correct", None),
    ] == found
    assert [2, 3] == [ids.count(ids[0]), ids.count(ids[2])]
    assert [(ids[2], 1)] == [(row.trajectory_id, row.retries) for row in read_trajectory_values(tmp_path)]
    assert all(conversation.is_closed for conversation in opened.opened)


def test_tools_that_die_twice_are_infra(tmp_path: Path) -> None:
    """The reply is kept with its tokens, and its row says that the environment failed."""
    opened = Conversations(lambda given, _: AddingConversation(given, frozenset({0})))
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), opened)

    assert [("unscored", None, False, 15), ("infra", "environment", True, 15)] == [
        (outcome, kind, final, tokens + output)
        for outcome, kind, final, tokens, output in rows(
            tmp_path, "outcome", "failure_kind", "final", "input_tokens", "output_tokens"
        )
    ]
    assert "the sandbox died" == texts(tmp_path)["error"].iloc[1]
    assert [("infra", 1)] == [(row.termination, row.retries) for row in read_trajectory_values(tmp_path)]


def test_tools_that_cannot_start_send_nothing(tmp_path: Path) -> None:
    """One row without times, and no request."""
    runner = TurnRunner(None, SOLVED)
    opened = Conversations(lambda given, _: AddingConversation(given, frozenset({-1})))
    go(tmp_path, episode_plan(), runner, opened)

    assert [("infra", "environment", True, None, 0)] == rows(
        tmp_path, "outcome", "failure_kind", "final", "sent_s", "turn"
    )
    assert ([], 2) == (runner.requests, len(opened.opened))
    assert [0] == [row.turns for row in read_trajectory_values(tmp_path)]


def test_an_error_in_a_conversation_is_a_row(tmp_path: Path) -> None:
    """A bug in a tool's server must not end the run."""
    opened = Conversations(lambda given, _: AddingConversation(given, raises=KeyError("sum")))
    manifest = go(tmp_path, episode_plan(), TurnRunner(None, [SOLVED[2]]), opened)

    assert "complete" == manifest.state
    assert ("infra", "environment") == rows(tmp_path, "outcome", "failure_kind")[-1]
    assert "KeyError: 'sum'" == texts(tmp_path)["error"].iloc[-1]


def test_a_prompt_that_is_too_long_ends_the_episode_with_a_score(tmp_path: Path) -> None:
    """The limit of the model, not infra: the state is scored as it is, 1 of 3."""
    go(tmp_path, episode_plan(), TurnRunner(None, [SOLVED[0], [OVERFLOW]]))
    (found,) = read_trajectory_values(tmp_path)

    assert ("wrong", 0.0, None, True, 400) == rows(
        tmp_path, "outcome", "score", "failure_kind", "final", "http_status"
    )[-1]
    assert ("context_overflow", False, 0.5, 1) == (
        found.termination,
        found.success,
        found.partial,
        found.turns,
    )
    assert "maximum context length" in found.reason


@pytest.mark.parametrize(
    ("limits", "termination", "turns", "reason"),
    [
        (EpisodeLimits(turns=2), "max_turns", 2, "2 replies, the limit"),
        (EpisodeLimits(tokens=30), "budget", 2, "30 tokens used of 30"),
        (EpisodeLimits(tokens=31), "budget", 3, "45 tokens used of 31"),
        (EpisodeLimits(), "done", 3, ""),
    ],
)
def test_limits_end_an_episode(
    tmp_path: Path, limits: EpisodeLimits, termination: str, turns: int, reason: str
) -> None:
    """15 tokens a reply. A limit is noticed after the reply that reaches it, and the state is scored."""
    turns_given: list[Any] = SOLVED if termination == "done" else [[adding(1)]]
    go(tmp_path, episode_plan(limits=limits), TurnRunner(None, turns_given))
    (found,) = read_trajectory_values(tmp_path)

    assert (termination, turns, reason) == (found.termination, found.turns, found.reason)
    assert ("correct" if turns == 3 else "wrong") == found.outcome


def test_a_limit_in_dollars_counts_what_the_model_costs(tmp_path: Path) -> None:
    """10 tokens at $1 and 5 at $2 a token are $20 a reply, of which two reach $40."""
    priced = model(
        cost={"input_usd_per_mtok": 1e6, "output_usd_per_mtok": 2e6, "cached_input_usd_per_mtok": 1e6}
    )
    made = episode_plan(priced, limits=EpisodeLimits(usd=40.0))
    go(tmp_path, made, TurnRunner(priced, [[adding(1)]]))
    (found,) = read_trajectory_values(tmp_path)

    assert ("budget", 2, "$40.0000 spent of $40") == (found.termination, found.turns, found.reason)


def test_the_runs_budget_counts_every_turn(tmp_path: Path) -> None:
    """A dollar a reply and two dollars: the episode stays open after two, without a trajectory."""
    opened = Conversations()
    settings = replace(by_state(), max_usd=Decimal(2), price_attempt=lambda _: Decimal(1))
    manifest = go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), opened, settings)

    assert ("stopped", [(False,), (False,)]) == (manifest.state, rows(tmp_path, "final"))
    assert [] == read_trajectory_values(tmp_path)
    assert opened.opened[0].is_closed


def test_a_refusal_ends_an_episode(tmp_path: Path) -> None:
    """The provider's refusal is no state to score."""
    go(tmp_path, episode_plan(), TurnRunner(None, [SOLVED[0], [saying("No.", finish="refusal")]]))

    assert ("refused", 0.0, True) == rows(tmp_path, "outcome", "score", "final")[-1]
    assert ["done"] == [row.termination for row in read_trajectory_values(tmp_path)]
