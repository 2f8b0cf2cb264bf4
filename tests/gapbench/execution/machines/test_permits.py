"""Permits: one budget and one account for all machines, handed out in slices that end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, AdmissionControl, Permit
from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.spend_leases import SpendLeases
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines.leased_admission import LeasedAdmission
from gapbench.execution.machines.messages import PermitGrant, PermitReturn
from gapbench.execution.machines.permit_desk import PermitDesk
from gapbench.execution.workers import protocol
from gapbench.values import Failure, Usage
from gapbench.values.policies import BreakerPolicy, RateLimits, RetryPolicy, RunPolicies
from tests.gapbench.execution.limits.test_rate_limiter import Clock, most_in_a_minute
from tests.makers import attempt, model

ONE = Decimal(1)


class Ends:
    """A desk and the ends of so many workers, joined without a network; a link can be cut."""

    def __init__(
        self, workers: int, *, max_usd: int | None = None, prefetch: int = 0, limits: RateLimits | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.stop = StopSignal()
        self.budget = SpendBudget(None if max_usd is None else Decimal(max_usd))
        self.leases = None if max_usd is None else SpendLeases(self.budget, ONE, "m", self.stop)
        limiter = RateLimiter(limits, clock.sleep, clock) if limits and clock else None
        self.admission = admission = AdmissionControl(
            model(),
            RunPolicies(RetryPolicy(max_attempts=1), breaker=BreakerPolicy(2, 3, 0.0)),
            RetryBudget(RetryPolicy()),
            limiter,
            self.stop,
            lambda _: None,
        )
        self.desk = PermitDesk(admission, self.leases, lambda message: None)
        self.cut: set[int] = set()
        self.messages = 0
        self.workers = [
            LeasedAdmission(self._to_desk(k), self.desk.is_unrestricted, prefetch) for k in range(workers)
        ]
        for k in range(workers):
            self.desk.open_account(k, self._to_worker(k))

    def _to_desk(self, worker: int) -> Callable[[object], None]:
        def send(message: object) -> None:
            self.messages += 1
            if worker not in self.cut:
                self.desk.receive(worker, message)

        return send

    def _to_worker(self, worker: int) -> Callable[[object], None]:
        return lambda message: None if worker in self.cut else self.workers[worker].receive(message)

    def record(self, worker: int, usd: Decimal = ONE) -> None:
        """Record the row of a request that a worker sent."""
        self.budget.charge(attempt(model_id="m"), usd)
        self.desk.record_row(worker, is_answer=True)


def go(scenario: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(scenario)


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def waiting(worker: LeasedAdmission, count: int) -> list[asyncio.Task[Permit | None]]:
    return [asyncio.create_task(worker.acquire(10, 5)) for _ in range(count)]


def sent(tasks: list[asyncio.Task[Permit | None]]) -> int:
    return sum(task.done() and task.result() is not None for task in tasks)


def test_without_limits_nobody_asks() -> None:
    """No budget, no rate limit: no message at all."""

    async def scenario() -> None:
        ends = Ends(2)
        assert [await worker.acquire(1, 1) is not None for worker in ends.workers] == [True, True]
        assert ends.messages == 0

    go(scenario())


def test_no_more_is_in_flight_than_the_budget_pays_for() -> None:
    """Five dollars, at most one a request, two workers that each want ten: five go."""

    async def scenario() -> None:
        ends = Ends(2, max_usd=5)
        tasks = [waiting(worker, 10) for worker in ends.workers]
        await settled()
        assert 5 == sum(map(sent, tasks))
        assert 5 == ends.budget.leased_usd

    go(scenario())


def test_what_a_row_did_not_cost_is_used_by_others() -> None:
    """Two dollars set aside, each row costs a quarter: after two rows $1.50 are left, which lets one more go."""

    async def scenario() -> None:
        ends = Ends(1, max_usd=2)
        tasks = waiting(ends.workers[0], 9)
        await settled()
        assert 2 == sent(tasks)
        for _ in range(2):
            ends.record(0, Decimal("0.25"))
        await settled()
        assert 3 == sent(tasks)
        assert 1 == ends.budget.leased_usd

    go(scenario())


def test_the_end_of_a_budget_is_spent_one_request_at_a_time() -> None:
    """$1.50 of two is spent: half a dollar is left, less than a request may cost; one goes, as on one machine."""

    async def scenario() -> None:
        ends = Ends(1, max_usd=2)
        ends.budget.known_usd = Decimal("1.5")
        tasks = waiting(ends.workers[0], 3)
        await settled()
        assert 1 == sent(tasks)

    go(scenario())


def test_a_cut_link_costs_at_most_what_was_handed_out() -> None:
    """Ten dollars; a worker that holds four permits is lost: four count as spent, and others get the other six."""

    async def scenario() -> None:
        ends = Ends(2, max_usd=10, prefetch=3)
        first = waiting(ends.workers[0], 1)
        await settled()
        ends.cut.add(0)
        later = waiting(ends.workers[0], 20)
        await settled()
        assert 4 == sent(first) + sent(later)  # one and the three in advance, and nothing after the cut
        ends.desk.close_account(0, is_lost=True)
        assert [4, 0] == [ends.budget.assumed_usd, ends.budget.leased_usd]
        others = waiting(ends.workers[1], 20)
        await settled()
        assert 6 == sent(others)

    go(scenario())


def test_a_desk_that_closes_early_leaves_nothing_set_aside() -> None:
    """Three of five dollars are with a worker whose cell ends here by an error: they count as spent, as if it were lost."""

    async def scenario() -> None:
        ends = Ends(2, max_usd=5)
        waiting(ends.workers[0], 3)
        await settled()
        ends.desk.close_account(1, is_lost=False)
        ends.desk.close()
        assert [3, 0] == [ends.budget.assumed_usd, ends.budget.leased_usd]
        ends.desk.close()
        assert [3, 0] == [ends.budget.assumed_usd, ends.budget.leased_usd]

    go(scenario())


def open_circuit(ends: Ends) -> None:
    """Two failures in a row open it; one request at a time probes it."""
    for _ in range(2):
        ends.admission.record_result(UNRESTRICTED_PERMIT, Failure("server", "oops"), Usage())


def test_a_lost_probe_is_another_workers() -> None:
    """The circuit is open, and the only probe is with a worker that is lost: another worker gets the next one."""

    async def scenario() -> None:
        ends = Ends(2)
        open_circuit(ends)
        for worker in ends.workers:
            worker.is_unrestricted = False
        first = waiting(ends.workers[0], 1)
        await settled()
        others = waiting(ends.workers[1], 1)
        await settled()
        assert [1, 0] == [sent(first), sent(others)]
        ends.cut.add(0)
        ends.desk.close_account(0, is_lost=True)
        await settled()
        assert 1 == sent(others)

    go(scenario())


PROBE = Permit("probe", 0.0, is_rate_limited=False)


@pytest.mark.parametrize(
    "message",
    [
        PermitReturn((PROBE,)),
        protocol.FinishRequest(None, PROBE, None, Usage(), 1, 0.0),
        protocol.FinishRequest(1, Permit("go", 5.0, is_rate_limited=True), None, Usage(), 1, 0.0),
    ],
)
def test_a_permit_that_the_worker_does_not_have_is_refused(message: object) -> None:
    """It has one of dollars; what it returns or used is another one. The caller ends its connection."""

    async def scenario() -> bool:
        ends = Ends(1, max_usd=5)
        waiting(ends.workers[0], 1)
        await settled()
        return ends.desk.receive(0, message)

    assert go(scenario()) is False


def test_lost_dollars_can_end_a_run() -> None:
    """Three of three dollars were with a lost worker: the run stops, and who waits is sent away."""

    async def scenario() -> None:
        ends = Ends(2, max_usd=3)
        waiting(ends.workers[0], 3)
        await settled()
        others = waiting(ends.workers[1], 2)
        ends.desk.close_account(0, is_lost=True)
        await settled()
        assert "--max-usd 3 reached: $3.0000 spent, $3.0000 of it assumed" in str(ends.stop.reason)
        assert [None, None] == await asyncio.gather(*others)

    go(scenario())


def test_permits_end_and_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three held in advance and not used: after their time they are the other worker's."""
    clock = Clock()
    monkeypatch.setattr("gapbench.transport.now", clock)

    async def scenario() -> None:
        ends = Ends(2, max_usd=4, prefetch=3)
        first = waiting(ends.workers[0], 1)
        await settled()
        others = waiting(ends.workers[1], 3)
        await settled()
        assert [1, 0] == [sent(first), sent(others)]
        clock.at_s += 5.1
        ends.workers[0]._return_ended()
        await settled()
        assert 3 == sent(others)

    go(scenario())


