"""The scorer ``rouge``: what a summary shares with the target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import shorten, target_texts
from gapbench.scoring.scorer import ReplyScorer, check_threshold
from gapbench.values import Sample, Score

MAX_COMPARED_WORDS = 2000
ROUGE_KINDS = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True)
class Rouge(ReplyScorer):
    """Scores what a summary shares with the target: ROUGE F-measure (Lin 2004, aclanthology.org/W04-1013).

    Words are runs of letters and digits, without case and not stemmed, as in the package rouge-score. The
    first 2000 words count. With several targets, the closest one counts.

    Attributes:
        kind: ``rouge1`` (words), ``rouge2`` (pairs of words) or ``rougeL`` (longest common subsequence).
        threshold: Lowest F-measure that is correct.
    """

    name: ClassVar[str] = "rouge"
    description: ClassVar[str] = "what a summary shares with the target: ROUGE-1, -2 or -L"
    is_slow: ClassVar[bool] = True

    kind: str = "rougeL"
    threshold: float = 0.3

    def __post_init__(self) -> None:
        """Check the kind and the threshold."""
        if self.kind not in ROUGE_KINDS:
            raise InputError(f"scorer 'rouge': kind is {self.kind!r}; expected {', '.join(ROUGE_KINDS)}")
        check_threshold(self.name, self.threshold)

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the F-measure; the answer is the reply."""
        answer = tokenize(reply)
        value = max(rouge_f_measure(self.kind, answer, tokenize(target)) for target in target_texts(sample))
        return Score(
            value,
            "correct" if value >= self.threshold else "wrong",
            answer=shorten(reply, 500),
            reason=f"{self.kind} {value:.3f}",
        )


def tokenize(text: str) -> list[str]:
    """Return the first :data:`MAX_COMPARED_WORDS` words of a text, in lower case."""
    return re.findall(r"\w+", text.lower())[:MAX_COMPARED_WORDS]


def rouge_f_measure(kind: str, answer: Sequence[str], target: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of the words, pairs or subsequence that two texts share."""
    if kind == "rougeL":
        shared, sizes = longest_common_subsequence_length(answer, target), len(answer) + len(target)
    else:
        size = int(kind[-1])
        ours, theirs = (
            Counter(zip(*(text[k:] for k in range(size)), strict=False)) for text in (answer, target)
        )
        shared, sizes = (ours & theirs).total(), ours.total() + theirs.total()
    return 2 * shared / sizes if sizes else 0.0


def longest_common_subsequence_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of two lists of words.

    The bits of one number are a row of the usual table (Hyyrö 2004): 2000 by 2000 words take milliseconds.
    """
    positions: dict[str, int] = {}
    for index, word in enumerate(b):
        positions[word] = positions.get(word, 0) | 1 << index
    full = (1 << len(b)) - 1
    row = full
    for word in a:
        matches = row & positions.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(b) - row.bit_count()
