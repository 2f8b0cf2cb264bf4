"""The scorer ``anls``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import (
    missing_target_reason,
    reply_tail,
    shorten,
    stated_answers,
    target_texts,
)
from gapbench.scoring.scorers.exact import edit_distance
from gapbench.scoring.scorers.none import EMPTY_REPLY, make_unscored
from gapbench.values import Sample, Score

MAX_COMPARED_CHARS = 1000


@dataclass(frozen=True)
class Anls:
    """Scores text read off a document: normalised Levenshtein similarity (DocVQA, arXiv:2007.00398 section 4).

    Case and runs of white space do not count. The answer is the reply, or what it states as its answer,
    whichever is nearer; of several targets the nearest counts.

    Attributes:
        threshold: A similarity below it scores 0: the answer was not misread, it is another one.
        partial: The score is the similarity; otherwise 1 or 0 by the threshold.
    """

    threshold: float = 0.5
    partial: bool = True
    is_slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the threshold."""
        if not 0 < self.threshold <= 1:
            raise InputError(
                f"scorer 'anls': threshold is {self.threshold!r}; it takes more than 0, at most 1"
            )

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return missing_target_reason(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return the similarity; the answer is the text compared."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        wanted = target_texts(sample)
        if not reply.strip():
            return EMPTY_REPLY
        text = reply_tail(reply)
        value, answer, nearest = max(
            (
                (edit_similarity(said, target), said, target)
                for said in (text, *stated_answers(text)[-1:])
                for target in wanted
            ),
            key=lambda found: found[0],
        )
        is_correct = value >= self.threshold
        score = (value if self.partial else 1.0) if is_correct else 0.0
        return Score(
            score,
            "correct" if is_correct else "wrong",
            answer=shorten(answer),
            reason=f"similarity {value:.3f} with {shorten(nearest)!r}",
        )


def edit_similarity(answer: str, target: str) -> float:
    """Return 1 minus the edit distance over the longer length; 0 for texts too long to be an answer."""
    a, b = (" ".join(text.casefold().split()) for text in (answer, target))
    longest = max(len(a), len(b))
    if longest == 0:
        return 1.0
    if longest > MAX_COMPARED_CHARS:
        return float(a == b)
    return 1 - edit_distance(a, b) / longest
