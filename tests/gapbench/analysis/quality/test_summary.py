"""Accuracy, coverage, outcomes and times by model, category, task and cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from scipy import special

from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.failures import failures
from gapbench.analysis.quality.summary import summarize
from gapbench.report.results import load_results
from gapbench.stats import wilson
from gapbench.values import Attempt
from tests.run_folders import write_run

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]
Answers = Callable[..., list[Attempt]]


def test_accuracy_counts_every_answer_but_failures(make_run: Make, attempt: Attempts) -> None:
    """3 right of 5 answered; the sixth failed: accuracy 3/5, coverage 5/6."""
    outcomes = ["correct", "correct", "correct", "refused", "truncated", "infra"]
    rows = [attempt(sample_id=str(k), outcome=outcome) for k, outcome in enumerate(outcomes)]
    row = summarize([make_run(rows)]).level("model").iloc[0]

    assert row["accuracy"] == pytest.approx(0.6)
    assert row["coverage"] == pytest.approx(5 / 6)
    assert (row["scored"], row["n"], row["infra"], row["refused"], row["truncated"]) == (5, 6, 1, 1, 1)


def test_partial_credit_is_a_mean(make_run: Make, attempt: Attempts) -> None:
    """Scores 1 and 0.5 are 0.75, and one correct task."""
    rows = [attempt(sample_id="a"), attempt(sample_id="b", outcome="wrong", score=0.5)]
    row = summarize([make_run(rows)]).level("model").iloc[0]

    assert row["accuracy"] == 0.75
    assert row["correct"] == 1


def test_the_interval_is_wilsons(make_run: Make, answers: Answers) -> None:
    """70 of 100 items that stand alone: Wilson at the effective 99, with Student's critical value over 99 degrees."""
    confidence = 2 * float(special.ndtr(special.stdtrit(99, 0.975))) - 1
    row = summarize([make_run(answers("closed-a", 70, 100))]).level("model").iloc[0]

    assert tuple(wilson(0.7, 99, confidence)) == pytest.approx(
        (row["accuracy_low"], row["accuracy_high"]), abs=1e-9
    )


def test_score_and_all_right_are_two_shares(make_run: Make, attempt: Attempts) -> None:
    """Scores 1, 1, 0.5 and 0.5: a mean of 3/4, and 2 of 4 wholly right, as the cost table counts them."""
    rows = [
        attempt(sample_id=str(n), score=score, outcome="correct" if score == 1 else "wrong")
        for n, score in enumerate([1.0, 1.0, 0.5, 0.5])
    ]
    row = summarize([make_run(rows)]).level("model").iloc[0]

    assert (row["accuracy"], row["all_right"], row["partial_credit"]) == (3 / 4, 2 / 4, True)
    assert row["all_right"] == row["correct"] / row["scored"]
    assert row["all_right_low"] < 2 / 4 < row["all_right_high"]


def test_without_partial_credit_the_two_shares_are_one(make_run: Make, answers: Answers) -> None:
    """70 of 100: the same share and the same interval."""
    row = summarize([make_run(answers("closed-a", 70, 100))]).level("model").iloc[0]

    assert not row["partial_credit"]
    shares = [[row[f"{name}{end}"] for end in ("", "_low", "_high")] for name in ("accuracy", "all_right")]
    assert shares[0] == shares[1]


def test_nothing_scored_is_unknown_not_zero(make_run: Make, attempt: Attempts) -> None:
    """A model whose every request failed has coverage 0 and no accuracy."""
    row = summarize([make_run([attempt(outcome="infra")])]).level("model").iloc[0]

    assert row["coverage"] == 0
    assert pd.isna(row["accuracy"])
    assert pd.isna(row["accuracy_low"])


def test_a_cell_that_never_began_is_a_row(make_run: Make, answers: Answers) -> None:
    """The manifest's cells are the rows, done or not."""
    run = make_run(answers("closed-a", 3, 4))
    manifest = json.loads((run / "run.json").read_text())
    manifest["cells"].append(
        {**manifest["cells"][0], "cell_id": "late", "task": "coding/late", "category": "coding"}
    )
    manifest["tasks"].append({**manifest["tasks"][0], "name": "coding/late", "category": "coding"})
    (run / "run.json").write_text(json.dumps(manifest))
    cells = summarize([run]).level("cell")
    late = cells[cells["task"] == "coding/late"].iloc[0]

    assert (late["planned"], late["done"]) == (4, 0)
    assert pd.isna(late["accuracy"])


def test_warm_up_is_done_and_not_measured(make_run: Make, attempt: Attempts) -> None:
    """Two requests of the plan, one of them measured."""
    rows = [attempt(sample_id="a", repeat=-1, phase="warmup", outcome="wrong"), attempt(sample_id="a")]
    row = summarize([make_run(rows)]).level("model").iloc[0]

    assert (row["planned"], row["done"], row["n"], row["accuracy"]) == (2, 2, 1, 1.0)


