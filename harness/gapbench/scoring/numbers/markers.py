"""Finds where a reply states its answer: ``The answer is``, ``Answer:``, a box, ``####`` and the same in other languages."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_STATEMENT_CHARS = 500
MAX_MARKERS = 100

# Nouns that announce an answer, by language, and the verbs that may follow them.
NOUNS = {
    "de": "antwort|lösung|endergebnis|ergebnis", "fr": "réponse|résultat", "es": "respuesta|resultado",
    "pt": "resposta", "it": "risposta|risultato", "nl": "antwoord", "sv, da, no": "svar(?:et)?", "pl": "odpowiedź|odpowiedzią",
    "ru": "ответ", "uk": "відповідь", "tr": "cevap|yanıt", "id": "jawaban(?:nya)?", "vi": "đáp án|câu trả lời",
    "ja": "答え|回答|解答", "zh": "答案|答", "ko": "정답|답", "ar": "الجواب|الإجابة|الاجابة", "hi": "उत्तर|जवाब",
}  # fmt: skip
VERBS = (
    r"ist|is|lautet|beträgt|wäre|est(?:\sde)?|es(?:\sde)?|é(?:\sde)?|è|vale|bedraagt|är|er|to|jest|brzmi|wynosi|равен|это|dir|"
    r"adalah|là"
)
VERBS_WITHOUT_SPACES = "は|が|是|为|為|은|는|هو|هي|है"
ENGLISH = re.compile(
    # Each branch begins with one character, which the engine looks for at the speed of str.find.
    r"""a(?<![a-z]a)ns(?:wers?)?\b
        (?: [\s"'*_`)\]}]{0,8}
            (?: (?:\([^()\n]{0,40}\)|\[[^\]\n]{0,40}\]) [\s*_]{0,4} )?
            (?: [:=：→] | -> | \s[-–—]\s
              | (?:(?:,|\bto\b|\bfor\b|\bof\b|\bin\b)[^\n.:=$\\]{1,120}?)?
                \b(?:is|are|was|would\sbe|should\sbe|will\sbe|must\sbe|can\sbe|equals|comes\s(?:out\s)?(?:to|as|at)|turns\sout\sto\sbe|becomes)\b
            )
          | (?:[ ]?[*\#_:]{0,4}[ ]?\n) )
      | <(?:final_?)?answer>
      | \#\#\#\#\s?
      | \\boxed\s?\{ | \\fbox\s?\{ | \\boxed\s(?=\d)""",
    re.VERBOSE,
)
BEFORE_HEADING = re.compile(r"[\s\#*_]*(?:the\s)?(?:final\s|correct\s|my\s)?")
ENGLISH_RESULT = re.compile(r"result\b[\s\"'*_`]{0,8}(?:[:=：→]|->|\b(?:is|are|was|equals)\b)")
OTHER_LANGUAGES = re.compile(
    rf"(?:{'|'.join(NOUNS.values())})(?![a-zà-ÿ])[\s\"'*_`»«]{{0,6}}(?:[:=：→]|\s[-–—]\s|(?:(?:{VERBS})(?![a-zà-ÿ])|{VERBS_WITHOUT_SPACES})[:：]?)"
)
MARKER_GAP = re.compile(r"(?:[\s:=*_`\"'’：]|(?:\\[\[(]|\$\$)\s*\n)*")
SMALL_REMARK = re.compile(
    r"[\s,;.&$*\\()]*(?:and|or|und|oder|et|ou)?[\s,;&$*\\()]*(?:[A-Za-z]\s?=\s?)?[$\\(]*"
)


class Statement(NamedTuple):
    """A place where a reply states an answer.

    Attributes:
        text: What follows the marker, on one line; the content of a box.
        start: Where the marker begins.
        end: Where the statement ends.
        is_box: Whether it is a box.
    """

    text: str
    start: int
    end: int
    is_box: bool


def find_statements(reply: str) -> list[Statement]:
    """Return the stated answers of a reply in order; ``The result is`` counts only if nothing else states one."""
    lower = reply.lower()
    if len(lower) != len(reply):
        lower = reply
    found = _with_pattern(ENGLISH, reply, lower)
    if not reply.isascii():
        found = sorted(found + _with_pattern(OTHER_LANGUAGES, reply, lower), key=lambda s: s.start)
    if not found and "result" in lower:
        found = _with_pattern(ENGLISH_RESULT, reply, lower)
    if not found and reply.isascii():
        found = _with_pattern(OTHER_LANGUAGES, reply, lower)
    return found


def _with_pattern(pattern: re.Pattern[str], reply: str, lower: str) -> list[Statement]:
    found = []
    for match in list(pattern.finditer(lower))[-MAX_MARKERS:]:
        marker = match[0]
        if marker.endswith("\n") and not BEFORE_HEADING.fullmatch(
            lower, lower.rfind("\n", 0, match.start()) + 1, match.start()
        ):
            continue
        if marker.endswith("{"):
            text, end = _braced(reply, match.end())
            is_box = True
        else:
            is_box = False
            begin = match.end()
            gap = MARKER_GAP.match(reply, begin)
            begin = gap.end() if gap else begin
            if "\n" in reply[match.end() - 1 : begin] and reply[begin : begin + 2] in ("- ", "• "):
                begin += 2  # a bullet below `Answer:`, not a minus sign
            end = reply.find("\n", begin, begin + MAX_STATEMENT_CHARS)
            end = min(len(reply), begin + MAX_STATEMENT_CHARS) if end < 0 else end
            text = reply[begin:end]
        if text.strip(" *_`$"):
            found.append(Statement(text, match.start(), end, is_box))
    return found


def _braced(text: str, start: int) -> tuple[str, int]:
    """Return the text up to the brace that closes one opened before ``start``, and the place after it."""
    depth = 1
    for at in range(start, min(len(text), start + MAX_STATEMENT_CHARS)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return text[start:at], at + 1
    end = text.find("\n", start)
    end = min(len(text), start + MAX_STATEMENT_CHARS) if end < 0 else min(end, start + MAX_STATEMENT_CHARS)
    return text[start:end], end


def boxes_beside(statements: list[Statement], reply: str) -> list[Statement]:
    r"""Return the last statement, and the boxes directly before it if it is a box too: ``\boxed{2} and \boxed{3}``."""
    group = statements[-1:]
    for statement in reversed(statements[:-1]):
        between = reply[statement.end : group[0].start]
        if not (statement.is_box and group[0].is_box and SMALL_REMARK.fullmatch(between)):
            break
        group.insert(0, statement)
    return group
