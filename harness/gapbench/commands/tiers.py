"""`bench tiers`: compute what routers and cascades between two models would have scored and cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import (
    POSITIVE,
    Finite,
    json_option,
    plots_option,
    runs_argument,
    weights_option,
)
from gapbench.commands.price_options import PriceOptions, price_options

if TYPE_CHECKING:
    from gapbench.analysis.frames import Runs
    from gapbench.analysis.weighting import Weighting


@click.command(
    "tiers",
    epilog="""\b
Examples:
  bench tiers results/RUN
  bench tiers results/RUN --open llama-70b --closed opus --plots plots
  bench tiers results/RUN --purpose-built sql-7b     a third tier for the categories that it is good at
  bench tiers results/RUN --verifier-usd 0.0002 --target 0.9
  bench tiers results/RUN --guarantee 1pp@95%        the cheapest mix that loses at most a point
  bench tiers results/RUN --guarantee 1pp@95% --tasks-per-month 2e6 --export litellm.yaml""",
)
@runs_argument
@click.option(
    "--open", "open_model", metavar="ID", help="The cheaper model.  [default: as in `bench advise`]"
)
@click.option(
    "--closed",
    "closed_model",
    metavar="ID",
    help="The more expensive model.  [default: as in `bench advise`]",
)
@click.option("--purpose-built", "purpose_built", multiple=True, metavar="ID",
              help="A model of a third tier, used in the categories in which it is better, or as good and cheaper. Repeatable.")  # fmt: skip
@click.option("--verifier-usd", type=Finite(min=0), default=0.0, show_default=True,
              help="Cost in US dollars of verifying one answer of the open model.")  # fmt: skip
@click.option("--target", type=Finite(0, 1), default=0.8, show_default=True,
              help="Share of the quality gap to close at the lowest cost.")  # fmt: skip
@click.option("--guarantee", metavar="MARGIN", help="Find the cheapest rule that loses at most so much against the closed model alone, with so much confidence in finite samples: 1pp@95%.")  # fmt: skip
@click.option("--tasks-per-month", type=POSITIVE, help="With --guarantee: tasks in a month, for the dollars saved.")  # fmt: skip
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="With --guarantee: try only rules that LiteLLM can follow, and write the rule as its configuration (YAML).")  # fmt: skip
@plots_option
@weights_option
@price_options
@json_option
def tiers_command(
    runs: tuple[Path, ...],
    open_model: str | None,
    closed_model: str | None,
    purpose_built: tuple[str, ...],
    verifier_usd: float,
    target: float,
    guarantee: str | None,
    tasks_per_month: float | None,
    export: Path | None,
    plots: Path | None,
    weighting: Weighting | None,
    *,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Evaluate routers and cascades on tasks of RUNS that both models answered: quality, cost and calls saved."""
    from gapbench.analysis.economics.run_money import compared_models
    from gapbench.analysis.economics.tiers import evaluate_tiers
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.errors import InputError

    for name, is_given in (("--tasks-per-month", tasks_per_month), ("--export", export)):
        if guarantee is None and is_given is not None:
            raise InputError(f"{name} goes with --guarantee; add it, such as --guarantee 1pp@95%")
    if guarantee is not None:
        for name, is_used in (("--purpose-built", bool(purpose_built)), ("--plots", plots is not None)):
            if is_used:
                raise InputError(f"--guarantee compares two models and has no plots; leave out {name}")
        _print_guarantee(
            prices.read_runs(resolve_run_folders(runs), weighting=weighting), guarantee, open_model, closed_model, verifier_usd,
            tasks_per_month, export, as_json=as_json,
        )  # fmt: skip
        return
    read_runs = prices.read_runs(resolve_run_folders(runs), weighting=weighting)
    if open_model is None and closed_model is None and not purpose_built:
        open_model, closed_model = compared_models(read_runs)
    tiers = evaluate_tiers(
        read_runs,
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


def _print_guarantee(
    runs: Runs,
    guarantee: str,
    open_model: str | None,
    closed_model: str | None,
    verifier_usd: float,
    tasks_per_month: float | None,
    export: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print the rule that keeps the promise, and write it where asked.

    Raises:
        InputError: The promise is none.
        ResultsError: The runs have no such pair of models, or the rule cannot be written.
    """
    from gapbench.analysis.economics.run_money import compared_models
    from gapbench.analysis.economics.tiers_guarantee import Promise, guarantee_tiers

    promise = Promise.parse(guarantee)
    if open_model is None and closed_model is None:
        open_model, closed_model = compared_models(runs)
    found = guarantee_tiers(
        runs,
        promise,
        open_model=open_model,
        closed_model=closed_model,
        verifier_usd=verifier_usd,
        tasks_per_month=tasks_per_month,
        only_groups=export is not None,
    )
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        from rich.console import Console

        from gapbench.report.guarantee import guarantee_table

        Console().print(guarantee_table(found))
    if export is not None:
        from gapbench.report.litellm_config import write_litellm_config

        models = (runs.model(found.open_model), runs.model(found.closed_model))
        notes = write_litellm_config(found, models, export)
        click.echo(f"{export}: configuration of the LiteLLM proxy. Its head says the same:", err=as_json)
        for note in notes:
            click.echo(f"  {note}", err=as_json)
