"""The batched models of a run: their batches are submitted before the live models are asked, and read after."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack

from gapbench.errors import ResultsError, RunnerError
from gapbench.execution.batches.model_batches import ModelBatches
from gapbench.execution.cell_run import CellRun
from gapbench.execution.earlier_sessions import EarlierSessions, request_key
from gapbench.execution.failure_words import describe_failure
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.side_by_side import run_side_by_side
from gapbench.formatting import count_of
from gapbench.runner import Runner, machines_of
from gapbench.store.batch_journal import BatchJournal
from gapbench.suite.plan import Cell
from gapbench.values import Failure, Model


class BatchedModels:
    """The models of a run that are asked in batches.

    Args:
        run: What the cells of the run have in common.
        earlier: What earlier sessions left.
        observer: Receives progress.
        stop_signal: The run's stop signal.
        open_model: Opens a model.
        note_failure: Records an error of a model, so that it does not stop the others.

    Attributes:
        models: Those with requests that have no final row, or with a batch that is not read to its end.

    Raises:
        ResultsError: The journal of the run's batches is damaged.
    """

    def __init__(
        self,
        run: CellRun,
        earlier: EarlierSessions,
        observer: RunObserver,
        stop_signal: StopSignal,
        open_model: Callable[[Model], AbstractAsyncContextManager[ModelSession]],
        note_failure: Callable[[Model], AbstractContextManager[None]],
    ) -> None:
        self._run = run
        self._earlier = earlier
        self._observer = observer
        self._stop_signal = stop_signal
        self._open_model = open_model
        self._note_failure = note_failure
        self._settings = run.settings.batches
        self._journal = BatchJournal.open(run.writer.folder, self._settings.sync_file)
        out = {record.model_id for record in self._journal.records.values() if record.is_out}
        # The last session may have ended between the last row of a batch and the end of its reading.
        self.models = [
            model
            for model in run.plan.models
            if model.batch
            and (model.id in out or not all(map(earlier.is_finished, run.plan.cells_of(model))))
        ]
        self._reading: set[str] = set()
        for record in self._journal.records.values():
            if record.closed_by == "lost":
                run.recorder.spend_budget.assume(record.bound_usd)
        names = {model.id for model in run.plan.models if model.batch}
        for record in self._journal.records.values():
            if record.is_out and record.model_id not in names:
                raise ResultsError(
                    f"{run.writer.folder}: batches of model {record.model_id!r} are out, and the suite asks it live now; set batch: "
                    f"true at the model again, or give them up with `bench batch cancel {run.writer.folder.name}`"
                )

    def is_live(self, model: Model) -> bool:
        """Return whether a model gets its requests live in this session, or has none left."""
        return self._settings.sends_live and model not in self.models

    @contextlib.asynccontextmanager
    async def submitted(self) -> AsyncIterator[None]:
        """Submit the batches of all models; when the block ends, read them all, side by side.

        Nothing is read during the block, so that reading and scoring do not disturb the times of live models. Models whose
        batches run on this machine are submitted after the block, one when the one before has ended. What an earlier session
        left running here has ended before the block begins, if a live model needs the machine.

        Raises:
            DiskError: The disk is full or gone.
        """
        self._reserve_out()
        submitted: list[ModelBatches] = []
        here: list[ModelBatches] = []
        async with AsyncExitStack() as stack:
            for model in self.models:
                with self._note_failure(model):
                    batches = self._batches_of(await stack.enter_async_context(self._open_model(model)))
                    if batches.runs_here:
                        here.append(batches)
                        continue
                    submitted.append(batches)
                    self._reading.add(model.id)
                    with _explain(batches.runner):
                        await batches.submit()
            await self._wait_for_this_machine(here)
            yield
            await run_side_by_side([*map(self._read, submitted), self._run_one_after_another(here)])

    def _reserve_out(self) -> None:
        """Reserve the most that batches of earlier sessions can still cost: those of all models, before one submits more."""
        out = [record for record in self._journal.records.values() if record.is_out]
        if not out:
            return
        left = {
            request_key(cell, cell.requests[number]): (cell, cell.requests[number], made)
            for model in self.models
            for cell in self._run.plan.cells_of(model)
            for number, made in self._earlier.remaining(cell)
        }
        for attempt in (attempt for record in out for attempt in record.attempts.values()):
            found = left.get((attempt.cell_id, attempt.sample_id, attempt.repeat))
            if found is not None and found[2] < attempt.attempt:
                cell, planned, _ = found
                self._run.recorder.spend_budget.reserve({attempt: self._settings.bound_usd(cell, planned)})

    def _is_another_out(self, model: Model) -> bool:
        """Return whether this session reads a batch of another model, which gives dollars back that are reserved for it."""
        others = self._reading - {model.id}
        return any(record.is_out and record.model_id in others for record in self._journal.records.values())

    async def _wait_for_this_machine(self, here: Sequence[ModelBatches]) -> None:
        plan = self._run.plan
        live = [
            model
            for model in filter(self.is_live, plan.models)
            if plan.searches_of(model) or not all(map(self._earlier.is_finished, plan.cells_of(model)))
        ]
        needed = frozenset[str]().union(*map(machines_of, live))
        for batches in here:
            if machines_of(batches.model) & needed:
                # The error is reported later, when the batch is read.
                with contextlib.suppress(RunnerError):
                    await batches.wait_until_ended()

    async def _run_one_after_another(self, here: Sequence[ModelBatches]) -> None:
        for batches in here:
            with self._note_failure(batches.model), _explain(batches.runner):
                await batches.submit()
            await self._read(batches)

    def _batches_of(self, session: ModelSession) -> ModelBatches:
        async def send_live(cell: Cell, todo: Sequence[tuple[int, int]]) -> None:
            await self._run.run(cell, todo, session, self._stop_signal, lambda _: None)

        return ModelBatches(
            self._run.plan.cells_of(session.model),
            self._run,
            session,
            self._journal,
            self._settings,
            self._earlier,
            self._observer,
            self._stop_signal,
            send_live,
            lambda: self._is_another_out(session.model),
        )

    async def _read(self, batches: ModelBatches) -> None:
        try:
            with self._note_failure(batches.model), _explain(batches.runner):
                await batches.read()
        finally:
            self._reading.discard(batches.model.id)

    def describe_unfinished(self) -> str | None:
        """Return why a run that nothing stopped is not complete. None: every request has its final row."""
        out = [record for record in self._journal.records.values() if record.is_out]
        if not self.models and not out and self._settings.sends_live:
            return None
        left = {True: 0, False: 0}
        for cell in self._run.plan.cells:
            entry = self._run.manifest.cell(cell.cell_id)
            if not entry.cut_short and cell.task.adaptive is None:
                done = self._run.recorder.finished_by_cell[cell.cell_id]
                left[cell.model.batch] += max(0, entry.planned - done)
        unsent = left[True] - sum(len(record.attempts) for record in out)
        words = [f"{len(out)} {'batch is' if len(out) == 1 else 'batches are'} out"] if out else []
        words += [f"{count_of(unsent, 'request')} of batched models not sent"] if unsent > 0 else []
        if not self._settings.sends_live and left[False]:
            words.append(f"{count_of(left[False], 'request')} to live models not sent")
        return ", ".join(words) or None


@contextlib.contextmanager
def _explain(runner: Runner) -> Iterator[None]:
    """Add to a vendor's refusal of a key or an account the variable that it is about. Other refusals are of the batch."""
    try:
        yield
    except RunnerError as exc:
        if exc.kind not in {"auth", "quota"}:
            raise
        words = describe_failure(Failure(exc.kind, str(exc), exc.http_status), runner)
        raise RunnerError(exc.kind, words, http_status=exc.http_status) from exc
