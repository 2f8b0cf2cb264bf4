"""What finished runs say about money, gathered once: the one source of `bench advise`, `tco`, `tiers` and one-page reports.

Everything that a run measured or its suite states comes from here: which models are compared, their prices, the size and
mix of requests, the cached share, GPUs and their hourly price, and the capacity of a replica. Whatever is not here is an
assumption, and is listed as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.cost.cost import CostTable, cost
from gapbench.analysis.economics.measured_inputs import (
    cheapest_closed,
    has_measured_rates,
    measured_throughput,
    pick_open_model,
    slo_of,
    throughput_at_load,
)
from gapbench.analysis.economics.measured_legs import MeasuredLegs, measured_legs
from gapbench.analysis.economics.measured_quality import MeasuredQuality, measured_quality
from gapbench.analysis.economics.replica_throughput import Throughput
from gapbench.analysis.economics.tiers import Tiers, evaluate_tiers
from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.gap import GapTable, gap
from gapbench.errors import ResultsError
from gapbench.values.slo import Slo


@dataclass(frozen=True)
class RunMoney:
    """What runs say about money.

    Attributes:
        runs: The runs, with the prices that apply.
        account: What each attempt cost.
        costs: The cost table, as `bench cost` shows it.
        quality: The models that are compared, and how well they did. None if there is nothing to compare.
        legs: Inputs of a scenario of total cost.
        nothing_to_compare: Why ``quality`` is None; "" if it is known.
    """

    runs: Runs
    account: Bill
    costs: CostTable
    quality: MeasuredQuality | None
    legs: MeasuredLegs
    nothing_to_compare: str = ""

    @cached_property
    def tiers(self) -> Tiers | None:
        """Routers and cascades between the compared models. None if there is no pair, or too few tasks are shared."""
        if self.quality is None:
            return None
        try:
            return evaluate_tiers(
                self.runs,
                open_model=self.quality.open_model,
                closed_model=self.quality.closed_model,
                account=self.account,
            )
        except ResultsError:
            return None


def measure_money(
    runs: Runs,
    *,
    slo: Slo | None = None,
    open_model: str | None = None,
    task: str | None = None,
    gaps: GapTable | None = None,
) -> RunMoney:
    """Return what runs say about money.

    The models are those of the gap table's headline: the closed one, and the cheapest open one that is no worse or, if none
    is shown to be, the open one of the headline. With only one side, it is that side's only or cheapest model.

    Args:
        runs: The runs.
        slo: Limits within which the capacity counts. None: those that the runs searched for.
        open_model: The open model. None: as above.
        task: Task of a sweep of rates. None: the only one.
        gaps: The gap table of these runs, if it was already computed.

    Raises:
        ResultsError: There is no such model; or rates were measured and the task is ambiguous, or no rate met the limits.
    """
    account = bill(runs)
    costs = cost(runs, account)
    quality, why = None, ""
    try:
        quality = measured_quality(runs, gap(runs, billed=account) if gaps is None else gaps, costs)
    except ResultsError as exc:
        why = str(exc)
    chosen = open_model and runs.model(open_model).id
    if chosen is None:
        chosen = pick_open_model(runs) if quality is None else quality.open_model
    closed = cheapest_closed(costs) if quality is None else quality.closed_model
    throughput, notes = _throughput(runs, account, chosen, slo, task)
    legs = measured_legs(runs, costs, account, closed_model=closed, open_model=chosen, throughput=throughput)
    return RunMoney(runs, account, costs, quality, replace(legs, notes=(*runs.notes, *notes)), why)


def compared_models(runs: Runs) -> tuple[str | None, str | None]:
    """Return the open and the closed model that `bench advise` compares. (None, None) if there is nothing to compare."""
    account = bill(runs)
    try:
        quality = measured_quality(runs, gap(runs, billed=account), cost(runs, account))
    except ResultsError:
        return None, None
    return quality.open_model, quality.closed_model


def _throughput(
    runs: Runs, account: Bill, model_id: str | None, slo: Slo | None, task: str | None
) -> tuple[Throughput | None, list[str]]:
    """Return a self-hosted model's throughput, and sentences on what it is not.

    It is the highest rate within the limits if rates were measured, else the throughput at the load of the run.
    """
    if model_id is None:
        return None, []
    limits = slo or slo_of(runs)
    if has_measured_rates(runs, model_id, task):
        if slo is not None:
            return measured_throughput(runs, slo, model_id=model_id, task=task), []
        if limits is not None:
            try:
                return measured_throughput(runs, limits, model_id=model_id, task=task), []
            except ResultsError as exc:
                # The user gave no limits to this command, so the load of the run is used.
                return throughput_at_load(runs, account, model_id), [
                    f"capacity is that of the run's load: {exc}"
                ]
        note = "rates were measured, but no limits are known: give --ttft and such for the highest rate within them"
        return throughput_at_load(runs, account, model_id), [note]
    note = "the run measured no rates, so the limits that were given do not apply to its capacity"
    return throughput_at_load(runs, account, model_id), [note] if slo is not None else []
