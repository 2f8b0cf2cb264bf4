"""Latency distributions, and the Pareto front of two metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Folders, Runs, as_floats, load_runs
from gapbench.analysis.sample_design import design_of_replies
from gapbench.stats import weighted_quantile

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def latency_quantiles(runs: Runs | Folders, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Return quantiles of each model's times over its measured requests, pooled over categories and loads.

    Columns: ``model_id``, ``weights``, ``metric`` (``ttft_s``: first text of any channel; ``response_s``: what a user
    waits), ``share`` (0 to 1), ``value_s``, ``n`` (number of requests). A model without a timed request has no row. Of an
    episode each reply has a first text, and the response is the whole. Where the items' weights are used, they are those of
    the traffic, as in the summary.

    Args:
        runs: Run folders, or runs already loaded.
        shares: Quantiles to compute, 0 to 1.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    rows: list[dict[str, Any]] = []
    for model_id in read_runs.models:
        frame = read_runs.model_frame(model_id)
        if read_runs.has_probes_beside_others:
            frame = frame[frame["load_kind"] != "search"]
        finals = frame["final"] & (frame["phase"] == "measure")
        for metric, measured in (("ttft_s", frame["timed"]), ("response_s", finals)):
            part = frame[measured]
            values = as_floats(part[metric])
            is_known = ~np.isnan(values) & (part["outcome"] != "infra").to_numpy()
            known = part[is_known]
            design = design_of_replies(known)
            values = values[is_known]
            if not len(values):
                continue
            found = [weighted_quantile(values, share, design) for share in shares]
            rows += [
                {
                    "model_id": model_id,
                    "weights": read_runs.model(model_id).weights,
                    "metric": metric,
                    "share": share,
                    "value_s": value,
                    "n": len(values),
                }
                for share, value in zip(shares, found, strict=True)
            ]
    return pd.DataFrame(rows, columns=["model_id", "weights", "metric", "share", "value_s", "n"])


def pareto_front(summary: pd.DataFrame, lower: str, higher: str = "accuracy") -> list[bool]:
    """Return for each row whether no other row is at least as good in both columns and better in one.

    Args:
        summary: Rows of one level of a summary.
        lower: Column in which lower is better, such as ``usd_per_correct`` or ``response_p95_s``.
        higher: Column in which higher is better.

    Returns:
        One bool for each row. False if either value is unknown.
    """
    cost, quality = as_floats(summary[lower]), as_floats(summary[higher])
    known = ~(np.isnan(cost) | np.isnan(quality))
    front: list[bool] = []
    for here in range(len(summary)):
        at_least = known & (cost <= cost[here]) & (quality >= quality[here])
        better = at_least & ((cost < cost[here]) | (quality > quality[here]))
        front.append(bool(known[here]) and not bool(better.any()))
    return front
