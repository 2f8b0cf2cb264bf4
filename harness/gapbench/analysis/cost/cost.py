"""The cost table: what a task and a correct task cost, in API dollars or GPU-hours.

Columns of :attr:`CostTable.frame`, one row for each model and category (``all`` stands for all categories). Where items have
weights, what is per task, per correct task or per token is that of the traffic; counts and totals are those of the run:

===================== ===================================================================================
``model_id`` ``weights`` ``simulated`` ``category``
``kind``              ``api`` (priced by tokens), ``gpu`` (priced by hours), null if no price is known
``requests``          measured requests, answered or not
``tasks``             measured requests that got an answer
``correct``           how many of these have outcome ``correct``
``replies``           measured replies: ``tasks``, each of an episode's replies counted
``attempts``          measured attempts, retries and all turns of episodes included
``usd``               what was spent on measured attempts, retries included; for ``gpu`` the reserved time
``usd_from_cache``    what the answers of our own response cache would have cost, not in ``usd``: the price of their
                      tokens; for ``gpu`` the time of as many other answers of the same cell, null if it has none
``usd_retries``       the part of ``usd`` for attempts that failed and were made again; null for ``gpu``, whose time
                      includes them
``usd_warmup``        warm-up attempts, not in ``usd``; null for ``gpu``, whose time includes them
``usd_judge``         attempts of a judge model, not in ``usd``: the cost of scoring
``usd_spent``         total: ``usd``, warm-up and judge
``usd_per_task``      what a task costs without our own cache: ``usd`` and ``usd_from_cache`` over ``tasks``; where a part is
                      not known, over the tasks whose dollars are
``unpriced_share``    share of the tasks, by weight, whose dollars are not known; ``usd_per_task`` is of the others
``usd_per_correct``   the same over ``correct``, without the dollars of answers that have no score
``usd_per_mtok``      the same per million input and output tokens; null if an answer lacks token counts
``usd_busy_per_task`` ``gpu`` only: counts only the time with a request in flight
``usd_per_task_low`` ``usd_per_task_high``  95 % interval over the tasks, clustered; null for ``gpu``, whose total
                      time is fixed. Likewise ``usd_per_correct_low/high`` and ``usd_per_mtok_low/high``
``usd_at_low_price`` ``usd_at_high_price``  ``gpu`` only: ``usd`` at both ends of the hourly price's range
``gpu_hours``         reserved GPU-hours
``energy_kwh``        energy of the GPUs; null unless power was sampled in every cell
``input_tokens`` ``cached_input_tokens`` ``output_tokens`` ``reasoning_tokens``  sums over measured attempts
``tokens_per_task``   input and output tokens of all measured attempts over ``tasks``; null if an answer lacks counts
``price_source``      ``suite``, ``book``, ``genai-prices VERSION``, or the source of the GPU-hour
``price``             the unit prices in words
===================== ===================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench import formatting
from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.cost.deployment_options import deployment_options
from gapbench.analysis.cost.first_call_costs import first_calls_note
from gapbench.analysis.cost.gpu_token_cost import token_costs
from gapbench.analysis.cost.paid_attempts import TOKEN_SUMS, PaidAttempts, PaidModel, PaidModels
from gapbench.analysis.cost.price_lines import PriceLine
from gapbench.analysis.cost.user_costs import user_usd_by_item
from gapbench.analysis.cost.weighted_costs import answer_units, unpriced_tasks, weighted_units
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.notebook_html import table_html
from gapbench.analysis.weighting import AppliedWeights
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced, price_book_version
from gapbench.stats import ratio_interval
from gapbench.store.json_records import records

ALL = formatting.ALL
_SHOWN = (
    "model_id", "category", "kind", "tasks", "correct", "usd", "usd_per_task", "usd_per_correct", "usd_per_mtok", "price",
)  # fmt: skip
"""Columns that a notebook shows."""
_THREADS = 2
COLUMNS = (
    "model_id",
    "weights",
    "simulated",
    "category",
    "kind",
    "requests",
    "tasks",
    "correct",
    "replies",
    "attempts",
    "usd",
    "usd_from_cache",
    "usd_retries",
    "usd_warmup",
    "usd_judge",
    "usd_user",
    "usd_spent",
    "usd_user_per_task",
    "usd_per_task",
    "usd_per_task_low",
    "usd_per_task_high",
    "unpriced_share",
    "usd_per_correct",
    "usd_per_correct_low",
    "usd_per_correct_high",
    "usd_per_mtok",
    "usd_per_mtok_low",
    "usd_per_mtok_high",
    "usd_busy_per_task",
    "usd_at_low_price",
    "usd_at_high_price",
    "gpu_hours",
    "energy_kwh",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "tokens_per_task",
    "price_source",
    "price",
)


@dataclass(frozen=True, repr=False)
class CostTable:
    """Cost by model and category.

    Attributes:
        frame: See the module's docstring.
        simulated: Whether any row is simulated.
        warnings: One sentence for each caveat that readers need to know.
        legs: The three deployment options; see :mod:`gapbench.analysis.cost.deployment_options`.
        token_costs: Cost of an input and an output token by self-hosted model, fitted over the measured request sizes.
            Models with too few sizes are left out.
        weights: What dollars per task, per right answer and per token count. Totals are those of the run in any case.
        exact_usd: ``usd`` of each model over all categories as Decimal. None if unknown.
    """

    frame: pd.DataFrame
    simulated: bool
    warnings: list[str] = field(default_factory=list)
    exact_usd: dict[str, Decimal | None] = field(default_factory=dict)
    legs: pd.DataFrame = field(default_factory=pd.DataFrame)
    token_costs: dict[str, dict[str, float]] = field(default_factory=dict)
    weights: AppliedWeights = field(default_factory=AppliedWeights)

    def __repr__(self) -> str:
        models = self.frame["model_id"].nunique()
        return f"<gapbench.CostTable: {len(self.frame)} rows of {formatting.count_of(models, 'model')}>"

    def _repr_html_(self) -> str:
        return table_html("Cost in US dollars", self.frame, _SHOWN, self.warnings, simulated=self.simulated)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench cost --json``; USD as numbers, unknown as null."""
        return {
            "schema": 1,
            "rows": records(self.frame),
            "legs": records(self.legs),
            "token_costs": self.token_costs,
            "weights": self.weights.name,
            "warnings": self.warnings,
            "price_book": price_book_version(),
            "simulated": self.simulated,
        }


