"""Shapes behind the single figures: how times are distributed, and which models no other one beats on both of two counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Folders, Runs, as_floats, load_runs

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def latency_quantiles(runs: Runs | Folders, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Return quantiles of each model's times over its measured requests, all categories and loads together.

    Columns: ``model_id``, ``weights``, ``metric`` (``ttft_s``: first text of any channel; ``response_s``: what a user waits),
    ``share`` (0 to 1), ``value_s``, ``n`` (requests behind it). A model without a timed request has no row.

    Args:
        runs: Run folders, or what was read from them.
        shares: Quantiles wanted.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    measured = read_runs.measured_attempts
    answered = measured[measured["outcome"] != "infra"]
    rows: list[dict[str, Any]] = []
    for model_id in read_runs.models:
        mine = answered[answered["model_id"] == model_id]
        for metric in ("ttft_s", "response_s"):
            values = as_floats(mine[metric])
            values = values[~np.isnan(values)]
            if not len(values):
                continue
            rows += [
                {
                    "model_id": model_id,
                    "weights": read_runs.model(model_id).weights,
                    "metric": metric,
                    "share": share,
                    "value_s": value,
                    "n": len(values),
                }
                for share, value in zip(shares, np.quantile(values, shares).tolist(), strict=True)
            ]
    return pd.DataFrame(rows, columns=["model_id", "weights", "metric", "share", "value_s", "n"])


def pareto_front(summary: pd.DataFrame, lower: str, higher: str = "accuracy") -> list[bool]:
    """Return for each row whether no other row is at least as good on both counts and better on one.

    Args:
        summary: Rows of one level of a summary.
        lower: Column of which less is better, such as ``usd_per_correct`` or ``response_p95_s``.
        higher: Column of which more is better.

    Returns:
        One bool for each row; False where either figure is unknown.
    """
    cost, quality = as_floats(summary[lower]), as_floats(summary[higher])
    known = ~(np.isnan(cost) | np.isnan(quality))
    front: list[bool] = []
    for here in range(len(summary)):
        at_least = known & (cost <= cost[here]) & (quality >= quality[here])
        better = at_least & ((cost < cost[here]) | (quality > quality[here]))
        front.append(bool(known[here]) and not bool(better.any()))
    return front
