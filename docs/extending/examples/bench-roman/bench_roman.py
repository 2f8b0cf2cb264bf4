"""The scorer ``roman``: a Roman numeral equal to the target."""

import re
from dataclasses import dataclass
from typing import ClassVar

from gapbench.scoring import ReplyScorer
from gapbench.scoring.answer_extraction import candidate_answers
from gapbench.values import Sample, Score

SYMBOLS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
NUMERAL = re.compile(r"\b(?=[MDCLXVI])M*(?:C[MD]|D?C{0,3})(?:X[CL]|L?X{0,3})(?:I[XV]|V?I{0,3})\b")


@dataclass(frozen=True)
class Roman(ReplyScorer):
    """Accepts the Roman numeral of the target, which is a whole number.

    The answer is the last numeral of the reply's last stated answer, or else of the reply.

    Attributes:
        tolerance: Largest accepted difference.
    """

    name: ClassVar[str] = "roman"
    description: ClassVar[str] = "a Roman numeral equal to the target"

    tolerance: int = 0

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or not a whole number, or None."""
        if str(sample.target).isdecimal():
            return None
        return f"target {sample.target!r} is not a whole number"

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the numeral."""
        numerals = NUMERAL.findall(candidate_answers(reply)[-1])
        if not numerals:
            return Score(0.0, "unparsed", reason="contains no Roman numeral")
        value = to_number(numerals[-1])
        if abs(value - int(str(sample.target))) <= self.tolerance:
            return Score(1.0, "correct", answer=numerals[-1], reason=f"{numerals[-1]} is {value}")
        reason = f"{numerals[-1]} is {value}, not {sample.target}"
        return Score(0.0, "wrong", answer=numerals[-1], reason=reason)


def to_number(numeral: str) -> int:
    """Return the value of a Roman numeral."""
    values = [SYMBOLS[symbol] for symbol in numeral]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
