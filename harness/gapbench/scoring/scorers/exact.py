"""The scorer ``exact``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import no_target, plain, short, statements, tail, targets
from gapbench.scoring.scorers.none import EMPTY, unscored
from gapbench.values import Sample, Score

LONGEST_COMPARED_CHARS = 1000


@dataclass(frozen=True)
class Exact:
    """Accepts a reply that is the target, or whose last stated answer is.

    Attributes:
        ignore_case: Compare without case.
        punctuation: False drops punctuation on both sides.
        threshold: Least similarity, 1 minus edit distance over the longer length, that is correct.
            1: only equality is.
    """

    ignore_case: bool = True
    punctuation: bool = False
    threshold: float = 1.0
    slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the threshold."""
        if not 0 < self.threshold <= 1:
            raise InputError(
                f"scorer 'exact': threshold is {self.threshold!r}; it takes more than 0, at most 1"
            )

    def fault(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return no_target(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the whole reply or its last statement."""
        fault = self.fault(sample)
        if fault:
            return unscored(fault)
        wanted = targets(sample)
        if not reply.strip():
            return EMPTY
        text = tail(reply)
        said = [text.strip(), *statements(text)[-1:]]
        best, answer, nearest = max(
            ((self._alike(s, w), s, w) for s in said for w in wanted), key=lambda found: found[0]
        )
        if best >= self.threshold:
            return Score(1.0, "correct", answer=short(answer), reason=f"is {short(nearest)!r}")
        return Score(0.0, "wrong", answer=short(said[-1]), reason=f"is not {short(wanted[0])!r}")

    def _alike(self, said: str, wanted: str) -> float:
        a = plain(said, ignore_case=self.ignore_case, punctuation=self.punctuation)
        b = plain(wanted, ignore_case=self.ignore_case, punctuation=self.punctuation)
        if not b:  # a target of punctuation alone
            a, b = said.strip(), wanted.strip()
        if a == b:
            return 1.0
        longest = max(len(a), len(b))
        if self.threshold == 1 or longest > LONGEST_COMPARED_CHARS:
            return 0.0
        return 1 - edit_distance(a, b) / longest


def edit_distance(a: str, b: str) -> int:
    """Return the least number of insertions, deletions and replacements from ``a`` to ``b`` (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]
