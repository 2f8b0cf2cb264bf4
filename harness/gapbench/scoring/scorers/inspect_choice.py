"""The scorer ``inspect_choice``: the letter that Inspect's ``multiple_choice`` reads from a reply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring.answer_extraction import reply_tail
from gapbench.scoring.scorer import ReplyScorer, make_unscored
from gapbench.values import Sample, Score

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# parse_answers in inspect_ai/solver/_multiple_choice.py of inspect_ai 0.3.285, in this order.
_WRAPPERS = (
    (re.compile(r"\$\s*([A-Za-z\d][A-Za-z\d ,]*?)\s*\$"), r"\1"),
    (re.compile(r"\*\*\s*([A-Za-z\d][A-Za-z\d ,]*?)\s*\*\*"), r"\1"),
    (re.compile(r"(?i)(^|[:,])(\s*)\(([A-Za-z\d])\)(?=\s*(?:,|\.|\n|\Z))"), r"\1\2\3"),
)
_STRICT = re.compile(r"(?im)^ANSWER\s*:\s*([A-Za-z\d ,]+)\s*(?:$|\n|\.)")
_LENIENT = re.compile(r"(?i)ANSWER\s*:\s*([A-Za-z\d ,]+)(?:[^\w]|\n|$|\.)")


@dataclass(frozen=True)
class InspectChoice(ReplyScorer):
    """Accepts the right letter by Inspect's own rules; tasks of ``inspect_evals:`` entries set it."""

    name: ClassVar[str] = "inspect_choice"
    description: ClassVar[str] = "Inspect's rules for `ANSWER: LETTER`; set by `inspect_evals:` entries"

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0."""
        count = sample.columns.get("choices")
        if not isinstance(count, int):
            return make_unscored("the sample is none of inspect-evals': it has no column choices")
        letter = find_letter(reply, count)
        if letter is None:
            return Score(0.0, "unparsed", None, "it has no line ANSWER: with the letter of one choice")
        is_right = letter == sample.target
        return Score(
            float(is_right), "correct" if is_right else "wrong", letter, f"the right one is {sample.target}"
        )


def find_letter(reply: str, count: int) -> str | None:
    """Return the letter that a reply states, or None.

    Args:
        reply: The reply; only its end is read.
        count: Number of choices, at most 26.
    """
    text = reply_tail(reply)
    for pattern, kept in _WRAPPERS:
        text = pattern.sub(kept, text)
    stated = _STRICT.findall(text) or _LENIENT.findall(text)
    if not stated:
        return None
    last: str = stated[-1].strip().rstrip(".").upper()
    tokens = [token for token in last.split(",") if token]
    return tokens[0] if len(tokens) == 1 and tokens[0] in list(LETTERS[:count]) else None
