"""A model that plays users, open together with the model under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gapbench import credentials, transport
from gapbench.execution.attempts.lag_meter import LagMeter
from gapbench.execution.attempts.request_sender import Deliver, RequestSender
from gapbench.execution.attempts.response_cache import ResponseCache, open_response_cache
from gapbench.execution.attempts.user_sender import UserSender
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.user_models import make_user_cell, played_user_of
from gapbench.runner import Runner
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Model, Session
from gapbench.values.policies import RunPolicies


@dataclass(frozen=True)
class UserSession:
    """One model that plays users.

    Attributes:
        model: The model.
        runner: Its runner.
        session: What the runner is opened with.
        policies: The run's policies.
        admission: Its admission control, apart from that of the model under test.
    """

    model: Model
    runner: Runner
    session: Session
    policies: RunPolicies
    admission: AdmissionControl
    _caches: list[ResponseCache] = field(default_factory=list)

    async def open(self) -> None:
        """Open the runner after checking that its address accepts connections.

        Raises:
            SetupError: It does not, or the runner cannot be made ready.
        """
        self.session.log_dir.mkdir(parents=True, exist_ok=True)
        address = self.runner.endpoint()
        if address is not None:
            await transport.check_reachable(address, self.session)
        await self.runner.open(self.session)

    async def close(self) -> None:
        """Close the runner, and the caches of its senders."""
        await self.runner.close()
        for cache in self._caches:
            await cache.close()
        credentials.redact_files_in(self.session.log_dir)

    def make_sender(
        self,
        cell: Cell,
        deliver: Deliver,
        meter: LagMeter,
        stop_signal: StopSignal,
        *,
        seed: int,
        on_given_up: Callable[[str], None],
    ) -> UserSender:
        """Return what asks the model to play the users of a cell.

        Args:
            cell: The cell of the model under test.
            deliver: Receives each attempt.
            meter: Lag meter of this process's event loop.
            stop_signal: No user is asked once it is set.
            seed: Seed of the back-off's jitter.
            on_given_up: See :class:`gapbench.execution.attempts.user_sender.UserSender`.
        """
        cache = open_response_cache(self.policies.cache, self.session.notify, stop_signal)
        if cache is not None:
            self._caches.append(cache)
        sender = RequestSender(
            make_user_cell(cell, self.model),
            self.runner,
            self.policies.timeouts,
            meter,
            deliver,
            self.admission,
            cache=cache,
        )
        return UserSender(
            self.model,
            self.admission.breaker,
            sender,
            self.policies.retries,
            stop_signal,
            seed=seed,
            on_given_up=on_given_up,
        )


def make_user_sessions(
    plan: Plan,
    model: Model,
    session: Session,
    policies: RunPolicies,
    make_runner: Callable[[Model], Runner],
    make_admission: Callable[[Model], AdmissionControl],
) -> Mapping[str, UserSession]:
    """Return the models that play the users of a model's episodes, by the name that the tasks give them; none is open.

    Args:
        plan: The plan.
        model: The model under test.
        session: What its runner is opened with.
        policies: The run's policies.
        make_runner: Returns the runner of a model.
        make_admission: Returns the admission control of a model.
    """
    tasks = [
        *(cell.task for cell in plan.cells_of(model)),
        *(search.task for search in plan.searches_of(model)),
    ]
    played = [found for task in tasks if (found := played_user_of(task)) is not None]
    sessions: dict[str, UserSession] = {}
    for name in dict.fromkeys(found.model for found in played):
        user = plan.users[name]
        log_dir = session.log_dir / f"user-{user.id.replace('/', '_')}"
        opened_with = policies.make_session(user, log_dir, session.connections)
        sessions[name] = UserSession(
            user,
            make_runner(user),
            replace(opened_with, truths=session.truths, notify=session.notify),
            policies,
            make_admission(user),
        )
    return sessions
