"""The scorer ``f1_score``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
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

ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@dataclass(frozen=True)
class F1:
    """Scores the words that a short answer shares with the target: SQuAD's F1, arXiv:1606.05250 section 6.1.

    Case, punctuation and English articles do not count. The answer is the reply, or what it states as its
    answer, whichever is nearer; of several targets the nearest counts.

    Attributes:
        threshold: Least F1 that is correct.
        partial: The score is F1 itself; otherwise 1 or 0 by the threshold.
    """

    threshold: float = 0.5
    partial: bool = True
    is_slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the threshold."""
        if not 0 < self.threshold <= 1:
            raise InputError(f"scorer 'f1': threshold is {self.threshold!r}; it takes more than 0, at most 1")

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return missing_target_reason(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return F1; the answer is the text compared."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        wanted = target_texts(sample)
        if not reply.strip():
            return EMPTY_REPLY
        text = reply_tail(reply)
        value, answer, nearest = max(
            (
                (f1_score(content_words(said), content_words(target)), said, target)
                for said in (text, *stated_answers(text)[-1:])
                for target in wanted
            ),
            key=lambda found: found[0],
        )
        is_correct = value >= self.threshold
        return Score(
            value if self.partial else float(is_correct),
            "correct" if is_correct else "wrong",
            answer=shorten(answer),
            reason=f"F1 {value:.3f} with {shorten(nearest)!r}",
        )


def content_words(text: str) -> list[str]:
    """Return a text's words without case, punctuation and English articles."""
    return ARTICLES.sub(" ", normalize_text(text, ignore_case=True, punctuation=False)).split()


def f1_score(answer: Sequence[str], target: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words, each counted as often as it stands there."""
    if not answer or not target:
        return float(answer == target)
    shared = (Counter(answer) & Counter(target)).total()
    return 2 * shared / (len(answer) + len(target))
