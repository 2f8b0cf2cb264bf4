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
from gapbench.execution.limits.admission import Gate
from gapbench.execution.limits.rate_limiter import Pacer
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import Halt
from gapbench.execution.model_session import Stage
from gapbench.execution.rate_search import Bisection, Tally
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.cell_scorer import graded, judge_of
from gapbench.execution.recording.observer import Price, Watcher
from gapbench.execution.recording.recorder import Keeper, Shelf
from gapbench.execution.recording.scoring_queue import Marking, finish
from gapbench.execution.settings import Settings
from gapbench.execution.workers.pool import zero_ahead_s
from gapbench.execution.workers.protocol import Report
from gapbench.runner import Runner
from gapbench.store import RunWriter, attempts_of, left_waiting, provenance
from gapbench.suite.plan import Cell, Plan, Planned, PlannedSearch
from gapbench.values import Attempt, Model, Session
from gapbench.values.policies import Limits

SCHEDULE_CONNECTIONS = 1024
"""Under a schedule nobody knows how many requests will be in flight; a request above this waits for a connection."""
LOST = "the target is out of reach"
"""Why a try of a search is cut short."""

__all__ = ["Price", "Settings", "Watcher", "run"]

Key = tuple[str, str, int]
"""A planned request: cell_id, sample_id, repeat."""


