"""The scorer ``verdict``: what a judge model said, a grade or a winner."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.scorers.none import EMPTY_REPLY
from gapbench.values import Sample, Score

_GRADE_LINE = re.compile(r"^\W*grade\W*?\s*(-?\d+)\b", re.IGNORECASE | re.MULTILINE)
_WINNER_LINE = re.compile(r"^\W*winner\W*?\s*(first|second|tie)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class JudgeReply:
    """Reads the last line ``Grade: 4`` or ``Winner: first`` of a judge's reply; the answer is kept, and scores nothing itself.

    Attributes:
        kind: ``grade`` or ``winner``.
        low: Lowest grade.
        high: Highest grade.
    """

    kind: str = "grade"
    low: int = 1
    high: int = 5
    is_slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the options."""
        if self.kind not in {"grade", "winner"}:
            raise InputError(f"scorer 'verdict': kind is {self.kind!r}; it takes grade or winner")
        if self.low >= self.high:
            raise InputError(f"scorer 'verdict': low {self.low} must be below high {self.high}")

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - a verdict has no truth
        """Return nothing: a verdict is read, and held against nothing."""
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - a verdict has no truth
        """Return what was said, unscored; unparsed where nothing was."""
        if not reply.strip():
            return EMPTY_REPLY
        said = (_GRADE_LINE if self.kind == "grade" else _WINNER_LINE).findall(reply)
        if not said:
            wanted = "Grade: <number>" if self.kind == "grade" else "Winner: first, second or tie"
            return Score(0.0, "unparsed", reason=f"no line {wanted!r}")
        last = said[-1].lower()
        if self.kind == "grade" and not self.low <= int(last) <= self.high:
            return Score(
                0.0, "unparsed", answer=last, reason=f"grade {last} is not {self.low} to {self.high}"
            )
        return Score(None, "unscored", answer=last, reason=f"said {last}")