def test_what_a_cell_leaves_is_given_back() -> None:
    """The cell ends with two permits in advance: nothing stays set aside."""

    async def scenario() -> None:
        ends = Ends(1, max_usd=5, prefetch=2)
        waiting(ends.workers[0], 1)
        await settled()
        ends.record(0)
        ends.workers[0].close()
        ends.desk.close_account(0, is_lost=False)
        assert [1, 0] == [ends.budget.known_usd, ends.budget.leased_usd]

    go(scenario())


def test_permits_that_come_after_the_end_of_a_cell_are_not_sent_back() -> None:
    """The conductor settles them with the cell; what comes later would be taken for a message of the next cell."""

    async def scenario() -> None:
        ends = Ends(1, max_usd=5, prefetch=2)
        worker = ends.workers[0]
        worker.close()
        messages = ends.messages
        worker.receive(PermitGrant((UNRESTRICTED_PERMIT,), 0.0))
        await settled()
        assert messages == ends.messages

    go(scenario())


def test_a_stop_sends_away_who_waits_and_who_comes() -> None:
    """The run is interrupted while two wait; a third comes afterwards."""

    async def scenario() -> None:
        ends = Ends(1, max_usd=1)
        tasks = waiting(ends.workers[0], 3)
        await settled()
        ends.stop.set("interrupted")
        await settled()
        assert [None, None] == await asyncio.gather(*tasks[1:])
        assert await asyncio.wait_for(ends.workers[0].acquire(1, 1), 5) is None

    go(scenario())


