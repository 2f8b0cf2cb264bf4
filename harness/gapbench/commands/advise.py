"""`bench advise`: recommend an API, a hosted model, self-hosting or a mix, and say what would change the advice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gapbench.commands.options import Finite, json_option, volume_option
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.storage_paths import RunPath


@click.command(
    "advise",
    epilog="""\b
Examples:
  bench advise --volume 50M                      the newest run in results/
  bench advise --volume 50M --no-run             list prices and published figures alone
  bench advise --volume 5B --sensitivity regulated --engineers 1
  bench advise suite.yaml --run results/RUN --volume 500M
  bench advise --run results/RUN --volume 200k-requests --price llama.usd_per_gpu_hour=2.35""",
)
@click.argument("suite", required=False, type=click.Path(path_type=Path))
@click.option("--run", "runs", multiple=True, type=RunPath(), metavar="RUN",
              help="Use the models, prices, request sizes, gap and tiers that this run measured. Repeatable.  [default: without SUITE, the newest in results/]")  # fmt: skip
@click.option("--no-run", is_flag=True, help="Use no run: list prices and published figures alone.")
@volume_option
@click.option("--sensitivity", type=click.Choice(["public", "internal", "confidential", "regulated"]),
              help="Data sensitivity. 'confidential' and above rules out third-party APIs.  [default: internal]")  # fmt: skip
@click.option("--customisation", type=click.Choice(["none", "prompts", "fine-tuning"]), default="none",
              show_default=True, help="How you need to adapt the model.")  # fmt: skip
@click.option("--engineers", type=Finite(min=0),
              help="Number of people who can operate GPU servers.  [default: none]")  # fmt: skip
@click.option("--latency", type=click.Choice(["relaxed", "interactive", "tight"]), default="interactive",
              show_default=True, help="First text within 10 s, 2 s or 0.5 s.")  # fmt: skip
@click.option("--scale", type=click.Choice(["steady", "unpredictable"]), default="steady", show_default=True,
              help="Whether the volume is known, or may fall to a third or rise to three times.")  # fmt: skip
@click.option("--in-use", type=click.Choice(["closed", "hosted", "self", "none"]), default="closed", show_default=True,
              help="What serves the tasks today. It stays until another model is shown to be no worse.")  # fmt: skip
@click.option("--priority", "priorities", multiple=True, type=click.Choice(
              ["speed-to-market", "cutting-edge", "support", "transparency", "predictable-cost"]),
              help="What matters more than cost. Repeatable.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="Set an input of `bench tco`. Repeatable.")  # fmt: skip
@click.option(
    "--full", is_flag=True, help="Also print strategic questions, a pilot, and what the numbers rest on."
)
@price_options
@json_option
def advise_command(
    suite: Path | None,
    runs: tuple[Path, ...],
    volume: str | None,
    sensitivity: str | None,
    customisation: str,
    engineers: float | None,
    latency: str,
    scale: str,
    in_use: str,
    priorities: tuple[str, ...],
    settings: tuple[str, ...],
    *,
    no_run: bool,
    full: bool,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Recommend a closed API, a hosted open model, self-hosting, or a mix, by written rules.

    Costs, quality and speed come from the newest run, or from those that --run names. SUITE is a file with a tco:
    block; with it, only --run reads a run. What no run says comes from list prices and named assumptions.
    """
    from gapbench.analysis.economics.advise import advise
    from gapbench.analysis.economics.situation import Situation
    from gapbench.analysis.economics.tco import tco
    from gapbench.analysis.economics.volume import volume_mtok
    from gapbench.commands.run_folders import find_newest_run
    from gapbench.commands.tco import read_money, scenario_from_options, suite_and_prices
    from gapbench.errors import InputError, ResultsError

    if no_run and runs:
        raise InputError("--run and --no-run contradict each other; give one of them")
    newest = None if suite is not None or runs or no_run else find_newest_run()
    used = runs if newest is None else (newest,)
    document, prices = suite_and_prices(suite, prices, has_run=bool(used))
    money = read_money(used, prices) if used else None
    if money is not None and money.quality is None:
        hint = f"; --run names another run than {newest}, --no-run uses none" if newest else ""
        raise ResultsError(f"{money.nothing_to_compare}{hint}")
    scenario = scenario_from_options(document, run=None if money is None else money.legs, settings=settings)
    answer = tco(
        scenario,
        volume_mtok(volume or document.block.volume, scenario),
        v_max_mtok=volume_mtok(document.block.v_max, scenario),
    )
    # click.Choice holds the values of each option.
    answers: dict[str, Any] = {
        "sensitivity": sensitivity,
        "customisation": customisation,
        "latency": latency,
        "scale": scale,
        "in_use": in_use,
        "priorities": priorities,
    }
    situation = Situation(engineers=engineers, **answers)
    advice = advise(
        situation,
        answer,
        None if money is None else money.quality,
        None if money is None else money.tiers,
    )
    if as_json:
        click.echo(json.dumps(advice.to_json()))
        return
    from rich.console import Console

    from gapbench.report.advice import advice_lines
    from gapbench.report.advice_summary import advice_summary

    console = Console()
    console.print(advice_lines(advice) if full else advice_summary(advice, console))
    if newest is not None:
        click.echo(f"From the newest run, {newest}; --run names another, --no-run uses none.")
