"""The scorer ``exact``."""

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
from gapbench.values import Sample, Score

MAX_COMPARED_CHARS = 1000


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
    is_slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the threshold."""
        if not 0 < self.threshold <= 1:
            raise InputError(
                f"scorer 'exact': threshold is {self.threshold!r}; it takes more than 0, at most 1"
            )

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return missing_target_reason(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the whole reply or its last statement."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        wanted = target_texts(sample)
        if not reply.strip():
            return EMPTY_REPLY
        text = reply_tail(reply)
        said = [text.strip(), *stated_answers(text)[-1:]]
        best, answer, nearest = max(
            ((self._similarity(s, w), s, w) for s in said for w in wanted), key=lambda found: found[0]
        )
        if best >= self.threshold:
            return Score(1.0, "correct", answer=shorten(answer), reason=f"is {shorten(nearest)!r}")
        return Score(0.0, "wrong", answer=shorten(said[-1]), reason=f"is not {shorten(wanted[0])!r}")

    def _similarity(self, answer: str, target: str) -> float:
        a = normalize_text(answer, ignore_case=self.ignore_case, punctuation=self.punctuation)
        b = normalize_text(target, ignore_case=self.ignore_case, punctuation=self.punctuation)
        if not b:  # a target of punctuation alone
            a, b = answer.strip(), target.strip()
        if a == b:
            return 1.0
        longest = max(len(a), len(b))
        if self.threshold == 1 or longest > MAX_COMPARED_CHARS:
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
