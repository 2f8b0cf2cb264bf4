"""Run a plan: open each model, run its cells and searches, and keep ``run.json`` up to date; resumable.

Models on different machines run side by side, unless they are timed; two servers never share a GPU. The cells of a model
share its open runner and, unless they are timed, its places in flight. See :mod:`gapbench.execution.cell_order`.
Every attempt is scored, written to the journal and only then reported to the observer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self, cast

from gapbench import credentials
from gapbench.errors import BenchError, FailureKind, ResultsError
from gapbench.execution.attempts.load_generator import Places
from gapbench.execution.batches.batched_models import BatchedModels
from gapbench.execution.cell_order import order_models, shared_queues
from gapbench.execution.cell_run import CellRun
from gapbench.execution.earlier_looks import add_looks_at_smaller_runs, note_look
from gapbench.execution.earlier_sessions import (
    EarlierSessions,
    add_stretches_of_killed_sessions,
    read_earlier_rows,
    reopen_failed_requests,
)
from gapbench.execution.failure_words import describe_failure
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.model_sessions import ModelSessions
from gapbench.execution.rate_search import TryTally
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.cell_scorer import task_metrics
from gapbench.execution.recording.observer import AttemptPricer, RunObserver, SpendObserver
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.recording.scoring_executors import ScoringExecutors
from gapbench.execution.recording.scoring_queue import score_pending
from gapbench.execution.search_run import OUT_OF_REACH, SearchRun
from gapbench.execution.sending_cells import SendingCells
from gapbench.execution.settings import RunSettings
from gapbench.execution.side_by_side import raise_one_error, run_in_shared_places, run_side_by_side
from gapbench.execution.watched_cells import WatchedCells
from gapbench.runner import Runner
from gapbench.store import RunManifest, RunWriter, provenance
from gapbench.store.manifest import FailureEntry
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Attempt, Failure, Model
from gapbench.values.played_user import cell_of_user

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
        with raise_one_error():
            await execution.run_all_models()
    except asyncio.CancelledError:
        stop_signal.set("interrupted")
        raise
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
        self.recorder = AttemptRecorder(
            writer, settings.price_attempt, settings.max_usd, observer, stop_signal
        )
        self.retry_budget = RetryBudget(settings.policies.retries)
        self.model_sessions = ModelSessions(
            plan, writer, settings, observer, stop_signal, manifest, self.retry_budget
        )
        sending_cells = SendingCells(settings.while_sending)
        self.scoring_executors = ScoringExecutors.open(settings.make_scoring_executor, sending_cells)
        self.cell_run = CellRun(
            plan, writer, settings, self.recorder, self.scoring_executors, sending_cells, manifest
        )
        self.batched_models = BatchedModels(
            self.cell_run, earlier, observer, stop_signal,
            lambda model: self.model_sessions.open(model, self.runners[model.id]), self._note_failure,
        )  # fmt: skip
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
        rows = reopen_failed_requests(rows, writer, observer) if settings.batches.sends_unsent else rows
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
        usd_by_cell: dict[str, Decimal] = {}
        for row in rows:
            if row.phase == "user":
                self.recorder.next_user_attempt((row.cell_id, row.sample_id, row.repeat))
            before = (row.cell_id, row.sample_id, row.repeat, row.attempt - 1)
            # The next turn of an episode is no retry, and neither is one that starts again after an interruption.
            is_retry = row.attempt > 1 and before not in refused and before not in answered
            if is_retry and row.model_id in models:
                self.retry_budget.record_retry(models[row.model_id])
            usd = self.recorder.charge(row)
            if usd is not None:
                cell_id = cell_of_user(row.cell_id) if row.phase == "user" else row.cell_id
                usd_by_cell[cell_id] = usd_by_cell.get(cell_id, Decimal(0)) + usd
        self.recorder.charge_first_calls(self.manifest.first_calls)
        if isinstance(self.observer, SpendObserver):
            self.observer.spending_counted(self.recorder.spend_budget, usd_by_cell)

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
                open_model=lambda model: self.model_sessions.open(model, self.runners[model.id]),
                note_failure=self._note_failure,
                note_if_given_up=self._note_if_given_up,
            )
            await blocks.run()
        else:
            lists, alone = order_models(self.plan, one_at_a_time=self.settings.machines is not None)
            async with self.batched_models.submitted():
                await run_side_by_side(self._run_models(models) for models in lists)
                await self._run_models(alone)
        for model in self.plan.models:
            if any(self.recorder.finished_by_cell[cell.cell_id] for cell in self.plan.cells_of(model)):
                self._record_task_metrics(model)

    async def _run_models(self, models: Sequence[Model]) -> None:
        """Run models one after another, and tell the observer of those that are finished."""
        for model in filter(self.batched_models.is_live, models):
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
                continue
            await self._run_model(model, self.runners[model.id])

    def _is_finished(self, cell: Cell) -> bool:
        """Return whether nothing of a cell is left to send."""
        return self.manifest.cell(cell.cell_id).cut_short or self.earlier.is_finished(cell)

    def write_final_state(self) -> None:
        """Write the final state to the manifest; called however the run ends."""
        self.scoring_executors.shutdown()
        reason = self.stop_signal.reason or self.batched_models.describe_unfinished()
        state = "complete" if reason is None else "interrupted" if reason == "interrupted" else "stopped"
        if self.stop_signal.reason is None and self.manifest.failures:
            state = "failed"
        self.manifest.state, self.manifest.reason = state, reason
        note_look(self.manifest, self.recorder.finished_by_cell)
        self.manifest.ended_at = provenance.format_utc(datetime.now(UTC))
        self.writer.write_manifest(self.manifest)

    async def _run_model(self, model: Model, runner: Runner) -> None:
        with self._note_failure(model):
            async with self.model_sessions.open(model, runner) as model_session:
                one_at_a_time = self.settings.machines is not None
                for cells in shared_queues(self.plan.cells_of(model), one_at_a_time=one_at_a_time):
                    if len(cells) > 1:
                        await run_in_shared_places(
                            cells,
                            lambda cell, places, on_all_started: self._run_cell(
                                cell,
                                model_session,
                                self.stop_signal,
                                places=places,
                                on_all_started=on_all_started,
                            ),
                            lambda: self._may_send(model_session),
                        )
                    elif self._may_send(model_session):
                        await self._run_cell(cells[0], model_session, self.stop_signal)
                for search in self.plan.searches_of(model):
                    if self._may_send(model_session):
                        await self.search_run.run(search, model_session)
                self._note_if_given_up(model_session)

    def _may_send(self, model_session: ModelSession) -> bool:
        return self.stop_signal.reason is None and model_session.admission.breaker.state != "given_up"

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

    def _record_task_metrics(self, model: Model) -> None:
        """Store the aggregate metrics of tasks that bring their own scorer, for one model."""
        others = [row for row in self.manifest.graded if row["model_id"] != model.id]
        self.manifest.graded = others + task_metrics(self.plan.cells_of(model), self.writer.folder)

    async def _run_cell(
        self,
        cell: Cell,
        model_session: ModelSession,
        stop_signal: StopSignal,
        tally: TryTally | None = None,
        *,
        places: Places | None = None,
        on_all_started: Callable[[], None] = lambda: None,
    ) -> None:
        """Run what remains of a cell.

        Args:
            cell: The cell.
            model_session: The open model.
            stop_signal: Stops new sends: the run's signal, or that of one try of a search.
            tally: Counts the rows of a search's try. None: the cell is not part of a search.
            places: Places that other cells of the model share. None: the cell has its own.
            on_all_started: Called when the last request has its place.
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
            await cells.run(
                cell,
                todo,
                model_session,
                stop_signal,
                update_tally,
                places=places,
                on_all_started=on_all_started,
            )
        self.observer.cell_ended(cell)
