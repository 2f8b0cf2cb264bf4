"""Where the rows of attempts are: closed parts and open journals, as clauses of a query that reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gapbench.store import score_overlay
from gapbench.store.live_runs import read_listed
from gapbench.store.moved_parts import MovedParts
from gapbench.store.part_facts import LABELS, PartFacts, read_part_facts, sql_path
from gapbench.store.part_files import row_files
from gapbench.store.query_tables import later_scores
from gapbench.store.reader import check_is_run, journal_table
from gapbench.store.run_folder import GROUP_ROWS
from gapbench.store.schema import ATTEMPT_SCHEMA, value_type
from gapbench.store.score_overlay import REPLACED_IN
from gapbench.values import ATTEMPT_KEY

_ORD_OF_FILE = 2**32
_VARIES = object()
_MAX_SPANS = 8
"""Stretches of rows that are read of one part, at most; with more of them the rows between are read too."""
_SQL_TYPES = {
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.bool_(): "BOOLEAN",
    pa.string(): "VARCHAR",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class RowSource:
    """Parts or a table of journal rows that one clause of the query reads.

    Attributes:
        parts: The parts. (): a table.
        first: Number of the first part among those of all runs.
        table: Rows of open journals, with ``ord``.
        scores: Scores given later, of the one run that the rows belong to.
        span: Numbers, in the only part, of the first row and of the last that are read. None: all rows.
        only: Numbers of the parts that are read. None: all.
    """

    first: int
    parts: tuple[PartFacts, ...] = ()
    table: pa.Table | None = None
    scores: pa.Table | None = None
    span: tuple[int, int] | None = None
    only: frozenset[int] | None = None

    def read_parts(self, model_id: str | None) -> list[tuple[int, PartFacts]]:
        """Return the number and the facts of each part that is read, and that may hold a row of a model.

        Args:
            model_id: The model. None: any.
        """
        return [
            (number, part)
            for number, part in enumerate(self.parts, self.first)
            if (self.only is None or number in self.only) and (model_id is None or part.may_hold(model_id))
        ]

    def varies(self, name: str) -> bool:
        """Return whether a label may have several values in a part."""
        if self.table is not None or (self.scores is not None and name in REPLACED_IN["attempts"]):
            return True
        return not all(name in part.constants for part in self.parts)

    def near(self, numbers: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[RowSource]:
        """Yield what there is around some attempts: of large parts a few thousand rows, else whole parts.

        Args:
            numbers: ``ord`` of the attempts, ascending.
        """
        wanted = numbers >> 32
        if self.table is not None:
            if (wanted == self.first).any():
                yield self
            return
        places = (
            np.unique(wanted[(wanted >= self.first) & (wanted < self.first + len(self.parts))]) - self.first
        )
        is_large = np.array([self.parts[place].rows > GROUP_ROWS for place in places], dtype=bool)
        small = places[~is_large]
        for neighbours in np.split(small, np.flatnonzero(np.diff(small) > 1) + 1) if len(small) else []:
            start, stop = int(neighbours[0]), int(neighbours[-1]) + 1
            yield RowSource(self.first + start, self.parts[start:stop], scores=self.scores)
        for place in places[is_large].tolist():
            rows = numbers[wanted == self.first + place] & (_ORD_OF_FILE - 1)
            stops = np.flatnonzero(np.diff(rows) > GROUP_ROWS) + 1
            for few in np.split(rows, stops if len(stops) < _MAX_SPANS else []):
                span = int(few[0]), int(few[-1])
                yield RowSource(self.first + place, (self.parts[place],), scores=self.scores, span=span)


@dataclass
class QueryText:
    """The clauses, values and tables of a query while it is put together."""

    clauses: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)

    def value(self, value: Any) -> str:
        """Return the placeholder of a value."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def table(self, table: pa.Table) -> str:
        """Return the name of a table."""
        name = f"t{len(self.tables)}"
        self.tables[name] = table
        return name


def find_sources(runs: Sequence[Path]) -> list[RowSource]:
    """Return what to read, in the order of the rows: neighbouring runs without later scores together.

    A live run may close a journal as a part meanwhile, or join its parts; then everything is listed again.

    Raises:
        ResultsError: A part cannot be read, or the runs change all the time.
    """
    for run in runs:
        check_is_run(run)
    return read_listed(lambda: _list_sources(runs))


