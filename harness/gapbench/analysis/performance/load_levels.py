"""Load levels for the report: throughput at each load, compared with the service level that the suite searched for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.performance.capacity import CapacityResult, capacity
from gapbench.suite.loads.load import CONSTANT_CONCURRENCY_KINDS, CONSTANT_RATE_KINDS
from gapbench.values.slo import Slo

NO_SLO = Slo()


def load_levels(runs: Runs | Sequence[Path]) -> CapacityResult | None:
    """Return the load levels of runs, compared with the service level of the first search (if there is one).

    Args:
        runs: Run folders, or runs already loaded.

    Returns:
        None if no model was measured at two rates or two concurrencies, so that there is no curve to draw.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    levels = {
        (cell.model_id, cell.load_kind, cell.load_value)
        for run_id, cell in read_runs.cells
        if (run_id, cell.model_id) not in read_runs.batched
    }
    kinds = [
        (model_id, kind in CONSTANT_RATE_KINDS)
        for model_id, kind, _ in levels
        if kind in CONSTANT_RATE_KINDS + CONSTANT_CONCURRENCY_KINDS
    ]
    if len(kinds) == len(set(kinds)):
        return None
    searched = [search.slo for manifest in read_runs.manifests for search in manifest.searches]
    return capacity(read_runs, Slo(**searched[0]) if searched else NO_SLO)
