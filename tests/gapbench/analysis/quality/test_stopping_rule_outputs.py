"""The stopping rule of a run: every output that states the accuracy gap has the rule's interval."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.quality.gap import gap
from gapbench.report.equal_quality import describe_equal_quality
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
PRICE = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}


@pytest.fixture(name="run")
def _run(make_run: Make, answers: Answers) -> Path:
    """Return a run by the always-valid rule: 6 of 60 pairs decide for the closed model, too few at any look."""
    folder = make_run(
        [*answers("closed-a", 54, 60), *answers("open-a", 48, 60)], closed_a=PRICE, open_a=PRICE
    )
    path = folder / "run.json"
    written = json.loads(path.read_text())
    written["sequential"] = {
        "rule": "always-valid e-process",
        "alpha": 0.05,
        "margin_points": 1.7,
        "comparisons": 1,
        "largest_cluster": 1,
        "planned_pairs": 60,
        "information": [],
        "looks": [],
        "decision": None,
    }
    path.write_text(json.dumps(written))
    return folder


def test_matched_quality_is_as_undecided_as_the_gap(run: Path) -> None:
    """Its interval is the gap table's; it says *undecided*, and names no number of pairs, since the run looks as it goes."""
    table = gap([run])
    row = table.frame[table.frame["metric"] == "accuracy"].iloc[0]
    untold = table.matched[0]["untold"]

    assert "not distinguishable" == row["verdict"]
    assert untold is not None
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((untold["ci_low"], untold["ci_high"]))
    assert untold["items_needed"] is None
    assert "is undecided" in describe_equal_quality(table.matched[0])


def test_tiers_state_the_gap_of_the_gap_table(run: Path) -> None:
    """The fixed interval would exclude zero; that of the rule does not, so the gap is not resolved."""
    row = gap([run]).frame.iloc[0]
    tiers = evaluate_tiers([run], draws=50)

    assert (row["ci_low"], row["ci_high"]) == pytest.approx((100 * tiers.gap.low, 100 * tiers.gap.high))
    assert not tiers.is_resolved
    assert tiers.headline().startswith("Gap not resolved")


def test_without_a_rule_the_same_rows_are_decided(make_run: Make, answers: Answers) -> None:
    """Then one look is taken, and 6 of 60 pairs are enough."""
    rows = [*answers("closed-a", 54, 60), *answers("open-a", 48, 60)]
    table = gap([make_run(rows, closed_a=PRICE, open_a=PRICE)])

    assert "closed ahead" == table.frame.iloc[0]["verdict"]
    assert table.matched[0]["untold"] is None
