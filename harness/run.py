"""The conductor: plan to load to score to store, attempt by attempt, resumable.

Models run one after another, so that two servers never share a GPU; the cells of a model share its
open runner. Every attempt is scored, written to the journal and only then reported to the watcher.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness import credentials, scoring, wire
from harness import manifest as manifests
from harness.errors import BenchError, ResultsError
from harness.gate import Gate
from harness.load import Halt, Try, drive
from harness.measure import LagMeter, measure
from harness.plan import Cell, Plan, Planned, prompt_chars
from harness.record import CellClock, Circumstance, attempt_row, payload_row
from harness.runner import Runner
from harness.scoring import Scorer
from harness.settings import Price, Settings, Watcher
from harness.spending import RetryBudget, Spending
from harness.store import RunWriter, attempts_of
from harness.telemetry import GpuSampler
from harness.values import Attempt, Failure, Model, Request, Response, Score, Session

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
        self.spending = Spending(settings.max_usd)
        self.budget = RetryBudget(settings.retries_per_run, settings.retries_per_model)
        credentials.learn()
        simulated = {model_id: runner.simulated for model_id, runner in runners.items()}
        fresh = manifests.opening(plan, writer.folder.name, settings.selection, simulated)
        reopened: dict[str, Any] = {"state": "running", "ended_at": None, "failures": []}
        self.manifest = fresh if resumed is None else {**dict(resumed), **reopened}
        writer.write_manifest(self.manifest)
        earlier = attempts_of(writer.folder) if resumed else []
        self.kept: set[Key] = set()
        self.made: dict[Key, int] = {}
        for row in earlier:
            key = (row.cell_id, row.sample_id, row.repeat)
            self.made[key] = max(self.made.get(key, 0), row.attempt)
            if row.final:
                self.kept.add(key)
            self._spend(row, settings.price(row))
        # Half the cores at least stay with the client: a busy machine makes late stamps.
        self.scorers = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2))

    async def all_models(self) -> None:
        """Run every model that still has requests to send."""
        for model in self.plan.models:
            if self.halt.reason is not None:
                return
            if all(
                self._key(cell, planned) in self.kept
                for cell in self.plan.cells_of(model)
                for planned in cell.requests
            ):
                for cell in self.plan.cells_of(model):
                    self.watcher.cell_started(cell, len(cell.requests), len(cell.requests))
                    self.watcher.cell_ended(cell)
                continue
            await self._one_model(model, self.runners[model.id])

    def leave(self) -> None:
        """Write the manifest's last state; called however the run ends."""
        self.scorers.shutdown(cancel_futures=True)
        reason = self.halt.reason
        state = "complete" if reason is None else "interrupted" if reason == "interrupted" else "stopped"
        if state == "complete" and self.manifest["failures"]:
            state = "failed"
        self.manifest.update(state=state, reason=reason, ended_at=manifests.utc_text(datetime.now(UTC)))
        self.writer.write_manifest(self.manifest)

    async def _one_model(self, model: Model, runner: Runner) -> None:
        log_dir = self.writer.folder / "logs" / model.id.replace("/", "_")
        log_dir.mkdir(parents=True, exist_ok=True)
        cells = self.plan.cells_of(model)
        places = max(int(cell.load.value) if cell.load.kind == "concurrency" else 1024 for cell in cells)
        session = Session(
            log_dir=log_dir,
            connections=places,
            connect_timeout_s=self.settings.connect_s,
            read_timeout_s=self.settings.read_s,
            truth=self.plan.truth,
            tell=self.watcher.tell,
        )
        self.watcher.model_opening(model)
        settings = self.settings
        gate = Gate(
            model.id, settings.retries, self.budget, settings.breaker, settings.limits.get(model.id),
            self.halt, self.watcher.tell,
        )  # fmt: skip
        try:
            await runner.open(session)
            manifests.find(self.manifest["models"], "id", model.id)["facts"] = dict(await runner.facts())
            self.writer.write_manifest(self.manifest)
            for cell in cells:
                if self.halt.reason is None and gate.breaker.state != "given_up":
                    await self._one_cell(cell, runner, gate)
            if gate.breaker.state == "given_up":
                said = f"given up after {gate.breaker.why}; the rest is unsent"
                self.manifest["failures"].append({"model_id": model.id, "message": said})
        except ResultsError:
            raise
        except BenchError as exc:
            # One model that cannot be had must not cost the others their night.
            said = credentials.redact(str(exc))
            self.manifest["failures"].append({"model_id": model.id, "message": said})
            self.watcher.tell(f"{model.id}: {said}")
        finally:
            await runner.close()
            _redact_logs(log_dir)

    async def _one_cell(self, cell: Cell, runner: Runner, gate: Gate) -> None:
        todo = [
            (planned, self.made.get(self._key(cell, planned), 0))
            for planned in cell.requests
            if self._key(cell, planned) not in self.kept
        ]
        kept = len(cell.requests) - len(todo)
        self.watcher.cell_started(cell, len(cell.requests), kept)
        if todo:
            entry = manifests.find(self.manifest["cells"], "cell_id", cell.cell_id)
            with contextlib.suppress(BenchError):  # a server that hides its counters still answers
                entry["counters_before"] = await runner.counters()
            meter = LagMeter(asyncio.get_running_loop())
            clock = CellClock(wire.now(), datetime.now(UTC))
            performance = _Performance(self, cell, runner, gate, meter, clock)
            samples: list[dict[str, Any]] = []
            try:
                with GpuSampler(samples.append, {"cell_id": cell.cell_id}, clock.zero_s):
                    await drive(
                        cell.load,
                        todo,
                        performance.send,
                        retries=self.settings.retries,
                        halt=self.halt,
                        seed=self.plan.seed,
                        zero_s=clock.zero_s,
                    )
            finally:
                wall_s = wire.now() - clock.zero_s
                meter.stop()
                await performance.settle()
                # A resumed cell has several stretches; its reserved time is their sum.
                entry["wall_s"] = (entry["wall_s"] or 0.0) + wall_s
                entry["started_at"] = entry["started_at"] or manifests.utc_text(clock.started_at)
                entry["lag_p99_s"] = meter.quantile_s(0.99)
                with contextlib.suppress(BenchError):
                    entry["counters_after"] = await runner.counters()
                self.writer.sync()
                self.writer.add_telemetry(samples)
                self.writer.write_manifest(self.manifest)
        self.watcher.cell_ended(cell)

    def keep(
        self, cell: Cell, row: Attempt, planned: Planned, response: Response, score: Score | None
    ) -> None:
        """Put one attempt on disk and report it."""
        for message in planned.sample.messages:
            for image in message.images:
                self.writer.add_media(image.sha256, image.data)
        self.writer.add(row, payload_row(row, planned, response, score))
        usd = self.settings.price(row)
        self._spend(row, usd)
        self.watcher.attempt_done(cell, row, usd)

    def _spend(self, row: Attempt, usd: Decimal | None) -> None:
        """Count what an attempt cost, of this session or an earlier one, and stop at the limit."""
        reason = self.spending.take(row, usd)
        if reason is not None:
            self.halt.now(reason)

    @staticmethod
    def _key(cell: Cell, planned: Planned) -> Key:
        return (cell.cell_id, planned.sample.sample_id, planned.repeat)


