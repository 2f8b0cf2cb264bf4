"""The threads that run slow scorers: few beside a load, one for each CPU when none is under way."""

from __future__ import annotations

from collections.abc import Callable
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
    """

    beside_load: Executor
    after_load: Executor

    @classmethod
    def open(cls, make_executor: Callable[[int], Executor]) -> Self:
        """Make both.

        Args:
            make_executor: Returns an executor with so many threads.
        """
        cpus = usable_cpus()
        return cls(make_executor(max(1, cpus // 2)), make_executor(cpus))

    def shutdown(self) -> None:
        """End the threads; what has not started is left out."""
        for executor in (self.beside_load, self.after_load):
            executor.shutdown(cancel_futures=True)
