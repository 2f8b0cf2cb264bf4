"""Each metric of one pair of models: values, gap, interval and raw p-value, before the table corrects them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gapbench import formatting
from gapbench.analysis.quality.model_pairs import ModelPairs
from gapbench.stats import (
    MIN_CLUSTERS,
    Difference,
    compare_quotients,
    dense_codes,
    is_equivalent,
    paired_difference,
    quantile_difference,
    shift,
    variance_components,
)

ALPHA = 0.05
MIN_FOR_P95 = 20
NOT_DISTINGUISHABLE = "not distinguishable"
"""The verdict where the data cannot tell: neither a difference nor equivalence is shown."""
NO_RIGHT_ANSWER = "no right answer on either side"
"""The verdict on two models that stand at zero together: a fault of form or of the scorer looks the same as equal skill."""
TIMES = (
    ("response_p50_s", "response_s", 0.5, "s", "lower"),
    ("response_p95_s", "response_s", 0.95, "s", "lower"),
    ("answer_chars_per_s_p50", "answer_chars_per_s", 0.5, "chars/s", "higher"),
)


def metric_rows(shared: ModelPairs, margin: float, bias: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of one pair in one scope, with raw p-values and no verdict on significance.

    Args:
        shared: The pairs of the scope.
        margin: Gap that makes no difference, in points of accuracy.
        bias: What picking the best is estimated to have added to the accuracy gap, 0 to 1.
    """
    yield _accuracy(shared.with_known("score"), margin, bias)
    for metric, column, share, unit, better in TIMES:
        known = shared.with_known(column)
        n = len(known.closed.item)
        row: dict[str, Any] = {"metric": metric, "unit": unit, "better": better, **_counts(known)}
        if n < (MIN_FOR_P95 if share > 0.9 else 2):
            row["verdict"] = f"too few pairs ({n})"
        else:
            first, second = known.closed.columns[column], known.open.columns[column]
            found = quantile_difference(first, second, known.closed.cluster, share)
            row.update(
                _difference(found, float(np.quantile(first, share)), float(np.quantile(second, share)))
            )
        yield row
    for metric, below in (("usd_per_task", None), ("usd_per_correct", "correct")):
        known = shared.with_known("usd", *((below,) if below else ()))
        row = {"metric": metric, "unit": "usd", "better": "lower", **_counts(known)}
        if not len(known.closed.item):
            row["verdict"] = "unknown: no price"
        else:
            row.update(_quotient_row(known, below))
        yield row


def describe_pairs_needed(row: Mapping[str, Any]) -> str:
    """Return in words how many pairs would settle a row, and of how many sources; "": settled, or not known."""
    pairs = row["items_needed"]
    if pairs is None or pd.isna(pairs):
        return ""
    share = float(row["n_clusters"]) / float(row["n_pairs"])
    said = f"needs about {_round_up(float(pairs))} pairs"
    return said if share == 1 else f"{said} from {_round_up(float(pairs) * share)} sources"


def remarks(row: Mapping[str, Any]) -> list[str]:
    """Return what is said beside a row's verdict: why it stands against its own interval, and what would settle it."""
    few = row["verdict"] == NOT_DISTINGUISHABLE and row["n_clusters"] < MIN_CLUSTERS
    missing = describe_pairs_needed(row) or ("too few sources to say how many pairs it needs" if few else "")
    return [said for said in (_conflicting_p_value(row), missing) if said]


def _conflicting_p_value(row: Mapping[str, Any]) -> str:
    """Return the p-value by which an interval without zero makes no verdict; "" where it does or holds zero."""
    if row["verdict"] != NOT_DISTINGUISHABLE or not all(
        formatting.is_known(row[name]) for name in ("ci_low", "p_value")
    ):
        return ""
    if row["ci_low"] <= 0 <= row["ci_high"]:
        return ""
    if row["p_value_raw"] < ALPHA:
        return f"p {row['p_value']:.3f} once corrected"
    # An exact test can be coarser than the interval without any correction.
    return f"p {row['p_value_raw']:.3f} by {row['test']}"


def _round_up(amount: float) -> str:
    """Return a whole number of at most two significant digits, rounded up: more would claim what nobody knows."""
    size = 10 ** max(0, math.floor(math.log10(amount)) - 1)
    return f"{math.ceil(amount / size) * size:,}"


def _counts(pairs: ModelPairs) -> dict[str, Any]:
    n = len(pairs.closed.item)
    return {
        "closed_n": n,
        "open_n": n,
        "n_pairs": n,
        "n_clusters": int(dense_codes(pairs.closed.cluster).max(initial=-1)) + 1,
    }


def _accuracy(pairs: ModelPairs, margin: float, bias: float) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": "accuracy", "unit": "points", "better": "higher", **_counts(pairs)}
    if not row["n_pairs"]:
        return {**row, "verdict": "no shared scored requests"}
    first, second = pairs.closed.columns["score"], pairs.open.columns["score"]
    seen = paired_difference(first, second, pairs.closed.cluster)
    found = shift(seen, -bias)
    row.update(_difference(found, float(first.mean()), float(second.mean())))
    row["gap_points"] = seen.estimate
    for name in ("gap_points", "ci_low", "ci_high"):
        row[name] *= 100
    if row["gap_percent_of_closed"] is not None:
        row["gap_percent_of_closed"] = row["gap_points"] / row["closed_value"]
    row["selection_points"] = bias * 100
    parts = variance_components(first - second, pairs.closed.sample)
    if parts is not None:
        row.update(
            repeats=parts.repeats,
            repeat_noise_points=parts.repeat_sd * 100,
            repeat_variance_share=parts.share,
        )
    if first.any() or second.any():
        row["equivalent"] = is_equivalent(found, margin / 100)
    else:
        row["verdict"] = NO_RIGHT_ANSWER
    return row


def _difference(difference: Difference, closed_value: float, open_value: float) -> dict[str, Any]:
    return {
        "closed_value": closed_value,
        "open_value": open_value,
        "gap_points": difference.estimate,
        "gap_percent_of_closed": difference.estimate / closed_value * 100 if closed_value else None,
        "ci_low": difference.low,
        "ci_high": difference.high,
        "p_value_raw": difference.p_value,
        "seen": difference,
        "method": difference.method,
        "test": difference.test,
    }


def _quotient_row(pairs: ModelPairs, column: str | None) -> dict[str, Any]:
    ones = np.ones(len(pairs.closed.item))
    below = [side.columns[column] if column else ones for side in (pairs.closed, pairs.open)]
    found = compare_quotients(
        (pairs.closed.columns["usd"], below[0]), (pairs.open.columns["usd"], below[1]), pairs.closed.cluster
    )
    row: dict[str, Any] = {
        "closed_value": found.first,
        "open_value": found.second,
        "method": "bootstrap",
        "test": "bootstrap",
    }
    if found.first is None or found.second is None:
        return {**row, "verdict": "unknown: none correct"}
    change = found.first - found.second
    row.update(
        gap_points=change,
        gap_percent_of_closed=change / found.first * 100 if found.first else None,
        ci_low=found.low,
        ci_high=found.high,
        p_value_raw=found.p_value,
        ratio=found.ratio,
        ratio_low=found.ratio_low,
        ratio_high=found.ratio_high,
    )
    return row
