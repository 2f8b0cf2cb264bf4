"""Figures that need one clock for all machines of a cell, and where the clocks are too far apart for them.

First-token and whole times are differences on one machine's clock, so they are exact however wrong it is. How late requests
left on the common schedule, and what a steady window holds, compare instants of several machines: each may be wrong by
its bound in ``run.json``. A figure is refused where that is wider than the figure claims to be exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Runs
from gapbench.analysis.performance.client_limits import SHARE, median_by_cell, summarize_cells
from gapbench.analysis.tally import LATE_S
from gapbench.formatting import count_of
from gapbench.store.manifest import CellEntry

WINDOW_SHARE = 0.01
"""Share of a steady window by which its edges may be wrong."""
CellKey = tuple[str, str]


@dataclass(frozen=True)
class ClockRefusals:
    """What the clocks of several machines do not allow to say.

    Attributes:
        lateness: By (run_id, cell_id), why the delay of requests against the schedule is not shown.
        windows: By (run_id, cell_id), why the throughput of the steady window is not shown.
    """

    lateness: Mapping[CellKey, str] = field(default_factory=dict)
    windows: Mapping[CellKey, str] = field(default_factory=dict)

    def without_lateness(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame in which ``queue_s`` is unknown for the cells whose lateness is refused."""
        if not self.lateness:
            return frame
        keys = pd.MultiIndex.from_frame(frame[["run_id", "cell_id"]].astype(str))
        return frame.assign(queue_s=frame["queue_s"].mask(keys.isin(list(self.lateness))))

    def without_windows(self, done: pd.DataFrame) -> pd.DataFrame:
        """Return :func:`gapbench.analysis.performance.steady_state.steady_throughput` without the windows that are refused."""
        refused = done.index.isin(list(self.windows)) if self.windows else np.zeros(len(done), dtype=bool)
        kept = ~refused
        return done if kept.all() else done.mul(kept.astype(np.int64), axis="index")


def clock_refusals(runs: Runs, done: pd.DataFrame) -> ClockRefusals:
    """Return what the clocks of several machines do not allow to say.

    Args:
        runs: The runs.
        done: :func:`gapbench.analysis.performance.steady_state.steady_throughput` of them.
    """
    if not any(cell.machines for _, cell in runs.cells):
        return ClockRefusals()
    keys = {(run_id, cell.cell_id) for run_id, cell in runs.cells if cell.machines}
    first_s = median_by_cell(runs, "ttft_s", keys)
    window_s = done["window_s"].to_dict()
    lateness: dict[CellKey, str] = {}
    windows: dict[CellKey, str] = {}
    for run_id, cell in runs.cells:
        bound_s = widest_bound_s(cell)
        if bound_s is None:
            continue
        key = (run_id, cell.cell_id)
        late_s = max(LATE_S, SHARE * first_s.get(key, 0.0))
        if bound_s > late_s:
            lateness[key] = (
                f"the machines' clocks agree within {bound_s * 1e3:.3g} ms, and lateness needs {late_s * 1e3:.3g} ms"
            )
        edge_s = WINDOW_SHARE * window_s.get(key, 0.0)
        if window_s.get(key, 0.0) > 0 and bound_s > edge_s:
            windows[key] = (
                f"the machines' clocks agree within {bound_s * 1e3:.3g} ms, and a window of "
                f"{window_s[key]:.3g} s needs {edge_s * 1e3:.3g} ms"
            )
    return ClockRefusals(lateness, windows)


def widest_bound_s(cell: CellEntry) -> float | None:
    """Return by how much instants of two machines may be apart wrongly: the sum of the two widest bounds of a session.

    None: one machine sent each session of the cell, so that its instants are of one clock.
    """
    sessions: dict[str, list[float]] = {}
    for machine in cell.machines:
        sessions.setdefault(str(machine.started_at), []).append(float(machine.clock_bound_s))
    sums = [sum(sorted(bounds)[-2:]) for bounds in sessions.values() if len(bounds) > 1]
    return max(sums, default=None)


def machine_notes(runs: Runs, refusals: ClockRefusals) -> list[str]:
    """Return one sentence for each model with figures that are not shown, or a machine that was lost."""
    notes = summarize_cells(runs, refusals.lateness, "how late requests left is not shown")
    notes += summarize_cells(runs, refusals.windows, "throughput is not shown; first-token times are exact")
    lost = {
        (run_id, cell.cell_id): ", ".join(words)
        for run_id, cell in runs.cells
        if (
            words := [
                found for machine in cell.machines if (found := _lost_words(machine.name, machine.not_sent))
            ]
        )
    }
    return [*notes, *summarize_cells(runs, lost, "the load was lower than planned")]


def _lost_words(name: str, not_sent: int) -> str | None:
    return f"{name} was lost, and {count_of(not_sent, 'request')} of its share not sent" if not_sent else None
