"""`bench tiers`: compute what routers and cascades between two models would have scored and cost."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import Finite, json_option, plots_option, runs_argument
from gapbench.commands.price_options import PriceOptions, price_options


@click.command(
    "tiers",
    epilog="""\b
Examples:
  bench tiers results/RUN
  bench tiers results/RUN --open llama-70b --closed opus --plots plots
  bench tiers results/RUN --purpose-built sql-7b     a third tier for the categories that it is good at
  bench tiers results/RUN --verifier-usd 0.0002 --target 0.9""",
)
@runs_argument
@click.option("--open", "open_model", metavar="ID", help="The cheaper model.  [default: the best open model]")
@click.option(
    "--closed",
    "closed_model",
    metavar="ID",
    help="The more expensive model.  [default: the best closed model]",
)
@click.option("--purpose-built", "purpose_built", multiple=True, metavar="ID",
              help="A model of a third tier, used in the categories in which it is better, or as good and cheaper. Repeatable.")  # fmt: skip
@click.option("--verifier-usd", type=Finite(min=0), default=0.0, show_default=True,
              help="Cost in US dollars of verifying one answer of the open model.")  # fmt: skip
@click.option("--target", type=Finite(0, 1), default=0.8, show_default=True,
              help="Share of the quality gap to close at the lowest cost.")  # fmt: skip
@plots_option
@price_options
@json_option
def tiers_command(
    runs: tuple[Path, ...],
    open_model: str | None,
    closed_model: str | None,
    purpose_built: tuple[str, ...],
    verifier_usd: float,
    target: float,
    plots: Path | None,
    *,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Evaluate routers and cascades on tasks of RUNS that both models answered: quality, cost and calls saved."""
    from gapbench.analysis.economics.tiers import evaluate_tiers
    from gapbench.commands.run_folders import resolve_run_folders

    tiers = evaluate_tiers(
        prices.read_runs(resolve_run_folders(runs)),
        open_model=open_model,
        closed_model=closed_model,
        purpose_built=purpose_built,
        verifier_usd=verifier_usd,
        target=target,
    )
    if plots is not None:
        from gapbench.report import cost_plots

        for path in cost_plots.write_plots(
            {"quality_cost": lambda: cost_plots.plot_quality_cost(tiers)}, plots
        ):
            click.echo(str(path), err=as_json)
    if as_json:
        click.echo(json.dumps(tiers.to_json()))
        return
    from rich.console import Console

    from gapbench.report import advice

    Console().print(advice.tiers_table(tiers))
