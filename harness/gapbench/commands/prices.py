"""`bench prices`: what the price book knows of a model, and where it disagrees with others."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from gapbench.commands.options import json_option

day_option = click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Prices of that day.  [default: today]"
)


@click.group(
    "prices",
    epilog="""\b
Examples:
  bench prices show claude-opus-4-6
  bench prices show meta-llama/Llama-3.3-70B-Instruct      who hosts these weights
  bench prices check --against model_prices_and_context_window.json""",
)
def prices_command() -> None:
    """Prices: the dated book, genai-prices below it, and where sources disagree."""


@prices_command.command("show", epilog="Example: bench prices show gpt-5.2 --on 2026-02-12")
@click.argument("model")
@day_option
@json_option
def show_command(model: str, day: datetime | None, *, as_json: bool) -> None:
    """Every price known of MODEL: by provider, of the book and genai-prices, and who hosts its weights."""
    from gapbench.errors import InputError
    from gapbench.pricing.listing import list_prices

    rows = list_prices(model, _day(day))
    if not rows:
        raise InputError(
            f"no price is known of {model!r}; `bench list models` names the book's, or give the model a cost in the suite"
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
    help="A price file in LiteLLM's format to compare with, too.",
)
@day_option
@json_option
def check_command(against: Path | None, day: datetime | None, *, as_json: bool) -> None:
    """List the book's prices on which genai-prices, or a file, differ by over 1 %."""
    from gapbench.pricing.cross_check import find_disagreements

    found, compared = find_disagreements(_day(day).date(), against)
    if as_json:
        click.echo(json.dumps({"compared": compared, "rows": [row.to_json() for row in found]}))
        return
    from rich.console import Console

    from gapbench.report import cost_tables

    Console().print(cost_tables.disagreement_table(found, compared))


def _day(given: datetime | None) -> datetime:
    from datetime import UTC

    return (given or datetime.now(UTC)).replace(tzinfo=UTC)
