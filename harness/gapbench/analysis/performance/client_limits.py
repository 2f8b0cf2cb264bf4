"""Checks whether a cell's times measure the server or this client.

A client at its limit measures itself. Each worker records in ``run.json`` how long a byte waits for its event loop (99th
percentile) and how much of a core it used; under a rate, the rows show how late requests were sent. If a cell exceeds these bounds, its times are not
the provider's. Its accuracy is still valid, since a late client gets the same answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from gapbench.analysis.frames import Runs, load_of_cell
from gapbench.analysis.tally import LATE_S
from gapbench.store.manifest import CellEntry
from gapbench.suite.loads.load import CLOSED_LOOP_KINDS

SHARE = 0.05
"""Share of the cell's median first-token time; lateness above it affects the measured times noticeably."""
_LATE_SHARE = 0.99
CPU_SHARE = 0.95
"""Share of one core above which a worker has no reserve to be on time."""
CLIENT_LIMIT = "invalid: client was the limit"
"""The verdict on times that the client's own delays invalidate."""
CLIENT_LIMIT_TEXT = "times are invalid, this client was the limit"
"""The same as a note."""
CACHED_SHARE = 0.01
"""Share of input tokens from a cache above which a cell with salted prompts did not measure uncached requests."""


def client_limits(runs: Runs) -> dict[tuple[str, str], str]:
    """Return why a cell's times are not the server's, by (run_id, cell_id). Valid cells are left out."""
    found: dict[tuple[str, str], str] = {}
    late_s = _late_s(runs)
    # Without any lateness the median makes no difference, and it is the most work.
    doubtful = {key for key, late in late_s.items() if late > LATE_S} | {
        (run_id, cell.cell_id) for run_id, cell in runs.cells if (cell.lag_p99_s or 0.0) > LATE_S
    }
    first_s = _quantile_by_cell(runs, "ttft_s", 0.5, doubtful)
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


def limited_categories(runs: Runs, overall: str) -> tuple[set[tuple[str, str, str]], list[str]]:
    """Return where the client's own delays invalidate times, and why.

    Args:
        runs: The runs.
        overall: Name of the category that stands for all categories.

    Returns:
        The affected (model, category, load), ``overall`` included, and one sentence for each affected model.
    """
    limits = client_limits(runs)
    limited: set[tuple[str, str, str]] = set()
    reasons: dict[tuple[str, str], str] = {}
    for run_id, cell in runs.cells:
        key = (run_id, cell.cell_id)
        if key in limits and cell.load_kind != "search":
            load = load_of_cell(cell.cell_id)
            limited |= {(cell.model_id, category, load) for category in (cell.category, overall)}
            reasons[key] = limits[key]
    return limited, summarize_cells(runs, reasons, CLIENT_LIMIT_TEXT)


def summarize_cells(runs: Runs, reasons: Mapping[tuple[str, str], str], meaning: str) -> list[str]:
    """Return one sentence for each affected model: its first affected cell, and how many more there are.

    Args:
        runs: The runs.
        reasons: Reason of each affected cell, by (run_id, cell_id).
        meaning: What the reasons imply.
    """
    cells: dict[str, list[tuple[str, CellEntry]]] = {}
    for run_id, cell in runs.cells:
        if (run_id, cell.cell_id) in reasons:
            cells.setdefault(cell.model_id, []).append((run_id, cell))
    sentences = []
    for model_id, ((run_id, first), *more) in cells.items():
        why = reasons[run_id, first.cell_id]
        rest = f"; and {len(more)} more of its cells" if more else ""
        sentences.append(
            f"{model_id} on {first.task} at {load_of_cell(first.cell_id)}: {meaning}: {why}{rest}"
        )
    return sentences


def _reasons(cell: CellEntry, late_s: float | None, bound_s: float) -> list[str]:
    reasons: list[str] = []
    lag_s = cell.lag_p99_s
    if lag_s is not None and lag_s > bound_s:
        reasons.append(f"the event loop was {_late(lag_s, bound_s)}")
    if late_s is not None and late_s > bound_s:
        reasons.append(f"requests left {_late(late_s, bound_s)}")
    busiest = max((worker.cpu_share for worker in cell.workers or ()), default=0.0)
    if busiest > CPU_SHARE:
        reasons.append(f"a worker used {busiest * 100:.0f} % of a core")
    return reasons


def _late(lag_s: float, bound_s: float) -> str:
    """Return a lag and its bound with as many digits as tell them apart."""
    for digits in range(4):
        lag_ms, bound_ms = f"{lag_s * 1e3:.{digits}f}", f"{bound_s * 1e3:.{digits}f}"
        if lag_ms != bound_ms:
            break
    return f"{lag_ms} ms late (p99; bound {bound_ms})"


def _above_calibration(runs: Runs) -> dict[tuple[str, str], str]:
    """Return the cells with more requests in flight than the run's calibration showed to be reliable."""
    found: dict[tuple[str, str], str] = {}
    for manifest in runs.manifests:
        calibration = manifest.calibration or {}
        trusted = calibration.get("trusted_streams")
        if trusted is None or all(level["is_trusted"] for level in calibration["levels"]):
            continue
        for cell in manifest.cells:
            streams = cell.load_value if cell.load_kind in CLOSED_LOOP_KINDS else 0
            if streams > trusted:
                key = (str(manifest.run_id), str(cell.cell_id))
                found[key] = (
                    f"{streams:g} in flight, and this machine's figures can be trusted up to {trusted}"
                )
    return found


