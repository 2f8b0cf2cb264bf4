"""Turns the plain text of a reply into tokens, one character of meaning for each word, letter and punctuation mark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gapbench.scoring.choices.markup import ANSWER_END, ANSWER_START, expand_contractions, plain_option
from gapbench.scoring.choices.words import UNSPACED, UNSPACED_PATTERN, phrase_meaning, unspaced_meaning

LETTERS = "ABCDEFGHIJ"
NATIVE_LETTERS = (
    "АБВГДЕЖЗИК", "ΑΒΓΔΕΖΗΘΙΚ", "أبجدهوزحطي", "ابجده", "אבגדהוזחטי", "कखगघङ", "কখগঘঙ", "กขคงจ", "甲乙丙丁戊", "アイウエオ",
    "가나다라마", "ㄱㄴㄷㄹㅁ",
)  # fmt: skip
"""Letters of other alphabets that number options. An alphabet's first letter means the first option."""
LOOKALIKES = {"А": "A", "В": "B", "С": "C", "Е": "E", "Н": "H"}
"""Cyrillic letters that look like Latin ones; they are read as those unless the reply also numbers with Б or Г."""
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
OPEN = r"[(\[{<\"'«「『【〈《〔*_`~#]"
CLOSE = r"[)\]}>\"'»」』】〉》〕*_`~]"
BRACKETS_AND_QUOTES = frozenset("()[]{}<>\"'«»「」『』【】〈〉《》〔〕*_`")
JOINED = rf"[^\W_{UNSPACED}]"
"""A character that makes a letter next to it part of a word."""
TURKISH_ENDING = r"'(?:[dt][ıiuü]r|[ıiuü]|y[ıiuü]|n[ıiuü]n|[dt][ea]n?|[ea])\b"
WORD = re.compile(
    r"[^\W\d_](?:[\w\u0300-\u036f\u0900-\u0dff\u0600-\u06ff\u0590-\u05ff\u200c]|['\-](?=[^\W\d_]))*|[\u0900-\u0dff]+"
)
BULLET = re.compile(r"[ \t>]*(?:[-*+•‣▪●○–—]|\d{1,3}[.)])?[ \t]+(?:\[[ xX✓✔]\][ \t]*)?|[ \t>]+")
PUNCTUATION = {
    **dict.fromkeys(".。!।‼۔", "."), **dict.fromkeys("?؟", "?"), **dict.fromkeys(",;，；،、؛", ","),
    **dict.fromkeys(":：-–—|│‒―~∣", ":"), **dict.fromkeys("=≡≈", "Q"), **dict.fromkeys("→⇒➜➔⟹∴➡⟶►▶👉", "s"), **dict.fromkeys("/", "|"),
    **dict.fromkeys("&", "&"), **dict.fromkeys("(", "("), **dict.fromkeys(")", ")"), **dict.fromkeys("✓✅✔☑👍🎯⭐", "p"), **dict.fromkeys("✗✘❌✖☒👎🚫", "x"),
}  # fmt: skip
JOINT_WORD = re.compile(r"[ \t]*(?:or|and|oder|und|o|ou|y|e|et|или|и)\b|[ \t]*[/&,]")
ROMAN_NUMERAL = re.compile(r"\s*(?:,|and\b|or\b|&|/)(?:\s*(?:and|or)\b)?\s*(?:I{2,3}|IV|VI{0,3}|IX)\b")
ENUMERATOR = re.compile(
    r"[ \t]*[*_`]{0,3}[ \t]*([.):,\-–—|=]|[*_`]{2,3}[ \t]*[.):\-–—])[ \t]*[*_`]{0,3}[ \t]*(?=\S)"
)
START_CONTEXT = frozenset("N.?:,;bsruwht&|(!iF")
BLOCKS_AT_START = frozenset("WkcetnigfOaADMq")
BLOCKS_ANYWHERE = frozenset("kcetnO")
SMALL_LETTER_BEFORE = frozenset("no=:QFNcskf(,|&hp")
SMALL_LETTER_AFTER = frozenset(".,N:)?|&r")


