"""Decides which option a reply chooses, from what it says about the options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from gapbench.scoring.choices.markup import plain_text
from gapbench.scoring.choices.options import OptionNames
from gapbench.scoring.choices.patterns import SAME_BREATH
from gapbench.scoring.choices.statements import Statement, StatementFinder
from gapbench.scoring.choices.tokens import Tokens, tokenize

MAX_READ_CHARS = 30_000
"""Only the end of a longer reply is read, so that no reply takes seconds."""
NEXT_QUESTION = re.compile(
    r"^[ \t]{0,8}[*#_ ]{0,6}(?:question|q|human|user|problem|frage|pregunta|题目|问题|問題)\b[*_ ]{0,4}\d{0,4}[*_ ]{0,4}[:.：]",
    re.IGNORECASE | re.MULTILINE,
)
WORDING = {"answer": "states", "conclusion": "concludes", "claim": "says", "line": "gives", "mark": "marks", "weak": "leans to", "text": "names", "inverse": "says that the question's wrong one is"}  # fmt: skip


def read_choice(reply: str, texts: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the label of the option that ``reply`` chooses and the reason; None and the reason if it chooses none.

    A stated answer or a conclusion counts first; the last one if there are several. Then an option that is called
    right, then one that the reply begins or ends with, then the only one in brackets or bold, then the only one whose
    text occurs. Excluded options never count. Where a step finds two options, the reply is ambiguous.

    Args:
        reply: The reply.
        texts: Options' texts by label; {} if they are not known, and then the labels are A to J.
    """
    names = _option_names(tuple(texts.items()))
    text = plain_text(reply[-MAX_READ_CHARS:])
    cut = NEXT_QUESTION.search(text)
    if cut and cut.start():
        before = _decide(tokenize(text[: cut.start()], names), names)
        if before[0]:
            return before
    return _decide(tokenize(text, names), names)


@lru_cache(maxsize=64)
def _option_names(texts: tuple[tuple[str, str], ...]) -> OptionNames:
    return OptionNames(dict(texts))


def _decide(tokens: Tokens, names: OptionNames) -> tuple[str | None, str]:
    lines = _lines(tokens)
    finder = StatementFinder(tokens)
    statements = [found for found in finder.find() if not _is_option_text(found, lines)]
    stated = _last_stated(statements, tokens)
    if stated is not None:
        return _named(_joined_with_earlier(stated, statements, tokens), stated.kind)
    inverse = _wrong_one(statements, finder)
    if inverse:
        return _named(inverse, "inverse")
    excluded = {label for found in statements if found.kind == "out" for label in found.options}
    steps: tuple[tuple[str, Iterable[str]], ...] = (
        ("claim", _options(statements, "claim")),
        ("line", _line_options(lines)),
        ("mark", _marked_options(tokens, finder)),
        ("weak", _options(statements, "weak")),
        ("text", _options_of_conclusion(tokens)),
        ("text", [token.option for token in tokens.items if token.by_text]),
        ("text", _named_letters(tokens, names)),
    )
    for kind, found in steps:
        options = frozenset(found) - excluded
        if options:
            return _named(options, kind)
    return None, "names no option"


def _named(options: frozenset[str], kind: str) -> tuple[str | None, str]:
    if len(options) == 1:
        (label,) = options
        return label, f"{WORDING[kind]} {label}"
    return None, f"names several options: {', '.join(sorted(options))}"


def _options(statements: Iterable[Statement], kind: str) -> list[str]:
    return [label for found in statements if found.kind == kind for label in found.options]


def _last_stated(statements: list[Statement], tokens: Tokens) -> Statement | None:
    """Return the last answer or conclusion that the reply does not take back."""
    stated = [found for found in statements if found.kind in {"answer", "conclusion"}]
    if stated:
        correction = tokens.meanings.rfind("w", stated[-1].at)
        stated += [found for found in statements if found.kind == "claim" and found.at > correction > 0]
    for found in reversed(stated):
        correction = tokens.meanings.find("w", found.at)
        if correction < 0 or not any(
            later.kind == "out" and later.at > correction and later.options == found.options
            for later in statements
        ):
            return found
    return None


