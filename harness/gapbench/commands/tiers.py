"""`bench tiers`: what routers and cascades between two models would have come to."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import Finite, json_option, runs_argument


@click.command(
    "tiers",
    epilog="""\b
Examples:
  bench tiers results/RUN
  bench tiers results/RUN --open llama-70b --closed opus --plots plots
  bench tiers results/RUN --verifier-usd 0.0002 --target 0.9""",
)
@runs_argument
@click.option("--open", "open_model", metavar="ID", help="The cheap model.  [default: the best open one]")
@click.option(
    "--closed", "closed_model", metavar="ID", help="The dear model.  [default: the best closed one]"
)
@click.option("--verifier-usd", type=Finite(min=0), default=0.0, show_default=True,
              help="What a look at one open answer costs a cascade.")  # fmt: skip
@click.option("--target", type=Finite(0, 1), default=0.8, show_default=True,
              help="Share of the gap to recover at the least cost.")  # fmt: skip
@click.option(
    "--plots", type=click.Path(path_type=Path, file_okay=False), help="Write the picture as SVG and PNG here."
)
@json_option
def tiers_command(
    runs: tuple[Path, ...],
    open_model: str | None,
    closed_model: str | None,
    verifier_usd: float,
    target: float,
    plots: Path | None,
    *,
    as_json: bool,
) -> None:
    """Routers and cascades over the tasks of RUNS that both models answered: quality, cost, calls saved."""
    from gapbench.analysis.economics.tiers import evaluate_tiers
    from gapbench.commands.run_folders import resolve_run_folders

    found = evaluate_tiers(
        resolve_run_folders(runs),
        open_model=open_model,
        closed_model=closed_model,
        verifier_usd=verifier_usd,
        target=target,
    )
    if plots is not None:
        from gapbench.report import cost_plots

        for path in cost_plots.write_plots(
            {"quality_cost": lambda: cost_plots.plot_quality_cost(found)}, plots
        ):
            click.echo(str(path), err=as_json)
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    from rich.console import Console

    from gapbench.report import advice

    Console().print(advice.tiers_table(found))
