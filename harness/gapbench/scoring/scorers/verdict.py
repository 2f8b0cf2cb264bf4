"""The scorer ``verdict``: the grade or the winner in a judge model's reply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

_QUALIFIER = r"(?:(?:final|overall|total|my)\W{1,4})?"
_GRADE_LINE = re.compile(
    rf"^\W*{_QUALIFIER}grade(?:\W{{0,12}}?|\W+is\W+)\s*(-?\d+)\b(?![.,]\d|\W{{1,4}}or\b)",
    re.IGNORECASE | re.MULTILINE,
)
_WINNER_LINE = re.compile(
    rf"^\W*{_QUALIFIER}winner(?:\W{{0,12}}?|\W+is\W+)\s*(?:the\W+)?(?:a\W+)?(first|second|tie)\b(?!\W{{1,4}}or\b)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class JudgeReply(ReplyScorer):
    """Reads the last line ``Grade: 4`` or ``Winner: first`` of a judge's reply as the answer, and gives no score.

    Attributes:
        kind: ``grade`` or ``winner``.
        low: Lowest grade.
        high: Highest grade.
    """

    name: ClassVar[str] = "verdict"
    description: ClassVar[str] = "a judge's grade or winner; used by bench judge and bench arena"

    kind: str = "grade"
    low: int = 1
    high: int = 5

    def __post_init__(self) -> None:
        """Check the options."""
        if self.kind not in {"grade", "winner"}:
            raise InputError(f"scorer 'verdict': kind is {self.kind!r}; expected grade or winner")
        if self.low >= self.high:
            raise InputError(f"scorer 'verdict': low {self.low} must be below high {self.high}")

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - there is no target
        """Return None: a judge's reply is read, not compared with a target."""
        return None

    def score_reply(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - there is no target
        """Return the grade or winner, unscored; ``unparsed`` if there is none."""
        matches = (_GRADE_LINE if self.kind == "grade" else _WINNER_LINE).findall(reply)
        if not matches:
            wanted = "Grade: <number>" if self.kind == "grade" else "Winner: first, second or tie"
            return Score(0.0, "unparsed", reason=f"no line {wanted!r}")
        last = matches[-1].lower()
        if self.kind == "grade" and not self.low <= int(last) <= self.high:
            return Score(
                0.0, "unparsed", answer=last, reason=f"grade {last} is outside {self.low} to {self.high}"
            )
        return Score(None, "unscored", answer=last, reason=f"winner: {last}")
