"""Means and quantiles of requests with their intervals, as the summary has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats
from gapbench.analysis.sample_design import design_of, design_of_replies
from gapbench.analysis.weighting import DESIGN_COLUMNS
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


def quantile_figures(replies: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the median and the 95th percentile of times with their intervals; unknown ones are left out.

    Args:
        replies: Rows of replies with the codes of their ``cluster`` and ``request``; with weights, also how their items were
            drawn.
        name: The column without its unit, such as ``response``.
    """
    known, values = _known(replies, f"{name}_s")
    design = design_of_replies(known, known["request"].to_numpy())
    clusters = known["cluster"].to_numpy()
    row: dict[str, Any] = {}
    for share in (0.5, 0.95):
        column = f"{name}_p{share * 100:.0f}_s"
        low, high = quantile_interval(values, share, clusters=clusters, design=design)
        value = weighted_quantile(values, share, design) if len(values) else None
        row.update({column: value, f"{column}_low": low, f"{column}_high": high})
    return row


def quantile(replies: pd.DataFrame, column: str, share: float) -> float | None:
    """Return a quantile of a column's known values; None where there are none. See :func:`quantile_figures`."""
    known, values = _known(replies, column)
    if not len(values):
        return None
    return weighted_quantile(values, share, design_of_replies(known, known["request"].to_numpy()))


def share_of_tokens(replies: pd.DataFrame, part: str, whole: str) -> float | None:
    """Return the share that some tokens are of others, over replies that report both; None where there are none.

    Args:
        replies: See :func:`quantile_figures`.
        part: Column of the tokens that are a part.
        whole: Column of all of them.
    """
    known = _columns_for(replies, part, whole)[(replies[part].notna() & replies[whole].notna()).to_numpy()]
    design = design_of_replies(known, known["request"].to_numpy())
    above, below = (as_floats(known[name]) for name in (part, whole))
    each = 1.0 if design is None else design.weights
    total = float((below * each).sum())
    return float((above * each).sum()) / total if total else None


def _known(replies: pd.DataFrame, column: str) -> tuple[pd.DataFrame, Floats]:
    """Return the rows in which a column is known, and its values there."""
    values = as_floats(replies[column])
    is_known = ~np.isnan(values)
    found = _columns_for(replies)
    return (found, values) if is_known.all() else (found[is_known], values[is_known])


def _columns_for(replies: pd.DataFrame, *figures: str) -> pd.DataFrame:
    """Return the columns that figures need, so that choosing rows copies no others."""
    design = ("task", "sample_id", *DESIGN_COLUMNS) if DESIGN_COLUMNS[0] in replies.columns else ()
    return replies[["cluster", "request", *design, *figures]]


def mean_by_request(replies: pd.DataFrame, name: str) -> float | None:
    """Return the mean over requests of the sums of their replies' known values; None where there are none.

    Args:
        replies: Rows of replies with the code of their ``request``; with weights, also how their items were drawn.
        name: The column.
    """
    known, values = _known(replies, name)
    if not len(known):
        return None
    codes, kinds = pd.factorize(known["request"].to_numpy())
    sums: Floats = np.bincount(codes, weights=values).astype(np.float64, copy=False)
    design = design_of(known[~known["request"].duplicated().to_numpy()])
    return float(values.sum()) / len(kinds) if design is None else design.mean(sums)
