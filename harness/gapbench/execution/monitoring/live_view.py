"""Show a running run: a table that redraws itself in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gapbench import credentials, formatting
from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.monitoring.progress import CellProgress, describe_total
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Model

PLAIN_INTERVAL_S = 5.0
MISSING = "–"


class QuietView:
    """Prints only what the user must know."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def paused(self) -> AbstractContextManager[None]:
        """Leave the terminal to a question for the duration of a block."""
        return nullcontext()

    def model_opening(self, model: Model) -> None:
        """Nothing."""

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """Nothing."""

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Nothing."""

    def cell_ended(self, cell: Cell) -> None:
        """Nothing."""

    def notify(self, line: str) -> None:
        """Print one line, without keys and without a server's control characters."""
        text = "\n".join(formatting.strip_controls(part) for part in credentials.redact(line).splitlines())
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class PlainView(QuietView):
    """Prints a line when a model opens and a cell ends, and every few seconds in between; for logs and pipes."""

    def __init__(
        self, console: Console, planned: Mapping[str, int] | None = None, max_usd: float | None = None
    ) -> None:
        super().__init__(console)
        self.cells: dict[str, CellProgress] = {}
        self._planned = planned or {}
        self._max_usd = None if max_usd is None else Decimal(str(max_usd))
        self._last_printed_s = 0.0
        self._budget: SpendBudget | None = None
        self._usd_before: Mapping[str, Decimal] = {}

    def spending_counted(self, budget: SpendBudget, usd_by_cell: Mapping[str, Decimal]) -> None:
        """Show the dollars that the run counts, those of earlier sessions included."""
        self._budget, self._usd_before = budget, usd_by_cell

    def model_opening(self, model: Model) -> None:
        """Print which model is being opened."""
        self.notify(f"{model.id}: opening ({model.runner}, {model.weights} weights)")

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """Start counting a cell."""
        self.cells[cell.cell_id] = CellProgress(
            total,
            already_done,
            time.monotonic(),
            cell.task.name,
            cell.model.batch,
            usd=self._usd_before.get(cell.cell_id),
        )

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt."""
        self._count(cell, row, usd)
        progress = self.cells[cell.cell_id]
        # The last one's line is that of the end.
        if progress.done < progress.total and time.monotonic() - self._last_printed_s > PLAIN_INTERVAL_S:
            self._print_progress(cell)

    def cell_ended(self, cell: Cell) -> None:
        """Print the cell's line."""
        self.cells[cell.cell_id].end_scoring(time.monotonic())
        self._print_progress(cell)

    def answer_waiting(self, cell: Cell) -> None:
        """Count an answer that waits for its score."""
        progress = self.cells[cell.cell_id]
        progress.record_waiting()
        self._note_end(progress)

    def user_asked(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:  # noqa: ARG002 - as observers have it
        """Count what asking a model that plays a user cost."""
        self.cells[cell.cell_id].record_spending(usd)

    def total_line(self) -> str:
        """Return the progress of the whole run."""
        spent_usd = None if self._budget is None else self._budget.spent_usd
        return describe_total(self.cells.values(), self._planned, self._max_usd, time.monotonic(), spent_usd)

    def _count(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        progress = self.cells[cell.cell_id]
        progress.record(row, usd)
        self._note_end(progress)

    def _note_end(self, progress: CellProgress) -> None:
        # What follows is scoring, which says nothing about the server's speed.
        if progress.answered >= progress.total:
            progress.end(time.monotonic())

    def _print_progress(self, cell: Cell) -> None:
        self._last_printed_s = time.monotonic()
        progress = self.cells[cell.cell_id]
        shown = ", ".join(
            f"{name} {value}"
            for name, value in format_progress(progress).items()
            if value not in (MISSING, "0")
        )
        total = f"; all: {self.total_line()}" if sum(self._planned.values()) > progress.total else ""
        self.notify(f"{cell.cell_id}: {shown}{total}")


class LiveView(PlainView):
    """A table that redraws itself four times a second."""

    def __init__(
        self, console: Console, planned: Mapping[str, int] | None = None, max_usd: float | None = None
    ) -> None:
        super().__init__(console, planned, max_usd)
        self._opening: dict[str, str] = {}
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._table, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self.cells:
            self.console.print(self._table())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the table off the terminal for the duration of a block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def model_opening(self, model: Model) -> None:
        """Show which model is being opened."""
        self._opening[model.id] = f"opening {model.id} ({model.runner})"

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """Add a line for the cell."""
        self._opening.pop(cell.model.id, None)
        super().cell_started(cell, total, already_done)

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt; the next redraw shows it."""
        self._count(cell, row, usd)

    def cell_ended(self, cell: Cell) -> None:
        """Fix the cell's rate; its line stays."""
        self.cells[cell.cell_id].end_scoring(time.monotonic())

    def _table(self) -> Table:
        lines = [self.total_line()] if self.cells else []
        lines += self._opening.values()
        caption = Text("\n".join(lines)) if lines else None
        table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
        table.add_column("cell", no_wrap=True)
        has_turns = any(progress.turns for progress in self.cells.values())
        names = [name for name in format_progress(CellProgress(0, 0, 0.0)) if has_turns or name != "turns"]
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        for cell_id, progress in self.cells.items():
            done = progress.ended_s is not None
            shown = [
                Text(value, style="red" if name == "infra" and value != "0" else "")
                for name, value in format_progress(progress).items()
                if name in names
            ]
            table.add_row(Text(cell_id, style="dim" if done else "bold"), *shown)
        return table


def open_view(
    console: Console,
    *,
    quiet: bool,
    planned: Mapping[str, int] | None = None,
    max_usd: float | None = None,
) -> QuietView:
    """Return the view that fits a console; use it as a context manager.

    Args:
        console: Where to print.
        quiet: Print only what the user must know.
        planned: Requests of the whole run by task. None: unknown.
        max_usd: US dollars at which the run stops. None: no limit.
    """
    if quiet:
        return QuietView(console)
    view = LiveView if console.is_terminal else PlainView
    return view(console, planned, max_usd)


def format_progress(progress: CellProgress) -> dict[str, str]:
    """Return the figures of a cell as text by column name; unknown ones as a dash."""
    at_s = time.monotonic()
    rate = progress.rate_rps(at_s)
    eta_s = progress.eta_s(at_s)
    first_s = progress.first_token_p50_s
    return {
        "done": f"{progress.answered}/{progress.total}",
        "req/s": MISSING if rate is None else f"{rate:.1f}",
        "accuracy": _format_accuracy(progress),
        formatting.METRICS["ttft_p50_s"]: MISSING if first_s is None else f"{first_s * 1e3:.0f} ms",
        "spent": MISSING if progress.usd is None else f"${progress.usd:.4f}",
        "turns": f"{progress.turns}",
        "retried": f"{progress.retried}",
        "infra": f"{progress.infra}",
        "left": _format_left(progress, eta_s),
    }


def _format_left(progress: CellProgress, eta_s: float | None) -> str:
    """Return the time left, or how many answers wait for their score once all have come."""
    if progress.answered >= progress.total and progress.waiting:
        return f"scoring {progress.waiting}"
    return MISSING if eta_s is None or eta_s <= 0 else f"{eta_s:.0f} s"


def _format_accuracy(progress: CellProgress) -> str:
    """Return the accuracy, with the number of answers if ``done`` counts answers of earlier sessions too."""
    if progress.accuracy is None:
        return MISSING
    return f"{100 * progress.accuracy:.1f} %" + (
        f" of {progress.scored} new" if progress.already_done else ""
    )
