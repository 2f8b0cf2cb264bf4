"""Tables of prices, what-if questions and total cost, for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.economics.break_even import format_mtok
from gapbench.formatting import format_short_usd
from gapbench.report.tables.cost import LEG_NAMES
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn
from gapbench.store.json_records import records

if TYPE_CHECKING:
    from gapbench.analysis.economics.tco import Tco
    from gapbench.pricing.cross_check import Disagreement
    from gapbench.pricing.listing import ProviderPrice

_TORNADO_ROWS = 8
_INPUT_NAMES = {"input_share": "token mix (input_share)"}


def price_table(rows: Sequence[ProviderPrice]) -> RenderableType:
    """Return prices per million tokens by provider."""
    heads = ("in", "cached", "write 5m", "write 1h", "out", "batch")
    table = empty_table("Prices, USD per million tokens", ("provider, model",), heads)
    sources: list[Text] = []
    for row in (listed.to_json() for listed in rows):
        names = ("input", "cached_input", "cache_write_5m", "cache_write_1h", "output")
        factor, name = (
            row["batch_factor"],
            f"{formatting.strip_controls(row['provider'])}, {formatting.strip_controls(row['model'])}",
        )
        table.add_row(
            name,
            *(formatting.format_usd(row[name]) for name in names),
            formatting.NOTHING if factor is None else f"x {factor:g}",
        )
        for step in row["above"]:
            prices = (
                formatting.format_usd(step["input"]),
                "",
                "",
                "",
                formatting.format_usd(step["output"]),
                "",
            )
            table.add_row(f"  above {step['input_tokens']:,} tokens", *prices)
        sources.append(Text(f"{name}: {formatting.strip_controls(row['detail'])}", "dim"))
    return Group(table, *sources)


def disagreement_table(rows: Sequence[Disagreement], compared: int) -> RenderableType:
    """Return prices on which sources differ."""
    summary = Text(f"{compared} prices compared, {len(rows)} differ by over 1 %.", "bold")
    if not rows:
        return summary
    heads = ("book", "genai-prices", "file", "spread")
    table = empty_table("Disagreements, USD per million tokens", ("provider, model", "class"), heads)
    for row in rows:
        values = (None if value is None else float(value) for value in (row.book, row.catalogue, row.other))
        spread = float(row.spread)
        table.add_row(
            f"{formatting.strip_controls(row.provider)}, {formatting.strip_controls(row.model)}",
            row.token_class,
            *(formatting.format_usd(value) for value in values),
            f"{100 * spread:+.0f} %" if spread < 1e6 else "from 0",
        )
    return Group(table, summary)


def token_cost_lines(costs: Mapping[str, Mapping[str, float]]) -> list[Text]:
    """Return what tokens of self-hosted models cost, one line each."""
    return [
        Text(
            f"{formatting.strip_controls(name)}: {formatting.format_usd(cost['input'])} per M input tokens, {formatting.format_usd(cost['output'])} per M output tokens "
            f"plus {formatting.format_usd(cost['output_per_1k_context'])} for each 1,000 of context ({cost['shapes']:.0f} sizes of request, "
            f"within {100 * cost['worst_error']:.0f} %)"
        )
        for name, cost in costs.items()
    ]


def what_if_table(frame: pd.DataFrame, *, simulated: bool) -> RenderableType:
    """Return what the tokens that were bought would have cost under other conditions."""
    if frame.empty:
        return Text("What if: no model here is bought by the token.")
    heads = ("as it was", "then", "saving", f"{formatting.METRICS['usd_per_task']} then")
    table = empty_table("What if", ("model", "condition"), heads, simulated=simulated)
    notes: list[str] = []
    for row in records(frame):
        saving = row["saving_percent"]
        table.add_row(
            formatting.strip_controls(row["model_id"]),
            formatting.strip_controls(row["what_if"]),
            formatting.format_usd(row["usd"]),
            formatting.format_usd(row["usd_what_if"]),
            formatting.NOTHING if saving is None else f"{saving:.0f} %",
            formatting.format_usd_per_1000(row["usd_per_task_what_if"]),
        )
        if row["note"]:
            notes.append(f"{row['model_id']}: {row['note']}")
    return Group(table, *dim_lines(notes))


def tco_table(tco: Tco) -> RenderableType:
    """Return the cost of each leg at the given volume, the break-evens, and the inputs that move them most."""
    title = f"A month at {describe_volume(tco.volume_mtok, tco.requests)}"
    heads = ("a month", "5 to 95 %", formatting.METRICS["usd_per_task"], "$/M tokens", "self cheaper")
    table = empty_table(title, ("option",), heads, simulated=tco.simulated)
    notes: list[Text] = []
    for row in records(tco.legs):
        chance, usd = row["p_self_cheaper"], tco.monthly_usd(row["leg"])
        table.add_row(
            LEG_NAMES[row["leg"]],
            format_short_usd(usd),
            _format_range(row["usd_p05"], row["usd_p95"], format_short_usd),
            formatting.format_usd_per_1000(None if usd is None else usd / tco.requests),
            formatting.format_usd(None if usd is None else usd / tco.volume_mtok),
            formatting.NOTHING if chance is None else f"{100 * chance:.0f} %",
        )
        notes.append(Text(f"{LEG_NAMES[row['leg']]}: {formatting.strip_controls(row['label'])}", "dim"))
    own = next(row for row in records(tco.legs) if row["leg"] == "self")
    sizing: list[Text] = []
    if own["replicas"] is not None:
        size = f"{own['replicas']:,.0f} replicas, {100 * own['utilisation']:.1f} % used"
        even = formatting.format_usd(tco.needed_api_usd_per_mtok)
        sizing = [Text(f"Self-hosting takes {size}; it would break even with an API at {even} per million.")]
    return Group(
        table,
        *notes,
        Text("An API costs what the inputs' values say; self-hosting is the median of the draws.", "dim"),
        Text(tco.headline(), "bold"),
        *sizing,
        *([_tornado(tco.tornado)] if len(tco.tornado) else []),
        *dim_lines(tco.warnings),
    )


def describe_volume(volume_mtok: float, requests: float) -> str:
    """Return a month's volume in tokens, and how many requests these are."""
    return f"{format_mtok(volume_mtok)} tokens ({format_mtok(requests / 1e6)} requests)"


