"""The scorer ``f1``: the words that a short answer shares with the target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
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

ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@dataclass(frozen=True)
class F1(ReplyScorer):
    """Scores the words that a short answer shares with the target: SQuAD's F1, arXiv:1606.05250 section 6.1.

    Case, punctuation and English articles do not count. The answer is the reply or its last stated answer,
    whichever is closer to a target.

    Attributes:
        threshold: Lowest F1 that is correct.
        partial: The score is F1; False scores 1 or 0 by the threshold.
    """

    name: ClassVar[str] = "f1"
    description: ClassVar[str] = "the words that a short answer shares with the target (SQuAD)"

    threshold: float = 0.5
    partial: bool = True

    def __post_init__(self) -> None:
        """Check the threshold."""
        check_threshold(self.name, self.threshold)

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return F1; the answer is the text compared."""
        value, answer, target = closest_match(candidate_answers(reply), target_texts(sample), text_f1)
        is_correct = value >= self.threshold
        return Score(
            value if self.partial else float(is_correct),
            "correct" if is_correct else "wrong",
            answer=shorten(answer),
            reason=f"F1 {value:.3f} with {shorten(target)!r}",
        )


def text_f1(answer: str, target: str) -> float:
    """Return F1 of the content words of two texts."""
    return f1_score(content_words(answer), content_words(target))


def content_words(text: str) -> list[str]:
    """Return a text's words without case, punctuation and English articles."""
    return ARTICLES.sub(" ", normalize_text(text, ignore_case=True, punctuation=False)).split()


def f1_score(answer: Sequence[str], target: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words, each counted as often as it occurs."""
    if not answer or not target:
        return float(answer == target)
    shared = (Counter(answer) & Counter(target)).total()
    return 2 * shared / (len(answer) + len(target))
