"""Reads the number of a whole reply or of a target."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.numbers.digits import Exact, decimal_value, simplest
from gapbench.scoring.numbers.last_line import read_last_number
from gapbench.scoring.numbers.markers import boxes_beside, find_statements
from gapbench.scoring.numbers.opening import read_opening
from gapbench.scoring.numbers.quantities import ParsedNumber
from gapbench.scoring.numbers.statement import Reading, are_equal, read_statement

ANSWER_AFTER = re.compile(r"(?P<text>[^\n.!?]{1,200}?)\bis\s(?:the|my|our)\s(?:\w+\s)?answer\b")
"""``42 is the answer``."""


def target_number(target: Any) -> ParsedNumber | None:
    """Return the target's number: a number, or the final one of a text such as GSM8K's ``… #### 42``."""
    if isinstance(target, bool):
        return None
    if isinstance(target, int):
        return ParsedNumber(target, str(target)) if target.bit_length() < 13_000 else None
    if isinstance(target, float):
        if not math.isfinite(target):
            return None
        return ParsedNumber(exact_float(target), f"{target:g}")
    return read_reply(str(target)).number


def exact_float(value: float) -> Exact:
    """Return the exact value of a float's shortest form: 0.1 is one tenth, and 1e23 is a whole number."""
    digits, _, exponent = repr(float(value)).partition("e")
    size = decimal_value(digits.lstrip("-")) * Fraction(10) ** int(exponent or 0)
    return simplest(Fraction(-size if digits.startswith("-") else size))


def read_reply(reply: str) -> Reading:
    """Return the number that a reply states as its answer: the last one stated, else the last one of the reply."""
    statements = find_statements(reply)
    if statements:
        group = boxes_beside(statements, reply)
        if len(group) > 1:
            return _read_boxes([statement.text for statement in group])
        for statement in reversed(statements):
            found = read_statement(statement.text)
            if found is not None:
                return found
    elif "answer" in reply:
        for match in reversed(list(ANSWER_AFTER.finditer(reply))):
            found = read_statement(match["text"])
            if found is not None and found.number is not None:
                return found
    opening = None if statements else read_opening(reply)
    if opening is not None:
        return Reading(opening, f"opens with {opening.text}")
    return read_last_number(reply)


def _read_boxes(texts: list[str]) -> Reading:
    readings = [reading for reading in map(read_statement, texts) if reading is not None]
    numbers = [reading.number for reading in readings if reading.number is not None]
    if numbers and all(are_equal(numbers[0], number) for number in numbers):
        return readings[-1]
    return Reading(None, f"boxes several answers: {shorten(' '.join(texts))!r}")
