"""`bench tiers --guarantee` on runs: the promise, the rule in words and dollars, weights, and runs that do not qualify."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.economics.tiers_guarantee import Promise, guarantee_tiers
from gapbench.errors import InputError, ResultsError
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
POINT = Promise(1, 95)
COSTS = {
    name: {"cost": {"input_usd_per_mtok": price, "output_usd_per_mtok": price}}
    for name, price in (("open_a", 1), ("closed_a", 10))
}


def two_categories(make_run: Make, answers: Answers, *, count: int = 500) -> Path:
    """Return a run in which the open model is as good in coding, and right in half of reasoning, at a tenth of the price."""
    rows = [
        *answers("open-a", count, count, task="coding/f"),
        *answers("closed-a", count, count, task="coding/f"),
        *answers("open-a", count // 2, count),
        *answers("closed-a", count, count),
    ]
    return make_run(rows, **COSTS)


@pytest.mark.parametrize(
    ("text", "margin", "confidence"),
    [("1pp@95%", 1, 95), ("0.5 pp @ 99 %", 0.5, 99), ("2points@90%", 2, 90), ("1POINT@97.5%", 1, 97.5)],
)
def test_a_promise(text: str, margin: float, confidence: float) -> None:
    """Points and percent."""
    assert Promise(margin, confidence) == Promise.parse(text)


@pytest.mark.parametrize("text", ["", "1", "1pp", "1@95%", "1%@95%", "1pp@0.95", "0pp@95%", "100pp@95%", "1pp@100%", "1pp@5%", "-1pp@95%"])  # fmt: skip
def test_no_promise(text: str) -> None:
    """The message shows how it is written."""
    with pytest.raises(InputError, match="1pp@95%"):
        Promise.parse(text)


def test_the_rule_in_words_and_dollars(make_run: Make, answers: Answers) -> None:
    """Half of the tasks cost 0.0011 in place of 0.011 dollars: 45 % of 0.011 is 0.00495 a task, $9,900 for 2 million."""
    found = guarantee_tiers([two_categories(make_run, answers)], POINT, tasks_per_month=2e6)
    rule = found.to_json()["rule"]

    assert found.headline().startswith(
        "Send category coding to open-a and the rest to closed-a: saves $9.90K a month (45 %), loses at most 1 point with 95 % "
        "confidence (n=1,000 tasks"
    )
    assert found.headline().endswith(" points).")
    assert (["coding"], ["reasoning"]) == (rule["open_groups"], rule["closed_groups"])
    assert 0.5 * (0.011 - 0.0011) == pytest.approx(rule["saved_usd_per_task"])
    assert 2e6 * rule["saved_usd_per_task"] == pytest.approx(rule["saved_usd_per_month"])
    assert 0.011 == pytest.approx(found.to_json()["closed_usd_per_task"])


def test_the_same_dollars_as_the_table_of_tiers(make_run: Make, answers: Answers) -> None:
    """All closed costs the same in both."""
    run = two_categories(make_run, answers, count=100)
    tiers = evaluate_tiers([run], draws=100).frame.set_index("policy")

    assert tiers.loc["all closed", "usd_per_task"] == pytest.approx(
        guarantee_tiers([run], POINT).found.closed_usd
    )


def test_the_order_of_the_rows_changes_nothing(make_run: Make, answers: Answers, tmp_path: Path) -> None:
    """Which clusters are tested depends on their names."""
    rows = [
        *answers("open-a", 450, 500), *answers("closed-a", 460, 500),
    ]  # fmt: skip
    first, second = (
        guarantee_tiers([make_run(order, **COSTS)], Promise(5, 95)) for order in (rows, rows[::-1])
    )

    assert [one.p_value for one in first.found.tested] == [one.p_value for one in second.found.tested]


def test_few_tasks_are_told_how_many_more(make_run: Make, answers: Answers) -> None:
    """100 tasks: nothing, and a number."""
    found = guarantee_tiers([two_categories(make_run, answers, count=50)], POINT)

    assert found.headline().startswith("Nothing can be guaranteed")
    assert "more tasks would guarantee: send category coding to open-a" in found.advice()
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["rule"] is None


def test_a_model_that_loses_everywhere_is_not_helped_by_tasks(make_run: Make, answers: Answers) -> None:
    """Half of all answers are wrong."""
    rows = [*answers("open-a", 100, 200), *answers("closed-a", 200, 200)]

    assert "More tasks would not help" in guarantee_tiers([make_run(rows, **COSTS)], POINT).advice()


def test_the_weight_of_a_row_counts(make_run: Make, answers: Answers) -> None:
    """Coding stands for nine of ten requests, reasoning for one: 0.9 x 0.9 of the dollars are saved."""
    rows = [
        *answers("open-a", 500, 500, task="coding/f", weight=9.0, stratum="code"),
        *answers("closed-a", 500, 500, task="coding/f", weight=9.0, stratum="code"),
        *answers("open-a", 250, 500, weight=1.0, stratum="think"),
        *answers("closed-a", 500, 500, weight=1.0, stratum="think"),
    ]
    found = guarantee_tiers([make_run(rows, **COSTS)], POINT)
    chosen = found.found.chosen

    assert found.found.is_weighted
    assert chosen is not None
    assert 0.9 * (0.011 - 0.0011) == pytest.approx(chosen.saved_usd)
    assert any("drawn by strata" in line for line in found.warnings)


def repeated(rows: list[Attempt], times: Callable[[Attempt], int]) -> list[Attempt]:
    """Return each row as often as ``times`` says, as repeats of its item."""
    return [dataclasses.replace(row, repeat=number) for row in rows for number in range(times(row))]


def pairs_of_categories(answers: Answers) -> list[Attempt]:
    """Return 500 coding items that both models solve, and 500 reasoning items of which the open model solves half."""
    return [
        *answers("open-a", 500, 500, task="coding/f"), *answers("closed-a", 500, 500, task="coding/f"),
        *answers("open-a", 250, 500), *answers("closed-a", 500, 500),
    ]  # fmt: skip


def outcomes(run: Path) -> list[tuple[object, ...]]:
    """Return kind and condition of each tested rule, its dollars, calls, loss and error, and its p-value."""
    return [
        (
            one.rule.kind, one.rule.condition,
            one.saved_usd, one.usd, one.calls_saved, one.loss, one.loss_error, one.p_value,
        )
        for one in guarantee_tiers([run], POINT).found.tested
    ]  # fmt: skip


def test_the_answers_of_an_item_share_its_weight(make_run: Make, answers: Answers) -> None:
    """Coding and reasoning stand for as many requests. Coding items have 5 answers, reasoning items 1: half is saved, not 5/6."""
    rows = [
        *answers("open-a", 500, 500, task="coding/f", weight=1.0, stratum="code"),
        *answers("closed-a", 500, 500, task="coding/f", weight=1.0, stratum="code"),
        *answers("open-a", 250, 500, weight=1.0, stratum="think"),
        *answers("closed-a", 500, 500, weight=1.0, stratum="think"),
    ]
    rows = repeated(rows, lambda row: 5 if row.task == "coding/f" else 1)
    found = guarantee_tiers([make_run(rows, **COSTS)], POINT).found

    assert (3_000, 1_000) == (found.n, found.clusters)
    assert found.chosen is not None
    assert 0.5 * (0.011 - 0.0011) == pytest.approx(found.chosen.saved_usd)
    assert 1 / 1_000 == pytest.approx(found.heaviest_share)


def test_an_item_of_weight_k_with_k_answers_counts_as_k_requests(make_run: Make, answers: Answers) -> None:
    """Each of its answers has a weight of 1, as without weights: loss, error, p-value and dollars are the same to the last digit."""
    rows = repeated(pairs_of_categories(answers), lambda row: 1 + int(row.sample_id) % 5)
    weighted = [dataclasses.replace(row, weight=1.0 + int(row.sample_id) % 5, stratum="all") for row in rows]
    found, plain = (
        outcomes(make_run(part, name=name, **COSTS))
        for name, part in (("weighted", weighted), ("plain", rows))
    )

    assert found
    assert found == plain


@pytest.mark.parametrize("answered", [1, 2, 4])
def test_means_are_those_of_the_replica(make_run: Make, answers: Answers, answered: int) -> None:
    """Items of weight 4 with 1, 2 or 4 answers, others of weight 8 with one; the replica has each answer 4, 2, 1 or 8 times."""
    rows = repeated(pairs_of_categories(answers), lambda row: 1 if int(row.sample_id) % 2 else answered)
    weights = [(8.0 if int(row.sample_id) % 2 else 4.0) for row in rows]
    weighted = [
        dataclasses.replace(row, weight=weight, cluster_id=row.sample_id)
        for row, weight in zip(rows, weights, strict=True)
    ]
    replica = [
        dataclasses.replace(row, sample_id=f"{row.sample_id}.{row.repeat}.{copy}", cluster_id=row.sample_id,
                            repeat=0, prompt_sha256=f"{row.task}{row.sample_id}.{row.repeat}.{copy}")
        for row in rows
        for copy in range(8 if int(row.sample_id) % 2 else 4 // answered)
    ]  # fmt: skip
    figures = [
        {one[:2]: one[2:-1] for one in outcomes(make_run(part, name=name, **COSTS))}
        for name, part in (("weighted", weighted), ("replica", replica))
    ]

    assert figures[0].keys() & figures[1].keys()
    for rule in figures[0].keys() & figures[1].keys():
        assert figures[0][rule] == pytest.approx(figures[1][rule])


def test_the_table_of_tiers_counts_the_traffic_as_the_guarantee_does(
    make_run: Make, answers: Answers
) -> None:
    """The open model is right on 30 items of weight 9 and wrong on 30 of weight 1: 90 %, and 10 points behind."""
    rows = [
        *answers("open-a", 30, 30, weight=9.0), *answers("open-a", 0, 30, start=30, weight=1.0),
        *answers("closed-a", 30, 30, weight=9.0), *answers("closed-a", 30, 30, start=30, weight=1.0),
    ]  # fmt: skip
    tiers = evaluate_tiers([make_run(rows, **COSTS)], draws=100)
    policies = tiers.frame.set_index("policy")

    assert policies.loc["all open", "quality"] == pytest.approx(0.9)
    assert tiers.gap.estimate == pytest.approx(0.1)
    assert tiers.to_json()["weights"] == "traffic"


def test_requests_without_a_score_are_counted(make_run: Make, answers: Answers) -> None:
    """The open model fails on 1 of 60, of which the guarantee knows nothing."""
    rows = [*answers("open-a", 60, 60), *answers("closed-a", 60, 60)]
    rows[0] = dataclasses.replace(rows[0], outcome="infra", score=None)
    found = guarantee_tiers([make_run(rows, **COSTS)], POINT)

    assert 59 == found.found.n
    assert any(line.startswith("open-a: 1 of 60 requests failed") for line in found.warnings)


def test_a_cluster_that_dominates_is_named(make_run: Make, answers: Answers) -> None:
    """40 of 1,000 tasks share a document: 4 % of the weight."""
    rows = answers("open-a", 960, 960) + answers("closed-a", 960, 960)
    rows += answers("open-a", 40, 40, start=960, cluster_id="book")
    rows += answers("closed-a", 40, 40, start=960, cluster_id="book")
    found = guarantee_tiers([make_run(rows, **COSTS)], POINT)

    assert (1_000, 961) == (found.found.n, found.found.clusters)
    assert any("one cluster holds 4 % of the weight" in line for line in found.warnings)


def test_a_run_that_may_have_stopped_by_its_scores_is_refused(make_run: Make, answers: Answers) -> None:
    """The number of samples must be fixed before."""
    run = two_categories(make_run, answers, count=50)
    written = json.loads((run / "run.json").read_text())
    written["sequential"] = {
        "rule": "always-valid e-process", "alpha": 0.05, "margin_points": 1.7, "comparisons": 1, "largest_cluster": 1,
        "planned_pairs": 100, "information": [], "looks": [], "decision": None,
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(written))

    with pytest.raises(ResultsError, match="without --until-sure"):
        guarantee_tiers([run], POINT)
