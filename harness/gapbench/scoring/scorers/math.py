"""The scorer ``math``: mathematically equal expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import reply_tail, shorten, target_texts
from gapbench.scoring.child_process import ScoringProcess, ScoringProcessError
from gapbench.scoring.expressions import (
    NUMBER_WITH_UNIT,
    Expression,
    is_prose,
    stated_expression,
    strip_markup,
)
from gapbench.scoring.numbers import ParsedNumber, Tolerance, comparable_pairs, is_rounding, parse_number
from gapbench.scoring.scorer import ReplyScorer
from gapbench.scoring.solutions import is_other_kind, solutions_for
from gapbench.values import Sample, Score

MAX_EXPRESSION_CHARS = 600
COMPARISON_TIMEOUT_S = 6.0
EQUALITY_PROCESS = ScoringProcess(Path(__file__).parents[1] / "math_child.py", COMPARISON_TIMEOUT_S)
NUMBER_BASE = re.compile(r"(?<=[0-9A-Za-z])_\{?(?:\\text\{)?\s?([0-9]+|[a-z]+)\s?\}{0,2}\s*$")
MIN_DECIMALS = 6
"""A decimal with fewer decimals is not a rounding of a fraction: 0.33 is not 1/3. math-verify rounds to six."""

MIN_DIGITS = 3
"""Significant digits that a rounded decimal needs, so that two small numbers are not equal for being small."""

NOT_A_NUMBER = re.compile(r"[_πA-DF-Za-df-z√]|\d,\d+(?!,?\d{3})")
TEXT = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|mbox)\s?\{([^{}]*)\}")
PERCENT_WORD = re.compile(r"\s?(?:percent|per[\s-]?cent|pct)\b", re.IGNORECASE)
E_NOTATION = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)[eE]([-+]?\d{1,4})\s*")
PAIR = re.compile(r"(?P<open>\(|\\\{).*,.*(?P<close>\)|\\\})", re.DOTALL)
BARE_LIST = re.compile(r"[^()\[\]{}=<>]*,[^()\[\]{}=<>]*")
BOLD_LETTER = re.compile(r"\\(?:mathbf|boldsymbol|vec|hat|mathit)\s?\{([A-Za-z])\}")
NEGATION = re.compile(r"(?:\b(?:not|never|cannot|neither|nor|hardly)\b|n['’]t\b)[^,;.]*$", re.IGNORECASE)
DEGREES = re.compile(r"\s?(?:\^\s?(?:\\circ|\{\s?\\circ\s?\})|°|\\degree|(?:\\text\{\s?)?\bdegrees?\b\}?)\s*")
HAS_PI = re.compile(r"\\pi(?![a-zA-Z])|π|\bpi\b")
_UNITS = r"(?:[kMGTmµμnpcd]?(?:m|g|s|A|K|mol|cd|Hz|N|Pa|J|W|C|V|F|Ω|S|Wb|T|H|L|eV|rad)|coulombs?|joules?|met(?:er|re)s?|kilograms?|seconds?|grams?|newtons?)"
SCIENTIFIC_WITH_UNIT = re.compile(
    r"(?P<number>[-+−]?\s?\d[\d.,]*\s?(?:×|\\times|\\cdot|\*|·|⋅|x)\s?10\s?(?:\^\s?(?:\{[-−+]?\d{1,4}\}|[-−+]?\d{1,4})|[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]{1,4}))"
    rf"(?:\s|\\[,; ])*(?:\\(?:text|mathrm)\s?\{{\s?)?(?P<unit>{_UNITS}(?:\s?[/·]\s?{_UNITS}|\^\{{?-?\d\}}?|[²³⁻¹])*)\}}?"
)
SQUARE_ROOT = re.compile(r"√\s?\(?(\d{1,30}|[a-z])\)?")
REPEATING_DECIMAL = re.compile(
    r"(?P<whole>\d{1,30})?\.(?P<fixed>\d{1,30})?\\overline\s?\{(?P<again>\d{1,30})\}"
)
MIXED_NUMBER = re.compile(r"(?<![\d/.])(\d{1,30})\s+(\d{1,30})\s?/\s?(\d{1,30})(?![\d/])")
POWER_OF_PYTHON = re.compile(r"(?<=[\w)])\s?\*\*\s?(?=[-\w({])")
UNICODE_TO_LATEX = str.maketrans({
    "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ", "−": "-", "–": "-", "‑": "-", "π": r"\pi ", "∞": r"\infty ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "±": r"\pm ",
    "°": r"^\circ ", "²": "^{2}", "³": "^{3}", "⁴": "^{4}", "⁵": "^{5}", "⁶": "^{6}", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
})  # fmt: skip
LAYOUT = (
    (re.compile(r"\s*\n\s*"), " "),
    (re.compile(r"\\\\\s?\*?\s?\[\s?-?[\d.]{1,6}\s?(?:pt|ex|em|mm|cm|in|px)\s?\]"), r"\\\\"),
    (re.compile(r"\\(?:cr|tabularnewline)(?![a-zA-Z])"), r"\\\\"),
    (re.compile(r"\\\\\s*(?:\\hline\s*)?(?=\\end\s?\{)"), ""),
    (re.compile(r"\\(begin|end)\s?\{([bpvBV]?matrix|smallmatrix)\*\}(?:\s?\[[lcr]\])?"), r"\\\1{\2}"),
    (re.compile(r"\\textcolor\s?\{[^{}]{0,40}\}\s?\{([^{}]{0,200})\}"), r"\1"),
    (re.compile(r"\\color\s?\{[^{}]{0,40}\}"), ""),
    (re.compile(r"\\[dtc]?frac\s?\{\s?\\(?:text|mathrm)\s?\{([^{}]{1,20})\}\s?\}\s?\{\s?\\(?:text|mathrm)\s?\{([^{}]{1,20})\}\s?\}"), r"\\text{\1/\2}"),
    (re.compile(r"(?<=\d)\\,(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<!\\)~"), " "),
)  # fmt: skip
"""Spacing, color and layout of rows, which the parser of math-verify does not read."""
LATEX_REPLACEMENTS = (
    (re.compile(r"\\(?:left|right|displaystyle|,|!|;|:| |quad|qquad)(?![a-zA-Z])"), ""),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\varnothing(?![a-zA-Z])"), r"\\emptyset"),
    (re.compile(r"\\(?:text|textbf|textrm|mathrm|mbox|textit|mathbf)\s?\{([^{}]{0,200})\}"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"_\{(\w)\}"), r"_\1"),
    (re.compile(r"[$~]+"), " "),
    (re.compile(r"(?<!\d)\s+|\s+(?!\d)"), ""),  # a space between two digits keeps two numbers apart
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Math(ReplyScorer):
    r"""Accepts an answer that is mathematically the target: numbers, LaTeX, fractions, intervals, sets, matrices.

    The answer is the last ``\boxed{…}``, ``#### …`` or "answer is …", else the last formula, else the last
    line. The target may be an answer, a whole solution with a ``\boxed{…}`` (MATH), or one that ends in
    ``#### 72`` (GSM8K). Equal texts are equal. Anything else is parsed by math-verify and compared by sympy
    in a separate process, which is stopped after six seconds. Order counts in tuples and matrices, not in
    sets and lists. Units and ``x =`` may be left out; the base of a number may not differ.
    """

    name: ClassVar[str] = "math"
    description: ClassVar[str] = "mathematically equal: LaTeX, fractions, intervals, sets, matrices"
    is_slow: ClassVar[bool] = True

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or holds no answer, or None."""
        if sample.target is None:
            return "the sample has no target"
        return (
            None
            if _target_expressions(sample)
            else f"target {shorten(str(sample.target))!r} contains no answer"
        )

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the expression as written."""
        wanted = _target_expressions(sample)
        found = stated_expression(reply_tail(reply))
        sentence = found.sentence or found.text or ""
        possible = [target for target in wanted if not is_other_kind(target, sentence)]
        if not possible:
            reason = f"names several values, which are not {shorten(wanted[0])!r}"
            return Score(0.0, "wrong", answer=shorten(sentence), reason=reason)
        wanted = possible
        for target in wanted:
            if found.sentence and normalize_latex(found.sentence) == normalize_latex(target):
                return Score(
                    1.0, "correct", answer=shorten(found.sentence), reason="as written in the target"
                )
            solutions = solutions_for(target, sentence)
            if solutions and compare_expressions(target, solutions)[0]:
                return Score(1.0, "correct", answer=shorten(solutions), reason="names the target's values")
        if found.text is None:
            return _score_of_words(found, wanted)
        expression, place = found.text, found.place
        if len(expression) > MAX_EXPRESSION_CHARS:
            return Score(
                0.0, "unparsed", reason=f"states {len(expression)} characters, too many for an answer"
            )
        answer, reasons = shorten(expression), []
        for target in wanted:
            is_equal, reason = compare_expressions(target, expression)
            if is_equal:
                return Score(1.0, "correct", answer=answer, reason=f"{place} {reason}")
            reasons.append(reason)
        return Score(0.0, "wrong", answer=answer, reason=f"{place} {reasons[0]}")


def _score_of_words(found: Expression, wanted: list[str]) -> Score:
    """Return the score of an answer in words: wrong if the target is words as well, else unparsed."""
    if found.sentence and all(map(_is_words, wanted)):
        if any(_ends_with(found.sentence, target) for target in wanted):
            return Score(
                1.0, "correct", answer=shorten(found.sentence), reason="ends with the target's words"
            )
        return Score(0.0, "wrong", answer=shorten(found.sentence), reason="is not the words of the target")
    return Score(0.0, "unparsed", reason=found.place)


def _ends_with(sentence: str, target: str) -> bool:
    """Return whether a sentence such as ``So the function is odd.`` ends with ``is`` and the words of the target."""
    words, wanted = (
        " ".join(re.findall(r"[a-z]+", TEXT.sub(r"\1", text).lower())) for text in (sentence, target)
    )
    if NEGATION.search(sentence):
        return False
    return (
        re.search(
            rf"\b(?:is|are|be|was|were|on)\s(?:an?\s|the\s|on\s(?:an?\s)?)?(?:{re.escape(wanted)})$", words
        )
        is not None
    )


def _is_words(target: str) -> bool:
    text = normalize_latex(target)
    return (
        is_prose(target)
        or re.fullmatch(r"\(?[A-Za-z]{2,}\)?|.*\\text\s?\{.*", target) is not None
        or text.isalpha()
    )


def _target_expressions(sample: Sample) -> list[str]:
    given = target_texts(sample)
    return [text for text in map(target_expression, given) if text]


def target_expression(target: Any) -> str | None:
    r"""Return a target's answer: the last box or ``####`` of a solution, or else the whole target."""
    text = str(target).strip()
    if r"\boxed" in text or r"\fbox" in text or "####" in text:
        found = stated_expression(text)
        return found.text or found.sentence or None
    return strip_markup(text) or None


