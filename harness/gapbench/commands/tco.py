"""`bench tco`: compare the monthly cost of a closed API, a hosted open model and self-hosting, by volume."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import (
    Finite,
    inter_chunk_option,
    json_option,
    plots_option,
    response_option,
    ttft_option,
    volume_option,
)
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.analysis.economics.measured_legs import MeasuredLegs
    from gapbench.analysis.economics.run_money import RunMoney
    from gapbench.analysis.economics.scenario import Scenario
    from gapbench.suite.tco_fields import TcoDocument
    from gapbench.values.slo import Slo

_BLOCK_SETTINGS = frozenset({"input_tokens", "output_tokens", "input_share", "cached_share"})
"""Settings that change other inputs too, such as the capacity, and so are set before the scenario is built."""


@click.command(
    "tco",
    epilog="""\b
Examples:
  bench tco --volume 50M                          published capacity, list prices
  bench tco --run results/SWEEP --ttft 1 --volume 2B
  bench tco suite.yaml --plots plots              the tco: block of a suite, or its models' prices
  bench tco --run results/RUN --volume 200k-requests --price llama.usd_per_gpu_hour=2.35
  bench tco --set engineers=0 --set usd_per_gpu_hour=2..2.5..3.5""",
)
@click.argument("suite", required=False, type=click.Path(path_type=Path))
@click.option("--run", "runs", multiple=True, type=RunPath(), metavar="RUN",
              help="Use the models, request sizes, prices and capacity measured by this run or sweep of rates. Repeatable.")  # fmt: skip
@volume_option
@click.option("--v-max", metavar="TOKENS", help="Largest volume to consider.  [default: 1T]")
@click.option("--model", "model_id", metavar="ID", help="The open model of the run.")
@click.option("--task", metavar="ID", help="The task of the run to use.")
@ttft_option
@inter_chunk_option
@response_option
@click.option("--attainment", type=Finite(0, 1, min_open=True), default=0.95, show_default=True,
              help="Share of all requests that must meet every limit.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="Set an input, or its range as low..value..high. Repeatable.")  # fmt: skip
@click.option("--draws", type=click.IntRange(100, 1_000_000), default=10_000, show_default=True,
              help="Number of Monte Carlo draws.")  # fmt: skip
@plots_option
@price_options
@json_option
def tco_command(
    suite: Path | None,
    runs: tuple[Path, ...],
    volume: str | None,
    v_max: str | None,
    model_id: str | None,
    task: str | None,
    ttft_s: float | None,
    inter_chunk_s: float | None,
    response_s: float | None,
    attainment: float,
    settings: tuple[str, ...],
    draws: int,
    plots: Path | None,
    *,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Compare the monthly cost of a closed API, an open model hosted by a provider, and the same model self-hosted.

    SUITE is a file with a tco: block. Without SUITE and --run, capacity is a published figure, and the other inputs
    are list prices and assumptions, each of which is listed.
    """
    from gapbench.analysis.economics.tco import tco
    from gapbench.analysis.economics.volume import volume_mtok
    from gapbench.values.slo import Slo

    slo = None
    if (ttft_s, inter_chunk_s, response_s) != (None, None, None):
        slo = Slo(ttft_s=ttft_s, inter_chunk_s=inter_chunk_s, response_s=response_s, attainment=attainment)
    document, prices = suite_and_prices(suite, prices, has_run=bool(runs))
    money = read_money(runs, prices, slo=slo, open_model=model_id, task=task) if runs else None
    scenario = scenario_from_options(document, run=None if money is None else money.legs, settings=settings)
    answer = tco(
        scenario,
        volume_mtok(volume or document.block.volume, scenario),
        v_max_mtok=volume_mtok(v_max or document.block.v_max, scenario),
        draws=draws,
    )
    if plots is not None:
        from gapbench.report import cost_plots

        for path in cost_plots.save_cost_plots(answer, plots):
            click.echo(str(path), err=as_json)
    if as_json:
        click.echo(json.dumps(answer.to_json()))
        return
    from rich.console import Console

    from gapbench.report import cost_tables

    Console().print(cost_tables.tco_table(answer))


@dataclass(frozen=True, slots=True)
class BlockInFolder:
    """A ``tco:`` block and the folder that its paths are relative to."""

    block: TcoDocument
    folder: Path


def suite_and_prices(
    suite: Path | None, prices: PriceOptions, *, has_run: bool
) -> tuple[BlockInFolder, PriceOptions]:
    """Return the ``tco:`` block, and the prices for runs: those of the suite too, if it states models.

    Args:
        suite: The suite that was named as an argument. None: that of ``--suite``, if any.
        prices: The prices of the command line.
        has_run: Whether a run is named.

    Raises:
        InputError: Two different suites are named, or ``--price`` is given without a run.
    """
    from gapbench.analysis.economics.suite_block import read_tco_block
    from gapbench.errors import InputError
    from gapbench.suite.documents import read_document
    from gapbench.suite.tco_fields import TcoDocument

    if prices.settings and not has_run:
        raise InputError("--price is about the models of a run; name it with --run, or use --set NAME=VALUE")
    if suite is not None and prices.suite is not None and suite != prices.suite:
        raise InputError(f"found the suites {suite} and --suite {prices.suite}; name one")
    named = suite or prices.suite
    if named is None:
        return BlockInFolder(TcoDocument(), Path()), prices
    found = BlockInFolder(read_tco_block(named, has_run=has_run), named.parent)
    if not has_run or "models" not in read_document(named).value:
        return found, replace(prices, suite=None)
    return found, replace(prices, suite=named)


def read_money(
    runs: tuple[Path, ...],
    prices: PriceOptions,
    *,
    slo: Slo | None = None,
    open_model: str | None = None,
    task: str | None = None,
) -> RunMoney:
    """Return what runs say about money; see :func:`gapbench.analysis.economics.run_money.measure_money`.

    Raises:
        InputError: A price names no model of the runs.
        ResultsError: A folder is not a run, or the runs do not have the model.
    """
    from gapbench.analysis.economics.run_money import measure_money
    from gapbench.commands.run_folders import resolve_run_folders

    read_runs = prices.read_runs(resolve_run_folders(runs))
    return measure_money(read_runs, slo=slo, open_model=open_model, task=task)


def scenario_from_options(
    document: BlockInFolder, *, run: MeasuredLegs | None = None, settings: tuple[str, ...] = ()
) -> Scenario:
    """Return the scenario given by a ``tco:`` block, by measurements of runs, and by settings of the command line.

    Args:
        document: The ``tco:`` block.
        run: What runs measured. None: nothing was measured.
        settings: Inputs as NAME=VALUE, which override the others.

    Raises:
        InputError: A setting is malformed or names no input.
    """
    from gapbench.analysis.economics.quantity import Quantity, parse_setting
    from gapbench.analysis.economics.scenario import GIVEN_BY_SET, UNITS
    from gapbench.analysis.economics.scenario_inputs import build_scenario
    from gapbench.suite.tco_fields import Ranged

    changed, of_block = {}, {}
    for setting in settings:
        name, value, low, high = parse_setting(setting)
        if name in _BLOCK_SETTINGS:
            of_block[name] = Ranged(value=value, low=low, high=high)
        else:
            changed[name] = Quantity(value, UNITS.get(name, ""), low, high, GIVEN_BY_SET)
    scenario = build_scenario(
        document.block.model_copy(update=of_block),
        at=datetime.now(UTC).date(),
        run=run,
        folder=document.folder,
    )
    return scenario.with_inputs(**changed)
