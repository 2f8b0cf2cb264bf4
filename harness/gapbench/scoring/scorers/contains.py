"""The scorer ``contains``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.answer_extraction import (
    missing_target_reason,
    normalize_text,
    reply_tail,
    shorten,
    target_texts,
)
from gapbench.scoring.scorers.none import EMPTY_REPLY, make_unscored
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Contains:
    """Accepts a reply that holds the target.

    Attributes:
        ignore_case: Compare without case.
        whole_words: The target must not be part of a longer word.
        all: With a list of targets: each must be there; otherwise one is enough.
    """

    ignore_case: bool = True
    whole_words: bool = False
    all: bool = False
    is_slow: ClassVar[bool] = False

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return missing_target_reason(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is what was found."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        wanted = target_texts(sample)
        if not reply.strip():
            return EMPTY_REPLY
        text = normalize_text(reply_tail(reply), ignore_case=self.ignore_case, punctuation=True)
        found = [w for w in wanted if self._contains_target(text, w)]
        if found and (not self.all or len(found) == len(wanted)):
            return Score(1.0, "correct", answer=shorten(found[0]), reason=f"holds {shorten(found[0])!r}")
        missing = next(w for w in wanted if w not in found)
        return Score(0.0, "wrong", reason=f"does not hold {shorten(missing)!r}")

    def _contains_target(self, text: str, target: str) -> bool:
        needle = normalize_text(target, ignore_case=self.ignore_case, punctuation=True)
        at = text.find(needle) if needle else -1
        while at >= 0:
            around = text[at - 1 : at] + text[at + len(needle) : at + len(needle) + 1]
            if not self.whole_words or not any(c.isalnum() or c == "_" for c in around):
                return True
            at = text.find(needle, at + 1)
        return False
