"""The steady window of each cell, and its throughput, counted by events and not by whole requests.

A request that starts in the warm-up may produce most of its tokens in the window, and one that starts in the window may
produce them while the cell is draining. So tokens count at the time their chunk arrives: :func:`steady_throughput`
counts the events in the window, whichever request they belong to.

Under a rate, the window starts when the first measured request is scheduled and ends when the last one is. Under
concurrency, it starts when the first measured request is sent and ends when the first worker has none left to send,
since fewer requests are in flight after that. A window shorter than the mean reply contains no steady state and does
not count. A resumed cell has one window for each stretch, that is, each time it was started or resumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats, group_codes
from gapbench.analysis.row_groups import RowGroups
from gapbench.stats import Floats, Ints
from gapbench.store.attempt_frame import read_frame
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.suite.loads.load import CLOSED_LOOP_KINDS

_CHUNKS = ["chunk_s", "chunk_tokens"]
_NEEDED = [
    "run_id", "cell_id", "attempt", "started_at", "phase", "worker", "load_kind", "outcome", "scheduled_s", "first_token_s", "last_token_s",
    "done_s", "input_tokens", "output_tokens", "final", "turn", "response_s",
]  # fmt: skip


@dataclass(frozen=True)
class SteadyWindows:
    """The steady windows of a frame of attempts.

    Attributes:
        stretches: The rows by the stretch that they belong to.
        start_s: Start of each stretch's window, on the cell's clock. NaN if it has no window.
        end_s: End of each stretch's window.
    """

    stretches: RowGroups
    start_s: Floats
    end_s: Floats

    @property
    def length_s(self) -> Floats:
        """Length of each stretch's window; NaN if it has none."""
        return self.end_s - self.start_s


def steady_windows(frame: pd.DataFrame) -> SteadyWindows:
    """Return the windows of a frame with ``cell_id``, ``started_at``, ``phase``, ``worker`` and the sending times."""
    stretches = RowGroups(group_codes(frame, ["run_id", "cell_id", "started_at"]))
    scheduled = frame["scheduled_s"].to_numpy(np.float64)
    first = frame["attempt"].to_numpy() == 1
    # Imported rows have no schedule.
    measured = (frame["phase"] == "measure").to_numpy() & first & ~np.isnan(scheduled)
    start_s = stretches.least(np.where(measured, scheduled, np.inf))
    start_s = np.maximum(start_s, _free_of_others_s(frame, stretches, start_s))
    # The window ends with the last request under a rate, and with the first worker without work under concurrency.
    end_s = stretches.largest(np.where(measured, scheduled, -np.inf))
    concurrent = np.flatnonzero(measured & frame["load_kind"].isin(CLOSED_LOOP_KINDS).to_numpy())
    end_s = np.minimum(end_s, _first_idle_s(frame, stretches, scheduled, concurrent))
    # An episode is done with its last row, and takes as long as all of them.
    of_episode = frame["turn"].notna().to_numpy()
    ended = (
        frame["final"].to_numpy(dtype=bool) & (frame["phase"] == "measure").to_numpy() & ~np.isnan(scheduled)
    )
    took_s = frame["done_s"].to_numpy(np.float64) - scheduled
    took_s[of_episode] = as_floats(frame["response_s"])[of_episode]
    done = np.where(of_episode, ended, measured) & (frame["outcome"] != "infra").to_numpy()
    # An answer of our own cache has no time, nor has an episode with a reply from there.
    done &= ~np.isnan(took_s)
    took_s[~done] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        reply_s = stretches.sums(took_s) / stretches.counts(done)
    empty = ~(end_s - start_s >= np.nan_to_num(reply_s)) | ~(end_s > start_s)
    start_s[empty], end_s[empty] = np.nan, np.nan
    return SteadyWindows(stretches, start_s, end_s)


