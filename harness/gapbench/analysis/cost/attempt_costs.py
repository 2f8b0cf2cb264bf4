"""Prices applied to stored attempts: token prices for APIs, GPU-hours for self-hosted models.

Totals are Decimal and computed from exact token counts (:mod:`gapbench.analysis.cost.price_lines`). The float cost of each attempt (:attr:`Bill.usd`) is only for
means and resampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.gpu_cells import GpuShare, busy_by_cell, gpu_cells, gpu_shares
from gapbench.analysis.cost.quotes import QUOTE_COLUMNS, Quotes, quote_runs
from gapbench.analysis.cost.token_prices import TOKENS, BilledTokens, billed_tokens
from gapbench.analysis.frames import Runs, group_codes, group_rows
from gapbench.analysis.row_groups import RowGroups
from gapbench.pricing import GpuPrice, Quote, Unpriced
from gapbench.stats import Floats, Ints
from gapbench.values.cache_place import CACHE_TRANSPORT

BILL_COLUMNS = (
    *QUOTE_COLUMNS, *TOKENS, "cell_id", "category", "phase", "final", "retried", "outcome", "from_cache", "sent_s",
    "done_s",
)  # fmt: skip
"""Columns of the runs' frame that :func:`bill` uses."""


@dataclass(frozen=True, eq=False)
class Bill:
    """The cost of attempts. Each part is computed when it is first asked for.

    Attributes:
        runs: The runs.
        prices: The price of each kind of attempt.
        shares: What an attempt of a self-hosted cell costs, by run and cell.
        warnings: One sentence for each caveat that readers need to know.
    """

    runs: Runs
    prices: Quotes
    shares: Mapping[tuple[str, str], GpuShare]
    warnings: list[str] = field(default_factory=list)
    _busy_s: dict[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """The price of each model."""
        return self.prices.by_model

    @cached_property
    def usd(self) -> Floats:
        """Float cost of each attempt, in the order of the runs' frame, without our own response cache. NaN means unknown.

        A failed attempt without token counts costs 0, since vendors do not bill it. The cost of a self-hosted cell is split
        evenly over its answered requests, or over all its requests if none was answered. An answer from the response cache
        costs what it would have without it: the price of its tokens, or the share of an answer that its cell's model gave.
        """
        return price_rows(self, self.runs.frame)

    @cached_property
    def place_of(self) -> Mapping[tuple[Any, ...], int]:
        """The price, among those by tokens, of each combination of :data:`QUOTE_COLUMNS`; -1: it is not paid by tokens."""
        kinds = self.runs.tally[list(QUOTE_COLUMNS)].itertuples(index=False, name=None)
        return dict(zip(map(_key, kinds), self.prices.places.tolist(), strict=True))

    @cached_property
    def gpu(self) -> pd.DataFrame:
        """One row for each self-hosted cell.

        Seconds reserved and busy, USD of both (Decimal), USD at both ends of the price's range (None without a range),
        GPU-hours, and kWh (None if power was not sampled).
        """
        return pd.DataFrame(gpu_cells(self.runs, self.prices, self.shares, self.busy_s))

    def busy_s(self, model_id: str) -> Mapping[tuple[str, str], float]:
        """Return :func:`gapbench.analysis.cost.gpu_cells.busy_by_cell` of a self-hosted model; it is computed once."""
        if model_id not in self._busy_s:
            self._busy_s[model_id] = busy_by_cell(self.runs, model_id)
        return self._busy_s[model_id]


def bill(runs: Runs, service_tier: str | None = None, priced_at: datetime | None = None) -> Bill:
    """Return the cost of every attempt of the runs.

    Args:
        runs: The runs.
        service_tier: Service tier, such as ``batch``, to price all API calls at. None means the tier of each reply.
        priced_at: Price all calls as at this instant. None means when each was made.
    """
    prices = quote_runs(runs, service_tier, priced_at)
    shares: dict[tuple[str, str], GpuShare] = {}
    warnings = [*runs.notes, *runs.applied_weights.notes, *prices.notes]
    for model_id, quote in prices.by_model.items():
        if isinstance(quote, Unpriced):
            warnings.append(f"{model_id}: cost unknown: {quote.reason}")
        elif isinstance(quote, GpuPrice):
            found, notes = gpu_shares(runs, model_id, prices.gpu)
            shares |= found
            warnings += [*notes, *_price_warnings(model_id, prices.gpu)]
    warnings += _uncounted_warnings(runs.tally, prices.places)
    warnings += _cached_warnings(runs.measured_tally)
    return Bill(runs, prices, shares, list(dict.fromkeys(warnings)))


def price_rows(account: Bill, frame: pd.DataFrame) -> Floats:
    """Return the cost of attempts in USD. NaN means unknown; see :attr:`Bill.usd`.

    Args:
        account: The bill of the runs that the attempts belong to.
        frame: Attempts with :data:`BILL_COLUMNS`.
    """
    return usd_of_rows(account, frame, billed_tokens(frame), price_places(account, frame))


def price_places(account: Bill, frame: pd.DataFrame) -> Ints:
    """Return the price of each attempt among those by tokens; -1: it is not paid by tokens."""
    key = list(QUOTE_COLUMNS)
    groups = RowGroups(group_codes(frame, key))
    kinds = frame[key].iloc[groups.rows].itertuples(index=False, name=None)
    of_kind = np.array([account.place_of.get(_key(kind), -1) for kind in kinds], dtype=np.int32)
    found: Ints = of_kind.take(groups.code)
    return found


def usd_of_rows(account: Bill, frame: pd.DataFrame, billed: BilledTokens, places: Ints) -> Floats:
    """Return the cost of attempts as :func:`price_rows` does, with what they are billed for and :func:`price_places`."""
    usd = np.full(len(frame), np.nan)
    for number, quote in enumerate(account.prices.units):
        mask = places == number
        if mask.all():
            usd = billed.usd(quote, billed.bands(quote))
        elif mask.any():
            part = billed.take(np.flatnonzero(mask))
            usd[mask] = part.usd(quote, part.bands(quote))
    if account.shares:
        cells = frame[["run_id", "cell_id"]]
        final = (frame["final"] & (frame["phase"] == "measure")).to_numpy(dtype=bool)
        answered = (frame["outcome"] != "infra").to_numpy(dtype=bool)
        for rows in group_rows(cells, ["run_id", "cell_id"]):
            first = cells.iloc[int(rows[0])]
            share = account.shares.get((str(first["run_id"]), str(first["cell_id"])))
            if share is not None:
                usd[rows] = share.usd_of(final[rows], answered[rows])
    return usd


def _key(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the columns of :data:`QUOTE_COLUMNS` as a key; every unknown value is None."""
    return tuple(None if pd.isna(value) else value for value in values)


def _price_warnings(model_id: str, quotes: Mapping[tuple[str, str], GpuPrice]) -> list[str]:
    """Return a sentence if a model's runs have several prices; the tables name only one."""
    of_model = {run_id: quote for (run_id, name), quote in quotes.items() if name == model_id}
    told = {(quote.gpus, quote.usd_per_gpu_hour): run_id for run_id, quote in of_model.items()}
    if len(told) < 2:
        return []
    listed = ", ".join(f"{gpus:f} x ${usd:f} in {run_id}" for (gpus, usd), run_id in told.items())
    return [f"{model_id}: each run is priced at its own GPU-hours: {listed}"]


def _cached_warnings(tally: pd.DataFrame) -> list[str]:
    """Return a sentence for each model of which the response cache answered requests."""
    final = tally[tally["final"].to_numpy(dtype=bool)]
    is_cached = final["transport"].astype(str) == CACHE_TRANSPORT
    cached = final["n"].where(is_cached, final["partly_cached"])
    counts = pd.DataFrame({"cached": cached, "n": final["n"]}).groupby(final["model_id"], sort=False).sum()
    return [
        f"{model}: the response cache answered {answered} of {total} requests: dollars per task are those without the cache, "
        "and the total is what was spent"
        for model, answered, total in zip(map(str, counts.index), counts["cached"], counts["n"], strict=True)
        if answered
    ]


def _uncounted_warnings(tally: pd.DataFrame, places: Ints) -> list[str]:
    """Return a sentence for each model with attempts whose token counts are missing or impossible."""
    priced = tally[places >= 0]
    warnings: list[str] = []
    for counts, problem in (
        (
            priced["impossible"],
            "attempts have impossible token counts (below 0, or more cached tokens than input)",
        ),
        (priced["unpriced"] - priced["impossible"], "answered attempts have no token counts"),
    ):
        by_model = (
            counts.groupby(priced["model_id"], sort=False).sum().sort_values(ascending=False, kind="stable")
        )
        warnings += [
            f"{model}: {count} {problem}; its total is unknown and its means leave them out"
            for model, count in by_model.items()
            if count
        ]
    return warnings
