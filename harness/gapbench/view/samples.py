"""Pages of a run's requests, filtered and sorted, and one request with all texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import duckdb
import orjson

from gapbench import formatting
from gapbench.analysis.episode_turns import (
    ENDING_COLUMNS,
    TURN_COLUMNS,
    TURN_TEXTS,
    describe_episode,
    has_turns,
    turn_pricer,
)
from gapbench.errors import InputError, ResultsError
from gapbench.store import read_manifest
from gapbench.values import Outcome
from gapbench.values.stored_messages import describe_part
from gapbench.view.database import open_database, rows_of
from gapbench.view.samples_table import SamplesTable

OUTCOMES: tuple[str, ...] = get_args(Outcome)
PAGE_ITEMS = 100
MAX_TEXT_CHARS = 100_000
"""Characters of a text that a page shows at first; the rest is sent when a reader asks for it."""
MAX_TURN_CHARS = 20_000
"""Characters of each text of a turn; the middle of a longer one is left out."""
TEXTS = ("reply", "reasoning", "target", "reason", "error", "answer")
SORTS: Mapping[str, str] = {
    "order": "item",
    "hardest": "right_share ASC NULLS LAST, item",
    "easiest": "right_share DESC NULLS LAST, item",
    "id": "task, sample_id, repeat, item",
}
_LISTED = "item, task, category, sample_id, repeat, load, differs, answers_differ, right_share"


@dataclass(frozen=True)
class SampleFilter:
    """Which requests to list.

    Attributes:
        task: Only of this task. "": of all.
        category: Only of this category. "": of all.
        outcome: Only where one of ``models`` had this outcome. "": any.
        models: Ids of the models that ``outcome`` and ``only_different`` look at. (): all.
        only_different: Only where one of ``models`` was right and another was not.
        sort: A key of :data:`SORTS`.
        items: Only these numbers, such as the matches of a search. None: all.
    """

    task: str = ""
    category: str = ""
    outcome: str = ""
    models: tuple[str, ...] = ()
    only_different: bool = False
    sort: str = "order"
    items: tuple[int, ...] | None = None


def list_samples(
    table: SamplesTable, chosen: SampleFilter, offset: int = 0, limit: int = PAGE_ITEMS
) -> dict[str, Any]:
    """Return a page of requests: ``total`` that match, ``of`` in the run, and the rows from ``offset``.

    Raises:
        InputError: The filter names an unknown model, outcome or sort.
        ResultsError: The table cannot be read.
    """
    where, values = _condition(table, chosen)
    columns = ", ".join(f"o{place}, s{place}" for place in range(len(table.models)))
    listed = f"{_LISTED}, {columns}" if columns else _LISTED
    with open_database() as connection:
        (of,) = connection.execute(f"SELECT count(*) FROM {table.sql}").fetchall()[0]
        (total,) = connection.execute(
            f"SELECT count(*) FROM {table.sql} WHERE {where}",
            values,
        ).fetchall()[0]
        rows = rows_of(
            connection,
            f"SELECT {listed} FROM {table.sql} WHERE {where} "
            f"ORDER BY {SORTS[chosen.sort]} LIMIT {int(limit)} OFFSET {int(offset)}",
            values,
        )
    return {"total": total, "of": of, "offset": offset, "rows": [_listed_row(row, table) for row in rows]}


def find_item(table: SamplesTable, task: str, sample_id: str, repeat: int, load: str) -> int | None:
    """Return the number of a request by its key, or None if the run has none such."""
    with open_database() as connection:
        found = connection.execute(
            f"SELECT item FROM {table.sql} WHERE task = ? AND sample_id = ? AND repeat = ? AND (load = ? OR ? = '') "
            "ORDER BY item LIMIT 1",
            [task, sample_id, repeat, load, load],
        ).fetchall()
    return int(found[0][0]) if found else None


def read_sample(table: SamplesTable, item: int, max_chars: int = MAX_TEXT_CHARS) -> dict[str, Any]:
    """Return one request; see :func:`read_samples`.

    Raises:
        ResultsError: There is no such request, or a file cannot be read.
    """
    found = read_samples(table, [item], max_chars)
    if not found:
        raise ResultsError(f"{table.run.name} has no request {item}; reload the list")
    return found[0]


def read_samples(
    table: SamplesTable, items: Sequence[int], max_chars: int = MAX_TEXT_CHARS
) -> list[dict[str, Any]]:
    """Return requests in order: key, prompt and target, and each model's answer with its texts.

    A text over ``max_chars`` is cut and comes with its whole length in ``cut``.

    Args:
        table: The table of the run.
        items: Numbers of the requests. One that the run does not have is left out.
        max_chars: Longest text, in characters.

    Raises:
        ResultsError: A file cannot be read.
    """
    with open_database() as connection:
        rows = rows_of(
            connection,
            f"SELECT * FROM {table.sql} WHERE item IN (SELECT unnest(?::BIGINT[])) ORDER BY item",
            [list(items)],
        )
    parts = {row[f"p{place}"] for row in rows for place in range(len(table.models))} - {None}
    answers: dict[int, list[dict[str, Any]]] = {row["item"]: [] for row in rows}
    with open_database(table.run, parts) as connection:
        for answer in _answers(connection, table, rows):
            answers[answer["item"]].append(answer)
    _add_episodes(table, [answer for given in answers.values() for answer in given], max_chars)
    return [_sample(row, answers[row["item"]], table, max_chars) for row in rows]


def _sample(
    row: Mapping[str, Any], answers: Sequence[dict[str, Any]], table: SamplesTable, max_chars: int
) -> dict[str, Any]:
    given = {answer["model_id"]: answer for answer in answers}
    asked = [given[model]["messages"] for model in table.models if model in given]
    first = next((messages for messages in asked if messages), None)
    shown: dict[str, dict[str, Any]] = {}
    for model, answer in given.items():
        shown[model] = _answer(answer, max_chars)
        if answer["messages"] != first:
            shown[model]["messages"] = read_messages(answer["messages"], max_chars)
    return {
        **_listed_row(row, table),
        "messages": read_messages(first, max_chars),
        "target": next((answer["target"] for answer in answers if answer["target"] is not None), None),
        "answers": [shown.get(model) for model in table.models],
    }


def _add_episodes(table: SamplesTable, answers: Sequence[dict[str, Any]], max_chars: int) -> None:
    """Add ``episode`` to the answers that have turns; their ``messages`` become those that the episode began with."""
    shown = [answer for answer in answers if has_turns(answer)]
    if not shown:
        return
    turns, endings = _turns_of(table, [answer for answer in shown if answer["trajectory_id"] is not None])
    price = turn_pricer(read_manifest(table.run))
    for answer in shown:
        name = answer["trajectory_id"]
        found = describe_episode(
            [answer] if name is None else turns[name],
            endings.get(name),
            partial(_shorten, max_chars=min(max_chars, MAX_TURN_CHARS)),
            price,
        )
        answer["messages"] = found.pop("prompt")
        answer["episode"] = found


def _turns_of(
    table: SamplesTable, answers: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, Any]]]:
    """Return by trajectory_id all attempts of episodes with their texts, and their rows of the trajectory table."""
    if not answers:
        return {}, {}
    names = [
        [answer["trajectory_id"] for answer in answers],
        list({answer["sample_id"] for answer in answers}),
    ]
    # A turn may be in another part than the end of its episode.
    with open_database(table.run) as connection:
        rows = rows_of(
            connection,
            f"""
            SELECT {", ".join(f"a.{name}" for name in TURN_COLUMNS)}, {", ".join(f"p.{name}" for name in TURN_TEXTS)}
            FROM (SELECT * FROM attempts WHERE trajectory_id IN (SELECT unnest(?::VARCHAR[]))) a
            LEFT JOIN (SELECT * FROM payloads WHERE sample_id IN (SELECT unnest(?::VARCHAR[]))) p
                ON p.sample_id = a.sample_id AND p.part = a.part AND p.cell_id = a.cell_id
                AND p.repeat = a.repeat AND p.attempt = a.attempt
            """,
            names,
        )
        ended = rows_of(
            connection,
            f"SELECT {', '.join(ENDING_COLUMNS)} FROM trajectories WHERE trajectory_id IN (SELECT unnest(?::VARCHAR[]))",
            names[:1],
        )
    turns: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        turns.setdefault(row["trajectory_id"], []).append(row)
    return turns, {row["trajectory_id"]: row for row in ended}


def _shorten(text: str, max_chars: int) -> str:
    """Return a text without its middle if it is too long."""
    if len(text) <= max_chars:
        return text
    half = max_chars // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"


def read_text(table: SamplesTable, item: int, model_id: str, name: str) -> str:
    """Return one text of an answer as a whole.

    Raises:
        InputError: The model or the name of the text is unknown.
        ResultsError: There is no such text.
    """
    if model_id not in table.models or name not in TEXTS:
        raise InputError(f"no text {name!r} of {model_id!r}; texts are {', '.join(TEXTS)}")
    shown = read_sample(table, item, max_chars=2**31)
    answer = shown["answers"][table.models.index(model_id)]
    text = None if answer is None else answer.get(name)
    if text is None:
        raise ResultsError(f"{model_id} has no {name} at this request")
    return str(text)


def read_messages(stored: str | None, max_chars: int = MAX_TEXT_CHARS) -> list[dict[str, Any]]:
    """Return a prompt's turns: ``role`` and ``parts``, see :func:`gapbench.values.stored_messages.describe_part`.

    A text over ``max_chars`` is cut and comes with its whole length in ``cut``.
    """
    try:
        turns = orjson.loads(stored or "[]")
        return [
            {"role": str(turn["role"]), "parts": [_part(part, max_chars) for part in turn["parts"]]}
            for turn in turns
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        # An imported prompt need not have our shape; it is shown as it is stored.
        return [{"role": "prompt", "parts": [_part({"text": stored}, max_chars)]}]


def _part(part: Mapping[str, Any], max_chars: int) -> dict[str, Any]:
    shown: dict[str, Any] = dict(describe_part(part))
    if "image" in shown:
        return {"image": shown["image"]}
    text = shown["text"]
    return {**shown, "text": text[:max_chars], **({"cut": len(text)} if len(text) > max_chars else {})}


def _condition(table: SamplesTable, chosen: SampleFilter) -> tuple[str, list[Any]]:
    """Return a ``WHERE`` condition and its values."""
    if chosen.sort not in SORTS:
        raise InputError(f"sort: found {chosen.sort!r}; expected one of {', '.join(SORTS)}")
    if chosen.outcome and chosen.outcome not in OUTCOMES:
        raise InputError(f"outcome: found {chosen.outcome!r}; expected one of {', '.join(OUTCOMES)}")
    unknown = [model for model in chosen.models if model not in table.models]
    if unknown:
        raise InputError(f"models: {unknown[0]!r} is not in this run; it has {', '.join(table.models)}")
    looked = [table.models.index(model) for model in chosen.models or table.models]
    conditions, values = ["true"], list[Any]()
    for name in ("task", "category"):
        if getattr(chosen, name):
            conditions.append(f"{name} = ?")
            values.append(getattr(chosen, name))
    if chosen.outcome:
        conditions.append("(" + " OR ".join(f"o{place} = ?" for place in looked) + ")" if looked else "false")
        values += [chosen.outcome] * len(looked)
    if chosen.only_different:
        scored = [
            f"CASE WHEN o{place} NOT IN ('infra', 'unscored') THEN o{place} = 'correct' END"
            for place in looked
        ]
        conditions.append(f"len(list_distinct([{', '.join(scored)}])) = 2" if chosen.models else "differs")
    if chosen.items is not None:
        conditions.append("item IN (SELECT unnest(?::BIGINT[]))")
        values.append(list(chosen.items))
    return " AND ".join(conditions), values


def _listed_row(row: Mapping[str, Any], table: SamplesTable) -> dict[str, Any]:
    kept = {name: row[name] for name in _LISTED.split(", ")}
    places = range(len(table.models))
    return {
        **kept,
        "outcomes": [row[f"o{place}"] for place in places],
        "scores": [row[f"s{place}"] for place in places],
    }


def _answers(
    connection: duckdb.DuckDBPyConnection, table: SamplesTable, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the compared attempt of each model at some requests, with its payload."""
    ids = list({row["sample_id"] for row in rows})
    return rows_of(
        connection,
        f"""
        SELECT i.item, i.load, a.*, p.messages, p.reply, p.reasoning, p.target, p.reason, p.error,
            p.calls, p.state_changes
        FROM (SELECT * FROM {table.sql} WHERE item IN (SELECT unnest(?::BIGINT[]))) i
        JOIN (SELECT * FROM attempts WHERE final AND phase = 'measure' AND sample_id IN (SELECT unnest(?::VARCHAR[]))) a
            ON a.task = i.task AND a.sample_id = i.sample_id AND a.repeat = i.repeat AND a.load_kind = i.load_kind
            AND a.load_value IS NOT DISTINCT FROM i.load_value
        LEFT JOIN (SELECT * FROM payloads WHERE sample_id IN (SELECT unnest(?::VARCHAR[]))) p
            ON p.sample_id = a.sample_id AND p.part = a.part AND p.cell_id = a.cell_id
            AND p.repeat = a.repeat AND p.attempt = a.attempt
        """,
        [[row["item"] for row in rows], ids, ids],
    )


