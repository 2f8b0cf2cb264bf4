"""A search over all runs, newest first, a few at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gapbench import formatting
from gapbench.errors import BenchError, InputError
from gapbench.view.cache import ViewCache
from gapbench.view.catalog import RunEntry
from gapbench.view.samples import SampleFilter, list_samples
from gapbench.view.samples_table import samples_table
from gapbench.view.text_search import TextSearch, find_snippets, read_terms

SHOWN_PER_RUN = 5
_BUDGET_S = 1.0


def search_runs(
    search: TextSearch, cache: ViewCache, entries: Sequence[RunEntry], query: str, after: str = ""
) -> dict[str, Any]:
    """Return the runs with matches, each with its first requests, and where to continue.

    Args:
        search: Searches one run.
        cache: The cache folder.
        entries: The runs, in the order to search them.
        query: Words, and phrases in double quotes.
        after: The key at which to continue: ``next`` of the answer before. "": from the start.

    Returns:
        ``runs`` (``key``, ``matches``, ``rows``), ``searched`` and ``of`` (runs), ``problems``, and ``next`` (null: done).

    Raises:
        InputError: The query is empty or too long.
    """
    terms = read_terms(query)
    if not terms:
        raise InputError("q: nothing to search for; give a word, or a phrase in double quotes")
    keys = [entry.key for entry in entries]
    start = keys.index(after) if after in keys else 0
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    began_s = time.monotonic()
    place = start
    while place < len(entries) and (place == start or time.monotonic() - began_s < _BUDGET_S):
        entry = entries[place]
        try:
            matches = search.find(entry.folder, query, max(0.2, _BUDGET_S - (time.monotonic() - began_s)))
            if matches.searched_share < 1:
                break  # Its search continues; the next call comes back to it.
            if matches.items:
                found.append(_matching_run(entry, cache, matches.items, terms))
        except BenchError as exc:
            problems.append(formatting.strip_controls(f"{entry.key}: {exc}"))
        place += 1
    is_done = place >= len(entries)
    return {
        "runs": found,
        "terms": terms,
        "searched": place,
        "of": len(entries),
        "problems": problems,
        "next": None if is_done else keys[place],
    }


def _matching_run(
    entry: RunEntry, cache: ViewCache, items: tuple[int, ...], terms: tuple[str, ...]
) -> dict[str, Any]:
    table = samples_table(entry.folder, cache)
    page = list_samples(table, SampleFilter(items=items[:SHOWN_PER_RUN]), 0, SHOWN_PER_RUN)
    snippets = find_snippets(table, [row["item"] for row in page["rows"]], terms)
    rows = [{**row, "snippet": snippets.get(row["item"])} for row in page["rows"]]
    return {"key": entry.key, "matches": len(items), "models": list(table.models), "rows": rows}
