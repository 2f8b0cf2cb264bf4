"""What self-hosted cells cost: their GPUs are paid by the hour, whatever they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.energy import energy_kwh
from gapbench.analysis.cost.quotes import Quotes
from gapbench.analysis.frames import Runs, as_floats, group_rows
from gapbench.pricing import GpuPrice
from gapbench.stats import Floats


@dataclass(frozen=True, slots=True)
class GpuShare:
    """What the attempts of a cell cost.

    Attributes:
        usd: Dollars of each attempt that pays: the measured final ones that the model answered.
        reserved_s: Seconds for which the GPUs were reserved.
        answers: How many the model answered itself. 0: all measured final attempts that were sent pay.
        cached: How many the response cache answered, of an episode a reply or more: their GPU time is not that of an answer.
    """

    usd: float
    reserved_s: float
    answers: int
    cached: int

    @property
    def answers_per_live(self) -> Decimal | None:
        """Answers over those that the model gave itself. None: the cache gave all, so what an answer costs is not known."""
        if not self.cached:
            return Decimal(1)
        return Decimal(self.answers + self.cached) / self.answers if self.answers else None

    @property
    def by_all(self) -> bool:
        """Whether all measured final attempts that were sent pay, since the model answered none."""
        return not self.answers

    def usd_of(self, final: Any, answered: Any) -> Floats:
        """Return the dollars of measured attempts; NaN: not known.

        An answer of the response cache costs what an answer of the model does in the same cell, which may have none.

        Args:
            final: Which of them are final.
            answered: Which have an answer.
        """
        if self.by_all:
            return np.where(final, np.where(answered, np.nan, self.usd), 0.0)
        return np.where(np.logical_and(final, answered), self.usd, 0.0)


def gpu_shares(
    runs: Runs, model_id: str, quotes: Mapping[tuple[str, str], GpuPrice]
) -> tuple[dict[tuple[str, str], GpuShare], list[str]]:
    """Return what an attempt of each self-hosted cell of a model costs, by run and cell, and caveats.

    Args:
        runs: The runs.
        model_id: The model.
        quotes: Price of GPUs by run and model.
    """
    tally = runs.tally
    cached = tally["from_cache"].to_numpy(dtype=bool)
    finals = tally["n"].where(tally["final"] & (tally["phase"] == "measure"), 0)
    # An episode with a cached reply is one of the cache: the rest of its time says nothing about a whole one.
    sent = (finals - tally["partly_cached"].where(finals > 0, 0)).where(~cached, 0)
    counts = tally[["run_id", "cell_id", "done_s"]].assign(
        sent=sent, answers=sent.where(tally["outcome"] != "infra", 0), cached=finals - sent
    )
    sums = counts.groupby(["run_id", "cell_id"], sort=False).agg(
        done_s=("done_s", "max"), sent=("sent", "sum"), answers=("answers", "sum"), cached=("cached", "sum")
    )
    by_cell: dict[Any, Any] = dict(zip(sums.index, sums.itertuples(index=False, name=None), strict=True))
    found: dict[tuple[str, str], GpuShare] = {}
    notes: list[str] = []
    for run_id, cell in runs.cells:
        key = (run_id, cell.cell_id)
        quote = quotes.get((run_id, model_id))
        if cell.model_id != model_id or quote is None or key not in by_cell:
            continue
        done_s, sent_n, answers_n, cached_n = by_cell[key]
        reserved_s = cell.wall_s
        if reserved_s is None and pd.isna(done_s):
            notes.append(
                f"{cell.cell_id}: its answers have no times (a batch), so the time of its GPUs and its cost are unknown"
            )
            continue
        if reserved_s is None:
            reserved_s = float(done_s)
            notes.append(
                f"{cell.cell_id}: the run did not finish this cell; its reserved time is up to its last reply"
            )
        payers = int(answers_n) or int(sent_n)
        usd = float(quote.usd_per_s * Decimal(str(reserved_s))) / payers if payers else 0.0
        found[key] = GpuShare(usd, float(reserved_s), int(answers_n), int(cached_n))
    return found, notes


def gpu_cells(
    runs: Runs,
    prices: Quotes,
    shares: Mapping[tuple[str, str], GpuShare],
    busy_of: Callable[[str], Mapping[tuple[str, str], float]],
) -> list[dict[str, Any]]:
    """Return a row for each self-hosted cell at its run's price.

    Args:
        runs: The runs.
        prices: Their prices.
        shares: What an attempt of each cell costs.
        busy_of: :func:`busy_by_cell` of a model.
    """
    models = [name for name, quote in prices.by_model.items() if isinstance(quote, GpuPrice)]
    kwh = {
        str(manifest.run_id): energy_kwh(folder)
        for folder, manifest in zip(runs.folders, runs.manifests, strict=True)
    }
    rows: list[dict[str, Any]] = []
    for model_id in models:
        cells = [
            (run_id, cell)
            for run_id, cell in runs.cells
            if cell.model_id == model_id
            and (run_id, cell.cell_id) in shares
            and (run_id, model_id) in prices.gpu
        ]
        busy_s = busy_of(model_id) if cells else {}
        for run_id, cell in cells:
            key = (run_id, cell.cell_id)
            quote, reserved_s = prices.gpu[run_id, model_id], shares[key].reserved_s
            reserved_usd = quote.usd_per_s * Decimal(
                str(cell.wall_s if cell.wall_s is not None else reserved_s)
            )
            rows.append(
                {
                    "model_id": model_id,
                    "category": cell.category,
                    "run_id": run_id,
                    "cell_id": cell.cell_id,
                    "reserved_s": reserved_s,
                    "busy_s": busy_s.get(key, 0.0),
                    "usd": reserved_usd,
                    "answers_per_live": shares[key].answers_per_live,
                    "usd_busy": quote.usd_per_s * Decimal(str(busy_s.get(key, 0.0))),
                    "usd_low": _price_at_end(quote, quote.low, reserved_usd),
                    "usd_high": _price_at_end(quote, quote.high, reserved_usd),
                    "gpu_hours": float(quote.gpus) * reserved_s / 3600,
                    "energy_kwh": kwh.get(run_id, {}).get(cell.cell_id),
                }
            )
    return rows


def busy_by_cell(runs: Runs, model_id: str) -> dict[tuple[str, str], float]:
    """Return for how many seconds at least one request of each cell of a model was in flight, by run and cell."""
    frame = runs.model_frame(model_id, ["sent_s"])
    names = frame[["run_id", "cell_id"]]
    sent, done = (as_floats(frame[name]) for name in ("sent_s", "done_s"))
    found: dict[tuple[str, str], float] = {}
    for rows in group_rows(names, ["run_id", "cell_id"]):
        run_id, cell_id = names.iloc[int(rows[0])]
        found[str(run_id), str(cell_id)] = busy_seconds(sent.take(rows), done.take(rows))
    return found


def _price_at_end(quote: GpuPrice, end: Decimal | None, usd: Decimal) -> Decimal | None:
    """Return a cost at one end of the price's range, or None if there is no range."""
    return None if end is None or not quote.usd_per_gpu_hour else usd * end / quote.usd_per_gpu_hour


def busy_seconds(sent: Floats, done: Floats) -> float:
    """Return for how many seconds at least one request was in flight."""
    known = ~(np.isnan(sent) | np.isnan(done))
    if not known.any():
        return 0.0
    order = np.argsort(sent[known])
    start, end = sent[known][order], np.maximum.accumulate(done[known][order])
    # A new busy period starts with a request that is sent after all earlier ones have ended.
    first = np.flatnonzero(np.concatenate([[True], start[1:] > end[:-1]]))
    ends = end[np.concatenate([first[1:] - 1, [len(end) - 1]])]
    return float((ends - start[first]).sum())
