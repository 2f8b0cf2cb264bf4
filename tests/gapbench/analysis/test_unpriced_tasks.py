"""Dollars per task and per right answer: the same in every command, whatever was lost, has no score or no known cost."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.report import markdown_tables
from gapbench.report.regression import comparison_table
from gapbench.report.tables.cost import cost_table
from gapbench.report.tables.gap import gap_table
from gapbench.values import Attempt
from tests.run_folders import make_attempt, write_run

PRICE = {"cost": {"input_usd_per_mtok": 10.0, "output_usd_per_mtok": 0.0, "source": "a test"}}
DOLLAR = 100_000
"""Input tokens that cost $1."""
RULE = RegressionRule.parse("cost_per_task>5%")
RULES = {"usd_per_task": RULE, "usd_per_correct": RegressionRule.parse("cost_per_correct>5%")}
Found = dict[str, Any]


def both_models(**given: Any) -> list[Attempt]:
    """Return an attempt of a closed and of an open model."""
    given = {"output_tokens": 0, **given}
    if given.get("outcome") == "infra":
        given = {"score": None, "failure_kind": "server", **given}
    return [make_attempt(model_id=model, **given) for model in ("closed-a", "open-b")]


def weighted_rows() -> list[Attempt]:
    """Return an item of weight 3 with an answer of $2 and one of unknown cost, and one of weight 1 with $1 and a lost $4."""
    heavy = {"sample_id": "heavy", "weight": 3.0, "stratum": "s"}
    light = {"sample_id": "light", "weight": 1.0, "stratum": "s"}
    return [
        *both_models(**heavy, input_tokens=2 * DOLLAR),
        *both_models(**heavy, repeat=1, input_tokens=None, output_tokens=None),
        *both_models(**light, input_tokens=DOLLAR),
        *both_models(**light, repeat=1, outcome="infra", input_tokens=4 * DOLLAR),
    ]


def figures(folder: Path, name: str = "usd_per_task") -> tuple[Found, Found]:
    """Return, by command, the dollars of a task of the open model and the share of the tasks without a known cost."""
    runs = load_runs([folder])
    costs = cost(runs).frame.drop_duplicates("model_id", keep="last").set_index("model_id").loc["open-b"]
    rows = gap(runs).frame
    whole = ((rows["category"] == "overall") | (rows["category"].nunique() == 1)) & (rows["metric"] == name)
    paired = rows[whole.to_numpy()].iloc[0]
    models = summarize(runs).level("model").set_index("model_id")
    compared = compare_runs([folder], [folder], [RULES[name]]).frame.set_index("model_id").loc["open-b"]
    usd = {
        "cost": costs[name], "gap": paired["open_value"], "report": models.loc["open-b", name],
        "compare": compared["new"],
    }  # fmt: skip
    shares = {
        command: row["unpriced_share"]
        for command, row in (("cost", costs), ("gap", paired), ("compare", compared))
    }
    return usd, shares


def test_an_answer_of_unknown_cost_is_left_out_and_the_others_of_its_item_stand_for_it(
    tmp_path: Path,
) -> None:
    """(3 · $2 + 1 · ($1 + $4)) / (3 + 1) is $2.75; of the weight of answers 1.5 of 4 has no known cost."""
    usd, shares = figures(write_run(tmp_path / "run", weighted_rows(), closed_a=PRICE, open_b=PRICE))

    assert usd == pytest.approx(dict.fromkeys(usd, 2.75))
    assert shares == pytest.approx(dict.fromkeys(shares, 1.5 / 4))


def test_without_weights_each_request_of_known_cost_counts_once(tmp_path: Path) -> None:
    """($2 + $1 + $4) / 2 is $3.50; one of three answers has no known cost."""
    rows = [dataclasses.replace(row, weight=None, stratum=None) for row in weighted_rows()]

    usd, shares = figures(write_run(tmp_path / "run", rows, closed_a=PRICE, open_b=PRICE))

    assert usd == pytest.approx(dict.fromkeys(usd, 3.5))
    assert shares == pytest.approx(dict.fromkeys(shares, 1 / 3))


def test_a_lost_request_of_unknown_cost_is_not_free(tmp_path: Path) -> None:
    """A lost request with counts that cannot be true leaves its item as if it had not been sent, with a billed retry or without.

    (3 · $2 + 1 · $1) / 4 is $1.75 where the lost $4 are not known.
    """
    rows = [
        dataclasses.replace(row, input_tokens=-1) if row.outcome == "infra" else row
        for row in weighted_rows()
    ]
    retry = {"attempt": 1, "final": False, "outcome": "infra", "input_tokens": DOLLAR}
    tried = [
        dataclasses.replace(row, attempt=2) if row.outcome == "infra" else row for row in rows
    ] + both_models(sample_id="light", weight=1.0, stratum="s", repeat=1, **retry)

    for name, found in (("once", rows), ("twice", tried)):
        usd, _ = figures(write_run(tmp_path / name, found, closed_a=PRICE, open_b=PRICE))
        assert usd == pytest.approx(dict.fromkeys(usd, 1.75))


def test_every_table_names_the_share_without_a_known_cost(tmp_path: Path) -> None:
    """37.5 % of the weight, under the costs, in the verdict of a gap, and in that of a gate."""
    folder = write_run(tmp_path / "run", weighted_rows(), closed_a=PRICE, open_b=PRICE)
    runs = load_runs([folder])

    assert (
        "open-b: cost of 37.5 % of tasks, by weight, not known; dollars per task are of the others.",
        "warning",
    ) in cost_table(cost(runs)).notes
    for table in (gap_table(gap(runs)), comparison_table(compare_runs([folder], [folder], [RULE]))):
        assert "cost of 37.5 % of pairs not known" in markdown_tables.render_table(table)


def test_nothing_is_said_where_every_cost_is_known(tmp_path: Path) -> None:
    """The share is 0, and no line names it."""
    rows = [row for row in weighted_rows() if row.input_tokens is not None]
    folder = write_run(tmp_path / "run", rows, closed_a=PRICE, open_b=PRICE)

    _, shares = figures(folder)

    assert shares == dict.fromkeys(shares, 0.0)
    assert "not known" not in markdown_tables.render_table(cost_table(cost(load_runs([folder]))))


def test_a_model_without_a_price_has_none_for_any_task(tmp_path: Path) -> None:
    """The share is 1, and the table says *price unknown* where the price stands."""
    rows = [row for row in weighted_rows() if row.model_id == "open-b"]
    unpriced = {"cost": None, "name": "unheard-of", "price_provider": "openai"}
    table = cost(load_runs([write_run(tmp_path / "run", rows, open_b=unpriced)]))

    assert (1.0, None) == (table.frame["unpriced_share"].iloc[0], table.frame["usd_per_task"].iloc[0])
    assert "price unknown" in markdown_tables.render_table(cost_table(table))
    assert "of the others" not in markdown_tables.render_table(cost_table(table))


def random_rows(seed: int, unscored: float = 0.0) -> list[Attempt]:
    """Return rows of weighted items that are asked twice: answered or lost, made again or not, and of known cost or not.

    A share of the answers has no score.

    Every category has an answer of known cost in every load, which takes on what was lost there.
    """
    rng = random.Random(seed)
    is_weighted, unknown = rng.random() < 0.8, rng.choice((0.0, 0.2, 0.6))
    rows = [
        row
        for task in ("reasoning/sums", "coding/patches")
        for row in both_models(
            task=task,
            sample_id="first",
            weight=2.0 if is_weighted else None,
            stratum="s" if is_weighted else None,
        )
    ]
    for task in ("reasoning/sums", "coding/patches"):
        for number in range(rng.randint(2, 9)):
            given: dict[str, Any] = {"task": task, "sample_id": str(number), "cluster_id": str(number // 2)}
            if is_weighted:
                given |= {"weight": float(rng.randint(1, 9)), "stratum": str(number % 2)}
            for repeat in (0, 1):
                outcome = rng.choices(("correct", "wrong", "infra"), (0.4, 0.3, 0.3))[0]
                if unscored and outcome != "infra" and rng.random() < unscored:
                    outcome = "unscored"
                own = {
                    **given,
                    "repeat": repeat,
                    "outcome": outcome,
                    "input_tokens": rng.randint(0, 9) * DOLLAR,
                }
                if rng.random() < unknown:
                    own["input_tokens"] = -1
                if rng.random() < 0.3:
                    again = {
                        "outcome": "infra",
                        "final": False,
                        "input_tokens": rng.choice((0, 1, -1)) * DOLLAR,
                    }
                    rows += both_models(**{**own, **again})
                    own["attempt"] = 2
                rows += both_models(**own)
    return rows


def plain_usd(rows: list[Attempt]) -> tuple[float, float, float]:
    """Return dollars per task of a model by sums in dictionaries, the share of its tasks without a known cost, and dollars per right answer.

    Of the dollars of lost requests of a task each of its answers has an equal part by weight.
    """
    usd: dict[Any, float] = defaultdict(float)
    ended: dict[Any, Attempt] = {}
    for row in rows:
        key = (row.task, row.sample_id, row.repeat)
        tokens = row.input_tokens
        usd[key] += math.nan if tokens is None or tokens < 0 else tokens / DOLLAR
        if row.final:
            ended[key] = row
    weight_of = {key: 1.0 if row.weight is None else row.weight for key, row in ended.items()}
    answers = {key for key, row in ended.items() if row.outcome != "infra"}
    known = {key for key in ended if not math.isnan(usd[key])}

    def each(keys: set[Any]) -> dict[Any, float]:
        """The weight of each request: those of an item share its weight where there are weights."""
        if not is_weighted:
            return dict.fromkeys(keys, 1.0)
        of_item: dict[Any, int] = defaultdict(int)
        for key in keys:
            of_item[key[:2]] += 1
        return {key: weight_of[key] / of_item[key[:2]] for key in keys}

    is_weighted = rows[0].weight is not None
    priced = each(answers & known)
    with_answer = {key[:2] for key in priced}
    # Lost requests count as often as an answer of their item or, without one of known cost, share its weight.
    per_answer = {key[:2]: weight for key, weight in priced.items()}
    alone = each({key for key in known - answers if key[:2] not in with_answer})
    lost = sum(
        usd[key] * (per_answer[key[:2]] if key[:2] in with_answer else alone[key]) for key in known - answers
    )
    total = sum(usd[key] * weight for key, weight in priced.items()) + lost
    shares = each(answers)
    lost_of: dict[str, float] = defaultdict(float)
    for key in known - answers:
        lost_of[key[0]] += usd[key] * (per_answer[key[:2]] if key[:2] in with_answer else alone[key])
    weight_of_task: dict[str, float] = defaultdict(float)
    for key, weight in priced.items():
        weight_of_task[key[0]] += weight
    scored = each({key for key in priced if ended[key].outcome != "unscored"})
    right = sum(weight for key, weight in scored.items() if ended[key].outcome == "correct")
    for_scored = sum(
        weight * (usd[key] + lost_of[key[0]] / weight_of_task[key[0]]) for key, weight in scored.items()
    )
    return (
        total / sum(priced.values()),
        sum(shares[key] for key in answers - known) / sum(shares.values()),
        for_scored / right,
    )


@pytest.mark.parametrize("seed", range(12))
def test_every_command_has_the_plain_sums(tmp_path: Path, seed: int) -> None:
    """Whatever is lost, made again or of unknown cost, with weights and without."""
    rows = random_rows(seed)
    expected, share, _ = plain_usd([row for row in rows if row.model_id == "open-b"])

    usd, shares = figures(write_run(tmp_path / "run", rows, closed_a=PRICE, open_b=PRICE))

    assert usd == pytest.approx(dict.fromkeys(usd, expected))
    assert shares == pytest.approx(dict.fromkeys(shares, share))


@pytest.mark.parametrize("seed", range(16, 40))
def test_every_command_has_the_plain_sums_per_right_answer(tmp_path: Path, seed: int) -> None:
    """Answers without a score have their part of what lost requests took, and no part of the dollars per right answer."""
    rows = random_rows(seed, unscored=0.3)
    expected = plain_usd([row for row in rows if row.model_id == "open-b"])[2]

    usd, _ = figures(write_run(tmp_path / "run", rows, closed_a=PRICE, open_b=PRICE), "usd_per_correct")

    assert usd == pytest.approx(dict.fromkeys(usd, expected))


@pytest.mark.parametrize("seed", range(12, 16))
def test_requests_of_unknown_cost_are_as_if_they_had_not_been_sent(tmp_path: Path, seed: int) -> None:
    """A file without them has the same dollars per task."""
    rows = random_rows(seed)
    bad = {
        (row.task, row.sample_id, row.repeat)
        for row in rows
        if row.input_tokens is None or row.input_tokens < 0
    }
    rest = [row for row in rows if (row.task, row.sample_id, row.repeat) not in bad]

    found, _ = figures(write_run(tmp_path / "all", rows, closed_a=PRICE, open_b=PRICE))
    expected, shares = figures(write_run(tmp_path / "rest", rest, closed_a=PRICE, open_b=PRICE))

    assert found == pytest.approx(expected)
    assert shares == dict.fromkeys(shares, 0.0)
    assert not pd.isna(list(found.values())).any()
