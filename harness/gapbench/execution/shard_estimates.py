"""What each shard of a plan needs: GPUs, hours and dollars, with the source of each estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from gapbench.execution.plan_power import PowerAssumptions, hours_of
from gapbench.execution.run_pricing import cost_bounds, model_quotes
from gapbench.execution.setup import RunSetup
from gapbench.pricing import GpuPrice
from gapbench.runner import Runner, owns_server
from gapbench.suite.plan import Plan, max_search_requests
from gapbench.suite.shards import split_plan
from gapbench.values import Model

Hosting = Literal["remote", "beside", "own"]
"""Who serves a model: someone at an address, a server beside the client on this machine, or a server that the run starts."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class ShardEstimate:
    """One shard and what it needs.

    Attributes:
        number: Its number for ``bench run --shard``, from 0.
        run_id: Name of its run's folder.
        cell_id: The cell or search that it runs.
        model: Id of its model.
        task: Name of its task.
        load: Its load, in words.
        requests: Most requests.
        hosting: Who serves the model.
        gpus: GPUs on the machine of the shard. 0: none.
        hours: Hours of sending. None: unknown.
        hours_source: Where the hours come from.
        usd: Dollars: the most that paid calls can cost, or the GPUs for ``hours``. None: unknown.
        usd_source: Where the dollars come from.
    """

    number: int
    run_id: str
    cell_id: str
    model: str
    task: str
    load: str
    requests: int
    hosting: Hosting
    gpus: int
    hours: float | None
    hours_source: str
    usd: float | None
    usd_source: str

    def to_json(self) -> dict[str, Any]:
        """Return an entry of ``bench plan --shards --json``."""
        return asdict(self)


def estimate_shards(
    setup: RunSetup, assumed: PowerAssumptions, like: str | None = None
) -> list[ShardEstimate]:
    """Return an estimate for each shard of a plan.

    Args:
        setup: The run.
        assumed: How long requests take.
        like: The run that the times of requests come from. None: no run.
    """
    quotes = model_quotes(setup)
    return [
        _estimate(setup, shard, assumed, like, quotes[shard.models[0].id]) for shard in split_plan(setup.plan)
    ]


def hosting_of(model: Model, runner: Runner) -> Hosting:
    """Return who serves a model."""
    if owns_server(model):
        return "own"
    addresses = model.replicas or (runner.base_url or model.base_url or "",)
    is_beside = all(urlsplit(address).hostname in _LOOPBACK for address in addresses)
    return "beside" if is_beside and not runner.simulated else "remote"


def gpus_of(model: Model, runner: Runner) -> int:
    """Return the GPUs that a model needs on the machine that sends its requests."""
    if runner.simulated or hosting_of(model, runner) == "remote":
        return 0
    given: Mapping[str, Any] = model.cost or {}
    serve = model.options.get("serve")
    served = serve.get("gpus") if isinstance(serve, Mapping) else None
    count = served or given.get("gpus") or 1
    return max(1, round(float(count)))


def _estimate(
    setup: RunSetup, shard: Plan, assumed: PowerAssumptions, like: str | None, quote: object
) -> ShardEstimate:
    key = shard.shard
    assert key is not None, "split_plan sets it"
    model, task = shard.models[0], shard.tasks[0]
    runner = setup.runners[model.id]
    hours, hours_source = _hours(shard, assumed, like)
    usd, usd_source = _usd(setup, shard, hours, quote)
    if shard.cells:
        load, requests = shard.cells[0].load.description, shard.cells[0].most_requests
    else:
        search = shard.searches[0].search
        load, requests = (
            f"search {search.from_rps:g} to {search.to_rps:g} rps",
            max_search_requests(shard.searches[0]),
        )
    return ShardEstimate(
        key.number, key.run_id(shard.suite), key.cell_id, model.id, task.name, load, requests,
        hosting_of(model, runner), gpus_of(model, runner), hours, hours_source, usd, usd_source,
    )  # fmt: skip


def _hours(shard: Plan, assumed: PowerAssumptions, like: str | None) -> tuple[float | None, str]:
    """Return the hours of a shard, and where they come from."""
    if shard.searches:
        search = shard.searches[0].search
        return search.max_tries * (search.load.duration_s or 0.0) / 3600, "all tries of the search"
    if shard.models[0].batch:
        return None, "unknown: batches take up to a day"
    hours = hours_of(shard, shard.cells, assumed)
    if hours is None:
        return None, "unknown: give --like RUN or --latency SECONDS"
    if shard.cells[0].load.is_open_loop:
        return hours, "the load's schedule"
    if shard.cells[0].model.id in assumed.reply_time.seconds_per_request:
        return hours, f"run {like}"
    return hours, f"--latency {assumed.reply_time.latency_s:g}"


def _usd(setup: RunSetup, shard: Plan, hours: float | None, quote: object) -> tuple[float | None, str]:
    """Return the dollars of a shard, and where they come from."""
    model = shard.models[0]
    has_own_price = not (setup.runners[model.id].simulated or isinstance(quote, GpuPrice))
    bounds = [
        bound
        for bound in cost_bounds(replace(setup, plan=shard))
        if bound.metered and (bound.plays_users or has_own_price)
    ]
    if any(bound.usd is None for bound in bounds):
        return None, "unknown: no price"
    # Models that play users are paid whatever the model under test costs.
    calls_usd = sum((bound.usd for bound in bounds if bound.usd is not None), Decimal(0))
    by_users = "" if not bounds else ", and the most that its users can cost"
    if setup.runners[model.id].simulated:
        return float(calls_usd), f"simulated{by_users}"
    if isinstance(quote, GpuPrice):
        if hours is None:
            return None, "unknown: so are the hours"
        usd = quote.usd_per_s * Decimal(str(hours * 3600)) + calls_usd
        gpus = f"{float(quote.gpus):g} GPUs at ${float(quote.usd_per_gpu_hour):g} ({quote.source})"
        return float(usd), f"{gpus}{by_users}"
    if not bounds:
        return None, "unknown: its cost is not in the suite"
    return float(calls_usd), "the most that its calls can cost"


def total(values: Sequence[float | None]) -> float | None:
    """Return the sum of estimates. None: one of them is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
