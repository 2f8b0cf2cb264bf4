"""`bench fleet`: plan GPUs, APIs and batches hour by hour for a team's own traffic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import (
    POSITIVE,
    Finite,
    inter_chunk_option,
    json_option,
    response_option,
    ttft_option,
)
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.analysis.economics.fleet.request_prices import Api, ApiPrices
    from gapbench.analysis.economics.measured_legs import MeasuredLegs
    from gapbench.suite.tco_fields import TcoDocument

_CAPACITY = "replica_requests_per_s"
_OF_TABLES = frozenset({
    "cached_share", "closed_cached_share", "hosted_cached_share", "batch_share", "attempts", "closed_billed_factor",
    "hosted_billed_factor", "peak_over_average",
})  # fmt: skip
"""Inputs of ``bench tco`` that the requests of the tables replace."""


@click.command(
    "fleet",
    epilog="""\b
Examples:
  bench fleet traffic.parquet --run results/SWEEP --ttft 1
  bench fleet traffic.parquet --run results/SWEEP --may-wait 0.3 --set engineers=0
  bench fleet traffic.parquet --run results/SWEEP --wait-route summaries --probability 0.99
  bench fleet traffic.parquet --set replica_requests_per_s=4 --closed openai/gpt-5.2 --md plan.md""",
)
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TABLE...")
@click.option("--run", "runs", multiple=True, type=RunPath(), metavar="RUN",
              help="Use the capacity, prices and token ratios that this sweep of rates measured. Repeatable.")  # fmt: skip
@click.option("--model", "model_id", metavar="ID", help="The open model of the run.")
@click.option("--task", metavar="ID", help="The task of the run to use.")
@ttft_option
@inter_chunk_option
@response_option
@click.option("--attainment", type=Finite(0, 1, min_open=True), default=0.95, show_default=True,
              help="Share of all requests that must meet every limit.")  # fmt: skip
@click.option("--probability", type=Finite(0, 1, min_open=True, max_open=True), default=0.95, show_default=True,
              help="Probability with which the requests sent to your GPUs must fit, in every hour.")  # fmt: skip
@click.option("--may-wait", "wait_share", type=Finite(0, 1), metavar="SHARE",
              help="Share of all requests that may wait for a batch or flex tier.  [default: those that such a tier answered]")  # fmt: skip
@click.option("--wait-route", "waiting_routes", multiple=True, metavar="ROUTE",
              help="A route whose requests may wait. Repeatable.")  # fmt: skip
@click.option("--open-share", type=Finite(0, 1, min_open=True), default=1.0, show_default=True,
              help="Share of the requests that the open model answers well enough; the closed API answers the rest.")  # fmt: skip
@click.option("--api", type=click.Choice(("cheapest", "closed", "hosted")), default="cheapest", show_default=True,
              help="Which API answers what your GPUs do not.")  # fmt: skip
@click.option("--closed", "closed_name", metavar="PROVIDER/MODEL",
              help="The closed API.  [default: the run's, else the models that the tables name]")  # fmt: skip
@click.option("--hosted", "hosted_name", metavar="PROVIDER/MODEL", help="Who hosts the open model.  [default: the run's, else the cheapest]")  # fmt: skip
@click.option("--startup", "startup_s", type=Finite(0, 86_400), default=600, show_default=True, metavar="SECONDS",
              help="Time that a rented replica is paid for before it serves.")  # fmt: skip
@click.option("--growth", "growths", type=POSITIVE, multiple=True, default=(0.5, 2.0, 4.0), show_default=True, metavar="FACTOR",
              help="Also plan for this factor on all requests. Repeatable.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="Set an input of `bench tco`, or its range as low..value..high. Repeatable.")  # fmt: skip
@click.option(
    "--md", type=click.Path(path_type=Path, dir_okay=False), help="Also write the plan as Markdown."
)
@price_options
@json_option
def fleet_command(
    tables: tuple[Path, ...],
    runs: tuple[Path, ...],
    model_id: str | None,
    task: str | None,
    ttft_s: float | None,
    inter_chunk_s: float | None,
    response_s: float | None,
    attainment: float,
    probability: float,
    wait_share: float | None,
    waiting_routes: tuple[str, ...],
    open_share: float,
    api: Any,
    closed_name: str | None,
    hosted_name: str | None,
    startup_s: float,
    growths: tuple[float, ...],
    settings: tuple[str, ...],
    md: Path | None,
    *,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Plan, for the traffic of TABLES, how many GPUs to reserve or rent in each hour and what to send to which API.

    The plan is the cheapest there is: reserved and rented replicas, the share of requests that they answer, and APIs
    and batch tiers for the rest, such that what is sent to your GPUs fits within the limits with a set probability.
    """
    from dataclasses import replace

    from gapbench.analysis.economics.fleet.fleet_plan import plan_fleet
    from gapbench.analysis.economics.fleet.fleet_terms import FleetSettings
    from gapbench.analysis.economics.fleet.request_prices import closed_prices, leg_prices
    from gapbench.analysis.economics.fleet.requests_to_plan import select_requests
    from gapbench.analysis.traffic import read_requests
    from gapbench.commands.output_file import write_output_file
    from gapbench.commands.tco import read_money, scenario_from_options, suite_and_prices
    from gapbench.errors import InputError
    from gapbench.traffic.traffic_table import check_tables
    from gapbench.values.slo import Slo

    check_tables(tables, (md,))
    if wait_share is not None and waiting_routes:
        raise InputError("--may-wait and --wait-route are both given; give one of them")
    of_run = {
        "--ttft": ttft_s,
        "--inter-chunk": inter_chunk_s,
        "--response": response_s,
        "--model": model_id,
        "--task": task,
    }
    for name, value in of_run.items():
        if value is not None and not runs:
            raise InputError(f"{name} is about a run, and none is named; name a sweep of rates with --run")
    slo = None
    if (ttft_s, inter_chunk_s, response_s) != (None, None, None):
        slo = Slo(ttft_s=ttft_s, inter_chunk_s=inter_chunk_s, response_s=response_s, attainment=attainment)
    document, prices = suite_and_prices(None, prices, has_run=bool(runs))
    block = _with_apis(document.block, closed_name, hosted_name)
    document = replace(document, block=block)
    frame = read_requests(tables, with_texts=False)
    requests = select_requests(frame, wait_share=wait_share, waiting_routes=waiting_routes)
    money = read_money(runs, prices, slo=slo, open_model=model_id, task=task) if runs else None
    legs = None if money is None else money.legs
    _require_capacity(block, legs, settings)
    scenario = scenario_from_options(document, run=legs, settings=settings)
    notes: list[str] = []
    unused = sorted(_OF_TABLES & {setting.partition("=")[0].strip() for setting in settings})
    if unused:
        notes.append(f"--set {', '.join(unused)} changes nothing: the tables have it for each request")
    known: dict[Api, ApiPrices | None] = {
        "closed": closed_prices(requests.frame, scenario, block, legs, notes),
        "hosted": leg_prices("hosted", requests.frame, scenario, block, legs, notes),
    }
    notes += [
        f"all {'closed' if name == 'closed' else 'hosted open'} is not compared: no price is known; --{name} PROVIDER/MODEL names it"
        for name, one in known.items()
        if one is None
    ]
    plan = plan_fleet(
        requests,
        {name: one for name, one in known.items() if one is not None},
        scenario,
        FleetSettings(probability, open_share, api, startup_s, growths),
        notes,
    )
    from gapbench.report import fleet

    if md is not None:
        write_output_file(md, fleet.render_markdown(plan))
    if as_json:
        click.echo(json.dumps(plan.to_json()))
        return
    from rich.console import Console

    from gapbench.report.terminal import render_table

    console = Console()
    for line in fleet.answer_lines(plan):
        console.print(line, highlight=False, markup=False)
    console.print()
    for table in fleet.fleet_tables(plan):
        console.print(render_table(table))
        if table.notes:  # A table without notes ends with an empty line itself.
            console.print()
    for line in fleet.note_lines(plan):
        console.print(line, highlight=False, markup=False, style="dim")


