"""The cost table by model and category, and the three ways to the same tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from gapbench import formatting
from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.weighting import AppliedWeights
from gapbench.pricing import price_book_version
from gapbench.report.table import Column, Row, Sections, Span, Table, Tone
from gapbench.report.tables.summary import weights_tone
from gapbench.store.json_records import records

LEG_NAMES: Mapping[str, str] = {
    "closed": "closed API",
    "hosted": "hosted open model",
    "self": "self-hosted open model",
}


def _usd(key: str, heading: str, rank: int = 0) -> Column:
    return Column(key, heading, partial(_format_usd, key=key), rank)


def _format_usd(row: Row, key: str) -> str:
    return formatting.format_usd(row[key])


def _usd_per_1000(key: str) -> Column:
    return Column(key, formatting.METRICS[key], partial(_format_usd_per_1000, key=key))


def _format_usd_per_1000(row: Row, key: str) -> str:
    return formatting.format_usd_per_1000(row[key])


def _price(row: Row) -> str:
    if not formatting.is_known(row["price"]):
        return "price unknown"
    return f"{row['price']} ({formatting.strip_controls(row['price_source'])})"


COLUMNS = (
    Column("category", "category", lambda row: formatting.category_name(row["category"]), is_text=True, min_width=18),
    Column("tasks", "tasks", lambda row: formatting.format_count(row["tasks"]), 3),
    Column("correct", "fully correct", lambda row: formatting.format_count(row["correct"]), 4),
    _usd("usd", "total", 1),
    _usd("usd_retries", "of it retries", 6),
    _usd_per_1000("usd_per_task"),
    _usd_per_1000("usd_per_correct"),
    _usd("usd_per_mtok", "$/M tokens", 2),
    Column("gpu_hours", "GPU-hours", lambda row: formatting.format_number(row["gpu_hours"]), 5),
    Column("price", "price", _price, is_text=True, is_detail=True),
)  # fmt: skip
_MODEL = Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True)


def cost_table(cost: CostTable) -> Table:
    """Return cost per task and per correct task, with where each price comes from."""
    rows = records(cost.frame)
    columns = list(COLUMNS)
    if any(formatting.is_known(row["usd_user_per_task"]) for row in rows):
        users = Column(
            "usd_user_per_task",
            "user simulator $/1k",
            partial(_format_usd_per_1000, key="usd_user_per_task"),
            2,
        )
        columns.insert(7, users)
    totals = cost.weights.counts_items("Tasks, total dollars and GPU-hours are those of the run: they count")
    return Table(
        "cost",
        "Cost, retries included",
        tuple(columns),
        rows,
        Sections(lambda row: row["model_id"], _heading, (_MODEL,)),
        simulated=cost.simulated,
        notes=(
            *((line, "dim") for line in [cost.weights.describe(), *(f"{line}." for line in totals)]),
            *((line, "warning") for line in _unpriced_lines(rows, cost.weights)),
        ),
        warnings=tuple(cost.warnings),
        lead=f"Retries included; for self-hosted models the whole reserved time. {price_book_version().capitalize()}.",
        fits_phone=False,
    )


def _unpriced_lines(rows: Sequence[Row], weights: AppliedWeights) -> list[str]:
    """Return a line for each model with some tasks of known cost and others of unknown."""
    counted = "tasks, by weight," if weights.has_design else "tasks"
    whole = {str(row["model_id"]): row for row in rows}  # The last row of a model is over all of its tasks.
    return [
        f"{model}: {words}; dollars per task are of the others."
        for model, row in whole.items()
        if row["usd_per_task"] is not None
        and (words := formatting.describe_unpriced(row["unpriced_share"], counted))
    ]


def _heading(row: Row) -> tuple[Span, ...]:
    return ((str(row["model_id"]), weights_tone(row) or "headline"),)


def _leg_name(row: Row) -> str:
    return LEG_NAMES[row["leg"]] + (f", {row['model_id']}" if row["model_id"] else "")


def _leg_tone(row: Row) -> Tone:
    return "closed" if row["leg"] == "closed" else "open"


def _leg_range(row: Row) -> str:
    low, high = row["usd_per_task_low"], row["usd_per_task_high"]
    if not formatting.is_known(low) or not formatting.is_known(high):
        return formatting.NOTHING
    return f"{formatting.format_usd_per_1000(low)} to {formatting.format_usd_per_1000(high)}"


def _leg_payment(row: Row) -> str:
    """Return who is paid for what, or why the leg is missing."""
    return str(row["reason"] if row["usd_per_task"] is None else row["label"])


LEG_COLUMNS = (
    Column("leg", "", _leg_name, is_text=True, min_width=14, tone=_leg_tone, is_strong=lambda _: True),
    _usd_per_1000("usd_per_task"),
    Column("range", "95 %", _leg_range),
    _usd_per_1000("usd_per_correct"),
    _usd("usd_per_mtok", "$/M tokens"),
    Column("label", "who is paid for what", _leg_payment, is_text=True, is_detail=True),
)


def legs_table(cost: CostTable) -> Table:
    """Return the closed API, the hosted and the self-hosted open model, and for each who is paid for what."""
    return Table(
        "ways",
        "Three ways to the same tasks",
        LEG_COLUMNS,
        records(cost.legs),
        simulated=cost.simulated,
        lead="The closed API, the open model bought from a host, and the open model on your own GPUs. "
        "A host that was not called is priced over the tokens of the model that was.",
        outputs=frozenset(("page",)),
    )
