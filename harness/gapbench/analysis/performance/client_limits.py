"""Whether a cell's times are the server's or this client's.

A client that is the limit measures itself. Each worker leaves in ``run.json`` how late its event loop was, how much
of a core it used, and under a rate the rows tell how late requests were sent; a cell past these bounds has times that
are not the provider's. Its accuracy stands: a late client gets the same answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Runs, as_floats, load_of_cell
from gapbench.store.manifest import CellEntry

LIMIT_COLUMNS = ("run_id", "cell_id", "attempt", "load_kind", "queue_s", "ttft_s")
"""Columns of the runs' frame that :func:`client_limits` uses."""
SHARE = 0.05
"""Of the cell's median first-token time: lateness above this is more than a rounding of the figures."""
LATE_S = 0.010
"""Lateness below this is no reason, however fast the server: a timer tick of the loop is as long."""
CPU_SHARE = 0.95
"""Of one core: a worker that uses more has no time left in which it could have been on time."""
CLIENT_LIMIT = "invalid: client was the limit"
"""The verdict on times that a late client made."""
CLIENT_LIMIT_TEXT = "times are invalid, this client was the limit"
"""The same in a note."""
CACHED_SHARE = 0.01
"""Input tokens from a cache above which a cell with salted prompts did not measure what it was meant to."""


def client_limits(runs: Runs) -> dict[tuple[str, str], str]:
    """Return why a cell's times are the client's, by (run_id, cell_id); cells that are sound are left out."""
    frame = runs.frame
    found: dict[tuple[str, str], str] = {}
    late_s = _late_s(frame)
    first_s = _median(frame, "ttft_s")
    above = _above_calibration(runs)
    for run_id, cell in runs.cells:
        key = (run_id, cell.cell_id)
        bound_s = max(LATE_S, SHARE * first_s.get(key, 0.0))
        reasons = _reasons(cell, late_s.get(key), bound_s)
        if key in above:
            reasons.append(above[key])
        if reasons:
            found[key] = ", ".join(reasons)
    return found


def mark_client_limits(
    runs: Runs, rows: Iterable[dict[str, Any]], times: Collection[str], overall: str
) -> list[str]:
    """Take the verdict from gaps of times that a late client made; returns why, one sentence a cell.

    Args:
        runs: The runs.
        rows: Of the gap table; their figures are kept.
        times: The metrics that are times.
        overall: The category that stands for all.
    """
    limits = client_limits(runs)
    touched: set[tuple[str, str]] = set()
    counted: dict[tuple[str, str], str] = {}
    for run_id, cell in runs.cells:
        key = (run_id, cell.cell_id)
        if key in limits and cell.load_kind != "search":
            touched |= {(cell.model_id, cell.category), (cell.model_id, overall)}
            counted[key] = limits[key]
    for row in rows:
        both = {(row[side], row["category"]) for side in ("closed_model", "open_model")}
        if row["metric"] in times and both & touched:
            # More pairs of this client would settle nothing.
            row.update(verdict=CLIENT_LIMIT, items_needed=None)
    return summarize_cells(runs, counted, CLIENT_LIMIT_TEXT)


def summarize_cells(runs: Runs, reasons: Mapping[tuple[str, str], str], meaning: str) -> list[str]:
    """Return what was found of cells, one sentence a model: its first cell, and how many more.

    Args:
        runs: The runs.
        reasons: Why, by (run_id, cell_id).
        meaning: What it means.
    """
    cells: dict[str, list[tuple[str, CellEntry]]] = {}
    for run_id, cell in runs.cells:
        if (run_id, cell.cell_id) in reasons:
            cells.setdefault(cell.model_id, []).append((run_id, cell))
    said = []
    for model_id, ((run_id, first), *more) in cells.items():
        why = reasons[run_id, first.cell_id]
        rest = f"; and {len(more)} more of its cells" if more else ""
        said.append(f"{model_id} on {first.task} at {load_of_cell(first.cell_id)}: {meaning}: {why}{rest}")
    return said


