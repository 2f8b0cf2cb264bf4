"""Episodes of an earlier session: interrupted, killed, scored again, or carried over to a changed suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gapbench.errors import RunnerError
from gapbench.execution.carry_over import carry_over_rows
from gapbench.execution.llm_judging import to_stored_answers
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.recording.run_manifest import initial_manifest
from gapbench.execution.rescoring import read_episodes, read_stored_answers, rescore
from gapbench.store import RunWriter, read_attempt_values, read_pending_answers, read_trajectory_values
from gapbench.store.verify import verify_run
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Payload, Sample, Score, Transcript
from tests.episodes import TurnRunner, adding, episode_plan
from tests.gapbench.execution.test_run import FAST
from tests.played_episodes import SOLVED, by_state, go, rows, score_state, texts


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