def _first_idle_s(frame: pd.DataFrame, stretches: RowGroups, scheduled: Floats, rows: Ints) -> Floats:
    """Return when the first worker of each stretch had sent its last request; infinity for a stretch without ``rows``."""
    found = np.full(stretches.count, np.inf)
    if len(rows):
        workers = frame["worker"].to_numpy(np.int64).take(rows)
        width = int(workers.max()) + 1
        last_s = np.full(stretches.count * width, -np.inf)
        np.maximum.at(last_s, stretches.code.take(rows) * np.int64(width) + workers, scheduled.take(rows))
        busy = np.flatnonzero(last_s > -np.inf)
        np.minimum.at(found, busy // width, last_s[busy])
    return found


def _free_of_others_s(frame: pd.DataFrame, stretches: RowGroups, start_s: Floats) -> Floats:
    """Return when each stretch had all places in flight to itself, on its cell's clock. -inf: from its start.

    The cells of a model that are not timed share their places: while the last answers of one cell are awaited, the next
    has only the other places.
    """
    free_s = np.full(len(start_s), -np.inf)
    where = stretches.rows
    last_s = stretches.largest(np.fmax(as_floats(frame["done_s"]), -np.inf))
    zero_s = frame["started_at"].iloc[where].to_numpy("datetime64[ns]").astype(np.int64) / 1e9
    names = frame[["run_id", "cell_id"]].iloc[where].astype(str)
    busy_until_s: dict[tuple[str, str, str], float] = {}
    for own in np.argsort(zero_s + start_s, kind="stable"):
        offset_s = zero_s[own]
        run_id, cell_id = names.iloc[own]
        queue = (run_id, cell_id.partition("|")[0], cell_id.rpartition("|")[2])
        until_s = busy_until_s.get(queue, -np.inf)
        if until_s > offset_s + start_s[own]:
            free_s[own] = until_s - offset_s
        busy_until_s[queue] = max(until_s, offset_s + last_s[own])
    return free_s


def steady_throughput(frame: pd.DataFrame, attempts: AttemptRelation) -> pd.DataFrame:
    """Return the events in each cell's steady window, indexed by ``run_id`` and ``cell_id``.

    Columns: ``window_s`` (0 if there is no window), ``completed`` (requests completed in it, an episode with its last reply),
    ``solved`` (those of them that are all right), ``input_tokens`` (of prompts whose first token arrived in it),
    ``output_tokens`` (that arrived in it; if a reply has no counts for its chunks, its tokens are spread evenly over
    them). NaN tokens mean that an answered request did not report its count.

    Args:
        frame: Every attempt of the cells, including warm-up and retries, from :mod:`gapbench.analysis.frames`, with the chunks
            or with ``ord``.
        attempts: The attempts, to read the chunks of requests that straddle an edge of the window.
    """
    # Calls of judges, and of models that play users, are not load on the model.
    is_load = ~frame["phase"].isin(["judge", "user"]).to_numpy()
    further = [name for name in ("ord", *_CHUNKS) if name in frame.columns]
    if not is_load.all():
        frame = frame[[*_NEEDED, *further]][is_load]
    found = steady_windows(frame)
    code = found.stretches.code
    start_s, end_s = found.start_s.take(code), found.end_s.take(code)
    answered = (frame["outcome"] != "infra").to_numpy()
    first_s, last_s, done_s = (as_floats(frame[name]) for name in ("first_token_s", "last_token_s", "done_s"))
    tokens = as_floats(frame["output_tokens"])
    inside = (first_s >= start_s) & (last_s < end_s)
    outside = (last_s < start_s) | (first_s >= end_s) | np.isnan(first_s) | np.isnan(start_s)
    share = inside.astype(np.float64)
    across = ~inside & ~outside & answered
    if across.any():
        share[across] = _shares(frame[further][across], start_s[across], end_s[across], attempts)
    written = np.where(answered & (share > 0), tokens * share, 0.0)
    is_prompt_read = answered & (first_s >= start_s) & (first_s < end_s)
    cells = RowGroups(group_codes(frame, ["run_id", "cell_id"]))
    final = frame["final"].to_numpy(dtype=bool)
    completed = answered & final & (done_s >= start_s) & (done_s < end_s)
    # An episode without a time has a reply from our own cache, which took no time of the server.
    completed &= ~(frame["turn"].notna().to_numpy() & np.isnan(as_floats(frame["response_s"])))
    solved = completed & (frame["outcome"] == "correct").to_numpy()
    prompts = np.where(is_prompt_read, as_floats(frame["input_tokens"]), 0.0)
    cell_of_stretch = cells.code[found.stretches.rows]
    names = [frame[name].iloc[cells.rows].astype(str).to_numpy() for name in ("run_id", "cell_id")]
    # Plain sums: one unknown count makes the total unknown.
    return pd.DataFrame(
        {
            "window_s": np.bincount(cell_of_stretch, np.nan_to_num(found.length_s), cells.count),
            "completed": cells.counts(completed),
            "solved": cells.counts(solved),
            "input_tokens": cells.sums(prompts),
            "output_tokens": cells.sums(written),
        },
        index=pd.MultiIndex.from_arrays(names, names=["run_id", "cell_id"]),
    )


def _shares(straddling: pd.DataFrame, start_s: Floats, end_s: Floats, attempts: AttemptRelation) -> Floats:
    """Return the share of each straddling request's tokens that arrived in its window."""
    if "chunk_s" not in straddling.columns:
        numbers = straddling["ord"].to_numpy(np.int64)
        straddling = read_frame(
            attempts.near(numbers),
            _CHUNKS,
            where="a.ord IN (SELECT unnest($numbers))",
            values={"numbers": numbers.tolist()},
        )
    chunks = zip(*(straddling[name] for name in _CHUNKS), start_s, end_s, strict=True)
    return np.array([token_share_within(*one) for one in chunks], dtype=np.float64)


def token_share_within(times: Any, counts: Any, start_s: float, end_s: float) -> float:
    """Return the share of a reply's tokens that arrived from ``start_s`` until before ``end_s``.

    Args:
        times: Arrival time of each chunk, in seconds.
        counts: Output tokens so far at each chunk. If None or NaN, all chunks count the same.
        start_s: Start of the window.
        end_s: End of the window.
    """
    at_s = np.asarray(times, dtype=np.float64)
    within = (at_s >= start_s) & (at_s < end_s)
    if counts is None or np.isscalar(counts) or len(counts) != len(at_s):
        return float(within.mean()) if len(at_s) else 0.0
    made = np.diff(np.asarray(counts, dtype=np.float64), prepend=0.0)
    total = float(made.sum())
    return float(made[within].sum()) / total if total > 0 else float(within.mean())
