"""Run a plan: open each model, run its cells and searches, and keep ``run.json`` up to date; resumable.

Models run one after another, so that two servers never share a GPU. The cells of a model share its open runner.
Every attempt is scored, written to the journal and only then reported to the observer.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gapbench import credentials, transport
from gapbench.errors import BenchError, ResultsError
from gapbench.execution.attempts import gc_tuning
from gapbench.execution.attempts.attempt_row import CellClock
from gapbench.execution.earlier_sessions import (
    EarlierSessions,
    add_stretches_of_killed_sessions,
    read_earlier_rows,
)
from gapbench.execution.gpu_telemetry import GpuSampler
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.rate_search import RateBisection, TryTally
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.cell_scorer import task_metrics
from gapbench.execution.recording.observer import AttemptPricer, RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder, CellRecorder
from gapbench.execution.recording.scoring_queue import ScoringQueue, score_pending
from gapbench.execution.settings import RunSettings
from gapbench.execution.workers.pool import scheduled_start_s
from gapbench.execution.workers.protocol import WorkerReport
from gapbench.runner import Runner, account_of
from gapbench.store import RunManifest, RunWriter, provenance
from gapbench.store.manifest import CellEntry, FailureEntry, SearchEntry, WorkerEntry
from gapbench.suite.plan import Cell, Plan, PlannedSearch
from gapbench.values import Attempt, Model
from gapbench.values.policies import RateLimits

OPEN_LOOP_CONNECTIONS = 1024
"""Connections of a model whose cells follow a schedule: the number in flight is not known ahead. Further requests wait."""
OUT_OF_REACH = "the target is out of reach"
"""The reason with which a try of a search is cut short."""

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
        # At least half the cores stay with the client: a busy machine makes late stamps.
        self.scoring_executor = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2))

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
        simulated = {model_id: runner.simulated for model_id, runner in runners.items()}
        new_manifest = run_manifest.initial_manifest(plan, writer.folder.name, settings.selection, simulated)
        manifest = new_manifest if resumed_manifest is None else resumed_manifest
        manifest.state, manifest.ended_at, manifest.failures = "running", None, []
        if settings.selection:
            # The stored one may be lost, or the suite may have moved.
            manifest.selection = dict(settings.selection)
        if settings.calibration is not None:
            manifest.calibration = dict(settings.calibration)
        rows, pending = read_earlier_rows(writer.folder, is_resumed=bool(resumed_manifest))
        earlier = EarlierSessions.from_rows(rows, pending)
        execution = cls(plan, runners, writer, settings, observer, stop_signal, manifest, earlier)
        execution._count_earlier_rows(rows)
        add_stretches_of_killed_sessions(manifest, rows)
        writer.write_manifest(manifest)
        return execution

    def _count_earlier_rows(self, rows: Sequence[Attempt]) -> None:
        """Count what earlier sessions finished, retried and spent."""
        models = {model.id: model for model in self.plan.models}
        self.recorder.finished_by_cell.update(cell_id for cell_id, _, _ in self.earlier.finished)
        for row in rows:
            if row.attempt > 1 and row.model_id in models:
                self.retry_budget.record_retry(models[row.model_id])
            self.recorder.charge(row)

    async def run_all_models(self) -> None:
        """Run every model that still has requests to send."""
        for line in self.writer.damage_found:
            self.observer.notify(line)
        if self.earlier.pending_answers:
            await score_pending(
                self.earlier.pending_answers,
                self.plan.cells,
                self.writer,
                self.scoring_executor,
                self.observer,
                self.stop_signal,
                self.settings.make_scorer,
            )
        for model in self.plan.models:
            if self.stop_signal.reason is not None:
                return
            searches = self.plan.searches_of(model)
            cells = self.plan.cells_of(model)
            if all(self._search_entry(search).is_done for search in searches) and all(
                self.earlier.is_finished(cell) for cell in cells
            ):
                for cell in cells:
                    self.observer.cell_started(cell, len(cell.requests), len(cell.requests))
                    self.observer.cell_ended(cell)
                self._record_task_metrics(model)
                continue
            await self._run_model(model, self.runners[model.id])

    def write_final_state(self) -> None:
        """Write the manifest's last state; called however the run ends."""
        self.scoring_executor.shutdown(cancel_futures=True)
        reason = self.stop_signal.reason
        state = "complete" if reason is None else "interrupted" if reason == "interrupted" else "stopped"
        if state == "complete" and self.manifest.failures:
            state = "failed"
        self.manifest.state, self.manifest.reason = state, reason
        self.manifest.ended_at = provenance.format_utc(datetime.now(UTC))
        self.writer.write_manifest(self.manifest)

    async def _run_model(self, model: Model, runner: Runner) -> None:
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
        admission = AdmissionControl(
            model,
            policies,
            self.retry_budget,
            self._rate_limiter(model),
            self.stop_signal,
            self.observer.notify,
        )
        model_session = ModelSession(model, runner, session, policies, admission, self.observer.notify)
        try:
            await model_session.open()
            self.manifest.model(model.id).facts = dict(await runner.facts())
            self.writer.write_manifest(self.manifest)
            for cell in cells:
                if self.stop_signal.reason is None and admission.breaker.state != "given_up":
                    await self._run_cell(cell, model_session, self.stop_signal)
            for search in searches:
                if self.stop_signal.reason is None and admission.breaker.state != "given_up":
                    await self._run_search(search, model_session)
            if admission.breaker.state == "given_up":
                message = f"given up after {admission.breaker.reason}; the rest is unsent"
                self.manifest.failures.append(FailureEntry(model_id=model.id, message=message))
            self._record_task_metrics(model)
        except ResultsError:
            raise
        except BenchError as exc:
            # One model that cannot be had must not cost the others their night.
            message = credentials.redact(str(exc))
            self.manifest.failures.append(FailureEntry(model_id=model.id, message=message))
            self.observer.notify(f"{model.id}: {message}")
        finally:
            try:
                await model_session.close()
            finally:
                await runner.close()
                _redact_logs(log_dir)

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
        """Keep what the tasks' own judges make of all replies of one model."""
        others = [row for row in self.manifest.graded if row["model_id"] != model.id]
        self.manifest.graded = others + task_metrics(self.plan.cells_of(model), self.writer.folder)

    async def _run_cell(
        self, cell: Cell, model_session: ModelSession, stop_signal: StopSignal, tally: TryTally | None = None
    ) -> None:
        """Send what is left of a cell.

        Args:
            cell: The cell.
            model_session: Where its model is open.
            stop_signal: Stops it: the run's, or that of one try of a search.
            tally: Counts its rows. None: it is no try of a search.
        """
        todo = self.earlier.remaining(cell)
        already_done = len(cell.requests) - len(todo)
        self.observer.cell_started(cell, len(cell.requests), already_done)
        if todo:
            entry = self.manifest.cell(cell.cell_id)
            with contextlib.suppress(BenchError):  # a server that hides its counters still answers
                entry.counters_before = _as_dict(await model_session.runner.counters())
            await asyncio.to_thread(self._write_media, cell, todo)
            pool = await model_session.ensure_worker_pool(cell)
            clock = CellClock(scheduled_start_s() if pool else transport.now(), datetime.now(UTC))

            def update_tally(row: Attempt) -> None:
                if tally is not None:
                    tally.record(row)
                    if tally.is_out_of_reach:
                        stop_signal.set(OUT_OF_REACH)

            suite = (self.plan.suite, self.plan.suite_sha256)
            scoring_queue = ScoringQueue(
                self.manifest.run_id, suite, cell, clock, self.scoring_executor, CellRecorder(self.recorder, cell, update_tally),
                scorer=self.settings.make_scorer(cell, self.writer.folder), simulated=model_session.runner.simulated,
            )  # fmt: skip
            samples: list[dict[str, Any]] = []
            reports: list[WorkerReport] = []
            try:
                with (
                    GpuSampler(samples.append, {"cell_id": cell.cell_id}, clock.start_s),
                    gc_tuning.freeze_gc(),
                ):
                    reports = await model_session.run_cell(
                        cell,
                        pool,
                        todo,
                        scoring_queue.submit,
                        stop_signal,
                        seed=self.plan.seed,
                        cell_start_s=clock.start_s,
                    )
            except BaseException:
                scoring_queue.cancel()
                raise
            finally:
                wall_s = transport.now() - clock.start_s
                await scoring_queue.wait_until_scored()
                run_manifest.add_stretch(entry, clock.started_at, wall_s)
                lags = [lag for lag in (entry.lag_p99_s, *(r.lag_p99_s for r in reports)) if lag is not None]
                entry.lag_p99_s = max(lags, default=None)
                entry.workers = [WorkerEntry(**dataclasses.asdict(report)) for report in reports]
                with contextlib.suppress(BenchError):
                    entry.counters_after = _as_dict(await model_session.runner.counters())
                await asyncio.to_thread(self.writer.sync)
                self.writer.add_telemetry(samples)
                self.writer.write_manifest(self.manifest)
        self.observer.cell_ended(cell)

    async def _run_search(self, planned: PlannedSearch, model_session: ModelSession) -> None:
        """Try one rate after another; a resumed search goes by the rows that its tries have left."""
        search_entry = self._search_entry(planned)
        bisection = RateBisection(planned.search)
        while self.stop_signal.reason is None and (step := bisection.next_try()) is not None:
            cell = planned.cell_at(*step)
            measured_requests = sum(request.phase == "measure" for request in cell.requests)
            tally = TryTally(planned.search.slo, measured_requests)
            for row in self.earlier.search_rows.get(cell.cell_id, ()):
                tally.record(row)
            known = [entry for entry in self.manifest.cells if entry.cell_id == cell.cell_id]
            if not known:
                known = [run_manifest.cell_entry(cell)]
                self.manifest.cells += known
            if not known[0].cut_short:
                await self._run_try(cell, model_session, tally, known[0])
            if self.stop_signal.reason is not None and tally.sent < tally.total and not tally.is_out_of_reach:
                break
            bisection.record_try(step[0], tally.met, tally.sent)
            for name, value in bisection.result().items():
                setattr(search_entry, name, value)
            self.writer.write_manifest(self.manifest)
        if search_entry.is_done:
            self.observer.notify(f"{planned.search_id}: {search_entry.words} keeps {planned.search.slo}")

    async def _run_try(
        self, cell: Cell, model_session: ModelSession, tally: TryTally, entry: CellEntry
    ) -> None:
        """Send one try until it is done, or until its target is out of reach."""
        stop_signal = StopSignal()
        forward_stop = asyncio.create_task(self.stop_signal.wait())
        forward_stop.add_done_callback(
            lambda done: None if done.cancelled() else stop_signal.set(self.stop_signal.reason or "")
        )
        try:
            await self._run_cell(cell, model_session, stop_signal, tally)
        finally:
            forward_stop.cancel()
        if stop_signal.reason == OUT_OF_REACH:
            # What was not sent any more is no part of the plan: nothing is left to resume.
            entry.cut_short = True
            entry.planned = self.recorder.finished_by_cell[cell.cell_id]
            self.writer.write_manifest(self.manifest)

    def _search_entry(self, planned: PlannedSearch) -> SearchEntry:
        return next(entry for entry in self.manifest.searches if entry.search_id == planned.search_id)

    def _write_media(self, cell: Cell, todo: Sequence[tuple[int, int]]) -> None:
        """Put a cell's images on disk before it begins: its rows name them, and may not wait for them."""
        images = {
            image.sha256: image.data
            for number, _ in todo
            for message in cell.requests[number].sample.messages
            for image in message.images
        }
        for digest, data in images.items():
            self.writer.add_media(digest, data)


def _first_exception(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _as_dict(counters: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if counters is None else dict(counters)


def _redact_logs(folder: Path) -> None:
    """Remove keys from the logs of servers that we started; no other file that we write holds any."""
    for log in folder.rglob("*"):
        if log.is_file() and not log.is_symlink():
            credentials.redact_file(log)
