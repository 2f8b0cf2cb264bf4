"""Turns LaTeX, HTML, JSON and unusual characters of a reply into plain text, and marks formal answers."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from gapbench.scoring.choices.fields import ANSWER_END, ANSWER_KEYS, ANSWER_START, mark_fields
from gapbench.scoring.choices.inline_lists import split_inline_lists
from gapbench.scoring.choices.other_names import join_other_names

MAX_BOX_CHARS = 1000
MAX_JSON_STARTS = 50
TAG_NAMES = r"(?:final|correct|my|your|selected)?[_\s-]?(?:answer|ans|choice|option|letter|selection|solution|result|response|output|verdict|conclusion)"
ANSWER_TAG = re.compile(
    rf"<\s*(/?)\s*{TAG_NAMES}\b[^<>]{{0,80}}>|\[\s*(/?)\s*{TAG_NAMES}\s*\]", re.IGNORECASE
)
LINE_TAG = re.compile(
    r"<\s*/?\s*(?:br|p|div|li|ul|ol|h[1-6]|tr|table|section)\b[^<>]{0,80}>|<\|[^<>|]{1,40}\|>", re.IGNORECASE
)
OTHER_TAG = re.compile(r"<\s*/?\s*(?:[a-z][\w-]{0,30}|[A-Z][\w-]{1,30})(?:\s[^<>]{0,80})?/?>")
BOX = re.compile(r"\\(?:boxed|fbox)\s*(\{|(?:\\\w+\s*)?[A-Za-z0-9](?![A-Za-z0-9]))")
BRACE = re.compile(r"[{}]")
LATEX_TEXT = re.compile(
    r"\\(?:text\w*|math\w+|mbox|operatorname|boldsymbol|bm|underline|emph|large|Large)\s*\{([^{}]*)\}"
)
LATEX_FONT = re.compile(
    r"\\(?:rm|bf|it|sf|tt|displaystyle|left|right|quad|qquad|bigl?|bigr?|Bigl?|Bigr?)(?![A-Za-z])|\\[,;!: ]"
)
LATEX_ARROW = re.compile(r"\\(?:Rightarrow|rightarrow|to|implies|therefore|Longrightarrow)(?![A-Za-z])")
MATH_DELIMITER = re.compile(r"\\[()\[\]]|\$+")
STRUCK_OUT = re.compile(
    r"(?<!~)~~(?=[^\s~])[^~\n]{1,200}~~(?!~)|<(?:s|del|strike)>[^<\n]{1,200}</(?:s|del|strike)>"
)
SHORT_ANSWER = re.compile(r"(?:^|(?<=\s))A:(?=[ \t]*[(*]{0,3}[A-J][)*.]{0,3}[ \t]*$)", re.MULTILINE)
"""The "A:" of a question and its answer."""
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad\ufe0e\ufe0f]")
ENCLOSED_LETTERS = {
    **{0x1F150 + k: f"({chr(65 + k)})" for k in range(26)},  # negative circled
    **{0x1F170 + k: f"({chr(65 + k)})" for k in range(26)},  # negative squared
    **{0x24B6 + k: f"({chr(65 + k)})" for k in range(26)},  # circled capitals
    **{0x24D0 + k: f"({chr(65 + k)})" for k in range(26)},  # circled small letters
}
CIRCLED_NUMBERS = {0x2460 + k: f"({k + 1})" for k in range(10)} | {
    0x2776 + k: f"({k + 1})" for k in range(10)
}
QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "‟": '"'})
CONTRACTIONS = (
    (re.compile(r"\b((?:jibu|majibu|sahihi|chaguo|herufi)(?:[ \t]\w{2,12}){0,2}?)[ \t]+ni\b", re.IGNORECASE), r"\1 is"),  # Swahili
    (re.compile(r"\b(?:can't|cannot)\b", re.IGNORECASE), "can not"),
    (re.compile(r"\bwon't\b", re.IGNORECASE), "will not"),
    (re.compile(r"n't\b", re.IGNORECASE), " not"),
    (re.compile(r"\b(it|that|this|here|there|what|which|answer|option|choice)'s\b", re.IGNORECASE), r"\1 is"),
    (re.compile(r"\b(?:l|dell|all|nell|un|qu)'(?=[^\W\d_]{2})", re.IGNORECASE), "la "),
    (re.compile(r"\bI'(?:d|ll)\b"), "myself would"),
    (re.compile(r"\bI'm\b"), "myself am"),
    (re.compile(r"\bI've\b"), "myself have"),
    (re.compile(r"\blet's\b", re.IGNORECASE), "let us"),
    (re.compile(r"\blet me (see|think|check|consider|look|try|test|evaluate|examine|go|analy[sz]e)\b", re.IGNORECASE), "let us consider"),
)  # fmt: skip


def plain_text(reply: str) -> str:
    """Return ``reply`` without LaTeX, HTML, JSON and YAML; formal answers are between the two marks."""
    text = INVISIBLE.sub("", reply.replace(ANSWER_START, "").replace(ANSWER_END, ""))
    text = mark_json_answers(text)
    text = text.translate(ENCLOSED_LETTERS).translate(CIRCLED_NUMBERS)
    text = unicodedata.normalize("NFKC", text).translate(QUOTES)
    text = STRUCK_OUT.sub("", SHORT_ANSWER.sub("Answer:", plain_html(mark_fields(text))))
    return expand_contractions(split_inline_lists(join_other_names(plain_latex(text))))


def plain_option(text: str) -> str:
    """Return an option's text in the form that :func:`plain_text` gives it."""
    return plain_text(text).replace(ANSWER_START, " ").replace(ANSWER_END, " ").strip().rstrip(".")


