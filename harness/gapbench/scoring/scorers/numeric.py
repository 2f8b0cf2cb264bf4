"""The scorer ``numeric``: the final number, within a tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import reply_tail, shorten
from gapbench.scoring.numbers import ParsedNumber, Tolerance, exact_float, read_reply, target_number
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

RELAXED_TOLERANCE = 0.05  # ChartQA's relaxed accuracy, arXiv:2203.10244 section 5.1


@dataclass(frozen=True)
class Numeric(ReplyScorer):
    """Accepts the right number: the last one stated as the answer, else the last one of the reply.

    Units and currencies are skipped. Thousands separators, fractions, powers, percent signs, scales such as
    ``million`` and English number words are understood. A calculation that is not carried out, a date and a time are
    wrong, whatever the target; two numbers are unparsed. ``25%`` equals both 25 and 0.25, whichever the target is;
    ``0.25`` equals a target ``25%``. Values are compared exactly, so two numbers are never equal for being small or large.

    Attributes:
        abs_tol: Largest accepted difference.
        rel_tol: Largest accepted difference as a share of the target. None: a millionth, and two whole numbers
            must be equal.
        relaxed: Use a ``rel_tol`` of 0.05, as is usual for values read off a chart.
    """

    name: ClassVar[str] = "numeric"
    description: ClassVar[str] = "the final number, within a tolerance"

    abs_tol: float = 0.0
    rel_tol: float | None = None
    relaxed: bool = False

    def __post_init__(self) -> None:
        """Check the tolerances."""
        for name in ("abs_tol", "rel_tol"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InputError(f"scorer 'numeric': {name} is {value!r}; expected a number of 0 or more")

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is not a number, or None."""
        if sample.target is None:
            return "the sample has no target"
        is_number = _read_target(sample.target) is not None
        return None if is_number else f"target {shorten(str(sample.target))!r} is not a number"

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the number as written."""
        wanted = _read_target(sample.target)
        assert wanted is not None, "unscorable_reason refuses such samples"
        found = read_reply(reply_tail(reply))
        if found.number is None:
            if found.text:
                return Score(0.0, "wrong", answer=found.text, reason=found.place)
            return Score(0.0, "unparsed", reason=found.place)
        number = found.number
        if tolerance_of(self.abs_tol, self.rel_tol, self.relaxed).accepts(number, wanted):
            return Score(1.0, "correct", answer=number.text, reason=f"{found.place}, which is {wanted.text}")
        return Score(0.0, "wrong", answer=number.text, reason=f"{found.place}, which is not {wanted.text}")


@lru_cache(maxsize=64)
def tolerance_of(abs_tol: float, rel_tol: float | None, relaxed: bool) -> Tolerance:
    """Return a scorer's options as exact values: 0.05 is one twentieth."""
    relative = None if rel_tol is None else exact_float(rel_tol)
    if relaxed:
        relative = max(relative or 0, exact_float(RELAXED_TOLERANCE))
    return Tolerance(exact_float(abs_tol), relative)


def _read_target(target: Any) -> ParsedNumber | None:
    if isinstance(target, (str, int, float)):
        return _cached_target(target)
    return target_number(target)


@lru_cache(maxsize=4096, typed=True)
def _cached_target(target: str | float) -> ParsedNumber | None:
    return target_number(target)
