"""Score the stored answers of a run again, without calling a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from gapbench.cpus import usable_cpus
from gapbench.execution.attempts.attempt_row import outcome_of_episode, outcome_of_reply
from gapbench.execution.recording.cell_scorer import score_with
from gapbench.execution.recording.stored_episodes import StoredEpisodes, last_text
from gapbench.scoring import Scorer
from gapbench.store import read_attempts, read_payload
from gapbench.store.json_records import records
from gapbench.values import ATTEMPT_KEY, Sample, Score, Transcript

_ATTEMPT_KEY = list(ATTEMPT_KEY)
SamplesByTask = Mapping[tuple[str, str], Sample]
"""Samples by (task, sample_id)."""


def read_stored_answers(run: Path, tasks: Sequence[str] = ()) -> pd.DataFrame:
    """Return the final, measured, complete answers of a run with their scores and texts.

    Columns: the key, ``task``, ``model_id``, ``model_asked``, ``finish_reason``, ``outcome``, ``score``, ``prompt_sha256``,
    ``trajectory_id``, ``messages``, ``reply``, ``target``, ``calls``. Of an episode it is the last reply; see
    :class:`gapbench.execution.recording.stored_episodes.StoredEpisodes` for the whole.

    Args:
        run: The run folder.
        tasks: Names of tasks; (): all.

    Raises:
        ResultsError: The folder is not a run.
    """
    named = [
        "task", "model_id", "model_asked", "finish_reason", "outcome", "score", "prompt_sha256", "trajectory_id",
    ]  # fmt: skip
    rows = read_attempts([run], [*_ATTEMPT_KEY, "final", "phase", *named])
    rows = rows[rows["final"] & (rows["phase"] == "measure") & (rows["outcome"] != "infra")]
    if tasks:
        rows = rows[rows["task"].isin(list(tasks))]
    texts = read_payload([run], [*_ATTEMPT_KEY, "messages", "reply", "target", "calls"])
    plain = {"run_id": str, "cell_id": str}
    return rows.astype(plain).merge(texts.astype(plain), on=_ATTEMPT_KEY, how="left")


def read_episodes(run: Path, answers: pd.DataFrame) -> StoredEpisodes:
    """Return the episodes that stored answers ended.

    Args:
        run: The run folder.
        answers: Result of :func:`read_stored_answers`.
    """
    ended = answers[answers["trajectory_id"].notna()]
    return StoredEpisodes.read(run, samples=set(ended["sample_id"].astype(str)))


def rescore(
    answers: pd.DataFrame,
    scorers: Mapping[str, tuple[str, Scorer]],
    samples: SamplesByTask,
    episodes: StoredEpisodes,
) -> list[dict[str, Any]]:
    """Return the rows of a score table for stored answers.

    An answer whose sample the suite no longer has is scored against the target that was stored with it.

    Args:
        answers: Result of :func:`read_stored_answers`.
        scorers: Name and scorer of each task; answers of other tasks are left out.
        samples: The current samples of the suite.
        episodes: Result of :func:`read_episodes`.
    """
    wanted = [row for row in records(answers) if row["task"] in scorers]

    def rescore_one(row: Mapping[str, Any]) -> dict[str, Any]:
        name, scorer = scorers[row["task"]]
        sample = _sample_of(row, samples)
        transcript = episodes.transcript_of(row["trajectory_id"], row["reply"], row["calls"], sample)
        if row["trajectory_id"] is None:
            score = _score_reply(scorer, row["reply"], sample, transcript)
            outcome, value = outcome_of_reply(row["finish_reason"], score, row["reply"])
        else:
            score = _score_reply(scorer, last_text(transcript, sample), sample, transcript)
            outcome, value = outcome_of_episode(row["finish_reason"], score)
        return {
            **{key: row[key] for key in _ATTEMPT_KEY},
            "scorer": name,
            "outcome": outcome,
            "score": value,
            "answer": score.answer,
            "isolation": score.isolation,
            "reason": score.reason,
            "judge_model": None,
            "judge_sha256": None,
        }

    if not any(scorer.is_slow for _, scorer in scorers.values()):
        return [rescore_one(row) for row in wanted]
    with ThreadPoolExecutor(max_workers=usable_cpus()) as pool:
        return list(pool.map(rescore_one, wanted))


def score_changes(
    answers: pd.DataFrame, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, int, float, float, int]]:
    """Yield what changed: model, task, answers, mean score before and after, answers whose outcome changed.

    The means are over answers with a score both before and after; NaN if there are none.
    """
    after = pd.DataFrame(rows, columns=[*_ATTEMPT_KEY, "outcome", "score"])
    both = answers.merge(after, on=_ATTEMPT_KEY, suffixes=("_before", "_after"))
    for (model, task), part in both.groupby(["model_id", "task"], observed=True, sort=False):
        scored = part[part["score_before"].notna() & part["score_after"].notna()].astype(
            {"score_before": float, "score_after": float}
        )
        flipped = int((part["outcome_before"].astype(str) != part["outcome_after"].astype(str)).sum())
        yield (
            str(model),
            str(task),
            len(part),
            scored["score_before"].mean(),
            scored["score_after"].mean(),
            flipped,
        )


def _sample_of(row: Mapping[str, Any], samples: SamplesByTask) -> Sample:
    found = samples.get((str(row["task"]), str(row["sample_id"])))
    if found is not None:
        return found
    target = orjson.loads(row["target"]) if isinstance(row["target"], str) else None
    return Sample(str(row["sample_id"]), (), target=target)


def _score_reply(scorer: Scorer, reply: str, sample: Sample, transcript: Transcript) -> Score:
    try:
        return score_with(scorer, reply, sample, transcript)
    except Exception as exc:  # noqa: BLE001 - one answer that breaks a scorer must not lose the others' scores
        return Score(None, "unscored", reason=f"the scorer failed: {type(exc).__name__}: {exc}")
