"""`bench advise`: recommend an API, a hosted model, self-hosting or a mix, and say what would change the advice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import Finite, json_option, volume_option
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.analysis.economics.measured_legs import MeasuredLegs
    from gapbench.analysis.economics.measured_quality import MeasuredQuality
    from gapbench.analysis.economics.tiers import Tiers


@click.command(
    "advise",
    epilog="""\b
Examples:
  bench advise --volume 50M
  bench advise --volume 5B --sensitivity regulated --engineers 1
  bench advise suite.yaml --run results/RUN --volume 500M""",
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
    as_json: bool,
) -> None:
    """Recommend a closed API, a hosted open model, self-hosting, or a mix, by written rules.

    SUITE is a file with a tco: block. Without it, costs come from list prices and named assumptions.
    """
    from gapbench.analysis.economics.advise import advise
    from gapbench.analysis.economics.quantity import parse_token_count
    from gapbench.analysis.economics.situation import Situation
    from gapbench.analysis.economics.tco import tco
    from gapbench.commands.tco import read_tco_block, scenario_from_options
    from gapbench.suite.tco_fields import TcoDocument

    block = TcoDocument() if suite is None else read_tco_block(suite)
    measured = _measure(runs) if runs else _Measured()
    folder = Path() if suite is None else suite.parent
    scenario = scenario_from_options(block, folder, run=measured.legs, settings=settings)
    answer = tco(
        scenario,
        parse_token_count(volume or block.volume) / 1e6,
        v_max_mtok=parse_token_count(block.v_max) / 1e6,
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
    advice = advise(situation, answer, measured.quality, measured.hybrid)
    if as_json:
        click.echo(json.dumps(advice.to_json()))
        return
    from rich.console import Console

    from gapbench.report import advice as advice_report

    Console().print(advice_report.advice_lines(advice))


@dataclass(frozen=True)
class _Measured:
    """What runs measured. None for what they do not give."""

    legs: MeasuredLegs | None = None
    quality: MeasuredQuality | None = None
    hybrid: Tiers | None = None


def _measure(runs: tuple[Path, ...]) -> _Measured:
    """Return what runs measured.

    Raises:
        ResultsError: The runs have no closed or no open model.
    """
    from gapbench.analysis.cost.attempt_costs import bill
    from gapbench.analysis.cost.cost import cost
    from gapbench.analysis.economics.measured_inputs import advised_throughput
    from gapbench.analysis.economics.measured_legs import measured_legs
    from gapbench.analysis.economics.measured_quality import measured_quality
    from gapbench.analysis.economics.tiers import evaluate_tiers
    from gapbench.analysis.frames import load_runs
    from gapbench.analysis.quality.gap import gap
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.errors import ResultsError

    read_runs = load_runs(resolve_run_folders(runs))
    account = bill(read_runs)
    table = cost(read_runs, account)
    quality = measured_quality(read_runs, gap(read_runs, billed=account), table)
    legs = measured_legs(
        read_runs,
        table,
        account,
        closed_model=quality.closed_model,
        open_model=quality.open_model,
        throughput=advised_throughput(read_runs, account, quality.open_model),
    )
    try:
        hybrid = evaluate_tiers(read_runs, open_model=quality.open_model, closed_model=quality.closed_model)
    except ResultsError:
        # Too few shared tasks for routing thresholds: only the gap is used.
        hybrid = None
    return _Measured(legs, quality, hybrid)
