"""Episodes by model and task: success, where the time went, and dollars per solved task."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.analysis.quality.trajectories import TIME_PARTS, summarize_trajectories
from gapbench.report.results import load_results
from gapbench.report.tables.trajectories import trajectory_table
from gapbench.values import canonical_json
from tests.run_folders import make_answers, make_attempt, make_episode, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three episodes of gpt-5.2, of two, two and three replies: solved, not solved, lost in its last reply."""
    rows = [
        *make_episode(2, sample_id="a", partial=1.0),
        *make_episode(2, sample_id="b", outcome="wrong", partial=0.5, scheduled_s=10.0),
        *make_episode(3, sample_id="c", outcome="infra", scheduled_s=20.0),
    ]
    return write_run(tmp_path / "run", rows)


def test_success_is_over_the_episodes_with_a_score(run: Path) -> None:
    """One of two; the third ended as infra and says nothing about the model."""
    row = summarize_trajectories(run).frame.iloc[0]

    assert (row["episodes"], row["scored"], row["solved"], row["done"], row["infra"]) == (3, 2, 1, 2, 1)
    assert row["success"] == 1 / 2
    assert row["partial"] == (1.0 + 0.5) / 2
    assert row["success_low"] < 0.5 < row["success_high"]


def test_the_parts_of_the_time_add_up(run: Path) -> None:
    """Two replies of 2.0 s after 0.5 s in the queue, and a tool of 1.5 s between them: 6.5 s."""
    row = summarize_trajectories(run).frame.iloc[0]

    assert row["wall_s"] == 2 * 2.5 + 1.5
    assert [row[name] for name in TIME_PARTS] == pytest.approx([2 * 2.0, 1.5, 0.0, 2 * 0.5])
    assert sum(row[name] for name in TIME_PARTS) == pytest.approx(row["wall_s"])


def test_dollars_per_solved_task_include_what_was_lost(run: Path) -> None:
    """Six billed replies of $0.00315 (the failed one is free), two answered episodes, one of them solved."""
    row = summarize_trajectories(run).frame.iloc[0]

    assert row["usd"] == pytest.approx(6 * 0.00315)
    assert row["usd_per_episode"] == pytest.approx(6 * 0.00315 / 2)
    assert row["usd_per_solved"] == pytest.approx(6 * 0.00315 / 1)
    assert row["usd_user"] is None


@pytest.mark.parametrize(
    "question_id", ["q1", '"q1"', "{}", "17", "null", "[]", '["run"]', "[[],{},1,2,3]", ""]
)
def test_a_judge_whose_question_names_no_answer_is_paid_for_no_episode(
    tmp_path: Path, question_id: str
) -> None:
    """The other question names its answer, and costs $0.00315."""
    rows = make_episode(2, sample_id="a", partial=1.0)
    key = ["run", rows[-1].cell_id, "a", 0, 2]
    asked = [
        make_attempt(
            sample_id=one, model_id="jury", phase="judge", weights="closed", task="judge", category="judge"
        )
        for one in (canonical_json(key), question_id)
    ]
    row = summarize_trajectories(write_run(tmp_path / "run", [*rows, *asked])).frame.iloc[0]

    assert row["usd_judge"] == pytest.approx(0.00315)


def test_dollars_per_solved_task_are_those_of_the_cost_table(run: Path) -> None:
    """One truth per figure."""
    results = load_results(run)

    assert results.trajectories.frame.iloc[0]["usd_per_solved"] == pytest.approx(
        results.cost.frame.iloc[0]["usd_per_correct"]
    )


def test_the_table_says_how_episodes_ended(run: Path) -> None:
    """The report has the table, with the lost episode and the shares of the time."""
    table = load_results(run).tables["episodes"]
    shown = {column.key: column.text(table.rows[0]) for column in table.columns}

    assert shown["ended"] == "1 infra"
    assert shown["split"] == f"{4 / 6.5 * 100:.0f}/{1.5 / 6.5 * 100:.0f}/0/{1 / 6.5 * 100:.0f}"


def test_runs_without_episodes_have_no_table(tmp_path: Path) -> None:
    """Single requests are in the summary."""
    found = summarize_trajectories(write_run(tmp_path / "run", make_answers("closed-a", 1, 2)))

    assert trajectory_table(found) is None