def _answer(row: Mapping[str, Any], max_chars: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "model": row["model_id"],
        "outcome": row["outcome"],
        "score": row["score"],
    }
    cut: dict[str, int] = {}
    for name in TEXTS:
        text = row[name]
        if text:
            shown[name] = text[:max_chars]
            if len(text) > max_chars:
                cut[name] = len(text)
    if cut:
        shown["cut"] = cut
    shown["facts"] = _facts(row)
    if "episode" in row:
        shown["episode"] = row["episode"]
    return shown


def _facts(row: Mapping[str, Any]) -> list[str]:
    """Return what is known of an answer as short texts: why it failed or ended, its times, tokens and tries."""
    facts = [row["failure_kind"] or row["finish_reason"] or ""]
    if row["http_status"] not in (None, 200):
        facts.append(f"HTTP {row['http_status']}")
    if row["trajectory_id"] is not None:
        # Times and tokens of an episode are shown with its turns; the row has those of the last one.
        return [formatting.strip_controls(fact) for fact in [*facts, row["load"]] if fact]
    if not row["from_cache"]:
        facts += _times(row)
    if row["input_tokens"] is not None and row["output_tokens"] is not None:
        facts.append(
            f"{formatting.format_count(row['input_tokens'])} tokens in, {formatting.format_count(row['output_tokens'])} out"
        )
    if row["from_cache"]:
        facts.append("from the response cache")
    if row["attempt"] > 1:
        facts.append(f"attempt {row['attempt']}")
    facts.append(row["load"])
    return [formatting.strip_controls(fact) for fact in facts if fact]


def _times(row: Mapping[str, Any]) -> Sequence[str]:
    found = []
    # The same columns as response_s and ttft_s of the analysis.
    if row["done_s"] is not None and row["scheduled_s"] is not None:
        found.append(f"answer {formatting.format_seconds(row['done_s'] - row['scheduled_s'])}")
    if row["first_token_s"] is not None and row["sent_s"] is not None:
        found.append(f"first token {formatting.format_seconds(row['first_token_s'] - row['sent_s'])}")
    return found
