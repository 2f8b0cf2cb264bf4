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
``usd``               measured attempts, retries included; for ``gpu`` the reserved time
``usd_retries``       the part of ``usd`` for attempts that failed and were made again; null for ``gpu``, whose time
                      includes them
``usd_warmup``        warm-up attempts, not in ``usd``; null for ``gpu``, whose time includes them
``usd_judge``         attempts of a judge model, not in ``usd``: the cost of scoring
``usd_spent``         total: ``usd``, warm-up and judge
``usd_per_task``      ``usd`` over ``tasks``
``usd_per_correct``   ``usd`` over ``correct``
``usd_per_mtok``      ``usd`` per million input and output tokens; null if an answer lacks token counts
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

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench import formatting
from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.cost.attempt_costs import Bill, bill, price_rows
from gapbench.analysis.cost.deployment_options import deployment_options
from gapbench.analysis.cost.first_call_costs import first_calls_note
from gapbench.analysis.cost.gpu_token_cost import token_costs
from gapbench.analysis.cost.token_prices import has_possible_counts
from gapbench.analysis.cost.user_costs import user_usd_by_item
from gapbench.analysis.cost.weighted_costs import weighted_units
from gapbench.analysis.frames import Runs, as_floats, group_codes, load_runs
from gapbench.analysis.notebook_html import table_html
from gapbench.analysis.weighting import DESIGN_COLUMNS, AppliedWeights
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced, price_book_version
from gapbench.stats import ratio_interval
from gapbench.store.json_records import records

ALL = formatting.ALL
_SHOWN = (
    "model_id", "category", "kind", "tasks", "correct", "usd", "usd_per_task", "usd_per_correct", "usd_per_mtok", "price",
)  # fmt: skip
"""Columns that a notebook shows."""
_THREADS = 2
Bools = np.ndarray[Any, np.dtype[np.bool_]]
_TOKENS = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"]
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
    "usd_retries",
    "usd_warmup",
    "usd_judge",
    "usd_user",
    "usd_spent",
    "usd_user_per_task",
    "usd_per_task",
    "usd_per_task_low",
    "usd_per_task_high",
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


def cost(runs: Runs | Sequence[Path], billed: Bill | None = None) -> CostTable:
    """Return the cost of runs.

    Args:
        runs: Run folders, or runs already loaded.
        billed: Result of :func:`bill`, if it was already computed.

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
    _ = account.lines, account.gpu, read_runs.applied_weights  # The threads share them.

    def of_model(model_id: str) -> list[dict[str, Any]]:
        part = _priced_rows(read_runs, account, model_id)
        parts = [part, *(part[part["category"] == category] for category in categories)]
        return [
            _row(read_runs, account, model_id, category, rows_of, users)
            for category, rows_of in zip((ALL, *categories), parts, strict=True)
        ]

    models = _paid_models(read_runs)
    with ThreadPoolExecutor(_THREADS) as pool:
        for model_id, (row, *found) in zip(models, pool.map(of_model, models), strict=True):
            exact[model_id] = row["usd"]
            if row["usd_judge"]:
                judging.append(
                    f"judging by {model_id} cost {formatting.format_usd(row['usd_judge'])} more; it is in no row of tasks"
                )
            rows += [*found, row] if len(categories) > 1 else [{**row, "category": categories[0]}]
    table = pd.DataFrame([_as_floats(row) for row in rows], columns=list(COLUMNS))
    table[_TOKENS] = table[_TOKENS].astype("Int64")
    legs = deployment_options(read_runs, table, account)
    warnings = [*account.warnings, *judging, *first_calls_note(read_runs.manifests)]
    return CostTable(
        table,
        read_runs.simulated,
        warnings,
        exact,
        legs,
        token_costs(read_runs, account.quotes),
        read_runs.applied_weights,
    )


def _priced_rows(runs: Runs, account: Bill, model_id: str) -> pd.DataFrame:
    """Return the measured attempts of a model with their dollars and those of each answer."""
    frame = runs.model_frame(model_id)
    usd = price_rows(account, frame)
    designed = (
        ["run_id", "cell_id", "task", "sample_id", *DESIGN_COLUMNS]
        if DESIGN_COLUMNS[0] in frame.columns
        else []
    )
    needed = ["model_id", "category", "final", "timed", "outcome", *_TOKENS, *designed]
    priced = frame[needed].assign(
        billed_usd=usd,
        answer_usd=usd_per_answer(frame, usd),
        is_countable=has_possible_counts(frame),
        cluster=group_codes(frame, ["task", "cluster_id"]),
    )
    return priced[(frame["phase"] == "measure").to_numpy()]


def _paid_models(runs: Runs) -> list[str]:
    """Return the suite's models, followed by judges and models that play users that are not among them."""
    return list(dict.fromkeys([*runs.models, *map(str, runs.tally["model_id"].unique())]))


