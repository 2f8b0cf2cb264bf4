"""The scorer ``relaxed``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import (
    missing_target_reason,
    normalize_text,
    reply_tail,
    shorten,
    stated_answers,
    target_texts,
)
from gapbench.scoring.scorers.none import EMPTY_REPLY, make_unscored
from gapbench.scoring.scorers.numeric import RELAXED_TOLERANCE, comparable_pairs, final_number, find_numbers
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Relaxed:
    """Accepts a number within five percent, and any other answer as text: ChartQA's relaxed accuracy.

    As in arXiv:2203.10244 section 5.1: a target that is a number is compared as a number, anything else
    as text. The answer is what the reply states as its answer, else the reply.

    Attributes:
        rel_tol: Difference of numbers that is still right, as a share of the target.
    """

    rel_tol: float = RELAXED_TOLERANCE
    is_slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the tolerance."""
        if not 0 <= self.rel_tol < 1:
            raise InputError(f"scorer 'relaxed': rel_tol is {self.rel_tol!r}; it takes 0 to less than 1")

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return missing_target_reason(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the number or the text compared."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        wanted = target_texts(sample)
        if not reply.strip():
            return EMPTY_REPLY
        text = reply_tail(reply)
        said = (stated_answers(text)[-1:] or [text.strip()])[0]
        for target in wanted:
            if self._matches_target(text, said, target):
                return Score(
                    1.0, "correct", answer=shorten(said), reason=f"is {shorten(target)!r}, near enough"
                )
        return Score(0.0, "wrong", answer=shorten(said), reason=f"is not {shorten(wanted[0])!r}")

    def _matches_target(self, reply: str, answer: str, target: str) -> bool:
        found = find_numbers(target)
        is_number = len(found) == 1 and not any(c.isalpha() for c in target)
        if not is_number:
            a, b = (normalize_text(text, ignore_case=True, punctuation=False) for text in (answer, target))
            return a == b
        number, _ = final_number(reply)
        return number is not None and any(
            abs(a - b) <= self.rel_tol * abs(b) for a, b in comparable_pairs(number, found[0])
        )