def _list_sources(runs: Sequence[Path]) -> list[RowSource]:
    found: list[RowSource] = []
    waiting: list[PartFacts] = []
    number = 0

    def close() -> None:
        if waiting:
            found.append(RowSource(number - len(waiting), tuple(waiting)))
            waiting.clear()

    files_of = [row_files(run) for run in runs]
    # Before the footers of perhaps thousands of parts: a journal is soon closed.
    rows_of = [_journal_rows(list(files.journals.values())) for files in files_of]
    facts = iter(read_part_facts([path for files in files_of for path in files.parts.values()]))
    for run, files, rows in zip(runs, files_of, rows_of, strict=True):
        scores = later_scores(run) if score_overlay.score_tables(run) else None
        of_run = [next(facts) for _ in files.parts]
        if scores is not None:
            close()
        waiting += of_run
        number += len(of_run)
        if scores is not None and waiting:
            found.append(RowSource(number - len(waiting), tuple(waiting), scores=scores))
            waiting.clear()
        if rows is not None:
            close()
            found.append(RowSource(number, table=_numbered(rows, number), scores=scores))
            number += 1  # journals take a place of their own, or the rows of the next run would have the same
    close()
    return found


def _journal_rows(journals: Sequence[Path]) -> pa.Table | None:
    """Return the rows of a run's open journals. None: there are none."""
    tables = [journal_table(path, "attempts", ATTEMPT_SCHEMA) for path in journals]
    tables = [table for table in tables if table.num_rows]
    if not tables:
        return None
    rows = pa.concat_tables(tables)
    plain = pa.schema(
        [
            pa.field(one.name, one.type.value_type if pa.types.is_dictionary(one.type) else one.type)
            for one in ATTEMPT_SCHEMA
        ]
    )
    return rows.cast(plain)


def _numbered(rows: pa.Table, number: int) -> pa.Table:
    """Return rows with their ``ord``, which come after those of ``number`` files."""
    first = number * _ORD_OF_FILE
    return rows.append_column("ord", pa.array(range(first, first + rows.num_rows), pa.int64()))


def select_source(
    source: RowSource, query: QueryText, names: Sequence[str], model_id: str | None, moved: MovedParts
) -> str | None:
    """Return the clause that reads a source; None: it holds no row of the model.

    Args:
        source: The source.
        query: The query that the clause is part of.
        names: The stored columns to read.
        model_id: The model. None: all.
        moved: Where the rows of parts are that were joined since they were listed.
    """
    replaced = (
        [name for name in names if name in REPLACED_IN["attempts"]] if source.scores is not None else []
    )
    needed = list(dict.fromkeys([*names, *(ATTEMPT_KEY if replaced else ())]))
    if source.table is not None:
        shown = [_typed(name) for name in needed]
        text = f"SELECT ord{''.join(', ' + one for one in shown)} FROM {query.table(source.table)}"
    else:
        chosen = source.read_parts(model_id)
        if not chosen:
            return None
        still = [one for one in chosen if moved.find(one[1]) is None]
        clauses = [_select_parts(still, query, needed, source.span)] if still else []
        clauses += _select_moved(chosen, query, needed, source.span, moved)
        text = " UNION ALL ".join(clauses)
    if not replaced:
        return text
    new = "".join(
        f", CASE WHEN l.attempt IS NULL THEN a.{name} ELSE l.{name} END AS {name}"
        if name in replaced
        else f", a.{name}"
        for name in names
    )
    same = " AND ".join(f"a.{name} = l.{name}" for name in ATTEMPT_KEY)
    assert source.scores is not None
    scores = query.table(source.scores)
    return f"SELECT a.ord{new} FROM ({text}) a LEFT JOIN {scores} l ON {same}"


