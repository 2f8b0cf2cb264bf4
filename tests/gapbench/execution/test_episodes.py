"""An episode is one request: each reply is a row, the last row carries the score, and the trajectory table has one row."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.agents import Step, User
from gapbench.errors import RunnerError
from gapbench.execution.carry_over import carry_over_rows
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.llm_judging import to_stored_answers
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.recording.run_manifest import initial_manifest
from gapbench.execution.rescoring import read_episodes, read_stored_answers, rescore
from gapbench.execution.run import RunSettings, run
from gapbench.store import (
    RunManifest,
    RunWriter,
    read_attempt_values,
    read_attempts,
    read_payload,
    read_pending_answers,
    read_trajectories,
    read_trajectory_values,
)
from gapbench.store.verify import verify_run
from gapbench.suite.plan import Load, Plan, PlannedRequest
from gapbench.values import (
    Chunk,
    Document,
    EpisodeLimits,
    Message,
    Payload,
    Sample,
    Score,
    StepRecord,
    Text,
    Tool,
    ToolCallPiece,
    Transcript,
    Usage,
    sha256,
)
from tests.episodes import (
    TOOLS,
    AddingConversation,
    Conversations,
    TurnRunner,
    adding,
    episode_plan,
    episode_sample,
    saying,
    stored_calls,
)
from tests.gapbench.execution.test_run import FAST, Watch
from tests.makers import model

# Two calls that bring the sum to 3, then the answer.
SOLVED: list[Any] = [[adding(1)], [adding(2)], [saying("The sum is 3.")]]
OVERFLOW = RunnerError("bad_request", "This model's maximum context length is 10 tokens", http_status=400)


def score_state(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
    """Return 1 for a final sum of 3, and note the last text."""
    right = transcript.final_state == {"sum": 3}
    return Score(float(right), "correct" if right else "wrong", answer=answer, partial=0.5 + right / 2)


def by_state(settings: RunSettings = FAST, *, is_slow: bool = False) -> RunSettings:
    return replace(settings, make_scorer=lambda cell, folder: CellScorer(score_state, is_slow))


def go(
    folder: Path,
    made: Plan,
    runner: TurnRunner,
    opened: Conversations | None = None,
    settings: RunSettings | None = None,
    *,
    halt_after: int | None = None,
    resumed: RunManifest | None = None,
) -> RunManifest:
    async def main() -> RunManifest:
        halt = StopSignal()
        given = replace(settings or by_state(), open_conversation=opened or Conversations())
        with RunWriter(folder) as writer:
            watch = Watch(halt, halt_after)
            return await run(made, {"m": runner}, writer, given, watch, halt, resumed_manifest=resumed)

    return asyncio.run(main())


def rows(folder: Path, *columns: str) -> list[tuple[Any, ...]]:
    found = read_attempts([folder]).sort_values(["sample_id", "attempt"])[list(columns)].astype(object)
    return list(found.where(found.notna(), None).itertuples(index=False, name=None))


def texts(folder: Path) -> pd.DataFrame:
    return read_payload([folder]).sort_values(["sample_id", "attempt"])


def test_each_reply_is_a_row_and_the_last_is_final(tmp_path: Path) -> None:
    """Three replies, attempts 1 to 3: two are unscored, and the third carries the episode's score."""
    manifest = go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))

    assert "complete" == manifest.state
    assert [
        (1, 0, False, "unscored", None, 1, 0),
        (2, 1, False, "unscored", None, 1, 0),
        (3, 2, True, "correct", 1.0, 0, 0),
    ] == rows(tmp_path, "attempt", "turn", "final", "outcome", "score", "tool_calls", "tool_calls_invalid")
    assert [] == verify_run(tmp_path)


def test_the_rows_of_an_episode_share_its_id(tmp_path: Path) -> None:
    """The hash of run, cell, sample, repeat and first attempt."""
    go(tmp_path, episode_plan(count=2), TurnRunner(None, SOLVED))
    ids = {(sample_id, found) for sample_id, found in rows(tmp_path, "sample_id", "trajectory_id")}
    expected = {(name, sha256(f'["{tmp_path.name}","m|sums|c1","{name}",0,1]')[:16]) for name in ("s0", "s1")}

    assert expected == ids
    assert {found for _, found in expected} == set(read_trajectories([tmp_path])["trajectory_id"])


