"""One cell while machines send it: start its shares, and receive what the workers send until each is done or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gapbench.execution.attempts.episode_sender import AskUserOf
from gapbench.execution.attempts.request_sender import Deliver
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines import messages
from gapbench.execution.machines.machine import WorkerLink
from gapbench.execution.machines.permit_desk import PermitDesk
from gapbench.execution.machines.to_our_clock import to_our_clock
from gapbench.execution.workers import protocol
from gapbench.execution.workers.pool import completed_attempt
from gapbench.execution.workers.remote_admission import SendMessage
from gapbench.execution.workers.remote_user import UserServer
from gapbench.suite.plan import Cell


@dataclass
class RoundDone:
    """How a round of a cell ended.

    Attributes:
        reports: One for each worker that was not lost.
        problems: What went wrong in a worker that was not lost.
    """

    reports: list[protocol.WorkerReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class MachineCell:
    """One cell.

    Args:
        cell: The cell.
        deliver: Receives each attempt, in this process.
        stop_signal: Stops new sends.
        offsets: By machine id, its clock minus ours; one for the whole cell, so that no latency changes.
        ask_user: Asks the model that plays users. None: all users are scripted.
        make_desk: Makes what hands out permits; it gets what sends a message to all workers.
    """

    def __init__(
        self,
        cell: Cell,
        deliver: Deliver,
        stop_signal: StopSignal,
        offsets: dict[str, float],
        ask_user: AskUserOf | None,
        make_desk: Callable[[SendMessage], PermitDesk],
    ) -> None:
        self._cell = cell
        self._deliver = deliver
        self._stop_signal = stop_signal
        self._offsets = offsets
        self._ask_user = ask_user
        self._make_desk = make_desk

    async def run(self, links: list[WorkerLink], start_s: float) -> RoundDone:
        """Start the shares that the workers have prepared, and wait for their end.

        Args:
            links: The workers.
            start_s: The start, on our clock.
        """

        def broadcast(message: object) -> None:
            for link in links:
                link.send(message)

        desk = self._make_desk(broadcast)
        users = UserServer(self._ask_user, self._cell.requests)
        done = RoundDone()
        prefetch = desk.prefetch(len(links))
        tasks: list[asyncio.Task[None]] = []
        try:
            for link in links:
                desk.open_account(link.number, link.send)
                its_start_s = start_s + self._offsets[link.machine.id]
                link.send(messages.StartCell(its_start_s, desk.is_unrestricted, prefetch))
            receiving = [asyncio.create_task(self._receive(link, desk, users, done)) for link in links]
            tasks += receiving
            tasks.append(asyncio.create_task(self._broadcast_stop(broadcast)))
            await asyncio.gather(*receiving)
        except BaseException:
            # This cell no longer reads replies, so the machines must stop sending.
            broadcast(protocol.StopSending("the cell failed"))
            raise
        finally:
            desk.close()
            users.close()
            for task in tasks:
                task.cancel()
        return done

    async def _broadcast_stop(self, broadcast: SendMessage) -> None:
        await self._stop_signal.wait()
        broadcast(protocol.StopSending(self._stop_signal.reason or "halted"))

    async def _receive(self, link: WorkerLink, desk: PermitDesk, users: UserServer, done: RoundDone) -> None:
        """Receive what one worker sends until it is done or lost."""
        while True:
            message = await link.read()
            if isinstance(message, protocol.AttemptBatch):
                link.started.update(message.started)
                for attempt in message.attempts:
                    if attempt.number not in link.share:
                        link.lose(f"it sent a row of request {attempt.number}, which is not in its share")
                        break
                    await self._record(link, attempt, desk)
            elif isinstance(message, protocol.UserQuestion):
                if message.request in link.share:
                    users.handle_question(message, link.send)
                else:
                    link.lose(f"it asked for a user of request {message.request}, which is not in its share")
            elif isinstance(message, protocol.CellDone):
                desk.close_account(link.number, is_lost=False)
                done.reports.append(message.report)
                if message.problem:
                    done.problems.append(f"{link.label}: {message.problem}")
                return
            elif message is None:
                desk.close_account(link.number, is_lost=True)
                return
            elif not desk.receive(link.number, message):
                link.lose("it sent a message that does not belong to the cell that runs")

    async def _record(self, link: WorkerLink, attempt: protocol.AttemptMessage, desk: PermitDesk) -> None:
        """Deliver one attempt, and note what is left of its request."""
        if attempt.context.final:
            del link.share[attempt.number]
        else:
            link.share[attempt.number] = max(attempt.context.number, link.share[attempt.number])
        ours = to_our_clock(attempt, self._offsets[link.machine.id])
        await self._deliver(completed_attempt(ours, self._cell.requests[attempt.number]))
        if not attempt.context.from_cache:
            desk.record_row(link.number, is_answer=attempt.response.failure is None)


def merge_reports(reports: list[protocol.WorkerReport]) -> list[protocol.WorkerReport]:
    """Return one report for each worker; one that also sent another's share has several."""
    merged: dict[int, protocol.WorkerReport] = {}
    for report in reports:
        before = merged.get(report.worker)
        if before is None:
            merged[report.worker] = report
            continue
        lags = [lag for lag in (before.lag_p99_s, report.lag_p99_s) if lag is not None]
        merged[report.worker] = protocol.WorkerReport(
            report.worker,
            before.requests + report.requests,
            max(before.cpu_share, report.cpu_share),
            max(lags, default=None),
        )
    return sorted(merged.values(), key=lambda report: report.worker)