def _select_parts(
    chosen: Sequence[tuple[int, PartFacts]],
    query: QueryText,
    names: Sequence[str],
    span: tuple[int, int] | None,
) -> str:
    parts = [part for _, part in chosen]
    shown, read = _shown(parts, query, names)
    files = query.value([part.sql_path for part in parts])
    # Reading the schema of each file again takes longer: only where a needed column is missing in one.
    union = "" if all(read <= part.columns for part in parts) else ", union_by_name = true"
    numbers = [number for number, _ in chosen]
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        place = f"(file_index + {numbers[0]})"
    else:
        place = f"list_extract({query.value(numbers)}, CAST(file_index + 1 AS BIGINT))"
    ord_ = f"CAST({place} AS BIGINT) * {_ORD_OF_FILE} + file_row_number AS ord"
    # Parquet is read from the row groups of these alone.
    where = "" if span is None else f" WHERE file_row_number BETWEEN {span[0]} AND {span[1]}"
    return f"SELECT {ord_}{shown} FROM read_parquet({files}{union}, hive_partitioning = false){where}"


def _select_moved(
    chosen: Sequence[tuple[int, PartFacts]],
    query: QueryText,
    names: Sequence[str],
    span: tuple[int, int] | None,
    moved: MovedParts,
) -> Iterator[str]:
    """Yield a clause for each joined file that now has the rows of parts; ``ord`` is as it was in the parts."""
    of_file: dict[Path, list[tuple[int, int, PartFacts]]] = {}
    for number, part in chosen:
        where = moved.find(part)
        if where is not None:
            of_file.setdefault(where.file, []).append((where.first, number, part))
    for file, parts in of_file.items():
        shown, _ = _shown([part for _, _, part in parts], query, names)
        places = query.table(
            pa.table(
                {
                    "moved_first": pa.array([first for first, _, _ in parts], pa.int64()),
                    "moved_rows": pa.array([part.rows for _, _, part in parts], pa.int64()),
                    "moved_number": pa.array([number for _, number, _ in parts], pa.int64()),
                }
            )
        )
        row = "(file_row_number - moved_first)"
        within = "" if span is None else f" AND {row} BETWEEN {span[0]} AND {span[1]}"
        path = query.value([sql_path(file)])
        yield (
            f"SELECT moved_number * {_ORD_OF_FILE} + {row} AS ord{shown} "
            f"FROM read_parquet({path}, hive_partitioning = false) ASOF JOIN {places} ON file_row_number >= moved_first "
            f"WHERE {row} < moved_rows{within}"
        )


def _shown(parts: Sequence[PartFacts], query: QueryText, names: Sequence[str]) -> tuple[str, frozenset[str]]:
    """Return the columns of parts as they are selected, and the names of those that are read from the rows."""
    known = {name: text for name in names if (text := _known_from_footers(name, parts, query)) is not None}
    return "".join(f", {known.get(name) or _typed(name)}" for name in names), frozenset(names) - known.keys()


def _known_from_footers(name: str, parts: Sequence[PartFacts], query: QueryText) -> str | None:
    """Return a column whose value in all rows the footers tell, so that no row is read for it. None: they do not tell."""
    if not any(part.may_have(name) for part in parts):
        return null_column(name)
    if name not in LABELS or _is_list(name):
        return None
    values = {part.constants.get(name, _VARIES) for part in parts}
    if len(values) > 1 or _VARIES in values:
        return None
    return f'CAST({query.value(values.pop())} AS {_sql_type(ATTEMPT_SCHEMA.field(name).type)}) AS "{name}"'


def plain_type(name: str) -> pa.DataType:
    """Return the type of a label in the result of a query; a list of texts is one text of lines."""
    return pa.string() if _is_list(name) else value_type(ATTEMPT_SCHEMA.field(name).type)


def _is_list(name: str) -> bool:
    return bool(pa.types.is_list(ATTEMPT_SCHEMA.field(name).type))


def _typed(name: str) -> str:
    """Return a stored column in its type, with NaN as null."""
    kind = ATTEMPT_SCHEMA.field(name).type
    if pa.types.is_floating(kind):
        return f'CASE WHEN isnan("{name}") THEN NULL ELSE "{name}" END AS "{name}"'
    return f'CAST("{name}" AS {_sql_type(kind)}) AS "{name}"'


def null_column(name: str) -> str:
    """Return a column that is null, in the type of a stored column."""
    return f'CAST(NULL AS {_sql_type(ATTEMPT_SCHEMA.field(name).type)}) AS "{name}"'


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    return _SQL_TYPES[kind.value_type if pa.types.is_dictionary(kind) else kind]
