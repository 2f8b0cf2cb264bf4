"""What the same attempts would have cost in batches, at another service tier, or with more or fewer cache hits.

Columns of :func:`what_if`, one row for each model priced by tokens: ``model_id`` ``what_if`` ``usd`` (actual)
``usd_what_if`` (null if the price has no such tier or is unknown) ``saving_usd`` ``saving_percent`` (of ``usd``;
negative if more expensive) ``usd_per_task_what_if`` ``note``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import Runs, load_runs
from gapbench.errors import InputError
from gapbench.pricing import UnitPrices
from gapbench.store.json_records import records

COLUMNS = (
    "model_id",
    "what_if",
    "usd",
    "usd_what_if",
    "saving_usd",
    "saving_percent",
    "usd_per_task_what_if",
    "note",
)
TIERS = ("batch", "flex", "priority")


def what_if(runs: Runs | Sequence[Path], question: str) -> pd.DataFrame:
    """Return the cost of runs under another condition. See the module's docstring.

    Args:
        runs: Run folders, or runs already loaded.
        question: ``batch``, ``flex`` or ``priority`` for that service tier; ``uncached`` for no cache hits;
            ``cached=0.8`` for that share of all input tokens read from the cache and none written to it.

    Raises:
        InputError: The question is not one of these.
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    before_bill = bill(read_runs)
    before = _totals(cost(read_runs, before_bill).frame)
    tier = question if question in TIERS else None
    changed = (
        read_runs
        if tier
        else replace(read_runs, attempts=read_runs.attempts.with_cache_share(_cache_share(question)))
    )
    after_bill = bill(changed, tier)
    after = _totals(cost(changed, after_bill).frame)
    rows: list[dict[str, Any]] = []
    for model_id, row in before.items():
        quote, usual = after_bill.quotes.get(model_id), before_bill.quotes.get(model_id)
        if not isinstance(usual, UnitPrices):
            continue
        found: dict[str, Any] = {"model_id": model_id, "what_if": question, "usd": row["usd"], "note": None}
        if not isinstance(quote, UnitPrices):
            found["note"] = f"no price for the {tier} tier of {usual.model}" if tier else "no price"
        elif tier and quote.provider is None:
            found["note"] = f"the price given has no {tier} tier"
        elif tier and quote.note:
            found["note"] = f"no price for the {tier} tier of {quote.model}"
        elif tier is None and quote.rates.cached_input is None:
            found["note"] = f"no separate price for cached input of {quote.model}"
        else:
            other = after[model_id]
            found["usd_what_if"] = other["usd"]
            found["usd_per_task_what_if"] = other["usd_per_task"]
            if row["usd"] and other["usd"] is not None:
                found["saving_usd"] = row["usd"] - other["usd"]
                found["saving_percent"] = 100 * found["saving_usd"] / row["usd"]
        rows.append(found)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _totals(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the last row of each model, which covers all its categories."""
    return {row["model_id"]: row for row in records(frame)}


def _cache_share(question: str) -> float:
    """Return the share of input tokens that a question assumes to be read from a cache."""
    share = 0.0
    if question != "uncached":
        name, equals, value = question.partition("=")
        try:
            share = float(value) if name == "cached" and equals else -1.0
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise InputError(
                f"found --what-if {question!r}; expected {', '.join(TIERS)}, uncached, or cached=SHARE from 0 to 1"
            )
    return share
