"""`bench prices`: show the known prices of a model, and compare price sources."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import json_option

day_option = click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Prices on this date.  [default: today]"
)


@click.group(
    "prices",
    cls=CommandGroup,
    epilog="""\b
Examples:
  bench prices show claude-opus-4-6
  bench prices show meta-llama/Llama-3.3-70B-Instruct      which providers host these weights
  bench prices check --against model_prices_and_context_window.json""",
)
def prices_command() -> None:
    """Show the known prices of a model, or compare price sources."""


@prices_command.command("show", epilog="Example: bench prices show gpt-5.2 --on 2026-02-12")
@click.argument("model")
@day_option
@json_option
def show_command(model: str, day: datetime | None, *, as_json: bool) -> None:
    """Show every known price of MODEL, from the price book and from genai-prices, by provider."""
    from gapbench.errors import InputError
    from gapbench.pricing.listing import list_prices

    rows = list_prices(model, _day(day))
    if not rows:
        raise InputError(
            f"the price of {model!r} is unknown; `bench list models` lists known models, or set cost: in the suite"
        )
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows]))
        return
    from rich.console import Console

    from gapbench.report import cost_tables

    Console().print(cost_tables.price_table(rows))


@prices_command.command("check", epilog="Example: bench prices check --json")
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also compare with this price file in LiteLLM's format.",
)
@day_option
@json_option
def check_command(against: Path | None, day: datetime | None, *, as_json: bool) -> None:
    """List prices of the book that differ by more than 1 % from genai-prices or from a file."""
    from gapbench.pricing.cross_check import find_disagreements

    disagreements, compared = find_disagreements(_day(day).date(), against)
    if as_json:
        click.echo(json.dumps({"compared": compared, "rows": [row.to_json() for row in disagreements]}))
        return
    from rich.console import Console

    from gapbench.report import cost_tables

    Console().print(cost_tables.disagreement_table(disagreements, compared))


def _day(given: datetime | None) -> datetime:
    from datetime import UTC

    return (given or datetime.now(UTC)).replace(tzinfo=UTC)
