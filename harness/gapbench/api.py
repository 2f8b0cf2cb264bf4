"""The Python API: :func:`run` a suite, or :func:`read` finished runs; both return :class:`gapbench.Results`.

Import the names from :mod:`gapbench`. Nothing here prints; notices of a run go to the logger ``gapbench``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapbench.results import Results
    from gapbench.store import RunManifest
    from gapbench.suite.plan import Cell
    from gapbench.values import Attempt, Model

_LOGGER = logging.getLogger("gapbench")


def run(
    suite: str | os.PathLike[str],
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    limit: int | None = None,
    out: str | os.PathLike[str] = "results",
    max_usd: float | None = None,
    allow_code: bool = False,
    until_sure: bool = False,
    batch: bool = False,
    cache: str | os.PathLike[str] | None = None,
    preflight: bool = True,
) -> Results:
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
        batch: Whether vendors are asked through their batch APIs: half the price, within a day, without times.
        cache: Response cache folder, or ``redis://HOST:PORT/DB``, for accuracy runs. None: as the suite says, if it does.
        preflight: Whether a run with paid calls first sends one small call to each model, so that a wrong key, name or
            parameter costs nothing.

    Returns:
        Its results. Check ``state``: a run that stopped early is returned like a complete one.

    Raises:
        InputError: The suite is invalid, no sample of a task can be scored, a price needed for ``max_usd`` is unknown, or
            ``until_sure`` does not fit the suite.
        SetupError: A model cannot be called, because a key, a package or a GPU is missing, or it refused its first call.
        ResultsError: The results cannot be stored.
    """
    from gapbench.errors import InputError
    from gapbench.execution.first_calls import make_first_calls, needs_first_calls
    from gapbench.execution.limits.stop_signal import StopSignal
    from gapbench.execution.preflight import (
        refuse_broken_tools,
        refuse_missing_requirements,
        refuse_unpriced,
        refuse_unscorable,
        refuse_unsure,
    )
    from gapbench.execution.run_suite import execute_run, refuse_unreachable_cache
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy
    from gapbench.store import check_folder_writable
    from gapbench.store.provenance import new_run_id
    from gapbench.values.cache_place import parse_cache_place

    try:
        place = None if cache is None else parse_cache_place(os.fspath(cache))
    except ValueError as exc:
        raise InputError(f"cache: {exc}") from exc
    selection = Selection(
        os.fspath(suite), tuple(models or ()), tuple(tasks or ()), limit, allow_code, until_sure, batch=batch
    )
    setup = build_run_setup(selection)
    enforce_data_policy(setup)
    refuse_missing_requirements(setup)
    unsure = refuse_unsure(setup) if until_sure else []
    refuse_unpriced(setup, max_usd)
    for note in (*unsure, *refuse_unscorable(setup)):
        _LOGGER.warning("%s", note)
    check_folder_writable(Path(out))
    refuse_unreachable_cache(setup, place)
    folder = Path(out) / new_run_id(setup.suite.name, datetime.now(UTC))
    stop_signal = StopSignal()

    def execute() -> RunManifest:
        refuse_broken_tools(setup)
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
            cache=place,
            stop_signal=stop_signal,
            first_calls=calls,
        )

    if not _has_running_loop():
        execute()
        return read(folder)
    # A notebook runs an event loop in this thread, so the run gets another thread, where no signal is handled.
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute)
        try:
            running.result()
        except KeyboardInterrupt:
            stop_signal.set_from_thread("interrupted")
            running.result()
    return read(folder)


def read(runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Results:
    """Find finished runs. Their rows are read when a table first needs them.

    Args:
        runs: A run folder; a folder that holds runs, of which all are read together, oldest first; a pattern such as
            ``results/nightly-*``; an address such as ``s3://BUCKET/PREFIX``, whose runs are downloaded; or several of these.

    Returns:
        The results. A run that a newer one among them continues is not counted twice; ``notes`` names it.

    Raises:
        InputError: An address is not of a kind that can hold runs.
        ResultsError: There is no run, a folder is not a run, or a newer gapbench wrote it.
    """
    from gapbench.analysis.continued_runs import find_runs
    from gapbench.results import Results

    names = [runs] if isinstance(runs, str | os.PathLike) else runs
    return Results(find_runs([os.fspath(name) for name in names]))


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


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
