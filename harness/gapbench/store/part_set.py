"""The closed parts of one table of a run, checked against their schema, and what may be wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.store.part_files import PartNumbers, numbered_files, part_numbers, superseded_files
from gapbench.store.salvage import read_intact_groups, without_torn_requests
from gapbench.store.schema import ROW_SCHEMAS, value_type
from gapbench.values import ATTEMPT_KEY_IN_RUN

IssueKind = Literal["damage", "leftover"]


@dataclass(frozen=True, slots=True)
class IntegrityIssue:
    """One difference from a finished, undamaged run.

    Attributes:
        kind: ``damage``: something is lost or wrong. ``leftover``: an interrupted writer left it; nothing is lost.
        file: Name within the run folder.
        said: What was found.
        repair: What a repair does, or did.
    """

    kind: IssueKind
    file: str
    said: str
    repair: str


class PartSet:
    """The closed parts of one kind, as far as they can be read.

    Attributes:
        paths: The parts by their first number.
        tables: The rows of those that can be read; of a damaged part of attempts those that can be kept.
        unreadable: The damaged parts.
        issues: What is wrong with them.
    """

    def __init__(self, run: Path, kind: str) -> None:
        self.paths = numbered_files(run, kind)
        self.tables: dict[int, pa.Table] = {}
        self.unreadable: list[Path] = []
        self.issues: list[IntegrityIssue] = []
        schema = ROW_SCHEMAS[kind]
        for number, path in self.paths.items():
            try:
                # A page that does not match its checksum is an OSError.
                table = pq.ParquetFile(path.absolute(), page_checksum_verification=True).read()
                _check(table, schema)
                self.tables[number] = table
            except (pa.ArrowException, OSError, ValueError) as exc:
                self.unreadable.append(path)
                problem = (str(exc) or type(exc).__name__).splitlines()[0][:200]
                self.issues.append(
                    IntegrityIssue(
                        "damage",
                        path.name,
                        f"cannot be read: {problem}",
                        "it is moved to damaged/; --resume repeats its requests",
                    )
                )
        if kind == "attempts" and self.unreadable:
            self._keep_intact_groups(superseded_files(run))

    def _keep_intact_groups(self, superseded: Iterable[Path]) -> None:
        """Keep the rows of damaged parts that can be read, unless the parts that a file was joined from are still there."""
        # A superseded file lies within a joined one: its first number says in which.
        smaller = [part_numbers(path)[0] for path in superseded]
        for number in [number for number, path in self.paths.items() if path in self.unreadable]:
            path = self.paths[number]
            found = read_intact_groups(path, lambda table: _check(table, ROW_SCHEMAS["attempts"]))
            if found is None or any(one in part_numbers(path) for one in smaller):
                continue
            table, rows = without_torn_requests(found[0], self.tables.values()), found[1]
            if len(table):
                self.tables[number] = table
                at = self.unreadable.index(path)
                self.issues[at] = replace(
                    self.issues[at],
                    said=f"{self.issues[at].said}; {rows - len(table):,} of {rows:,} rows are lost",
                    repair="it is moved to damaged/, and the other rows are kept; --resume repeats the lost requests",
                )

    @property
    def numbers(self) -> PartNumbers:
        """Numbers of all parts, those of joined files too."""
        return PartNumbers.of(self.paths.values())

    @property
    def readable_numbers(self) -> PartNumbers:
        """Numbers of the parts that can be read."""
        return PartNumbers.of(self.paths[first] for first in self.tables)

    def keys_beside(self, path: Path) -> set[tuple[Any, ...]] | None:
        """Return the keys of the rows in the parts with the numbers of another file. None: one of them is missing or damaged."""
        numbers, readable = part_numbers(path), self.readable_numbers
        if any(number not in readable for number in numbers):
            return None
        return set().union(*(row_keys(self.tables[number]) for number in numbers))


def _check(table: pa.Table, schema: pa.Schema) -> None:
    """Check the columns and values of a part.

    Raises:
        ArrowException: A value is not valid.
        ValueError: A column differs from the schema.
    """
    table.validate(full=True)
    there = set(table.column_names)
    unknown = sorted(there - set(schema.names))
    if len(there) < len(table.column_names):
        raise ValueError("a column appears twice")
    for field in schema:
        if field.name not in there:
            # An older part lacks columns and a newer one has others; if both are true, a name is damaged.
            if unknown or not field.nullable:
                named = f", and has {unknown[0]!r}" if unknown else ""
                raise ValueError(f"it lacks column {field.name!r}{named}")
            continue
        column = table.column(field.name)
        if not value_type(column.type).equals(value_type(field.type)):
            raise ValueError(f"column {field.name!r} is {column.type}; expected {field.type}")
        if column.null_count and not field.nullable:
            raise ValueError(f"column {field.name!r} lacks {column.null_count} values")


def row_keys(table: pa.Table) -> set[tuple[Any, ...]]:
    """Return the keys of the rows of a part."""
    columns = [table.column(name).to_pylist() for name in ATTEMPT_KEY_IN_RUN]
    return set(zip(*columns, strict=True))
