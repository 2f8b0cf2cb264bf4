"""Turns of episodes among the attempt rows: which rows have a reply's times, which are retries, and an episode's own times.

An episode is one request with a row for each reply of the model (decision 7). Its last row counts as the request; the
others are replies too, whose times and tokens are real, and no retries.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gapbench.stats import Floats

Bools = np.ndarray[Any, np.dtype[np.bool_]]


def _is_reply_within(frame: pd.DataFrame) -> Bools:
    """Return which rows are replies of an episode that went on after them."""
    went_on = ~frame["final"].to_numpy(dtype=bool) & frame["turn"].notna().to_numpy()
    return np.asarray(went_on & (frame["outcome"] != "infra").to_numpy())


def is_retried(frame: pd.DataFrame) -> Bools:
    """Return which attempts failed and were made again; a reply of an episode that went on is not one of them."""
    return ~frame["final"].to_numpy(dtype=bool) & ~_is_reply_within(frame)


def requests_with_a_retry(frame: pd.DataFrame, request: np.ndarray[Any, Any]) -> Bools:
    """Return for each code of ``request`` whether an attempt was repeated, or the episode started again."""
    count = int(request.max()) + 1 if len(request) else 0
    found = np.zeros(count, dtype=bool)
    found[request[is_retried(frame)]] = True
    turn = frame["turn"].fillna(0).to_numpy(dtype=np.int64)
    # Without a retry the attempts of an episode are numbered as its turns.
    found[request[frame["attempt"].to_numpy(dtype=np.int64) != 1 + turn]] = True
    return found


def episode_ttft_s(frame: pd.DataFrame, request: np.ndarray[Any, np.dtype[np.integer[Any]]]) -> Floats:
    """Return times to first token with the mean over its replies in each row of an episode; NaN if our cache gave a reply.

    Args:
        frame: Attempt rows with ``ttft_s``, ``timed``, ``turn`` and ``from_cache``.
        request: Code of each row's request.
    """
    ttft_s: Floats = frame["ttft_s"].to_numpy(dtype=np.float64, na_value=np.nan)
    of_episode = frame["turn"].notna().to_numpy()
    known = of_episode & frame["timed"].to_numpy(dtype=bool) & ~np.isnan(ttft_s)
    if not known.any():
        return ttft_s
    count = int(request.max()) + 1
    replies = np.bincount(request[known], minlength=count)
    with np.errstate(invalid="ignore"):
        mean_s = np.bincount(request[known], ttft_s[known], count) / replies
    mean_s[request[of_episode & frame["from_cache"].to_numpy(dtype=bool)]] = np.nan
    return np.where(of_episode, mean_s[request], ttft_s)