def compare_expressions(target: str, answer: str) -> tuple[bool, str]:
    """Return whether two expressions are equal, and how that was decided."""
    target, answer = without_layout(target), without_layout(answer)
    a, b = normalize_latex(target), normalize_latex(answer)
    if a == b:
        return True, "as written in the target"
    target, answer = _without_unit(target), _without_unit(answer)
    target, answer = _in_radians(target, answer), _in_radians(answer, target)
    x, y = _plain_number(target), _plain_number(answer)
    if x is not None and y is not None:
        return are_equal_numbers(x, y), f"compared with the target {shorten(target)!r}"
    base_a, base_b = NUMBER_BASE.search(target.strip(" }")), NUMBER_BASE.search(answer.strip(" }"))
    if base_a and base_b and base_a[1] != base_b[1]:
        return False, f"to another base than the target {shorten(target)!r}"
    if len(target) > MAX_EXPRESSION_CHARS:
        return False, "not as written in the target"
    if PAIR.fullmatch(a) and a.startswith("(") and BARE_LIST.fullmatch(b):
        answer = f"({answer})"
    kinds = PAIR.fullmatch(a), PAIR.fullmatch(b)
    if kinds[0] and kinds[1] and kinds[0]["open"] != kinds[1]["open"]:
        return False, f"is not {shorten(target)!r}: one is a set, in the other order counts"
    try:
        found = EQUALITY_PROCESS.request([_forms(target), _forms(answer)])
    except ScoringProcessError as exc:
        return False, f"could not be compared with {shorten(target)!r}: {exc}"
    if found["answer"] is None:
        return False, "cannot be read as mathematics"
    verb = "equals" if found["equal"] else "is not"
    return found["equal"], f"read as {shorten(found['answer'])}, {verb} {shorten(found['target'] or target)}"


