"""Prices applied to stored attempts: token prices for APIs, GPU-hours for self-hosted models.

Totals are Decimal and computed from exact token counts. The float cost of each attempt (:attr:`Bill.usd`) is only for
means and resampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.energy import energy_kwh
from gapbench.analysis.frames import Runs, as_floats, group_rows
from gapbench.pricing import GpuPrice, Quote, TokenRates, UnitPrices, Unpriced, model_price
from gapbench.stats import Floats, Ints
from gapbench.store.manifest import ModelEntry

Bools = np.ndarray[Any, np.dtype[np.bool_]]

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "image_count",
)
"""Billed quantities. A provider that bills images as tokens has no price for ``image_count``."""
_QUOTE_COLUMNS = ("run_id", "model_id", "runner", "model_asked", "model_served", "service_tier", "started_at")
BILL_COLUMNS = (
    *_QUOTE_COLUMNS, *TOKENS, "cell_id", "category", "phase", "final", "retried", "outcome", "from_cache", "sent_s",
    "done_s",
)  # fmt: skip
"""Columns of the runs' frame that :func:`bill` uses."""


@dataclass(frozen=True)
class Bill:
    """The cost of attempts.

    Attributes:
        usd: Float cost of each attempt, in the order of the runs' frame. NaN means unknown. A failed attempt without
            token counts costs 0, since vendors do not bill it. The cost of a self-hosted cell is split evenly over its
            answered requests, or over all its requests if none was answered.
        lines: Exact cost: one row for each model, category, phase, whether it was made again, source and price, with token
            sums and ``usd`` (Decimal; None if unknown).
        gpu: One row for each self-hosted cell: seconds reserved and busy, USD of both (Decimal), USD at both ends of
            the price's range (None without a range), GPU-hours, and kWh (None if power was not sampled).
        quotes: The price of each model.
        warnings: One sentence for each caveat that readers need to know.
    """

    usd: Floats
    lines: pd.DataFrame
    gpu: pd.DataFrame
    quotes: Mapping[str, Quote]
    warnings: list[str] = field(default_factory=list)


def bill(runs: Runs, service_tier: str | None = None) -> Bill:
    """Return the cost of every attempt of the runs.

    Args:
        runs: The runs.
        service_tier: Service tier, such as ``batch``, to price all API calls at. None means the tier of each reply.
    """
    frame = runs.frame
    usd = np.full(len(frame), np.nan)
    band = np.zeros(len(frame), dtype=np.int8)
    priced = np.full(len(frame), -1, dtype=np.int32)
    quotes: dict[str, Quote] = {}
    found: list[UnitPrices] = []
    warnings: list[str] = list(runs.notes)
    gpu_quotes: dict[tuple[str, str], GpuPrice] = {}
    gpu_cells: list[dict[str, Any]] = []
    by = list(_QUOTE_COLUMNS)
    for rows in group_rows(frame, by):
        one = frame[by].iloc[int(rows[0])]
        model_id = str(one["model_id"])
        model = _model(runs, one)
        tier = service_tier or _text(one["service_tier"])
        quote = _quote(model, _text(one["model_served"]), tier, one["started_at"])
        if not (isinstance(quote, Unpriced) and model_id in quotes):
            quotes[model_id] = quote
        if isinstance(quote, GpuPrice):
            gpu_quotes[str(one["run_id"]), model_id] = quote
        if isinstance(quote, UnitPrices):
            if quote.note:
                warnings.append(f"{model_id}: {quote.note}")
            if quote.above:
                band[rows] = _bands(quote, as_floats(frame["input_tokens"].iloc[rows]))
            priced[rows] = len(found)
            found.append(quote)
    cells = _rows_by_cell(frame) if any(isinstance(quote, GpuPrice) for quote in quotes.values()) else {}
    for model_id, quote in quotes.items():
        if isinstance(quote, Unpriced):
            warnings.append(f"{model_id}: cost unknown: {quote.reason}")
        elif isinstance(quote, GpuPrice):
            gpu_cells += _gpu_cells(runs, model_id, gpu_quotes, cells, usd, warnings)
            warnings += _price_warnings(model_id, gpu_quotes)
    lines = _lines(frame, priced, band, found, usd)
    warnings += _uncounted_warnings(frame, priced, usd)
    return Bill(usd, lines, pd.DataFrame(gpu_cells), quotes, list(dict.fromkeys(warnings)))


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


