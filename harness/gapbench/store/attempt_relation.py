"""The attempts of runs as one DuckDB relation: what every table of results asks for its rows, sums and quantiles.

A query names the columns that it uses and reads from ``attempts``, which has

- ``ord``: a number that orders the rows as they were written, parts before open journals, run after run,
- the columns of the attempt row; one that an older part lacks is null, and so is a NaN,
- the derived columns of :data:`gapbench.store.derived_columns.DERIVED`.

Scores given later are in place of the original ones. Rows of cells that a newer run replaces are left out, and those of
judging runs have the phase ``judge``. DuckDB reads only the columns and parts that a query needs, on all cores, and spills
to a temporary folder above :data:`gapbench.store.query_engine.MEMORY_LIMIT`. It fetches nothing: extensions are not loaded, and names and paths are
values of prepared statements, never text of the query.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from gapbench.errors import ResultsError
from gapbench.store import query_engine
from gapbench.store.attempt_sources import (
    QueryText,
    RowSource,
    find_sources,
    null_column,
    plain_type,
    select_source,
)
from gapbench.store.derived_columns import DERIVED, EPISODE_COLUMNS, EPISODE_SOURCES, EPISODES_QUERY
from gapbench.store.live_runs import read_listed
from gapbench.store.moved_parts import MovedParts
from gapbench.store.reader import read_part
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.store.score_overlay import REPLACED_IN
from gapbench.store.trajectories import read_trajectories
from gapbench.values.played_user import user_cell_id

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_Found = TypeVar("_Found")
BATCH_ROWS = 200_000
"""Rows of one batch of a result."""
CHECKED_ROWS = 200_000
"""Runs of up to so many rows have the checksums of their pages verified on each reading; `bench runs verify` does it for larger ones."""
_KEPT_FOOTERS = 200
"""Up to so many parts DuckDB keeps their footers, of half a megabyte each, from one query to the next."""
_ASSUMED = ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
"""Columns that another share of cached input changes."""


class AttemptRelation:
    """The attempts of some runs.

    Args:
        runs: Run folders. One that is still being written is read as far as it has got.
        judging: Run folders of judges inside these; their rows have the phase ``judge``.
        replaced: Cells that do not count, nor do those of their users, by run id.
        adaptive: Names of the tasks that were asked adaptively, by run id; their rows are not ``scored``.

    Raises:
        ResultsError: A folder is not a run, was written with a newer schema, or has a part that cannot be read.
    """

    def __init__(
        self,
        runs: Sequence[Path],
        judging: Sequence[Path] = (),
        replaced: Mapping[str, Collection[str]] | None = None,
        adaptive: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Read the footers of all parts, and the rows of open journals."""
        self._runs = tuple(runs)
        self._judges = [folder.name for folder in judging]
        self._replaced = {
            run: sorted({*cells, *map(user_cell_id, cells)}) for run, cells in (replaced or {}).items()
        }
        self._adaptive = [f"{run}\x1f{task}" for run, tasks in (adaptive or {}).items() for task in tasks]
        self._sources = read_listed(lambda: _checked(find_sources([*runs, *judging])))
        self._moved = MovedParts(part for source in self._sources for part in source.parts)
        self._cache_share: float | None = None

    @property
    def rows(self) -> int:
        """Rows of all parts and journals, those of replaced cells included."""
        return _count_rows(self._sources)

    def rows_of(self, model_id: str | None) -> int:
        """Return the rows of the files that may hold a model's. None: of all files."""
        if model_id is None:
            return self.rows
        return sum(part.rows for source in self._sources for _, part in source.read_parts(model_id))

    def may_have(self, name: str) -> bool:
        """Return whether a row may have a value of a column."""
        is_assumed = self._cache_share is not None and name in _ASSUMED
        return is_assumed or any(
            any(part.may_have(name) for part in source.parts)
            or (source.table is not None and source.table[name].null_count < source.table.num_rows)
            for source in self._sources
        )

    @property
    def has_episodes(self) -> bool:
        """Whether a row may be a turn of an episode."""
        return self.may_have("trajectory_id")

    def labels_of_parts(self, names: Sequence[str]) -> tuple[pa.Table, list[str]]:
        """Return the labels that are the same in all rows of each part, and the names of those that vary within some part.

        Args:
            names: Some of :data:`gapbench.store.part_facts.LABELS`.

        Returns:
            One row for each part: ``part``, which is ``ord`` over 2**32, and every label that varies within none.
        """
        varying = [name for name in names if any(source.varies(name) for source in self._sources)]
        if (
            self._judges
            and "phase" not in varying
            and any(source.varies("run_id") for source in self._sources)
        ):
            varying.append("phase")
        shared = [name for name in names if name not in varying]
        parts = [
            (source.first + place, part.constants)
            for source in self._sources
            for place, part in enumerate(source.parts)
        ]
        columns: dict[str, pa.Array] = {"part": pa.array([number for number, _ in parts], pa.int64())}
        for name in shared:
            values = [constants[name] for _, constants in parts]
            if name == "phase" and self._judges:
                values = [
                    "judge" if constants["run_id"] in self._judges else phase
                    for (_, constants), phase in zip(parts, values, strict=True)
                ]
            columns[name] = pa.array(values, plain_type(name))
        return pa.table(columns), varying

    def near(self, numbers: np.ndarray[Any, np.dtype[np.int64]]) -> AttemptRelation:
        """Return some attempts with others that lie near them: a query of a few reads no more.

        Args:
            numbers: ``ord`` of these attempts, which is the same in what is returned.
        """
        found, ordered = copy(self), np.sort(numbers)
        if self.has_episodes:
            # The figures of a whole episode may need other parts.
            vars(found)["_episodes"] = self._episodes
        vars(found)["_sources"] = [near for source in self._sources for near in source.near(ordered)]
        return found

    def is_in_footers(self, label: str, model_id: str) -> bool:
        """Return whether the footers of parts tell a label of every attempt of a model.

        Args:
            label: One of :data:`gapbench.store.part_facts.LABELS`.
            model_id: The model.
        """
        return all(
            source.table is None
            and all(label in part.constants for _, part in source.read_parts(model_id))
            and not (source.scores is not None and label in REPLACED_IN["attempts"])
            for source in self._sources
        )

    def with_label(self, label: str, values: Collection[str]) -> AttemptRelation:
        """Return the attempts in parts whose footers tell that a label has one of some values."""
        found = copy(self)
        vars(found)["_sources"] = [
            replace(
                source,
                only=frozenset(
                    number for number, part in source.read_parts(None) if part.constants.get(label) in values
                ),
            )
            for source in self._sources
            if source.table is None
        ]
        return found

    def with_cache_share(self, share: float) -> AttemptRelation:
        """Return the attempts as if a share of all input tokens, 0 to 1, had been read from a cache and none written to it."""
        found = copy(self)
        vars(found)["_cache_share"] = share
        return found

    def read_batches(
        self,
        select: str,
        columns: Collection[str],
        read: Callable[[Iterator[pa.RecordBatch]], _Found],
        *,
        values: Mapping[str, Any] | None = None,
        tables: Mapping[str, pd.DataFrame | pa.Table] | None = None,
        model_id: str | None = None,
    ) -> _Found:
        """Return what ``read`` makes of the result of a query, which comes in batches while DuckDB computes the next.

        Args:
            select: A ``SELECT`` from ``attempts``.
            columns: Every column of ``attempts`` that it uses, besides ``ord``.
            read: Reads the batches. It is called again, with all batches, where a live run joined parts meanwhile.
            values: Values of its placeholders, by name.
            tables: Further tables that it reads, by name.
            model_id: Only rows of this model, whose parts alone are opened. None: all rows.

        Raises:
            ResultsError: A part cannot be read.
        """

        def run() -> _Found:
            query = QueryText(values=dict(values or {}), tables=_as_tables(tables))
            text = f"{self._attempts(query, columns, model_id)} {select}"
            with self._connection(query.tables) as connection:
                return read(iter(connection.sql(text, params=query.values).to_arrow_reader(BATCH_ROWS)))

        return self._moved.read(run)

    def table(
        self,
        select: str,
        columns: Collection[str],
        *,
        values: Mapping[str, Any] | None = None,
        tables: Mapping[str, pd.DataFrame | pa.Table] | None = None,
        model_id: str | None = None,
    ) -> pa.Table:
        """Return the whole result of a query; see :meth:`read_batches`."""

        def run() -> pa.Table:
            query = QueryText(values=dict(values or {}), tables=_as_tables(tables))
            text = f"{self._attempts(query, columns, model_id)} {select}"
            with self._connection(query.tables) as connection:
                return connection.sql(text, params=query.values).to_arrow_table()

        return self._moved.read(run)

    def _attempts(self, query: QueryText, columns: Collection[str], model_id: str | None) -> str:
        """Return the ``WITH`` clauses that define ``attempts``."""
        derived = {name: DERIVED[name] for name in columns if name in DERIVED}
        wanted = {name for name in columns if name not in derived}.union(
            *(column.sources for column in derived.values())
        )
        of_episodes = any(name in EPISODE_COLUMNS for name in derived) and self.has_episodes
        if of_episodes:
            wanted |= {"run_id", "trajectory_id", "final"}
        stored = self._stored(query, wanted, model_id)
        shown = ["s.*"] + [
            f'{column.of_episodes if of_episodes and column.of_episodes else column.expression} AS "{name}"'
            for name, column in derived.items()
        ]
        if "scored" in derived and self._adaptive:
            place = list(derived).index("scored") + 1
            picked = query.value(self._adaptive)
            shown[place] = (
                f"({derived['scored'].expression} AND NOT list_contains({picked}, "
                'concat_ws(chr(31), s.run_id, s.task))) AS "scored"'
            )
        episodes = (
            f" LEFT JOIN {query.table(self._episodes)} e ON e.run_id = s.run_id AND e.trajectory_id = s.trajectory_id"
            if of_episodes
            else ""
        )
        return (
            f"WITH stored AS NOT MATERIALIZED ({stored}), attempts AS NOT MATERIALIZED "
            f"(SELECT {', '.join(shown)} FROM stored s{episodes})"
        )

    def _stored(self, query: QueryText, columns: Collection[str], model_id: str | None) -> str:
        """Return the query of the stored columns, without the rows that do not count."""
        columns = set(columns)
        if self._adaptive:
            columns |= {"run_id", "task"}
        if model_id is not None:
            columns.add("model_id")
        if self._replaced:
            columns |= {"run_id", "cell_id"}
        if self._judges and "phase" in columns:
            columns.add("run_id")
        assumed = [name for name in _ASSUMED if name in columns and self._cache_share is not None]
        if assumed:
            columns.add("input_tokens")
        names = [name for name in ATTEMPT_SCHEMA.names if name in columns]
        clauses = [
            clause
            for source in self._sources
            if (clause := select_source(source, query, names, model_id, self._moved)) is not None
        ]
        if not clauses:
            nulls = ", ".join(null_column(name) for name in names)
            return f"SELECT CAST(0 AS BIGINT) AS ord{', ' + nulls if nulls else ''} WHERE false"
        # Values only now: a query without rows must have none that it does not use.
        filters = [] if model_id is None else [f"model_id = {query.value(model_id)}"]
        filters += [
            f"NOT (run_id = {query.value(run_id)} AND list_contains({query.value(cells)}, cell_id))"
            for run_id, cells in self._replaced.items()
        ]
        new: list[str] = []
        if self._judges and "phase" in columns:
            judges = query.value(self._judges)
            new.append(f"CASE WHEN list_contains({judges}, run_id) THEN 'judge' ELSE phase END AS phase")
        if assumed:
            hits = f"CAST(round_even(input_tokens * {query.value(self._cache_share)}, 0) AS BIGINT)"
            new += [f"{hits if name == _ASSUMED[0] else 'CAST(0 AS BIGINT)'} AS {name}" for name in assumed]
        replaced = f" REPLACE ({', '.join(new)})" if new else ""
        where = f" WHERE {' AND '.join(filters)}" if filters else ""
        return f"SELECT *{replaced} FROM ({' UNION ALL '.join(clauses)}){where}"

    @cached_property
    def _episodes(self) -> pa.Table:
        """The figures of whole episodes."""
        walls = read_trajectories(self._runs, ["run_id", "trajectory_id", "wall_s"])
        ended = pa.table(
            {
                "run_id": pa.array(walls["run_id"].astype(str), pa.string()),
                "trajectory_id": pa.array(walls["trajectory_id"].astype(str), pa.string()),
                "wall_s": pa.array(walls["wall_s"], pa.float64(), from_pandas=True),
                "place": pa.array(range(len(walls)), pa.int64()),
            }
        )

        def run() -> pa.Table:
            query = QueryText(tables={"ended": ended})
            stored = self._stored(query, EPISODE_SOURCES, None)
            with self._connection(query.tables) as connection:
                text = f"WITH stored AS NOT MATERIALIZED ({stored}) {EPISODES_QUERY}"
                return connection.sql(text, params=query.values).to_arrow_table()

        return self._moved.read(run)

    @contextmanager
    def _connection(self, tables: Mapping[str, pa.Table]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that has ``tables``; errors of DuckDB name the part that causes them."""
        import duckdb  # noqa: PLC0415 - a tenth of a second, which a run that only sends does not need

        parts = sum(len(source.parts) for source in self._sources)
        connection = query_engine.connect(keep_footers=parts <= _KEPT_FOOTERS)
        try:
            for name, table in tables.items():
                connection.register(name, table)
            yield connection
        except (duckdb.Error, pa.ArrowException) as exc:
            if isinstance(exc, duckdb.FatalException | duckdb.InternalException):
                query_engine.give_up()
            raise self._explain(exc) from exc
        finally:
            connection.close()

    def _explain(self, exc: Exception) -> ResultsError:
        """Return the error of a part that is gone, or of the first that Arrow cannot read either, else one that names the runs."""
        gone = self._moved.gone()
        if gone is not None:
            return gone
        for source in self._sources:
            for part in source.parts:
                try:
                    read_part(part.path, ATTEMPT_SCHEMA).cast(ATTEMPT_SCHEMA)
                except ResultsError as found:
                    return found
                except (pa.ArrowException, ValueError) as found:
                    return ResultsError(f"{part.path} cannot be read ({found}); move it away and read again")
        said = str(exc).strip().split("\n", maxsplit=1)[0]
        names = ", ".join(map(str, self._runs[:3]))
        return ResultsError(f"{names}: the rows cannot be read ({said}); `bench runs verify` checks a run")


def _count_rows(sources: Sequence[RowSource]) -> int:
    return sum(
        sum(part.rows for part in source.parts) + (0 if source.table is None else source.table.num_rows)
        for source in sources
    )


def _checked(sources: list[RowSource]) -> list[RowSource]:
    """Return sources whose pages have the right checksums, as far as there are few of them."""
    if _count_rows(sources) <= CHECKED_ROWS:
        for source in sources:
            for part in source.parts:
                read_part(part.path, ATTEMPT_SCHEMA)
    return sources


def _as_tables(frames: Mapping[str, pd.DataFrame | pa.Table] | None) -> dict[str, pa.Table]:
    return {
        name: frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
        for name, frame in (frames or {}).items()
    }
