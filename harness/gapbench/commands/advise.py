"""`bench advise`: recommend an API, a hosted model, self-hosting or a mix, and say what would change the advice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import Finite, json_option, volume_option
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.analysis.economics.tiers import Tiers
    from gapbench.analysis.quality.gap import GapTable
    from gapbench.pricing import Quote


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
              help="Use the gap, tiers and closed model that this run measured. Repeatable.")  # fmt: skip
@volume_option
@click.option("--sensitivity", type=click.Choice(["public", "internal", "confidential", "regulated"]),
              default="internal", show_default=True, help="Data sensitivity. 'confidential' and above rules out third-party APIs.")  # fmt: skip
@click.option("--customisation", type=click.Choice(["none", "prompts", "fine-tuning"]), default="none",
              show_default=True, help="How you need to adapt the model.")  # fmt: skip
@click.option("--engineers", type=Finite(min=0), default=0.0, show_default=True,
              help="Number of people who can operate GPU servers.")  # fmt: skip
@click.option("--latency", type=click.Choice(["relaxed", "interactive", "tight"]), default="interactive",
              show_default=True, help="First text within 10 s, 2 s or 0.5 s.")  # fmt: skip
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
    settings: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Recommend a closed API, a hosted open model, self-hosting, or a mix, by written rules.

    SUITE is a file with a tco: block. Without it, costs come from list prices and named assumptions.
    """
    from gapbench.analysis.economics.advise import Situation, advise
    from gapbench.analysis.economics.quantity import parse_token_count
    from gapbench.analysis.economics.tco import tco
    from gapbench.commands.tco import read_tco_block, scenario_from_options
    from gapbench.suite.tco_fields import TcoDocument

    block = TcoDocument() if suite is None else read_tco_block(suite)
    gaps, hybrid, closed = _measured_inputs(runs)
    folder = Path() if suite is None else suite.parent
    scenario = scenario_from_options(block, folder, settings=settings, closed=closed)
    answer = tco(
        scenario,
        parse_token_count(volume or block.volume) / 1e6,
        v_max_mtok=parse_token_count(block.v_max) / 1e6,
    )
    situation = Situation(sensitivity, customisation, engineers, latency)  # type: ignore[arg-type] # click.Choice holds them
    advice = advise(situation, answer, gaps, hybrid)
    if as_json:
        click.echo(json.dumps(advice.to_json()))
        return
    from rich.console import Console

    from gapbench.report import advice as advice_report

    Console().print(advice_report.advice_lines(advice))


def _measured_inputs(
    runs: tuple[Path, ...],
) -> tuple[GapTable | None, Tiers | None, tuple[str, Quote] | None]:
    """Return the gap, the tiers, and the closed model of the gap with its price; None for what the runs do not give."""
    if not runs:
        return None, None, None
    from gapbench.analysis.cost.attempt_costs import bill
    from gapbench.analysis.economics.advise import accuracy_gap
    from gapbench.analysis.economics.tiers import evaluate_tiers
    from gapbench.analysis.frames import load_runs
    from gapbench.analysis.quality.gap import gap
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.errors import ResultsError

    read_runs = load_runs(resolve_run_folders(runs))
    try:
        hybrid = evaluate_tiers(read_runs)
    except ResultsError:
        # Too few shared tasks for routing thresholds: only the gap is used.
        hybrid = None
    gaps = gap(read_runs)
    measured = accuracy_gap(gaps)
    if measured is None:
        return gaps, hybrid, None
    model_id = str(measured["closed_model"])
    return gaps, hybrid, (model_id, bill(read_runs).quotes[model_id])
