"""Runs whose items have weights: every table counts the traffic or the file, as asked, and says which."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gapbench
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.performance.distributions import latency_quantiles
from gapbench.analysis.quality.answer import answer_of
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.diff import diff_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.analysis.regression.trend import trend
from gapbench.analysis.weighting import Weighting
from gapbench.errors import ResultsError
from gapbench.report.answer import answer_text
from gapbench.report.results import load_results
from gapbench.stats import Design, paired_difference
from gapbench.values import Attempt
from tests.run_folders import make_answers, make_attempt, write_run

PRICE = {"cost": {"input_usd_per_mtok": 10.0, "output_usd_per_mtok": 0.0, "source": "a test"}}
COMMON, RARE = "reasoning/sums", "coding/patches"


def traffic_rows(open_right: int = 20, **given: Any) -> list[Attempt]:
    """Return 20 items of a common route of weight 9, and 20 of a rare one of weight 1.

    The closed model is always right. The open one is right on the rare route never, on the common one ``open_right`` times.
    A request of the rare route has ten times the tokens.
    """
    rows: list[Attempt] = []
    for model, right in (("closed-a", (20, 20)), ("open-b", (open_right, 0))):
        rows += make_answers(model, right[0], 20, task=COMMON, weight=9.0, stratum="common", **given)
        rows += make_answers(
            model, right[1], 20, task=RARE, weight=1.0, stratum="rare", **{"input_tokens": 10_000, **given}
        )
    return rows


def read(folder: Path, rows: list[Attempt], weighting: Weighting | None = None) -> Runs:
    """Return a run of rows."""
    runs = load_runs([write_run(folder, rows, closed_a=PRICE, open_b=PRICE)])
    return dataclasses.replace(runs, weighting=weighting)


def overall(frame: Any, metric: str) -> dict[str, Any]:
    """Return the row of a gap table over all requests."""
    row = frame[(frame["category"] == "overall") & (frame["metric"] == metric)]
    return {str(name): value for name, value in row.iloc[0].items()}


def test_the_gap_is_that_of_the_traffic(tmp_path: Path) -> None:
    """Nine tenths of the requests have no gap and one tenth has one of 100 points: 10 points."""
    table = gap(read(tmp_path / "run", traffic_rows()))

    assert overall(table.frame, "accuracy")["gap_points"] == pytest.approx(10)
    assert (
        table.weights.describe()
        == "Weights: traffic. Overall counts our traffic: 40 items stand for 200 requests."
    )


def test_equal_weights_give_the_gap_of_the_file(tmp_path: Path) -> None:
    """Half of the items have a gap of 100 points: 50 points."""
    table = gap(read(tmp_path / "run", traffic_rows(), "equal"))

    assert overall(table.frame, "accuracy")["gap_points"] == pytest.approx(50)
    assert table.weights.describe() == "Weights: equal. Overall counts our file: each request once."


def test_equal_weights_change_nothing_else(tmp_path: Path) -> None:
    """The table of a run with weights, counted equally, is that of the same run without them."""
    plain = [dataclasses.replace(row, weight=None, stratum=None) for row in traffic_rows(15)]

    weighted = gap(read(tmp_path / "a", traffic_rows(15), "equal")).frame
    unweighted = gap(read(tmp_path / "b", plain)).frame

    assert weighted.equals(unweighted)


def test_the_gaps_interval_is_that_of_the_design(tmp_path: Path) -> None:
    """The table's interval is that of `paired_difference` with the items' weights and strata."""
    first, second = np.ones(40), np.concatenate([np.ones(15), np.zeros(25)])
    design = Design(np.repeat([9.0, 1.0], 20), np.repeat([0, 1], 20))
    low, high = paired_difference(first, second, np.arange(40), design).interval()

    row = overall(gap(read(tmp_path / "run", traffic_rows(15))).frame, "accuracy")

    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low * 100, high * 100))


def test_intervals_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    """Stratum c has one item and is put together with a or b, which are alike but for their answers: with the same in any order."""
    right = {"a": (1, 1, 1, 0), "b": (1, 0, 0, 0), "c": (1,)}
    rows = [
        make_attempt(
            model_id=model, sample_id=f"{stratum}{number}", weight=2.0 if stratum == "c" else 1.0, stratum=stratum,
            outcome="correct" if was_right or model == "closed-a" else "wrong",
        )
        for model in ("closed-a", "open-b") for stratum, answers in right.items() for number, was_right in enumerate(answers)
    ]  # fmt: skip
    runs = [read(tmp_path / name, given) for name, given in (("there", rows), ("back", rows[::-1]))]
    tables = [gap(one).frame.set_index("metric") for one in runs]
    errors = [float(table["standard_error"]["accuracy"]) for table in tables]
    bounds = [summarize(one).level("model").set_index("model_id")["accuracy_low"]["open-b"] for one in runs]

    assert errors[0] == pytest.approx(errors[1], rel=1e-9)
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-9)


def test_a_side_alone_has_its_times_where_a_price_is_not_known(tmp_path: Path) -> None:
    """The median of 1 s with weight 9 and 2 s with weight 1 is 1 s, though the first has no tokens and so no dollars."""
    rows = [
        make_attempt(sample_id="a", weight=9.0, scheduled_s=0.0, done_s=1.0, input_tokens=None),
        make_attempt(sample_id="b", weight=1.0, scheduled_s=0.0, done_s=2.0),
    ]
    answer = answer_of(gap(read(tmp_path / "run", rows)))

    assert (1.0, 0.01) == (answer.response_p50_s.closed, answer.usd_per_task.closed)


def test_the_summarys_accuracy_is_that_of_the_gap(tmp_path: Path) -> None:
    """(9 · 15 + 1 · 0) / (9 · 20 + 1 · 20) = 67.5 % in both."""
    runs = read(tmp_path / "run", traffic_rows(15))

    models = summarize(runs).level("model").set_index("model_id")

    assert models.loc["open-b", "accuracy"] == pytest.approx(0.675)
    assert overall(gap(runs).frame, "accuracy")["open_value"] == pytest.approx(0.675)


def test_repeats_share_the_weight_of_an_item(tmp_path: Path) -> None:
    """Three answers to each item of the rare route count as much as one: the gap stays 10 points."""
    rows = traffic_rows()
    rows += [dataclasses.replace(row, repeat=number) for row in rows if row.task == RARE for number in (1, 2)]

    table = gap(read(tmp_path / "run", rows))

    assert overall(table.frame, "accuracy")["gap_points"] == pytest.approx(10)


def test_a_run_compared_with_its_baseline_counts_the_traffic(tmp_path: Path) -> None:
    """The new run loses all 20 rare items, a tenth of the traffic: 10 points."""
    new = [
        dataclasses.replace(row, outcome="wrong", score=0.0) if row.task == RARE else row
        for row in traffic_rows()
    ]
    before, after = read(tmp_path / "a", traffic_rows()), read(tmp_path / "b", new)

    found = compare_runs(before, after, [RegressionRule.parse("accuracy<-2pp")])
    row = found.frame[found.frame["model_id"] == "closed-a"].iloc[0]

    assert row["change"] == pytest.approx(-10)
    assert found.to_json()["weights"] == "traffic"


def test_a_baseline_without_weights_is_compared_by_the_file(tmp_path: Path) -> None:
    """Only one of the runs has weights: each request counts once, and a warning says so."""
    plain = [dataclasses.replace(row, weight=None, stratum=None) for row in traffic_rows()]
    before, after = read(tmp_path / "a", plain), read(tmp_path / "b", traffic_rows())

    found = compare_runs(before, after, [RegressionRule.parse("accuracy<-2pp")])

    assert found.weights.name == "equal"
    assert "only one of the runs has weights, so each request counts once" in found.warnings


def test_tasks_without_weights_beside_others_count_by_the_file(tmp_path: Path) -> None:
    """One of two tasks has no weights: each request counts once, and a warning names it."""
    rows = [
        dataclasses.replace(row, weight=None, stratum=None) if row.task == RARE else row
        for row in traffic_rows()
    ]

    table = gap(read(tmp_path / "run", rows))

    assert overall(table.frame, "accuracy")["gap_points"] == pytest.approx(50)
    assert any(f"{RARE} has none" in line for line in table.warnings)


def test_a_run_of_a_limit_says_that_its_tasks_are_not_in_the_traffics_proportions(tmp_path: Path) -> None:
    """A limit of 20 takes as many items of a small task as of a large one; of 21 both were run whole."""
    warned = {}
    for limit in (20, 21):
        runs = read(tmp_path / f"run{limit}", traffic_rows())
        (manifest,) = runs.manifests
        tasks = [task.model_copy(update={"samples": 20}) for task in manifest.tasks]
        limited = manifest.model_copy(update={"selection": {"limit": limit}, "tasks": tasks})
        table = gap(dataclasses.replace(runs, manifests=(limited,)))
        warned[limit] = [line for line in table.warnings if "not in the proportions" in line]

    assert len(warned[20]) == 1
    assert COMMON in warned[20][0]
    assert RARE in warned[20][0]
    assert not warned[21]


def test_the_quantiles_of_the_charts_are_those_of_the_summary(tmp_path: Path) -> None:
    """The page shows both: 9 of 10 requests of the traffic take 1 s, and of the file 1 of 2."""
    rows = [
        dataclasses.replace(row, scheduled_s=0.0, sent_s=0.0, done_s=1.0 if row.task == COMMON else 9.0)
        for row in traffic_rows()
    ]
    runs = read(tmp_path / "run", rows)

    models = summarize(runs).level("model").set_index("model_id")
    charts = latency_quantiles(runs, [0.5, 0.95]).query("metric == 'response_s' and model_id == 'open-b'")

    assert list(charts["value_s"]) == [
        models.loc["open-b", "response_p50_s"],
        models.loc["open-b", "response_p95_s"],
    ]
    assert charts["value_s"].iloc[0] == 1.0


def test_traffic_is_refused_where_an_item_has_no_weight(tmp_path: Path) -> None:
    """What part of the traffic it is cannot be known."""
    rows = [
        dataclasses.replace(row, weight=None, stratum=None) if row.task == RARE else row
        for row in traffic_rows()
    ]

    with pytest.raises(ResultsError, match=f"{RARE} has items without a weight"):
        gap(read(tmp_path / "run", rows, "traffic"))


def test_traffic_is_refused_without_any_weight(tmp_path: Path) -> None:
    """The message names the command that draws a weighted suite."""
    rows = [dataclasses.replace(row, weight=None, stratum=None) for row in traffic_rows()]

    with pytest.raises(ResultsError, match="bench traffic sample"):
        gap(read(tmp_path / "run", rows, "traffic"))


def test_an_item_with_two_weights_is_refused(tmp_path: Path) -> None:
    """Two runs of different samples must not be pooled."""
    rows = traffic_rows()
    rows[0] = dataclasses.replace(rows[0], weight=5.0)

    with pytest.raises(ResultsError, match="has the weights 5 and 9"):
        gap(read(tmp_path / "run", rows))


def test_the_lone_models_figures_are_the_traffics(tmp_path: Path) -> None:
    """Without a closed model: (9 · 20 + 1 · 0) / 200 = 90 % right."""
    rows = [row for row in traffic_rows() if row.model_id == "open-b"]

    alone = gap(read(tmp_path / "run", rows)).alone

    assert alone is not None
    assert alone.accuracy == pytest.approx(0.9)
    assert alone.usd_per_correct == pytest.approx(0.019 / 0.9)


def test_the_answer_says_that_it_counts_the_traffic_with_one_category_or_one_side(tmp_path: Path) -> None:
    """Where nothing else says what is counted; to_json has the same."""
    one_category = [row for row in traffic_rows() if row.task == COMMON]
    one_side = [row for row in traffic_rows() if row.model_id == "open-b"]

    for name, rows in (("category", one_category), ("side", one_side)):
        table = gap(read(tmp_path / name, rows))
        assert answer_of(table).to_json()["weights"] == "traffic"
        assert "weighted as in your traffic" in answer_text(table).models


def test_python_counts_what_the_command_line_counts(tmp_path: Path) -> None:
    """The traffic by default, the file when it is told so: 50 of 100 and 10 of 100 points of gap."""
    results = gapbench.read(write_run(tmp_path / "run", traffic_rows(), closed_a=PRICE, open_b=PRICE))

    by_file = results.with_weights("equal")

    assert overall(results.gap().frame, "accuracy")["gap_points"] == pytest.approx(10.0)
    assert overall(by_file.gap().frame, "accuracy")["gap_points"] == pytest.approx(50.0)
    assert by_file.with_prices({}).cost().weights.name == "equal"


def test_weights_that_are_all_alike_change_no_figure(tmp_path: Path) -> None:
    """A sample in which every item stands for seven requests is the traffic in small: estimates and intervals are the file's."""
    even = [dataclasses.replace(row, weight=7.0, stratum=None) for row in traffic_rows(15)]
    plain = [dataclasses.replace(row, weight=None) for row in even]
    weighted, unweighted = read(tmp_path / "a", even), read(tmp_path / "b", plain)

    pd.testing.assert_frame_equal(gap(weighted).frame, gap(unweighted).frame, rtol=0, atol=1e-12)
    pd.testing.assert_frame_equal(summarize(weighted).frame, summarize(unweighted).frame, rtol=0, atol=1e-12)
    pd.testing.assert_frame_equal(cost(weighted).frame, cost(unweighted).frame, rtol=0, atol=1e-12)
    assert weighted.applied_weights.describe() == (
        "Weights: traffic. Overall counts our traffic: 40 items stand for 280 requests."
    )


