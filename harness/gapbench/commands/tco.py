"""`bench tco`: compare the monthly cost of a closed API, a hosted open model and self-hosting, by volume."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from gapbench.analysis.economics.scenario import Scenario
    from gapbench.pricing import Quote
    from gapbench.suite.tco_fields import TcoDocument
    from gapbench.values.slo import Slo


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
              help="Use the capacity, request sizes and closed price measured by this sweep of rates. Repeatable.")  # fmt: skip
@volume_option
@click.option("--v-max", metavar="TOKENS", help="Largest volume to consider.  [default: 1T]")
@click.option("--model", "model_id", metavar="ID", help="The model of the run to self-host.")
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
    scenario = scenario_from_options(block, folder, runs, slo, model_id, task, settings)
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
        raise document.error((), "there is no tco: block; docs/economics.md shows one")
    return validate_document(document, TcoDocument, document.value["tco"], ("tco",))


def scenario_from_options(
    block: TcoDocument,
    folder: Path,
    runs: tuple[Path, ...] = (),
    slo: Slo | None = None,
    model_id: str | None = None,
    task: str | None = None,
    settings: tuple[str, ...] = (),
    closed: tuple[str, Quote] | None = None,
) -> Scenario:
    """Return the scenario given by a ``tco:`` block, by measurements of runs, and by settings of the command line.

    Args:
        block: The ``tco:`` block.
        folder: Folder for relative paths in the block.
        runs: Runs to take measurements from.
        slo: Service level for the capacity. None: the one that the runs searched for.
        model_id: Model of the runs to self-host. None: the only one.
        task: Task of the runs to use. None: the only one.
        settings: Inputs as NAME=VALUE, which override the others.
        closed: Id and price of the closed model whose answers were measured.
    """
    from gapbench.analysis.economics.quantity import Quantity, parse_setting
    from gapbench.analysis.economics.scenario import UNITS
    from gapbench.analysis.economics.scenario_inputs import build_scenario

    given: dict[str, Any] = {} if not runs else _measured_inputs(runs, slo, model_id, task)
    scenario = build_scenario(block, at=datetime.now(UTC).date(), closed=closed, folder=folder, **given)
    changed = {}
    for setting in settings:
        name, value, low, high = parse_setting(setting)
        changed[name] = Quantity(value, UNITS.get(name, ""), low, high, "given")
    return scenario.with_inputs(**changed)


def _measured_inputs(
    runs: tuple[Path, ...], slo: Slo | None, model_id: str | None, task: str | None
) -> dict[str, Any]:
    from gapbench.analysis.cost.cost import cost
    from gapbench.analysis.economics.measured_inputs import (
        closed_price,
        gpu_price_of,
        measured_throughput,
        slo_of,
    )
    from gapbench.analysis.frames import load_runs
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.errors import InputError

    read_runs = load_runs(resolve_run_folders(runs))
    limits = slo or slo_of(read_runs)
    if limits is None:
        raise InputError(
            "the run did not search for a service level; give limits such as --ttft 1 --inter-chunk 0.08"
        )
    throughput = measured_throughput(read_runs, limits, model_id=model_id, task=task)
    inputs, labels = {}, {}
    closed = closed_price(cost(read_runs))
    if closed is not None:
        inputs["closed_usd_per_mtok"], labels["closed"] = closed
    hourly = gpu_price_of(read_runs, model_id)
    if hourly is not None:
        inputs["usd_per_gpu_hour"] = hourly
    return {"throughput": throughput, "measured": inputs, "labels": labels}
