"""The price of each kind of attempt: by run, model, what was asked and served, service tier, and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Runs, group_rows
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced, model_price
from gapbench.stats import Ints
from gapbench.store.manifest import ModelEntry

QUOTE_COLUMNS = (
    "run_id", "model_id", "runner", "model_asked", "model_served", "service_tier", "started_at",
)  # fmt: skip
"""Columns that the price of an attempt depends on."""


@dataclass(frozen=True)
class Quotes:
    """The prices of runs.

    Attributes:
        by_model: The price of each model, the last one if it has several.
        units: The different prices by tokens.
        places: For each row of the runs' tally, its price among ``units``; -1: it is not priced by tokens.
        gpu: Price of GPUs by run and model.
        notes: What a reader must know of prices by tokens.
    """

    by_model: Mapping[str, Quote]
    units: list[UnitPrices]
    places: Ints
    gpu: Mapping[tuple[str, str], GpuPrice]
    notes: list[str]


def quote_runs(runs: Runs, service_tier: str | None = None, priced_at: datetime | None = None) -> Quotes:
    """Return the prices of the attempts of runs.

    Args:
        runs: The runs.
        service_tier: Service tier, such as ``batch``, to price all API calls at. None means the tier of each reply.
        priced_at: Price all calls as at this instant. None means when each was made.
    """
    tally = runs.tally
    by_model: dict[str, Quote] = {}
    units: list[UnitPrices] = []
    places = np.full(len(tally), -1, dtype=np.int32)
    gpu: dict[tuple[str, str], GpuPrice] = {}
    notes: list[str] = []
    by = list(QUOTE_COLUMNS)
    for rows in group_rows(tally, by):
        one = tally[by].iloc[int(rows[0])]
        model_id = str(one["model_id"])
        tier = service_tier or _text(one["service_tier"])
        quote = _quote(_model(runs, one), _text(one["model_served"]), tier, priced_at or one["started_at"])
        if not (isinstance(quote, Unpriced) and model_id in by_model):
            by_model[model_id] = quote
        if isinstance(quote, GpuPrice):
            gpu[str(one["run_id"]), model_id] = quote
        if isinstance(quote, UnitPrices):
            if quote.note:
                notes.append(f"{model_id}: {quote.note}")
            places[rows] = len(units)
            units.append(quote)
    return Quotes(by_model, units, places, gpu, notes)


def _model(runs: Runs, row: pd.Series[Any]) -> ModelEntry:
    """Return the manifest entry of a row's model. A judge may be missing from the suite; it gets a minimal entry."""
    run_id, model_id = str(row["run_id"]), str(row["model_id"])
    for manifest in (*runs.manifests, *runs.judgings):
        if manifest.run_id == run_id and model_id in manifest.models_and_users:
            return manifest.models_and_users[model_id]
    if model_id in runs.models:
        return runs.model(model_id)
    # Only the price is asked of it, which does not depend on the weights.
    return ModelEntry(
        id=model_id, runner=str(row["runner"]), name=str(row["model_asked"]), weights="closed", released=None,
        base_url=None, simulated=False, params={}, options={}, cost=None, facts={},
    )  # fmt: skip


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)


def _quote(model: ModelEntry, served: str | None, tier: str | None, started: Any) -> Quote:
    """Return the price of the model id that was served or, if that has none, of the requested one."""
    at = started.to_pydatetime() if isinstance(started, pd.Timestamp) else started
    if not isinstance(at, datetime):
        at = datetime.now(UTC)
    quote: Quote = Unpriced("no model id")
    for name in dict.fromkeys([served or model.name, model.name]):
        quote = model_price(
            runner=model.runner,
            provider=model.known_price_provider,
            model=name,
            at=at,
            base_url=model.base_url,
            cost=model.cost,
            service_tier=tier,
            simulated=model.simulated,
        )
        if not isinstance(quote, Unpriced):
            break
    return quote
