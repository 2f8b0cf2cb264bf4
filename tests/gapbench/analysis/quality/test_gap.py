"""The open-versus-closed table: how it is judged, and what is said of fairness."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import GapTable, gap
from gapbench.errors import ResultsError
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]
Answers = Callable[..., list[Attempt]]


def accuracy(table: GapTable, category: str = "reasoning") -> pd.Series[Any]:
    frame = table.frame
    return frame[(frame["metric"] == "accuracy") & (frame["category"] == category)].iloc[0]


def test_a_gap_by_hand(make_run: Make, answers: Answers) -> None:
    """90 of 100 against 60 of 100: 30 points, a third of the closed score, and closed is ahead."""
    table = gap([make_run([*answers("closed-a", 90, 100), *answers("open-b", 60, 100)])])
    row = accuracy(table)

    assert (row["closed_value"], row["open_value"]) == (0.9, 0.6)
    assert row["gap_points"] == pytest.approx(30)
    assert row["gap_percent_of_closed"] == pytest.approx(100 / 3)
    assert row["ci_low"] < 30 < row["ci_high"]
    assert row["verdict"] == "closed ahead"
    assert row["n_pairs"] == 100
    assert table.headline().startswith(
        "closed-a (closed) against open-b (open): closed ahead; gap +30.0 points"
    )


def test_open_may_be_ahead(make_run: Make, answers: Answers) -> None:
    """The sign turns with the sides."""
    row = accuracy(gap([make_run([*answers("closed-a", 60, 100), *answers("open-b", 90, 100)])]))

    assert row["gap_points"] == pytest.approx(-30)
    assert row["verdict"] == "open ahead"


def test_few_items_cannot_tell(make_run: Make, answers: Answers) -> None:
    """9 of 10 against 8 of 10 is not distinguishable, and more items are named."""
    row = accuracy(gap([make_run([*answers("closed-a", 9, 10), *answers("open-b", 8, 10)])]))

    assert row["verdict"] == "not distinguishable"
    assert row["items_needed"] > 10


def test_many_like_answers_are_equivalent(make_run: Make, answers: Answers) -> None:
    """600 pairs of which all agree lie within 1.7 points; within 0.1 points they do not."""
    run = make_run([*answers("closed-a", 500, 600), *answers("open-b", 500, 600)])

    assert accuracy(gap([run]))["verdict"] == "equivalent within 1.7 points"
    assert accuracy(gap([run], margin_points=0.1))["verdict"] == "not distinguishable"


def test_overall_stands_beside_categories(make_run: Make, answers: Answers) -> None:
    """Two categories of 10 and 20 pairs are 30 overall."""
    rows = [
        row
        for model in ("closed-a", "open-b")
        for row in (*answers(model, 8, 10), *answers(model, 9, 20, task="coding/f"))
    ]
    table = gap([make_run(rows)])

    assert table.frame["category"].unique().tolist() == ["reasoning", "coding", "overall"]
    assert accuracy(table, "overall")["n_pairs"] == 30


def test_the_best_of_several_is_picked_and_corrected(make_run: Make, answers: Answers) -> None:
    """Of two closed models of 71 and 70 right the best is compared, and its flattery is taken out."""
    wrong = {"closed-d": range(29), "closed-e": range(40, 70), "open-b": range(60, 95)}
    rows = [
        row
        for model, items in wrong.items()
        for k in range(100)
        for row in answers(model, int(k not in items), 1, start=k)
    ]
    table = gap([make_run(rows)])
    row = accuracy(table)

    assert row["closed_model"] == "closed-d"
    assert row["selection_points"] > 0.5
    assert row["gap_points"] == pytest.approx(6 - row["selection_points"])
    assert (row["ci_low"] + row["ci_high"]) / 2 == pytest.approx(row["gap_points"], abs=0.7)
    assert any("best of 2 closed and 1 open models" in line for line in table.warnings)


def test_all_pairs_picks_nothing(make_run: Make, answers: Answers) -> None:
    """Two closed and one open model are two comparisons, uncorrected."""
    rows = [*answers("closed-a", 9, 10), *answers("closed-c", 7, 10), *answers("open-b", 5, 10)]
    frame = gap([make_run(rows)], all_pairs=True).frame
    pairs = frame[frame["metric"] == "accuracy"]

    assert pairs[["closed_model", "open_model"]].to_numpy().tolist() == [
        ["closed-a", "open-b"],
        ["closed-c", "open-b"],
    ]
    assert pairs["selection_points"].tolist() == [0.0, 0.0]


def test_holm_stands_over_the_whole_table(make_run: Make, answers: Answers) -> None:
    """A corrected p-value is never below the raw one."""
    frame = gap([make_run([*answers("closed-a", 90, 100), *answers("open-b", 80, 100)])]).frame
    known = frame.dropna(subset=["p_value"])

    assert len(known) > 1
    assert (known["p_value"] >= known["p_value_raw"] - 1e-12).all()


def test_the_headline_does_not_depend_on_a_price(make_run: Make, answers: Answers) -> None:
    """30 of 40 pairs won 6 to 0: chi-squared 6, p 0.02, whether or not costs can be compared."""
    rows = [row for model, right in (("closed-a", 39), ("open-b", 33)) for row in answers(model, right, 40)]
    priced = accuracy(gap([make_run(rows, name="priced")]))
    unpriced = accuracy(gap([make_run(rows, name="unpriced", open_b={"runner": "vllm"})]))

    for row in (priced, unpriced):
        assert row["p_value"] == row["p_value_raw"] == pytest.approx(0.0203, abs=1e-4)
        assert (row["family"], row["confidence"]) == ("overall quality", 0.95)
        assert row["verdict"] == "closed ahead"
    assert priced["ci_low"] == unpriced["ci_low"] > 0


def test_a_family_is_corrected_together_and_shows_its_intervals(make_run: Make, answers: Answers) -> None:
    """Three categories won 6 to 0 of 40 (p 0.020), 3 to 0 and not at all: 3 x 0.020 is not significant, alone it is.

    The interval of each is that at 1 - 5 % / 3; overall, 9 to 0 of 120 pairs, is tested alone.
    """
    rows = [
        row
        for task, wins in (("reasoning/a", 6), ("coding/b", 3), ("multimodal/c", 0))
        for model, right in (("closed-a", 30 + wins), ("open-b", 30))
        for row in answers(model, right, 40, task=task)
    ]
    frame = gap([make_run(rows)]).frame
    found = frame[frame["metric"] == "accuracy"].set_index("category")

    assert found["family"].tolist() == ["quality by category"] * 3 + ["overall quality"]
    assert found["confidence"].tolist() == pytest.approx([1 - 0.05 / 3] * 3 + [0.95])
    assert found["p_value"].tolist()[0] == pytest.approx(3 * found["p_value_raw"].tolist()[0])
    assert found["ci_low"].tolist()[0] < 0
    assert found["verdict"].tolist() == ["not distinguishable"] * 3 + ["closed ahead"]


def test_times_and_dollars_have_a_row_for_each_load(make_run: Make, attempt: Attempts) -> None:
    """Closed answers in 2 s at both loads; open in 1 s one at a time and in 3 s sixteen at a time."""
    rows = [
        attempt(
            model_id=model, sample_id=str(k), load_value=load, scheduled_s=0.0, sent_s=0.0,
            done_s=seconds + 0.01 * (k % 9), outcome="correct" if k % 3 else "wrong",
        )
        for load, times in ((1.0, {"closed-a": 2.0, "open-b": 1.0}), (16.0, {"closed-a": 2.0, "open-b": 3.0}))
        for model, seconds in times.items()
        for k in range(60)
    ]  # fmt: skip
    table = gap([make_run(rows)])
    p50 = table.frame[table.frame["metric"] == "response_p50_s"].set_index("load")

    assert p50["verdict"].to_dict() == {"c1": "open ahead", "c16": "closed ahead"}
    assert p50["gap_points"].to_dict() == pytest.approx({"c1": 1.0, "c16": -1.0})
    assert (accuracy(table)["n_pairs"], accuracy(table)["n_clusters"]) == (120, 60)
    assert table.frame["metric"].tolist().count("usd_per_task") == 2
    assert any("2 loads (c1, c16): accuracy is pooled over them" in line for line in table.warnings)


def test_a_failure_share_above_the_margin_is_named(
    make_run: Make, attempt: Attempts, answers: Answers
) -> None:
    """2 of 100 requests failed on one side: 2 points, above the margin of 1.7 and not above one of 2."""
    rows = [*answers("closed-a", 98, 98), *answers("open-b", 100, 100)]
    rows += [attempt(model_id="closed-a", sample_id=str(k), outcome="infra") for k in (98, 99)]
    run = make_run(rows)

    assert any("2.0 % of requests to closed-a got no answer" in line for line in gap([run]).fairness)
    assert not any("got no answer" in line for line in gap([run], margin_points=2.0).fairness)


def test_a_score_outside_0_to_1_is_named(make_run: Make, attempt: Attempts) -> None:
    """One line with the run, the task, the sample and the score."""
    rows = [attempt(model_id=name, sample_id="7", score=3.0) for name in ("closed-a", "open-b")]

    with pytest.raises(ResultsError, match=r"sample 7 of reasoning/sums has the score 3; scores are 0 to 1"):
        gap([make_run(rows)])


def test_faster_is_better(make_run: Make, attempt: Attempts) -> None:
    """Closed answers in 3 s, open in 2: open is ahead by a second at the median and at p95."""
    rows = [
        attempt(model_id=model, sample_id=str(k), scheduled_s=0.0, sent_s=0.1, done_s=seconds + 0.001 * k)
        for model, seconds in (("closed-a", 3.0), ("open-b", 2.0))
        for k in range(60)
    ]
    frame = gap([make_run(rows)]).frame.set_index("metric")

    for metric in ("response_p50_s", "response_p95_s"):
        assert frame.loc[metric, "gap_points"] == pytest.approx(1.0)
        assert frame.loc[metric, "verdict"] == "open ahead"
        assert frame.loc[metric, "better"] == "lower"


def test_a_high_quantile_needs_items(make_run: Make, answers: Answers) -> None:
    """Ten pairs have no 95th percentile worth comparing."""
    frame = gap([make_run([*answers("closed-a", 9, 10), *answers("open-b", 8, 10)])]).frame.set_index(
        "metric"
    )

    assert frame.loc["response_p95_s", "verdict"] == "too few pairs (10)"


def test_cost_per_correct_is_compared(make_run: Make, answers: Answers) -> None:
    """$0.0031 at 80 right of 100 against a GPU's $0.002 at 50 right: 0.0039375 to 0.004."""
    gpu = {"cost": {"gpus": 1, "usd_per_gpu_hour": 7.2}, "runner": "vllm"}
    run = make_run([*answers("closed-a", 80, 100), *answers("open-b", 50, 100)], open_b=gpu)
    frame = gap([run]).frame.set_index("metric")

    assert frame.loc["usd_per_task", "closed_value"] == pytest.approx(0.00315)
    assert frame.loc["usd_per_task", "open_value"] == pytest.approx(0.002)
    assert frame.loc["usd_per_task", "ratio"] == pytest.approx(1.575)
    assert frame.loc["usd_per_correct", "ratio"] == pytest.approx(0.0039375 / 0.004)


