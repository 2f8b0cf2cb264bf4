"""Run cells and stop a task of a model of which nearly all first answers cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gapbench.execution.attempts.load_generator import Places
from gapbench.execution.cell_run import CellRun
from gapbench.execution.limits.stop_signal import StopSignal, follow_stop_signal
from gapbench.execution.limits.unusable_answers import MIN_UNSENT, ShouldContinue, UnusableAnswers
from gapbench.execution.model_session import ModelSession
from gapbench.store.manifest import FailureEntry
from gapbench.suite.plan import Cell
from gapbench.values import Attempt


@dataclass(frozen=True)
class WatchedCells:
    """Sends cells, and watches the first answers of each model to each task.

    Attributes:
        cell_run: Sends a part of a cell.
        notify: Receives one line for the user.
        should_continue: Decides about a task whose first answers cannot be used.
    """

    cell_run: CellRun
    notify: Callable[[str], None]
    should_continue: ShouldContinue
    _watches: dict[tuple[str, str], UnusableAnswers] = field(default_factory=dict)

    async def run(
        self,
        cell: Cell,
        todo: Sequence[tuple[int, int]],
        model_session: ModelSession,
        stop_signal: StopSignal,
        on_recorded: Callable[[Attempt], None],
        *,
        places: Places | None = None,
        on_all_started: Callable[[], None] = lambda: None,
    ) -> None:
        """Send the remaining requests of a cell, or stop its task; see :meth:`CellRun.run` for the arguments."""
        watch = self._watches.setdefault((cell.model.id, cell.task.name), UnusableAnswers())
        entry = self.cell_run.manifest.cell(cell.cell_id)
        reason = watch.describe() if watch.is_tripped else entry.unusable
        if reason is not None and not watch.is_overruled and not await self._continues(cell, watch, reason):
            return
        left = list(todo)
        while left:
            left = await self._send_until_tripped(
                cell, left, model_session, stop_signal, watch, on_recorded, places, on_all_started
            )
            if not watch.is_tripped or stop_signal.reason is not None:
                return
            if left and not await self._continues(cell, watch, watch.describe()):
                return

    async def _send_until_tripped(
        self,
        cell: Cell,
        todo: Sequence[tuple[int, int]],
        model_session: ModelSession,
        stop_signal: StopSignal,
        watch: UnusableAnswers,
        on_recorded: Callable[[Attempt], None],
        places: Places | None,
        on_all_started: Callable[[], None],
    ) -> list[tuple[int, int]]:
        """Send requests until all are finished or the watch trips, and return those that are left."""
        attempts: dict[tuple[str, int], int] = {}
        finished: set[tuple[str, int]] = set()
        entry = self.cell_run.manifest.cell(cell.cell_id)
        counters_before = entry.counters_before
        with follow_stop_signal(stop_signal) as own:

            def record(row: Attempt) -> None:
                on_recorded(row)
                key = (row.sample_id, row.repeat)
                # A row whose score came late does not put the count back.
                attempts[key] = max(row.attempt, attempts.get(key, 0))
                if row.final:
                    finished.add((row.sample_id, row.repeat))
                watch.record(row)
                if watch.is_tripped:
                    own.set("the first answers cannot be used")

            await self.cell_run.run(
                cell, todo, model_session, own, record, watch.record_held,
                places=places, on_all_started=on_all_started,
            )  # fmt: skip
        entry.counters_before = counters_before or entry.counters_before
        keys = [(cell.requests[number].sample.sample_id, cell.requests[number].repeat) for number, _ in todo]
        return [
            (number, attempts.get(key, made))
            for key, (number, made) in zip(keys, todo, strict=True)
            if key not in finished
        ]

    async def _continues(self, cell: Cell, watch: UnusableAnswers, reason: str) -> bool:
        """Ask whether to send the rest of a task; if not, record why it is not sent."""
        manifest = self.cell_run.manifest
        entry = manifest.cell(cell.cell_id)
        left = len(cell.requests) - self.cell_run.recorder.finished_by_cell[cell.cell_id]
        words = f"task {cell.task.name}: {reason}"
        question = f"{cell.model.id}: {words}; {left} requests are left"
        if left < MIN_UNSENT or await self.should_continue(question):
            watch.is_overruled = True
            entry.unusable = None
            return True
        entry.unusable = reason
        message = f"{words}; {left} requests are not sent (`--on-unparsed continue` sends them)"
        manifest.failures.append(FailureEntry(model_id=cell.model.id, message=message))
        self.cell_run.writer.write_manifest(manifest)
        self.notify(f"{cell.model.id}: {message}")
        return False
