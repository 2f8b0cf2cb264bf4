"""The scorer ``contains``: the target occurs somewhere in the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.answer_extraction import normalize_text, reply_tail, shorten, target_texts
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Contains(ReplyScorer):
    """Accepts a reply that contains the target.

    Attributes:
        ignore_case: Compare without case.
        whole_words: The target must not be part of a longer word.
        all: With a list of targets, each must occur; False accepts any one of them.
    """

    name: ClassVar[str] = "contains"
    description: ClassVar[str] = "the target is somewhere in the reply"

    ignore_case: bool = True
    whole_words: bool = False
    all: bool = False

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the first target found."""
        targets = target_texts(sample)
        text = normalize_text(reply_tail(reply), ignore_case=self.ignore_case, punctuation=True)
        found = [target for target in targets if self._contains_target(text, target)]
        if found and (not self.all or len(found) == len(targets)):
            return Score(1.0, "correct", answer=shorten(found[0]), reason=f"holds {shorten(found[0])!r}")
        missing = next(target for target in targets if target not in found)
        return Score(0.0, "wrong", reason=f"does not contain {shorten(missing)!r}")

    def _contains_target(self, text: str, target: str) -> bool:
        needle = normalize_text(target, ignore_case=self.ignore_case, punctuation=True)
        at = text.find(needle) if needle else -1
        while at >= 0:
            around = text[at - 1 : at] + text[at + len(needle) : at + len(needle) + 1]
            if not self.whole_words or not any(c.isalnum() or c == "_" for c in around):
                return True
            at = text.find(needle, at + 1)
        return False