def test_an_unknown_price_is_said(make_run: Make, answers: Answers) -> None:
    """No price on one side: no gap, and why stands in the notes."""
    table = gap(
        [make_run([*answers("closed-a", 8, 10), *answers("open-b", 5, 10)], open_b={"runner": "vllm"})]
    )
    row = table.frame.set_index("metric").loc["usd_per_task"]

    assert row["verdict"] == "unknown: no price"
    assert pd.isna(row["gap_points"])
    assert any("open-b: cost unknown" in line for line in table.warnings)


def test_the_columns_it_reads_are_all_it_uses(make_run: Make, attempt: Attempts, answers: Answers) -> None:
    """The gap of a folder is that of its whole table: with retries, a rate, failures, images and a cached answer."""
    cells = [("closed-a", 30), ("closed-b", 25), ("open-a", 28), ("open-b", 20)]
    rows = [row for model, right in cells for row in answers(model, right, 40)]
    odd: tuple[dict[str, Any], ...] = (
        {"final": False, "outcome": "infra", "score": None},
        {"attempt": 2},
        {"image_count": 1, "image_bytes": 9, "image_detail": "low"},
        {"from_cache": True},
        {"phase": "warmup"},
    )
    rows += [
        attempt(model_id=model, sample_id=f"late {number}", load_kind="rate", load_value=4.0, **given)
        for model, _ in cells
        for number, given in enumerate(odd)
    ]
    run = make_run(rows)

    assert gap([run]).to_json() == gap(load_runs([run])).to_json()


