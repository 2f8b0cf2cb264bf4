"""The scorer ``anls``: text read from a document, by edit distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.answer_extraction import candidate_answers, closest_match, shorten, target_texts
from gapbench.scoring.scorer import ReplyScorer, check_threshold
from gapbench.scoring.scorers.exact import MAX_COMPARED_CHARS, edit_distance
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Anls(ReplyScorer):
    """Scores text read from a document: normalized Levenshtein similarity (DocVQA, arXiv:2007.00398 section 4).

    Case and runs of white space do not count. The answer is the reply or its last stated answer, whichever is
    closer to a target.

    Attributes:
        threshold: A similarity below it scores 0: it is a different answer, not a misread one.
        partial: The score is the similarity; False scores 1 or 0 by the threshold.
    """

    name: ClassVar[str] = "anls"
    description: ClassVar[str] = "text read off a document, by edit distance (DocVQA)"

    threshold: float = 0.5
    partial: bool = True

    def __post_init__(self) -> None:
        """Check the threshold."""
        check_threshold(self.name, self.threshold)

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the similarity; the answer is the text compared."""
        similarity, answer, target = closest_match(
            candidate_answers(reply), target_texts(sample), edit_similarity
        )
        is_correct = similarity >= self.threshold
        value = (similarity if self.partial else 1.0) if is_correct else 0.0
        return Score(
            value,
            "correct" if is_correct else "wrong",
            answer=shorten(answer),
            reason=f"similarity {similarity:.3f} with {shorten(target)!r}",
        )


def edit_similarity(answer: str, target: str) -> float:
    """Return 1 minus the edit distance over the longer length; 1 or 0 for texts too long to be an answer."""
    a, b = (" ".join(text.casefold().split()) for text in (answer, target))
    longest = max(len(a), len(b))
    if longest == 0:
        return 1.0
    if longest > MAX_COMPARED_CHARS:
        return float(a == b)
    return 1 - edit_distance(a, b) / longest
