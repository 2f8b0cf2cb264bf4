"""Routers and cascades: measures by hand, thresholds on other folds, and what rows give."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gapbench.analysis.economics.routing import (
    RoutedTasks,
    apgr,
    assign_folds,
    best_by_category,
    call_performance_threshold,
    category_scores,
    incremental_benefit,
    needed_acceptance,
    oracle,
    route_to_closed,
    routing_outcome,
)
from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.quality.gap import gap
from gapbench.errors import ResultsError
from gapbench.values import Attempt
from tests.run_folders import make_answers, write_run_with_targets

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
PRICE = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}
SPLIT = np.linspace(0.0, 1.0, 11)


def items(count: int = 400, *, open_right: float = 0.5, seed: int = 1) -> RoutedTasks:
    """Return tasks of two categories: the closed model solves all, the open one more of the first."""
    rng = np.random.default_rng(seed)
    category = np.arange(count) % 2
    right = rng.random(count) < np.where(category == 0, 0.95, 2 * open_right - 0.95)
    ones = np.ones(count)
    return RoutedTasks(
        right.astype(float), ones, ones * 0.001, ones * 0.01, ones, ones * 3, category, np.arange(count)
    )


def test_a_router_pays_one_call_and_a_cascade_both() -> None:
    """Two tasks, the second sent on: 0.001 and 0.01, or 0.001 + v and 0.001 + v + 0.01; times add up alike."""
    two = items(2)
    chosen = np.array([[False], [True]])
    routed, cascaded = routing_outcome(two, chosen, "router"), routing_outcome(two, chosen, "cascade", 0.0005)

    assert [0.001, 0.01] == pytest.approx(list(routed.usd[:, 0]))
    assert [0.0015, 0.0115] == pytest.approx(list(cascaded.usd[:, 0]))
    assert ([1, 3], [1, 4]) == (list(routed.response_s[:, 0]), list(cascaded.response_s[:, 0]))


def test_a_cascade_that_trusts_nothing_costs_more_than_all_closed() -> None:
    """C_w + v + C_s > C_s."""
    some = items(10)
    everything = routing_outcome(some, np.ones((10, 1), dtype=bool), "cascade", 0.0005)

    assert 0.0115 == pytest.approx(everything.usd.mean())


def test_a_fold_holds_whole_clusters() -> None:
    """Tasks of one cluster are never on both sides of a threshold."""
    cluster = np.repeat(np.arange(50), 3)
    fold = assign_folds(cluster, 7)

    assert all(1 == len(set(fold[cluster == one])) for one in range(50))
    assert {0, 1, 2, 3, 4} == set(fold)


def test_decisions_send_the_share_asked_for() -> None:
    """Each tenth of distinct scores, within a task or two of each fold; the ends are nobody and everybody."""
    rng = np.random.default_rng(3)
    score = rng.random(1_000)
    chosen = route_to_closed(score, assign_folds(np.arange(1_000), 3), 3, SPLIT)

    assert list(chosen.mean(axis=0)) == pytest.approx(list(SPLIT), abs=0.03)
    assert (0, 1_000) == (chosen[:, 0].sum(), chosen[:, -1].sum())


def test_the_highest_scores_go_first() -> None:
    """At a fifth, those sent score above those kept within each fold."""
    score = np.random.default_rng(4).random(500)
    fold = assign_folds(np.arange(500), 4)
    sent = route_to_closed(score, fold, 4, np.array([0.2]))[:, 0]

    for one in range(5):
        here = fold == one
        assert score[here & sent].min() > score[here & ~sent].max()


def test_alike_scores_are_a_random_mix() -> None:
    """A signal without information sends the share asked for, at random."""
    chosen = route_to_closed(np.zeros(2_000), assign_folds(np.arange(2_000), 5), 5, np.array([0.3]))

    assert 0.3 == pytest.approx(chosen.mean(), abs=0.03)


def test_a_category_is_scored_on_the_other_folds() -> None:
    """With the gain only in one fold's own tasks, that fold's score does not know it."""
    some = items(100)
    fold = assign_folds(some.cluster, 6)
    poisoned = dataclasses.replace(some, open_quality=np.where(fold == 0, 0.0, some.closed_quality))

    assert (category_scores(poisoned, fold)[fold == 0] == 0).all()
    assert (category_scores(poisoned, fold)[fold != 0] > 0).all()


def test_the_best_model_of_each_category() -> None:
    """The closed model is picked where it gains more than it is worth."""
    some = items(400)
    fold = assign_folds(some.cluster, 6)
    free, frugal = best_by_category(some, fold), best_by_category(some, fold, usd_weight=20.0)

    assert free.all()
    assert [False, True] == [bool(frugal[some.category == kind].all()) for kind in (0, 1)]


def test_the_oracle_takes_the_cheaper_of_two_right_answers() -> None:
    """Closed only where it alone is right."""
    some = items(100)

    assert list(oracle(some)) == list(some.open_quality == 0)


def test_a_random_mix_has_an_average_gap_recovered_of_a_half() -> None:
    """The straight line between both models; a perfect router has 1 less half its share."""
    line = apgr(SPLIT, 0.6 + 0.3 * SPLIT, np.array(0.6), np.array(0.9))
    perfect = apgr(SPLIT, np.minimum(0.6 + SPLIT, 0.9), np.array(0.6), np.array(0.9))

    assert 0.5 == pytest.approx(float(line))
    assert 1 - 0.3 / 2 == pytest.approx(float(perfect), abs=0.001)


def test_calls_for_a_share_of_the_gap() -> None:
    """Between 0.2 and 0.4 of the calls recovery goes from 0.5 to 0.9: 0.8 lies at 0.35; a dip does not count."""
    spent = np.array([0.0, 0.2, 0.3, 0.4])

    assert 0.35 == pytest.approx(call_performance_threshold(spent[[0, 1, 3]], np.array([0.0, 0.5, 0.9]), 0.8))
    assert 0.2 == pytest.approx(call_performance_threshold(spent, np.array([0.0, 0.5, 0.4, 0.9]), 0.5))
    assert call_performance_threshold(spent, np.array([0.0, 0.1, 0.2, 0.3]), 0.8) is None


def test_benefit_per_dollar_over_a_random_mix() -> None:
    """0.2 points for 0.001 against 0.4 for 0.004: twice the benefit per dollar, +100 %."""
    found = incremental_benefit(np.array(0.7), np.array(0.002), (np.array(0.5), np.array(0.001)),
                                (np.array(0.9), np.array(0.005)))  # fmt: skip

    assert 100 == pytest.approx(float(found))


def test_the_acceptance_that_pays_for_a_cascade() -> None:
    """(0.001 + 0.0005) / 0.01 of the open answers."""
    assert 0.15 == pytest.approx(needed_acceptance(0.001, 0.01, 0.0005))


def both(answers: Answers, *, open_right: int, closed_right: int, count: int = 100) -> list[Attempt]:
    """Return rows of both models on the same tasks; the open one solves the first, cheaply."""
    return [
        *answers("open-a", open_right, count),
        *answers("closed-a", closed_right, count),
    ]


OPEN = {"runner": "openai", "cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}}


def test_policies_from_rows(make_run: Make, answers: Answers) -> None:
    """Both ends as measured, the oracle above both, a resolved gap with its measures."""
    found = evaluate_tiers([make_run(both(answers, open_right=50, closed_right=90), open_a=OPEN)], draws=200)
    rows = found.frame.set_index("policy")

    assert 100 == found.n
    assert 0.4 == pytest.approx(found.gap.estimate)
    assert found.is_resolved
    assert [0.5, 0.9, 0.9] == pytest.approx(
        [rows["quality"][name] for name in ("all open", "all closed", "oracle")]
    )
    assert rows["usd_per_task"]["all closed"] == pytest.approx(0.00315)
    assert 1100 * 0.1e-6 / 0.00315 == pytest.approx(found.needed_acceptance)
    assert rows["usd_per_task"]["oracle"] == pytest.approx(0.6 * 1100 * 0.1e-6 + 0.4 * 0.00315)


def test_bad_form_is_a_signal_that_pays(make_run: Make, answers: Answers) -> None:
    """The open model fails only by answers without form: sending those on recovers all of the gap for 40 % of calls."""
    rows = [
        dataclasses.replace(row, outcome="unparsed")
        if row.model_id == "open-a" and row.outcome == "wrong"
        else row
        for row in both(answers, open_right=60, closed_right=100)
    ]
    found = evaluate_tiers([make_run(rows, open_a=OPEN)], draws=200, target=1.0)
    row = found.frame.set_index("policy").loc["cascade on bad form"]

    assert row["quality"] == pytest.approx(1.0, abs=0.02)
    assert row["closed_share"] == pytest.approx(0.4, abs=0.08)
    assert row["apgr"] == pytest.approx(1 - 0.4 / 2, abs=0.03)
    assert row["delta_ibc_low"] > 0


def test_disagreement_of_repeats_is_a_signal(make_run: Make, answers: Answers) -> None:
    """Asked three times, wrong answers differ each time: they are sent on."""
    rows: list[Attempt] = []
    for repeat in range(3):
        for row in both(answers, open_right=50, closed_right=100):
            given = f"guess {repeat}" if row.outcome == "wrong" else "4"
            rows.append(dataclasses.replace(row, repeat=repeat, answer=given))
    found = evaluate_tiers([make_run(rows, open_a=OPEN)], draws=200)
    measured = found.frame.set_index("policy")["apgr"]

    assert measured["cascade on disagreement"] == pytest.approx(1 - 0.5 / 2, abs=0.03)


def test_a_gap_that_is_not_resolved_has_no_measures(make_run: Make, answers: Answers) -> None:
    """The headline says so, in place of the share recovered."""
    found = evaluate_tiers([make_run(both(answers, open_right=88, closed_right=90), open_a=OPEN)], draws=100)

    assert not found.is_resolved
    assert found.headline().startswith("Gap not resolved")
    assert found.frame[["apgr", "cpt_80", "delta_ibc_percent"]].isna().all(axis=None)


def test_without_prices_calls_are_compared(make_run: Make, answers: Answers) -> None:
    """Dollars are null, quality and calls are there, and a warning says so."""
    run = make_run(both(answers, open_right=50, closed_right=90), open_a={"runner": "vllm"})
    found = evaluate_tiers([run], draws=100)

    assert found.needed_acceptance is None
    assert found.frame.set_index("policy")["usd_per_task"].isna()["oracle"]
    assert found.frame.set_index("policy")["apgr"].notna()["route by category"]
    assert any("unknown" in line for line in found.warnings)
    assert json.dumps(found.to_json(), allow_nan=False)


def test_tiers_repeat_with_their_seed(make_run: Make, answers: Answers) -> None:
    """The same rows and seed give the same table."""
    run = make_run(both(answers, open_right=50, closed_right=90), open_a=OPEN)

    assert evaluate_tiers([run], draws=50).to_json() == evaluate_tiers([run], draws=50).to_json()


def test_tiers_need_one_of_each_on_enough_tasks(make_run: Make, answers: Answers) -> None:
    """Said in one line, with what there is."""
    with pytest.raises(ResultsError, match="no open model"):
        evaluate_tiers([make_run(answers("closed-a", 9, 30), name="one")])
    few = make_run(both(answers, open_right=5, closed_right=9, count=10), name="few", open_a=OPEN)
    with pytest.raises(ResultsError, match="at least 20"):
        evaluate_tiers([few])
    with pytest.raises(ResultsError, match="there are: open-a"):
        evaluate_tiers([few], open_model="closed-a")


def test_a_choice_by_category_below_both_is_explained(make_run: Make, answers: Answers) -> None:
    """Equal models, each right on the odd or the even tasks: a pick from the other folds is turned by what is left out."""
    halves = {"open-a": 0, "closed-a": 1}
    rows = [
        dataclasses.replace(row, outcome="correct" if right else "wrong", score=float(right))
        for model, rest in halves.items()
        for place, row in enumerate(answers(model, 0, 40))
        for right in [place % 2 == rest]
    ]
    found = evaluate_tiers([make_run(rows, open_a={"cost": PRICE}, closed_a={"cost": PRICE})])
    quality = found.frame.set_index("policy")["quality"]

    assert quality["best by category"] < quality["all open"] == quality["all closed"]
    assert any("no gain from choosing by category" in line for line in found.warnings)


def test_a_choice_by_category_that_pays_needs_no_word(make_run: Make, answers: Answers) -> None:
    """The open model solves one category, the closed one the other."""
    rows = [
        row
        for model, right in (("open-a", (40, 10)), ("closed-a", (10, 40)))
        for task, count in zip(("one/t", "two/t"), right, strict=True)
        for row in answers(model, count, 40, task=task)
    ]
    found = evaluate_tiers([make_run(rows, open_a={"cost": PRICE}, closed_a={"cost": PRICE})])

    assert not any("choosing by category" in line for line in found.warnings)


def three_models(make_run: Make, answers: Answers, *, in_coding: int = 60) -> Path:
    """Return a run in which `open-sql` answered coding only: ``in_coding`` of 60 right, at a tenth of the price."""
    rows = [
        *answers("open-a", 30, 60),
        *answers("closed-a", 54, 60),
        *answers("open-a", 30, 60, task="coding/f"),
        *answers("closed-a", 48, 60, task="coding/f"),
        *answers("open-sql", in_coding, 60, task="coding/f"),
    ]
    cheap = {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}
    costs = {
        "open_a": PRICE,
        "closed_a": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 10},
        "open_sql": cheap,
    }
    return make_run(rows, **{name: {"cost": price, "runner": "openai"} for name, price in costs.items()})


def test_a_purpose_built_model_gets_the_category_it_is_best_at(make_run: Make, answers: Answers) -> None:
    """All of coding right against 48 of 60: 54 + 60 of 120, and coding at a hundredth of the closed price."""
    found = evaluate_tiers(
        [three_models(make_run, answers)], open_model="open-a", purpose_built=["open-sql"], draws=100
    )
    row = found.frame.set_index("policy").loc["purpose-built by category"]
    tier = found.purpose_built.iloc[0]

    assert (54 + 60) / 120 == pytest.approx(row["quality"])
    assert (1100 * 10 + 1100 * 0.1) / 2 / 1e6 == pytest.approx(row["usd_per_task"])
    assert 0.5 == row["closed_share"]
    assert ("coding", "open-sql", 60, 1.0) == (
        tier["category"],
        tier["model_id"],
        tier["n"],
        tier["chosen_share"],
    )
    assert (1.0, 0.8) == pytest.approx((tier["quality"], tier["best_quality"]))
    assert 1 == len(json.loads(json.dumps(found.to_json(), allow_nan=False))["purpose_built"])


def test_a_purpose_built_model_that_is_worse_gets_nothing(make_run: Make, answers: Answers) -> None:
    """30 of 60 against 48: the general models keep the category."""
    run = three_models(make_run, answers, in_coding=30)
    found = evaluate_tiers([run], open_model="open-a", purpose_built=["open-sql"], draws=100)
    rows = found.frame.set_index("policy")["quality"]

    assert 0.0 == found.purpose_built["chosen_share"].iloc[0]
    assert rows["best by category"] == rows["purpose-built by category"]


def test_a_purpose_built_model_is_not_picked_as_the_open_one(make_run: Make, answers: Answers) -> None:
    """It answered half of the tasks, all right; the open model of the comparison is the general one."""
    found = evaluate_tiers([three_models(make_run, answers)], purpose_built=["open-sql"], draws=100)

    assert ("open-a", 120) == (found.open_model, found.n)


def test_a_purpose_built_model_must_share_tasks(make_run: Make, answers: Answers) -> None:
    """No such model, or none of the tasks."""
    rows = [
        *answers("open-a", 30, 60),
        *answers("closed-a", 54, 60),
        *answers("open-b", 5, 5, task="other/t"),
    ]
    run = make_run(rows)

    with pytest.raises(ResultsError, match="shares no answered task"):
        evaluate_tiers([run], open_model="open-a", purpose_built=["open-b"])
    with pytest.raises(ResultsError, match="no run here has a model"):
        evaluate_tiers([run], purpose_built=["open-x"])


def changed_after(folder: Path, models: dict[str, str], changed: int, count: int = 60) -> list[Path]:
    """Write one run for each model (by the version of its task); in "two" so many targets are others."""
    folders = []
    for model, version in models.items():
        rows = make_answers(model, count // 2, count, task_sha256=version, run_id=f"run-{model}")
        targets = [str(k + 1000 * (version == "two" and k < changed)) for k in range(count)]
        folders.append(write_run_with_targets(folder / f"run-{model}", rows, targets))
    return folders


@pytest.mark.parametrize("changed", [0, 25])
def test_tasks_with_another_target_are_left_out_of_tiers(tmp_path: Path, changed: int) -> None:
    """As in the gap table, and a note says how many."""
    runs = changed_after(tmp_path, {"closed-a": "one", "open-a": "two"}, changed)
    found = evaluate_tiers(runs, draws=50)
    notes = [line for line in found.warnings if "left out" in line]

    assert 60 - changed == found.n
    assert notes == (
        [
            (
                "open-a and closed-a: 25 of 60 shared tasks were judged by another version of the task, scorer or target and "
                "are left out"
            )
        ]
        if changed
        else []
    )


def test_too_few_tasks_with_the_same_target_are_no_tiers(tmp_path: Path) -> None:
    """The error says why so few are left."""
    runs = changed_after(tmp_path, {"closed-a": "one", "open-a": "two"}, 50)

    with pytest.raises(
        ResultsError, match=r"both answered 10 tasks .*50 of 60 shared tasks were judged by another"
    ):
        evaluate_tiers(runs, draws=50)


def test_the_tasks_are_those_of_the_gap_and_the_loads_are_named(make_run: Make) -> None:
    """100 answers of each model at c1 and 50 at r8; 40 probes of a search, all wrong, are left out as in every other table."""
    rows = []
    for model in ("open-a", "closed-a"):
        for load, kind, value, count in (
            ("c1", "concurrency", 1.0, 100),
            ("r8", "rate", 8.0, 50),
            ("s9#1", "search", 9.0, 40),
        ):
            made = make_answers(model, 0 if kind == "search" else count, count)
            cell = f"{model}|{made[0].task}|{load}"
            rows += [dataclasses.replace(row, load_kind=kind, load_value=value, cell_id=cell) for row in made]
    folder = make_run(rows, open_a=OPEN)
    found = evaluate_tiers([folder], draws=100)
    gaps = gap([folder]).frame
    pairs = gaps[gaps["metric"] == "accuracy"].iloc[0]

    assert (150, 150) == (found.n, pairs["n_pairs"])
    assert (
        "dollars and times are means over the loads of these runs (c1, r8); `bench gap` has them load by load"
        in found.warnings
    )
