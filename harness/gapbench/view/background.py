"""Computes figures and caches of runs in one other process, so that the app answers at once however large a run is.

The run that a reader has open comes first, then the newest. A run that is being written is computed again as it grows,
with pauses in proportion to how long that takes.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from gapbench.errors import BenchError
from gapbench.view.cache import ViewCache
from gapbench.view.catalog import RunEntry
from gapbench.view.figures import read_figures, write_figures
from gapbench.view.samples_table import samples_table
from gapbench.view.text_search import write_texts

_PAUSE_FACTOR = 5
"""A growing run is computed again after this many times what the last computation took."""
_LEAST_PAUSE_S = 2.0
_NICENESS = 5


def prepare_run(run: Path, cache_folder: Path) -> None:
    """Fill the cache for a run: the table of requests, the figures, and the texts for the search."""
    cache = ViewCache(cache_folder)
    samples_table(run, cache)
    write_figures(run, cache)
    write_texts(run, cache)


def _lower_priority() -> None:
    with suppress(OSError):
        os.nice(_NICENESS)


class Background:
    """Prepares runs one after another.

    Args:
        cache: The cache folder.
    """

    def __init__(self, cache: ViewCache) -> None:
        self._cache = cache
        self._condition = Condition()
        self._wanted: dict[Path, tuple[int, str]] = {}
        self._latest: dict[Path, dict[str, Any]] = {}
        self._failed: dict[Path, tuple[str, str]] = {}
        self._not_before_s: dict[Path, float] = {}
        self._order = 0
        self._is_open = True
        self._pool: ProcessPoolExecutor | None = None
        self._thread = Thread(target=self._work, name="background", daemon=True)
        self._thread.start()

    def figures(self, entry: RunEntry, *, first: bool = False) -> tuple[dict[str, Any] | None, str]:
        """Return the figures of a run and whether they are ``ready``, ``old`` (of fewer rows), ``pending`` or ``failed: why``.

        Figures that are not ready are computed.

        Args:
            entry: The run.
            first: Whether a reader waits for this run.
        """
        run = entry.folder
        found = read_figures(run, self._cache)
        if found is not None:
            self._latest[run] = found
            return found, "ready"
        failed = self._failed.get(run)
        if failed is not None and failed[0] == entry.fingerprint:
            return self._latest.get(run), f"failed: {failed[1]}"
        self.want(entry, first=first)
        latest = self._latest.get(run)
        return latest, "pending" if latest is None else "old"

    def want(self, entry: RunEntry, *, first: bool = False) -> None:
        """Prepare a run when its turn comes."""
        with self._condition:
            if entry.folder not in self._wanted or first:
                self._order += 1
                place = -self._order if first else self._order
                self._wanted[entry.folder] = (place, entry.fingerprint)
                self._condition.notify_all()

    def prepare(self, entry: RunEntry) -> None:
        """Prepare a run unless everything is in the cache."""
        table = self._cache.place(entry.folder, entry.fingerprint) / "items.parquet"
        if not (table.exists() and table.with_name("texts").exists() and read_figures(entry.folder, self._cache)):
            self.want(entry)

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        """Call a function of a module in the other process."""
        with self._condition:
            if self._pool is None:
                # Spawned: a fork would copy threads and locks of the server.
                self._pool = ProcessPoolExecutor(
                    1, multiprocessing.get_context("spawn"), initializer=_lower_priority
                )
            return self._pool.submit(function, *arguments)

    def close(self) -> None:
        """End the process; what it was computing is lost."""
        with self._condition:
            self._is_open = False
            self._condition.notify_all()
            pool = self._pool
        if pool is not None:
            workers = list((pool._processes or {}).values())  # noqa: SLF001 - the pool has no way to end a running call
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()

    def _work(self) -> None:
        while True:
            with self._condition:
                run = self._next_run()
                while self._is_open and run is None:
                    self._condition.wait(0.5 if self._wanted else None)
                    run = self._next_run()
                if not self._is_open or run is None:
                    return
                _, fingerprint = self._wanted.pop(run)
            began_s = time.monotonic()
            try:
                self.submit(prepare_run, run, self._cache.base).result()
            except BenchError as exc:
                self._failed[run] = (fingerprint, str(exc))
            except BrokenProcessPool:
                if not self._is_open:
                    return
                self._pool = None
                self._failed[run] = (fingerprint, "the process that computes figures ended; perhaps out of memory")
            except Exception as exc:  # noqa: BLE001 - one run must not end the thread that serves all
                if not self._is_open:
                    return
                self._failed[run] = (fingerprint, f"{type(exc).__name__}: {exc}")
            took_s = time.monotonic() - began_s
            self._not_before_s[run] = time.monotonic() + max(_LEAST_PAUSE_S, _PAUSE_FACTOR * took_s)

    def _next_run(self) -> Path | None:
        now_s = time.monotonic()
        ready = [run for run in self._wanted if self._not_before_s.get(run, 0.0) <= now_s]
        return min(ready, key=lambda run: self._wanted[run][0]) if ready else None