def _row(
    runs: Runs,
    account: Bill,
    model_id: str,
    category: str,
    part: pd.DataFrame,
    users: pd.DataFrame,
) -> dict[str, Any]:
    model = runs.model(model_id) if model_id in runs.models else None
    quote = account.quotes.get(model_id)
    final = part["final"].to_numpy(dtype=bool)
    answered = (part["outcome"] != "infra").to_numpy(dtype=bool)
    tasks = int((final & answered).sum())
    correct = int((final & (part["outcome"] == "correct").to_numpy(dtype=bool)).sum())
    replied = part["timed"].to_numpy(dtype=bool) & answered
    input_tokens, output_tokens = _token_sum(part, "input_tokens"), _token_sum(part, "output_tokens")
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(
        model_id=model_id,
        weights=model.weights if model else None,
        simulated=model is not None and model.simulated,
        category=category,
        requests=int(final.sum()),
        tasks=tasks,
        correct=correct,
        replies=int(replied.sum()),
        attempts=len(part),
        input_tokens=input_tokens,
        cached_input_tokens=_token_sum(part, "cached_input_tokens"),
        output_tokens=output_tokens,
        reasoning_tokens=_token_sum(part, "reasoning_tokens"),
        price_source=_price_source(quote),
        price=_describe_quote(quote),
    )
    if isinstance(quote, UnitPrices):
        row.update(kind="api", **_api_row(account.lines, model_id, category))
    if not len(part):
        row["usd"] = None
        return row
    of_users = users[
        ((users["model_id"] == model_id) & ((category == ALL) | (users["category"] == category))).to_numpy()
    ]
    paid = of_users["usd"].to_numpy(np.float64)
    row["usd_user_per_task"] = (
        _per_unit(float(paid.sum()), tasks) if len(paid) and not np.isnan(paid).any() else None
    )
    if isinstance(quote, UnitPrices):
        # The mean over the tasks with known cost is valid even if the total is unknown.
        known = part["answer_usd"].dropna()
        row["usd_per_task"] = (
            _per_unit(known.sum(), len(known)) if row["usd"] is None else _per_unit(row["usd"], tasks)
        )
    elif isinstance(quote, GpuPrice):
        row.update(kind="gpu", **_gpu_row(account.gpu, model_id, category, tasks))
        row["usd_per_task"] = _per_unit(row["usd"], tasks)
    usd = row["usd"]
    row["usd_per_correct"] = _per_unit(usd, correct)
    if usd is not None:
        row.update(_intervals(part, row["kind"]))
    if _are_tokens_known(part, replied) and input_tokens is not None and output_tokens is not None:
        tokens = input_tokens + output_tokens
        row["tokens_per_task"] = _per_unit(tokens, tasks)
        row["usd_per_mtok"] = _per_unit(None if usd is None else usd * 1_000_000, tokens)
    else:
        row.update(usd_per_mtok_low=None, usd_per_mtok_high=None)
    return row | weighted_units(part, row, account.gpu, of_users)


def _are_tokens_known(part: pd.DataFrame, replied: Bools) -> bool:
    """Return whether every answer has possible token counts; otherwise dollars per token would be too high."""
    unknown = ~part["is_countable"].to_numpy(dtype=bool)
    for name in ("input_tokens", "output_tokens"):
        unknown |= part[name].isna().to_numpy()
    return bool(replied.any()) and not bool((replied & unknown).any())


def _intervals(part: pd.DataFrame, kind: str | None) -> dict[str, float | None]:
    """Return the 95 % intervals of dollars per task, per correct task and per million tokens."""
    final = part["final"].to_numpy(dtype=bool)
    answered = final & (part["outcome"] != "infra").to_numpy()
    tokens = np.nan_to_num(as_floats(part["input_tokens"])) + np.nan_to_num(as_floats(part["output_tokens"]))
    below = {
        "usd_per_task": answered,
        "usd_per_correct": final & (part["outcome"] == "correct").to_numpy(),
        "usd_per_mtok": tokens / 1e6,
    }
    usd, clusters = part["billed_usd"].to_numpy(), part["cluster"].to_numpy()
    found: dict[str, float | None] = {}
    for name, count in below.items():
        if kind == "gpu" and name == "usd_per_task":
            continue
        interval = ratio_interval(usd, count.astype(np.float64), clusters)
        found[f"{name}_low"], found[f"{name}_high"] = interval
    return found


def _api_row(lines: pd.DataFrame, model_id: str, category: str) -> dict[str, Any]:
    rows = lines[(lines["model_id"] == model_id) & ((category == ALL) | (lines["category"] == category))]
    measured = rows[rows["phase"] == "measure"]
    return {
        "usd": _total(measured["usd"]),
        "usd_retries": _total(measured.loc[measured["retried"].astype(bool), "usd"]),
        "usd_warmup": _total(rows.loc[rows["phase"] == "warmup", "usd"]),
        "usd_judge": _total(rows.loc[rows["phase"] == "judge", "usd"]),
        "usd_user": _total(rows.loc[rows["phase"] == "user", "usd"]),
        "usd_spent": _total(rows["usd"]),
    }


def _gpu_row(cells: pd.DataFrame, model_id: str, category: str, tasks: int) -> dict[str, Any]:
    if cells.empty:
        return {}
    rows = cells[(cells["model_id"] == model_id) & ((category == ALL) | (cells["category"] == category))]
    return {
        "usd": _total(rows["usd"]),
        "usd_spent": _total(rows["usd"]),
        "usd_busy_per_task": _per_unit(_total(rows["usd_busy"]), tasks),
        "usd_at_low_price": _total(rows["usd_low"]),
        "usd_at_high_price": _total(rows["usd_high"]),
        "gpu_hours": float(rows["gpu_hours"].sum()),
        "energy_kwh": None if rows["energy_kwh"].isna().any() else float(rows["energy_kwh"].sum()),
    }


def _total(values: pd.Series[Any]) -> Decimal | None:
    """Return a sum of Decimals, or None if any part is unknown."""
    known = list(values)
    return None if any(value is None for value in known) else sum(known, Decimal(0))


def _per_unit(total: Decimal | float | None, count: float) -> float | None:
    return None if total is None or count <= 0 else float(total) / count


def _token_sum(part: pd.DataFrame, column: str) -> int | None:
    """Return the sum of a token column, or None if no attempt reported it."""
    values = as_floats(part[column])
    if np.isnan(values).all():
        return None
    # Whole numbers up to 2**53 are summed exactly.
    return int(values.sum(where=values >= 0))


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
