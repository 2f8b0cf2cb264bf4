"""Baselines: named runs that later runs are compared with, in a file that can be kept in a repository."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gapbench.atomic_write import write_advice, write_atomically
from gapbench.errors import ResultsError
from gapbench.store.object_store import address_of, mirror_of, pull_run

FILE_NAME = "baselines.json"


def read_baselines(results: Path) -> dict[str, dict[str, Any]]:
    """Return the baselines of a results folder by name: ``run`` (folder, relative to it, or address) and ``suite``.

    Raises:
        ResultsError: The file is damaged.
    """
    path = results / FILE_NAME
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): {"run": str(entry["run"]), "suite": str(entry["suite"])}
            for name, entry in found.items()
        }
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ResultsError(f"cannot read {path}: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        why = exc if isinstance(exc, ValueError) else "expected names, each with a run and a suite"
        raise ResultsError(
            f"{path} is damaged ({why}); repair it, or remove it and set its baselines again with `bench baseline set`"
        ) from exc


def baselines_by_run(results: Path) -> dict[str, list[str]]:
    """Return the names of the baselines of a results folder by run id.

    Raises:
        ResultsError: The file is damaged.
    """
    found: dict[str, list[str]] = {}
    for name, entry in read_baselines(results).items():
        found.setdefault(entry["run"].rstrip("/").rsplit("/", 1)[-1], []).append(name)
    return found


def set_baseline(results: Path, name: str, run: Path, suite: str) -> None:
    """Keep a run as the baseline called ``name``.

    Raises:
        ResultsError: The file cannot be written.
    """
    path = results / FILE_NAME
    try:
        with _lock_folder(results):
            known = read_baselines(results)
            known[name] = {"run": address_of(run) or os.path.relpath(run, results), "suite": suite}
            write_atomically(path, f"{json.dumps(known, indent=2, sort_keys=True)}\n".encode())
    except OSError as exc:
        raise ResultsError(
            f"cannot write {path}: {exc.strerror or exc}; {write_advice(exc)}, or choose another folder"
        ) from exc


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder, so that two processes that set a baseline do not lose each other's."""
    import fcntl  # noqa: PLC0415 - not on every platform, and reading a run needs none

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def find_baseline(results: Path, name: str) -> Path:
    """Return the run folder of the baseline called ``name``; a run at an address is downloaded.

    Raises:
        ResultsError: No baseline has this name, or its run cannot be downloaded.
    """
    known = read_baselines(results)
    if name not in known:
        there = f"there are: {', '.join(known)}" if known else "there is none yet"
        raise ResultsError(f"no baseline {name!r} in {results}; {there}; `bench runs list` shows the runs")
    run: str = known[name]["run"]
    mirrored = mirror_of(run)
    if mirrored is None:
        return results / run
    pull_run(mirrored)
    return mirrored
