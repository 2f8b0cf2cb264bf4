"""Means and quantiles of requests with their intervals, as the summary has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.sample_design import design_of, design_of_replies
from gapbench.stats import (
    Design,
    Floats,
    Ints,
    mean_interval,
    quantile_estimates,
    weighted_mean,
    weighted_quantile,
)

Bools = np.ndarray[Any, np.dtype[np.bool_]]


class RequestRows:
    """Some attempts of one model. A column is taken when it is asked for, and neighbouring rows are not copied.

    Args:
        columns: Columns of all attempts: ``cluster`` (code of the cluster) and whatever figures are asked for.
        rows: Which rows these are: a slice, or their numbers.
        drawn: With weights, how the items were drawn: a frame with a row for each attempt. None: without weights.
        requests: Code of each attempt's request. None: each is one of its own.
    """

    def __init__(
        self,
        columns: Mapping[str, np.ndarray[Any, Any]],
        rows: slice | Ints,
        drawn: pd.DataFrame | None = None,
        requests: Ints | None = None,
    ) -> None:
        self._columns = columns
        self._drawn = drawn
        self._requests = requests
        self.rows = rows

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start if isinstance(self.rows, slice) else len(self.rows)

    def __getitem__(self, name: str) -> Any:
        found = self._columns[name]
        # Half the time of an index in brackets.
        return found[self.rows] if isinstance(self.rows, slice) else found.take(self.rows)

    def where(self, mask: Bools) -> RequestRows:
        """Return the rows that a mask of these rows selects."""
        if mask.all():
            return self
        chosen = np.flatnonzero(mask).astype(np.int32)
        if not isinstance(self.rows, slice):
            rows = self.rows.take(chosen)
        else:
            rows = chosen + self.rows.start if self.rows.start else chosen
        return RequestRows(self._columns, rows, self._drawn, self._requests)

    def span(self, start: int, stop: int) -> RequestRows:
        """Return neighbouring rows of all attempts."""
        return RequestRows(self._columns, slice(start, stop), self._drawn, self._requests)

    @property
    def requests(self) -> Ints | None:
        """Code of each row's request. None: each row is one of its own."""
        return None if self._requests is None else self._requests[self.rows]

    @property
    def design(self) -> Design | None:
        """How the items were drawn, a row being a request. None: without weights."""
        return None if self._drawn is None else design_of(self._drawn.iloc[self.rows])

    @property
    def design_of_replies(self) -> Design | None:
        """How the items were drawn, a row being a reply; requests of one item share its weight. None: without weights."""
        if self._drawn is None:
            return None
        requests = (
            np.arange(len(self), dtype=np.int32) if self._requests is None else self._requests[self.rows]
        )
        return design_of_replies(self._drawn.iloc[self.rows], requests)


def mean_figures(values: Floats, clusters: Ints, name: str, design: Design | None) -> dict[str, Any]:
    """Return the mean of scores or of right answers with its interval; None where there are none."""
    low, high = mean_interval(values, clusters, design=design)
    mean = weighted_mean(values, design) if len(values) else None
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def quantile_figures(replies: RequestRows, name: str) -> dict[str, Any]:
    """Return the median and the 95th percentile of times with their intervals; unknown ones are left out.

    Args:
        replies: The replies.
        name: The column without its unit, such as ``response``.
    """
    known, values = _known(replies, f"{name}_s")
    shares = (0.5, 0.95)
    found = quantile_estimates(values, shares, known["cluster"], known.design_of_replies)
    row: dict[str, Any] = {}
    for share, estimate in zip(shares, found, strict=True):
        column = f"{name}_p{share * 100:.0f}_s"
        row |= {column: estimate.value, f"{column}_low": estimate.low, f"{column}_high": estimate.high}
    return row


def quantile(replies: RequestRows, column: str, share: float) -> float | None:
    """Return a quantile of a column's known values; None where there are none. See :func:`quantile_figures`."""
    known, values = _known(replies, column)
    return weighted_quantile(values, share, known.design_of_replies) if len(values) else None


def share_of_tokens(replies: RequestRows, part: str, whole: str) -> float | None:
    """Return the share that some tokens are of others, over replies that report both; None where there are none.

    Args:
        replies: The replies.
        part: Column of the tokens that are a part.
        whole: Column of all of them.
    """
    above, below = replies[part], replies[whole]
    is_known = ~(np.isnan(above) | np.isnan(below))
    if not is_known.all():
        rows = np.flatnonzero(is_known)
        above, below = above.take(rows), below.take(rows)
    design = replies.where(is_known).design_of_replies
    each = 1.0 if design is None else design.weights
    total = float((below * each).sum())
    return float((above * each).sum()) / total if total else None


def mean_by_request(replies: RequestRows, name: str) -> float | None:
    """Return the mean over requests of the sums of their replies' known values; None where there are none.

    Args:
        replies: The replies.
        name: The column.
    """
    known, values = _known(replies, name)
    if not len(values):
        return None
    requests = known.requests
    if requests is None:
        design = known.design
        return float(values.sum()) / len(values) if design is None else design.mean(values)
    codes, kinds = pd.factorize(requests)
    sums: Floats = np.bincount(codes, weights=values).astype(np.float64, copy=False)
    first = np.zeros(len(codes), dtype=bool)
    first[np.unique(codes, return_index=True)[1]] = True
    design = known.where(first).design
    return float(values.sum()) / len(kinds) if design is None else design.mean(sums)


def _known(replies: RequestRows, column: str) -> tuple[RequestRows, Floats]:
    """Return the rows in which a column is known, and its values there."""
    values = replies[column]
    is_known = ~np.isnan(values)
    return (
        (replies, values)
        if is_known.all()
        else (replies.where(is_known), values.take(np.flatnonzero(is_known)))
    )
