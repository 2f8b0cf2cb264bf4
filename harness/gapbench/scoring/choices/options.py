"""Finds the options of one question in a text, by letter and by text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gapbench.scoring.choices.fields import ANSWER_END
from gapbench.scoring.choices.markup import plain_option
from gapbench.scoring.choices.words import UNSPACED

LETTERS = "ABCDEFGHIJ"
OPEN = r"[(\[{<\"'«「『【〈《〔*_`~#]"
CLOSE = r"[)\]}>\"'»」』】〉》〕*_`~]"
JOINED = rf"[^\W_{UNSPACED}]"
"""A character that makes a letter next to it part of a word."""
TURKISH_ENDING = r"'(?:[dt][ıiuü]r|[ıiuü]|y[ıiuü]|n[ıiuü]n|[dt][ea]n?|[ea])\b"
KANJI, KANA, HANGUL = "\u4e00-\u9fff\u3400-\u4dbf", "\u3040-\u30ff\u3100-\u312f", "\uac00-\ud7af"
SCRIPTS = (KANJI, KANA, HANGUL)
BEFORE_ANSWER = "是为為选選即在属屬"
UNSPACED_CHAR = re.compile(f"[{UNSPACED}]")
COMMON_WORDS = frozenset(
    [
        "true",
        "false",
        "yes",
        "no",
        "correct",
        "incorrect",
        "right",
        "wrong",
        "none",
        "all",
        "both",
        "neither",
        "either",
        "it",
        "this",
        "that",
        "one",
    ]
)


def _flexible(text: str) -> str:
    if len(text) == 1 and UNSPACED_CHAR.match(text):
        return _one_character(text)
    return r"\s+".join(map(re.escape, text.split()))


def _one_character(char: str) -> str:
    """Return a pattern of a word of one character, such as 春, that is not part of a longer word."""
    script = next((script for script in SCRIPTS if re.match(f"[{script}]", char)), UNSPACED)
    after = "" if script == HANGUL else f"(?![{script}])"  # Korean endings follow without a space
    return f"(?:(?<![{script}])|(?<=[{BEFORE_ANSWER}])){char}{after}"


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


class OptionNames:
    """Finds the options of one sample in texts, by letter and by text.

    Args:
        texts: Options' texts by label; {} if they are not known.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.labels = "".join(texts) or LETTERS
        self.are_letters = not self.labels.isdigit()
        self._by_text: dict[str, str] = {}
        self._common: dict[str, str] = {}
        self._letters = {
            text.strip(): label for label, text in texts.items() if re.fullmatch("[A-J]", text.strip())
        }
        self.are_common = bool(texts) and all(
            _fold(plain_option(text)) in COMMON_WORDS for text in texts.values()
        )
        """All options are words such as "true" and "no"."""
        for label, text in texts.items():
            self._add_text(label, _fold(plain_option(text)))
        for label, text in texts.items():
            self._add_text(label, re.sub(r"^(?:an?|the)\s+", "", _fold(plain_option(text))), must_be_new=True)
        self._after_letter = {
            label: re.compile(
                rf"[ \t.):*_,\-–—(\[\"']{{0,8}}{_flexible(plain_option(text))}(?!{JOINED}|[.,]\d)",
                re.IGNORECASE,
            )
            for label, text in texts.items()
            if plain_option(text)
        }
        names = sorted(self._by_text, key=len, reverse=True)
        alternatives = "|".join(map(_flexible, names))
        self.text_pattern = (
            re.compile(rf"(?<!{JOINED})(?:{alternatives})(?!{JOINED}|[.,]\d)", re.IGNORECASE)
            if names
            else None
        )
        common = "|".join(map(re.escape, self._common))
        self.common_pattern = (
            re.compile(rf"(?:{common})(?=[*_`\"'.!]{{0,3}}\s*(?:\n|$|[.,;!{ANSWER_END}]))", re.IGNORECASE)
            if common
            else None
        )
        kinds = f"[{LETTERS}]" if self.are_letters else f"(?:{'|'.join(map(re.escape, texts))})"
        self.letter_pattern = re.compile(
            rf"(?P<open>{OPEN}{{0,6}}[ \t]?)(?<!{JOINED})(?<!\w-)(?<![^\W_]_)(?P<letter>{kinds}|{kinds.lower()})"
            rf"(?P<end>{TURKISH_ENDING})?(?P<close>[ \t]?{CLOSE}{{1,6}}|)(?!{JOINED}|-[^\W_]|'[^\W_]|\(\d[\d.,\s]{0, 12}\)|\.\d|[+^#]|\s?[*×·]\s?\w|_[^\W_])"
        )

    def _add_text(self, label: str, text: str, *, must_be_new: bool = False) -> None:
        if len(text) < 2 and not (text.isdigit() and self.are_letters) and not UNSPACED_CHAR.match(text):
            return
        if must_be_new and (len(text) < 3 or text in self._by_text):
            return
        if text in COMMON_WORDS:
            self._common[text] = "" if text in self._common and self._common[text] != label else label
            return
        self._by_text[text] = "" if text in self._by_text and self._by_text[text] != label else label

    def skip_text(self, text: str, at: int, label: str) -> int:
        """Return the place after the option's own text if it follows its letter at ``at``, else ``at``."""
        pattern = self._after_letter.get(label)
        match = pattern.match(text, at) if pattern else None
        return match.end() if match else at

    def label_of_text(self, text: str) -> str:
        """Return the label of the option with this text, or "" if there is none or more than one."""
        return self._by_text.get(_fold(text), "")

    def label_of_letter(self, letter: str) -> str:
        """Return the label of the option whose text is this capital letter, or ""."""
        return self._letters.get(letter, "")

    def label_of_common(self, text: str) -> str:
        """Return the label of the option whose text is a word such as "yes", which also has another meaning, or ""."""
        return self._common.get(_fold(text), "")

    def label_at(self, position: int) -> str:
        """Return the label of the option at a position from 0, or "" if there is none."""
        return self.labels[position] if 0 <= position < len(self.labels) else ""
