"""The cells of a run that are being sent: which were under way at the same time, and what rests meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from gapbench.execution.attempts import gc_tuning


class SendingCells:
    """Counts the cells that are being sent. From the first to the last, the garbage collector and the report process rest.

    Args:
        while_sending: Entered while any cell is being sent; see :class:`gapbench.execution.settings.RunSettings`.
    """

    def __init__(self, while_sending: Callable[[], AbstractContextManager[None]]) -> None:
        self._while_sending = while_sending
        self._beside: dict[str, set[str]] = {}
        self._resting = ExitStack()

    def __len__(self) -> int:
        return len(self._beside)

    @contextmanager
    def sending(self, cell_id: str) -> Iterator[set[str]]:
        """Note that a cell is sent for the duration of the block.

        Yields:
            The ids of the other cells that were sent meanwhile; it grows until the block ends.
        """
        if not self._beside:
            self._resting.enter_context(self._while_sending())
            self._resting.enter_context(gc_tuning.freeze_gc())
        own = set(self._beside)
        for others in self._beside.values():
            others.add(cell_id)
        self._beside[cell_id] = own
        try:
            yield own
        finally:
            del self._beside[cell_id]
            if not self._beside:
                self._resting.close()
