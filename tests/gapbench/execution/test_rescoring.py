"""Stored answers scored again: the rows stay, the newest score is what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gapbench import scoring
from gapbench.execution.rescoring import read_episodes, read_stored_answers, rescore, score_changes
from gapbench.store import read_attempts, read_payload
from gapbench.store.score_overlay import score_tables, write_scores
from gapbench.values import Sample
from tests.run_folders import make_attempt, write_run

TASK = "reasoning/sums"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two replies "4" that were scored wrong, a refusal, and a failure."""
    return write_run(
        tmp_path / "run-1",
        [
            make_attempt(sample_id="1", outcome="wrong"),
            make_attempt(sample_id="2", outcome="wrong", finish_reason="length"),
            make_attempt(sample_id="3", outcome="refused", finish_reason="refusal"),
            make_attempt(sample_id="4", outcome="infra"),
        ],
    )


def scored(run: Path, **targets: Any) -> list[dict[str, Any]]:
    samples = {(TASK, number): Sample(number, (), target=target) for number, target in targets.items()}
    scorers = {TASK: ("numeric", scoring.make_scorer("numeric", {}))}
    answers = read_stored_answers(run)
    return rescore(answers, scorers, samples, read_episodes(run, answers))


def test_a_stored_answer_gets_its_new_score(run: Path) -> None:
    """The reply is 4; the target of the first is 4, of the second 5, cut at its budget."""
    rows = scored(run, **{"1": 4, "2": 5})

    assert [("1", "correct"), ("2", "truncated"), ("3", "refused")] == [
        (row["sample_id"], row["outcome"]) for row in rows
    ]


def test_a_sample_that_is_gone_keeps_its_stored_target(run: Path) -> None:
    """The payload has the target "4"."""
    assert "correct" == scored(run)[0]["outcome"]


def test_the_newest_score_is_what_is_read(run: Path) -> None:
    """Written twice; the second stands, and the rows' own come back when both are gone."""
    for target in (4, 5):
        write_scores(run, scored(run, **{"1": target}))
    newest = read_attempts([run], ["sample_id", "outcome", "scorer"])
    for path in score_tables(run):
        path.unlink()
    own = read_attempts([run], ["sample_id", "outcome", "scorer"])

    assert ("wrong", "numeric") == tuple(newest[newest["sample_id"] == "1"].iloc[0][["outcome", "scorer"]])
    assert ("wrong", "exact") == tuple(own[own["sample_id"] == "1"].iloc[0][["outcome", "scorer"]])


def test_scores_that_stand_already_are_not_written_again(run: Path) -> None:
    """Taking back the newest would take back a copy; what differs in one row is written."""
    first = write_scores(run, scored(run, **{"1": 4}))
    again = write_scores(run, scored(run, **{"1": 4}))
    other = write_scores(run, scored(run, **{"1": 5}))
    back = write_scores(run, scored(run, **{"1": 4}))

    assert again is None
    assert [first, other, back] == score_tables(run)


def test_a_failure_keeps_its_own(run: Path) -> None:
    """There is no answer to score."""
    write_scores(run, scored(run))
    rows = read_attempts([run], ["sample_id", "outcome"])

    assert "infra" == rows[rows["sample_id"] == "4"]["outcome"].iloc[0]


def test_the_reason_is_the_new_scorers(run: Path) -> None:
    """In the payload too."""
    write_scores(run, scored(run, **{"1": 4}))
    texts = read_payload([run], ["sample_id", "reason"])

    assert texts[texts["sample_id"] == "1"]["reason"].iloc[0] == "ends with 4, which is 4"


def test_changes_are_counted(run: Path) -> None:
    """Of three answers one is right now: from 0 to 1/3, and the second is called truncated."""
    ((*what, before, after, flipped),) = score_changes(
        read_stored_answers(run), scored(run, **{"1": 4, "2": 5})
    )

    assert ["closed-a", TASK, 3] == what
    assert (0.0, 2) == (before, flipped)
    assert pytest.approx(1 / 3) == after
