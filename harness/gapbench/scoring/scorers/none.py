"""The scorer ``none``: replies are only timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.scorer import make_unscored
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Unscored:
    """Gives no score, so that a task's replies are only timed."""

    name: ClassVar[str] = "none"
    description: ClassVar[str] = "no score: the reply is only timed"
    is_slow: ClassVar[bool] = False

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - the protocol's arguments
        """Return None: no sample is refused, because no score is wanted."""
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - the protocol's arguments
        """Return an unscored score."""
        return make_unscored("the task has no scorer")
