"""The scorer ``relaxed``: a number within five percent, or the same text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import (
    candidate_answers,
    normalize_text,
    reply_tail,
    shorten,
    target_texts,
)
from gapbench.scoring.numbers import parse_number, read_reply
from gapbench.scoring.scorer import ReplyScorer
from gapbench.scoring.scorers.numeric import RELAXED_TOLERANCE, tolerance_of
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Relaxed(ReplyScorer):
    """Accepts a number within five percent, and any other answer as text: ChartQA's relaxed accuracy.

    As in arXiv:2203.10244 section 5.1: a target that is a number is compared as a number, anything else
    as text. The answer is the reply's last stated answer, or else the reply.

    Attributes:
        rel_tol: Largest accepted difference of numbers, as a share of the target.
    """

    name: ClassVar[str] = "relaxed"
    description: ClassVar[str] = "a number within five percent, or the same text (ChartQA)"

    rel_tol: float = RELAXED_TOLERANCE

    def __post_init__(self) -> None:
        """Check the tolerance."""
        if not 0 <= self.rel_tol < 1:
            raise InputError(f"scorer 'relaxed': rel_tol is {self.rel_tol!r}; expected 0 to less than 1")

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the number or the text compared."""
        targets, text, answer = target_texts(sample), reply_tail(reply), candidate_answers(reply)[-1]
        for target in targets:
            if self._matches_target(text, answer, target):
                return Score(
                    1.0,
                    "correct",
                    answer=shorten(answer),
                    reason=f"is {shorten(target)!r}, within the tolerance",
                )
        return Score(0.0, "wrong", answer=shorten(answer), reason=f"is not {shorten(targets[0])!r}")

    def _matches_target(self, reply: str, answer: str, target: str) -> bool:
        wanted = parse_number(target)
        if wanted is None:
            a, b = (normalize_text(text, ignore_case=True, punctuation=False) for text in (answer, target))
            return a == b
        number = read_reply(reply).number
        return number is not None and tolerance_of(0.0, self.rel_tol, relaxed=False).accepts(number, wanted)
