"""A table where the terminal is wide enough for it, else lines that say the same: no word is ever broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table

_UNBOUNDED = 100_000


class Fitting:
    """A table, or lines instead of it."""

    def __init__(self, table: Table, lines: Sequence[RenderableType]) -> None:
        """Keep both."""
        self._table = table
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        needed = console.measure(self._table, options=options.update(width=_UNBOUNDED)).maximum
        if needed <= options.max_width:
            yield self._table
        else:
            yield from self._lines
