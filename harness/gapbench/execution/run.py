"""The conductor: plan to load to score to store, attempt by attempt, resumable.

Models run one after another, so that two servers never share a GPU; the cells of a model share its
open runner. Every attempt is scored, written to the journal and only then reported to the watcher.
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
from typing import Any

from gapbench import credentials, transport
from gapbench.errors import BenchError, ResultsError
from gapbench.execution.attempts import gc_tuning
from gapbench.execution.attempts.attempt_row import CellClock
from gapbench.execution.gpu_telemetry import GpuSampler
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.rate_search import RateBisection, TryTally
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.cell_scorer import make_cell_scorer, task_metrics
from gapbench.execution.recording.observer import AttemptPricer, RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder, CellRecorder
from gapbench.execution.recording.scoring_queue import ScoringQueue, score_pending
from gapbench.execution.settings import RunSettings
from gapbench.execution.workers.pool import scheduled_start_s
from gapbench.execution.workers.protocol import WorkerReport
from gapbench.runner import Runner, account_of
from gapbench.store import RunManifest, RunWriter, provenance, read_attempt_values, read_pending_answers
from gapbench.store.manifest import CellEntry, FailureEntry, SearchEntry, WorkerEntry
from gapbench.suite.plan import Cell, Plan, PlannedRequest, PlannedSearch
from gapbench.values import Attempt, Model, Session
from gapbench.values.policies import RateLimits

OPEN_LOOP_CONNECTIONS = 1024
"""Under a schedule nobody knows how many requests will be in flight; a request above this waits for a connection."""
OUT_OF_REACH = "the target is out of reach"
"""Why a try of a search is cut short."""

__all__ = ["AttemptPricer", "RunObserver", "RunSettings", "run"]

PlannedRequestKey = tuple[str, str, int]
"""A planned request: cell_id, sample_id, repeat."""


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
    """Run a plan into a folder and return the manifest as it was left.

    Args:
        plan: What to run.
        runners: By model id, built and not yet open.
        writer: The run folder, open for writing.
        settings: See :class:`RunSettings`.
        observer: Told of progress.
        stop_signal: Set it to stop sending; what is in flight is finished and kept.
        resumed_manifest: The manifest of the run to go on with. None: a new run.

    Raises:
        ResultsError: The folder cannot be written any more; what was finished is kept.
    """
    execution = _RunExecution(plan, runners, writer, settings, observer, stop_signal, resumed_manifest)
    try:
        await execution.run_all_models()
    except asyncio.CancelledError:
        stop_signal.set("interrupted")
        raise
    except BaseExceptionGroup as group:
        # Requests in flight fail together when the disk does; the user is told once.
        broken, _ = group.split(ResultsError)
        if broken is None:
            raise
        raise _first_exception(broken) from group
    finally:
        execution.write_final_state()
    return execution.manifest


class _RunExecution:
    """One run under way."""

    def __init__(
        self,
        plan: Plan,
        runners: Mapping[str, Runner],
        writer: RunWriter,
        settings: RunSettings,
        observer: RunObserver,
        stop_signal: StopSignal,
        resumed_manifest: RunManifest | None,
    ) -> None:
        self.plan = plan
        self.runners = runners
        self.writer = writer
        self.settings = settings
        self.observer = observer
        self.stop_signal = stop_signal
        self.recorder = AttemptRecorder(writer, settings, observer, stop_signal)
        self.retry_budget = RetryBudget(
            settings.retries_per_run, settings.retries_per_model, settings.retries_per_provider
        )
        self.rate_limiters: dict[tuple[str, RateLimits], RateLimiter] = {}
        credentials.remember_environment_keys()
        simulated = {model_id: runner.simulated for model_id, runner in runners.items()}
        new_manifest = run_manifest.initial_manifest(plan, writer.folder.name, settings.selection, simulated)
        self.manifest = new_manifest if resumed_manifest is None else resumed_manifest
        self.manifest.state, self.manifest.ended_at, self.manifest.failures = "running", None, []
        if settings.selection:  # the run may have lost it, or its suite lie elsewhere now
            self.manifest.selection = dict(settings.selection)
        if settings.calibration is not None:
            self.manifest.calibration = dict(settings.calibration)
        earlier = read_attempt_values(writer.folder) if resumed_manifest else []
        self.pending_answers = read_pending_answers(writer.folder, earlier)
        earlier += [row for row, _ in self.pending_answers]
        # What earlier sessions finished; of this one a count is enough, or a long run's memory would grow with it.
        self.finished: set[PlannedRequestKey] = set()
        self.attempts_made: dict[PlannedRequestKey, int] = {}
        self.earlier_search_rows: dict[str, list[Attempt]] = {}
        models = {model.id: model for model in plan.models}
        for row in earlier:
            if row.load_kind == "search":
                self.earlier_search_rows.setdefault(row.cell_id, []).append(row)
            key = (row.cell_id, row.sample_id, row.repeat)
            self.attempts_made[key] = max(self.attempts_made.get(key, 0), row.attempt)
            if row.final and key not in self.finished:
                self.finished.add(key)
                self.recorder.finished_by_cell[row.cell_id] += 1
            if row.attempt > 1 and row.model_id in models:
                self.retry_budget.record_retry(models[row.model_id])
            self.recorder.charge(row)
        _add_stretches_of_killed_sessions(self.manifest, earlier)
        writer.write_manifest(self.manifest)
        # Half the cores at least stay with the client: a busy machine makes late stamps.
        self.scoring_executor = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2))

    async def run_all_models(self) -> None:
        """Run every model that still has requests to send."""
        for line in self.writer.damage_found:
            self.observer.notify(line)
        if self.pending_answers:
            cells = self.plan.cells
            await score_pending(
                self.pending_answers,
                cells,
                self.writer,
                self.scoring_executor,
                self.observer,
                self.stop_signal,
            )
        for model in self.plan.models:
            if self.stop_signal.reason is not None:
                return
            searches = self.plan.searches_of(model)
            if all(self._search_entry(search).is_done for search in searches) and all(
                self._request_key(cell, planned) in self.finished
                for cell in self.plan.cells_of(model)
                for planned in cell.requests
            ):
                for cell in self.plan.cells_of(model):
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
        session = Session(
            log_dir=log_dir,
            connections=max(
                int(cell.load.value) if not cell.load.is_open_loop else OPEN_LOOP_CONNECTIONS
                for cell in (*cells, *(search.cell_at(1.0, 1) for search in searches))
            ),
            connect_timeout_s=self.settings.connect_timeout_s,
            read_timeout_s=self.settings.read_timeout_s,
            truths=self.plan.truths,
            notify=self.observer.notify,
            transport=model.transport,
        )
        self.observer.model_opening(model)
        settings = self.settings
        admission = AdmissionControl(
            model, settings.retries, self.retry_budget, settings.breaker, self._rate_limiter(model),
            self.stop_signal, self.observer.notify,
        )  # fmt: skip
        model_session = ModelSession(
            model, runner, session, settings.attempt_policy, admission, self.observer.notify
        )
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
        """Return what keeps a model's limits: where models share an account, the buckets go from one to the next."""
        limits = self.settings.limits.get(model.id)
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
        todo = [
            (number, self.attempts_made.get(self._request_key(cell, planned), 0))
            for number, planned in enumerate(cell.requests)
            if self._request_key(cell, planned) not in self.finished
        ]
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
                scorer=make_cell_scorer(cell, self.writer.folder), simulated=model_session.runner.simulated,
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
            for row in self.earlier_search_rows.get(cell.cell_id, ()):
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

    @staticmethod
    def _request_key(cell: Cell, planned: PlannedRequest) -> PlannedRequestKey:
        return (cell.cell_id, planned.sample.sample_id, planned.repeat)


def _first_exception(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _add_stretches_of_killed_sessions(manifest: RunManifest, rows: Sequence[Attempt]) -> None:
    """Count the time of sessions that were killed: each row says when its stretch began and when it was done."""
    entries = {cell.cell_id: cell for cell in manifest.cells}
    ends: dict[tuple[str, datetime], float] = {}
    for row in rows:
        if row.done_s is not None and not row.from_cache:
            stretch = (row.cell_id, row.started_at)
            ends[stretch] = max(ends.get(stretch, 0.0), row.done_s)
    for (cell_id, started_at), end_s in ends.items():
        if cell_id in entries:
            run_manifest.add_stretch(entries[cell_id], started_at, end_s, is_complete=False)


def _as_dict(counters: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if counters is None else dict(counters)


def _redact_logs(folder: Path) -> None:
    """Take keys out of what a server of ours wrote; nothing else that we write holds any."""
    for log in folder.rglob("*"):
        if log.is_file() and not log.is_symlink():
            credentials.redact_file(log)
