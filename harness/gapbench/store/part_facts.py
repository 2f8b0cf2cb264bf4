"""What the footer of a part says, read without its rows: columns, version, rows, models, and whether it has episodes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.errors import ResultsError
from gapbench.store.schema import SCHEMA_VERSION

_THREADS = 2


@dataclass(frozen=True, slots=True)
class PartFacts:
    """The facts of one part.

    Attributes:
        path: The part.
        rows: Its rows.
        columns: Names of its columns.
        models: Smallest and largest model id. None: not known.
        has_episodes: Whether a row may be a turn of an episode.
    """

    path: Path
    rows: int
    columns: frozenset[str]
    models: tuple[str, str] | None
    has_episodes: bool

    def may_hold(self, model_id: str) -> bool:
        """Return whether a row of a model can be in the part."""
        return self.models is None or self.models[0] <= model_id <= self.models[1]


def read_part_facts(paths: Sequence[Path]) -> list[PartFacts]:
    """Return the facts of parts, in their order.

    Raises:
        ResultsError: A part cannot be read, or was written by a newer schema.
    """
    known: dict[frozenset[str], frozenset[str]] = {}

    def read(path: Path) -> PartFacts:
        facts = _read(path)
        # Thousands of parts have the same columns: keep one set of names.
        columns = known.setdefault(facts.columns, facts.columns)
        return PartFacts(facts.path, facts.rows, columns, facts.models, facts.has_episodes)

    if len(paths) < 2 * _THREADS:
        return [read(path) for path in paths]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(read, paths))


def unreadable_part(path: Path, exc: Exception) -> ResultsError:
    """Return the error for a part that cannot be read."""
    return ResultsError(
        f"{path} cannot be read ({exc}); move it away and `bench run --resume` repeats its requests"
    )


def check_part_version(path: Path, metadata: dict[bytes, bytes] | None) -> None:
    """Raise ``ResultsError`` if a newer gapbench wrote the part."""
    version = int((metadata or {}).get(b"gapbench.schema", b"1"))
    if version > SCHEMA_VERSION:
        msg = f"{path} has schema {version}, this gapbench reads up to {SCHEMA_VERSION}; install a newer one"
        raise ResultsError(msg)


def _read(path: Path) -> PartFacts:
    try:
        # Arrow takes a relative path with a colon for an address.
        footer = pq.read_metadata(path.absolute())
    except (pa.ArrowInvalid, OSError) as exc:
        raise unreadable_part(path, exc) from exc
    check_part_version(path, footer.metadata)
    names = [footer.schema.column(place).path.split(".", 1)[0] for place in range(footer.num_columns)]
    return PartFacts(
        path,
        footer.num_rows,
        frozenset(names),
        _models(footer),
        _has_values(footer, names, "trajectory_id"),
    )


def column_range(footer: pq.FileMetaData, name: str) -> tuple[Any, Any] | None:
    """Return the smallest and the largest value of a column by the statistics of a part. None: they do not tell.

    Values that are null or NaN are not counted; a column of these alone has no range.
    """
    names = [footer.schema.column(place).path for place in range(footer.num_columns)]
    if name not in names:
        return None
    place, found = names.index(name), None
    for group in range(footer.num_row_groups):
        statistics = footer.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        low, high = statistics.min, statistics.max
        found = (low, high) if found is None else (min(low, found[0]), max(high, found[1]))
    return found


def _models(footer: pq.FileMetaData) -> tuple[str, str] | None:
    found = column_range(footer, "model_id")
    return found if found is not None and isinstance(found[0], str) and isinstance(found[1], str) else None


def _has_values(footer: pq.FileMetaData, names: Sequence[str], name: str) -> bool:
    if name not in names:
        return False
    place = names.index(name)
    for group in range(footer.num_row_groups):
        rows = footer.row_group(group)
        statistics = rows.column(place).statistics
        if statistics is None or not statistics.has_null_count or statistics.null_count < rows.num_rows:
            return True
    return False