def test_one_side_alone_has_no_gap(make_run: Make, answers: Answers) -> None:
    """No closed model: an empty table that says so."""
    table = gap([make_run(answers("open-b", 5, 10))])

    assert table.frame.empty
    assert "no closed model" in table.headline()
    assert table.to_json()["rows"] == []


def test_the_json_has_the_documented_shape(make_run: Make, answers: Answers) -> None:
    """The keys of issue 5, numbers as numbers, no NaN."""
    document = gap([make_run([*answers("closed-a", 9, 10), *answers("open-b", 8, 10)])]).to_json()
    again = json.loads(json.dumps(document, allow_nan=False))
    row = again["rows"][0]

    assert again["schema"] == 1
    assert {"rows", "fairness", "simulated"} <= set(again)
    assert row["closed"] == {"model": "closed-a", "value": 0.9, "n": 10}
    assert row["open"] == {"model": "open-b", "value": 0.8, "n": 10}
    keys = (
        "category metric gap_points gap_percent_of_closed ci_low ci_high p_value verdict n_pairs items_needed"
    )
    assert set(keys.split()) <= set(row)
    assert isinstance(row["items_needed"], int)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"params_changes": ("temperature dropped: reasoning model",)},
            "open-b: temperature dropped: reasoning model.",
        ),
        ({"params_asked": '{"max_tokens":512}'}, "max_tokens differs: closed-a 256, open-b 512"),
        (
            {"params_asked": '{"max_tokens":256,"reasoning":"high"}'},
            "reasoning differs: closed-a the model's default, open-b high",
        ),
        (
            {"reasoning_disclosure": "hidden"},
            "reasoning is disclosed differently: closed-a none, open-b hidden.",
        ),
        ({"reasoning_tokens": 80}, "open-b reasons before it answers (80 tokens a request)"),
        (
            {"reasoning_tokens": 80, "reasoning_disclosure": "hidden"},
            "open-b reasons before it answers (80 tokens a request)",
        ),
        ({"load_value": 16.0}, "loads differ: closed-a c8, open-b c16"),
    ],
)
def test_a_broken_condition_is_named(
    make_run: Make, answers: Answers, given: dict[str, Any], said: str
) -> None:
    """Each difference between the sides is one sentence."""
    table = gap([make_run([*answers("closed-a", 9, 10), *answers("open-b", 8, 10, **given)])])

    assert any(line.startswith(said) for line in table.fairness), table.fairness
    assert 1 == sum("reason" in line for line in table.fairness) or "reason" not in said