def _late_s(runs: Runs) -> dict[tuple[str, str], float]:
    """Return the 99th percentile of the delay of first attempts, for cells with a schedule in which it can exceed ``LATE_S``."""
    kinds = runs.tally[~runs.tally["load_kind"].isin(CLOSED_LOOP_KINDS).to_numpy()]
    counts = kinds.groupby(["run_id", "cell_id"], sort=False)[["queued", "late"]].sum()
    # Of n values, the 99th percentile lies between the two that have 99 % of the n - 1 others below them.
    last = counts["queued"] - 1
    is_doubtful = counts["late"] > last - np.ceil(_LATE_SHARE * last)
    cells = set(counts.index[is_doubtful.to_numpy()])
    condition = "a.attempt = 1 AND NOT list_contains($closed, a.load_kind)"
    return _quantile_by_cell(
        runs,
        "queue_s",
        _LATE_SHARE,
        cells,
        condition,
        ("attempt", "load_kind"),
        {"closed": sorted(CLOSED_LOOP_KINDS)},
    )


def median_by_cell(runs: Runs, name: str, cells: Collection[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Return the median of a column over the known values of each of some cells, by (run_id, cell_id)."""
    return _quantile_by_cell(runs, name, 0.5, cells)


def _quantile_by_cell(
    runs: Runs,
    name: str,
    share: float,
    cells: Collection[tuple[str, str]],
    condition: str = "true",
    columns: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> dict[tuple[str, str], float]:
    """Return a quantile of a column over the known values of each of some cells, one model at a time."""
    if not cells:
        return {}
    names = runs.tally[["run_id", "cell_id", "model_id"]].drop_duplicates()
    is_wanted = [key in cells for key in zip(names["run_id"], names["cell_id"], strict=True)]
    # An empty list would be taken for a list of columns.
    wanted = names[np.array(is_wanted, dtype=bool)]
    found: dict[tuple[str, str], float] = {}
    # The cell of a judge or of a played user may have several models: its values belong together.
    shared = wanted[["run_id", "cell_id"]].duplicated(keep=False).any()
    for model_id in [None] if shared else wanted["model_id"].unique():
        rows = runs.attempts.table(
            f"SELECT a.run_id, a.cell_id, quantile_cont(a.{name}, {share}) AS value FROM attempts a "
            "SEMI JOIN cells c ON c.run_id = a.run_id AND c.cell_id = a.cell_id "
            f"WHERE a.{name} IS NOT NULL AND {condition} GROUP BY ALL",
            {"run_id", "cell_id", name, *columns},
            values=values,
            tables={"cells": wanted[["run_id", "cell_id"]].drop_duplicates()},
            model_id=model_id,
        )
        found |= {(row["run_id"], row["cell_id"]): row["value"] for row in rows.to_pylist()}
    return found


def unexpected_cache_hits(runs: Runs) -> dict[tuple[str, str], str]:
    """Return the cells whose salted prompts were still served from a cache, with the share of cached tokens.

    The counts in the replies are used first, then the server's counters for the cell. A system prompt shared within the
    cell hits the cache despite the salt; this is reported too.
    """
    found: dict[tuple[str, str], str] = {}
    salted = {(run_id, cell.cell_id) for run_id, cell in runs.cells if cell.salt}
    sums = _cached_tokens(runs) if salted else {}
    for run_id, cell in runs.cells:
        key_ = (run_id, cell.cell_id)
        if not cell.salt:
            continue
        cached, total = sums.get(key_, (0.0, 0.0))
        where = "according to the replies"
        if cached <= 0:
            cached, total = prefix_cache_counts(cell)
            where = "according to the server's counters"
        if total and cached / total > CACHED_SHARE:
            found[key_] = f"{cached / total * 100:.0f} % of the input tokens came from a cache {where}"
    return found


def _cached_tokens(runs: Runs) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the tokens from a cache and all input tokens of each cell, over attempts that report both."""
    rows = runs.attempts.table(
        "SELECT run_id, cell_id, CAST(sum(cached_input_tokens) AS DOUBLE) AS cached, CAST(sum(input_tokens) AS DOUBLE) AS total "
        "FROM attempts WHERE cached_input_tokens IS NOT NULL AND input_tokens IS NOT NULL GROUP BY ALL",
        ["run_id", "cell_id", "cached_input_tokens", "input_tokens"],
    )
    return {(row["run_id"], row["cell_id"]): (row["cached"], row["total"]) for row in rows.to_pylist()}


def prefix_cache_counts(cell: CellEntry) -> tuple[float, float]:
    """Return hits and queries of the server's prefix cache during a cell, in tokens; (0, 0) if not counted."""
    before, after = cell.counters_before or {}, cell.counters_after or {}
    names = ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total")
    if any(name not in counters for name in names for counters in (before, after)):
        return 0.0, 0.0
    hits, queries = (float(after[name]) - float(before[name]) for name in names)
    return hits, queries