def test_each_turn_is_sent_the_whole_conversation(tmp_path: Path) -> None:
    """Prompt, reply with its call and id, result; and the tools are declared each time."""
    runner = TurnRunner(None, SOLVED)
    go(tmp_path, episode_plan(), runner)

    assert [1, 3, 5] == [len(prompt) for prompt in runner.prompts]
    assert ["user", "assistant", "tool", "assistant", "tool"] == [
        message.role for message in runner.prompts[2]
    ]
    assert ("call_1", "I add. ") == (runner.prompts[1][1].tool_calls[0].id, runner.prompts[1][1].text)
    assert "3" == runner.prompts[2][4].tool_results[0].content
    assert {"add"} == {
        request.tools.tools[0].name for request in runner.requests if request.tools is not None
    }


def test_a_payload_has_what_was_added_and_what_the_tools_returned(tmp_path: Path) -> None:
    """Turn 1 adds the reply of turn 0 and the result; its call has its result, and the sum became 1 + 2."""
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))
    stored = texts(tmp_path)
    call = stored_calls(stored["calls"].iloc[1])[0]

    assert [["user"], ["assistant", "tool"], ["assistant", "tool"]] == [
        [message["role"] for message in json.loads(text)] for text in stored["messages"]
    ]
    assert ("add", '{"n": 2}', "3", False) == tuple(
        call[k] for k in ("name", "arguments_json", "result", "is_error")
    )
    assert [{"op": "replace", "path": "/sum", "value": 3}] == json.loads(stored["state_changes"].iloc[1])
    assert [True, True, False] == list(stored["calls"].notna())


def test_the_trajectory_adds_up_the_turns(tmp_path: Path) -> None:
    """3 replies of 10 + 5 tokens, 4 of each prompt's from the cache: 30, 15 and 12; two calls."""
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))
    (found,) = read_trajectory_values(tmp_path)

    assert (3, 2, 0, 0, 0) == (
        found.turns,
        found.calls,
        found.calls_invalid,
        found.calls_failed,
        found.retries,
    )
    assert (30, 12, 15) == (found.input_tokens, found.cached_input_tokens, found.output_tokens)
    assert (True, 1.0, 1.0, "correct", "done") == (
        found.success, found.score, found.partial, found.outcome, found.termination,
    )  # fmt: skip
    assert 3 == found.attempt
    assert sha256('{"sum":3}') == found.state_sha256


def test_an_invalid_call_is_counted_in_its_row_and_in_the_trajectory(tmp_path: Path) -> None:
    """The second of three calls lacks its argument."""
    bad = [adding(1)[0], adding(1)[1]._replace(tool_call=adding(1)[1].tool_call._replace(arguments="{}"))]  # type: ignore[union-attr]
    runner = TurnRunner(None, [[adding(1)], [[*bad, adding(1)[2]]], [adding(2)], [saying("3")]])
    go(tmp_path, episode_plan(), runner)
    (found,) = read_trajectory_values(tmp_path)

    assert [(0,), (1,), (0,), (0,)] == rows(tmp_path, "tool_calls_invalid")
    assert (3, 1, 1) == (found.calls, found.calls_invalid, found.calls_failed)


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


def test_an_interrupted_episode_starts_again_under_the_next_number(tmp_path: Path) -> None:
    """Stopped after turn 0 of 3: resumed, attempts 2 to 4 are turns 0 to 2, and what was spent stays."""
    first, second = TurnRunner(None, SOLVED), TurnRunner(None, SOLVED)
    manifest = go(tmp_path, episode_plan(), first, halt_after=1)
    assert ("interrupted", 1) == (manifest.state, len(first.requests))
    go(tmp_path, episode_plan(), second, resumed=manifest)

    assert [(1, 0, False), (2, 0, False), (3, 1, False), (4, 2, True)] == rows(
        tmp_path, "attempt", "turn", "final"
    )
    assert [4] == [row.attempt for row in read_trajectory_values(tmp_path)]
    assert [] == verify_run(tmp_path)


