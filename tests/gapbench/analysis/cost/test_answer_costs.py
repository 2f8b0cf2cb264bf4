"""Dollars of each answer: retries, failed requests and whole cells without an answer, against sums in dictionaries."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.cost.answer_costs import ANSWER_COST_COLUMNS, usd_per_answer

Row = dict[str, object]


def row(**given: object) -> Row:
    """Return a measured, answered attempt."""
    base: Row = dict.fromkeys(ANSWER_COST_COLUMNS, "x")
    return {
        **base,
        "sample_id": "1",
        "repeat": 0,
        "phase": "measure",
        "final": True,
        "outcome": "correct",
        **given,
    }


def priced(rows: list[Row], usd: list[float]) -> list[float]:
    return list(usd_per_answer(pd.DataFrame(rows), np.array(usd)))


def test_retries_belong_to_their_request() -> None:
    """$1 for the failed attempt and $2 for the second: $3 at the final one."""
    rows = [row(final=False, outcome="infra"), row()]

    assert [np.nan, 3.0] == pytest.approx(priced(rows, [1.0, 2.0]), nan_ok=True)


def test_a_request_without_an_answer_is_shared_by_the_answers_of_its_cell() -> None:
    """$6 over two answers of $1 each: $4 each. The cell next to it pays its own $5."""
    rows = [row(), row(sample_id="2"), row(sample_id="3", outcome="infra"), row(cell_id="y")]

    assert [4.0, 4.0, np.nan, 5.0] == pytest.approx(priced(rows, [1.0, 1.0, 6.0, 5.0]), nan_ok=True)


def test_a_cell_without_an_answer_is_shared_by_its_category() -> None:
    """$6 of a cell in which nothing was answered goes to the only answer of the category, and to no other one."""
    rows = [row(), row(cell_id="y", outcome="infra"), row(cell_id="z", category="other")]

    assert [7.0, np.nan, 3.0] == pytest.approx(priced(rows, [1.0, 6.0, 3.0]), nan_ok=True)


def test_warm_up_and_judges_are_not_part_of_a_task() -> None:
    """They are paid and shown elsewhere."""
    rows = [row(phase="warmup"), row(phase="judge", model_id="j"), row()]

    assert [np.nan, np.nan, 1.0] == pytest.approx(priced(rows, [8.0, 9.0, 1.0]), nan_ok=True)


def test_an_unknown_price_stays_unknown() -> None:
    """And the dollars of a failure go to the answers whose cost is known."""
    rows = [row(), row(sample_id="2"), row(sample_id="3", outcome="infra")]

    assert [np.nan, 3.0, np.nan] == pytest.approx(priced(rows, [np.nan, 1.0, 2.0]), nan_ok=True)


def test_no_rows_cost_nothing() -> None:
    """An empty frame gives an empty array."""
    assert [] == priced([], [])


@pytest.mark.parametrize("seed", range(20))
def test_the_answers_of_a_category_cost_what_it_cost(seed: int) -> None:
    """Whatever fails: over a category with an answer, the sum over the answers is the sum over the attempts."""
    rng = random.Random(seed)
    rows: list[Row] = []
    usd: list[float] = []
    for _ in range(120):
        category = rng.choice(["a", "b", "c"])
        place = {
            "run_id": rng.choice(["r1", "r2"]), "model_id": rng.choice(["m", "n"]), "category": category,
            "sample_id": str(len(rows)),
        }  # fmt: skip
        place["cell_id"] = f"{place['model_id']}|{category}{rng.choice('12')}|c1"
        for attempt in range(rng.choice([1, 1, 2, 3])):
            rows.append(
                row(**place, final=False, outcome="infra") if attempt else row(**place, outcome="wrong")
            )
            usd.append(rng.choice([0.0, rng.random()]))
            if attempt == 0 and rng.random() < (0.9 if category == "c" else 0.3):
                rows[-1]["outcome"] = "infra"
    found = usd_per_answer(pd.DataFrame(rows), np.array(usd))
    spent: dict[object, float] = defaultdict(float)
    answers: dict[object, list[float]] = defaultdict(list)
    for one, attempt_usd, value in zip(rows, usd, found, strict=True):
        group = (one["model_id"], one["category"])
        spent[group] += attempt_usd
        is_answer = one["final"] and one["outcome"] != "infra"
        assert is_answer == (not np.isnan(value))
        if is_answer:
            answers[group].append(value)
    for key, values in answers.items():
        assert spent[key] == pytest.approx(sum(values))


def test_answers_of_an_item_take_their_part_of_its_weight() -> None:
    """An item of weight 3 has 3 answers, one of weight 1 has an answer and a lost request of $6: 6 x 1 over 3 x 3/3 + 1 is $1.50.

    The weighted mean is (3 x 2.5 x 3/3 + 2.5 x 1) / 4 = $2.50, and the traffic cost (3 x 1 + 1 x (1 + 6)) / 4 as well.
    """
    rows = [row(task="t", weight=3.0, repeat=number) for number in range(3)]
    rows += [row(task="t", weight=1.0, sample_id="2", repeat=number) for number in range(2)]
    rows[4]["outcome"] = "infra"

    assert [2.5, 2.5, 2.5, 2.5, np.nan] == pytest.approx(priced(rows, [1.0, 1.0, 1.0, 1.0, 6.0]), nan_ok=True)
