"""The Python API: run a suite, read finished runs, and compute the tables that the command line prints.

Import the names from :mod:`gapbench`. Nothing here prints; notices of a run go to the logger ``gapbench``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapbench.analysis.cost.cost import CostTable
    from gapbench.analysis.frames import Runs
    from gapbench.analysis.quality.gap import GapTable
    from gapbench.analysis.quality.summary import Summary
    from gapbench.store import RunManifest
    from gapbench.suite.plan import Cell
    from gapbench.values import Attempt, Model

_LOGGER = logging.getLogger("gapbench")


@dataclass(frozen=True)
class Run(os.PathLike[str]):
    """A run that has ended. It can be given wherever a run folder is expected.

    Attributes:
        folder: The run folder.
        manifest: The content of its ``run.json``.
    """

    folder: Path
    manifest: RunManifest

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def state(self) -> str:
        """``complete``, or why the run ended early, such as ``stopped`` or ``interrupted``."""
        return self.manifest.state

    @property
    def failures(self) -> dict[str, str]:
        """Message by model id, for each model that could not be run."""
        return {failure.model_id: failure.message for failure in self.manifest.failures}


RunFolders = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A :class:`Run`, a run folder, a folder that holds runs, or a sequence of them."""


def run_suite(
    suite: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    limit: int | None = None,
    out: str | os.PathLike[str] = "results",
    max_usd: float | None = None,
    allow_code: bool = False,
    until_sure: bool = False,
    cache: str | os.PathLike[str] | None = None,
    preflight: bool = True,
) -> Run:
    """Run a suite and return when it has ended.

    Paid models are called without asking; set ``max_usd`` to limit the spend. The first Ctrl-C stops sending and returns
    what has finished. An incomplete run is resumed with ``bench run --resume``. Also works in a notebook.

    Args:
        suite: A suite file, or the name of a built-in suite.
        models: Model ids of the suite, or ``runner:model[@url]`` for other models. None: all models of the suite.
        tasks: Task names. None: all tasks of the suite.
        limit: Run only so many samples of each task, spread over its tiers and clusters. None: as the suite says.
        out: Results folder; the run gets a new folder in it.
        max_usd: US dollars at which the run stops. None: no limit.
        allow_code: Whether the suite may run its Python code and server commands with your permissions.
        until_sure: Whether to stop at *ahead*, *no worse* or *equivalent*, with an error of 5 % however often the run looks.
        cache: Response cache folder, for accuracy runs. None: the one that the suite names, if any.
        preflight: Whether a run with paid calls first sends one small call to each model, so that a wrong key, name or
            parameter costs nothing.

    Returns:
        The run. Check ``state``: a run that stopped early is returned like a complete one.

    Raises:
        InputError: The suite is invalid, no sample of a task can be scored, a price needed for ``max_usd`` is unknown, or
            ``until_sure`` does not fit the suite.
        SetupError: A model cannot be called, because a key, a package or a GPU is missing, or it refused its first call.
        ResultsError: The results cannot be stored.
    """
    from gapbench.execution.first_calls import make_first_calls, needs_first_calls
    from gapbench.execution.limits.stop_signal import StopSignal
    from gapbench.execution.preflight import (
        refuse_missing_requirements,
        refuse_unpriced,
        refuse_unscorable,
        refuse_unsure,
    )
    from gapbench.execution.run_suite import execute_run
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy
    from gapbench.store import check_folder_writable
    from gapbench.store.provenance import new_run_id

    selection = Selection(
        os.fspath(suite), tuple(models or ()), tuple(tasks or ()), limit, allow_code, until_sure
    )
    setup = build_run_setup(selection)
    enforce_data_policy(setup)
    refuse_missing_requirements(setup)
    if until_sure:
        refuse_unsure(setup)
    refuse_unpriced(setup, max_usd)
    for note in refuse_unscorable(setup):
        _LOGGER.warning("%s", note)
    check_folder_writable(Path(out))
    folder = Path(out) / new_run_id(setup.suite.name, datetime.now(UTC))
    stop_signal = StopSignal()

    def execute() -> RunManifest:
        calls = make_first_calls(setup) if preflight and needs_first_calls(setup) else []
        for call in calls:
            if call.note:
                _LOGGER.warning("%s", call.note)
        return execute_run(
            setup,
            folder,
            _LoggingObserver(),
            selection=selection.as_json(),
            max_usd=max_usd,
            cache=None if cache is None else Path(cache),
            stop_signal=stop_signal,
            first_calls=calls,
        )

    if not _has_running_loop():
        return Run(folder, execute())
    # A notebook runs an event loop in this thread, so the run gets another thread, where no signal is handled.
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute)
        try:
            return Run(folder, running.result())
        except KeyboardInterrupt:
            stop_signal.set_from_thread("interrupted")
            return Run(folder, running.result())