def test_turns_of_an_earlier_session_are_no_retries(tmp_path: Path) -> None:
    """A run may make no retry at all, and resumes an episode of which two turns were made."""
    none_left = replace(
        by_state(), policies=replace(FAST.policies, retries=replace(FAST.policies.retries, per_run=1))
    )
    manifest = go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), settings=none_left, halt_after=2)
    fault = RunnerError("server", "oops", http_status=500)
    go(
        tmp_path,
        episode_plan(),
        TurnRunner(None, [[fault, adding(1)], *SOLVED[1:]]),
        settings=none_left,
        resumed=manifest,
    )

    assert "correct" == rows(tmp_path, "outcome")[-1][0]


def test_an_infra_episode_is_sent_again_by_a_resumed_run(tmp_path: Path) -> None:
    """Its row in the trajectory table is replaced: one episode, one row."""
    dead = TurnRunner(None, [SOLVED[0], [RunnerError("server", "oops", http_status=500)]])
    manifest = go(tmp_path, episode_plan(), dead)
    assert ["infra"] == [row.outcome for row in read_trajectory_values(tmp_path)]
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), resumed=manifest)

    assert [("correct", 7)] == [(row.outcome, row.attempt) for row in read_trajectory_values(tmp_path)]
    assert 1 == sum(final for (final,) in rows(tmp_path, "final"))
    assert [] == verify_run(tmp_path)


def test_a_killed_run_scores_an_episode_from_its_rows(tmp_path: Path) -> None:
    """The last answer waited for a slow scorer: it gets the conversation, the calls and the state again."""
    seen: list[Transcript] = []

    def keep(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
        seen.append(transcript)
        return score_state(answer, planned, transcript)

    slow = replace(FAST, make_scorer=lambda cell, folder: CellScorer(keep, is_slow=True))
    load = Load("concurrency", 1, salt="request")
    manifest = go(tmp_path, episode_plan(load=load), TurnRunner(None, SOLVED), settings=slow)
    row = [row for row in read_attempt_values(tmp_path) if row.final]
    (trajectory,) = read_trajectory_values(tmp_path)
    before = _as_killed_before_the_score(tmp_path)
    runner = TurnRunner(None, SOLVED)
    go(tmp_path, episode_plan(load=load), runner, settings=slow, resumed=manifest)

    assert (1, []) == (before, runner.requests)
    assert seen[0] == seen[1]
    assert {"sum": 3} == seen[1].final_state
    assert row == [row for row in read_attempt_values(tmp_path) if row.final]
    assert [trajectory] == read_trajectory_values(tmp_path)


def _as_killed_before_the_score(folder: Path) -> int:
    """Put the last answer back to those that wait for their score, and return how many wait."""
    attempts, episodes = read_attempt_values(folder), read_trajectory_values(folder)
    names = list(Payload.__slots__)
    plain = texts(folder)[names].astype(object)
    stored = [
        Payload(*values) for values in plain.where(plain.notna(), None).itertuples(index=False, name=None)
    ]
    for path in folder.glob("*.parquet"):
        path.unlink()
    with RunWriter(folder) as writer:
        for attempt, payload in zip(attempts, stored, strict=True):
            if attempt.final:
                unscored = replace(attempt, outcome="unscored", score=None, answer=None, partial=None)
                episode = replace(episodes[0], outcome="unscored", score=None, partial=None, success=None)
                writer.pending.add(unscored, payload, episode)
            else:
                writer.add(attempt, payload)
    return len(read_pending_answers(folder, read_attempt_values(folder)))


def test_stored_episodes_are_scored_again(tmp_path: Path) -> None:
    """A scorer that reads the transcript finds the final state; the trajectory shows the later score."""

    class Reader:
        is_slow = False
        reads_transcript = True

        def unscorable_reason(self, sample: Sample) -> str | None:
            return None

        def __call__(self, reply: str, sample: Sample) -> Score:
            raise AssertionError("the transcript is read")

        def score_transcript(self, transcript: Transcript, sample: Sample) -> Score:
            value = 0.25 if transcript.final_state == {"sum": 3} else 0.0
            return Score(value, "wrong", answer=f"{len(transcript.steps)} steps")

    from gapbench.store.score_overlay import write_scores

    made = episode_plan()
    go(tmp_path, made, TurnRunner(None, SOLVED))
    answers = read_stored_answers(tmp_path)
    samples = {("sums", given.sample_id): given for given in made.tasks[0].samples}
    given = rescore(answers, {"sums": ("state", Reader())}, samples, read_episodes(tmp_path, answers))
    write_scores(tmp_path, given)

    assert [(3, 0.25, "2 steps")] == [(row["attempt"], row["score"], row["answer"]) for row in given]
    assert [(False, 0.25, "wrong")] == [
        (row.success, row.score, row.outcome) for row in read_trajectory_values(tmp_path)
    ]


def test_a_judge_reads_the_whole_conversation(tmp_path: Path) -> None:
    """The prompt once, and as the answer all that followed, calls and results in words."""
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))
    (answer,) = to_stored_answers(tmp_path, read_stored_answers(tmp_path))

    assert "What is 0 + 1?" == answer.prompt[0].text
    assert (
        '[assistant]\nI add. [calls add] {"n": 1}\n\n[tool]\n[result of add] 1\n\n'
        '[assistant]\nI add. [calls add] {"n": 2}\n\n[tool]\n[result of add] 3\n\n'
        "[assistant]\nThe sum is 3."
    ) == answer.reply


