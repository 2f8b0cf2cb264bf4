"""Energy of each cell, from sampled GPU power."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gapbench.store import read_telemetry


def energy_kwh(run: Path) -> dict[str, float]:
    """Return kWh of all GPUs by cell of a run. Cells without samples are left out.

    The trapezoidal rule over each GPU's power samples. The time before a cell's first and after its last sample, at
    most half a second each, is not counted.
    """
    frame = read_telemetry(run)
    found: dict[str, float] = {}
    for (cell_id, _), part in frame.groupby(["cell_id", "gpu"], observed=True):
        rows = part.dropna(subset=["power_w"]).sort_values("at_s")
        if len(rows) > 1:
            at_s = rows["at_s"].to_numpy(np.float64)
            power_w = rows["power_w"].to_numpy(np.float64)
            joules = float(np.sum(np.diff(at_s) * (power_w[1:] + power_w[:-1]) / 2))
            found[str(cell_id)] = found.get(str(cell_id), 0.0) + joules / 3.6e6
    return found