def _with_apis(block: TcoDocument, closed: str | None, hosted: str | None) -> TcoDocument:
    """Return the ``tco:`` block with the APIs that the command line names as PROVIDER/MODEL."""
    from gapbench.errors import InputError
    from gapbench.suite.tco_fields import LegDocument

    changed = {}
    for leg, name in (("closed", closed), ("hosted", hosted)):
        if name is not None:
            provider, slash, model = name.partition("/")
            if not (provider and slash and model):
                raise InputError(f"found --{leg} {name!r}; write PROVIDER/MODEL, such as openai/gpt-5.2")
            changed[leg] = LegDocument(provider=provider, model=model)
    return block.model_copy(update=changed)


def _require_capacity(block: TcoDocument, legs: MeasuredLegs | None, settings: tuple[str, ...]) -> None:
    """Refuse to plan with a capacity that no run measured and no option gives.

    Raises:
        ResultsError: The run did not measure it.
        InputError: There is no run.
    """
    from gapbench.errors import InputError, ResultsError

    if block.capacity is not None or any(
        setting.partition("=")[0].strip() == _CAPACITY for setting in settings
    ):
        return
    advice = f"or give --set {_CAPACITY}=RATE, the requests per second of one replica"
    if legs is None:
        raise InputError(
            f"the capacity of your GPUs is not known: name a sweep of rates with --run, {advice}"
        )
    if legs.throughput is None:
        why = legs.missing.get("self", "no capacity was measured")
        raise ResultsError(f"{why}; name a sweep of rates of your own server with --run, {advice}")
