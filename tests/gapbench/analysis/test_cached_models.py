"""A model whose answers came from the response cache: compared by its answers, and by no time and no dollar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.report.answer import answer_text
from gapbench.values import Attempt
from tests.run_folders import make_attempt

Make = Callable[..., Path]
PRICED = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}


def rows(model_id: str, cached: int) -> list[Attempt]:
    """Return 30 answers of a model, the first of them from the cache."""
    hit = {
        "from_cache": True,
        "transport": "cache",
        "first_byte_s": None,
        "first_token_s": None,
        "done_s": None,
    }
    return [
        make_attempt(model_id=model_id, sample_id=str(n), **(hit if n < cached else {})) for n in range(30)
    ]


@pytest.mark.parametrize(("cached", "share"), [(30, "all"), (6, "20 % of")])
def test_dollars_of_cached_answers_are_no_price(make_run: Make, cached: int, share: str) -> None:
    """The cost line is unknown, the fairness line says why, and so does the table of costs."""
    runs = load_runs([make_run([*rows("closed-a", cached), *rows("open-a", 0)], open_a=PRICED)])
    table = gap(runs)
    text = answer_text(table)

    assert "unknown: the response cache answered requests of closed-a for $0" == text.cost
    assert [
        f"closed-a: the response cache answered {share} requests, without times and for $0: its dollars are not what the model costs"
    ] == [line for line in table.fairness if "response cache" in line]
    assert f"closed-a: the response cache answered {cached} of 30 requests for $0" in " ".join(
        cost(runs).warnings
    )


def test_answers_of_the_cache_alone_have_no_times(make_run: Make) -> None:
    text = answer_text(gap(load_runs([make_run([*rows("closed-a", 30), *rows("open-a", 0)])])))

    assert "no times: answers of the response cache have none" == text.speed


def test_without_cached_answers_nothing_is_said(make_run: Make) -> None:
    runs = load_runs([make_run([*rows("closed-a", 0), *rows("open-a", 0)], open_a=PRICED)])

    assert "cache" not in " ".join([*gap(runs).fairness, *cost(runs).warnings, answer_text(gap(runs)).cost])
