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
  bench advise --volume 50M
  bench advise --volume 5B --sensitivity regulated --engineers 1
  bench advise suite.yaml --run results/RUN --volume 500M
  bench advise --run results/RUN --volume 200k-requests --price llama.usd_per_gpu_hour=2.35""",
)
@click.argument("suite", required=False, type=click.Path(path_type=Path))
@click.option("--run", "runs", multiple=True, type=RunPath(), metavar="RUN",
              help="Use the models, prices, request sizes, gap and tiers that this run measured. Repeatable.")  # fmt: skip
@volume_option
@click.option("--sensitivity", type=click.Choice(["public", "internal", "confidential", "regulated"]),
              default="internal", show_default=True, help="Data sensitivity. 'confidential' and above rules out third-party APIs.")  # fmt: skip
@click.option("--customisation", type=click.Choice(["none", "prompts", "fine-tuning"]), default="none",
              show_default=True, help="How you need to adapt the model.")  # fmt: skip
@click.option("--engineers", type=Finite(min=0), default=0.0, show_default=True,
              help="Number of people who can operate GPU servers.")  # fmt: skip
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
@price_options
@json_option
def advise_command(
    suite: Path | None,
    runs: tuple[Path, ...],
    volume: str | None,
    sensitivity: str,
    customisation: str,
    engineers: float,
    latency: str,
    scale: str,
    in_use: str,
    priorities: tuple[str, ...],
    settings: tuple[str, ...],
    *,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Recommend a closed API, a hosted open model, self-hosting, or a mix, by written rules.

    SUITE is a file with a tco: block. Without it, costs come from list prices and named assumptions.
    """
    from gapbench.analysis.economics.advise import advise
    from gapbench.analysis.economics.situation import Situation
    from gapbench.analysis.economics.tco import tco
    from gapbench.analysis.economics.volume import volume_mtok
    from gapbench.commands.tco import read_money, scenario_from_options, suite_and_prices
    from gapbench.errors import ResultsError

    document, prices = suite_and_prices(suite, prices, has_run=bool(runs))
    money = read_money(runs, prices) if runs else None
    if money is not None and money.quality is None:
        raise ResultsError(money.nothing_to_compare)
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

    from gapbench.report import advice as advice_report

    Console().print(advice_report.advice_lines(advice))
