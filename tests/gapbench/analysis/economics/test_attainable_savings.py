"""The bound of what a guaranteed router can save, and its table in docs/explanation/economics.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from benchmarks.tiers_attainable import attainable_savings
from gapbench.stats import Floats

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/explanation/economics.md").read_text(encoding="utf-8")
RESULT: dict[str, Any] = json.loads(
    (ROOT / "benchmarks/results/tiers_guarantee.json").read_text(encoding="utf-8")
)
LOSS = np.array([1.0, 0.0, -1.0])
"""Outcomes of a task: only the closed model solves it, both or none do, only the open one."""


def bound(excess: Floats, saved: list[float], probability: list[float], count: int) -> float:
    """Return the bound for independent tasks."""
    stratum = np.zeros(len(probability), dtype=np.int64)
    found, _ = attainable_savings(
        excess, np.array(saved), np.array(probability), np.array([count]), stratum, 0.05
    )
    return found


def test_one_policy_is_worth_the_power_of_the_best_test() -> None:
    """2 % lost, 2 % won, 4,000 tasks: the normal test has the power Phi(0.01 / sqrt(0.04 / 4000) - 1.645) = 93.5 %."""
    excess = (LOSS - 0.01)[:, np.newaxis]
    normal = float(special.ndtr(0.01 / np.sqrt(0.04 / 4_000) - 1.645))

    assert 5 * normal == pytest.approx(bound(excess, [5.0], [0.02, 0.96, 0.02], 4_000), abs=5 * 0.015)


def test_a_policy_at_the_margin_is_chosen_in_one_of_twenty() -> None:
    """1 % lost, none won: nothing tells it from one that loses more."""
    excess = (LOSS[:2] - 0.01)[:, np.newaxis]

    assert 0.05 == pytest.approx(bound(excess, [1.0], [0.01, 0.99], 1_000), abs=0.005)


def test_a_policy_above_the_margin_adds_nothing() -> None:
    """A broken promise counts as saving nothing."""
    excess = (LOSS[:2] - 0.01)[:, np.newaxis]

    assert 0.0 == bound(excess, [1.0], [0.02, 0.98], 1_000)


def test_the_bound_is_between_the_safe_policy_and_the_best_one() -> None:
    """The safe one loses nothing and saves 1; the other is hard to show and saves 2."""
    outcomes = np.array([[0.0, 1.0], [0.0, 0.0], [0.0, -1.0]])
    found = bound(outcomes - 0.01, [1.0, 2.0], [0.02, 0.96, 0.02], 1_000)
    alone = bound(outcomes[:, 1:] - 0.01, [1.0], [0.02, 0.96, 0.02], 1_000)

    assert 1 + alone == pytest.approx(found, abs=0.02)


def test_the_table_has_the_measured_figures() -> None:
    """Each scenario of the result file, in order."""
    lines = [
        f"| {row['scenario']} | {row['draws']:,} | {row['violations']:.1%} | {row['nothing_guaranteed']:.0%} | "
        f"{row['saved_of_oracle']:.0%} | {_known(row['learnt_elsewhere_of_oracle'])} | {row['saved_of_attainable']:.0%} |".replace(
            "%", " %"
        )
        for row in RESULT["scenarios"]
    ]

    assert lines == [line for line in PAGE.splitlines() if line in lines]


def _known(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
