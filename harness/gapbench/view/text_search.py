"""Full-text search of prompts and answers: a cached table of lower-case texts, scanned by DuckDB.

Columns of ``texts/block=*/*.parquet``: ``item`` (as in :mod:`gapbench.view.samples_table`), ``model`` (number of the model; -1: the
prompt, once for each request) and ``text`` (lower case; an answer is followed by its reasoning and its
tool calls with their results). An episode has a row for each of its turns.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from gapbench import formatting
from gapbench.errors import BenchError, InputError
from gapbench.view.cache import ViewCache, written_whole
from gapbench.view.database import open_database, rows_of, sql_text
from gapbench.view.run_files import sql_path
from gapbench.view.samples_table import SamplesTable, measured_filter, samples_table

PROMPT = -1
"""The number of a model that stands for the prompt."""
MAX_QUERY_CHARS = 500
BLOCK_ITEMS = 10_000
"""Requests in a block: the unit of a search, which shows its matches so far."""
WAIT_S = 0.5
_SNIPPET_CHARS = 160
_KEPT_SEARCHES = 16
_PART_TEXTS = tuple(
    f"$[*].parts[*].{path}"
    for path in ("text", "tool_call.name", "tool_call.arguments", "tool_result.content", "name")
)
"""Where the texts of a stored prompt are; a document has a name."""
_CALL_TEXTS = ("$[*].name", "$[*].arguments_json", "$[*].result")
"""Where the texts of stored tool calls are."""
_TERM = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class TextMatches:
    """What a search found in a run.

    Attributes:
        items: Numbers of the requests with a match, in order.
        terms: What was looked for: every term has to be in one text.
        searched_share: Share of the run that was searched so far, 0 to 1.
    """

    items: tuple[int, ...]
    terms: tuple[str, ...]
    searched_share: float


def read_terms(query: str) -> tuple[str, ...]:
    """Return the terms of a query in lower case: its words, and phrases in double quotes.

    Raises:
        InputError: It is too long.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise InputError(f"the search has {len(query)} characters; give at most {MAX_QUERY_CHARS}")
    return tuple(dict.fromkeys((phrase or word).lower() for phrase, word in _TERM.findall(query)))


def texts_path(table: SamplesTable) -> Path:
    """Return where the texts of a table are, whether they were written or not."""
    return table.path.with_name("texts")


def write_texts(run: Path, cache: ViewCache) -> SamplesTable:
    """Write the texts of a run, unless the cache has them, and return its table of requests.

    Raises:
        ResultsError: The run cannot be read.
    """
    table = samples_table(run, cache)
    path = texts_path(table)
    if path.exists():
        return table
    asked_first = " ".join(f"WHEN i.p{place} IS NOT NULL THEN {place}" for place in range(len(table.models)))
    models = ", ".join(map(sql_text, table.models))
    with open_database(run) as connection, written_whole(path) as partial:
        compared = measured_filter(connection)
        connection.execute(f"""
            COPY (
                WITH counted AS (
                    SELECT * FROM attempts WHERE ({compared}) OR trajectory_id IN (
                        SELECT trajectory_id FROM attempts WHERE ({compared}) AND trajectory_id IS NOT NULL)
                ), answered AS (
                    SELECT i.item, CAST(list_position([{models}], a.model_id) - 1 AS INTEGER) AS model,
                        CASE {asked_first} ELSE 0 END AS asked_first, a.part, a.cell_id, a.sample_id, a.repeat, a.attempt,
                        coalesce(a.turn, 0) = 0 AS begins
                    FROM counted a JOIN {table.sql} i ON a.task = i.task AND a.sample_id = i.sample_id
                        AND a.repeat = i.repeat AND a.load_kind = i.load_kind
                        AND a.load_value IS NOT DISTINCT FROM i.load_value
                ), texts AS (
                    SELECT answered.item, answered.model, answered.begins,
                        answered.begins AND answered.model = answered.asked_first AS is_first,
                        p.reply, p.reasoning, {_texts_at("p.calls", _CALL_TEXTS)} AS calls,
                        {_texts_at("p.messages", _PART_TEXTS)} AS messages
                    FROM payloads p JOIN answered ON p.part = answered.part AND p.cell_id = answered.cell_id
                        AND p.sample_id = answered.sample_id AND p.repeat = answered.repeat AND p.attempt = answered.attempt
                )
                SELECT item // {BLOCK_ITEMS} AS block, item, model,
                    lower(concat_ws(' ', reply, reasoning, calls, CASE WHEN begins THEN NULL ELSE messages END)) AS text
                FROM texts
                UNION ALL
                SELECT item // {BLOCK_ITEMS}, item, {PROMPT}, lower(messages) FROM texts WHERE is_first
            ) TO {sql_text(str(partial))} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 20000, PARTITION_BY (block))
        """)
    return table


def _texts_at(column: str, paths: Sequence[str]) -> str:
    """Return an expression for the texts at some paths of a JSON column; what is not JSON is searched as it is."""
    found = ", ".join(f"array_to_string(json_extract_string({column}, '{path}'), ' ')" for path in paths)
    return f"CASE WHEN json_valid({column}) THEN concat_ws(' ', {found}) ELSE {column} END"


