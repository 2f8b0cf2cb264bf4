"""Tables of money for the terminal: prices, three legs, what-ifs, total cost, advice and tiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.economics.break_even import in_words
from gapbench.formatting import short_usd
from gapbench.report.terminal_table import Column, Fitted
from gapbench.store.json_records import records

if TYPE_CHECKING:
    from gapbench.analysis.economics.tco import Tco
    from gapbench.pricing.cross_check import Disagreement
    from gapbench.pricing.listing import Listed

LEG_NAMES: Mapping[str, str] = {
    "closed": "closed API",
    "hosted": "hosted open model",
    "self": "self-hosted open model",
}


def price_table(rows: Sequence[Listed]) -> RenderableType:
    """Return prices per million tokens by provider."""
    heads = ("in", "cached", "write 5m", "write 1h", "out", "batch")
    table = table_of("Prices, USD per million tokens", ("provider, model",), heads)
    sources: list[Text] = []
    for row in (listed.to_json() for listed in rows):
        names = ("input", "cached_input", "cache_write_5m", "cache_write_1h", "output")
        factor, name = (
            row["batch_factor"],
            f"{formatting.clean(row['provider'])}, {formatting.clean(row['model'])}",
        )
        table.row(
            name,
            *(formatting.usd(row[name]) for name in names),
            formatting.NOTHING if factor is None else f"x {factor:g}",
        )
        for step in row["above"]:
            prices = (formatting.usd(step["input"]), "", "", "", formatting.usd(step["output"]), "")
            table.row(f"  above {step['input_tokens']:,} tokens", *prices)
        sources.append(Text(f"{name}: {formatting.clean(row['detail'])}", "dim"))
    return Group(table, *sources)


def disagreement_table(rows: Sequence[Disagreement], compared: int) -> RenderableType:
    """Return prices on which sources differ."""
    said = Text(f"{compared} prices compared, {len(rows)} differ by over 1 %.", "bold")
    if not rows:
        return said
    heads = ("book", "genai-prices", "file", "spread")
    table = table_of("Disagreements, USD per million tokens", ("provider, model", "class"), heads)
    for row in rows:
        values = (None if value is None else float(value) for value in (row.book, row.catalogue, row.other))
        spread = float(row.spread)
        table.row(
            f"{formatting.clean(row.provider)}, {formatting.clean(row.model)}",
            row.token_class,
            *(formatting.usd(value) for value in values),
            f"{spread:+.0%}" if spread < 1e6 else "from 0",
        )
    return Group(table, said)


def legs_table(frame: pd.DataFrame, *, simulated: bool) -> RenderableType:
    """Return the three legs side by side, and under them who is paid for what, or why a leg is missing."""
    heads = ("$/task", "95 %", "$/correct", "$/M tokens")
    table = table_of("Three ways to the same tasks", ("",), heads, simulated=simulated)
    said: list[Text] = []
    for row in records(frame):
        name = LEG_NAMES[row["leg"]] + (f", {formatting.clean(row['model_id'])}" if row["model_id"] else "")
        table.row(
            name,
            formatting.usd(row["usd_per_task"]),
            leg_range(row),
            formatting.usd(row["usd_per_correct"]),
            formatting.usd(row["usd_per_mtok"]),
        )
        said.append(Text(f"{name}: {leg_words(row)}", "dim"))
    return Group(table, *said)


def leg_range(row: Mapping[str, Any]) -> str:
    """Return the interval of a leg's cost per task."""
    return _range(row["usd_per_task_low"], row["usd_per_task_high"], _brief_usd)


def leg_words(row: Mapping[str, Any]) -> str:
    """Return who is paid for what, or why the leg is missing."""
    return formatting.clean(row["reason"] if row["usd_per_task"] is None else row["label"])


def token_cost_lines(costs: Mapping[str, Mapping[str, float]]) -> list[Text]:
    """Return what tokens of self-hosted models cost, one line each."""
    return [
        Text(
            f"{formatting.clean(name)}: {formatting.usd(cost['input'])} per M input tokens, {formatting.usd(cost['output'])} per M output tokens "
            f"plus {formatting.usd(cost['output_per_1k_context'])} for each 1,000 of context ({cost['shapes']:.0f} sizes of request, "
            f"within {cost['worst_error']:.0%})"
        )
        for name, cost in costs.items()
    ]


