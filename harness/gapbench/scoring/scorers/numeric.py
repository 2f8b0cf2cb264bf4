"""The scorer ``numeric``: the final number, within a tolerance."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import reply_tail, shorten, stated_answers
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

DEFAULT_TOLERANCE = 1e-6
MAX_EXACT_FLOAT = 2.0**53  # above it, a float cannot represent every whole number
RELAXED_TOLERANCE = 0.05  # ChartQA's relaxed accuracy, arXiv:2203.10244 section 5.1
CHARACTER_REPLACEMENTS = {0xA0: " ", 0x2009: " ", 0x202F: " ", 0x2212: "-", 0x2013: "-", 0xFF05: "%"}
NUMBER = re.compile(
    r"""(?<![\w.])(?P<sign>[-+]?)\s?(?:[$€£¥₹]|USD|EUR|US\$)?\s?(?P<inner>-?)
    (?: \\[dt]?frac\s?\{\s?(?P<top>-?\d{1,30})\s?\}\s?\{\s?(?P<bottom>\d{1,30})\s?\}
      | (?P<whole>\d{1,9})\s(?P<num>\d{1,9})/(?P<den>\d{1,9})(?![\d/])
      | (?P<over>\d{1,30})\s?/\s?(?P<under>\d{1,30})(?![\d/])
      | (?P<digits>\d{1,3}(?:(?:,|\{,\}|\\,|_)\d{3})+(?!\d)(?:\.\d{1,40})?
                 | \d{1,400},\d{1,400}(?![\d,]) | \d{1,400}(?:\.\d{0,400})?(?!\d) | \.\d{1,400})
        (?: [eE](?P<exp>[-+]?\d{1,4})(?!\w) | \s?(?:\\times|\u00d7|x|\*|·|\\cdot)\s?10\s?(?:\^|\*\*)\s?\{?(?P<ten>[-+]?\d{1,4})\}? )?
    )
    (?P<percent>\s?\\?%|\s?percent\b)?
    (?:\s?(?P<scale>thousand|million|billion|trillion)\b)?""",
    re.VERBOSE | re.IGNORECASE,
)
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
NUMBER_WORDS = {
    word: float(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
}
THIN_SPACE = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3})")
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")


@dataclass(frozen=True)
class ParsedNumber:
    """A number found in a text.

    Attributes:
        value: Its value without the percent sign: 25 for ``25%``.
        is_percent: Whether a percent sign follows.
        text: The number as written.
    """

    value: float
    is_percent: bool
    text: str


@dataclass(frozen=True)
class Numeric(ReplyScorer):
    """Accepts the right number: the last one stated as the answer, else the last one of the reply.

    Units and currencies are skipped. Thousands separators, fractions, percent signs and powers of ten are
    understood. ``25%`` equals both 25 and 0.25, whichever the target is; ``0.25`` equals a target ``25%``.

    Attributes:
        abs_tol: Largest accepted difference.
        rel_tol: Largest accepted difference as a share of the target. None: a millionth, and two whole numbers
            must be equal.
        relaxed: Use a ``rel_tol`` of 0.05, as is usual for values read off a chart.
    """

    name: ClassVar[str] = "numeric"
    description: ClassVar[str] = "the final number, within a tolerance"

    abs_tol: float = 1e-9
    rel_tol: float | None = None
    relaxed: bool = False

    def __post_init__(self) -> None:
        """Check the tolerances."""
        for name in ("abs_tol", "rel_tol"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InputError(f"scorer 'numeric': {name} is {value!r}; it takes a number from 0")

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is not a number, or None."""
        if sample.target is None:
            return "the sample has no target"
        is_number = target_number(sample.target) is not None
        return None if is_number else f"target {shorten(str(sample.target))!r} is not a number"

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the number as written."""
        wanted = target_number(sample.target)
        assert wanted is not None, "unscorable_reason refuses such samples"
        found, place = final_number(reply_tail(reply))
        if found is None:
            return Score(0.0, "unparsed", reason=place)
        if any(self._is_close(a, b) for a, b in comparable_pairs(found, wanted)):
            return Score(1.0, "correct", answer=found.text, reason=f"{place}, which is {wanted.text}")
        return Score(0.0, "wrong", answer=found.text, reason=f"{place}, which is not {wanted.text}")

    def _is_close(self, found: float, wanted: float) -> bool:
        rel_tol = DEFAULT_TOLERANCE if self.rel_tol is None else self.rel_tol
        if self.relaxed:
            rel_tol = max(rel_tol, RELAXED_TOLERANCE)
        elif self.rel_tol is None and max(abs(found), abs(wanted)) < MAX_EXACT_FLOAT:
            rel_tol = 0.0 if found.is_integer() and wanted.is_integer() else rel_tol
        return abs(found - wanted) <= max(self.abs_tol, rel_tol * abs(wanted))


def comparable_pairs(found: ParsedNumber, wanted: ParsedNumber) -> list[tuple[float, float]]:
    """Return the pairs of values to compare; one equal pair is enough."""
    if found.is_percent == wanted.is_percent:
        return [(found.value, wanted.value)]
    if found.is_percent:
        return [(found.value, wanted.value), (found.value / 100, wanted.value)]
    return [(found.value, wanted.value), (found.value, wanted.value / 100)]


def target_number(target: Any) -> ParsedNumber | None:
    """Return the target's number: a number, or the final one of a text such as GSM8K's ``… #### 42``."""
    if isinstance(target, (int, float)) and not isinstance(target, bool):
        try:
            value = float(target)
        except OverflowError:
            return None
        if not math.isfinite(value):
            return None
        return ParsedNumber(
            value, is_percent=False, text=f"{target:g}" if isinstance(target, float) else str(target)
        )
    return final_number(str(target))[0]


