"""The trends of the suites: computed in another process, kept until a night, a baseline or a price changes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from threading import Lock
from typing import Any

from gapbench import formatting
from gapbench.errors import BenchError, ResultsError
from gapbench.store.baselines import FILE_NAME as BASELINES
from gapbench.view.background import ENDED, Background
from gapbench.view.catalog import RunEntry
from gapbench.view.figures_file import prices_version
from gapbench.view.run_files import file_stamp

NIGHTS = 30
"""Newest nights of a suite that are shown unless the reader chooses, as in ``bench trend``."""
MAX_NIGHTS = 365
_WAIT_S = 1.0
"""Seconds to wait for a trend before the page is told that it is being computed."""
_KEPT = 16


def suites_of(entries: Sequence[RunEntry]) -> dict[str, str]:
    """Return the suites with a complete run, the newest first: as the page shows them, and as ``run.json`` has them."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry.manifest is not None and entry.manifest.state == "complete":
            found.setdefault(formatting.strip_controls(entry.manifest.suite), str(entry.manifest.suite))
    return found


def runs_of(entries: Sequence[RunEntry], suite: str) -> dict[Path, str]:
    """Return the runs of a suite, complete or not: folder, and name in links."""
    return {entry.folder: entry.key for entry in entries if _is_of(entry, suite)}


class Trends:
    """The trends.

    Args:
        background: Where they are computed.
    """

    def __init__(self, background: Background) -> None:
        self._background = background
        self._lock = Lock()
        self._asked: OrderedDict[str, Future[dict[str, Any]]] = OrderedDict()

    def find(self, entries: Sequence[RunEntry], suite: str, last: int) -> dict[str, Any]:
        """Return ``version``, ``status`` (``ready``, ``pending`` or ``failed: why``), and the ``trend`` if it is ready.

        Args:
            entries: All runs, newest first.
            suite: A suite as the page shows it. "": that of the newest complete run.
            last: How many nights at most.

        Raises:
            ResultsError: No run of the suite is complete.
        """
        known = suites_of(entries)
        if not known:
            raise ResultsError("no run is complete yet; a trend has a row for each complete run")
        if suite and suite not in known:
            raise ResultsError(f"no complete run of {suite!r}; there are runs of: {', '.join(known)}")
        raw = known[suite] if suite else next(iter(known.values()))
        version = _version([entry for entry in entries if _is_of(entry, raw)], raw, last)
        with self._lock:
            asked = self._asked.get(version)
            if asked is None:
                asked = self._background.start("describe_trend", runs_of(entries, raw), raw, last)
                self._asked[version] = asked
                while len(self._asked) > _KEPT:
                    self._asked.popitem(last=False)[1].cancel()
            self._asked.move_to_end(version)
        try:
            return {"version": f"{version}-ready", "status": "ready", "trend": asked.result(_WAIT_S)}
        except TimeoutError:
            return {"version": f"{version}-pending", "status": "pending"}
        except BenchError as exc:
            return _failed(version, str(exc))
        except (BrokenProcessPool, CancelledError):
            with self._lock:
                self._asked.pop(version, None)
            return _failed(version, ENDED)


def _is_of(entry: RunEntry, suite: str) -> bool:
    return entry.manifest is not None and str(entry.manifest.suite) == suite


def _failed(version: str, why: str) -> dict[str, Any]:
    return {"version": f"{version}-failed", "status": f"failed: {formatting.strip_controls(why)}"}


def _version(entries: Sequence[RunEntry], suite: str, last: int) -> str:
    """Return a hash of what a trend is made of. A run under way counts only once it is complete."""
    runs = [
        (str(entry.folder), entry.fingerprint if entry.manifest.state == "complete" else entry.manifest.state)
        for entry in entries
        if entry.manifest is not None
    ]
    baselines = [
        file_stamp(folder / BASELINES) for folder in sorted({entry.folder.parent for entry in entries})
    ]
    made_of: Mapping[str, Any] = {"suite": suite, "last": last, "runs": runs, "baselines": baselines}
    return hashlib.sha256(repr((made_of, prices_version())).encode()).hexdigest()[:16]