def without_layout(text: str) -> str:
    """Return an expression without the spacing of rows, colors and narrow spaces between thousands."""
    for pattern, instead in LAYOUT:
        text = pattern.sub(instead, text)
    return text.strip()


def _without_unit(text: str) -> str:
    """Return a number with a power of ten without its unit: ``1.6 × 10⁻¹⁹ C``."""
    match = SCIENTIFIC_WITH_UNIT.fullmatch(text.strip().rstrip("."))
    return match["number"] if match else text


def _in_radians(angle: str, other: str) -> str:
    """Return an angle in degrees in radians if the other expression has a pi and no degrees, else unchanged."""
    if not HAS_PI.search(other) or DEGREES.search(other) or HAS_PI.search(angle):
        return angle
    number = DEGREES.split(angle.strip())
    value = parse_number(number[0]) if len(number) == 2 and not number[1].strip(". $") else None
    if value is None or value.per != 1:
        return angle
    part = Fraction(value.value) / 180
    return rf"\frac{{{part.numerator}\pi}}{{{part.denominator}}}"


def _plain_number(text: str) -> ParsedNumber | None:
    """Return a number in digits, with its power, fraction and percent sign; None for roots, units and two numbers."""
    number = parse_number(text)
    if number is None or NOT_A_NUMBER.search(PERCENT_WORD.sub("%", number.text)):
        return None
    return number


