"""The runs that the app shows: found in the results folders again and again, read again only if they changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from gapbench import formatting
from gapbench.errors import ResultsError
from gapbench.store import RunManifest, read_manifest, runs_in
from gapbench.store.verify import is_locked
from gapbench.view.notes import FILE_NAME, count_notes
from gapbench.view.run_files import FileStamp, file_stamp, fingerprint

RESCAN_S = 1.0
"""The folders are listed at most this often."""


@dataclass(frozen=True)
class RunEntry:
    """A run in the list.

    Attributes:
        key: Its name in links: that of its folder, made unique.
        folder: The run folder.
        fingerprint: See :func:`gapbench.view.run_files.fingerprint`.
        manifest: Its ``run.json``. None: it cannot be read.
        problem: Why it cannot be read. "": it can.
        is_live: Whether another process is writing it.
        notes: Number of notes.
    """

    key: str
    folder: Path
    fingerprint: str
    manifest: RunManifest | None
    problem: str
    is_live: bool
    notes: int

    def to_json(self) -> dict[str, Any]:
        """Return the facts of the list that ``run.json`` states."""
        shown: dict[str, Any] = {
            "key": self.key,
            "problem": formatting.strip_controls(self.problem) if self.problem else "",
            "live": self.is_live,
            "notes": self.notes,
        }
        if self.manifest is None:
            return {
                **shown,
                "state": "damaged",
                "suite": "",
                "started_at": None,
                "models": [],
                "tasks": [],
                "planned": None,
            }
        manifest = self.manifest
        # A killed process leaves the state as it was.
        state = "interrupted" if manifest.state == "running" and not self.is_live else manifest.state
        return {
            **shown,
            "state": state,
            "reason": formatting.strip_controls(manifest.reason) if manifest.reason else "",
            "suite": formatting.strip_controls(manifest.suite),
            "started_at": manifest.started_at,
            "ended_at": manifest.ended_at,
            "models": [
                {"id": model.id, "weights": model.weights, "simulated": model.simulated}
                for model in manifest.models
            ],
            "tasks": [task.name for task in manifest.tasks],
            "planned": sum(cell.planned for cell in manifest.cells),
        }


class Catalog:
    """Finds runs.

    Args:
        places: Results folders and run folders.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = tuple(places)
        self._lock = Lock()
        self._entries: dict[str, RunEntry] = {}
        self._manifests: dict[Path, tuple[FileStamp, RunManifest | None, str]] = {}
        self._notes: dict[Path, tuple[FileStamp, int]] = {}
        self._scanned_s = float("-inf")

    def entries(self) -> list[RunEntry]:
        """Return the runs, newest first."""
        with self._lock:
            if time.monotonic() - self._scanned_s >= RESCAN_S:
                self._entries = self._scan()
                self._scanned_s = time.monotonic()
            return list(self._entries.values())

    def find(self, key: str) -> RunEntry:
        """Return a run by its key.

        Raises:
            ResultsError: There is none.
        """
        for entry in self.entries():
            if entry.key == key:
                return entry
        raise ResultsError(f"there is no run {key!r} here; it may have been moved or deleted")

    def forget_notes(self) -> None:
        """List the folders again at the next call."""
        with self._lock:
            self._scanned_s = float("-inf")

    def _scan(self) -> dict[str, RunEntry]:
        folders: dict[Path, None] = {}
        for place in self._places:
            folders.update(dict.fromkeys([place] if (place / "run.json").exists() else runs_in(place)))
        found: list[RunEntry] = []
        keys: set[str] = set()
        for folder in folders:
            key, number = folder.name, 1
            while key in keys:
                number += 1
                key = f"{folder.name}~{number}"
            keys.add(key)
            found.append(self._entry(key, folder))
        found.sort(
            key=lambda entry: (entry.manifest.started_at if entry.manifest else "", entry.key), reverse=True
        )
        return {entry.key: entry for entry in found}

    def _entry(self, key: str, folder: Path) -> RunEntry:
        stamp = file_stamp(folder / "run.json")
        known = self._manifests.get(folder)
        if known is None or known[0] != stamp:
            try:
                known = (stamp, read_manifest(folder), "")
            except ResultsError as exc:
                known = (stamp, None, str(exc))
            self._manifests[folder] = known
        manifest, problem = known[1:]
        is_live = manifest is not None and manifest.state == "running" and is_locked(folder)
        return RunEntry(
            key, folder, fingerprint(folder), manifest, problem, is_live, self._count_notes(folder)
        )

    def _count_notes(self, folder: Path) -> int:
        stamp = file_stamp(folder / FILE_NAME)
        known = self._notes.get(folder)
        if known is None or known[0] != stamp:
            known = self._notes[folder] = (stamp, count_notes(folder))
        return known[1]