class TextSearch:
    """Searches runs block by block in threads, and keeps the last results for the pages of a list.

    Args:
        cache: The cache folder.
    """

    def __init__(self, cache: ViewCache) -> None:
        self._cache = cache
        self._lock = Lock()
        self._found: OrderedDict[tuple[Path, tuple[str, ...]], _Search] = OrderedDict()

    def find(self, run: Path, query: str, wait_s: float = WAIT_S) -> TextMatches:
        """Return the requests of a run in which a prompt, an answer or the sample's id has every term of the query.

        Args:
            run: The run folder.
            query: Words, and phrases in double quotes.
            wait_s: Seconds to wait for the end of the search. What was found by then is returned, and asking again continues.

        Raises:
            InputError: The query is too long.
            ResultsError: The run cannot be read.
        """
        terms = read_terms(query)
        table = samples_table(run, self._cache)
        with self._lock:
            search = self._found.get((table.path, terms))
            if search is None:
                search = self._found[table.path, terms] = _Search(table, terms, self._cache)
                while len(self._found) > _KEPT_SEARCHES:
                    self._found.popitem(last=False)[1].stop()
            self._found.move_to_end((table.path, terms))
        return search.wait(wait_s)

    def close(self) -> None:
        """Stop every search and wait for its current block."""
        with self._lock:
            searches = list(self._found.values())
            self._found.clear()
        for search in searches:
            search.stop()
        for search in searches:
            search.join()


class _Search:
    """One search in a thread."""

    def __init__(self, table: SamplesTable, terms: tuple[str, ...], cache: ViewCache) -> None:
        self._table = table
        self._terms = terms
        self._cache = cache
        self._items: list[int] = []
        self._share = 0.0
        self._error: BenchError | None = None
        self._ended = Event()
        self._stopped = False
        self._thread = Thread(target=self._run, name="text search")
        self._thread.start()

    def stop(self) -> None:
        """Stop before the next block."""
        self._stopped = True

    def join(self) -> None:
        """Wait for the thread."""
        self._thread.join()

    def wait(self, wait_s: float) -> TextMatches:
        """Return what was found, after ``wait_s`` or when the search has ended."""
        self._ended.wait(wait_s)
        if self._error is not None:
            raise self._error
        return TextMatches(tuple(self._items), self._terms, self._share)

    def _run(self) -> None:
        try:
            write_texts(self._table.run, self._cache)
            blocks = _blocks(self._table)
            for place, (number, path) in enumerate(blocks):
                if self._stopped:
                    return
                # Replaced, never changed: a page may be reading the old list.
                self._items = self._items + _matching_items(self._table, number, path, self._terms)
                self._share = (place + 1) / len(blocks)
            self._share = 1.0
        except BenchError as exc:
            self._error = exc
        finally:
            self._ended.set()


def _blocks(table: SamplesTable) -> list[tuple[int, Path]]:
    """Return the number and the folder of each block of texts, in order."""
    found = [(int(path.name.partition("=")[2]), path) for path in texts_path(table).glob("block=*")]
    return sorted(found)


def _matching_items(table: SamplesTable, block: int, path: Path, terms: tuple[str, ...]) -> list[int]:
    texts = f"read_parquet({sql_text(sql_path(path) + '/*.parquet')})"
    has_all = " AND ".join("contains(text, lower(?))" for _ in terms) or "true"
    is_named = " AND ".join("contains(lower(sample_id), lower(?))" for _ in terms) or "true"
    within = f"item BETWEEN {block * BLOCK_ITEMS} AND {(block + 1) * BLOCK_ITEMS - 1}"
    with open_database() as connection:
        rows = connection.execute(
            f"SELECT DISTINCT item FROM (SELECT item FROM {texts} WHERE {has_all} "
            f"UNION ALL SELECT item FROM {table.sql} WHERE {within} AND {is_named}) ORDER BY item",
            [*terms, *terms],
        ).fetchall()
    return [int(row[0]) for row in rows]


def find_snippets(
    table: SamplesTable, items: Sequence[int], terms: Sequence[str]
) -> dict[int, dict[str, Any]]:
    """Return for each request the first text that matches, around its first term.

    A snippet has ``where`` (``prompt``, or the model) and ``text``. A request that matches by its id alone has none.
    """
    if not items or not terms:
        return {}
    has_all = " AND ".join("contains(text, lower(?))" for _ in terms)
    around = f"substr(text, greatest(1, instr(text, lower(?)) - 50), {_SNIPPET_CHARS})"
    blocks = {item // BLOCK_ITEMS for item in items}
    paths = [sql_path(path) + "/*.parquet" for number, path in _blocks(table) if number in blocks]
    if not paths:
        return {}
    texts = f"read_parquet([{', '.join(map(sql_text, paths))}])"
    with open_database() as connection:
        rows = rows_of(
            connection,
            f"SELECT item, min(model) AS model, arg_min({around}, model) AS text FROM {texts} "
            f"WHERE item BETWEEN ? AND ? AND item IN (SELECT unnest(?::BIGINT[])) AND {has_all} GROUP BY item",
            [terms[0], min(items), max(items), list(items), *terms],
        )
    return {
        int(row["item"]): {
            "where": "prompt" if row["model"] == PROMPT else table.models[row["model"]],
            "text": " ".join(formatting.strip_controls(row["text"]).split()),
        }
        for row in rows
    }