def test_an_edited_suite_carries_episodes_over(tmp_path: Path) -> None:
    """All rows of an episode and its trajectory go into the new run."""
    made = episode_plan()
    go(tmp_path / "old", made, TurnRunner(None, SOLVED))
    with RunWriter(tmp_path / "new") as writer:
        manifest = initial_manifest(made, "new", {}, {"m": True})
        carried = carry_over_rows(tmp_path / "old", made, writer, manifest)
        writer.write_manifest(manifest)
    (old,), (new,) = (read_trajectory_values(tmp_path / name) for name in ("old", "new"))

    assert (1, 3) == (carried, len(read_attempt_values(tmp_path / "new")))
    assert replace(old, run_id="new") == new
    assert ["run.json"] == [issue.file for issue in verify_run(tmp_path / "new")]


def test_an_episode_of_a_changed_task_is_played_again(tmp_path: Path) -> None:
    """Other tools, states, users or limits leave prompt and parameters as they are; the task's hash tells."""
    made = episode_plan()
    go(tmp_path / "old", made, TurnRunner(None, SOLVED))
    cells = tuple(replace(cell, task=replace(cell.task, sha256="f" * 64)) for cell in made.cells)
    changed = replace(made, cells=cells)
    with RunWriter(tmp_path / "new") as writer:
        manifest = initial_manifest(changed, "new", {}, {"m": True})

        assert 0 == carry_over_rows(tmp_path / "old", changed, writer, manifest)


def test_concurrency_counts_episodes(tmp_path: Path) -> None:
    """Two at a time: with four episodes of three turns, never more than two conversations are open."""
    most = 0

    class Counting(Conversations):
        def __call__(self, given: Sample, user: User | None = None) -> AddingConversation:
            nonlocal most
            made = super().__call__(given, user)
            most = max(most, sum(not conversation.is_closed for conversation in self.opened))
            return made

    go(tmp_path, episode_plan(count=4, load=Load("concurrency", 2)), TurnRunner(None, SOLVED), Counting())

    assert 2 == most
    assert 4 == sum(final for (final,) in rows(tmp_path, "final"))


