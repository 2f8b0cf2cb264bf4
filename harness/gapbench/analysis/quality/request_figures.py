"""Means and quantiles of requests with their intervals, as the summary has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats
from gapbench.analysis.sample_design import design_of
from gapbench.stats import (
    Design,
    Floats,
    Ints,
    mean_interval,
    quantile_interval,
    weighted_mean,
    weighted_quantile,
)


def mean_figures(values: Floats, clusters: Ints, name: str, design: Design | None) -> dict[str, Any]:
    """Return the mean of scores or of right answers with its interval; None where there are none."""
    low, high = mean_interval(values, clusters, design=design)
    mean = weighted_mean(values, design) if len(values) else None
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def quantile_figures(values: Floats, clusters: Ints, name: str, design: Design | None) -> dict[str, Any]:
    """Return the median and the 95th percentile of times with their intervals; NaN is left out."""
    is_known = ~np.isnan(values)
    known, clusters = values[is_known], clusters[is_known]
    of_known = None if design is None else design.take(is_known)
    row: dict[str, Any] = {}
    for share in (0.5, 0.95):
        column = f"{name}_p{share * 100:.0f}_s"
        low, high = quantile_interval(known, share, clusters=clusters, design=of_known)
        value = weighted_quantile(known, share, of_known) if len(known) else None
        row.update({column: value, f"{column}_low": low, f"{column}_high": high})
    return row


def quantile(values: Floats, share: float, design: Design | None = None) -> float | None:
    """Return a quantile of the known values; None where there are none."""
    is_known = ~np.isnan(values)
    if not is_known.any():
        return None
    return weighted_quantile(values[is_known], share, None if design is None else design.take(is_known))


def mean_by_request(replies: pd.DataFrame, name: str) -> float | None:
    """Return the mean over requests of the sums of their replies' known values; None where there are none.

    Args:
        replies: Rows of replies with the code of their ``request``; with weights, also how their items were drawn.
        name: The column.
    """
    known = replies.loc[replies[name].notna()]
    if not len(known):
        return None
    _, first, codes = np.unique(known["request"].to_numpy(), return_index=True, return_inverse=True)
    design = design_of(known.iloc[first])
    if design is None:
        return float(known[name].sum()) / len(first)
    sums = np.bincount(codes, weights=as_floats(known[name]))
    return design.mean(sums.astype(np.float64, copy=False))
