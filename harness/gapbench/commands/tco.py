"""`bench tco`: compare the monthly cost of a closed API, a hosted open model and self-hosting, by volume."""

from __future__ import annotations

import json
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
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.analysis.economics.measured_legs import MeasuredLegs
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
  bench tco suite.yaml --plots plots              the tco: block of a suite
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
    as_json: bool,
) -> None:
    """Compare the monthly cost of a closed API, an open model hosted by a provider, and the same model self-hosted.

    SUITE is a file with a tco: block. Without SUITE and --run, capacity is a published figure, and the other inputs
    are list prices and assumptions, each of which is listed.
    """
    from gapbench.analysis.economics.quantity import parse_token_count
    from gapbench.analysis.economics.tco import tco
    from gapbench.suite.tco_fields import TcoDocument
    from gapbench.values.slo import Slo

    block = TcoDocument() if suite is None else read_tco_block(suite)
    slo = None
    if (ttft_s, inter_chunk_s, response_s) != (None, None, None):
        slo = Slo(ttft_s=ttft_s, inter_chunk_s=inter_chunk_s, response_s=response_s, attainment=attainment)
    folder = Path() if suite is None else suite.parent
    run = measure_legs(runs, slo, model_id, task) if runs else None
    scenario = scenario_from_options(block, folder, run=run, settings=settings)
    answer = tco(
        scenario,
        parse_token_count(volume or block.volume) / 1e6,
        v_max_mtok=parse_token_count(v_max or block.v_max) / 1e6,
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


def read_tco_block(suite: Path) -> TcoDocument:
    """Return the ``tco:`` block of a file, which need not be a complete suite.

    Raises:
        DocumentError: The file is missing, wrong, or has no such block.
    """
    from gapbench.suite.documents import read_document, validate_document
    from gapbench.suite.tco_fields import TcoDocument

    document = read_document(suite)
    if not isinstance(document.value.get("tco"), dict):
        raise document.error((), "there is no tco: block; docs/explanation/economics.md shows one")
    return validate_document(document, TcoDocument, document.value["tco"], ("tco",))


def scenario_from_options(
    block: TcoDocument,
    folder: Path,
    *,
    run: MeasuredLegs | None = None,
    settings: tuple[str, ...] = (),
) -> Scenario:
    """Return the scenario given by a ``tco:`` block, by measurements of runs, and by settings of the command line.

    Args:
        block: The ``tco:`` block.
        folder: Folder for relative paths in the block.
        run: What runs measured. None: nothing was measured.
        settings: Inputs as NAME=VALUE, which override the others.

    Raises:
        InputError: A setting is malformed or names no input.
    """
    from gapbench.analysis.economics.quantity import Quantity, parse_setting
    from gapbench.analysis.economics.scenario import UNITS
    from gapbench.analysis.economics.scenario_inputs import build_scenario
    from gapbench.suite.tco_fields import Ranged

    changed, of_block = {}, {}
    for setting in settings:
        name, value, low, high = parse_setting(setting)
        if name in _BLOCK_SETTINGS:
            of_block[name] = Ranged(value=value, low=low, high=high)
        else:
            changed[name] = Quantity(value, UNITS.get(name, ""), low, high, "given")
    scenario = build_scenario(
        block.model_copy(update=of_block), at=datetime.now(UTC).date(), run=run, folder=folder
    )
    return scenario.with_inputs(**changed)


def measure_legs(
    runs: tuple[Path, ...], slo: Slo | None, model_id: str | None, task: str | None
) -> MeasuredLegs:
    """Return what runs measured for the total cost.

    Args:
        runs: The run folders.
        slo: Service level for the capacity. None: the one that the runs searched for; without rates, the throughput
            at the load of the run.
        model_id: The open model. None: the one whose rates were measured, or the only one.
        task: Task of a sweep to use. None: the only one.

    Raises:
        InputError: Rates were measured and no service level is known.
        ResultsError: The model or task is ambiguous.
    """
    from gapbench.analysis.cost.attempt_costs import bill
    from gapbench.analysis.cost.cost import cost
    from gapbench.analysis.economics.measured_inputs import capacity_of_runs, cheapest_closed, pick_open_model
    from gapbench.analysis.economics.measured_legs import measured_legs
    from gapbench.analysis.frames import load_runs
    from gapbench.commands.run_folders import resolve_run_folders

    read_runs = load_runs(resolve_run_folders(runs))
    account = bill(read_runs)
    table = cost(read_runs, account)
    chosen, throughput = capacity_of_runs(read_runs, account, slo, model_id, task)
    return measured_legs(
        read_runs,
        table,
        account,
        closed_model=cheapest_closed(table),
        open_model=chosen or pick_open_model(read_runs, model_id),
        throughput=throughput,
    )