def test_adaptive_concurrency_counts_episodes_too(tmp_path: Path) -> None:
    """A place is kept from the first turn to the last."""
    load = Load("adaptive", 8)
    go(tmp_path, episode_plan(count=12, load=load), TurnRunner(None, SOLVED))

    assert (12, 36) == (sum(final for (final,) in rows(tmp_path, "final")), len(rows(tmp_path, "final")))


def test_a_salt_stays_in_front_of_every_turn(tmp_path: Path) -> None:
    """The same eight digits before the first message each time, and none in the hash."""
    runner = TurnRunner(None, SOLVED)
    go(tmp_path, episode_plan(load=Load("concurrency", 1, salt="request")), runner)
    starts = {prompt[0].text.partition(" ")[0] for prompt in runner.prompts}

    assert 1 == len(starts)
    assert next(iter(starts)).startswith("[#")
    assert 1 == len(set(rows(tmp_path, "prompt_sha256")))


def test_cached_turns_are_not_sent_again(tmp_path: Path) -> None:
    """Each turn has its own entry, with the call's id; the tools run all the same."""
    cached = replace(by_state(), policies=replace(FAST.policies, cache=tmp_path / "cache"))
    go(tmp_path / "a", episode_plan(), TurnRunner(None, SOLVED), settings=cached)
    second, opened = TurnRunner(None, SOLVED), Conversations()
    go(tmp_path / "b", episode_plan(), second, opened, cached)

    assert ([], 3) == (second.requests, opened.opened[0].sum)
    assert [(True, 0, "unscored"), (True, 1, "unscored"), (True, 2, "correct")] == rows(
        tmp_path / "b", "from_cache", "turn", "outcome"
    )
    assert [0.0] == [row.model_s for row in read_trajectory_values(tmp_path / "b")]


def test_a_refusal_ends_an_episode(tmp_path: Path) -> None:
    """The provider's refusal is no state to score."""
    go(tmp_path, episode_plan(), TurnRunner(None, [SOLVED[0], [saying("No.", finish="refusal")]]))

    assert ("refused", 0.0, True) == rows(tmp_path, "outcome", "score", "final")[-1]
    assert ["done"] == [row.termination for row in read_trajectory_values(tmp_path)]


def test_the_users_lines_follow_answers(tmp_path: Path) -> None:
    """Two answers and one line between them: two turns, of which the second is sent the line."""
    opened = Conversations(lambda given, _: AddingConversation(given, lines=("And now?",)))
    runner = TurnRunner(None, [[saying("Hello.")], [saying("It is 3.")]])
    go(tmp_path, episode_plan(), runner, opened)

    assert "And now?" == runner.prompts[1][-1].text
    assert ["", "It is 3."] == ["" if text is None else text for (text,) in rows(tmp_path, "answer")]


def test_an_answer_is_the_last_text_of_the_model(tmp_path: Path) -> None:
    """A scorer of texts gets no JSON of calls, also where the last turn was refused as too long."""
    go(tmp_path, episode_plan(), TurnRunner(None, [SOLVED[0], [OVERFLOW]]))

    assert "I add. " == rows(tmp_path, "answer")[-1][0]


