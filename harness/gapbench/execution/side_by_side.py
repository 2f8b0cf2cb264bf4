"""Run parts of a run side by side: models on different machines, and the cells of a model that share their places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gapbench.errors import ResultsError
from gapbench.execution.attempts.load_generator import Places
from gapbench.suite.plan import Cell

RunCell = Callable[[Cell, Places, Callable[[], None]], Coroutine[Any, Any, None]]
"""Runs a cell with shared places, and calls the function when the cell's last request has its place."""


async def run_side_by_side(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run parts at the same time. If one fails, the others are cancelled and its error is raised."""
    with raise_one_error():
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)


async def run_in_shared_places(
    cells: Sequence[Cell], run_cell: RunCell, may_send: Callable[[], bool]
) -> None:
    """Run the cells of a model that share their places in flight.

    Each cell starts when the last request of the one before it has its place, so a slow answer keeps one place and not all.

    Args:
        cells: The cells, all under one load.
        run_cell: See :data:`RunCell`.
        may_send: Returns whether another cell may start.
    """
    places = Places(cells[0].load)
    with raise_one_error():
        async with asyncio.TaskGroup() as group:
            for cell in cells:
                if not may_send():
                    return
                all_started = asyncio.Event()
                group.create_task(_run_and_set(run_cell, cell, places, all_started))
                await all_started.wait()


async def _run_and_set(run_cell: RunCell, cell: Cell, places: Places, all_started: asyncio.Event) -> None:
    """Run a cell; its end, however it ends, also says that it starts nothing more."""
    try:
        await run_cell(cell, places, all_started.set)
    finally:
        all_started.set()


@contextmanager
def raise_one_error() -> Iterator[None]:
    """Raise the first error of a task group in place of the group: first that of the disk, which hits all requests in flight."""
    try:
        yield
    except BaseExceptionGroup as group:
        broken, _ = group.split(ResultsError)
        raise _first_error(broken or group) from group


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