def _tokens(frame: pd.DataFrame) -> dict[str, Floats]:
    """Return the billed quantities of attempts. Replies from our own cache are not billed."""
    tokens = {name: np.nan_to_num(as_floats(frame[name])) for name in TOKENS}
    # Failed attempts without token counts are not billed, and neither are their images or parts of their input.
    uncounted = np.isnan(as_floats(frame["input_tokens"]))
    for name in set(TOKENS) - {"input_tokens", "output_tokens"}:
        tokens[name][uncounted] = 0
    cached = frame["from_cache"].to_numpy(dtype=bool)
    for name in TOKENS:
        tokens[name][cached] = 0
    return tokens


def has_possible_counts(frame: pd.DataFrame) -> Bools:
    """Return for which attempts the token counts can be true; see :func:`gapbench.pricing.counts_are_possible`.

    Some gateways add cached tokens to the input instead of counting them in it, and some report negative counts.
    """
    read = np.zeros(len(frame))
    possible = np.ones(len(frame), dtype=bool)
    # One column at a time: all of them together would take the most memory of all.
    for name in ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens"):
        count = np.nan_to_num(as_floats(frame[name]))
        possible &= count >= 0
        if name == "cache_write_1h_tokens":
            possible &= count <= np.nan_to_num(as_floats(frame["cache_write_tokens"]))
        elif name != "output_tokens":
            read += count
    total = as_floats(frame["input_tokens"])
    return np.asarray(possible & (np.isnan(total) | ((total >= 0) & (read <= total))))


def _has_known_cost(frame: pd.DataFrame) -> Bools:
    """Return for which attempts the cost is known: those with possible token counts, and those that are not billed."""
    both = ~(np.isnan(as_floats(frame["input_tokens"])) | np.isnan(as_floats(frame["output_tokens"])))
    failed = (frame["outcome"] == "infra").to_numpy()
    ours = frame["from_cache"].to_numpy(dtype=bool)
    return np.asarray((both | failed) & has_possible_counts(frame) | ours)


def _lines(
    frame: pd.DataFrame,
    priced: Ints,
    band: Ints,
    found: list[UnitPrices],
    usd: Floats,
) -> pd.DataFrame:
    """Price each band of each quote. Fills ``usd`` in place and returns the exact lines."""
    known = _has_known_cost(frame)
    table = frame[["model_id", "category", "phase", "retried"]].assign(quote=priced, band=band, known=known)
    rows_out: list[dict[str, Any]] = []
    # Compute the tokens of one line at a time: for all attempts together they would take the most memory of all.
    counted = frame[[*TOKENS, "from_cache"]]
    bought = np.flatnonzero(priced >= 0)
    by = list(table.columns)
    for rows in table.iloc[bought].groupby(by, observed=True).indices.values():
        line = table.iloc[int(bought[rows[0]])]
        quote, places = found[int(line["quote"])], bought[rows]
        tokens = _tokens(counted.iloc[places])
        rates = _rates(quote, int(line["band"]))
        usd[places] = _attempts_usd(rates, tokens) if line["known"] else np.nan
        counts = {name: int(tokens[name].sum()) for name in TOKENS}
        rows_out.append(
            {
                "model_id": line["model_id"],
                "category": line["category"],
                "phase": line["phase"],
                "retried": bool(line["retried"]),
                "source": quote.source,
                "detail": quote.detail,
                "attempts": len(rows),
                **counts,
                "usd": rates.usd(**counts) if line["known"] else None,
            }
        )
    names = ["model_id", "category", "phase", "retried", "source", "detail", "attempts", *TOKENS, "usd"]
    return pd.DataFrame(rows_out, columns=names)


def _rates(quote: UnitPrices, band: int) -> TokenRates:
    return quote.rates if band == 0 else quote.above[band - 1][1]


def _bands(quote: UnitPrices, input_tokens: Floats) -> Ints:
    """Return the price band of each prompt; 0 is up to the first threshold."""
    thresholds = np.array([threshold for threshold, _ in quote.above], dtype=np.float64)
    return np.minimum(np.searchsorted(thresholds, input_tokens, side="left"), len(thresholds))


def _attempts_usd(rates: TokenRates, tokens: Mapping[str, Floats]) -> Floats:
    """Return :meth:`TokenRates.usd` of many attempts at once. It is linear, so each token class has one weight."""
    zero = dict.fromkeys(TOKENS, 0)
    total = np.zeros(len(tokens["input_tokens"]))
    for name in TOKENS:
        total += tokens[name] * float(rates.usd(**{**zero, name: 1_000_000}) / 1_000_000)
    return total