def final_number(reply: str) -> tuple[ParsedNumber | None, str]:
    """Return the final number of ``reply`` and where it was found; None and the reason if there is none."""
    for statement in reversed(stated_answers(reply)):
        found = find_numbers(statement.rpartition("=")[2]) or find_numbers(statement)
        if len(found) > 1 and re.search(rf"{re.escape(found[0].text)}\W{{0,4}}\bor\b", statement):
            return None, f"states two numbers: {shorten(statement)!r}"
        if found:
            return found[0], f"states {found[0].text}"
        word = statement.strip(" .!*").casefold()
        if word in NUMBER_WORDS:
            return ParsedNumber(NUMBER_WORDS[word], is_percent=False, text=word), f"states {word}"
    last_line = next((line for line in reversed(reply.splitlines()) if line.strip()), "")
    for text in (*reversed(BOLD.findall(last_line)), last_line):
        found = find_numbers(text)
        if found:
            at = 0 if text is not last_line else -1
            return found[at], f"ends with {found[at].text}"
    found = find_numbers(reply)
    if found:
        return found[-1], f"last names {found[-1].text}"
    return None, "names no number"


def find_numbers(text: str) -> list[ParsedNumber]:
    """Return the finite numbers in ``text``, in order."""
    found = []
    for match in NUMBER.finditer(THIN_SPACE.sub("_", text).translate(CHARACTER_REPLACEMENTS)):
        value = _number_value(match)
        if value is not None and math.isfinite(value):
            found.append(
                ParsedNumber(
                    value, is_percent=bool(match["percent"]), text=" ".join(match.group().split()).rstrip(".")
                )
            )
    return found


def _number_value(match: re.Match[str]) -> float | None:
    sign = -1.0 if "-" in (match["sign"] or "") + (match["inner"] or "") else 1.0
    try:
        if match["top"]:
            value = float(match["top"]) / float(match["bottom"])
        elif match["whole"]:
            value = float(match["whole"]) + float(match["num"]) / float(match["den"])
        elif match["over"]:
            value = float(match["over"]) / float(match["under"])
        else:
            value = float(f"{_normalize_digits(match['digits'])}e{match['exp'] or match['ten'] or 0}")
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return sign * value * SCALES.get((match["scale"] or "").lower(), 1.0)


def _normalize_digits(text: str) -> str:
    """Return digits in the form that ``float`` takes: without separators, with a decimal point."""
    if re.fullmatch(r"\d+,\d+", text) and not re.fullmatch(r"[1-9]\d{0,2},\d{3}", text):
        return text.replace(",", ".")
    return re.sub(r"\{,\}|\\,|[,_\s]", "", text)