def _reasons(cell: CellEntry, late_s: float | None, bound_s: float) -> list[str]:
    said: list[str] = []
    lag_s = cell.lag_p99_s
    if lag_s is not None and lag_s > bound_s:
        said.append(f"the event loop was {lag_s * 1e3:.0f} ms late (p99; bound {bound_s * 1e3:.0f})")
    if late_s is not None and late_s > bound_s:
        said.append(f"requests left {late_s * 1e3:.0f} ms late (p99; bound {bound_s * 1e3:.0f})")
    busiest = max((worker.cpu_share for worker in cell.workers or ()), default=0.0)
    if busiest > CPU_SHARE:
        said.append(f"a worker used {busiest * 100:.0f} % of a core")
    return said


def _above_calibration(runs: Runs) -> dict[tuple[str, str], str]:
    """Return the cells with more in flight than the load up to which the run's own calibration can be trusted."""
    found: dict[tuple[str, str], str] = {}
    for manifest in runs.manifests:
        calibration = manifest.calibration or {}
        trusted = calibration.get("trusted_streams")
        if trusted is None or all(level["is_trusted"] for level in calibration["levels"]):
            continue
        for cell in manifest.cells:
            places = cell.load_value if cell.load_kind in {"concurrency", "adaptive"} else 0
            if places > trusted:
                key = (manifest.run_id, cell.cell_id)
                found[key] = (
                    f"{places:g} in flight, and this machine's figures can be trusted up to {trusted}"
                )
    return found


def _late_s(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the 99th percentile of how late first attempts were sent, of the cells with a schedule."""
    scheduled = (frame["attempt"] == 1) & ~frame["load_kind"].isin(["concurrency", "adaptive"])
    planned = frame[["run_id", "cell_id", "queue_s"]][scheduled]
    return _by_cell(planned, as_floats(planned["queue_s"]), 0.99)


def _median(frame: pd.DataFrame, name: str) -> dict[tuple[str, str], float]:
    return _by_cell(frame, as_floats(frame[name]), 0.5)


def _by_cell(frame: pd.DataFrame, values: Any, share: float) -> dict[tuple[str, str], float]:
    known = pd.Series(values, index=frame.index).dropna()
    grouped = known.groupby([frame["run_id"], frame["cell_id"]], observed=True)
    return {
        (str(run_id), str(cell_id)): float(np.quantile(part, share)) for (run_id, cell_id), part in grouped
    }


def unexpected_cache_hits(runs: Runs) -> dict[tuple[str, str], str]:
    """Return the cells whose salted prompts were answered from a cache all the same, with what was seen.

    The replies' own counts are asked first, then the server's counters of the cell; salt that shares a system prompt
    within the cell still hits it, and says so here.
    """
    found: dict[tuple[str, str], str] = {}
    frame = runs.frame
    counts = frame[["run_id", "cell_id", "cached_input_tokens", "input_tokens"]].dropna()
    sums: dict[tuple[str, str], tuple[float, float]] = {}
    for (run_id, cell_id), part in counts.groupby(["run_id", "cell_id"], observed=True):
        sums[str(run_id), str(cell_id)] = (
            float(part["cached_input_tokens"].astype(np.float64).sum()),
            float(part["input_tokens"].astype(np.float64).sum()),
        )
    for run_id, cell in runs.cells:
        key_ = (run_id, cell.cell_id)
        if not cell.salt:
            continue
        cached, asked = sums.get(key_, (0.0, 0.0))
        where = "by the replies' own counts"
        if cached <= 0:
            cached, asked = _prefix_cache_counts(cell)
            where = "by the server's counters"
        if asked and cached / asked > CACHED_SHARE:
            found[key_] = f"{cached / asked * 100:.0f} % of the input tokens came from a cache {where}"
    return found


def _prefix_cache_counts(cell: CellEntry) -> tuple[float, float]:
    """Return hits and queries of the server's prefix cache during a cell, in tokens; (0, 0): not counted."""
    before, after = cell.counters_before or {}, cell.counters_after or {}
    names = ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total")
    if any(name not in counters for name in names for counters in (before, after)):
        return 0.0, 0.0
    hits, queries = (float(after[name]) - float(before[name]) for name in names)
    return hits, queries
