"""The scorer ``relaxed``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import no_target, plain, short, statements, tail, targets
from gapbench.scoring.scorers.none import EMPTY, unscored
from gapbench.scoring.scorers.numeric import RELAXED_TOLERANCE, final_number, numbers, readings
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
    slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the tolerance."""
        if not 0 <= self.rel_tol < 1:
            raise InputError(f"scorer 'relaxed': rel_tol is {self.rel_tol!r}; it takes 0 to less than 1")

    def fault(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return no_target(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the number or the text compared."""
        fault = self.fault(sample)
        if fault:
            return unscored(fault)
        wanted = targets(sample)
        if not reply.strip():
            return EMPTY
        text = tail(reply)
        said = (statements(text)[-1:] or [text.strip()])[0]
        for target in wanted:
            if self._same(text, said, target):
                return Score(1.0, "correct", answer=short(said), reason=f"is {short(target)!r}, near enough")
        return Score(0.0, "wrong", answer=short(said), reason=f"is not {short(wanted[0])!r}")

    def _same(self, reply: str, said: str, target: str) -> bool:
        found = numbers(target)
        is_number = len(found) == 1 and not any(c.isalpha() for c in target)
        if not is_number:
            a, b = (plain(text, ignore_case=True, punctuation=False) for text in (said, target))
            return a == b
        number, _ = final_number(reply)
        return number is not None and any(
            abs(a - b) <= self.rel_tol * abs(b) for a, b in readings(number, found[0])
        )
