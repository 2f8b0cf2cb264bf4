"""The scorer ``math``: mathematically equal expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import MARKUP_CHARS, reply_tail, shorten, stated_answers, target_texts
from gapbench.scoring.child_process import ScoringProcess, ScoringProcessError
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

MAX_EXPRESSION_CHARS = 600
COMPARISON_TIMEOUT_S = 6.0
EQUALITY_PROCESS = ScoringProcess(Path(__file__).parents[1] / "math_child.py", COMPARISON_TIMEOUT_S)
EXPRESSION_MARKUP_CHARS = MARKUP_CHARS.replace("$", "")
FORMULA = re.compile(
    r"\$\$(.{1,1000}?)\$\$|(?<!\\)\$([^$\n]{1,1000}?)(?<!\\)\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]",
    re.DOTALL,
)
UNBRACED_BOX = re.compile(r"\\boxed\s+([^\s{$][^\s$]{0,50})")
NUMBER_BASE = re.compile(r"(?<=[0-9A-Za-z])_\{?(?:\\text\{)?\s?([0-9]+|[a-z]+)\s?\}{0,2}\s*$")
NUMBER = re.compile(r"[-+]?(?:\d{1,300}|\d{1,3}(?:,\d{3}){1,90})(?:\.\d{1,300})?")
NUMBER_WITH_UNIT = re.compile(
    r"([-+]?\\?[$€£]?\s?\d[\d,]{0,60}(?:\.\d{1,60})?)\s+([A-Za-z]{2,}[A-Za-z .²³/]{0,60})"
)
BOLD_LETTER = re.compile(r"\\(?:mathbf|boldsymbol|vec|hat|mathit)\s?\{([A-Za-z])\}")
SQUARE_ROOT = re.compile(r"√\s?\(?(\d{1,30}|[a-z])\)?")
REPEATING_DECIMAL = re.compile(
    r"(?P<whole>\d{1,30})?\.(?P<fixed>\d{1,30})?\\overline\s?\{(?P<again>\d{1,30})\}"
)
LATEX_REPLACEMENTS = (
    (re.compile(r"\\(?:left|right|displaystyle|,|!|;|:| |quad|qquad)(?![a-zA-Z])"), ""),
    (re.compile(r"\\[dt]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:text|textbf|mathrm|mbox|textit|mathbf)\s?\{([^{}]{0,200})\}"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"[\s$~]+"), ""),
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
            None if _target_expressions(sample) else f"target {shorten(str(sample.target))!r} holds no answer"
        )

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the expression as written."""
        wanted = _target_expressions(sample)
        expression, place = stated_expression(reply_tail(reply))
        if expression is None:
            return Score(0.0, "unparsed", reason=place)
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


def _target_expressions(sample: Sample) -> list[str]:
    given = target_texts(sample)
    return [text for text in map(target_expression, given) if text]


def target_expression(target: Any) -> str | None:
    r"""Return a target's answer: the last box or ``####`` of a solution, or else the whole target."""
    text = str(target).strip()
    if r"\boxed" in text or r"\fbox" in text or "####" in text:
        return stated_expression(text)[0]
    return strip_markup(text) or None


def stated_expression(reply: str) -> tuple[str | None, str]:
    """Return the final expression of ``reply`` and where it was found; None and the reason if there is none."""
    for statement in reversed(stated_answers(reply, EXPRESSION_MARKUP_CHARS)):
        found = expression_in(statement)
        if found:
            return found, f"states {shorten(found)!r}"
    unbraced = UNBRACED_BOX.findall(reply)
    if unbraced:
        return strip_markup(unbraced[-1]), f"boxes {shorten(unbraced[-1])!r}"
    formulas = [text for groups in FORMULA.findall(reply) for text in groups if text]
    last_line = next(line.strip() for line in reversed(reply.splitlines()) if line.strip())
    if formulas:
        # `$x$ = $5$` and `$a + b = 5$` state what follows the last equals sign.
        found = strip_markup(formulas[-1].rpartition("=")[2] or formulas[-1])
        return found, f"last writes {shorten(found)!r}"
    found = (
        strip_markup(last_line.rpartition("=")[2])
        if "=" in last_line
        else strip_markup(first_sentence(last_line))
    )
    return (found, f"ends with {shorten(found)!r}") if found else (None, "states nothing")


def expression_in(statement: str) -> str:
    """Return the expression of one stated answer: its only formula, or its text up to the end of the sentence."""
    formulas = [text for groups in FORMULA.findall(statement) for text in groups if text]
    if len(formulas) == 1:
        return strip_markup(formulas[0])
    return strip_markup(first_sentence(statement))


def first_sentence(text: str) -> str:
    """Return a text up to the first full stop that is followed by a space."""
    return re.split(r"(?<=[^\s.])[.!]\s", text, maxsplit=1)[0]


def strip_markup(text: str) -> str:
    """Return an expression without dollar signs of formulas, markup and a full stop at its end."""
    text = text.strip(EXPRESSION_MARKUP_CHARS)
    text = re.sub(r"(?<!\\)\$(?=\d)", r"\\$", text) if text.count("$") % 2 else text
    text = re.sub(r"(?<!\\)\$|\\[()\[\]](?![a-zA-Z])|\*\*", "", text)
    return text.strip().rstrip(".;").strip(EXPRESSION_MARKUP_CHARS)


def compare_expressions(target: str, answer: str) -> tuple[bool, str]:
    """Return whether two expressions are equal, and how that was decided."""
    a, b = normalize_latex(target), normalize_latex(answer)
    if a == b:
        return True, "as written in the target"
    if NUMBER.fullmatch(a) and NUMBER.fullmatch(b):
        x, y = (Decimal(text.replace(",", "")) for text in (a, b))
        are_whole = x == int(x) and y == int(y)
        is_equal = x == y if are_whole else abs(x - y) <= abs(x) / 1_000_000
        return is_equal, f"compared with the target {shorten(target)!r}"
    base_a, base_b = NUMBER_BASE.search(target.strip(" }")), NUMBER_BASE.search(answer.strip(" }"))
    if base_a and base_b and base_a[1] != base_b[1]:
        return False, f"to another base than the target {shorten(target)!r}"
    if len(target) > MAX_EXPRESSION_CHARS:
        return False, "not as written in the target"
    try:
        found = EQUALITY_PROCESS.request([prepare_for_parser(target), prepare_for_parser(answer)])
    except ScoringProcessError as exc:
        return False, f"could not be compared with {shorten(target)!r}: {exc}"
    if found["answer"] is None:
        return False, "cannot be read as mathematics"
    verb = "equals" if found["equal"] else "is not"
    return found["equal"], f"read as {shorten(found['answer'])}, {verb} {shorten(found['target'] or target)}"


def prepare_for_parser(text: str) -> str:
    """Return an expression with units marked as text, and repeating decimals as fractions."""
    counted = NUMBER_WITH_UNIT.fullmatch(text)
    if counted:
        text = rf"{counted[1]} \text{{{counted[2]}}}"
    text = BOLD_LETTER.sub(r" \1 ", text)
    text = SQUARE_ROOT.sub(r"\\sqrt{\1}", text).replace("π", r"\pi ").replace("∞", r"\infty ")
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
    return text.rstrip(".")