def _joined_with_earlier(last: Statement, statements: list[Statement], tokens: Tokens) -> frozenset[str]:
    """Return the options of the last answer and of an answer next to it, as in two boxes or two lines with a letter."""
    for found in reversed(statements):
        if found.kind == "answer" and found.at < last.at and found.options != last.options:
            between = tokens.meanings[found.at + 1 : last.at]
            is_box = tokens.meanings[last.at - 1 : last.at] == "F" == tokens.meanings[found.at - 1 : found.at]
            is_same = SAME_BREATH.fullmatch(between) or (is_box and not set(between) & set("wsntbx!"))
            return last.options | found.options if is_same else last.options
    return last.options


def _wrong_one(statements: list[Statement], finder: StatementFinder) -> frozenset[str]:
    """Return the option that is the answer because the question asks for what is wrong, or an empty set."""
    claimed = set(_options(statements, "claim"))
    inverse = frozenset(_options(statements, "inverse"))
    if len(inverse) == 1 and len(claimed - inverse) != 1:
        return inverse
    out = frozenset(_options(statements, "out")) - claimed
    return out if len(out) == 1 and len(claimed) > 1 and finder.asks_for_wrong() else frozenset()


def _options_of_conclusion(tokens: Tokens) -> list[str]:
    """Return the options whose text the last sentence names, if that sentence draws a conclusion."""
    sentences = [part for part in re.finditer(r"[^.?N]+", tokens.meanings) if len(part.group()) > 1]
    if not sentences or "s" not in sentences[-1].group() or "!" in sentences[-1].group():
        return []
    last = tokens.items[tokens.meanings.index("s", sentences[-1].start()) : sentences[-1].end()]
    return [token.option for token in last if token.by_text]


def _named_letters(tokens: Tokens, names: OptionNames) -> list[str]:
    """Return the options whose text is a letter, such as the language C, that occurs as a word within a sentence."""
    return [
        label
        for at, token in enumerate(tokens.items)
        if token.is_bare and tokens.meanings[max(0, at - 1) : at] in {"W", "d"}
        if (label := names.label_of_letter(token.text))
    ]


class _Line(NamedTuple):
    """One line that is not empty: its first token, the token after its last, and the option that numbers it, or ""."""

    start: int
    end: int
    option: str


def _lines(tokens: Tokens) -> list[_Line]:
    lines, at = [], 0
    for line in tokens.meanings.split("N"):
        start = at + len(line) - len(line.lstrip("ofFh("))
        if line:
            lines.append(_Line(start, at + len(line), _numbering_option(tokens, start, at + len(line))))
        at += len(line) + 1
    return lines


def _numbering_option(tokens: Tokens, start: int, end: int) -> str:
    following = tokens.meanings[start + 1 : end][:2]
    if start >= end or tokens.meanings[start] != "L" or following[:1] in {"|", "&"} or following == ",L":
        return ""
    token = tokens.items[start]
    others = [
        item
        for item in tokens.items[start + 1 : end]
        if item.meaning == "L" and item.is_marked and not item.by_text and item.option != token.option
    ]
    if others:
        return ""
    return token.option if token.starts_line or token.is_marked or following[:1] in {",", ":", "."} else ""


def _is_option_text(found: Statement, lines: list[_Line]) -> bool:
    """Return whether a statement is in the text of the only numbered line, such as "C. both A and B are right"."""
    numbered = [line for line in lines if line.option]
    if len(numbered) != 1 or found.kind in {"answer", "conclusion", "line"}:
        return False
    (line,) = numbered
    return line is lines[0] and line.start <= found.at < line.end


def _line_options(lines: list[_Line]) -> list[str]:
    """Return the options that number the first or the last line, if the lines next to them are not a list of options.

    Otherwise return all options that number lines, such as those of a list.
    """
    heads = [line.option for line in lines]
    alone = []
    if heads[:1] != [""] and heads[1:2] in ([], [""]):
        alone += heads[:1]
    if len(heads) > 1 and heads[-1] and not heads[-2]:
        alone.append(heads[-1])
    return alone or [head for head in heads if head]


def _marked_options(tokens: Tokens, finder: StatementFinder) -> list[str]:
    """Return the options in brackets, quotes or bold that are not part of a question or a hypothesis."""
    return [
        token.option
        for at, token in enumerate(tokens.items)
        if token.meaning == "L" and token.is_marked and not token.by_text and not finder.is_open(at)
    ]
