"""The workers of one model on several machines, and the cells that they share.

One schedule is dealt to all workers; this process scores, prices, writes and stops, as with workers of its own. When a
machine is lost, a timed cell reports its share as not sent, since others sending it would change the load; a cell
without a claim about time has it sent by the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from gapbench import transport
from gapbench.errors import BenchError
from gapbench.execution.attempts.episode_sender import AskUserOf
from gapbench.execution.attempts.request_sender import Deliver
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.spend_leases import SpendLeases
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines import cell_share, messages
from gapbench.execution.machines.machine import Machine, WorkerLink
from gapbench.execution.machines.machine_cell import MachineCell, merge_reports
from gapbench.execution.machines.machine_group import MachineGroup
from gapbench.execution.machines.machine_report import LostShare, MachineReport, report_machine
from gapbench.execution.machines.permit_desk import PermitDesk
from gapbench.execution.workers import protocol
from gapbench.execution.workers.pool import START_LEAD_S, worker_count
from gapbench.suite.loads.load import Load
from gapbench.suite.plan import Cell
from gapbench.values import Model, Session
from gapbench.values.policies import RunPolicies

READY_TIMEOUT_S = 120.0
"""A worker has so long to open its runner, and to receive and expand its share of a cell."""


def assign_workers(load: Load, machines: Sequence[Machine]) -> dict[str, list[int]]:
    """Return the numbers of the workers of each machine, by its id.

    Each machine has as many workers as its part of the load needs there; numbers go round the machines. A load with
    fewer streams than machines leaves some without work.

    Args:
        load: The load.
        machines: The machines.
    """
    if not load.is_open_loop:
        machines = machines[: max(1, int(load.value))]
    part = replace(load, value=load.value / len(machines)) if load.kind != "replay" else load
    if load.is_open_loop and load.kind != "replay":
        scale = 1 / len(machines)
        part = replace(
            part,
            from_rps=None if load.from_rps is None else load.from_rps * scale,
            to_rps=None if load.to_rps is None else load.to_rps * scale,
        )
    counts = [max(1, worker_count(part, machine.cores)) for machine in machines]
    assigned: dict[str, list[int]] = {machine.id: [] for machine in machines}
    number = 0
    for place in range(max(counts)):
        for machine, count in zip(machines, counts, strict=True):
            if place < count:
                assigned[machine.id].append(number)
                number += 1
    return assigned


@dataclass(frozen=True)
class _Round:
    """What is dealt at once.

    Attributes:
        links: The workers that send.
        seed: Seed of the back-off's jitter.
    """

    links: list[WorkerLink]
    seed: int


class MachinePool:
    """The workers of one model: :meth:`open`, then :meth:`prepare_cell` and :meth:`run_cell` for each cell."""

    def __init__(
        self, group: MachineGroup, links: list[WorkerLink], policies: RunPolicies, model: Model
    ) -> None:
        self._group = group
        self._links = links
        self._policies = policies
        self._model = model
        self._prepared: _Round | None = None
        self.reports: list[MachineReport] = []

    @classmethod
    async def open(
        cls, group: MachineGroup, load: Load, model: Model, session: Session, policies: RunPolicies
    ) -> Self:
        """Start workers on every machine and wait until each has its runner open.

        Args:
            group: The machines.
            load: The load that decides how many workers there are.
            model: The model as other machines must name it to reach the same server.
            session: What the run's own runner was opened with: its number of connections.
            policies: The run's policies.

        Raises:
            BenchError: One of them cannot start; the others are stopped.
        """
        machines = group.living
        if not machines:
            raise BenchError("no machine is left; `bench run --resume` with --machines sends the rest")
        links = await group.start_workers(assign_workers(load, machines))
        pool = cls(group, links, replace(policies, cache=None), model)
        connections = -(-session.connections // len(links))
        try:
            for link in links:
                link.send(messages.OpenModel(link.number, model, connections, pool._policies))
            await asyncio.gather(*map(_wait_until_open, links))
        except BaseException:
            await pool.close()
            raise
        return pool

    def fits(self, load: Load) -> bool:
        """Return whether the pool can send a load: no machine of it is lost, and it has the workers that it needs."""
        if any(link.lost is not None for link in self._links):
            return False
        wanted = assign_workers(load, self._group.living)
        return sum(map(len, wanted.values())) <= len(self._links)

    @property
    def start_lead_s(self) -> float:
        """Seconds between handing out a cell and its start, so that every machine knows of it by then."""
        trips = [link.machine.clock.least_rtt_s or 0.0 for link in self._links]
        return START_LEAD_S + 2 * max(trips, default=0.0)

    async def prepare_cell(self, cell: Cell, remaining: Sequence[tuple[int, int]], *, seed: int) -> None:
        """Deal a cell, and wait until every worker has prepared its share; its start is set afterwards.

        Args:
            cell: The cell.
            remaining: Number of each request to send, and the attempts already made at it.
            seed: Seed of the back-off's jitter.

        Raises:
            BenchError: A worker cannot prepare it, or none is left.
        """
        cell_share.refuse_local_tools(cell.task)
        machines = {link.machine.id: link.machine for link in self._living()}
        await asyncio.gather(*(machine.exchange_clocks() for machine in machines.values()))
        for machine in machines.values():
            if not machine.clock.exchanges:
                machine.lose("it did not say what time it is")
        self._prepared = await self._deal(cell, dict(remaining), seed)

    def _living(self) -> list[WorkerLink]:
        return [link for link in self._links if link.lost is None]

    async def _deal(self, cell: Cell, remaining: dict[int, int], seed: int) -> _Round:
        """Deal requests to the living workers; if one is lost meanwhile, it has sent nothing, and all requests are dealt again."""
        digest = await asyncio.to_thread(cell_share.requests_sha256, cell)
        first_due_s = cell.requests[min(remaining)].due_s or 0.0
        while True:
            links = self._living()
            if not cell.load.is_open_loop:
                links = links[: int(cell.load.value)]
            if not links:
                raise BenchError(
                    f"{cell.cell_id}: no machine is left; finished requests are kept, `bench run --resume` sends the rest"
                )
            streams = int(cell.load.value)
            for place, (link, hand) in enumerate(
                zip(links, cell_share.deal(remaining, len(links), cell.requests), strict=True)
            ):
                link.share, link.started = hand, set()
                task = link.send_task(cell)
                link.send(
                    messages.CellShare(
                        task,
                        cell.load,
                        cell.params,
                        cell.repeats,
                        cell.seed,
                        digest,
                        streams // len(links) + (place < streams % len(links)),
                        tuple(hand.items()),
                        first_due_s,
                        seed,
                    )
                )
            problems = [found for found in await asyncio.gather(*map(_wait_until_ready, links)) if found]
            if problems:
                raise BenchError(f"{cell.cell_id}: {problems[0]}")
            if all(link.lost is None for link in links):
                return _Round(links, seed)

    async def run_cell(
        self,
        cell: Cell,
        deliver: Deliver,
        stop_signal: StopSignal,
        admission: AdmissionControl,
        *,
        cell_start_s: float,
        ask_user: AskUserOf | None = None,
        leases: SpendLeases | None = None,
    ) -> list[protocol.WorkerReport]:
        """Let the machines send the cell that was prepared, and deliver every attempt in this process.

        Args:
            cell: The cell.
            deliver: Receives each attempt, in this process.
            stop_signal: Stops new sends.
            admission: Admission control for the requests of all machines.
            cell_start_s: The cell's start; ``start_lead_s`` from now.
            ask_user: Asks the model that plays users, in this process. None: all users are scripted.
            leases: Sets dollars aside before they are spent. None: the run has no budget.

        Returns:
            One report for each worker.

        Raises:
            BenchError: A machine was lost and its share was not sent, or a worker failed. Attempts that were delivered
                are kept.
        """
        assert self._prepared is not None, "prepare_cell comes first"
        turn, self._prepared = self._prepared, None
        # A machine that has no part in the cell yet may send a lost one's share.
        machines = {link.machine.id: link.machine for link in (*turn.links, *self._living())}
        offsets = {key: machine.clock.estimate(cell_start_s).offset_s for key, machine in machines.items()}
        running = MachineCell(
            cell, deliver, stop_signal, offsets, ask_user,
            lambda broadcast: PermitDesk(admission, leases, broadcast),
        )  # fmt: skip
        lost: list[LostShare] = []
        reports: list[protocol.WorkerReport] = []
        problems: list[str] = []
        start_s = cell_start_s
        try:
            while True:
                done = await running.run(turn.links, start_s)
                reports += done.reports
                problems += done.problems
                orphans: dict[int, int] = {}
                is_moved = not cell.load.is_timed and stop_signal.reason is None and not problems
                for link in turn.links:
                    if link.lost is not None:
                        lost.append(LostShare.of(link, is_moved=is_moved))
                        orphans |= link.share
                if not orphans or not is_moved:
                    break
                turn = await self._deal(cell, orphans, turn.seed)
                start_s = transport.now()
        finally:
            self.reports = await self._report(turn.links, lost, offsets, cell_start_s)
        left = [words for share in lost if (words := share.words) is not None]
        if problems or (left and stop_signal.reason is None):
            raise BenchError(
                f"{cell.cell_id}: {'; '.join([*problems, *left])}; finished requests are kept, "
                "`bench run --resume` sends the rest"
            )
        return merge_reports(reports)

    async def _report(
        self,
        links: list[WorkerLink],
        lost: list[LostShare],
        offsets: dict[str, float],
        start_s: float,
    ) -> list[MachineReport]:
        machines = {link.machine.id: link.machine for link in (*links, *(share.link for share in lost))}
        living = [machine for machine in machines.values() if machine.lost is None]
        await asyncio.gather(*(machine.exchange_clocks() for machine in living))
        end_s = transport.now()
        numbers = {
            machine_id: sorted({link.number for link in self._links if link.machine.id == machine_id})
            for machine_id in machines
        }
        return [
            report_machine(
                machine,
                numbers[machine.id],
                offsets[machine.id],
                (start_s, end_s),
                [share for share in lost if share.link.machine is machine],
            )
            for machine in machines.values()
            if machine.id in offsets
        ]

    async def close(self) -> None:
        """Let the workers end: close their connections."""
        links, self._links = self._links, []
        for link in links:
            link.channel.close()
            if link in link.machine.links:
                link.machine.links.remove(link)


async def _wait_until_open(link: WorkerLink) -> None:
    """Wait for a worker's runner to be open.

    Raises:
        BenchError: It could not be opened, or not in time.
    """
    try:
        ready = await asyncio.wait_for(link.read(), READY_TIMEOUT_S)
    except TimeoutError:
        raise BenchError(f"{link.label} was not ready within {READY_TIMEOUT_S:g} s") from None
    problem = ready.problem if isinstance(ready, protocol.RunnerReady) else link.lost
    if problem is not None:
        raise BenchError(f"{link.label} cannot start: {problem}")


async def _wait_until_ready(link: WorkerLink) -> str | None:
    """Wait for a worker to have its share; returns its problem. A worker that is lost has none."""
    try:
        ready = await asyncio.wait_for(link.read(), READY_TIMEOUT_S)
    except TimeoutError:
        link.lose(f"it has not prepared its share within {READY_TIMEOUT_S:g} s")
        return None
    if isinstance(ready, messages.ShareReady):
        return ready.problem and f"{link.label}: {ready.problem}"
    if ready is not None:
        link.lose("it sent something else than that its share is ready")
    return None