def test_times_have_intervals_by_order_statistics(make_run: Make, answers: Answers) -> None:
    """Of 100 response times the 40th and 61st smallest hold the median (binomial 100, 0.5)."""
    run = make_run(answers("closed-a", 50, 100))
    row = summarize([run]).level("model").iloc[0]
    # due at k, done at k + 2.5 + 0.01 (k mod 7)
    times = sorted(2.5 + 0.01 * (k % 7) for k in range(100))

    assert row["response_p50_s_low"] == pytest.approx(times[39])
    assert row["response_p50_s_high"] == pytest.approx(times[60])


def test_rate_is_requests_over_wall_time(make_run: Make, answers: Answers) -> None:
    """50 requests in a cell of 100 s."""
    assert summarize([make_run(answers("closed-a", 50, 50))]).level("model")["rate_rps"].iloc[0] == 0.5


def test_categories_and_models_have_levels(make_run: Make, answers: Answers) -> None:
    """Two tasks of two categories: 1 model, 2 categories, 2 tasks, 2 cells."""
    rows = [*answers("closed-a", 2, 4), *answers("closed-a", 4, 4, task="coding/f")]
    summary = summarize([make_run(rows)])

    assert [len(summary.level(level)) for level in ("model", "category", "task", "cell")] == [1, 2, 2, 2]
    assert summary.level("category").set_index("category")["accuracy"].to_dict() == {
        "reasoning": 0.5,
        "coding": 1.0,
    }


def test_simulated_is_said(make_run: Make, attempt: Attempts) -> None:
    """One simulated row marks the table and its JSON."""
    summary = summarize([make_run([attempt(simulated=True)])])

    assert summary.simulated
    assert summary.to_json()["simulated"] is True


def test_an_interrupted_run_is_said(make_run: Make, attempt: Attempts) -> None:
    """Figures of half a run carry a note."""
    run = make_run([attempt()])
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "state": "interrupted"}))

    assert "not complete" in summarize([run]).warnings[0]


def test_json_has_no_nan(make_run: Make, attempt: Attempts) -> None:
    """Unknown is null, so that every JSON parser reads it."""
    document = summarize([make_run([attempt(outcome="infra")])]).to_json()

    assert "NaN" not in json.dumps(document, allow_nan=False)


def test_failures_are_grouped_with_an_example(make_run: Make, attempt: Attempts) -> None:
    """Three failures of one kind, one of them final, with the provider's words."""
    rows = [
        attempt(sample_id="a", outcome="infra", final=False),
        attempt(sample_id="a", attempt=2, outcome="infra", final=False),
        attempt(sample_id="a", attempt=3, outcome="infra"),
        attempt(sample_id="b"),
    ]
    table = failures([make_run(rows)])

    assert table[
        ["model_id", "failure_kind", "http_status", "attempts", "final", "example"]
    ].to_numpy().tolist() == [["closed-a", "server", 500, 3, 1, "the server broke"]]


def test_no_failure_is_an_empty_table(make_run: Make, attempt: Attempts) -> None:
    """The columns stand also without rows."""
    table = failures([make_run([attempt()])])

    assert table.empty
    assert "example" in table.columns


def test_two_runs_are_read_as_one(make_run: Make, answers: Answers) -> None:
    """The same cell in two runs is one row of twice the requests."""
    runs = [make_run(answers("closed-a", 3, 4), name=f"run-{k}") for k in (1, 2)]
    row = summarize(runs).level("cell").iloc[0]

    assert (row["planned"], row["n"], row["accuracy"]) == (8, 8, 0.75)


def test_a_run_without_cells_has_its_models(make_run: Make, attempt: Attempts) -> None:
    """A suite that only searches for a rate has no cells before its first probe, and a run may be stopped then."""
    run = make_run([attempt()])
    (run / "attempts-00001.parquet").unlink()
    value = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**value, "cells": []}))
    results = load_results([run])

    assert [("model", "closed-a", 0, 0)] == [
        (row["level"], row["model_id"], row["planned"], row["n"])
        for row in results.summary.frame.to_dict("records")
    ]
    assert [("all", 0)] == list(results.cost.frame[["category", "tasks"]].itertuples(index=False, name=None))


def test_a_judge_is_no_other_load_beside_the_probes_of_a_search(make_run: Make, attempt: Attempts) -> None:
    """The only answers are those of the probes, so they count, though calls of a judge were made at another load."""
    run = make_run([attempt(sample_id=name, load_kind="search") for name in "ab"])
    write_run(
        run / "judge-jury-00000000",
        [attempt(model_id="jury", task="judge/sums", sample_id='["run-1","",""]')],
    )
    runs = load_runs([run])

    assert [2] == list(summarize(runs, levels=("model",)).frame["n"])
    assert (2, 2) == (int(runs.measured_tally["n"].sum()), len(runs.measured_attempts))
