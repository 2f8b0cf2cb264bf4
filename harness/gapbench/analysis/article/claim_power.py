"""Whether a run could have detected a claim of the article, and whether its interval holds the claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.stats.power import DISCORDANCE, detectable_gap, required_pairs, round_up

MEASURED_COLUMNS = (
    "gap_points", "gap_percent_of_closed", "ci_low", "ci_high", "p_value", "verdict", "n_pairs", "n_clusters",
    "standard_error",
)  # fmt: skip
"""Columns of a run's accuracy row that are shown with a claim."""


def planned_pairs_needed(claim_points: float) -> int | None:
    """Return the pairs that detect a claimed gap, planned without a run: independent pairs, a discordance of 0.2.

    Args:
        claim_points: The gap in percentage points.
    """
    return round_up(required_pairs(claim_points / 100, DISCORDANCE))


def add_claim_check(claim: float, unit: str, measured: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a run's gap with what it says about a claim; unchanged for a claim that is not a percentage."""
    if measured is None or unit != "percent":
        return measured
    return {**measured, **check_against_run(claim, measured)}


def check_against_run(claim_points: float, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run says about a claim, read as points.

    ``detectable_points``: gap that the run's pairs detect with 80 % probability, by the spread that was measured;
    ``pairs_needed``: pairs that would detect the claim; ``could_detect``: whether the run has as many;
    ``claim_in_interval``: whether the claim lies in the run's 95 % interval. Each is null if unknown.

    Args:
        claim_points: The claimed gap in percentage points.
        measured: The run's accuracy row: ``n_pairs``, ``n_clusters``, ``standard_error``, ``ci_low`` and ``ci_high``, in
            points.
    """
    pairs, clusters, error = (measured[name] for name in ("n_pairs", "n_clusters", "standard_error"))
    needed = detectable = None
    if error and pairs:
        variance = (error / 100) ** 2 * pairs
        per_cluster = None if clusters == pairs else pairs / clusters
        needed = round_up(required_pairs(claim_points / 100, variance, pairs_per_cluster=per_cluster))
        detectable = detectable_gap(pairs, variance, pairs_per_cluster=per_cluster)
    low, high = measured["ci_low"], measured["ci_high"]
    return {
        "detectable_points": None if detectable is None else detectable * 100,
        "pairs_needed": needed,
        "could_detect": None if detectable is None or needed is None else needed <= pairs,
        "claim_in_interval": None if low is None or high is None else low <= claim_points <= high,
    }


def describe(claim_points: float, measured: Mapping[str, Any]) -> str:
    """Return :func:`check_against_run`, already part of ``measured``, in one sentence; "" if nothing is known."""
    parts = []
    if measured.get("could_detect") is not None:
        could = "could" if measured["could_detect"] else "could not"
        parts.append(
            f"{measured['n_pairs']:,} pairs detect a gap of {measured['detectable_points']:.1f} points, so they {could} have "
            f"detected {claim_points:g}, which needs about {measured['pairs_needed']:,}"
        )
    if measured.get("claim_in_interval") is not None:
        inside = "inside" if measured["claim_in_interval"] else "outside"
        parts.append(f"the claim lies {inside} your interval")
    return "; ".join(parts)