def test_no_minute_sees_more_requests_than_allowed_from_all_machines() -> None:
    """60 a minute, 60 from each of three: six at once, then 54 a minute, as from one process."""
    clock = Clock()

    async def scenario() -> list[float]:
        ends = Ends(3, limits=RateLimits(requests_per_min=60), clock=clock)
        assert 0 == ends.desk.prefetch(3)
        times: list[float] = []

        async def send(worker: int) -> None:
            for _ in range(60):
                assert await ends.workers[worker].acquire(0, None) is not None
                times.append(clock.at_s)

        await asyncio.gather(*map(send, range(3)))
        return times

    times = go(scenario())

    assert most_in_a_minute(times, [1.0] * 180) <= 60
    assert (180 - 6) / 54 * 60 == pytest.approx(times[-1], rel=0.02)


@pytest.mark.parametrize(
    ("usd", "workers", "held"), [(100, 1, 1), (1_000, 2, 5), (50, 1, 0), (100_000, 1, 64)]
)
def test_a_slice_is_a_hundredth_of_the_budget(usd: int, workers: int, held: int) -> None:
    """At a dollar a request: a hundredth of the budget over all workers, and never more than 64 permits."""

    async def scenario() -> int:
        return Ends(1, max_usd=usd).desk.prefetch(workers)

    assert held == go(scenario())


def test_what_machines_hold_does_not_stop_a_run() -> None:
    """Five dollars, five permits out, one row of a quarter dollar: $4 are only set aside, and the run goes on."""

    async def scenario() -> None:
        ends = Ends(1, max_usd=5)
        waiting(ends.workers[0], 5)
        await settled()
        assert ends.budget.charge(attempt(model_id="m"), Decimal("0.25")) is None
        assert not ends.budget.may_spend(ONE)  # and a batch that would need them waits

    go(scenario())
