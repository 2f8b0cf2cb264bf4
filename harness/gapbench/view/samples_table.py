"""The cached table of a run's requests: one row for each, with what every model made of it.

Columns: ``item`` (number in the order of the first answers), ``task``, ``category``, ``sample_id``, ``repeat``,
``load_kind``, ``load_value``, ``load`` (as in the cell's name), ``differs`` (one model was right and another was not),
``right_share`` (of the models with a score; null without one), ``answers_differ`` (two models' extracted answers), and for
model ``i`` of the run ``o{i}`` (outcome; null: not asked), ``s{i}`` (score) and ``p{i}`` (part that has the attempt).

A request is what the analysis compares: final attempts of the measured phase, without the probes of a load search unless
there is nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from gapbench.store import read_manifest
from gapbench.view.cache import ViewCache, written_whole
from gapbench.view.database import open_database, sql_text
from gapbench.view.run_files import fingerprint, sql_path

_SAME_ITEM = "task, sample_id, repeat, load_kind, load_value"


@dataclass(frozen=True)
class SamplesTable:
    """The table of one run at one fingerprint.

    Attributes:
        run: The run folder.
        path: The Parquet file.
        models: Model ids, in the order of the columns.
    """

    run: Path
    path: Path
    models: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The table in a ``FROM`` clause."""
        return f"read_parquet({sql_text(sql_path(self.path))})"


def samples_table(run: Path, cache: ViewCache) -> SamplesTable:
    """Return the table of a run, which is made if it is not in the cache.

    Raises:
        ResultsError: The run cannot be read.
    """
    models = tuple(model.id for model in read_manifest(run).models)
    path = cache.place(run, fingerprint(run)) / "items.parquet"
    if not path.exists():
        with open_database(run) as connection, written_whole(path) as partial:
            _write_items(connection, models, partial)
    return SamplesTable(run, path, models)


def measured_filter(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the condition for the attempts that are compared."""
    (probes, others) = connection.execute(
        "SELECT count(*) FILTER (load_kind = 'search'), count(*) FILTER (load_kind <> 'search') FROM attempts "
        "WHERE final AND phase = 'measure'"
    ).fetchall()[0]
    return "final AND phase = 'measure'" + (" AND load_kind <> 'search'" if probes and others else "")


def _write_items(connection: duckdb.DuckDBPyConnection, models: Sequence[str], path: Path) -> None:
    scored = "outcome NOT IN ('infra', 'unscored')"
    columns: list[str] = []
    for place, model in enumerate(models):
        of_model = f"FILTER (model_id = {sql_text(model)})"
        # A cell has one final attempt at a request, so there is one value to take.
        columns += [
            f"max(outcome) {of_model} AS o{place}",
            f"CAST(max(score) {of_model} AS FLOAT) AS s{place}",
            f"CAST(max(part) {of_model} AS INTEGER) AS p{place}",
        ]
    # The place of the first answer in one integer: a part has far less than 2**32 rows.
    connection.execute(f"""
        COPY (
            SELECT row_number() OVER (ORDER BY first_row) - 1 AS item, * EXCLUDE (first_row) FROM (
                SELECT min(CAST(part AS BIGINT) * 4294967296 + row_in_part) AS first_row,
                    {_SAME_ITEM}, any_value(category) AS category,
                    string_split(any_value(cell_id), '|')[-1] AS load,
                    coalesce(bool_or(outcome = 'correct') FILTER ({scored}), false)
                        AND coalesce(bool_or(outcome <> 'correct') FILTER ({scored}), false) AS differs,
                    CAST(avg(CAST(outcome = 'correct' AS INTEGER)) FILTER ({scored}) AS FLOAT) AS right_share,
                    coalesce(min(answer) <> max(answer), false) AS answers_differ{", " if columns else ""}
                    {", ".join(columns)}
                FROM attempts WHERE {measured_filter(connection)} GROUP BY {_SAME_ITEM}
            ) ORDER BY item
        ) TO {sql_text(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)
    """)
