"""The threads that run slow scorers: few beside a load, one for each CPU when none is under way."""

from __future__ import annotations

from collections.abc import Callable, Sized
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Self

from gapbench.cpus import usable_cpus


@dataclass(frozen=True)
class ScoringExecutors:
    """Where a run scores. Threads start when they are first needed.

    Attributes:
        beside_load: At least half the CPUs stay with the client: a busy machine makes late stamps.
        after_load: All CPUs.
        sending_cells: The cells that are being sent; without any, all CPUs are free.
    """

    beside_load: Executor
    after_load: Executor
    sending_cells: Sized = ()

    @classmethod
    def open(cls, make_executor: Callable[[int], Executor], sending_cells: Sized) -> Self:
        """Make both.

        Args:
            make_executor: Returns an executor with so many threads.
            sending_cells: The cells that are being sent.
        """
        cpus = usable_cpus()
        return cls(make_executor(max(1, cpus // 2)), make_executor(cpus), sending_cells)

    def now(self) -> Executor:
        """Return the threads that may be used at this moment."""
        return self.beside_load if len(self.sending_cells) else self.after_load

    def shutdown(self) -> None:
        """End the threads; what has not started is left out."""
        for executor in (self.beside_load, self.after_load):
            executor.shutdown(cancel_futures=True)