def test_a_single_reply_with_tools_counts_its_calls(tmp_path: Path) -> None:
    """Without an episode nothing runs: two calls, of which one lacks its argument, and the scorer sees them."""
    seen: list[Transcript] = []

    def keep(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
        seen.append(transcript)
        return Score(1.0, "correct")

    broken = Chunk(tool_call=ToolCallPiece(1, "call_9", "add", "{}"))
    first, call, end = adding(1)
    runner = TurnRunner(None, [[[first, call, broken, end]]])
    settings = replace(FAST, make_scorer=lambda cell, folder: CellScorer(keep, is_slow=False))
    go(tmp_path, episode_plan(episode=None), runner, settings=settings)
    (row,) = read_attempt_values(tmp_path)

    assert (2, 1, None, None) == (row.tool_calls, row.tool_calls_invalid, row.trajectory_id, row.turn)
    assert row.first_tool_call_s is not None
    assert row.first_complete_call_s is not None
    assert ["call_1", "call_9"] == [call["id"] for call in stored_calls(texts(tmp_path)["calls"].iloc[0])]
    assert ["call_1", "call_9"] == [call.id for call in seen[0].replies[0].tool_calls]
    assert [] == read_trajectory_values(tmp_path)


def test_a_request_without_tools_has_no_counts(tmp_path: Path) -> None:
    """Null, not 0."""
    go(tmp_path, episode_plan(episode=None, tools=None), TurnRunner(None, [SOLVED[2]]))

    assert [(None, None, None)] == rows(tmp_path, "tool_calls", "tool_calls_invalid", "tool_wait_s")


def test_what_tools_return_is_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that shows a key of ours: neither payload has it."""
    monkeypatch.setenv("ADDER_API_KEY", "sk-secret-0123456789")

    class Telling(AddingConversation):
        def _run(self, turn: int, call_id: str, name: str, arguments_json: str) -> StepRecord:
            return replace(
                super()._run(turn, call_id, name, arguments_json), content="the key is sk-secret-0123456789"
            )

    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), Conversations(lambda given, _: Telling(given)))
    stored = texts(tmp_path)

    assert "sk-secret" not in "".join(stored["messages"]) + "".join(stored["calls"].dropna())
    assert "[redacted]" in stored["messages"].iloc[1]


def test_documents_of_a_prompt_are_kept_with_the_run(tmp_path: Path) -> None:
    """By their hash, like images."""
    pdf = Document("application/pdf", b"%PDF-1.7")
    given = episode_sample(0, messages=(Message("user", (pdf, Text("Add up."))),))
    made = episode_plan()
    task = replace(made.cells[0].task, samples=(given,))
    go(tmp_path, replace(made, cells=(replace(made.cells[0], task=task),)), TurnRunner(None, SOLVED))

    assert b"%PDF-1.7" == (tmp_path / "media" / pdf.sha256).read_bytes()


def test_tools_that_come_with_a_line_are_declared_from_then_on_and_noted(tmp_path: Path) -> None:
    """The prompt of turn 1 has one more tool, and its payload says which; a retry and turn 2 have it too."""
    more = Tool("sub", "takes n off", {"type": "object"})
    both = replace(TOOLS, tools=(*TOOLS.tools, more))
    opened = Conversations(lambda sample, _: AddingConversation(sample, lines=("Go on.",), new_tools=both))
    busy = RunnerError("overloaded", "busy", http_status=503)
    runner = TurnRunner(None, [[saying("What?")], [busy, adding(3)], [saying("3")]])
    go(tmp_path, episode_plan(), runner, opened)

    declared = [[tool.name for tool in request.tools.tools] for request in runner.requests if request.tools]
    assert [["add"], ["add", "sub"], ["add", "sub"], ["add", "sub"]] == declared
    notes = [
        [
            part["new_tools"]
            for message in json.loads(stored)
            for part in message["parts"]
            if "new_tools" in part
        ]
        for stored in texts(tmp_path)["messages"]
    ]
    assert [[], [["sub"]], [["sub"]], []] == notes
    assert [("correct", 1.0)] == rows(tmp_path, "outcome", "score")[-1:]


def test_a_new_tool_s_call_is_valid_once_it_is_declared(tmp_path: Path) -> None:
    """Counted against the tools of the turn, where the conversation does not say: 1 invalid, then 0."""
    both = replace(TOOLS, tools=(*TOOLS.tools, Tool("sub", "", {"type": "object"})))
    call = [Chunk(tool_call=ToolCallPiece(0, "c", "sub", "{}")), Chunk(finish_reason="tool", usage=Usage(1))]

    class Silent(AddingConversation):
        async def follow(self, reply: Message) -> Step:
            self.messages.append(reply)
            if len(self.messages) > 2:
                return Step(termination="done")
            return Step((Message("user", (Text("Go on."),)),), tools=both)

    opened = Conversations(lambda sample, _: Silent(sample))
    go(tmp_path, episode_plan(), TurnRunner(None, [[call], [call]]), opened)
    assert [(1, 1), (1, 0)] == rows(tmp_path, "tool_calls", "tool_calls_invalid")