@dataclass
class Token:
    """One word, phrase, letter or mark.

    Attributes:
        meaning: One of the keys of :data:`gapbench.scoring.choices.words.MEANINGS`; "L" for an option, "N" for a new
            line, "F" and "." for the start and end of a formal answer, "Q" for an equals sign, "W" for any other word.
        option: The option's label if the meaning is "L".
        by_text: The option is named by its text.
        is_marked: The letter is in brackets, quotes or bold.
        starts_line: The letter is followed by ``.``, ``)`` or ``:`` at the start of a line, as in a list of options.
        is_bare: A letter without any mark, which may be a word: "A", "I".
        is_small: A lower-case letter without any mark.
        text: The word as written.
        at: Where the token starts in the plain text.
    """

    meaning: str
    option: str = ""
    by_text: bool = False
    is_marked: bool = False
    starts_line: bool = False
    is_bare: bool = False
    is_small: bool = False
    text: str = ""
    at: int = 0


@dataclass
class Tokens:
    """The tokens of a reply, and their meanings as one string."""

    items: list[Token]
    meanings: str = field(init=False)

    def __post_init__(self) -> None:
        """Join the meanings."""
        self.meanings = "".join(token.meaning for token in self.items)


class OptionNames:
    """Finds the options of one sample in texts, by letter and by text.

    Args:
        texts: Options' texts by label; {} if they are not known.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.labels = "".join(texts) or LETTERS
        self.are_letters = not self.labels.isdigit()
        self._by_text: dict[str, str] = {}
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
        kinds = f"[{LETTERS}]" if self.are_letters else f"(?:{'|'.join(map(re.escape, texts))})"
        self.letter_pattern = re.compile(
            rf"(?P<open>{OPEN}{{0,6}}[ \t]?)(?<!{JOINED})(?<!\w-)(?<![^\W_]_)(?P<letter>{kinds}|{kinds.lower()})"
            rf"(?P<end>{TURKISH_ENDING})?(?P<close>[ \t]?{CLOSE}{{1,6}}|)(?!{JOINED}|-[^\W_]|'[^\W_]|\(\d|\.\d|[+^]|\s?[*×·]\s?\w|_[^\W_])"
        )

    def _add_text(self, label: str, text: str, *, must_be_new: bool = False) -> None:
        if len(text) < 2 and not (text.isdigit() and self.are_letters):
            return
        if must_be_new and (len(text) < 3 or text in self._by_text):
            return
        if text in COMMON_WORDS:
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

    def label_at(self, position: int) -> str:
        """Return the label of the option at a position from 0, or "" if there is none."""
        return self.labels[position] if 0 <= position < len(self.labels) else ""


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
    return r"\s+".join(map(re.escape, text.split()))


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def tokenize(text: str, names: OptionNames) -> Tokens:
    """Return the tokens of a plain text."""
    items: list[Token] = []
    native = _native_letters(text)
    at = 0
    line_start = True
    text = expand_contractions(_name_ordinals(text, names))
    while at < len(text):
        if line_start:
            bullet = BULLET.match(text, at)
            at = bullet.end() if bullet else at
            line_start = False
            if at >= len(text):
                break
        char = text[at]
        if char == "\n":
            items.append(Token("N", at=at))
            at, line_start = at + 1, True
        elif char in " \t\r*_`#":
            at = _letter_or_skip(text, at, names, items)
        elif (
            (end := _option_text(text, at, names, items))
            or (end := _letter(text, at, names, items))
            or (end := _native(text, at, names, items, native))
            or (end := _words(text, at, items))
        ):
            at = end
        else:
            at = _mark(text, at, items)
    return Tokens(merge_repeats(settle_letters(items)))


def _letter_or_skip(text: str, at: int, names: OptionNames, items: list[Token]) -> int:
    return (text[at] in "*_`" and _letter(text, at, names, items)) or at + 1


def _option_text(text: str, at: int, names: OptionNames, items: list[Token]) -> int:
    match = names.text_pattern.match(text, at) if names.text_pattern else None
    label = names.label_of_text(match.group()) if match else ""
    if not (match and label):
        return 0
    items.append(Token("L", label, by_text=True, text=match.group(), at=at))
    return match.end()


def _letter(text: str, at: int, names: OptionNames, items: list[Token]) -> int:
    match = names.letter_pattern.match(text, at)
    if not match or match["letter"].upper() not in names.labels:
        return 0
    opened, closed = match["open"].strip(), match["close"].strip()
    marked = bool(opened and BRACKETS_AND_QUOTES.intersection(opened)) or bool(
        closed and BRACKETS_AND_QUOTES.intersection(closed)
    )
    if match["letter"] == "I" and ROMAN_NUMERAL.match(text, match.end()):
        return 0
    if closed == "'" and not opened:  # the letter of a contraction or a derivative
        return 0
    letter = match["letter"]
    token = Token(
        "L", letter.upper(), is_marked=marked or (bool(items) and items[-1].meaning == "o" and _bold_before(text, items[-1].at)),
        is_bare=not marked and not match["end"], is_small=letter.islower() and not marked, text=letter, at=at,
    )  # fmt: skip
    end = match.end()
    before = "".join(item.meaning for item in items[-2:])
    if not before or before[-1] == "N" or before[-2:] in {"No", "o"} or (len(items) == 1 and before == "o"):
        token.starts_line, end = _enumerator_end(text, at, match.end(), closed)
    items.append(token)
    if token.starts_line and not JOINT_WORD.match(text, end):
        items.append(Token(":", at=end))
    else:
        token.starts_line = False
    return names.skip_text(text, end, token.option)


def _bold_before(text: str, at: int) -> bool:
    return text[max(0, at - 2) : at] in {"**", "__"}


def _enumerator_end(text: str, at: int, end: int, closed: str) -> tuple[bool, int]:
    """Return whether a letter numbers the line that it starts, and where its text begins."""
    rest = ENUMERATOR.match(text, end)
    if rest and rest.group(1)[-1] not in ",=":
        return True, rest.end()
    has_text = bool(re.match(r"[ \t]*[^\s.,;:!?)\]]", text[end : end + 20]))
    return (has_text and ")" in closed + text[at:end]), end


def _native(text: str, at: int, names: OptionNames, items: list[Token], native: str) -> int:
    """Read a letter of another alphabet that stands alone."""
    if text[at] not in ALL_NATIVE or not names.are_letters:
        return 0
    if re.match(r"\w", text[at - 1 : at]) or re.match(r"\w", text[at + 1 : at + 2]):
        return 0
    char = text[at]
    if char in LOOKALIKES and not native:
        label = LOOKALIKES[char] if LOOKALIKES[char] in names.labels else ""
    else:
        label = names.label_at(next(alphabet.index(char) for alphabet in NATIVE_LETTERS if char in alphabet))
    if not label:
        return 0
    marked = text[at - 1 : at] in set("([{\"'«") or text[at + 1 : at + 2] in set(")]}\"'»")
    items.append(
        Token("L", label, is_marked=marked, is_bare=not marked, is_small=not marked, text=char, at=at)
    )
    return at + 1


ALL_NATIVE = frozenset("".join(NATIVE_LETTERS))


def _native_letters(text: str) -> str:
    """Return "native" if the reply numbers options with Cyrillic letters that no Latin letter looks like."""
    return "native" if re.search(r"(?<!\w)[БГ](?=[).\s]|$)", text) else ""


UNSPACED_PHRASE = re.compile(UNSPACED_PATTERN)
UNSPACED_RUN = re.compile(rf"[{UNSPACED}]")


def _words(text: str, at: int, items: list[Token]) -> int:
    """Read a phrase of the longest known length, or one unknown word."""
    if UNSPACED_RUN.match(text, at) or text.startswith("、", at):
        phrase = UNSPACED_PHRASE.match(text, at)
        if phrase:
            items.append(Token(unspaced_meaning(phrase.group()), text=phrase.group(), at=at))
            return phrase.end()
        if not items or items[-1].meaning != "W":
            items.append(Token("W", text=text[at], at=at))
        return at + 1
    first = WORD.match(text, at)
    if not first:
        return 0
    found = [first]
    while len(found) < 5:
        gap = re.compile(r"[ \t*_`\"]+").match(text, found[-1].end())
        following = WORD.match(text, gap.end()) if gap else None
        if not following:
            break
        found.append(following)
    words = [match.group().casefold().rstrip("'") for match in found]
    meaning, length = phrase_meaning(words, 0)
    items.append(Token(meaning, text=text[at : found[length - 1].end()], at=at))
    return found[length - 1].end()


def _mark(text: str, at: int, items: list[Token]) -> int:
    char = text[at]
    if char == ANSWER_START:
        items.append(Token("F", at=at))
    elif char == ANSWER_END:
        items.append(Token("N", at=at))
    elif text.startswith(("=>", "->"), at):
        items.append(Token("s", at=at))
        return at + 2
    elif char.isdigit():
        number = re.compile(r"\d[\d.,]*").match(text, at)
        items.append(Token("M", text=number.group() if number else char, at=at))
        return number.end() if number else at + 1
    elif char in PUNCTUATION:
        items.append(Token(PUNCTUATION[char], text=char, at=at))
    return at + 1


def _name_ordinals(text: str, names: OptionNames) -> str:
    """Return ``text`` with "the second option" and "option 2" as letters."""
    if not names.are_letters:
        return text

    def by_word(match: re.Match[str]) -> str:
        word = match["ordinal"].casefold()
        label = names.labels[-1] if word == "last" else names.label_at(ORDINALS.index(word))
        return f"option ({label}) " if label else match.group()

    def by_number(match: re.Match[str]) -> str:
        label = names.label_at(int(match["number"]) - 1)
        is_text = bool(names.label_of_text(match["number"]))
        return f"{match['noun']} ({label})" if label and not is_text else match.group()

    text = ORDINAL_OPTION.sub(by_word, text)
    return NUMBERED_OPTION.sub(by_number, text)


ORDINAL_OPTION = re.compile(
    rf"\b(?:the\s+)?(?P<ordinal>{'|'.join(ORDINALS)}|last)\s+(?:option|choice|alternative|answer (?:choice|option)|one(?=\s*(?:[.,;:!\n]|$|is\b)))",
    re.IGNORECASE,
)
NUMBERED_OPTION = re.compile(
    r"(?P<noun>\b(?:option|choice|alternative))s?\s+(?:number\s+|no\.?\s*|#\s*)?[(\[]?(?P<number>[1-9]|10)[)\]]?(?![\w.]\d|\w)",
    re.IGNORECASE,
)


def settle_letters(items: list[Token]) -> list[Token]:
    """Return the tokens after deciding which bare letters are words: the article "A", the pronoun "I" and the like.

    The rule is the same for every letter. At the start of a sentence, a bare letter that is followed by an unknown word,
    a noun or a verb in the first person is a word. A lower-case letter counts only where an answer is expected.
    """
    for index, token in enumerate(items):
        if token.meaning != "L" or token.by_text or not token.is_bare:
            continue
        before = items[index - 1].meaning if index else "N"
        after = items[index + 1].meaning if index + 1 < len(items) else "N"
        if after == "L" and items[index + 1].option == token.option and items[index + 1].by_text:
            continue
        if token.is_small:
            fits_before = before in SMALL_LETTER_BEFORE
            if not (fits_before and (after in SMALL_LETTER_AFTER or (after in "=!vm" and before == "N"))):
                token.meaning = "g" if token.text == "a" else ("&" if token.text == "e" else "f")
        elif _is_word(items, index, before, after):
            token.meaning = "f"
    return items


def _is_word(items: list[Token], index: int, before: str, after: str) -> bool:
    if after == "i" and [item.meaning for item in items[index + 2 : index + 4]] in (
        ["="],
        ["=", "."],
        ["=", "N"],
    ):
        return False  # "B it is."
    if after in BLOCKS_ANYWHERE:
        return True
    if after in "mj" and index + 2 < len(items):
        later = next((item.meaning for item in items[index + 2 : index + 4] if item.meaning not in "!h"), "N")
        if later in "kceW":
            return True
    if after == "o" and before in START_CONTEXT:
        return index + 2 >= len(items) or items[index + 2].meaning not in "=m!h:v"
    return before in START_CONTEXT and after in BLOCKS_AT_START


def merge_repeats(items: list[Token]) -> list[Token]:
    """Return the tokens with a letter and the text of the same option, side by side, as one."""
    merged: list[Token] = []
    for token in items:
        if token.meaning == "L":
            back = len(merged) - 1
            while (
                back >= 0
                and len(merged) - back <= 3
                and merged[back].meaning in ":(,fodNi"
                and merged[back].meaning != "N"
            ):
                back -= 1
            previous = merged[back] if back >= 0 else None
            if previous and previous.meaning == "L" and previous.by_text != token.by_text:
                if previous.option == token.option:
                    previous.is_marked |= token.is_marked
                    previous.is_bare &= token.is_bare
                    previous.by_text = False
                    if previous.starts_line:
                        continue
                    del merged[back + 1 :]
                    continue
                if previous.starts_line and token.by_text and back == len(merged) - 2:
                    merged.append(Token("W", text=token.text, at=token.at))
                    continue
        merged.append(token)
    return merged
