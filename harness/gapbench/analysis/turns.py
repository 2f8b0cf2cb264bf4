"""Turns of episodes among the attempt rows: which rows have a reply's times, which are retries, and an episode's own times.

An episode is one request with a row for each reply of the model (decision 7). Its last row counts as the request; the
others are replies too, whose times and tokens are real, and no retries.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench.stats import Floats, dense_codes
from gapbench.store.trajectories import read_trajectories

Bools = np.ndarray[Any, np.dtype[np.bool_]]
EPISODE_SOURCES = ("run_id", "trajectory_id", "final", "from_cache")
"""Columns that :func:`episode_response_s` and :func:`episode_chars_per_s` read besides their own."""


def _is_reply_within(frame: pd.DataFrame) -> Bools:
    """Return which rows are replies of an episode that went on after them."""
    went_on = ~frame["final"].to_numpy(dtype=bool) & frame["turn"].notna().to_numpy()
    return np.asarray(went_on & (frame["outcome"] != "infra").to_numpy())


def is_retried(frame: pd.DataFrame) -> Bools:
    """Return which attempts failed and were made again; a reply of an episode that went on is not one of them."""
    return ~frame["final"].to_numpy(dtype=bool) & ~_is_reply_within(frame)


def is_timed(frame: pd.DataFrame) -> Bools:
    """Return which rows have the times of a measured reply: the last of each request, and all replies of an episode."""
    measured = (frame["phase"] == "measure").to_numpy()
    return np.asarray(measured & (frame["final"].to_numpy(dtype=bool) | _is_reply_within(frame)))


def requests_with_a_retry(frame: pd.DataFrame, request: np.ndarray[Any, Any]) -> Bools:
    """Return for each code of ``request`` whether an attempt was repeated, or the episode started again."""
    count = int(request.max()) + 1 if len(request) else 0
    found = np.zeros(count, dtype=bool)
    found[request[is_retried(frame)]] = True
    turn = frame["turn"].fillna(0).to_numpy(dtype=np.int64)
    # Without a retry the attempts of an episode are numbered as its turns.
    found[request[frame["attempt"].to_numpy(dtype=np.int64) != 1 + turn]] = True
    return found


def episode_response_s(frame: pd.DataFrame, response_s: Floats, folders: Sequence[Path]) -> Floats:
    """Return the response times with those of whole episodes at their last rows: ``wall_s`` of the trajectory table.

    Args:
        frame: Attempt rows with :data:`EPISODE_SOURCES`.
        response_s: What a user waits for each reply.
        folders: The runs' folders.
    """
    places = np.flatnonzero(frame["trajectory_id"].notna().to_numpy())
    if not len(places):
        return response_s
    rows = frame.iloc[places]
    ended = read_trajectories(folders, ["run_id", "trajectory_id", "wall_s"])
    walls = dict(
        zip(
            zip(ended["run_id"].astype(str), ended["trajectory_id"].astype(str), strict=True),
            ended["wall_s"],
            strict=True,
        )
    )
    names = list(zip(rows["run_id"].astype(str), rows["trajectory_id"].astype(str), strict=True))
    wall_s = np.array([walls.get(name, np.nan) for name in names], dtype=np.float64)
    code = _episode_codes(rows)
    from_cache = np.bincount(code, rows["from_cache"].to_numpy(dtype=bool)) > 0
    # A reply from our own cache says nothing about how long the episode would have taken.
    wall_s[from_cache[code]] = np.nan
    final = rows["final"].to_numpy(dtype=bool)
    found = response_s.copy()
    found[places[final]] = wall_s[final]
    return found


def episode_chars_per_s(frame: pd.DataFrame, speed: Floats, latency_s: Floats) -> Floats:
    """Return the speeds with those of whole episodes at their last rows: characters over the model's time, all replies.

    Args:
        frame: Attempt rows with :data:`EPISODE_SOURCES`, ``outcome`` and ``output_chars``.
        speed: Characters over latency of each reply.
        latency_s: Latency of each reply.
    """
    places = np.flatnonzero(frame["trajectory_id"].notna().to_numpy())
    if not len(places):
        return speed
    rows = frame.iloc[places]
    code = _episode_codes(rows)
    answered = (rows["outcome"] != "infra").to_numpy()
    chars = np.bincount(code, np.where(answered, rows["output_chars"].to_numpy(np.float64), 0.0))
    model_s = np.bincount(code, np.where(answered, latency_s[places], 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.where((chars > 0) & (model_s > 0), chars / model_s, np.nan)
    final = rows["final"].to_numpy(dtype=bool)
    found = speed.copy()
    found[places[final]] = whole[code[final]]
    return found


def episode_ttft_s(frame: pd.DataFrame, request: np.ndarray[Any, np.dtype[np.integer[Any]]]) -> Floats:
    """Return times to first token with the mean over its replies in each row of an episode.

    Args:
        frame: Attempt rows with ``ttft_s``, ``timed`` and ``turn``.
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
    return np.where(of_episode, mean_s[request], ttft_s)


def _episode_codes(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    run, _ = pd.factorize(rows["run_id"])
    episode, names = pd.factorize(rows["trajectory_id"])
    return dense_codes(run.astype(np.int64) * (len(names) + 1) + episode)
