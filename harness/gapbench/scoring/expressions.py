r"""Finds the expression that a reply states as its answer: in a box, after ``answer is``, in the last formula or last line."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.numbers import ParsedNumber, Reading, read_reply, read_statement
from gapbench.scoring.numbers.markers import Statement, boxes_beside, find_statements
from gapbench.scoring.numbers.opening import read_opening
from gapbench.scoring.numbers.words import has_number_words

MAX_LINE_CHARS = 2000
MAX_SEARCHED_CHARS = 20_000
"""Formulas are searched for in the end of a longer reply without a stated answer."""

MARKUP_CHARS = " \t\n*_`"
FORMULA = re.compile(
    r"\$\$(.{1,1000}?)\$\$|(?<!\\)\$(?![\s$])([^$\n]{0,1000}?[^\s$\\])\$(?!\d)|(?<!\\)\$[ ]([^$\n]{1,200}?)[ ]\$(?!\d)"
    r"|(?<!\\)\\\((.{1,1000}?)(?<!\\)\\\)|(?<!\\)\\\[(.{1,1000}?)(?<!\\)\\\]",
    re.DOTALL,
)
UNBRACED_BOX = re.compile(r"\\boxed\s+([^\s{$][^\s$]{0,50})")
REASON = re.compile(
    r"[,;:]?\s+\(?(?:because|since|as|where|when|which|whereas|so|with|given|if|for|hence|thus|therefore|due\sto|using|by|from|not|but|"
    r"i\.e\.|that\sis|weil|da|car|porque|perché|omdat)\b|[,;]?\s+\((?=[A-Za-z]{2,}\s)|\s[–—]\s",
    re.IGNORECASE,
)
REASON_IN_LINE = re.compile(
    r"[,;:]?\s+\(?(?:because|since|as|where|with|when|given|if|for\s(?:all|any|every|each)|weil|car|porque|perché|omdat)\b|[,;]?\s+\((?=[A-Za-z]{2,}\s)",
    re.IGNORECASE,
)
CONCLUSION = re.compile(
    r"\b(?:so|thus|hence|therefore|we\s(?:get|have|find|obtain|conclude))\b", re.IGNORECASE
)
BETWEEN_ITEMS = re.compile(r"[\s*]*(?:,|;|,?\s*\b(?:and|or|und|oder|et|ou)\b)[\s*]*")
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
ASSIGNMENT = re.compile(r"\s*(?P<name>[A-Za-z](?:_\{?\w+\}?)?)\s*=(?P<value>[^=]+)")
BOLD_END = re.compile(r"\*\*(?![-({\w])")
IS_AFTER = re.compile(r"\s*(?:is|equals|was|=|≈)\s+(?=.*\w)(?P<rest>.*)", re.DOTALL)
COMMAND = re.compile(
    r"\\(?:begin|end)\s?\{[^{}]*\}|\\(?:text(?:bf|rm|it)?|mathrm|mbox|operatorname)\s?\{[^{}]*\}|\\[a-zA-Z]+"
)
WORD = re.compile(r"[A-Za-z]{2,}")
ALL_WITH = re.compile(r"\b(?:all|every|any|set|numbers|values|reals)\b[^$]*\$", re.IGNORECASE)
"""``All numbers $x$ with $2 < x < 5$``: the condition is the answer, not the name."""
BARE_NAME = re.compile(r"[A-Za-z]|\\theta")
RELATION = re.compile(r"[<>≤≥]|\\(?:leq?|geq?|lt|gt|in)(?![a-z])")
NUMBER_WITH_UNIT = re.compile(
    r"([-+]?\\?[$€£]?\s?\d[\d,]{0,60}(?:\.\d{1,60})?)\s+([A-Za-z]{2,}[A-Za-z .²³/]{0,60})"
)
MATH_WORDS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "log",
        "ln",
        "exp",
        "sqrt",
        "pi",
        "mod",
        "gcd",
        "lcm",
        "max",
        "min",
        "and",
        "or",
        "det",
        "infinity",
        "inf",
        "dx",
        "dy",
        "dt",
        "undefined",
        "dne",
    ]
)


class Expression(NamedTuple):
    """The final expression of a reply.

    Attributes:
        text: The expression; None if the reply states none.
        place: Where it was found, or why there is none.
        sentence: The whole sentence or line, for answers that are words.
    """

    text: str | None
    place: str
    sentence: str = ""


def stated_expression(reply: str) -> Expression:
    """Return the final expression of ``reply``: of its last statement, else its last formula, else its last line."""
    statements = find_statements(reply)
    if statements and statements[-1].is_box:
        return _boxed(boxes_beside(statements, reply))
    unbraced = UNBRACED_BOX.findall(reply)
    if unbraced:
        return Expression(strip_markup(unbraced[-1]), f"boxes {shorten(unbraced[-1])!r}")
    for statement in reversed(statements):
        found = _boxed([statement]) if statement.is_box else _stated(statement.text)
        if found.text or found.sentence:
            return found
    return _unstated(reply)


def _boxed(boxes: list[Statement]) -> Expression:
    text = ", ".join(strip_markup(box.text) for box in boxes)
    if is_prose(text):
        return _from_prose(text, text, read_statement(text), "boxes")
    return Expression(text or None, f"states {shorten(text)!r}")


def _stated(statement: str) -> Expression:
    """Return the expression of one stated answer: its first formula or list of formulas, or its text up to a reason."""
    formulas = list(FORMULA.finditer(statement))
    sentence = strip_markup(first_sentence(statement))
    before = statement[: formulas[0].start()] if formulas else statement
    is_plain = any(map(str.isdigit, before)) or BOLD.search(before) or until_reason(before) != before
    if formulas and not is_plain:
        text = _joined(statement, formulas)
        return Expression(text, f"states {shorten(text)!r}", sentence) if text else Expression(None, "", "")
    bold = BOLD.search(statement)
    if bold and not is_prose(bold[1]):
        clause = strip_markup(bold[1])
    else:
        clause = strip_markup(until_reason(BOLD_END.split(first_sentence(statement))[0] or statement))
    if is_prose(clause):
        return _from_prose(clause, sentence, read_statement(statement), "states")
    return Expression(clause or None, f"states {shorten(clause)!r}", sentence)


def _joined(text: str, formulas: list[re.Match[str]]) -> str:
    """Return the first formula, with those that a comma, ``and`` or ``or`` joins to it: ``$2$ and $3$``."""
    items = [_content(formulas[0])]
    for before, formula in pairwise(formulas):
        if not BETWEEN_ITEMS.fullmatch(text, before.end(), formula.start()):
            break
        items.append(_content(formula))
    return ", ".join(filter(None, items))


def _content(formula: re.Match[str]) -> str:
    return strip_markup(next(group for group in formula.groups() if group))


def _unstated(reply: str) -> Expression:
    last_line = next(line.strip() for line in reversed(reply.splitlines()) if line.strip())[-MAX_LINE_CHARS:]
    opening = None if FORMULA.search(reply) else read_opening(reply)
    if opening is not None:
        return Expression(number_text(opening), f"opens with {opening.text}", last_line)
    reply = reply[-MAX_SEARCHED_CHARS:]
    for bold in reversed(BOLD.findall(last_line)):
        text = strip_markup(bold)
        if text and not bold.rstrip().endswith(":") and not is_prose(text) and any(map(str.isalnum, text)):
            return Expression(_after_equals(text), f"ends with {shorten(text)!r}", last_line)
    after = IS_AFTER.fullmatch(last_line, _end_of_formulas(last_line))
    if after:
        return _stated(after["rest"])._replace(sentence=last_line)
    formulas = _formulas(until_reason(last_line, REASON_IN_LINE)) or _formulas(last_line)
    line = strip_markup(last_line)
    if not formulas and is_prose(first_sentence(line)):
        reading = read_reply(last_line)
        formulas = [] if reading.number else _formulas(reply)
        if not formulas:
            return _from_prose(line, line, reading, "ends with")
    if not formulas and "=" not in line:
        formulas = [] if any(map(str.isdigit, line)) or len(line) < 20 else _formulas(reply)
    if formulas:
        if BARE_NAME.fullmatch(formulas[-1]) and ALL_WITH.search(last_line):
            formulas = [text for text in _formulas(last_line) if RELATION.search(text)][-1:] or formulas
        # `$x$ = $5$` and `$a + b = 5$` state what follows the last equals sign.
        text = _solutions(last_line) or strip_markup(_after_equals(formulas[-1]))
        return Expression(text, f"last writes {shorten(text)!r}", line)
    text = strip_markup(_after_equals(line) if "=" in line else first_sentence(line))
    return (
        Expression(text, f"ends with {shorten(text)!r}", line) if text else Expression(None, "states nothing")
    )


def _solutions(line: str) -> str | None:
    """Return the solutions for one variable at the end of a line, as in ``$x=1$ and $x=2$``; None if it has no two."""
    found: list[str] = []
    name, place = "", -1
    for formula in reversed(list(FORMULA.finditer(line))):
        match = ASSIGNMENT.fullmatch(_content(formula))
        is_joined = place < 0 or BETWEEN_ITEMS.fullmatch(line, formula.end(), place)
        if match is None or not is_joined or name not in ("", match["name"]):
            break
        name, place = match["name"], formula.start()
        found.insert(0, match["value"].strip())
    return ", ".join(found) if len(found) > 1 else None


def _formulas(text: str) -> list[str]:
    return [content for content in map(_content, FORMULA.finditer(text)) if content]


def _end_of_formulas(line: str) -> int:
    """Return where the last formula of a line ends; its end if it has none."""
    return max((formula.end() for formula in FORMULA.finditer(line)), default=len(line))


def _after_equals(text: str) -> str:
    return text.rpartition("=")[2] or text


def _from_prose(text: str, sentence: str, reading: Reading | None, verb: str) -> Expression:
    """Return the number of an answer in words; the words themselves are kept for targets that are words."""
    if reading is not None and reading.number is not None:
        return Expression(number_text(reading.number), f"{verb} {reading.number.text}", sentence)
    return Expression(None, f"{verb} words that are not mathematics: {shorten(text)!r}", sentence)


def number_text(number: ParsedNumber) -> str:
    r"""Return an exact number as an expression: ``12``, ``3/4`` or ``62.5\\%``."""
    value = number.value
    text = str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    return text + {100: r"\%", 1000: "‰"}.get(number.per, "")


def is_prose(text: str) -> bool:
    """Return whether a text is several words, or a number word, rather than mathematics or a number with its unit."""
    words = [word for word in WORD.findall(COMMAND.sub(" ", text)) if word.lower() not in MATH_WORDS]
    if not words or NUMBER_WITH_UNIT.fullmatch(text.strip()):
        return False
    return len(words) > 1 or has_number_words(words[0])


def until_reason(text: str, reason: re.Pattern[str] = REASON) -> str:
    """Return a text up to a reason or a remark; the whole text if it begins with one, or if a conclusion follows it."""
    found = reason.search(text)
    if found is None or not text[: found.start()].strip(MARKUP_CHARS):
        return text
    return text if CONCLUSION.search(text, found.end()) else text[: found.start()]


def first_sentence(text: str) -> str:
    """Return a text up to the first full stop that is followed by a space."""
    return re.split(r"(?<=[^\s.])[.!]\s", text, maxsplit=1)[0]


def strip_markup(text: str) -> str:
    """Return an expression without dollar signs of formulas, markup and a full stop at its end."""
    text = text.strip(MARKUP_CHARS)
    text = re.sub(r"(?<!\\)\$(?=\d)", r"\\$", text) if text.count("$") % 2 else text
    text = re.sub(r"(?<!\\)\$|(?<!\\)\\[()\[\]](?![a-zA-Z])|\*\*(?!\s?[-({\d])", "", text)
    return text.strip().rstrip(".;,").strip(MARKUP_CHARS)