def test_few_effective_items_are_reported(tmp_path: Path) -> None:
    """(20 · 9 + 20 · 1)² / (20 · 81 + 20 · 1) = 24.4 items of equal weight, fewer than 30."""
    table = gap(read(tmp_path / "run", traffic_rows()))

    assert any("40 items say as much as 24 of equal weight (Kish)" in line for line in table.warnings)


def test_many_effective_items_are_not(tmp_path: Path) -> None:
    """(20 · 3 + 20 · 1)² / (20 · 9 + 20 · 1) = 32."""
    rows = [dataclasses.replace(row, weight=min(row.weight or 0.0, 3.0)) for row in traffic_rows()]

    assert not any("Kish" in line for line in gap(read(tmp_path / "run", rows)).warnings)


def test_ladders_say_that_they_count_items(tmp_path: Path) -> None:
    """A rung is no part of the traffic; the figures beside it are."""
    rows = [
        dataclasses.replace(row, rung=1 + int(row.sample_id) // 5, complexity=1.0)
        for row in traffic_rows()
        if row.task == COMMON
    ]
    results = load_results(read(tmp_path / "run", rows))

    notes = [text for text, _ in results.tables["ladders"].notes]

    assert any("each item once, whatever its weight" in line for line in notes)
    assert not any("whatever its weight" in text for text, _ in results.tables["gap"].notes)


@pytest.mark.parametrize("key", ["summary", "cost"])
def test_tables_say_which_of_their_figures_count_the_file(tmp_path: Path, key: str) -> None:
    """Counts and totals beside weighted figures; with --weights equal there is nothing to say."""
    runs = read(tmp_path / "run", traffic_rows())
    said = {
        weighting: [
            text for text, _ in load_results(dataclasses.replace(runs, weighting=weighting)).tables[key].notes
        ]
        for weighting in ("traffic", "equal")
    }

    assert any("each item once, whatever its weight" in line for line in said["traffic"])
    assert not any("whatever its weight" in line for line in said["equal"])


def test_nights_and_differences_of_two_runs_count_items_and_say_so(tmp_path: Path) -> None:
    """The open model is right on 20 of 40 items in the file, and on 90 % of the traffic."""
    folders = [
        write_run(tmp_path / name, traffic_rows(), closed_a=PRICE, open_b=PRICE) for name in ("a", "b")
    ]

    nights, changes = trend(folders), diff_runs([folders[0]], [folders[1]])

    assert [row["accuracy"] for row in nights.rows if row["model_id"] == "open-b"] == [0.5, 0.5]
    (row,) = [row for row in changes.models if row["model_id"] == "open-b"]
    assert row["accuracy_a"] == 0.5
    assert row["usd_per_task_a"] == pytest.approx((0.01 + 0.10) / 2)
    for found in (nights, changes):
        assert any("each item once, whatever its weight" in line for line in found.warnings)


@pytest.mark.parametrize("outcome", ["unscored", "infra", "unparsed", "truncated", "refused"])
@pytest.mark.parametrize(
    "of",
    [{"task": RARE}, {"model_id": "open-b"}, {"model_id": "open-b", "task": RARE}, {"task": COMMON, "model_id": "closed-a"}, {}],
    ids=str,
)  # fmt: skip
def test_no_table_needs_a_score(tmp_path: Path, of: dict[str, str], outcome: Any) -> None:
    """As before `bench judge`: a category, a model or everything has no right answer and no score."""
    rows = [
        dataclasses.replace(row, outcome=outcome, score=None)
        if all(getattr(row, name) == value for name, value in of.items())
        else row
        for row in traffic_rows()
    ]
    results = load_results([write_run(tmp_path / "run", rows, closed_a=PRICE, open_b=PRICE)])
    results.compute()

    assert results.gap.weights.describe().startswith("Weights: traffic.")
    assert len(rows) == results.gap.caveats.requests
