"""What a page shows of several loads: throughput at each, held against the service level that the suite searched for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.performance.capacity import CapacityResult, capacity
from gapbench.values.slo import Slo

NO_SLO = Slo()


def load_levels(runs: Runs | Sequence[Path]) -> CapacityResult | None:
    """Return the load levels of runs, against the first search's service level or none at all.

    Args:
        runs: Run folders, or what was read from them.

    Returns:
        None where no model was asked at two levels of a rate or of a concurrency: there is no curve to draw.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    levels = {(cell.model_id, cell.load_kind, cell.load_value) for _, cell in read_runs.cells}
    kinds = [
        (model_id, kind in {"rate", "search"})
        for model_id, kind, _ in levels
        if kind in {"rate", "search", "concurrency"}
    ]
    if len(kinds) == len(set(kinds)):
        return None
    searched = [search.slo for manifest in read_runs.manifests for search in manifest.searches]
    return capacity(read_runs, Slo(**searched[0]) if searched else NO_SLO)