def _gpu_cells(
    runs: Runs,
    model_id: str,
    quotes: Mapping[tuple[str, str], GpuPrice],
    places: Mapping[tuple[str, ...], Ints],
    usd: Floats,
    warnings: list[str],
) -> list[dict[str, Any]]:
    """Return a row for each cell of a self-hosted model at its run's price, and fill in ``usd`` of its attempts in place."""
    frame = runs.frame
    cells: list[dict[str, Any]] = []
    needed = frame[["sent_s", "done_s", "final", "phase", "outcome"]]
    kwh = {
        str(manifest.run_id): energy_kwh(folder)
        for folder, manifest in zip(runs.folders, runs.manifests, strict=True)
    }
    for run_id, cell in runs.cells:
        here = places.get((run_id, cell.cell_id))
        quote = quotes.get((run_id, model_id))
        if cell.model_id != model_id or here is None or quote is None:
            continue
        part = needed.iloc[here]
        busy_s = busy_seconds(as_floats(part["sent_s"]), as_floats(part["done_s"]))
        reserved_s = cell.wall_s
        done_s = as_floats(part["done_s"])
        if reserved_s is None and np.isnan(done_s).all():
            # usd stays unknown.
            warnings.append(
                f"{cell.cell_id}: its answers have no times (a batch), so the time of its GPUs and its cost are unknown"
            )
            continue
        if reserved_s is None:
            reserved_s = float(np.nanmax(done_s))
            warnings.append(
                f"{cell.cell_id}: the run did not finish this cell; its reserved time is up to its last reply"
            )
        reserved_usd = quote.usd_per_s * Decimal(str(reserved_s))
        usd[here] = 0.0
        payers = _payers(part)
        if payers.any():
            usd[here[payers]] = float(reserved_usd) / int(payers.sum())
        cells.append(
            {
                "model_id": model_id,
                "category": cell.category,
                "cell_id": cell.cell_id,
                "reserved_s": float(reserved_s),
                "busy_s": busy_s,
                "usd": reserved_usd,
                "usd_busy": quote.usd_per_s * Decimal(str(busy_s)),
                "usd_low": _price_at_end(quote, quote.low, reserved_usd),
                "usd_high": _price_at_end(quote, quote.high, reserved_usd),
                "gpu_hours": float(quote.gpus) * float(reserved_s) / 3600,
                "energy_kwh": kwh.get(run_id, {}).get(cell.cell_id),
            }
        )
    return cells


def _price_warnings(model_id: str, quotes: Mapping[tuple[str, str], GpuPrice]) -> list[str]:
    """Return a sentence if a model's runs have several prices; the tables name only one."""
    of_model = {run_id: quote for (run_id, name), quote in quotes.items() if name == model_id}
    told = {(quote.gpus, quote.usd_per_gpu_hour): run_id for run_id, quote in of_model.items()}
    if len(told) < 2:
        return []
    listed = ", ".join(f"{gpus:f} x ${usd:f} in {run_id}" for (gpus, usd), run_id in told.items())
    return [f"{model_id}: each run is priced at its own GPU-hours: {listed}"]


def _payers(part: pd.DataFrame) -> Bools:
    """Return which attempts of a cell carry its cost: its answers or, if it has none, all its final attempts."""
    finals = (part["final"] & (part["phase"] == "measure")).to_numpy(dtype=bool)
    answers = finals & (part["outcome"] != "infra").to_numpy(dtype=bool)
    return answers if answers.any() else finals


def _rows_by_cell(frame: pd.DataFrame) -> dict[tuple[str, ...], Ints]:
    keys = frame[["run_id", "cell_id"]]
    return {
        tuple(map(str, keys.iloc[int(rows[0])])): rows for rows in group_rows(keys, ["run_id", "cell_id"])
    }


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


def price_attempts(frame: pd.DataFrame, quote: UnitPrices) -> Floats:
    """Return what each attempt would cost at a price, in USD. NaN if its tokens are unknown."""
    tokens = _tokens(frame)
    band = _bands(quote, tokens["input_tokens"])
    usd = np.empty(len(frame))
    for number in np.unique(band):
        mask = band == number
        usd[mask] = _attempts_usd(
            _rates(quote, int(number)), {name: values[mask] for name, values in tokens.items()}
        )
    usd[~_has_known_cost(frame)] = np.nan
    return usd


def _uncounted_warnings(frame: pd.DataFrame, priced: Ints, usd: Floats) -> list[str]:
    """Return a sentence for each model with attempts whose token counts are missing or impossible."""
    missing = (priced >= 0) & np.isnan(usd)
    if not missing.any():
        return []
    impossible = missing & ~has_possible_counts(frame)
    warnings: list[str] = []
    for mask, problem in (
        (impossible, "impossible token counts (below 0, or more cached tokens than input)"),
        (missing & ~impossible, "no token counts"),
    ):
        counts = frame.loc[mask, "model_id"].astype(str).value_counts()
        warnings += [
            f"{model}: {count} {'attempts have' if mask is impossible else 'answered attempts have'} {problem}; "
            "its total is unknown and its means leave them out"
            for model, count in counts.items()
            if count
        ]
    return warnings