async def run(
    plan: Plan,
    runners: Mapping[str, Runner],
    writer: RunWriter,
    settings: Settings,
    watcher: Watcher,
    halt: Halt,
    *,
    resumed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a plan into a folder and return the manifest as it was left.

    Args:
        plan: What to run.
        runners: By model id, built and not yet open.
        writer: The run folder, open for writing.
        settings: See :class:`Settings`.
        watcher: Told of progress.
        halt: Set it to stop sending; what is in flight is finished and kept.
        resumed: The manifest of the run to go on with. None: a new run.

    Raises:
        ResultsError: The folder cannot be written any more; what was finished is kept.
    """
    conductor = _Conductor(plan, runners, writer, settings, watcher, halt, resumed)
    try:
        await conductor.all_models()
    except asyncio.CancelledError:
        halt.now("interrupted")
        raise
    except BaseExceptionGroup as group:
        # Requests in flight fail together when the disk does; the user is told once.
        broken, _ = group.split(ResultsError)
        if broken is None:
            raise
        raise _first(broken) from group
    finally:
        conductor.leave()
    return conductor.manifest


class _Conductor:
    """One run under way."""

    def __init__(
        self,
        plan: Plan,
        runners: Mapping[str, Runner],
        writer: RunWriter,
        settings: Settings,
        watcher: Watcher,
        halt: Halt,
        resumed: Mapping[str, Any] | None,
    ) -> None:
        self.plan = plan
        self.runners = runners
        self.writer = writer
        self.settings = settings
        self.watcher = watcher
        self.halt = halt
        self.keeper = Keeper(writer, settings, watcher, halt)
        self.budget = RetryBudget(
            settings.retries_per_run, settings.retries_per_model, settings.retries_per_provider
        )
        self.pacers: dict[tuple[str, Limits], Pacer] = {}
        credentials.learn()
        simulated = {model_id: runner.simulated for model_id, runner in runners.items()}
        fresh = run_manifest.opening(plan, writer.folder.name, settings.selection, simulated)
        reopened: dict[str, Any] = {"state": "running", "ended_at": None, "failures": []}
        if settings.selection:
            reopened["selection"] = dict(
                settings.selection
            )  # the run may have lost it, or its suite lie elsewhere now
        self.manifest = fresh if resumed is None else {**dict(resumed), **reopened}
        if settings.calibration is not None:
            self.manifest["calibration"] = dict(settings.calibration)
        earlier = attempts_of(writer.folder) if resumed else []
        self.left = left_waiting(writer.folder, earlier)
        earlier += [row for row, _ in self.left]
        # What earlier sessions finished; of this one a count is enough, or a long run's memory would grow with it.
        self.kept: set[Key] = set()
        self.made: dict[Key, int] = {}
        self.earlier: dict[str, list[Attempt]] = {}
        models = {model.id: model for model in plan.models}
        for row in earlier:
            if row.load_kind == "search":
                self.earlier.setdefault(row.cell_id, []).append(row)
            key = (row.cell_id, row.sample_id, row.repeat)
            self.made[key] = max(self.made.get(key, 0), row.attempt)
            if row.final and key not in self.kept:
                self.kept.add(key)
                self.keeper.finished[row.cell_id] += 1
            if row.attempt > 1 and row.model_id in models:
                self.budget.count(models[row.model_id])
            self.keeper.spend(row)
        _count_stretches(self.manifest, earlier)
        writer.write_manifest(self.manifest)
        # Half the cores at least stay with the client: a busy machine makes late stamps.
        self.scorers = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2))

    async def all_models(self) -> None:
        """Run every model that still has requests to send."""
        for line in self.writer.mended:
            self.watcher.tell(line)
        if self.left:
            cells = self.plan.cells
            await finish(self.left, cells, self.writer, self.scorers, self.watcher, self.halt)
        for model in self.plan.models:
            if self.halt.reason is not None:
                return
            searches = self.plan.searches_of(model)
            if all(self._search_entry(search)["is_done"] for search in searches) and all(
                self._key(cell, planned) in self.kept
                for cell in self.plan.cells_of(model)
                for planned in cell.requests
            ):
                for cell in self.plan.cells_of(model):
                    self.watcher.cell_started(cell, len(cell.requests), len(cell.requests))
                    self.watcher.cell_ended(cell)
                self._grade(model)
                continue
            await self._one_model(model, self.runners[model.id])

    def leave(self) -> None:
        """Write the manifest's last state; called however the run ends."""
        self.scorers.shutdown(cancel_futures=True)
        reason = self.halt.reason
        state = "complete" if reason is None else "interrupted" if reason == "interrupted" else "stopped"
        if state == "complete" and self.manifest["failures"]:
            state = "failed"
        self.manifest.update(state=state, reason=reason, ended_at=provenance.utc_text(datetime.now(UTC)))
        self.writer.write_manifest(self.manifest)

    async def _one_model(self, model: Model, runner: Runner) -> None:
        log_dir = self.writer.folder / "logs" / model.id.replace("/", "_")
        log_dir.mkdir(parents=True, exist_ok=True)
        cells = self.plan.cells_of(model)
        searches = self.plan.searches_of(model)
        session = Session(
            log_dir=log_dir,
            connections=max(
                int(cell.load.value) if not cell.load.on_schedule else SCHEDULE_CONNECTIONS
                for cell in (*cells, *(search.cell(1.0, 1) for search in searches))
            ),
            connect_timeout_s=self.settings.connect_s,
            read_timeout_s=self.settings.read_s,
            truth=self.plan.truth,
            tell=self.watcher.tell,
        )
        self.watcher.model_opening(model)
        settings = self.settings
        gate = Gate(
            model, settings.retries, self.budget, settings.breaker, self._pacer(model),
            self.halt, self.watcher.tell,
        )  # fmt: skip
        stage = Stage(model, runner, session, settings.rules, gate, self.watcher.tell)
        try:
            await stage.open()
            run_manifest.find(self.manifest["models"], "id", model.id)["facts"] = dict(await runner.facts())
            self.writer.write_manifest(self.manifest)
            for cell in cells:
                if self.halt.reason is None and gate.breaker.state != "given_up":
                    await self._one_cell(cell, stage, self.halt)
            for search in searches:
                if self.halt.reason is None and gate.breaker.state != "given_up":
                    await self._one_search(search, stage)
            if gate.breaker.state == "given_up":
                said = f"given up after {gate.breaker.why}; the rest is unsent"
                self.manifest["failures"].append({"model_id": model.id, "message": said})
            self._grade(model)
        except ResultsError:
            raise
        except BenchError as exc:
            # One model that cannot be had must not cost the others their night.
            said = credentials.redact(str(exc))
            self.manifest["failures"].append({"model_id": model.id, "message": said})
            self.watcher.tell(f"{model.id}: {said}")
        finally:
            try:
                await stage.close()
            finally:
                await runner.close()
                _redact_logs(log_dir)

    def _pacer(self, model: Model) -> Pacer | None:
        """Return what keeps a model's limits: where models share an account, the buckets go from one to the next."""
        limits = self.settings.limits.get(model.id)
        if limits is None:
            return None
        pacer = Pacer(limits, self.halt.sleep, halted=lambda: self.halt.reason is not None)
        return self.pacers.setdefault((model.account, limits), pacer)

    def _grade(self, model: Model) -> None:
        """Keep what the tasks' own judges make of all replies of one model."""
        others = [row for row in self.manifest.get("graded", []) if row["model_id"] != model.id]
        self.manifest["graded"] = others + graded(self.plan.cells_of(model), self.writer.folder)

    async def _one_cell(self, cell: Cell, stage: Stage, halt: Halt, tally: Tally | None = None) -> None:
        """Send what is left of a cell.

        Args:
            cell: The cell.
            stage: Where its model is open.
            halt: Stops it: the run's, or that of one try of a search.
            tally: Counts its rows. None: it is no try of a search.
        """
        todo = [
            (number, self.made.get(self._key(cell, planned), 0))
            for number, planned in enumerate(cell.requests)
            if self._key(cell, planned) not in self.kept
        ]
        kept = len(cell.requests) - len(todo)
        self.watcher.cell_started(cell, len(cell.requests), kept)
        if todo:
            entry = run_manifest.find(self.manifest["cells"], "cell_id", cell.cell_id)
            with contextlib.suppress(BenchError):  # a server that hides its counters still answers
                entry["counters_before"] = await stage.runner.counters()
            await asyncio.to_thread(self._keep_media, cell, todo)
            crew = await stage.crew(cell)
            clock = CellClock(zero_ahead_s() if crew else transport.now(), datetime.now(UTC))

            def kept_row(row: Attempt) -> None:
                if tally is not None:
                    tally.take(row)
                    if tally.is_lost:
                        halt.now(LOST)

            suite = (self.plan.suite, self.plan.suite_sha256)
            marking = Marking(
                self.manifest["run_id"], suite, cell, clock, self.scorers, Shelf(self.keeper, cell, kept_row),
                judge=judge_of(cell, self.writer.folder), simulated=stage.runner.simulated,
            )  # fmt: skip
            samples: list[dict[str, Any]] = []
            reports: list[Report] = []
            try:
                with GpuSampler(samples.append, {"cell_id": cell.cell_id}, clock.zero_s), gc_tuning.settled():
                    reports = await stage.perform(
                        cell, crew, todo, marking.take, halt, seed=self.plan.seed, zero_s=clock.zero_s
                    )
            except BaseException:
                marking.let_go()
                raise
            finally:
                wall_s = transport.now() - clock.zero_s
                await marking.settle()
                run_manifest.add_stretch(entry, clock.started_at, wall_s)
                lags = [
                    lag for lag in (entry["lag_p99_s"], *(r.lag_p99_s for r in reports)) if lag is not None
                ]
                entry["lag_p99_s"] = max(lags, default=None)
                entry["workers"] = [dataclasses.asdict(report) for report in reports]
                with contextlib.suppress(BenchError):
                    entry["counters_after"] = await stage.runner.counters()
                await asyncio.to_thread(self.writer.sync)
                self.writer.add_telemetry(samples)
                self.writer.write_manifest(self.manifest)
        self.watcher.cell_ended(cell)

    async def _one_search(self, planned: PlannedSearch, stage: Stage) -> None:
        """Try one rate after another; a resumed search goes by the rows that its tries have left."""
        entry = self._search_entry(planned)
        bisection = Bisection(planned.search)
        while self.halt.reason is None and (step := bisection.following()) is not None:
            cell = planned.cell(*step)
            measured = sum(request.phase == "measure" for request in cell.requests)
            tally = Tally(planned.search.slo, measured)
            for row in self.earlier.get(cell.cell_id, ()):
                tally.take(row)
            listed = [known for known in self.manifest["cells"] if known["cell_id"] == cell.cell_id]
            if not listed:
                listed = [run_manifest.cell_entry(cell)]
                self.manifest["cells"] += listed
            if not listed[0]["cut_short"]:
                await self._one_try(cell, stage, tally, listed[0])
            if self.halt.reason is not None and tally.sent < tally.planned and not tally.is_lost:
                break
            bisection.take(step[0], tally.met, tally.sent)
            entry.update(bisection.result())
            self.writer.write_manifest(self.manifest)
        if entry["is_done"]:
            self.watcher.tell(f"{planned.search_id}: {entry['words']} keeps {planned.search.slo}")

    async def _one_try(self, cell: Cell, stage: Stage, tally: Tally, entry: dict[str, Any]) -> None:
        """Send one try until it is done, or until its target is out of reach."""
        halt = Halt()
        passing = asyncio.create_task(self.halt.wait())
        passing.add_done_callback(lambda done: None if done.cancelled() else halt.now(self.halt.reason or ""))
        try:
            await self._one_cell(cell, stage, halt, tally)
        finally:
            passing.cancel()
        if halt.reason == LOST:
            # What was not sent any more is no part of the plan: nothing is left to resume.
            entry["cut_short"] = True
            entry["planned"] = self.keeper.finished[cell.cell_id]
            self.writer.write_manifest(self.manifest)

    def _search_entry(self, planned: PlannedSearch) -> dict[str, Any]:
        return run_manifest.find(self.manifest["searches"], "search_id", planned.search_id)

    def _keep_media(self, cell: Cell, todo: Sequence[tuple[int, int]]) -> None:
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
    def _key(cell: Cell, planned: Planned) -> Key:
        return (cell.cell_id, planned.sample.sample_id, planned.repeat)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _count_stretches(manifest: Mapping[str, Any], rows: Sequence[Attempt]) -> None:
    """Count the time of sessions that were killed: each row says when its stretch began and when it was done."""
    entries = {cell["cell_id"]: cell for cell in manifest["cells"]}
    ends: dict[tuple[str, datetime], float] = {}
    for row in rows:
        if row.done_s is not None and not row.from_cache:
            stretch = (row.cell_id, row.started_at)
            ends[stretch] = max(ends.get(stretch, 0.0), row.done_s)
    for (cell_id, started_at), end_s in ends.items():
        if cell_id in entries:
            run_manifest.add_stretch(entries[cell_id], started_at, end_s, is_whole=False)


def _redact_logs(folder: Path) -> None:
    """Take keys out of what a server of ours wrote; nothing else that we write holds any."""
    for log in folder.rglob("*"):
        if log.is_file() and not log.is_symlink():
            credentials.redact_file(log)
