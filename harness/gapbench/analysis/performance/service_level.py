"""The measured replies of runs, and which requests kept a service level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats, group_codes
from gapbench.analysis.turns import requests_with_a_retry
from gapbench.stats import Floats
from gapbench.values.slo import Slo


def measured_replies(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the times of measured replies, one for each request and all turns of episodes.

    Columns besides those of the frame: ``due_s``, when the first attempt at the reply was scheduled; ``request``, a code of
    its request; ``is_first_try``, whether no attempt at the request failed and was made again; ``level_key``, a code of
    its cell.
    """
    rows = frame[(frame["phase"] == "measure").to_numpy()].reset_index(drop=True)
    request = group_codes(rows, ["run_id", "cell_id", "sample_id", "repeat"])
    again = requests_with_a_retry(rows, request)
    scheduled_s = rows["scheduled_s"].to_numpy(np.float64)
    first_s = np.full(len(again), np.nan)
    first = rows["attempt"].to_numpy() == 1
    first_s[request[first]] = scheduled_s[first]
    # A turn is due when it was scheduled; a single request when its first attempt was.
    due_s = np.where(rows["turn"].isna().to_numpy(), first_s[request], scheduled_s)
    found = rows.assign(
        due_s=due_s,
        request=request,
        is_first_try=~again[request],
        level_key=group_codes(rows, ["run_id", "cell_id"]),
    )
    return found[rows["timed"].to_numpy(dtype=bool)].reset_index(drop=True)


def meets_slo(replies: pd.DataFrame, slo: Slo) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each request, in the order of the final rows, whether it met every limit in its first attempt.

    Args:
        replies: Result of :func:`measured_replies`, with ``chunk_s`` if the limits include gaps between chunks.
        slo: The limits. Each reply of an episode must meet those on a reply.
    """
    good = (replies["outcome"] != "infra").to_numpy() & replies["is_first_try"].to_numpy()
    due_s = replies["due_s"].to_numpy(np.float64)
    final = replies["final"].to_numpy(dtype=bool)
    with np.errstate(invalid="ignore"):
        # An instant that did not happen is NaN, and NaN meets no limit.
        for limit_s, name in (
            (slo.ttft_s, "first_token_s"),
            (slo.answer_ttft_s, "first_answer_s"),
            (slo.response_s, "done_s"),
        ):
            if limit_s is not None:
                good = good & (as_floats(replies[name]) - due_s <= limit_s)
        if slo.task_s is not None:
            good = good & (~final | (task_s(replies) <= slo.task_s))
    if slo.inter_chunk_s is not None:
        slowest = np.array(
            [_chunk_gap_s(times, slo.percentile) for times in replies["chunk_s"]], dtype=np.float64
        )
        good = good & (slowest <= slo.inter_chunk_s)
    missed = np.zeros(int(replies["request"].max()) + 1 if len(replies) else 0, dtype=bool)
    request = replies["request"].to_numpy()
    missed[request[~good]] = True
    kept: np.ndarray[Any, np.dtype[np.bool_]] = ~missed[request[final]]
    return kept


def task_s(replies: pd.DataFrame) -> Floats:
    """Return what a user waits for the end: of an episode its wall time, of a request from when it was due."""
    single = as_floats(replies["done_s"]) - replies["due_s"].to_numpy(np.float64)
    whole: Floats = np.where(replies["turn"].notna().to_numpy(), as_floats(replies["response_s"]), single)
    return whole


def _chunk_gap_s(times: Any, share: float) -> float:
    """Return a percentile of one request's gaps between chunks. 0 for a reply in one chunk, which cannot stall."""
    gaps = np.diff(np.asarray(times, dtype=np.float64))
    return float(np.quantile(gaps, share)) if len(gaps) else 0.0
