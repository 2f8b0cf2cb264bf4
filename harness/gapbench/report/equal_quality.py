"""Sentences about equal quality: the cheapest open model that is no worse, and how long ago a closed model was as good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapbench import formatting
from gapbench.analysis.quality.gap_metrics import describe_pairs_needed

Row = Mapping[str, Any]


def describe_equal_quality(row: Row) -> str:
    """Return one comparison at matched quality as a sentence."""
    closed, found, undecided = row["closed"], row["open"], row["untold"]
    name = formatting.strip_controls(closed["model"])
    if row["reason"] is not None:
        reason = formatting.strip_controls(row["reason"])
        return f"Matched quality: nothing to compare with {name}: {reason}."
    if not closed["value"]:
        return f"Matched quality: {name} has no right answer here, so there is no quality to match."
    if found is not None:
        ratio = row["cost_ratio"]
        price = (
            f"{formatting.format_usd_per_1000(found['usd_per_task'])} per 1,000 tasks"
            if ratio is None
            else f"{formatting.format_usd_per_1000(found['usd_per_task'])} per 1,000 tasks against {formatting.format_usd_per_1000(closed['usd_per_task'])} "
            f"({formatting.format_number(ratio)} times)"
        )
        sentence = (
            f"Matched quality: the cheapest open model no worse than {name} (by {row['margin_points']:g} points or more) is "
            f"{formatting.strip_controls(found['model'])}: {row['verdict']}, {_format_gap(row)}, {price}."
        )
        return (
            sentence
            if undecided is None
            else f"{sentence} {_describe_undecided(undecided, 'Cheaper, but undecided:')}"
        )
    if undecided is not None:
        return f"Matched quality: whether an open model is no worse than {name} is undecided. {_describe_undecided(undecided, 'The cheapest that may be:')}"
    return f"Matched quality: no open model with a price is as good as {name}."


def _describe_undecided(row: Row, head: str) -> str:
    more = describe_pairs_needed(row)
    return (
        f"{head} {formatting.strip_controls(row['model'])}, {_format_gap(row)} over {formatting.format_count(row['n_pairs'])} pairs"
        + (f"; {more}." if more else ".")
    )


def _format_gap(row: Row) -> str:
    return f"gap {row['gap_points']:+.1f} ({row['ci_low']:+.1f} to {row['ci_high']:+.1f})"


def describe_lags(rows: Sequence[Row]) -> list[str]:
    """Return how much earlier a closed model was as good: a sentence for all categories of which it is the same."""
    categories: dict[str, list[str]] = {}
    for row in rows:
        categories.setdefault(_describe_lag(row), []).append(formatting.strip_controls(row["category"]))
    return [f"Lag, {formatting.join_words(names)}: {sentence}" for sentence, names in categories.items()]


def _describe_lag(row: Row) -> str:
    months, name = row["lag_release_months"], formatting.strip_controls(row["open"]["model"])
    since_release = ""
    if months is not None:
        apart = (
            f"{abs(months):g} months {'before' if months > 0 else 'after'}"
            if months
            else "at the same time as"
        )
        since_release = f" {apart} {name} and"
    return (
        f"{formatting.strip_controls(row['closed']['model'])} ({row['closed']['released']}) was the first closed "
        f"model here at or above {name}; it came out{since_release} {row['lag_months']:g} months before this run."
    )