def are_equal_numbers(wanted: ParsedNumber, found: ParsedNumber) -> bool:
    """Return whether two numbers are equal: exactly, within a millionth, or one the rounding of the other.

    Whole numbers are equal only if they are the same. A rounding has at least six decimals, as in math-verify, and
    three significant digits, so that numbers are not equal for being small.
    """
    for b, a in comparable_pairs(found, wanted):
        if Tolerance().is_close(b, a):
            return True
        if _is_rounded(b, found, a) or _is_rounded(a, wanted, b):
            return True
    return False


def _is_rounded(rounded: int | Fraction, written: ParsedNumber, exact: int | Fraction) -> bool:
    decimals = re.fullmatch(r"[-+]?\d*\.(\d+)", written.text)
    if decimals is None or len(decimals[1]) < MIN_DECIMALS:
        return False
    digits = len(decimals[1])
    return abs(Fraction(rounded)) * 10**digits >= 10 ** (MIN_DIGITS - 1) and is_rounding(
        rounded, digits, exact
    )


def _forms(text: str) -> list[str]:
    """Return an expression in the forms to try: prepared for the parser, and as it was written."""
    return list(dict.fromkeys([prepare_for_parser(text), text]))


def prepare_for_parser(text: str) -> str:
    """Return an expression with units marked as text, and mixed numbers and repeating decimals as fractions."""
    notation = E_NOTATION.fullmatch(text)
    if notation:
        text = rf"{notation[1]} \times 10^{{{notation[2]}}}"
    text = PERCENT_WORD.sub(r"\\%", text)
    counted = NUMBER_WITH_UNIT.fullmatch(text)
    if counted:
        text = rf"{counted[1]} \text{{{counted[2]}}}"
    text = BOLD_LETTER.sub(r" \1 ", text)
    text = SQUARE_ROOT.sub(r"\\sqrt{\1}", text).translate(UNICODE_TO_LATEX)
    text = text.replace(r"\varnothing", r"\emptyset ")
    text = MIXED_NUMBER.sub(r"\1\\frac{\2}{\3}", POWER_OF_PYTHON.sub("^", text))
    return REPEATING_DECIMAL.sub(_repeating_to_fraction, text)


def _repeating_to_fraction(match: re.Match[str]) -> str:
    whole, fixed, again = match["whole"] or "0", match["fixed"] or "", match["again"]
    value = Fraction(int(whole + fixed)) / 10 ** len(fixed)
    value += Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(fixed))
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def normalize_latex(text: str) -> str:
    """Return an expression's text without spacing, sizes and fonts, which do not change its meaning."""
    for pattern, instead in LATEX_REPLACEMENTS:
        text = pattern.sub(instead, text)
    return text.strip().rstrip(".")
