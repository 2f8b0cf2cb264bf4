"""Finds the importer of a log: the modules of ``formats/``, then the entry-point group ``bench.importers``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from gapbench.errors import InputError, SetupError
from gapbench.store.importers.sample_log import LogImporter, SampleLog, read_json_file

ENTRY_POINT_GROUP = "bench.importers"
FORMATS_PACKAGE = "gapbench.store.importers.formats"


def read_logs(path: Path, model: str | None, metric: str | None) -> list[SampleLog]:
    """Return the logs of a file, or of all files in a folder.

    Args:
        path: A log, or a folder that a harness wrote.
        model: Name of the model; it replaces the name in the log. None: the name in the log.
        metric: The metric that is the score. None: the importer's choice.

    Raises:
        InputError: No importer knows the file, or it is not as its harness writes it.
        SetupError: An installed importer cannot be loaded.
    """
    if path.is_dir():
        patterns = [pattern for importer in iter_importers() for pattern in importer.patterns]
        inside = sorted({file for pattern in patterns for file in path.rglob(pattern)})
        if not inside:
            raise InputError(f"{path}: contains no log; expected one of {', '.join(patterns)}")
        return [log for file in inside for log in read_logs(file, model, metric)]
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    importer = find_importer(path)
    try:
        return list(importer.read(path, model, metric))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as exc:
        raise InputError(f"{path}: not as {importer.name} writes it: {type(exc).__name__}: {exc}") from exc


def find_importer(file: Path) -> LogImporter:
    """Return the importer that knows a file, by its suffix or by its content as JSON.

    Raises:
        InputError: None does.
        SetupError: An installed importer cannot be loaded.
    """
    by_suffix = next((importer for importer in iter_importers() if file.suffix in importer.suffixes), None)
    if by_suffix is not None:
        return by_suffix
    value = read_json_file(file)
    for importer in iter_importers():
        if importer.accepts(value):
            return importer
    known = "; ".join(f"{importer.name} ({importer.description})" for importer in iter_importers())
    raise InputError(f"{file}: no importer knows this file; there are: {known}")


def iter_importers() -> Iterator[LogImporter]:
    """Yield the importers, built-in ones first. Installed ones are loaded when they are reached.

    Raises:
        SetupError: An installed importer cannot be loaded.
    """
    folder = str(Path(__file__).parent / "formats")
    for module in pkgutil.iter_modules([folder]):
        yield import_module(f"{FORMATS_PACKAGE}.{module.name}").IMPORTER
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        yield _load(point)


def _load(point: EntryPoint) -> LogImporter:
    owner = f"package {point.dist.name}" if point.dist else "an unknown package"
    try:
        importer = point.load()
    except Exception as exc:  # another package's module may raise anything
        raise SetupError(
            f"importer {point.name!r} of {owner}: cannot import {point.value}: {type(exc).__name__}: {exc}"
        ) from exc
    if not isinstance(importer, LogImporter):
        raise SetupError(
            f"importer {point.name!r} of {owner}: {point.value} is {type(importer).__name__}; "
            "it must be a gapbench.store.importers.sample_log.LogImporter"
        )
    return importer
