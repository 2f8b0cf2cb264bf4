"""Runs with a stopping rule: what of the gap table follows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.measured_quality import MeasuredQuality, measured_quality
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import GapTable, gap
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
PRICE = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}
MODELS = {"open_b": PRICE, "open_c": PRICE}


def stopped_by_rule(run: Path, pairs: int, *, comparisons: int = 1, margin: float = 1.7) -> Path:
    """Give a run the always-valid e-process as its rule."""
    path = run / "run.json"
    manifest = json.loads(path.read_text())
    manifest["margin_points"] = margin
    manifest["sequential"] = {
        "rule": "always-valid e-process", "alpha": 0.05, "margin_points": margin, "comparisons": comparisons,
        "largest_cluster": 1, "planned_pairs": pairs, "information": [], "looks": [], "decision": None,
    }  # fmt: skip
    path.write_text(json.dumps(manifest))
    return run


def primary(table: GapTable) -> pd.Series[Any]:
    return table.frame[table.frame["metric"] == "accuracy"].iloc[0]


def quality(run: Path) -> MeasuredQuality:
    runs = load_runs([run])
    return measured_quality(runs, gap(runs), cost(runs))


def test_no_right_answer_is_never_equivalent(make_run: Make, answers: Answers) -> None:
    """A broken scorer looks like equal skill: the rule's interval is inside the margin, and nothing is concluded."""
    rows = [*answers("closed-a", 0, 200), *answers("open-b", 0, 200)]
    run = stopped_by_rule(make_run(rows, **MODELS), 200, margin=20)
    row = primary(gap([run]))

    assert -20 < row["ci_low"] < row["ci_high"] < 20
    assert "no right answer on either side" == row["verdict"]
    assert not quality(run).is_open_no_worse


def test_the_gap_of_the_best_of_several_lies_in_the_middle_of_what_was_measured(
    make_run: Make, answers: Answers
) -> None:
    """The rule's interval holds for every pair of models, so nothing is corrected for picking the best."""
    rows = [*answers("closed-a", 120, 200), *answers("open-b", 118, 200), *answers("open-c", 115, 200)]
    table = gap([stopped_by_rule(make_run(rows, **MODELS), 200, comparisons=2)])
    row = primary(table)

    assert (
        1.0
        == pytest.approx(row["gap_points"])
        == pytest.approx(100 * (row["closed_value"] - row["open_value"]))
    )
    assert not [line for line in table.warnings if "corrected for that" in line]


def test_matched_quality_follows_the_rule(make_run: Make, answers: Answers) -> None:
    """190 of 200 on both sides: one test at the end shows *no worse by 4*, the rule does not."""
    rows = [*answers("closed-a", 190, 200), *answers("open-b", 190, 200)]
    fixed = make_run(rows, "run-1", **MODELS)
    (before,) = gap([fixed], margin_points=2.5).matched
    run = stopped_by_rule(fixed, 200, margin=2.5)
    table = gap([run])
    (after,), row = table.matched, primary(table)

    assert before["open"] is not None
    assert (after["open"], "not distinguishable") == (None, row["verdict"])
    assert (after["untold"]["ci_low"], after["untold"]["ci_high"]) == (row["ci_low"], row["ci_high"])
    assert not quality(run).is_open_no_worse


def test_open_no_worse_by_the_rule_is_shown_to_be_no_worse(make_run: Make, answers: Answers) -> None:
    """Without a price there is no matched quality, and the verdict alone says it."""
    rows = [*answers("closed-a", 150, 400), *answers("open-b", 170, 400)]
    run = stopped_by_rule(make_run(rows), 400, margin=1.7)
    found = quality(run)

    assert "open ahead" in found.verdict or "open no worse by 1.7 points" == found.verdict
    assert found.is_open_no_worse
    assert [line for line in found.words if "stops by a rule" in line]
