"""The tables on changes over the nights in docs/explanation/statistics.md are those of benchmarks/results/trend.json."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.stats.change_points import FALSE_ALARM, HORIZON

ROOT = Path(__file__).parents[1]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "benchmarks/results/trend.json").read_text())
PAGE = (ROOT / "docs/explanation/statistics.md").read_text()
MEANS, RANKS = "change-point model, means", "change-point model, ranks"


def rows(method: str, quantity: str, change: str) -> list[dict[str, Any]]:
    """Return a method's rows over the settings."""
    return [
        row
        for setting in DOCUMENT["settings"]
        if setting["quantity"] == quantity
        for row in setting["rows"]
        if row["method"] == method and row["change"] == change
    ]


def test_the_page_has_the_measured_figures() -> None:
    """Every row of the three tables, as the benchmark writes it."""
    spec = importlib.util.spec_from_file_location("trend_benchmark", ROOT / "benchmarks" / "trend.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = PAGE.splitlines()

    assert [] == [line for line in module.page_lines(DOCUMENT) if line not in lines]


@pytest.mark.parametrize(("method", "quantity"), [(MEANS, "quality"), (RANKS, "time")])
def test_false_alarms_are_as_rare_as_stated(method: str, quantity: str) -> None:
    """Acceptance 5: at most 5 % of 900 quiet histories of 60 nights, within two standard errors of 0.7 %."""
    assert HORIZON == DOCUMENT["nights"]
    for row in rows(method, quantity, "none"):
        assert row["histories"] >= 300
        assert row["false_alarms"] / row["histories"] <= FALSE_ALARM + 0.015


def test_a_drift_of_3_points_is_found_within_the_stated_nights() -> None:
    """Acceptance 5: 500 questions, 300 histories: nine of ten steps within 9 nights, nine of ten drifts within 14."""
    at = [setting.get("items") for setting in DOCUMENT["settings"] if setting["quantity"] == "quality"].index(
        500
    )
    step, drift = (rows(MEANS, "quality", change)[at] for change in ("step", "drift"))

    assert 300 == step["histories"] == drift["histories"]
    assert step["nights_90"] <= 9
    assert drift["nights_90"] <= 14
