"""The scorer ``none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Unscored:
    """Gives no score; a task says so to be timed only."""

    is_slow: ClassVar[bool] = False

    def __call__(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - the protocol's arguments
        """Return a score that says nothing."""
        return make_unscored("the task has no scorer")

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - the protocol's arguments
        """Return nothing: no score is wanted."""
        return None


def make_unscored(reason: str) -> Score:
    """Return that nobody could judge, and why."""
    return Score(None, "unscored", reason=reason)


EMPTY_REPLY = Score(0.0, "unparsed", reason="the reply is empty")
