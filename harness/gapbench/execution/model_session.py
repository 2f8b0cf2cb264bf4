"""One model's open session: its runner, its admission control, and worker processes if a cell needs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gapbench import transport
from gapbench.agents import open_conversation
from gapbench.cpus import usable_cpus
from gapbench.errors import BenchError
from gapbench.execution.attempts.episode_sender import EpisodeSender, OpenConversation
from gapbench.execution.attempts.lag_meter import LagMeter
from gapbench.execution.attempts.load_generator import Places, run_load
from gapbench.execution.attempts.reply_price import usage_pricer
from gapbench.execution.attempts.request_sender import Deliver, RequestSender, warm_up
from gapbench.execution.attempts.response_cache import open_response_cache
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.spend_leases import SpendLeases
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.user_models import played_user_of
from gapbench.execution.user_session import UserSession
from gapbench.execution.workers.pool import WorkerPool, worker_count
from gapbench.execution.workers.protocol import WorkerReport
from gapbench.runner import Runner
from gapbench.suite.plan import Cell
from gapbench.values import Model, Session
from gapbench.values.policies import RunPolicies

if TYPE_CHECKING:
    from gapbench.execution.machines.machine_group import MachineGroup
    from gapbench.execution.machines.machine_pool import MachinePool


class ModelSession:
    """One open model.

    Args:
        model: The model.
        runner: Its runner; the caller closes it.
        session: What the runner is opened with.
        policies: The run's policies.
        admission: Admission control for all processes that send to the model.
        notify: Receives one line for the user.
        open_conversation: Opens the conversation of an episode; worker processes have their own.
        users: The models that play users, by the name that tasks give them, not open yet.
        machines: The machines that send. None: this one.
    """

    def __init__(
        self,
        model: Model,
        runner: Runner,
        session: Session,
        policies: RunPolicies,
        admission: AdmissionControl,
        notify: Callable[[str], None],
        open_conversation: OpenConversation = open_conversation,
        users: Mapping[str, UserSession] | None = None,
        machines: MachineGroup | None = None,
    ) -> None:
        self.model = model
        self.runner = runner
        self._session = session
        self._policies = policies
        self.admission = admission
        self._notify = notify
        self._open_conversation = open_conversation
        self.users = users or {}
        self._open_users: list[UserSession] = []
        self._machines = machines
        self._pool: WorkerPool | MachinePool | None = None
        self._pool_size = 0

    async def open(self) -> None:
        """Open the runner after checking that its address accepts connections, and the models that play users.

        Raises:
            SetupError: It does not, or a runner cannot be made ready.
        """
        address = self.runner.endpoint()
        if address is not None:
            await transport.check_reachable(address, self._session)
        await self.runner.open(self._session)
        for user in self.users.values():
            self._open_users.append(user)
            await user.open()

    def user_of(self, cell: Cell) -> UserSession | None:
        """Return the model that plays the users of a cell. None: they are scripted."""
        user = played_user_of(cell.task)
        return None if user is None else self.users[user.model]

    async def ensure_worker_pool(self, cell: Cell) -> WorkerPool | MachinePool | None:
        """Return at least as many workers as a cell needs. None: this process sends."""
        if self._machines is not None:
            return await self._ensure_machine_pool(self._machines, cell)
        count = worker_count(cell.load, usable_cpus())
        # Other processes cannot reach an engine that runs in this process.
        model = self.runner.model_for_workers()
        if count == 1 or model is None:
            return None
        if self._pool_size < count:
            await self._close_pool()
            self._notify(f"{self.model.id}: {count} worker processes send")
            self._pool = await WorkerPool.open(count, model, self._session, self._policies)
            self._pool_size = count
        return self._pool

    async def _ensure_machine_pool(self, machines: MachineGroup, cell: Cell) -> MachinePool | None:
        """Return workers on all machines. None: the load has one limiter, so this process sends."""
        from gapbench.execution.machines.machine_pool import MachinePool  # noqa: PLC0415 - needs cryptography

        if cell.load.is_adaptive:
            self._notify(f"{cell.cell_id}: adaptive concurrency has one limiter, so this machine sends")
            return None
        model = self.runner.model_for_workers()
        if model is None:
            raise BenchError(
                f"{self.model.id} runs in this process, so other machines cannot reach it; run it without --machines"
            )
        pool = self._pool
        if not isinstance(pool, MachinePool) or not pool.fits(cell.load):
            await self._close_pool()
            pool = self._pool = await MachinePool.open(
                machines, cell.load, model, self._session, self._policies
            )
        return pool

    async def warm_up(self, cell: Cell, remaining: Sequence[tuple[int, int]]) -> None:
        """Prepare this process for a cell that it sends itself; call it before the cell's clock starts."""
        if remaining:
            await warm_up(self.runner, cell, cell.requests[remaining[0][0]])

    async def run_cell(
        self,
        cell: Cell,
        pool: WorkerPool | MachinePool | None,
        remaining: Sequence[tuple[int, int]],
        deliver: Deliver,
        stop_signal: StopSignal,
        *,
        seed: int,
        cell_start_s: float,
        deliver_user: Deliver | None = None,
        places: Places | None = None,
        on_all_started: Callable[[], None] = lambda: None,
        leases: SpendLeases | None = None,
    ) -> list[WorkerReport]:
        """Send a cell's requests, from this process or from workers.

        Args:
            cell: The cell.
            pool: The workers. None: this process sends.
            remaining: Number of each request to send, and the attempts already made at it.
            deliver: Receives each attempt.
            stop_signal: Stops new sends.
            seed: Seed of the back-off's jitter.
            cell_start_s: The cell's start on :data:`gapbench.transport.now`.
            deliver_user: Receives each attempt at asking a model that plays users. None: all users are scripted.
            places: Places that other cells share; workers do not use them. None: the cell has its own.
            on_all_started: Called when the last request has its place; workers do not call it.
            leases: Sets dollars aside before other machines spend them. None: the run has no budget.

        Returns:
            One report for each process that sent.
        """
        policies, admission = self._policies.for_load(cell.load.kind), self.admission
        if policies is not self._policies:
            admission = AdmissionControl(
                self.model, policies, RetryBudget(policies.retries), None, stop_signal, self._notify
            )
        meter = LagMeter.start()
        user, ask_user = self.user_of(cell), None
        if user is not None and deliver_user is not None:
            ask_user = user.make_sender(
                cell, deliver_user, meter, stop_signal, seed=seed, on_given_up=admission.breaker.give_up
            ).ask
        if pool is not None and not isinstance(pool, WorkerPool):
            try:
                return await pool.run_cell(
                    cell, deliver, stop_signal, admission, cell_start_s=cell_start_s, ask_user=ask_user, leases=leases
                )  # fmt: skip
            finally:
                meter.stop()
        if pool is not None:
            count = worker_count(cell.load, usable_cpus())
            try:
                return await pool.run_cell(
                    cell, count, remaining, deliver, stop_signal, admission, seed=seed,
                    cell_start_s=cell_start_s, ask_user=ask_user,
                )  # fmt: skip
            finally:
                meter.stop()
        cache = open_response_cache(policies.cache, self._notify, stop_signal)
        sender = RequestSender(cell, self.runner, policies.timeouts, meter, deliver, admission, cache=cache)
        price = usage_pricer(self.runner, self.model)
        episodes = EpisodeSender(sender, price, self._open_conversation, ask_user)
        cpu_s = time.process_time()
        requests = cell.requests
        try:
            await run_load(
                cell.load,
                [(requests[number], made) for number, made in remaining],
                episodes.send,
                retries=policies.retries,
                stop_signal=stop_signal,
                seed=seed,
                cell_start_s=cell_start_s,
                places=places,
                on_all_started=on_all_started,
            )
        finally:
            meter.stop()
            await episodes.close()
            if cache is not None:
                await cache.close()
        wall_s = max(transport.now() - cell_start_s, 1e-9)
        return [
            WorkerReport(
                0, sender.attempts_made, (time.process_time() - cpu_s) / wall_s, meter.delay_quantile_s(0.99)
            )
        ]

    async def close(self) -> None:
        """Stop the workers, and close the models that play users."""
        try:
            await self._close_pool()
        finally:
            users, self._open_users = self._open_users, []
            for user in users:
                await user.close()

    async def _close_pool(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool, self._pool_size = None, 0
