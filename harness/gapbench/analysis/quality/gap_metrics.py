"""The rows of one comparison: for each metric the values, the gap, its interval and the uncorrected p-value.

Verdicts that depend on the whole table are made in :mod:`gapbench.analysis.quality.gap_row`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from gapbench import formatting
from gapbench.analysis.quality.gap_row import NOT_DISTINGUISHABLE, Comparison, GapRow
from gapbench.analysis.quality.model_pairs import ModelPairs
from gapbench.stats import (
    MIN_CLUSTERS,
    MIN_FOR_P95,
    Difference,
    compare_quotients,
    dense_codes,
    intraclass_correlation,
    paired_quantiles,
    repeats_to_resolve,
    shift,
    variance_components,
    weighted_mean,
)

NO_RIGHT_ANSWER = formatting.NO_RIGHT_ANSWER
"""The verdict when both models score zero: a format error or a broken scorer looks the same as equal skill."""
TIMES = (
    ("response_p50_s", "response_s", 0.5, "s", "lower"),
    ("response_p95_s", "response_s", 0.95, "s", "lower"),
    ("answer_chars_per_s_p50", "answer_chars_per_s", 0.5, "chars/s", "higher"),
)
"""Metric, its column in the pairs, quantile, unit, and whether higher or lower is better."""


def metric_rows(comparison: Comparison, pairs: ModelPairs, bias: float) -> Iterator[GapRow]:
    """Yield one row for each metric, with the uncorrected p-value and no verdict on significance.

    Accuracy is pooled over the loads, since an answer is right or wrong at any load. Times and dollars depend on the load,
    so each load has its own rows.

    Args:
        comparison: The two models and the scope.
        pairs: Their pairs in the scope.
        bias: Estimate of how much choosing the best models added to the accuracy gap, 0 to 1.
    """
    by_load = pairs.by_load()
    yield replace(
        _accuracy_row(comparison, pairs, bias),
        load=next(iter(by_load)) if len(by_load) == 1 else None,
    )
    # Without a pair there is no load either, and the rows say why they are empty.
    rows_by_load: list[tuple[str | None, ModelPairs]] = [*by_load.items()] or [(None, pairs)]
    for load, at_load in rows_by_load:
        for row in _time_and_cost_rows(comparison, at_load):
            yield replace(row, load=load)


def _time_and_cost_rows(comparison: Comparison, pairs: ModelPairs) -> Iterator[GapRow]:
    for column, metrics in groupby(TIMES, key=lambda time: time[1]):
        known = pairs.with_known(column)
        for metric, _, share, unit, better in metrics:
            yield _quantile_row(_new_row(comparison, metric, unit, better, known), known, column, share)
    unpriced = pairs.unpriced_share
    for metric, below in (("usd_per_task", None), ("usd_per_correct", "correct")):
        known = pairs.with_known("usd", *([below] if below else []))
        row = _cost_row(_new_row(comparison, metric, "usd", "lower", known), known, below)
        yield replace(row, unpriced_share=unpriced)


def describe_pairs_needed(row: Mapping[str, Any]) -> str:
    """Return a phrase on how many pairs, from how many sources, would settle a row; "" if settled or unknown."""
    pairs = row["items_needed"]
    if pairs is None or pd.isna(pairs):
        return ""
    share = float(row["n_clusters"]) / float(row["n_pairs"])
    text = f"needs about {_round_up(float(pairs))} pairs"
    return text if share == 1 else f"{text} from {_round_up(float(pairs) * share)} sources"


def remarks(row: Mapping[str, Any]) -> list[str]:
    """Return notes on a row's verdict: what would settle it.

    Args:
        row: A row of the gap table's frame.
    """
    few = row["verdict"] == NOT_DISTINGUISHABLE and row["n_clusters"] < MIN_CLUSTERS
    missing = describe_pairs_needed(row) or (
        "too few sources to estimate how many pairs it needs" if few else ""
    )
    rule = f"by {row['rule']}" if isinstance(row.get("rule"), str) else ""
    unpriced = formatting.describe_unpriced(row.get("unpriced_share"), "pairs")
    return [note for note in (missing, _noise_of_repeats(row), unpriced, rule) if note]


def _noise_of_repeats(row: Mapping[str, Any]) -> str:
    """Return how much a gap over episodes moves from run to run, and the repeats that resolve one of this size."""
    floor: Any = row.get("noise_floor_points")
    episodes: Any = row.get("episodes")
    if not formatting.is_known(floor) or not formatting.is_known(episodes) or not episodes:
        return ""
    text = f"noise floor {float(floor):.1f} points (ICC {formatting.format_number(row['icc'], 2)})"
    needed = row["repeats_needed"]
    if row["verdict"] != NOT_DISTINGUISHABLE:
        return text
    if not formatting.is_known(needed):
        return f"{text}; no number of repeats resolves this gap, it needs more tasks"
    return f"{text}; about {int(needed):,} repeats resolve a gap of this size"


def _round_up(amount: float) -> str:
    """Return a whole number of at most two significant digits, rounded up: more digits would be false precision."""
    size = 10 ** max(0, math.floor(math.log10(amount)) - 1)
    return f"{math.ceil(amount / size) * size:,}"


def _new_row(comparison: Comparison, metric: str, unit: str, better: str, pairs: ModelPairs) -> GapRow:
    n = len(pairs.closed.item)
    return GapRow(
        category=comparison.category,
        metric=metric,
        unit=unit,
        better=better,
        closed_model=comparison.closed_model,
        closed_n=n,
        open_model=comparison.open_model,
        open_n=n,
        n_pairs=n,
        n_clusters=int(dense_codes(pairs.closed.cluster).max(initial=-1)) + 1,
        simulated=comparison.simulated,
        is_main=comparison.is_main,
    )


def _accuracy_row(comparison: Comparison, every: ModelPairs, bias: float) -> GapRow:
    pairs = every.with_known("score")
    row = _new_row(comparison, "accuracy", "points", "higher", pairs)
    if not row.n_pairs:
        return replace(row, verdict="no shared scored requests")
    row = replace(row, episodes=int(pairs.closed.is_episode.sum()))
    first, second = pairs.closed.columns["score"], pairs.open.columns["score"]
    design = pairs.closed.design
    corrected = shift(every.score_difference, -bias)
    closed_value, open_value = weighted_mean(first, design), weighted_mean(second, design)
    gap_points = corrected.estimate * 100
    row = replace(
        _with_difference(row, corrected, closed_value, open_value),
        gap_points=gap_points,
        gap_percent_of_closed=gap_points / closed_value if closed_value else None,
        standard_error=corrected.standard_error * 100,
        selection_points=bias * 100,
    )
    weights = None if design is None else design.weights
    parts = variance_components(first - second, pairs.closed.sample, weights)
    if parts is not None:
        row = replace(
            row,
            repeats=parts.repeats,
            repeat_noise_points=parts.repeat_sd * 100,
            repeat_variance_share=parts.share,
            noise_floor_points=math.sqrt(parts.repeat_variance / (parts.items * parts.repeats)) * 100,
            icc=intraclass_correlation(parts),
            repeats_needed=repeats_to_resolve(abs(corrected.estimate), parts, parts.items),
        )
    return row if first.any() or second.any() else replace(row, verdict=NO_RIGHT_ANSWER)


def _quantile_row(row: GapRow, pairs: ModelPairs, column: str, share: float) -> GapRow:
    if row.n_pairs < (MIN_FOR_P95 if share > 0.9 else 2):
        return replace(row, verdict=f"too few pairs ({row.n_pairs})")
    first, second = pairs.closed.columns[column], pairs.open.columns[column]
    found = paired_quantiles(first, second, pairs.closed.cluster, share, pairs.closed.design)
    return _with_difference(row, found.difference, found.first, found.second)


def _with_difference(row: GapRow, difference: Difference, closed_value: float, open_value: float) -> GapRow:
    return replace(
        row,
        closed_value=closed_value,
        open_value=open_value,
        gap_points=difference.estimate,
        gap_percent_of_closed=difference.estimate / closed_value * 100 if closed_value else None,
        p_value_raw=difference.p_value,
        difference=difference,
        standard_error=difference.standard_error,
        method=difference.method,
        test=difference.test,
    )


def _cost_row(row: GapRow, pairs: ModelPairs, denominator: str | None) -> GapRow:
    """Return the row of dollars per pair, or per unit of another column."""
    if not row.n_pairs:
        return replace(row, verdict="unknown: no price")
    ones = np.ones(row.n_pairs)
    closed_below, open_below = (
        side.columns[denominator] if denominator else ones for side in (pairs.closed, pairs.open)
    )
    found = compare_quotients(
        (pairs.closed.columns["usd"], closed_below),
        (pairs.open.columns["usd"], open_below),
        pairs.closed.cluster,
        pairs.closed.design,
    )
    row = replace(row, closed_value=found.first, open_value=found.second, quotients=found)
    if found.first is None or found.second is None:
        return replace(row, verdict="unknown: none correct")
    change = found.first - found.second
    if abs(change) <= 1e-12 * found.first:
        change = 0.0
    row = replace(
        row,
        gap_points=change,
        gap_percent_of_closed=change / found.first * 100 if found.first else None,
        ratio=found.ratio,
    )
    if found.evidence is None:
        return replace(row, verdict=f"too few pairs ({row.n_pairs})")
    return replace(row, p_value_raw=found.p_value, method="log-ratio", test="skew-corrected t")