def expand_contractions(text: str) -> str:
    """Return ``text`` with "isn't" as "is not" and so on."""
    for pattern, instead in CONTRACTIONS:
        text = pattern.sub(instead, text)
    return text


def plain_html(text: str) -> str:
    """Return ``text`` without tags; an answer tag becomes the mark of a formal answer."""
    text = ANSWER_TAG.sub(lambda tag: ANSWER_END if tag.group(1) or tag.group(2) else ANSWER_START, text)
    return OTHER_TAG.sub("", LINE_TAG.sub("\n", text))


def plain_latex(text: str) -> str:
    r"""Return ``text`` without LaTeX's commands for fonts and spaces; a ``\boxed{…}`` becomes a formal answer."""
    parts, at = [], 0
    for box in BOX.finditer(text):
        if box.start() < at:
            continue
        opened = box.group(1) == "{"
        end = _closing_brace(text, box.end()) if opened else box.end()
        content = text[box.end() : end] if opened else box.group(1)
        parts += [text[at : box.start()], f" {ANSWER_START} {content} {ANSWER_END} "]
        at = min(end + opened, len(text))
    text = "".join([*parts, text[at:]])
    for _ in range(3):
        text = LATEX_TEXT.sub(r" \1 ", text)
    text = LATEX_FONT.sub(" ", LATEX_ARROW.sub(" → ", text))
    return MATH_DELIMITER.sub("", text)


def _closing_brace(text: str, start: int) -> int:
    depth = 1
    for brace in BRACE.finditer(text, start, start + MAX_BOX_CHARS):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return brace.start()
    end = text.find("\n", start, start + MAX_BOX_CHARS)
    return end if end >= 0 else min(len(text), start + MAX_BOX_CHARS)


def mark_json_answers(text: str) -> str:
    """Return ``text`` with each JSON object that has an answer field replaced by that field as a formal answer."""
    decoder = json.JSONDecoder(strict=False)
    parts, at = [], 0
    start = text.find("{")
    for _ in range(MAX_JSON_STARTS):
        if start < 0:
            break
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        answer = answer_field(value)
        if answer is not None:
            parts += [text[at:start], f" {ANSWER_START} {answer} {ANSWER_END} "]
            at = end
        start = text.find("{", end)
    return "".join([*parts, text[at:]])


def answer_field(value: Any) -> str | None:
    """Return the text of a JSON object's answer field, or None if it has none."""
    if not isinstance(value, Mapping):
        return None
    for key, item in value.items():
        name = re.sub(r"[\W_]", "", str(key)).casefold()
        if name in ANSWER_KEYS:
            inner = answer_field(item)
            if inner is not None:
                return inner
            if isinstance(item, Mapping):
                return ", ".join(str(part) for part in item.values() if isinstance(part, (str, int)))
            if isinstance(item, list):
                return ", ".join(str(part) for part in item)
            return str(item)
    return next((found for item in value.values() if (found := answer_field(item)) is not None), None)
