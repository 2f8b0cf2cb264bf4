"""The scorer ``contains``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.answer_extraction import no_target, plain, short, tail, targets
from gapbench.scoring.scorers.none import EMPTY, unscored
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
    slow: ClassVar[bool] = False

    def fault(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no target."""
        return no_target(sample)

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is what was found."""
        fault = self.fault(sample)
        if fault:
            return unscored(fault)
        wanted = targets(sample)
        if not reply.strip():
            return EMPTY
        text = plain(tail(reply), ignore_case=self.ignore_case, punctuation=True)
        found = [w for w in wanted if self._holds(text, w)]
        if found and (not self.all or len(found) == len(wanted)):
            return Score(1.0, "correct", answer=short(found[0]), reason=f"holds {short(found[0])!r}")
        missing = next(w for w in wanted if w not in found)
        return Score(0.0, "wrong", reason=f"does not hold {short(missing)!r}")

    def _holds(self, text: str, target: str) -> bool:
        needle = plain(target, ignore_case=self.ignore_case, punctuation=True)
        at = text.find(needle) if needle else -1
        while at >= 0:
            around = text[at - 1 : at] + text[at + len(needle) : at + len(needle) + 1]
            if not self.whole_words or not any(c.isalnum() or c == "_" for c in around):
                return True
            at = text.find(needle, at + 1)
        return False