def cost(
    runs: Runs | Sequence[Path], billed: Bill | None = None, paid: PaidModels | None = None
) -> CostTable:
    """Return the cost of runs.

    Args:
        runs: Run folders, or runs already loaded.
        billed: Result of :func:`bill`, if it was already computed.
        paid: The attempts of each model by this bill, if some were already read.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    account = bill(read_runs) if billed is None else billed
    rows: list[dict[str, Any]] = []
    exact: dict[str, Decimal | None] = {}
    judging: list[str] = []
    users = user_usd_by_item(read_runs, account)
    categories = read_runs.categories
    models = PaidModels(read_runs, account) if paid is None else paid
    _ = read_runs.applied_weights  # The threads share it.

    def of_model(model_id: str) -> list[dict[str, Any]]:
        return [_row(models[model_id], category, users) for category in (None, *categories)]

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda model_id: models[model_id].read(), models))
        _ = account.gpu
        for model_id, (row, *found) in zip(models, pool.map(of_model, models), strict=True):
            exact[model_id] = row["usd"]
            if row["usd_judge"]:
                judging.append(
                    f"judging by {model_id} cost {formatting.format_usd(row['usd_judge'])} more; it is in no row of tasks"
                )
            # A suite that only searches for a rate has no cells, and so no category, before its first probe.
            rows += [{**row, "category": categories[0]}] if len(categories) == 1 else [*found, row]
    table = pd.DataFrame([_as_floats(row) for row in rows], columns=list(COLUMNS))
    table[[*TOKEN_SUMS]] = table[[*TOKEN_SUMS]].astype("Int64")
    legs = deployment_options(read_runs, table, account)
    warnings = [*account.warnings, *judging, *first_calls_note(read_runs.manifests)]
    return CostTable(
        table,
        read_runs.simulated,
        warnings,
        exact,
        legs,
        token_costs(read_runs, account.quotes, lambda model_id: models[model_id].shapes),
        read_runs.applied_weights,
    )


def _row(paid: PaidModel, category: str | None, users: pd.DataFrame) -> dict[str, Any]:
    """Return the row of a model in a category. None: in all of them."""
    runs, account, model_id = paid.runs, paid.account, paid.model_id
    model = runs.model(model_id) if model_id in runs.models else None
    quote = account.quotes.get(model_id)
    part = paid.in_category(category)
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(
        model_id=model_id,
        weights=model.weights if model else None,
        simulated=model is not None and model.simulated,
        category=ALL if category is None else category,
        requests=part.requests,
        tasks=part.tasks,
        correct=part.correct,
        replies=part.replies,
        attempts=part.attempts,
        **part.tokens,
        price_source=_price_source(quote),
        price=_describe_quote(quote),
    )
    if isinstance(quote, UnitPrices):
        row.update(kind="api", **_api_row(paid.lines, category))
    if not part.attempts:
        row.update(usd=None, usd_from_cache=None)
        return row
    of_users = users[
        ((users["model_id"] == model_id) & ((category is None) | (users["category"] == category))).to_numpy()
    ]
    users_usd = of_users["usd"].to_numpy(np.float64)
    row["usd_user_per_task"] = (
        _per_unit(float(users_usd.sum()), part.tasks)
        if len(users_usd) and not np.isnan(users_usd).any()
        else None
    )
    if isinstance(quote, GpuPrice):
        row.update(kind="gpu", **_gpu_row(account.gpu, model_id, category, part.tasks))
    usd = None if row["usd"] is None or row["usd_from_cache"] is None else row["usd"] + row["usd_from_cache"]
    if usd is not None:
        row.update(usd_per_task=_per_unit(usd, part.tasks), usd_per_correct=_per_unit(usd, part.correct))
        row.update(_intervals(part, row["kind"]))
    if part.tasks:
        row["unpriced_share"] = 1.0 if row["kind"] is None else 0.0
        if row["kind"] is not None and usd is None:
            row["unpriced_share"] = unpriced_tasks(paid.rows_in(category))
    if row["kind"] is not None and (usd is None or (part.correct and paid.unscored_in(category))):
        units = answer_units(paid.rows_in(category))
        # The means over the answers with known cost are valid even if the total is unknown.
        names = ["usd_per_correct", *(["usd_per_task"] if usd is None else _bounds("usd_per_correct"))]
        row.update({name: units[name] for name in names})
    tokens = _known_tokens(part)
    if tokens is not None:
        row["tokens_per_task"] = _per_unit(tokens, part.tasks)
        row["usd_per_mtok"] = _per_unit(None if usd is None else usd * 1_000_000, tokens)
    else:
        row.update(usd_per_mtok_low=None, usd_per_mtok_high=None)
    if not runs.applied_weights.has_design:
        return row
    return row | weighted_units(paid.rows_in(category), row, account.gpu, of_users)


def _bounds(name: str) -> list[str]:
    return [f"{name}_low", f"{name}_high"]


def _known_tokens(part: PaidAttempts) -> int | None:
    """Return input and output tokens. None: an answer has none, or impossible counts; dollars per token would be too high."""
    read, written = part.tokens["input_tokens"], part.tokens["output_tokens"]
    if not part.replies or part.uncounted or read is None or written is None:
        return None
    return read + written


def _intervals(part: PaidAttempts, kind: str | None) -> dict[str, float | None]:
    """Return the 95 % intervals of dollars per task, per correct task and per million tokens."""
    usd, tasks, correct, tokens = part.of_clusters
    clusters = np.arange(len(usd))
    found: dict[str, float | None] = {}
    for name, count in (
        ("usd_per_task", tasks),
        ("usd_per_correct", correct),
        ("usd_per_mtok", tokens / 1e6),
    ):
        if kind == "gpu" and name == "usd_per_task":
            continue
        low, high = _bounds(name)
        found[low], found[high] = ratio_interval(usd, count, clusters)
    return found


def _api_row(lines: Sequence[PriceLine], category: str | None) -> dict[str, Any]:
    here = [line for line in lines if category in (None, line.category)]
    rows = [line for line in here if not line.from_cache]
    in_phase = {
        phase: [line for line in rows if line.phase == phase]
        for phase in ("measure", "warmup", "judge", "user")
    }
    return {
        "usd": _total(line.usd for line in in_phase["measure"]),
        "usd_from_cache": _total(line.usd for line in here if line.from_cache and line.phase == "measure"),
        "usd_retries": _total(line.usd for line in in_phase["measure"] if line.retried),
        "usd_warmup": _total(line.usd for line in in_phase["warmup"]),
        "usd_judge": _total(line.usd for line in in_phase["judge"]),
        "usd_user": _total(line.usd for line in in_phase["user"]),
        "usd_spent": _total(line.usd for line in rows),
    }


def _gpu_row(cells: pd.DataFrame, model_id: str, category: str | None, tasks: int) -> dict[str, Any]:
    if cells.empty:
        return {}
    rows = cells[(cells["model_id"] == model_id) & ((category is None) | (cells["category"] == category))]
    usd, busy = (_total(_with_cached(rows, name)) for name in ("usd", "usd_busy"))
    return {
        "usd": _total(rows["usd"]),
        "usd_from_cache": None if usd is None else usd - sum(rows["usd"], Decimal(0)),
        "usd_spent": _total(rows["usd"]),
        "usd_busy_per_task": _per_unit(busy, tasks),
        "usd_at_low_price": _total(rows["usd_low"]),
        "usd_at_high_price": _total(rows["usd_high"]),
        "gpu_hours": float(rows["gpu_hours"].sum()),
        "energy_kwh": None if rows["energy_kwh"].isna().any() else float(rows["energy_kwh"].sum()),
    }


def _with_cached(cells: pd.DataFrame, name: str) -> Iterator[Decimal | None]:
    """Yield the dollars of each cell as if its model had given the answers of the response cache; None: not known."""
    for usd, per_live in zip(cells[name], cells["answers_per_live"], strict=True):
        yield None if per_live is None else usd * per_live


def _total(values: Iterable[Any]) -> Decimal | None:
    """Return a sum of Decimals, or None if any part is unknown."""
    known = list(values)
    return None if any(value is None for value in known) else sum(known, Decimal(0))


def _per_unit(total: Decimal | float | None, count: float) -> float | None:
    return None if total is None or count <= 0 else float(total) / count


def _price_source(quote: Quote | None) -> str | None:
    return None if quote is None or isinstance(quote, Unpriced) else quote.source


def _describe_quote(quote: Quote | None) -> str | None:
    if isinstance(quote, GpuPrice):
        gpu = quote.gpu or "GPU"
        return f"{quote.gpus:f} x {gpu} at ${quote.usd_per_gpu_hour:f} an hour"
    if isinstance(quote, UnitPrices):
        cached = quote.rates.cached_input
        middle = "" if cached is None else f", ${cached:f} cached"
        return f"${quote.rates.input:f} in{middle}, ${quote.rates.output:f} out per million tokens"
    return None


def _as_floats(row: dict[str, Any]) -> dict[str, Any]:
    return {key: float(value) if isinstance(value, Decimal) else value for key, value in row.items()}
