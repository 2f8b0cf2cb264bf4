"""The scorer ``none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.values import Sample, Score


@dataclass(frozen=True)
class Unscored:
    """Gives no score; a task says so to be timed only."""

    slow: ClassVar[bool] = False

    def __call__(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - the protocol's arguments
        """Return a score that says nothing."""
        return Score(None, "unscored", reason="the task has no scorer")


NO_TARGET = Score(None, "unscored", reason="the sample has no target")
EMPTY = Score(0.0, "unparsed", reason="the reply is empty")
