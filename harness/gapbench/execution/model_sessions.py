"""Open the models of a run, each with its admission control and the models that play its users."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from gapbench import credentials
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.settings import RunSettings
from gapbench.execution.user_session import make_user_sessions
from gapbench.runner import Runner, account_of
from gapbench.store import RunManifest, RunWriter
from gapbench.suite.plan import Plan
from gapbench.values import Model
from gapbench.values.policies import RateLimits

OPEN_LOOP_CONNECTIONS = 1024
"""Connections of a model whose cells follow a schedule: the number in flight is not known ahead. Further requests wait."""


def log_folder_of(run: Path, model: Model) -> Path:
    """Return the folder of a model's logs in a run folder."""
    return run / "logs" / model.id.replace("/", "_")


@dataclass(frozen=True)
class ModelSessions:
    """What the models of a run have in common.

    Attributes:
        plan: The plan.
        writer: The run folder, open for writing.
        settings: See :class:`RunSettings`.
        observer: Receives which model is being opened.
        stop_signal: Stops new sends.
        manifest: The run's manifest; what a runner reports of its server is written to it.
        retry_budget: Retries that the models may still make.
    """

    plan: Plan
    writer: RunWriter
    settings: RunSettings
    observer: RunObserver
    stop_signal: StopSignal
    manifest: RunManifest
    retry_budget: RetryBudget
    _rate_limiters: dict[tuple[str, RateLimits], RateLimiter] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def open(self, model: Model, runner: Runner) -> AsyncIterator[ModelSession]:
        """Open a model for the duration of the block; close it and redact its logs however the block ends."""
        log_dir = log_folder_of(self.writer.folder, model)
        log_dir.mkdir(parents=True, exist_ok=True)
        cells = self.plan.cells_of(model)
        searches = self.plan.searches_of(model)
        policies = self.settings.policies
        connections = max(
            int(cell.load.value) if not cell.load.is_open_loop else OPEN_LOOP_CONNECTIONS
            for cell in (*cells, *(search.cell_at(1.0, 1) for search in searches))
        )
        session = dataclasses.replace(
            policies.make_session(model, log_dir, connections),
            truths=self.plan.truths,
            notify=self.observer.notify,
        )
        self.observer.model_opening(model)
        make_runner = self.settings.make_user_runner
        model_session = ModelSession(
            model,
            runner,
            session,
            policies,
            self._make_admission(model),
            self.observer.notify,
            self.settings.open_conversation,
            make_user_sessions(self.plan, model, session, policies, make_runner, self._make_admission),
            self.settings.machines,
        )
        try:
            await model_session.open()
            self.manifest.model(model.id).facts = dict(await runner.facts())
            self.writer.write_manifest(self.manifest)
            yield model_session
        finally:
            try:
                await model_session.close()
            finally:
                await runner.close()
                credentials.redact_files_in(log_dir)  # no other file that we write can hold a key

    def _make_admission(self, model: Model) -> AdmissionControl:
        limiter = self._rate_limiter(model)
        notify, policies = self.observer.notify, self.settings.policies
        return AdmissionControl(model, policies, self.retry_budget, limiter, self.stop_signal, notify)

    def _rate_limiter(self, model: Model) -> RateLimiter | None:
        """Return the rate limiter of a model, or None without limits. Models of one account share a limiter."""
        limits = self.settings.policies.limits.get(model.id)
        if limits is None:
            return None
        rate_limiter = RateLimiter(
            limits, self.stop_signal.sleep, is_stopped=lambda: self.stop_signal.reason is not None
        )
        return self._rate_limiters.setdefault((account_of(model), limits), rate_limiter)
