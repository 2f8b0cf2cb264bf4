"""The scorer ``f1``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import no_target, plain, short, statements, tail, targets
from gapbench.scoring.scorers.none import EMPTY, unscored
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
    slow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the threshold."""
        if not 0 < self.threshold <= 1:
            raise InputError(f"scorer 'f1': threshold is {self.threshold!r}; it takes more than 0, at most 1")

    def fault(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return no_target(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return F1; the answer is the text compared."""
        fault = self.fault(sample)
        if fault:
            return unscored(fault)
        wanted = targets(sample)
        if not reply.strip():
            return EMPTY
        text = tail(reply)
        value, answer, nearest = max(
            (
                (f1(words(said), words(target)), said, target)
                for said in (text, *statements(text)[-1:])
                for target in wanted
            ),
            key=lambda found: found[0],
        )
        is_correct = value >= self.threshold
        return Score(
            value if self.partial else float(is_correct),
            "correct" if is_correct else "wrong",
            answer=short(answer),
            reason=f"F1 {value:.3f} with {short(nearest)!r}",
        )


def words(text: str) -> list[str]:
    """Return a text's words without case, punctuation and English articles."""
    return ARTICLES.sub(" ", plain(text, ignore_case=True, punctuation=False)).split()


def f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words, each counted as often as it stands there."""
    if not said or not wanted:
        return float(said == wanted)
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted))
