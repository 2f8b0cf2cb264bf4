"""The files that a user names: paths, globs, folders, run folders, and addresses on object storage."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from gapbench.errors import InputError
from gapbench.store import numbered_files
from gapbench.store.object_store import download_objects, mirror_of
from gapbench.traffic.items import SUFFIXES, name_without_packing
from gapbench.traffic.set_aside import ASIDE_SUFFIX


class Source(NamedTuple):
    """A file to read.

    Attributes:
        path: Where it is on this machine.
        shown: How rows and messages name it.
    """

    path: Path
    shown: str


@contextmanager
def open_sources(given: Sequence[str]) -> Iterator[list[Source]]:
    """Yield the files that some names stand for, in order, each once; objects on S3 are copied for as long as the block runs.

    Raises:
        InputError: A name is not that of a file.
    """
    with TemporaryDirectory(prefix="gapbench-traffic-") as folder:
        found: dict[str, Source] = {}
        for number, name in enumerate(given):
            for source in _find(name, Path(folder) / str(number)):
                is_copy = source.path.parent.parent == Path(folder)
                found.setdefault(source.shown if is_copy else os.path.realpath(source.path), source)
        yield list(found.values())


def same_place(one: Path, other: Path) -> bool:
    """Return whether two paths name one file, also where a link points at itself."""
    return os.path.realpath(one) == os.path.realpath(other)


def _find(name: str, folder: Path) -> Iterator[Source]:
    if ":" in name and mirror_of(name) is not None:
        for path, address in download_objects(name, folder, is_log):
            yield Source(path, address)
        return
    path = Path(name)
    try:
        if path.is_dir():
            yield from _in_folder(path)
            return
        if path.exists() or not glob.has_magic(name):
            yield Source(path, name)
            return
    except (OSError, ValueError) as exc:  # a name that is too long, or with a NUL
        raise InputError(f"{name[:80]!r} cannot be read: {exc}") from exc
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob refuses an absolute pattern
    files = [Path(match) for match in matches if Path(match).is_file()]
    if not files:
        raise InputError(f"{name}: no file matches this pattern; check the folder and the ending")
    yield from (Source(file, str(file)) for file in files)


def _in_folder(folder: Path) -> Iterator[Source]:
    """The logs anywhere below a folder; of a run folder only its attempts."""
    if (folder / "run.json").is_file():
        files = list(numbered_files(folder, "attempts").values())
    else:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and is_log(path.name))
    if not files:
        raise InputError(
            f"{folder}: no file in this folder ends in {', '.join(SUFFIXES)}, plain or with .gz or .zst"
        )
    yield from (Source(file, str(file)) for file in files)


def is_log(name: str) -> bool:
    """Return whether a file of a folder may be a log, by its name. What an import set aside was in a log before."""
    plain = name_without_packing(Path(name))
    return not name.startswith(".") and plain.endswith(SUFFIXES) and not plain.endswith(ASIDE_SUFFIX)