def test_image_detail_is_compared(make_run: Make, answers: Answers) -> None:
    """The same images at another fidelity are not the same images."""
    rows = [
        *answers("closed-a", 9, 10, image_count=1, image_bytes=5000, image_detail="high"),
        *answers("open-b", 9, 10, image_count=1, image_bytes=5000),
    ]

    assert "image detail differs: closed-a high, open-b the default." in gap([make_run(rows)]).fairness


def test_a_fair_comparison_says_nothing(make_run: Make, answers: Answers) -> None:
    """A mere renaming of a parameter is no difference."""
    renamed = ("max_tokens sent as max_completion_tokens",)
    run = make_run([*answers("closed-a", 9, 10, params_changes=renamed), *answers("open-b", 9, 10)])

    assert gap([run]).fairness == []


def test_simulated_is_said(make_run: Make, answers: Answers) -> None:
    """One simulated side marks its rows and the table."""
    table = gap([make_run([*answers("closed-a", 9, 10), *answers("open-b", 8, 10, simulated=True)])])

    assert table.simulated
    assert table.frame["simulated"].all()


def test_what_would_settle_it_is_said_in_sources_where_items_share_them(
    make_run: Make, answers: Answers
) -> None:
    """Ten of 120 requests tell the two apart, all over one of 12 documents: more documents are needed."""
    rows = [
        dataclasses.replace(row, cluster_id=str(int(row.sample_id) // 10))
        for model, right in (("closed-a", 70), ("open-b", 60))
        for row in answers(model, right, 120)
    ]
    found = gap([make_run(rows)])
    row = found.frame.iloc[0]

    assert (row["verdict"], row["n_clusters"]) == ("not distinguishable", 12)
    assert re.search(
        r"; needs about [\d,]+ pairs from \d+ sources to settle it: start a fresh run of that size",
        found.headline(),
    )


def test_an_invalid_row_asks_for_no_more_pairs(make_run: Make, answers: Answers) -> None:
    """More of what a late client measured would settle nothing."""
    late = [dataclasses.replace(row, load_kind="rate") for row in answers("closed-a", 30, 40)]
    found = gap([make_run([*late, *answers("open-b", 30, 40)])]).frame
    times = found[found["verdict"].str.startswith("invalid")]

    assert len(times) == 3
    assert times["items_needed"].isna().all()


def test_an_interval_of_one_of_several_pairs_is_called_corrected(make_run: Make, answers: Answers) -> None:
    """With every pair of models, overall quality has several rows; alone it has 5 %."""
    rows = [*answers("closed-a", 90, 100), *answers("open-b", 60, 100), *answers("open-c", 85, 100)]
    run = make_run(rows)

    assert "points, corrected 95 % interval" in gap([run], all_pairs=True).headline()
    assert "points, 95 % interval" in gap([run]).headline()
