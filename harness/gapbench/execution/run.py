"""Run a plan: open each model, run its cells and searches, and keep ``run.json`` up to date; resumable.

Models run one after another, so that two servers never share a GPU. The cells of a model share its open runner.
Every attempt is scored, written to the journal and only then reported to the observer.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self, cast

from gapbench import credentials
from gapbench.errors import BenchError, FailureKind, ResultsError
from gapbench.execution.cell_run import CellRun
from gapbench.execution.earlier_looks import add_looks_at_smaller_runs, note_look
from gapbench.execution.earlier_sessions import (
    EarlierSessions,
    add_stretches_of_killed_sessions,
    read_earlier_rows,
    reopen_failed_requests,
)
from gapbench.execution.failure_words import describe_failure
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.rate_search import TryTally
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.cell_scorer import task_metrics
from gapbench.execution.recording.observer import AttemptPricer, RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.recording.scoring_executors import ScoringExecutors
from gapbench.execution.recording.scoring_queue import score_pending
from gapbench.execution.search_run import OUT_OF_REACH, SearchRun
from gapbench.execution.settings import RunSettings
from gapbench.execution.user_session import make_user_sessions
from gapbench.execution.watched_cells import WatchedCells
from gapbench.runner import Runner, account_of
from gapbench.store import RunManifest, RunWriter, provenance
from gapbench.store.manifest import FailureEntry
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Attempt, Failure, Model
from gapbench.values.policies import RateLimits

OPEN_LOOP_CONNECTIONS = 1024
"""Connections of a model whose cells follow a schedule: the number in flight is not known ahead. Further requests wait."""

__all__ = ["AttemptPricer", "RunObserver", "RunSettings", "run"]


async def run(
    plan: Plan,
    runners: Mapping[str, Runner],
    writer: RunWriter,
    settings: RunSettings,
    observer: RunObserver,
    stop_signal: StopSignal,
    *,
    resumed_manifest: RunManifest | None = None,
) -> RunManifest:
    """Run a plan into a folder and return the final manifest.

    Args:
        plan: What to run.
        runners: By model id, not yet open.
        writer: The run folder, open for writing.
        settings: See :class:`RunSettings`.
        observer: Receives progress.
        stop_signal: Set it to stop sending; what is in flight is finished and kept.
        resumed_manifest: The manifest of the run to continue. None: a new run.

    Raises:
        ResultsError: The folder cannot be written any more; what was finished is kept.
    """
    execution = _RunExecution.open(plan, runners, writer, settings, observer, stop_signal, resumed_manifest)
    try:
        await execution.run_all_models()
    except asyncio.CancelledError:
        stop_signal.set("interrupted")
        raise
    except BaseExceptionGroup as group:
        # When the disk fails, all requests in flight fail with it; report the error once.
        broken, _ = group.split(ResultsError)
        if broken is None:
            raise
        raise _first_exception(broken) from group
    finally:
        execution.write_final_state()
    return execution.manifest


class _RunExecution:
    """One session of a run. Use :meth:`open`."""

    def __init__(
        self,
        plan: Plan,
        runners: Mapping[str, Runner],
        writer: RunWriter,
        settings: RunSettings,
        observer: RunObserver,
        stop_signal: StopSignal,
        manifest: RunManifest,
        earlier: EarlierSessions,
    ) -> None:
        self.plan = plan
        self.runners = runners
        self.writer = writer
        self.settings = settings
        self.observer = observer
        self.stop_signal = stop_signal
        self.manifest = manifest
        self.earlier = earlier
        self.recorder = AttemptRecorder(writer, settings, observer, stop_signal)
        self.retry_budget = RetryBudget(settings.policies.retries)
        self.rate_limiters: dict[tuple[str, RateLimits], RateLimiter] = {}
        self.scoring_executors = ScoringExecutors.open(settings.make_scoring_executor)
        self.cell_run = CellRun(plan, writer, settings, self.recorder, self.scoring_executors, manifest)
        self.watched_cells = WatchedCells(self.cell_run, observer.notify, settings.should_continue)
        self.search_run = SearchRun(
            manifest, writer, observer, stop_signal, self.recorder, earlier.search_rows, self._run_cell
        )

    @classmethod
    def open(
        cls,
        plan: Plan,
        runners: Mapping[str, Runner],
        writer: RunWriter,
        settings: RunSettings,
        observer: RunObserver,
        stop_signal: StopSignal,
        resumed_manifest: RunManifest | None,
    ) -> Self:
        """Read what earlier sessions left, count it, and write the manifest of this one."""
        credentials.remember_environment_keys()
        simulated = {
            **{user.id: settings.make_user_runner(user).simulated for user in plan.users.values()},
            **{model_id: runner.simulated for model_id, runner in runners.items()},
        }
        manifest = resumed_manifest
        if manifest is None:
            manifest = run_manifest.initial_manifest(plan, writer.folder.name, settings.selection, simulated)
            if not settings.until_sure:
                add_looks_at_smaller_runs(manifest, writer.folder)
        run_manifest.start_session(manifest, settings.selection, settings.calibration, settings.first_calls)
        run_manifest.adopt_suite(manifest, plan, settings.suite_content)
        if settings.until_sure and manifest.sequential is None:
            from gapbench.execution.until_sure import new_entry  # noqa: PLC0415 - imports scipy

            manifest.sequential = new_entry(plan, settings.looks)
        rows, pending = read_earlier_rows(writer.folder, is_resumed=bool(resumed_manifest))
        rows = reopen_failed_requests(rows, writer, observer)
        earlier = EarlierSessions.from_rows(rows, pending)
        execution = cls(plan, runners, writer, settings, observer, stop_signal, manifest, earlier)
        execution._count_earlier_rows(rows)
        add_stretches_of_killed_sessions(manifest, rows)
        writer.write_manifest(manifest)
        return execution

    def _count_earlier_rows(self, rows: Sequence[Attempt]) -> None:
        """Count what earlier sessions finished, retried and spent."""
        models = {model.id: model for model in (*self.plan.users.values(), *self.plan.models)}
        self.recorder.finished_by_cell.update(cell_id for cell_id, _, _ in self.earlier.finished)
        retries = self.settings.policies.retries
        # Repeating what a quota refused is not a retry, see decide_retry.
        refused = {
            (row.cell_id, row.sample_id, row.repeat, row.attempt)
            for row in rows
            if row.failure_kind is not None
            and retries.is_quota_refusal(
                Failure(cast("FailureKind", row.failure_kind), "", row.http_status, row.retry_after_s)
            )
        }
        answered = {
            (row.cell_id, row.sample_id, row.repeat, row.attempt) for row in rows if row.failure_kind is None
        }
        for row in rows:
            if row.phase == "user":
                self.recorder.next_user_attempt((row.cell_id, row.sample_id, row.repeat))
            before = (row.cell_id, row.sample_id, row.repeat, row.attempt - 1)
            # The next turn of an episode is no retry, and neither is one that starts again after an interruption.
            is_retry = row.attempt > 1 and before not in refused and before not in answered
            if is_retry and row.model_id in models:
                self.retry_budget.record_retry(models[row.model_id])
            self.recorder.charge(row)
        self.recorder.charge_first_calls(self.manifest.first_calls)

    async def run_all_models(self) -> None:
        """Run every model that has unfinished requests."""
        for line in self.writer.damage_found:
            self.observer.notify(line)
        if self.earlier.pending_answers:
            await score_pending(
                self.earlier.pending_answers,
                self.plan.cells,
                self.writer,
                self.scoring_executors.after_load,
                self.observer,
                self.stop_signal,
                self.settings.make_scorer,
            )
        if self.manifest.sequential is not None:
            from gapbench.execution.block_run import BlockRun  # noqa: PLC0415 - imports scipy

            blocks = BlockRun(
                self.plan,
                self.manifest,
                self.writer,
                self.observer,
                self.stop_signal,
                self.earlier,
                self.recorder,
                self.watched_cells,
                open_model=lambda model: self._open_model(model, self.runners[model.id]),
                note_failure=self._note_failure,
                note_if_given_up=self._note_if_given_up,
            )
            await blocks.run()
            for model in self.plan.models:
                self._record_task_metrics(model)
            return
        for model in self.plan.models:
            if self.stop_signal.reason is not None:
                return
            searches = self.plan.searches_of(model)
            cells = self.plan.cells_of(model)
            if all(self.search_run.entry_of(search).is_done for search in searches) and all(
                self._is_finished(cell) for cell in cells
            ):
                for cell in cells:
                    planned = self.manifest.cell(cell.cell_id).planned
                    self.observer.cell_started(cell, planned, planned)
                    self.observer.cell_ended(cell)
                self._record_task_metrics(model)
                continue
            await self._run_model(model, self.runners[model.id])

    def _is_finished(self, cell: Cell) -> bool:
        """Return whether nothing of a cell is left to send."""
        return self.manifest.cell(cell.cell_id).cut_short or self.earlier.is_finished(cell)

    def write_final_state(self) -> None:
        """Write the final state to the manifest; called however the run ends."""
        self.scoring_executors.shutdown()
        reason = self.stop_signal.reason
        state = "complete" if reason is None else "interrupted" if reason == "interrupted" else "stopped"
        if state == "complete" and self.manifest.failures:
            state = "failed"
        self.manifest.state, self.manifest.reason = state, reason
        note_look(self.manifest, self.recorder.finished_by_cell)
        self.manifest.ended_at = provenance.format_utc(datetime.now(UTC))
        self.writer.write_manifest(self.manifest)

    async def _run_model(self, model: Model, runner: Runner) -> None:
        with self._note_failure(model):
            async with self._open_model(model, runner) as model_session:
                breaker = model_session.admission.breaker
                for cell in self.plan.cells_of(model):
                    if self.stop_signal.reason is None and breaker.state != "given_up":
                        await self._run_cell(cell, model_session, self.stop_signal)
                for search in self.plan.searches_of(model):
                    if self.stop_signal.reason is None and breaker.state != "given_up":
                        await self.search_run.run(search, model_session)
                self._note_if_given_up(model_session)
                self._record_task_metrics(model)

    def _note_if_given_up(self, model_session: ModelSession) -> bool:
        """Record that a model was given up, and return whether it was."""
        breaker = model_session.admission.breaker
        if breaker.state != "given_up":
            return False
        last = model_session.admission.last_failure
        words = "" if last is None else f": {describe_failure(last, model_session.runner)}"
        message = credentials.redact(f"given up after {breaker.reason}{words}; the rest is unsent")
        self.manifest.failures.append(FailureEntry(model_id=model_session.model.id, message=message))
        return True

    @contextlib.contextmanager
    def _note_failure(self, model: Model) -> Iterator[None]:
        """Record an error of a model. One model that cannot be reached must not stop the others."""
        try:
            yield
        except ResultsError:
            raise
        except BenchError as exc:
            message = credentials.redact(str(exc))
            self.manifest.failures.append(FailureEntry(model_id=model.id, message=message))
            self.observer.notify(f"{model.id}: {message}")

    @contextlib.asynccontextmanager
    async def _open_model(self, model: Model, runner: Runner) -> AsyncIterator[ModelSession]:
        """Open a model for the duration of the block; close it and redact its logs however the block ends."""
        log_dir = self.writer.folder / "logs" / model.id.replace("/", "_")
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
        return self.rate_limiters.setdefault((account_of(model), limits), rate_limiter)

    def _record_task_metrics(self, model: Model) -> None:
        """Store the aggregate metrics of tasks that bring their own scorer, for one model."""
        others = [row for row in self.manifest.graded if row["model_id"] != model.id]
        self.manifest.graded = others + task_metrics(self.plan.cells_of(model), self.writer.folder)

    async def _run_cell(
        self, cell: Cell, model_session: ModelSession, stop_signal: StopSignal, tally: TryTally | None = None
    ) -> None:
        """Run what remains of a cell.

        Args:
            cell: The cell.
            model_session: The open model.
            stop_signal: Stops new sends: the run's signal, or that of one try of a search.
            tally: Counts the rows of a search's try. None: the cell is not part of a search.
        """
        if cell.task.adaptive is not None:
            from gapbench.execution.adaptive_run import AdaptiveRun  # noqa: PLC0415 - imports numpy

            adaptive = AdaptiveRun(
                self.manifest, self.writer, self.observer, self.earlier, self.recorder, self.watched_cells
            )
            await adaptive.run(cell, model_session, stop_signal)
            return
        todo = self.earlier.remaining(cell)
        self.observer.cell_started(cell, len(cell.requests), len(cell.requests) - len(todo))

        def update_tally(row: Attempt) -> None:
            if tally is not None:
                tally.record(row)
                if tally.is_out_of_reach:
                    stop_signal.set(OUT_OF_REACH)

        if todo:
            cells = self.watched_cells if tally is None else self.cell_run
            await cells.run(cell, todo, model_session, stop_signal, update_tally)
        self.observer.cell_ended(cell)


def _first_exception(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
