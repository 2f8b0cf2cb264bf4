"""What the footer of a part says, read without its rows: columns, version, rows, models, and labels that all rows share."""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.errors import FileGoneError, ResultsError
from gapbench.store.schema import SCHEMA_VERSION

_COLLECTED = 500
"""Footers after which their garbage is collected."""
LABELS = (
    "run_id", "cell_id", "task", "task_sha256", "category", "model_id", "runner", "model_asked", "model_served",
    "service_tier", "started_at", "simulated", "phase", "final", "outcome", "scorer", "load_kind", "from_cache",
    "transport", "reasoning_disclosure", "image_detail", "params_asked", "params_sent", "params_changes",
)  # fmt: skip
"""Columns that have one value in most parts, or few."""
RARE = (
    "trajectory_id", "turn", "weight", "rung", "reasoning_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "first_complete_call_s",
)  # fmt: skip
"""Columns that most runs leave empty."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """The facts of one part.

    Attributes:
        path: The part.
        rows: Its rows.
        columns: Names of its columns.
        models: Smallest and largest model id. None: not known.
        constants: The value of each of :data:`LABELS` that is the same in all rows; None where it is null in all of them.
            ``params_changes`` is one text of lines.
        filled: Which of :data:`RARE` a row may have.
        sql_path: Its absolute path, in which DuckDB expands nothing.
    """

    path: Path
    rows: int
    columns: frozenset[str]
    models: tuple[str, str] | None
    constants: Mapping[str, Any]
    filled: frozenset[str]
    sql_path: str

    def may_hold(self, model_id: str) -> bool:
        """Return whether a row of a model can be in the part."""
        return self.models is None or self.models[0] <= model_id <= self.models[1]

    def may_have(self, name: str) -> bool:
        """Return whether a row of the part may have a value of a column."""
        return name in (self.filled if name in RARE else self.columns)


def read_part_facts(paths: Sequence[Path]) -> list[PartFacts]:
    """Return the facts of parts, in their order.

    Raises:
        FileGoneError: A part is gone.
        ResultsError: A part cannot be read, or was written by a newer schema.
    """
    layouts = _Layouts()
    known: dict[tuple[Any, ...], Mapping[str, Any]] = {}

    def read(path: Path) -> PartFacts:
        facts = _read(path, layouts)
        # Thousands of parts have the same labels: keep each set once.
        key = (*facts.constants, *facts.constants.values())
        return replace(facts, constants=known.setdefault(key, facts.constants))

    found: list[PartFacts] = []
    # One thread: two are hardly faster.
    for number, path in enumerate(paths, 1):
        found.append(read(path))
        if number % _COLLECTED == 0:
            # pyarrow's readers refer to themselves, so a footer of 100 kB stays until garbage is collected.
            gc.collect(0)
    return found


def unreadable_part(path: Path, exc: Exception) -> ResultsError:
    """Return the error for a part that cannot be read."""
    if isinstance(exc, FileNotFoundError):
        return FileGoneError(f"{path} is gone: the run changed while it was read; read it again")
    return ResultsError(
        f"{path} cannot be read ({exc}); move it away and `bench run --resume` repeats its requests"
    )


def check_part_version(path: Path, metadata: dict[bytes, bytes] | None) -> None:
    """Raise ``ResultsError`` if a newer gapbench wrote the part."""
    version = int((metadata or {}).get(b"gapbench.schema", b"1"))
    if version > SCHEMA_VERSION:
        msg = f"{path} has schema {version}, this gapbench reads up to {SCHEMA_VERSION}; install a newer one"
        raise ResultsError(msg)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the columns of parts of one schema are.

    Attributes:
        schema: The schema.
        names: Names of the columns.
        places: Place of the only leaf of each column that facts are read of.
        has_empty_lists: Whether a list without a value is empty, and never null.
    """

    schema: pq.ParquetSchema
    names: frozenset[str]
    places: Mapping[str, int]
    has_empty_lists: bool


class _Layouts:
    """The layouts seen so far: nearly all parts have the same."""

    def __init__(self) -> None:
        self._known: list[_Layout] = []

    def of(self, footer: pq.FileMetaData) -> _Layout:
        schema = footer.schema
        for layout in self._known:
            if layout.schema.equals(schema):
                return layout
        leaves = [schema.column(place) for place in range(footer.num_columns)]
        names = [leaf.path.split(".", 1)[0] for leaf in leaves]
        places = {
            name: place
            for place, name in enumerate(names)
            if name in LABELS or name in RARE or name == "model_id"
        }
        changes = places.get("params_changes")
        found = _Layout(
            schema,
            frozenset(names),
            places,
            # One level for the list and one for its values; a list that may be null has a third.
            changes is not None and leaves[changes].max_definition_level <= 2,
        )
        self._known.append(found)
        return found


def _read(path: Path, layouts: _Layouts) -> PartFacts:
    try:
        # Arrow takes a relative path with a colon for an address.
        footer = pq.read_metadata(path.absolute())
    except (pa.ArrowInvalid, OSError) as exc:
        raise unreadable_part(path, exc) from exc
    check_part_version(path, footer.metadata)
    layout = layouts.of(footer)
    groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
    chunks = {name: [group.column(place) for group in groups] for name, place in layout.places.items()}
    constants: dict[str, Any] = {}
    for name in LABELS:
        if name not in layout.names:
            constants[name] = None
            continue
        found = [
            _constant(chunk, name, group.num_rows, layout)
            for chunk, group in zip(chunks[name], groups, strict=True)
        ]
        if found and found[0] is not _VARIES and all(one == found[0] for one in found):
            constants[name] = found[0]
    filled = frozenset(
        name for name in RARE if any(_may_have_values(chunk) for chunk in chunks.get(name, ()))
    )
    return PartFacts(
        path, footer.num_rows, layout.names, _models(footer, layout), constants, filled, sql_path(path)
    )


def sql_path(path: Path) -> str:
    """Return a file's absolute path, in which DuckDB expands nothing."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(path.absolute()))


_VARIES = object()


def _constant(chunk: pq.ColumnChunkMetaData, name: str, rows: int, layout: _Layout) -> Any:
    """Return the value that all rows of a row group have in a column; ``_VARIES`` if they differ or it is not known."""
    statistics = chunk.statistics
    if statistics is None or not statistics.has_null_count:
        return _VARIES
    is_list = name == "params_changes"
    if is_list and chunk.num_values != rows:
        return _VARIES
    if statistics.null_count == chunk.num_values:
        return None if not is_list else "" if layout.has_empty_lists else _VARIES
    if statistics.null_count or not statistics.has_min_max:
        return _VARIES
    low = statistics.min
    return low if low == statistics.max else _VARIES


def _may_have_values(chunk: pq.ColumnChunkMetaData) -> bool:
    statistics = chunk.statistics
    return statistics is None or not statistics.has_null_count or statistics.null_count < chunk.num_values


def _range_at(footer: pq.FileMetaData, place: int) -> tuple[Any, Any] | None:
    """Return the smallest and the largest value of a column by the statistics of a part. None: they do not tell."""
    found = None
    for group in range(footer.num_row_groups):
        statistics = footer.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        low, high = statistics.min, statistics.max
        found = (low, high) if found is None else (min(low, found[0]), max(high, found[1]))
    return found


def _models(footer: pq.FileMetaData, layout: _Layout) -> tuple[str, str] | None:
    place = layout.places.get("model_id")
    found = None if place is None else _range_at(footer, place)
    return found if found is not None and isinstance(found[0], str) and isinstance(found[1], str) else None
