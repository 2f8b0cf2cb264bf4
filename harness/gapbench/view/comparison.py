"""Several runs side by side: their requests in one matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapbench.errors import InputError
from gapbench.view.database import open_database, rows_of
from gapbench.view.samples import OUTCOMES, PAGE_ITEMS
from gapbench.view.samples_table import SamplesTable

MAX_RUNS = 8
_FULL_KEY = "task, sample_id, repeat, load"
_KEY_WITHOUT_LOAD = "task, sample_id, repeat"


def compare_samples(
    tables: Sequence[SamplesTable],
    *,
    task: str = "",
    outcome: str = "",
    only_different: bool = False,
    items: Mapping[int, Sequence[int]] | None = None,
    offset: int = 0,
    limit: int = PAGE_ITEMS,
) -> dict[str, Any]:
    """Return a page of the requests that all runs have, one row for each, with every model's outcome in every run.

    Runs whose loads differ are matched without the load, and ``ignores_load`` is then true.

    Args:
        tables: The tables of 2 to 8 runs.
        task: Only of this task. "": of all.
        outcome: Only where some model had this outcome in some run. "": any.
        only_different: Only where one answer was right and another was not.
        items: By number of the run, the requests to keep, such as the matches of a search; a request stays if any run
            keeps it. None: all.
        offset: First row.
        limit: Number of rows.

    Raises:
        InputError: Too few or too many runs, or an unknown outcome.
        ResultsError: A table cannot be read.
    """
    if not 2 <= len(tables) <= MAX_RUNS:
        raise InputError(f"runs: found {len(tables)}; compare 2 to {MAX_RUNS} runs")
    if outcome and outcome not in OUTCOMES:
        raise InputError(f"outcome: found {outcome!r}; expected one of {', '.join(OUTCOMES)}")
    found = _compare(tables, _FULL_KEY, task, outcome, items, offset, limit, only_different=only_different)
    if found["of"] == 0:
        found = _compare(
            tables, _KEY_WITHOUT_LOAD, task, outcome, items, offset, limit, only_different=only_different
        )
        found["ignores_load"] = found["of"] > 0
    return found


def _compare(
    tables: Sequence[SamplesTable],
    key: str,
    task: str,
    outcome: str,
    items: Mapping[int, Sequence[int]] | None,
    offset: int,
    limit: int,
    *,
    only_different: bool,
) -> dict[str, Any]:
    parts = [
        f"SELECT {place} AS run, item, category, load AS shown_load, {key}, "
        f"[{', '.join(f'o{model}' for model in range(len(table.models)))}]::VARCHAR[] AS outcomes FROM {table.sql}"
        for place, table in enumerate(tables)
    ]
    columns = ", ".join(
        f"min(item) FILTER (run = {place}) AS i{place}, arg_min(outcomes, item) FILTER (run = {place}) AS outcomes{place}"
        for place in range(len(tables))
    )
    all_outcomes = "list_concat(" + ", ".join(f"outcomes{place}" for place in range(len(tables))) + ")"
    if len(tables) == 1:
        all_outcomes = "outcomes0"
    conditions, values = ["true"], list[Any]()
    if task:
        conditions.append("task = ?")
        values.append(task)
    if outcome:
        conditions.append("list_contains(every, ?)")
        values.append(outcome)
    if only_different:
        conditions.append(
            "len(list_distinct([o = 'correct' FOR o IN every IF o IS NOT NULL AND o NOT IN ('infra', 'unscored')])) = 2"
        )
    if items is not None:
        conditions.append(
            "(" + " OR ".join(f"i{place} IN (SELECT unnest(?::BIGINT[]))" for place in items) + ")"
            if items
            else "false"
        )
        values += [list(kept) for kept in items.values()]
    where = " AND ".join(conditions)
    with open_database() as connection:
        connection.execute(f"""
            CREATE TEMP TABLE shared AS SELECT *, {all_outcomes} AS every FROM (
                SELECT {key}, any_value(category) AS category, any_value(shown_load) AS shown_load, {columns}
                FROM ({" UNION ALL ".join(parts)}) GROUP BY {key} HAVING count(DISTINCT run) = {len(tables)}
            )
        """)
        (of,) = connection.execute("SELECT count(*) FROM shared").fetchall()[0]
        (total,) = connection.execute(f"SELECT count(*) FROM shared WHERE {where}", values).fetchall()[0]
        rows = rows_of(
            connection,
            f"SELECT * FROM shared WHERE {where} ORDER BY i0 LIMIT {int(limit)} OFFSET {int(offset)}",
            values,
        )
    shown = [
        {
            **{name: row[name] for name in ("task", "category", "sample_id", "repeat")},
            "load": row["shown_load"],
            "items": [row[f"i{place}"] for place in range(len(tables))],
            "outcomes": [row[f"outcomes{place}"] for place in range(len(tables))],
        }
        for row in rows
    ]
    return {"total": total, "of": of, "offset": offset, "rows": shown, "ignores_load": False}
