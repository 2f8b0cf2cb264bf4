"""Computes figures and caches of runs in other processes, so that the app answers at once however large a run is.

There are three lanes, each with a separate process that starts when it is needed: the runs that a reader has open, all others,
newest first, and trends. So a small run never waits for a large one that no one looks at. A run that is being written is computed again as it grows, with
pauses in proportion to how long that takes.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from gapbench.errors import BenchError, ResultsError
from gapbench.view.cache import ViewCache
from gapbench.view.catalog import RESCAN_S, RunEntry
from gapbench.view.figures_file import prices_version, read_figures

_PAUSE_FACTOR = 5
"""A growing run is computed again after this many times what the last computation took."""
_LEAST_PAUSE_S = 2.0
_NICENESS = 19
"""The runs that no one looks at get the time that nothing else wants."""
ENDED = "the process that computes figures ended; perhaps this machine is out of memory"


def run_task(name: str, *arguments: Any) -> Any:
    """Call a function of :mod:`gapbench.view.tasks`, which only the other processes import."""
    return getattr(importlib.import_module("gapbench.view.tasks"), name)(*arguments)


def _start_worker(niceness: int) -> None:
    """Give way to the server, leave Ctrl-C to it, and end when it has ended, however it did."""
    with suppress(OSError):
        os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = multiprocessing.parent_process()
    assert server is not None, "runs in a process of the pool"

    def end_with_server() -> None:
        server.join()
        os._exit(0)

    Thread(target=end_with_server, daemon=True).start()


class Background:
    """Prepares runs.

    Args:
        cache: The cache folder.
    """

    def __init__(self, cache: ViewCache) -> None:
        self._cache = cache
        self._latest: dict[Path, tuple[str, dict[str, Any]]] = {}
        self._prices, self._prices_read_s = "", float("-inf")
        self._open_runs = _Lane("prepare_figures", cache, niceness=0)
        self._all_runs = _Lane("prepare_run", cache, niceness=_NICENESS)
        self._trends = _Lane("describe_trend", cache, niceness=0)

    def figures(self, entry: RunEntry, *, first: bool = False) -> tuple[dict[str, Any] | None, str]:
        """Return the figures of a run and their status.

        The status is ``ready``, ``old`` (figures of fewer rows, while new ones are computed), ``pending`` (none yet) or
        ``failed: why``. Figures that are not ready are computed.

        Args:
            entry: The run.
            first: Whether a reader waits for this run.
        """
        run = entry.folder
        fingerprint, latest = self._latest.get(run, ("", None))
        if latest is not None and fingerprint == entry.fingerprint:
            return latest, "ready"
        found = read_figures(run, self._cache, entry.fingerprint, self._prices_version())
        if found is not None:
            self._latest[run] = (entry.fingerprint, found)
            return found, "ready"
        for lane in (self._open_runs, self._all_runs):
            problem = lane.problem(entry)
            if problem:
                return latest, f"failed: {problem}"
        (self._open_runs if first else self._all_runs).want(entry)
        return latest, "pending" if latest is None else "old"

    def _prices_version(self) -> str:
        """Return the version of the prices; their files are looked at once for a whole list of runs."""
        now_s = time.monotonic()
        if now_s - self._prices_read_s >= RESCAN_S:
            self._prices, self._prices_read_s = prices_version(), now_s
        return self._prices

    def prepare(self, entry: RunEntry) -> None:
        """Prepare a run unless everything is in the cache."""
        table = self._cache.place(entry.folder, entry.fingerprint) / "items.parquet"
        if not (
            table.exists() and table.with_name("texts").exists() and read_figures(entry.folder, self._cache)
        ):
            self._all_runs.want(entry)

    def call(self, task: str, *arguments: Any) -> Any:
        """Return what a function of :mod:`gapbench.view.tasks` returns in the process for open runs.

        Raises:
            ResultsError: The process ended before it answered.
        """
        try:
            return self._open_runs.submit(task, *arguments).result()
        except BrokenProcessPool as exc:
            raise ResultsError(ENDED) from exc

    def start(self, task: str, *arguments: Any) -> Future[Any]:
        """Call a function of :mod:`gapbench.view.tasks` in the process for trends, without waiting for it."""
        return self._trends.submit(task, *arguments)

    def close(self) -> None:
        """End the threads and the processes; what they were computing is lost."""
        for lane in (self._open_runs, self._all_runs, self._trends):
            lane.close()


class _Lane:
    """A queue of runs, and the thread and the process that work on them."""

    def __init__(self, task: str, cache: ViewCache, *, niceness: int) -> None:
        self._task = task
        self._niceness = niceness
        self._cache = cache
        self._condition = Condition()
        self._wanted: dict[Path, str] = {}
        self._running: Path | None = None
        self._failed: dict[Path, tuple[str, str]] = {}
        self._not_before_s: dict[Path, float] = {}
        self._is_open = True
        self._pool: ProcessPoolExecutor | None = None
        self._thread = Thread(target=self._work, name="background", daemon=True)
        self._thread.start()

    def want(self, entry: RunEntry) -> None:
        """Put a run at the end of the queue unless it is in it or is being worked on."""
        with self._condition:
            if entry.folder != self._running:
                self._wanted.setdefault(entry.folder, entry.fingerprint)
                self._condition.notify_all()

    def problem(self, entry: RunEntry) -> str:
        """Return why a run, as it is now, could not be prepared. "": nothing is known."""
        fingerprint, message = self._failed.get(entry.folder, ("", ""))
        return message if fingerprint == entry.fingerprint else ""

    def submit(self, task: str, *arguments: Any) -> Future[Any]:
        """Call a function of :mod:`gapbench.view.tasks` in the process.

        Raises:
            BrokenProcessPool: The lane is closed.
        """
        with self._condition:
            if not self._is_open:
                raise BrokenProcessPool("closed")
            try:
                return self._started_pool().submit(run_task, task, *arguments)
            except BrokenProcessPool:
                # The process of an earlier call ended; this call gets a new one.
                self._pool = None
                return self._started_pool().submit(run_task, task, *arguments)

    def _started_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned: a fork would copy threads and locks of the server.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                1, context, initializer=_start_worker, initargs=(self._niceness,)
            )
        return self._pool

    def close(self) -> None:
        """End the thread and the process."""
        with self._condition:
            self._is_open = False
            self._condition.notify_all()
            pool = self._pool
        if pool is not None:
            for worker in list((pool._processes or {}).values()):  # noqa: SLF001 - the pool has no way to end a running call
                worker.terminate()
            # A pool whose thread is still closing its pipes when Python exits prints a traceback (process.py, `_python_exit`).
            pool.shutdown(cancel_futures=True)
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._condition:
                run = self._next_run()
                while self._is_open and run is None:
                    self._condition.wait(0.5 if self._wanted else None)
                    run = self._next_run()
                if not self._is_open or run is None:
                    return
                fingerprint = self._wanted.pop(run)
                self._running = run
            began_s = time.monotonic()
            problem = self._prepare(run)
            took_s = time.monotonic() - began_s
            with self._condition:
                self._running = None
                self._not_before_s[run] = time.monotonic() + max(_LEAST_PAUSE_S, _PAUSE_FACTOR * took_s)
                if problem:
                    self._failed[run] = (fingerprint, problem)

    def _prepare(self, run: Path) -> str:
        """Return why a run could not be prepared, "" if it was."""
        try:
            self.submit(self._task, run, self._cache.base).result()
        except BenchError as exc:
            return str(exc)
        except BrokenProcessPool:
            return ENDED
        except Exception as exc:  # noqa: BLE001 - one run must not end the thread that serves all
            return f"{type(exc).__name__}: {exc}"
        return ""

    def _next_run(self) -> Path | None:
        now_s = time.monotonic()
        return next((run for run in self._wanted if self._not_before_s.get(run, 0.0) <= now_s), None)
