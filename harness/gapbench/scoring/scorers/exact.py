"""The scorer ``exact``: the reply, or its last stated answer, equals the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.answer_extraction import (
    candidate_answers,
    closest_match,
    normalize_text,
    shorten,
    target_texts,
)
from gapbench.scoring.scorer import ReplyScorer, check_threshold
from gapbench.values import Sample, Score

MAX_COMPARED_CHARS = 1000


@dataclass(frozen=True)
class Exact(ReplyScorer):
    """Accepts a reply that equals the target, or whose last stated answer does.

    Attributes:
        ignore_case: Compare without case.
        punctuation: False removes punctuation on both sides.
        threshold: Lowest similarity that is correct: 1 minus edit distance over the longer length.
            1 requires equality.
    """

    name: ClassVar[str] = "exact"
    description: ClassVar[str] = "the reply, or the final answer it states, is the target"

    ignore_case: bool = True
    punctuation: bool = False
    threshold: float = 1.0

    def __post_init__(self) -> None:
        """Check the threshold."""
        check_threshold(self.name, self.threshold)

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the whole reply or its last stated answer."""
        answers, targets = candidate_answers(reply), target_texts(sample)
        similarity, answer, target = closest_match(answers, targets, self._similarity)
        if similarity >= self.threshold:
            return Score(1.0, "correct", answer=shorten(answer), reason=f"is {shorten(target)!r}")
        return Score(0.0, "wrong", answer=shorten(answers[-1]), reason=f"is not {shorten(targets[0])!r}")

    def _similarity(self, answer: str, target: str) -> float:
        a = normalize_text(answer, ignore_case=self.ignore_case, punctuation=self.punctuation)
        b = normalize_text(target, ignore_case=self.ignore_case, punctuation=self.punctuation)
        if not b:  # the target has only punctuation
            a, b = answer.strip(), target.strip()
        if a == b:
            return 1.0
        longest = max(len(a), len(b))
        if self.threshold == 1 or longest > MAX_COMPARED_CHARS:
            return 0.0
        return 1 - edit_distance(a, b) / longest


def edit_distance(a: str, b: str) -> int:
    """Return the smallest number of insertions, deletions and replacements from ``a`` to ``b`` (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]