class _Performance:
    """One cell under way: makes attempts, scores them beside the load, and hands on their rows."""

    def __init__(
        self,
        conductor: _Conductor,
        cell: Cell,
        runner: Runner,
        gate: Gate,
        meter: LagMeter,
        clock: CellClock,
    ) -> None:
        self.conductor = conductor
        self.cell = cell
        self.runner = runner
        self.gate = gate
        self.meter = meter
        self.clock = clock
        task = cell.task
        self.scorer: Scorer | None = (
            scoring.make(task.scorer_name, task.scorer_options) if task.scorer_name else None
        )
        self.in_flight = 0
        self.scoring: set[asyncio.Task[None]] = set()

    async def send(self, attempt: Try) -> Failure | None:
        """Make one attempt; its row follows as soon as it is scored."""
        planned = attempt.planned
        settings = self.conductor.settings
        call = self.runner.prepare(Request(self.cell.model, planned.sample.messages, self.cell.params))
        entry = await self.gate.enter(prompt_chars(planned.sample), self.cell.params.max_tokens)
        if entry is None:
            return None
        self.in_flight += 1
        in_flight = self.in_flight
        began_s = wire.now()
        response: Response | None = None
        try:
            response = await measure(
                self.runner,
                call,
                settings.total_s,
                first_token_s=settings.first_token_s,
                gap_s=settings.read_s,
            )
        finally:
            self.in_flight -= 1
            self.gate.leave(entry, response)
        final, again = self.gate.verdict(response.failure, attempt.tries)
        # With so many in flight, a request is due when the provider's limits let it go.
        paced = entry.paced and self.cell.load.kind == "concurrency"
        how = Circumstance(
            number=attempt.number,
            final=final,
            scheduled_s=began_s if paced else attempt.scheduled_s,
            loop_lag_s=self.meter.worst_s(began_s, response.timing.done_s),
            in_flight=in_flight,
        )

        def keep(score: Score | None) -> None:
            row = attempt_row(
                self.conductor.manifest["run_id"],
                (self.conductor.plan.suite, self.conductor.plan.suite_sha256),
                self.cell,
                planned,
                call,
                response,
                score,
                how,
                self.clock,
                simulated=self.runner.simulated,
            )
            self.conductor.keep(self.cell, row, planned, response, score)

        to_score = (
            self.scorer is not None and response.failure is None and response.finish_reason != "refusal"
        )
        if not to_score or self.scorer is None:
            keep(None)
        elif not self.scorer.slow:
            keep(_scored(self.scorer, response, planned))
        else:
            self._score_aside(self.scorer, response, planned, keep)
        return response.failure if again else None

    def _score_aside(
        self, scorer: Scorer, response: Response, planned: Planned, keep: Callable[[Score | None], None]
    ) -> None:
        async def aside() -> None:
            loop = asyncio.get_running_loop()
            keep(await loop.run_in_executor(self.conductor.scorers, _scored, scorer, response, planned))

        self.scoring.add(asyncio.create_task(aside()))

    async def settle(self) -> None:
        """Wait for the scores still under way; raises what keeping their rows raised."""
        if self.scoring:
            await asyncio.gather(*self.scoring)


def _redact_logs(folder: Path) -> None:
    """Take keys out of what a server of ours wrote; nothing else that we write holds any."""
    for log in folder.rglob("*"):
        if log.is_file() and not log.is_symlink():
            credentials.redact_file(log)


def _scored(scorer: Scorer, response: Response, planned: Planned) -> Score:
    """Score one answer; a scorer's bug leaves the answer unscored and says so."""
    try:
        return scorer(response.answer, planned.sample)
    except Exception as exc:  # noqa: BLE001 - an answer that was paid for must not be lost to a scorer's bug
        return Score(None, "unscored", reason=f"the scorer broke: {type(exc).__name__}: {exc}")