def _tornado(frame: pd.DataFrame) -> ResponsiveTable:
    heads = ("range", "USD a month", "break-even for good")
    table = empty_table("What moves it most: self-hosting minus the API", ("input",), heads)
    # The mix of tokens moves the break-even most, even where it moves the month's dollars little.
    shown = frame[(frame.index < _TORNADO_ROWS) | (frame["input"] == "input_share")]
    for row in records(shown):
        crossed = (row["break_even_mtok_at_low"], row["break_even_mtok_at_high"])
        table.add_row(
            _INPUT_NAMES.get(row["input"], str(row["input"])),
            f"{row['low']:,.7g} to {row['high']:,.7g}",
            _format_range(row["usd_at_low"], row["usd_at_high"], format_short_usd),
            " to ".join("none" if volume is None else format_mtok(volume) for volume in crossed),
        )
    return table


def dim_lines(lines: Iterable[str]) -> list[Text]:
    """Return warnings as dim lines."""
    return [Text(f"Note: {formatting.strip_controls(line)}", "dim") for line in dict.fromkeys(lines)]


def _format_range(low: Any, high: Any, write: Callable[[Any], str] = formatting.format_usd) -> str:
    return (
        f"{write(low)} to {write(high)}"
        if formatting.is_known(low) and formatting.is_known(high)
        else formatting.NOTHING
    )


def empty_table(
    title: str, left: Iterable[str], right: Iterable[str], *, simulated: bool = False
) -> ResponsiveTable:
    """Return an empty table with columns of text on the left and of figures on the right."""
    text_columns = [
        TerminalColumn(name, is_text=True, min_width=8 if place else 14) for place, name in enumerate(left)
    ]
    return ResponsiveTable(title, [*text_columns, *map(TerminalColumn, right)], simulated=simulated)
