"""Run one cell of an open model: send its requests, score and record the answers, and note how the client fared."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gapbench import transport
from gapbench.errors import BenchError
from gapbench.execution.attempts.attempt_row import CellClock
from gapbench.execution.attempts.load_generator import Places
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.gpu_telemetry import GpuSampler
from gapbench.execution.limits.spend_leases import SpendLeases
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.recording.scoring_executors import ScoringExecutors
from gapbench.execution.recording.scoring_queue import ScoringQueue
from gapbench.execution.recording.user_rows import UserRows
from gapbench.execution.replay_lateness import ReplayLateness
from gapbench.execution.sending_cells import SendingCells
from gapbench.execution.settings import RunSettings
from gapbench.execution.user_models import make_user_cell
from gapbench.execution.workers.protocol import WorkerReport
from gapbench.runner import Runner
from gapbench.store import RunManifest, RunWriter
from gapbench.store.machine_entry import MachineEntry
from gapbench.store.manifest import CellEntry, WorkerEntry
from gapbench.store.provenance import format_utc
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Attempt


@dataclass(frozen=True)
class CellRun:
    """What the cells of a run have in common.

    Attributes:
        plan: The plan.
        writer: The run folder, open for writing.
        settings: See :class:`RunSettings`.
        recorder: Receives each attempt.
        scoring_executors: Run slow scorers.
        sending_cells: Counts the cells that are being sent.
        manifest: The run's manifest; the cell's entry is updated and written.
    """

    plan: Plan
    writer: RunWriter
    settings: RunSettings
    recorder: AttemptRecorder
    scoring_executors: ScoringExecutors
    sending_cells: SendingCells
    manifest: RunManifest

    async def run(
        self,
        cell: Cell,
        todo: Sequence[tuple[int, int]],
        model_session: ModelSession,
        stop_signal: StopSignal,
        on_recorded: Callable[[Attempt], None],
        on_held: Callable[[Attempt], None] = lambda _: None,
        *,
        places: Places | None = None,
        on_all_started: Callable[[], None] = lambda: None,
    ) -> None:
        """Send the remaining requests of a cell and wait for their scores.

        Args:
            cell: The cell.
            todo: Number of each remaining request, and the attempts already made at it.
            model_session: The open model.
            stop_signal: Stops new sends.
            on_recorded: Called with each row once it is on disk.
            on_held: Called with the row of an answer whose program runs after the load; see :class:`ScoringQueue`.
            places: Places that other cells of the model share. None: the cell has its own.
            on_all_started: Called when the last request has its place.
        """
        entry = self.manifest.cell(cell.cell_id)
        with contextlib.suppress(BenchError):  # a server that hides its counters still answers
            entry.counters_before = await _read_counters(model_session.runner)
        await asyncio.to_thread(self._write_media, cell, todo)
        if any(cell.requests[number].sample.tools is not None for number, _ in todo):
            # Its import takes a fifth of a second, which the first reply with a call must not wait for.
            await asyncio.to_thread(importlib.import_module, "jsonschema")
        pool = await model_session.ensure_worker_pool(cell)
        scorer = self.settings.make_scorer(cell, self.writer.folder)
        await asyncio.to_thread(self.writer.open_journals, for_waiting=scorer is not None and scorer.is_slow)
        if pool is None:
            await model_session.warm_up(cell, todo)
        else:
            await pool.prepare_cell(cell, todo, seed=self.plan.seed)
        sending = contextlib.ExitStack()
        beside = sending.enter_context(self.sending_cells.sending(cell.cell_id))
        clock = CellClock(transport.now() + (pool.start_lead_s if pool else 0.0), datetime.now(UTC))
        scoring_queue = ScoringQueue(
            self.manifest.run_id,
            (self.plan.suite, self.plan.suite_sha256),
            cell,
            clock,
            self.scoring_executors,
            self.recorder,
            scorer=scorer,
            simulated=model_session.runner.simulated,
            on_recorded=on_recorded,
            on_held=on_held,
        )
        user, deliver_user = model_session.user_of(cell), None
        if user is not None:
            deliver_user = UserRows(
                self.manifest.run_id,
                (self.plan.suite, self.plan.suite_sha256),
                cell,
                make_user_cell(cell, user.model),
                clock,
                self.recorder,
                user.runner.simulated,
            ).record
        lateness = None if entry.replay is None else ReplayLateness(cell, todo, clock.start_s)

        async def deliver(completed: CompletedAttempt) -> None:
            if lateness is not None:
                lateness.note(completed)
            await scoring_queue.submit(completed)

        samples: list[dict[str, Any]] = []
        reports: list[WorkerReport] = []
        try:
            with (
                sending,
                GpuSampler(samples.append, {"cell_id": cell.cell_id}, clock.start_s),
            ):
                reports = await model_session.run_cell(
                    cell,
                    pool,
                    todo,
                    deliver,
                    stop_signal,
                    seed=self.plan.seed,
                    cell_start_s=clock.start_s,
                    deliver_user=deliver_user,
                    places=places,
                    on_all_started=on_all_started,
                    leases=self._open_leases(cell, stop_signal),
                )
        except BaseException:
            scoring_queue.cancel()
            raise
        finally:
            wall_s = transport.now() - clock.start_s
            if stop_signal.reason == "interrupted":
                scoring_queue.leave_held()
            await scoring_queue.wait_until_scored()
            if not cell.model.batch:
                # What is sent again live belongs to no load, and neither do its times.
                run_manifest.add_stretch(entry, clock.started_at, wall_s)
                _add_reports(entry, reports)
                if lateness is not None and entry.replay is not None:
                    lateness.add_to(entry.replay)
                entry.beside = sorted({*entry.beside, *beside})
            if pool is not None:
                entry.machines += [
                    MachineEntry(**dataclasses.asdict(report), started_at=format_utc(clock.started_at))
                    for report in pool.reports
                ]
            with contextlib.suppress(BenchError):
                entry.counters_after = await _read_counters(model_session.runner)
            if any(self.manifest.cell(other).model_id == cell.model.id for other in beside):
                # They count the requests of both cells.
                entry.counters_before = entry.counters_after = None
            await asyncio.to_thread(self.writer.sync)
            self.writer.add_telemetry(samples)
            self.writer.write_manifest(self.manifest)

    def _open_leases(self, cell: Cell, stop_signal: StopSignal) -> SpendLeases | None:
        """Return what sets dollars aside for machines that send. None: this one does, or nothing limits the spending."""
        bound_usd = self.settings.bound_attempt(cell)
        if self.settings.machines is None or self.settings.max_usd is None or not bound_usd:
            return None
        return SpendLeases(self.recorder.spend_budget, bound_usd, cell.model.id, stop_signal)

    def _write_media(self, cell: Cell, todo: Sequence[tuple[int, int]]) -> None:
        """Write the media of a cell's prompts to disk before it starts: its rows name them and must not wait for them."""
        media = {
            medium.sha256: medium.data
            for number, _ in todo
            for message in cell.requests[number].sample.messages
            for medium in message.media
        }
        for digest, data in media.items():
            self.writer.add_media(digest, data)


def _add_reports(entry: CellEntry, reports: Sequence[WorkerReport]) -> None:
    lags = [lag for lag in (entry.lag_p99_s, *(report.lag_p99_s for report in reports)) if lag is not None]
    entry.lag_p99_s = max(lags, default=None)
    entry.workers = [WorkerEntry(**dataclasses.asdict(report)) for report in reports]


async def _read_counters(runner: Runner) -> dict[str, float] | None:
    counters: Mapping[str, float] | None = await runner.counters()
    return None if counters is None else dict(counters)
