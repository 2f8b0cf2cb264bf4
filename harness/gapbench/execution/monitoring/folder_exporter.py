"""Count every run in a results folder from the files that its process writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from gapbench.errors import ResultsError
from gapbench.execution.monitoring.counters import RUN_STATES, RunCounts
from gapbench.pricing import Quote, make_attempt_pricer, model_price
from gapbench.store import RunFollower, RunManifest, read_manifest, runs_in
from gapbench.values import Attempt


class ResultsFollower:
    """Follows a results folder: each update reads only what was written since the last one.

    Args:
        folder: The results folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._followed: dict[Path, _FollowedRun] = {}
        # Two scrapes at once would count a row twice.
        self._lock = threading.Lock()

    def run_counts(self) -> list[RunCounts]:
        """Return the counts of every run that is there now."""
        with self._lock:
            self._followed = {
                folder: self._followed.get(folder) or _FollowedRun(folder) for folder in runs_in(self._folder)
            }
            return [run.update() for run in self._followed.values()]


class _FollowedRun:
    """One run and the position up to which it has been counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._follower = RunFollower(folder)
        self._counts = RunCounts(folder.name)
        self._stamp: tuple[int, int] | None = None
        self._state = "damaged"
        self._price: Callable[[Attempt], Decimal | None] = lambda _: None

    def update(self) -> RunCounts:
        """Count new rows. A run that cannot be read gets the state ``damaged``; other runs are not affected."""
        try:
            self._read_manifest()
            for row in self._follower.read_new():
                self._counts.record(row, self._price(row))
        except (ResultsError, OSError, KeyError, TypeError, ValueError):
            self._counts.state = "damaged"
        else:
            self._counts.state = self._state
        return self._counts

    def _read_manifest(self) -> None:
        """Read state, plan and prices from ``run.json`` if it has changed: a search adds cells while it runs."""
        stat = (self._folder / "run.json").stat()
        stamp = (stat.st_ino, stat.st_mtime_ns)
        if stamp == self._stamp:
            return
        manifest = read_manifest(self._folder)
        self._counts.suite = manifest.suite
        self._state = manifest.state if manifest.state in RUN_STATES else "damaged"
        for cell in manifest.cells:
            self._counts.set_total(cell.cell_id, cell.model_id, cell.task, cell.planned)
        self._price = make_attempt_pricer(_make_quote(manifest))
        self._stamp = stamp


def _make_quote(manifest: RunManifest) -> Callable[[str, str | None, str | None], Quote]:
    """Return a function that gives the price of a model on the day the run started, by tier and served or requested name."""
    models = manifest.models_and_users
    day = datetime.fromisoformat(manifest.started_at).date()

    def quote(model_id: str, tier: str | None, served: str | None) -> Quote:
        model = models[model_id]
        return model_price(
            runner=model.runner,
            provider=model.known_price_provider,
            model=served or model.name,
            at=day,
            base_url=model.base_url,
            cost=model.cost,
            service_tier=tier,
            simulated=model.simulated,
        )

    return quote
