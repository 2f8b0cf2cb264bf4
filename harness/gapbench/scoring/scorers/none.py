"""The scorer ``none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Unscored:
    """Gives no score; a task says so to be timed only."""

    slow: ClassVar[bool] = False

    def __call__(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - the protocol's arguments
        """Return a score that says nothing."""
        return unscored("the task has no scorer")

    def fault(self, sample: Sample) -> str | None:  # noqa: ARG002 - the protocol's arguments
        """Return nothing: no score is wanted."""
        return None


def unscored(reason: str) -> Score:
    """Return that nobody could judge, and why."""
    return Score(None, "unscored", reason=reason)


EMPTY = Score(0.0, "unparsed", reason="the reply is empty")
