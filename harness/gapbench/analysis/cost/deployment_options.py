"""Three ways to run the same tasks: closed API, open model from a provider, open model self-hosted.

Columns of :func:`deployment_options`, at least one row for each option; unknown values are null, explained in ``reason``:

======================= =================================================================================
``leg``                 ``closed``, ``hosted`` or ``self``
``model_id``            the model that was measured; null if no such model was run
``label``               who is paid, and for what
``usd_per_task`` ``usd_per_task_low`` ``usd_per_task_high``  retries included; see :mod:`gapbench.analysis.cost.cost`
``usd_per_correct``     the same over correct tasks, without answers that have no score; a provider is assumed to answer as the measured model did
``usd_per_mtok``        USD per million input and output tokens
``measured``            whether this option itself was run; otherwise its price is applied to tokens measured elsewhere
``price_source`` ``reason``
======================= =================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.cost.token_prices import TOKENS, price_attempts
from gapbench.analysis.frames import Runs, as_floats, group_codes
from gapbench.analysis.model_frames import REQUEST_IN_CELL
from gapbench.analysis.sample_design import design_of_attempts
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.pricing import GpuPrice, Quote, UnitPrices, hosted_prices, price_book_date, weights_at
from gapbench.stats import Floats, ratio_interval
from gapbench.store.json_records import records
from gapbench.store.manifest import ModelEntry

COLUMNS = (
    "leg",
    "model_id",
    "label",
    "usd_per_task",
    "usd_per_task_low",
    "usd_per_task_high",
    "usd_per_correct",
    "usd_per_mtok",
    "measured",
    "price_source",
    "reason",
)


def deployment_options(runs: Runs, costs: pd.DataFrame, account: Bill) -> pd.DataFrame:
    """Return the three options. See the module's docstring.

    Args:
        runs: The runs.
        costs: The frame of :func:`gapbench.analysis.cost.cost.cost`.
        account: The result of :func:`gapbench.analysis.cost.attempt_costs.bill`.
    """
    # The last row of a model covers all its categories.
    totals = {str(row["model_id"]): row for row in records(costs)}
    rows: list[dict[str, Any]] = []
    for model_id in runs.models:
        model, quote = runs.model(model_id), account.quotes.get(model_id)
        is_hosted = isinstance(quote, UnitPrices)
        if model.weights == "closed":
            rows.append(_measured_row("closed", model_id, totals[model_id], account))
        elif is_hosted:
            rows.append(_measured_row("hosted", model_id, totals[model_id], account))
            rows.append(
                _missing_row(
                    "self",
                    model_id,
                    "a provider served the model; run it on your own GPUs, or use `bench tco`",
                )
            )
        else:
            rows.append(
                _measured_row("self", model_id, totals[model_id], account)
                if isinstance(quote, GpuPrice)
                else _missing_row(
                    "self", model_id, "no price per GPU-hour; give the model a cost in the suite"
                )
            )
            rows.append(_hosted_row(runs, model_id, model))
    for leg, reason in (
        ("closed", "no closed model in these runs"),
        ("hosted", "no open model in these runs"),
        ("self", "no open model in these runs"),
    ):
        if not any(row["leg"] == leg for row in rows):
            rows.append(_missing_row(leg, None, reason))
    order = {"closed": 0, "hosted": 1, "self": 2}
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values("leg", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def _measured_row(leg: str, model_id: str, row: Mapping[str, Any], account: Bill) -> dict[str, Any]:
    quote = account.quotes.get(model_id)
    names = ("usd_per_task", "usd_per_task_low", "usd_per_task_high", "usd_per_correct", "usd_per_mtok")
    known = {name: row[name] for name in (*names, "price_source")}
    provider = quote.provider if isinstance(quote, UnitPrices) else None
    label = f"{row['price']}" + (f" at {provider}" if provider else "")
    unknown = "no known price, or answers without token counts" if row["usd_per_task"] is None else None
    return {
        "leg": leg,
        "model_id": model_id,
        "label": None if row["price"] is None else label,
        "measured": True,
        "reason": unknown,
        **known,
    }


def _missing_row(leg: str, model_id: str | None, reason: str) -> dict[str, Any]:
    return {"leg": leg, "model_id": model_id, "measured": False, "reason": reason}


def _hosted_row(runs: Runs, model_id: str, model: ModelEntry) -> dict[str, Any]:
    """Return the cost at the cheapest known provider of an open model, for the tokens that the self-hosted one used."""
    weights = model_weights(model)
    found = hosted_offer(runs, weights)
    if found is None:
        reason = f"the price book has no provider of {weights}; set cost: {{weights: …}} of the model, or see `bench prices show`"
        return _missing_row("hosted", model_id, reason)
    offer, label = found
    frame = runs.model_frame(model_id)
    measured = (frame["phase"] == "measure").to_numpy()
    designed = ["sample_id", *DESIGN_COLUMNS] if DESIGN_COLUMNS[0] in frame.columns else []
    part = frame[[*TOKENS, "final", "outcome", "task", "cluster_id", *designed]][measured]
    usd = price_attempts(part, offer)
    final = part["final"].to_numpy(dtype=bool)
    answered = final & (part["outcome"] != "infra").to_numpy()
    correct = final & (part["outcome"] == "correct").to_numpy()
    tokens = np.nan_to_num(as_floats(part["input_tokens"])) + np.nan_to_num(as_floats(part["output_tokens"]))
    design = design_of_attempts(part)
    each = np.ones(len(part)) if design is None else design.weights
    total = float(usd.sum()) if design is None else float(each @ usd)
    unscored = final & (part["outcome"] == "unscored").to_numpy()
    judged_usd = total
    if unscored.any() and correct.any():
        attempt_usd = np.zeros(len(frame))
        attempt_usd[measured] = usd
        answer_usd = usd_per_answer(runs.model_frame(model_id, REQUEST_IN_CELL), attempt_usd)[measured]
        judged_usd -= float((each * answer_usd)[unscored].sum())
    low, high = None, None
    if not np.isnan(total):
        low, high = ratio_interval(
            usd, answered.astype(np.float64), group_codes(part, ["task", "cluster_id"]), design=design
        )
    return {
        "leg": "hosted",
        "model_id": model_id,
        "label": label,
        "usd_per_task": _usd_per_unit(total, answered * each),
        "usd_per_task_low": low,
        "usd_per_task_high": high,
        "usd_per_correct": _usd_per_unit(judged_usd, correct * each),
        "usd_per_mtok": _usd_per_unit(total, tokens * each / 1e6),
        "measured": False,
        "price_source": f"{offer.source}: {offer.detail}",
        "reason": "answers without token counts" if np.isnan(total) else None,
    }


def model_weights(model: ModelEntry, quote: Quote | None = None) -> str:
    """Return the name of an open model's weights: from its ``cost``, the price book's row of its price, or its name."""
    named = (model.cost or {}).get("weights")
    if not named and isinstance(quote, UnitPrices) and quote.provider is not None:
        named = weights_at(quote.provider, quote.model)
    return str(named or model.name)


def hosted_offer(runs: Runs, weights: str) -> tuple[UnitPrices, str] | None:
    """Return the cheapest known host of open weights on the day of the runs, and its name; None if none is known."""
    day = _run_day(runs)
    offers, dated = hosted_prices(weights, day), ""
    if not offers:
        offers, dated = hosted_prices(weights, price_book_date()), f", price of {price_book_date()}"
    return (offers[0], f"{offers[0].model} at {offers[0].provider}{dated}") if offers else None


def _run_day(runs: Runs) -> date:
    newest = runs.tally["started_at"].max()
    return price_book_date() if pd.isna(newest) else newest.date()


def _usd_per_unit(usd: float, count: Floats | np.ndarray[Any, Any]) -> float | None:
    total = float(np.sum(count))
    return usd / total if total > 0 and np.isfinite(usd) else None