def what_if_table(frame: pd.DataFrame, *, simulated: bool) -> RenderableType:
    """Return what bought tokens would have cost otherwise."""
    if frame.empty:
        return Text("What if: no model here is bought by the token.")
    heads = ("as it was", "then", "saving", "$/task then")
    table = table_of("What if", ("model", "condition"), heads, simulated=simulated)
    said: list[str] = []
    for row in records(frame):
        saving = row["saving_percent"]
        table.row(
            formatting.clean(row["model_id"]),
            formatting.clean(row["what_if"]),
            formatting.usd(row["usd"]),
            formatting.usd(row["usd_what_if"]),
            formatting.NOTHING if saving is None else f"{saving:.0f} %",
            formatting.usd(row["usd_per_task_what_if"]),
        )
        if row["note"]:
            said.append(f"{row['model_id']}: {row['note']}")
    return Group(table, *notes(said))


def tco_table(answer: Tco) -> RenderableType:
    """Return the legs at the asked volume, the break-evens and what moves them most."""
    title = f"A month at {in_words(answer.volume_mtok)} tokens"
    heads = ("USD a month", "5 to 95 %", "$/M tokens", "self cheaper")
    table = table_of(title, ("",), heads, simulated=answer.simulated)
    said: list[Text] = []
    for row in records(answer.legs):
        chance = row["p_self_cheaper"]
        table.row(
            LEG_NAMES[row["leg"]],
            short_usd(row["usd"]),
            _range(row["usd_p05"], row["usd_p95"], short_usd),
            formatting.usd(row["usd_per_mtok"]),
            formatting.NOTHING if chance is None else f"{chance:.0%}",
        )
        said.append(Text(f"{LEG_NAMES[row['leg']]}: {formatting.clean(row['label'])}", "dim"))
    own = next(row for row in records(answer.legs) if row["leg"] == "self")
    size = f"{own['replicas']:,.0f} replicas, {own['utilisation']:.1%} used"
    even = formatting.usd(answer.needed_api_usd_per_mtok)
    return Group(
        table,
        *said,
        Text(answer.headline(), "bold"),
        Text(f"Self-hosting takes {size}; it would break even with an API at {even} per million."),
        *([_tornado(answer.tornado)] if len(answer.tornado) else []),
        *notes(answer.warnings),
    )


def _tornado(frame: pd.DataFrame) -> Fitted:
    heads = ("range", "USD a month", "break-even for good")
    table = table_of("What moves it most: self-hosting minus the API", ("input",), heads)
    for row in records(frame.head(8)):
        crossed = (row["break_even_mtok_at_low"], row["break_even_mtok_at_high"])
        table.row(
            str(row["input"]),
            f"{formatting.number(row['low'])} to {formatting.number(row['high'])}",
            _range(row["usd_at_low"], row["usd_at_high"], short_usd),
            " to ".join("none" if volume is None else in_words(volume) for volume in crossed),
        )
    return table


def notes(lines: Iterable[str]) -> list[Text]:
    """Return warnings as dim lines."""
    return [Text(f"Note: {formatting.clean(line)}", "dim") for line in dict.fromkeys(lines)]


def _brief_usd(value: Any) -> str:
    return formatting.usd(value, 2)


def _range(low: Any, high: Any, write: Callable[[Any], str] = formatting.usd) -> str:
    return (
        f"{write(low)} to {write(high)}"
        if formatting.known(low) and formatting.known(high)
        else formatting.NOTHING
    )


def table_of(title: str, left: Iterable[str], right: Iterable[str], *, simulated: bool = False) -> Fitted:
    """Return an empty table: columns of words on the left, of numbers on the right."""
    words = [Column(name, words=True, least=8 if place else 14) for place, name in enumerate(left)]
    return Fitted(title, [*words, *map(Column, right)], simulated=simulated)
