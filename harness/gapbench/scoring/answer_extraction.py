"""Finds stated answers and boxes in replies, and compares texts with targets. It scores nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gapbench.scoring.choices.fields import ANSWER_END, ANSWER_START
from gapbench.scoring.choices.markup import (
    LATEX_TEXT,
    mark_json_answers,
    plain_html,
)
from gapbench.scoring.code_blocks import code_blocks
from gapbench.values import Sample

MAX_REPLY_CHARS = 100_000
"""Scorers read only the end of a longer reply, so that no reply takes long to score."""

MAX_BOX_CHARS = 1000
MAX_STATEMENTS = 100
BRACE = re.compile(r"[{}]")
ANSWER_NOUNS = """answer|result|antwort|lösung|ergebnis|respuesta|réponse|reponse|risposta|resposta|antwoord|svar(?:et)?|vastaus|
    odpowied(?:ź|zią)|odpověď|ответ(?:ом)?|відповідь|cevap|yanıt|đáp\\s?án|jawaban(?:nya)?|الإجابة|الجواب|إجابة|उत्तर|উত্তর|תשובה|התשובה|
    απάντηση|răspuns(?:ul)?|válasz""".replace("\n    ", "")
COPULAS = (
    "is|are|was|ist|lautet|es|est|è|é|är|er|jest|to|on|это|является|je|este|είναι|là|adalah|هي|هو|היא|है|হল"
)
ANSWER_MARKER = re.compile(
    rf"""\b(?:answer|result)\b (?:\s(?:to|here|for)\b(?:\s\w+){{1,3}})? [*_\s]{{0,4}} (?: \bis\b | \bare\b | [:=] ) [\s:]{{0,4}}
      | (?<!\w)(?:{ANSWER_NOUNS})(?!\w) (?:\s\w+){{0,2}}? [*_\s]{{0,4}} (?: (?<!\w)(?:{COPULAS})(?!\w) | [:=] | \s[—–-]\s ) [\s:*_]{{0,4}}
      | (?:最终答案|答案|答え|正解|解答|回答|정답|답) [*_\s]{{0,4}} (?: [:：=] | 是 | 为 | 為 | は | 은 | 는 ) [\s:*_]{{0,4}}
      | \#\#\#\#\s?
      | \\boxed\s?\{{
      | \\fbox\s?\{{
      | {ANSWER_START}""",
    re.IGNORECASE | re.VERBOSE,
)
REASON = re.compile(
    r"""[,;]?\s(?:because|since|as|for|due\sto|which|where|given|weil|denn|da|porque|ya\sque|pues|parce\sque|car|puisque|perché|poiché|pois|
        потому|так\sкак|поскольку|omdat|want|eftersom|fordi|ponieważ|bo|çünkü|vì|karena|لأن|क्योंकि|কারণ)\b.*
      | [,，]?\s?(?:因为|因為|由于|なぜなら|왜냐하면).* | (?<=\S)\s[(\[].* | \s[—–-]{1,2}\s.* | ;.* | (?<=[\w"'”’»)*_`]{2})[.!。](?:\s.*|$)
      | (?:です|である|だ|입니다|이다|है)[。.।]?$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*|__([^_\n]{1,200})__")
WRAPPERS = ("**", "__", "`", '"', "'", "“”", "‘’", "«»", "「」", "『』", "„“", "()", "[]", "$", "*", "_")
"""Marks around an answer that do not belong to it: one for both ends, or the opening and the closing one."""
SAME_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "’‘ʼ`´"), "'"),
    **dict.fromkeys(map(ord, "“”„«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—−"), "-"),
    **dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD), None),
}
"""Quotes and dashes that mean the same, and characters that nobody sees."""
MAX_ANSWER_LINE_WORDS = 8
MARKUP_CHARS = " \t*_`$"


def reply_tail(reply: str) -> str:
    """Return the end of the reply, at most :data:`MAX_REPLY_CHARS`."""
    return reply[-MAX_REPLY_CHARS:]


def stated_answers(reply: str, strip_chars: str = MARKUP_CHARS) -> list[str]:
    r"""Return what follows each ``answer is``, ``Answer:``, ``####`` and ``\boxed{``, in order.

    Each is one line without markup. A box gives its content; a box inside another statement is the later of
    the two. Only the last :data:`MAX_STATEMENTS` markers are read.

    Args:
        reply: The text to search.
        strip_chars: Characters to strip from both ends of each answer.
    """
    found = []
    for match in deque(ANSWER_MARKER.finditer(reply), maxlen=MAX_STATEMENTS):
        if match.group().endswith("{"):
            text = _text_in_braces(reply, match.end())
        else:
            text = reply[match.end() : match.end() + 500].lstrip().partition("\n")[0]
        text = text.strip(strip_chars)
        if text:
            found.append(text)
    return found


def candidate_answers(reply: str) -> list[str]:
    """Return the texts that may be a short answer: the end of the reply, then its last stated answer, if any.

    A stated answer is also given without its reason ("Paris, because …") and without quotes. It may be in a box, a field
    of JSON or a tag, and be stated in many languages. If none is stated, a short first or last paragraph, or the only
    words in bold, are taken.
    """
    text = reply_tail(reply)
    found = [text.strip(), unwrap(text)]
    plain = plain_html(mark_json_answers(text))
    stated = stated_answers(plain.replace(ANSWER_END, "\n"))[-1:]
    for answer in stated or _lone_answers(plain):
        found += [answer, unwrap(answer), unwrap(REASON.sub("", answer)).strip(MARKUP_CHARS)]
    return [answer for answer in dict.fromkeys(found) if answer]


def unwrap(text: str) -> str:
    """Return an answer without the quotes, brackets, emphasis or fence around all of it."""
    text = LATEX_TEXT.sub(r"\1", text).strip()
    blocks = code_blocks(text) if text.startswith(("```", "~~~")) else []
    text = blocks[0].text.strip() if len(blocks) == 1 else text
    for _ in range(3):
        for marks in WRAPPERS:
            start, end = (marks[0], marks[1]) if len(set(marks)) == 2 else (marks, marks)
            inner = text[len(start) : -len(end)]
            if text.startswith(start) and text.endswith(end) and inner and start not in inner:
                text = inner.strip()
    return text


def _lone_answers(text: str) -> list[str]:
    """Return the answers of a reply that states none: its first or last paragraph, if one of them is a short line.

    Otherwise its only words in bold.
    """
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    if len(paragraphs) > 1:
        edges = {part for part in (paragraphs[0], paragraphs[-1]) if _is_short_line(part)}
        if len(edges) == 1:
            return list(edges)
    bold = {first or second for first, second in BOLD.findall(text)}
    return list(bold) if len(bold) == 1 else []


def _is_short_line(text: str) -> bool:
    is_sentence = text.endswith((".", "!")) and len(text.split()) > 3
    is_short = "\n" not in text and len(text.split()) <= MAX_ANSWER_LINE_WORDS
    return is_short and not is_sentence and not text.endswith((":", "?"))


class ClosestMatch(NamedTuple):
    """The pair of answer and target with the highest similarity.

    Attributes:
        similarity: 0 to 1.
        answer: The candidate answer of the pair.
        target: The target of the pair.
    """

    similarity: float
    answer: str
    target: str


def closest_match(
    answers: Sequence[str], targets: Sequence[str], similarity: Callable[[str, str], float]
) -> ClosestMatch:
    """Return the most similar pair of answer and target; the first of equals.

    Args:
        answers: Candidate answers; at least one.
        targets: Accepted answers; at least one.
        similarity: Function of an answer and a target that returns 0 to 1.
    """
    pairs = [
        ClosestMatch(similarity(answer, target), answer, target) for answer in answers for target in targets
    ]
    return max(pairs, key=lambda pair: pair.similarity)


def _text_in_braces(text: str, start: int) -> str:
    depth = 1
    for brace in BRACE.finditer(text, start, start + MAX_BOX_CHARS):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[start : brace.start()]
    return text[start : start + 500].partition("\n")[0]


def normalize_text(text: str, *, ignore_case: bool, punctuation: bool) -> str:
    """Return ``text`` in Unicode form NFKC, with one space for each run of white space.

    Args:
        text: The text to normalize.
        ignore_case: Fold case.
        punctuation: Keep punctuation; False removes it.
    """
    if text.isascii():
        text = text.replace(
            "`", "'"
        )  # the only character of ASCII that is in SAME_CHARACTERS, and NFKC changes none
    else:
        text = unicodedata.normalize("NFKC", text).translate(SAME_CHARACTERS)
    if ignore_case:
        text = text.casefold()
    if not punctuation:
        text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    return " ".join(text.split())


def target_texts(sample: Sample) -> list[str]:
    """Return the accepted answers as text: the target, or each of a list of targets."""
    target: Any = sample.target
    if target is None:
        return []
    return [str(item) for item in target] if isinstance(target, (list, tuple)) else [str(target)]


def missing_target_reason(sample: Sample) -> str | None:
    """Return that a sample has no target or only empty ones, or None if it has one."""
    targets = target_texts(sample)
    if any(text.strip() for text in targets):
        return None
    return "the target is empty" if targets else "the sample has no target"


def shorten(text: str, max_chars: int = 80) -> str:
    """Return ``text`` on one line of at most ``max_chars`` characters."""
    line = " ".join(text[: 4 * max_chars].split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"
