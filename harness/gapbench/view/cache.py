"""The cache of the app: tables and figures derived from runs, in the platform's cache folder and never in the results.

::

    <cache>/<hash of the run's path>/<fingerprint>/items.parquet    one row for each request, with every model's outcome
                                                   texts/           lower-case prompts and answers, for the search
                                                   figures-*.json   what the analysis says of the run

The fingerprint changes with every file of the run, so nothing in the cache is ever out of date; older ones are removed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs

from gapbench.atomic_write import replace_atomically
from gapbench.errors import ResultsError

LAYOUT = 2
"""Version of what is in the cache; a new one leaves the old files behind."""
_KEPT_FINGERPRINTS = 3
_HASH = re.compile(r"[0-9a-f]{20}")


class ViewCache:
    """The cache folder.

    Args:
        folder: Where it is. None: the platform's cache folder of gapbench.
    """

    def __init__(self, folder: Path | None = None) -> None:
        base = folder or Path(platformdirs.user_cache_dir("gapbench", appauthor=False)) / "view"
        self.base = base
        self._folder = base / f"{LAYOUT}-{version('gapbench')}"

    def place(self, run: Path, fingerprint: str) -> Path:
        """Return the folder of a run at one fingerprint, which is made; of older ones the newest stays for its readers."""
        home = self._folder / hashlib.sha256(os.fsencode(run.absolute())).hexdigest()[:20]
        place = home / fingerprint
        if not place.is_dir():
            place.mkdir(parents=True, mode=0o700, exist_ok=True)
            found = [old for old in home.iterdir() if _HASH.fullmatch(old.name)]
            for old in sorted(found, key=_modified_s)[:-_KEPT_FINGERPRINTS]:
                shutil.rmtree(old, ignore_errors=True)
        return place


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # Another process removed it.
        return 0.0


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a program that writes a file or folder itself; it is renamed to ``path`` when it is whole.

    If another process or thread was faster, its file stays.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield partial
        with suppress(OSError):
            partial.rename(path)
        if not path.exists():
            raise ResultsError(
                f"cannot write {path}; free up disk space, or set XDG_CACHE_HOME to another folder"
            )
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_cached(path: Path, data: bytes) -> None:
    """Replace a cached file by ``data``. It need not survive a loss of power."""
    with replace_atomically(path, temporary_suffix=f".{os.getpid()}.tmp", durable=False) as file:
        file.write(data)