def load_runs(runs: Runs | RunFolders, *, chunks: bool = False) -> Runs:
    """Read finished runs into memory; give the result to the other functions to read them only once.

    Args:
        runs: The runs. Of a folder that holds runs, all are read, oldest first.
        chunks: Also read the arrival time of each chunk, for ``tpot_s``. Takes several times the memory.

    Returns:
        The runs. ``runs.frame`` is a pandas frame with one row per attempt; ``bench schema`` lists its columns and units.

    Raises:
        ResultsError: There is no run, a folder is not a run, or a newer gapbench wrote it.
    """
    from gapbench.analysis import frames

    return frames.load_runs(_folders(runs), chunks=chunks)


def gap(runs: Runs | RunFolders, *, margin_points: float | None = None, all_pairs: bool = False) -> GapTable:
    """Compare closed and open models on the requests that both answered.

    Args:
        runs: The runs.
        margin_points: Gap that makes no difference, in percentage points of accuracy. None: the margin of the suite.
        all_pairs: Compare every closed model with every open one, not only the best of each.

    Returns:
        The table. ``table.frame`` is a pandas frame with one row per metric and category: both values, the gap with its
        95 % interval, and a verdict. ``table.headline()`` is one sentence.

    Raises:
        ResultsError: There is no run, or a folder is not a run.
    """
    from gapbench.analysis.quality import gap as gap_module

    return gap_module.gap(_folders(runs), margin_points=margin_points, all_pairs=all_pairs)


def cost(runs: Runs | RunFolders) -> CostTable:
    """Compute what each model cost, in US dollars: per task, per correct answer and per million tokens.

    API calls are priced with today's price book unless the suite gives a price; own GPUs are priced by the hour.

    Args:
        runs: The runs.

    Returns:
        The table. ``table.frame`` is a pandas frame with one row per model and category.

    Raises:
        ResultsError: There is no run, or a folder is not a run.
    """
    from gapbench.analysis.cost import cost as cost_module

    return cost_module.cost(_folders(runs))


def summarize(runs: Runs | RunFolders) -> Summary:
    """Summarize each model: accuracy with its interval, coverage, failures, latency in seconds, and cost.

    Args:
        runs: The runs.

    Returns:
        The summary. ``summary.frame`` is a pandas frame with one row per cell, per task, per category
        and per model; ``summary.level("model")`` selects one level.

    Raises:
        ResultsError: There is no run, or a folder is not a run.
    """
    from gapbench.analysis.quality import summary

    return summary.summarize(_folders(runs))


class _LoggingObserver:
    """Sends the notices of a run to the logger and ignores its progress."""

    def model_opening(self, model: Model) -> None:
        _LOGGER.info("opening model %s", model.id)

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        _LOGGER.info("%s: %d requests, %d already done", cell.cell_id, total, already_done)

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        pass

    def cell_ended(self, cell: Cell) -> None:
        _LOGGER.info("%s: done", cell.cell_id)

    def notify(self, line: str) -> None:
        from gapbench import credentials

        _LOGGER.warning("%s", credentials.redact(line))


def _folders(runs: Runs | RunFolders) -> Any:
    """Return runs in the form that the analysis takes: as they are if loaded, else as paths."""
    if isinstance(runs, str | os.PathLike):
        return Path(runs)
    return [Path(run) for run in runs] if isinstance(runs, Sequence) else runs


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
