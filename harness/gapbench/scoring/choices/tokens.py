"""Turns the plain text of a reply into tokens, one character of meaning for each word, letter and punctuation mark."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from gapbench.scoring.choices.fields import ANSWER_END, ANSWER_START
from gapbench.scoring.choices.native_letters import ALL_NATIVE, LOOKALIKES, NATIVE_LETTERS
from gapbench.scoring.choices.options import OptionNames
from gapbench.scoring.choices.words import UNSPACED, UNSPACED_PATTERN, phrase_meaning, unspaced_meaning

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
EMPHASIS_RUN = re.compile(r"[*_`]{1,3}")
EMPHASIS = frozenset("*_`")
WORD = re.compile(
    rf"[^\W\d_](?:(?![{UNSPACED}])[\w\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u0610-\u061a\u0620-\u0669\u066e-\u06d3\u06d5-\u06ff\u0590-\u05ff\u200c]|['\-](?=[^\W\d_]))*|[\u0900-\u0963\u0966-\u0dff]+"
)
BULLET = re.compile(r"[ \t>]*\|[ \t]*(?=[^-:|\s])|[ \t>]*(?:[-*+•‣▪●○–—]|\d{1,3}[.)])?[ \t]+|[ \t>]+")
CHECKED_BOX = re.compile(r"\[([ xX✓✔])\][ \t]*")
PUNCTUATION = {
    **dict.fromkeys(".。!।॥‼۔", "."), **dict.fromkeys("?؟", "?"), **dict.fromkeys(",，،、", ","), **dict.fromkeys(";；؛", ";"),
    **dict.fromkeys(":：-–—|│‒―~∣", ":"), **dict.fromkeys("=≡≈", "Q"), **dict.fromkeys("→⇒➜➔⟹∴➡⟶►▶👉", "s"), **dict.fromkeys("/", "|"),
    **dict.fromkeys("&", "&"), **dict.fromkeys("([", "("), **dict.fromkeys(")]", ")"), **dict.fromkeys("✓✅✔☑👍🎯⭐", "p"), **dict.fromkeys("✗✘❌✖☒👎🚫", "x"),
}  # fmt: skip
JOINT_WORD = re.compile(
    r"[ \t]*(?:(?:or|and|oder|und|ou|et|или|и)\b|(?:o|y|e)(?=[ \t]+[(*\"']{0,3}[A-J]\b))|[ \t]*[/&,]"
)
ROMAN_NUMERAL = re.compile(r"\s*(?:,|and\b|or\b|&|/)(?:\s*(?:and|or)\b)?\s*(?:I{2,3}|IV|VI{0,3}|IX)\b")
ENUMERATOR = re.compile(
    r"[ \t]{0,4}[*_`]{0,3}[ \t]{0,4}([.):,\-–—|=]|[*_`]{2,3}[ \t]*[.):\-–—])[ \t]*[*_`]{0,3}[ \t]*(?=\S)"
)
START_CONTEXT = frozenset("N.?:,;bsruwht&|(!iF")
BLOCKS_AT_START = frozenset("WkcetnigfOaADMq")
CONDITIONS = frozenset(
    ["if", "unless", "assuming", "provided that", "wenn", "si", "se", "если", "als", "om", "jika"]
)
ONLY_WORDS = frozenset(["only", "just", "nur", "solo", "sólo", "seulement", "apenas", "только", "tylko"])
BLOCKS_ANYWHERE = frozenset("kcetnO")
PORTUGUESE_NOUNS = frozenset(["resposta", "alternativa", "letra", "opção", "solução"])
SMALL_LETTER_BEFORE = frozenset("no=:QFNcskf(,|&hp")
SMALL_LETTER_AFTER = frozenset(".,;N:)?|&r")


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


def tokenize(text: str, names: OptionNames) -> Tokens:
    """Return the tokens of a plain text."""
    items: list[Token] = []
    native = _native_letters(text)
    at = 0
    line_start = True
    text = _name_ordinals(text, names)
    while at < len(text):
        if line_start:
            bullet = BULLET.match(text, at)
            at = bullet.end() if bullet else at
            line_start = False
            box = CHECKED_BOX.match(text, at)
            if box:
                items.append(Token("p" if box.group(1).strip() else "x", text="✓", at=at))
                at = box.end()
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
    if text[at] not in "*_`":
        return at + 1
    after = EMPHASIS_RUN.match(text, at)
    if after and names.text_pattern and names.text_pattern.match(text, after.end()):
        return after.end()
    return _letter(text, at, names, items) or at + 1


def _option_text(text: str, at: int, names: OptionNames, items: list[Token]) -> int:
    match = names.text_pattern.match(text, at) if names.text_pattern else None
    label = names.label_of_text(match.group()) if match else ""
    if not (match and label):
        match = (
            names.common_pattern.match(text, at)
            if names.common_pattern
            and (_expects_answer(items) or (names.are_common and _is_predicate(items)))
            else None
        )
        label = names.label_of_common(match.group()) if match else ""
        if not (match and label):
            return 0
    items.append(Token("L", label, by_text=True, text=match.group(), at=at))
    return match.end()


def _is_predicate(items: list[Token]) -> bool:
    """Return whether the next word says what something other than an option is: "the statement is …"."""
    sentence = re.split(r"[N.?;]", "".join(item.meaning for item in items))[-1]
    return sentence[-1:] == "=" and not set(sentence) & set("L!tujb|")


def _expects_answer(items: list[Token]) -> bool:
    last = "".join(item.meaning for item in items[-3:]).rstrip(":=fN")
    return not last or last[-1] in "nF"


def _letter(text: str, at: int, names: OptionNames, items: list[Token]) -> int:
    match = names.letter_pattern.match(text, at)
    if not match or match["letter"].upper() not in names.labels:
        return 0
    opened, closed = match["open"].strip(), match["close"].strip()
    if opened and not closed and not (EMPHASIS.intersection(opened) and match["letter"].isupper()):
        return 0  # "(B is right)"
    marked = bool(opened or closed)
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
    after_text = names.skip_text(text, end, token.option)
    token.is_marked = token.is_marked or after_text > end
    return after_text + (
        after_text > end and "(" in text[end:after_text] and text.startswith(")", after_text)
    )


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
    """Read a single letter of another alphabet."""
    if text[at] not in ALL_NATIVE or not names.are_letters:
        return 0
    if re.match(r"\w", text[at - 1 : at]) or re.match(r"\w", text[at + 1 : at + 2]):
        return 0
    if unicodedata.category(text[at + 1 : at + 2] or " ").startswith("M"):
        return 0
    char = text[at]
    if char in LOOKALIKES and not native:
        label = LOOKALIKES[char] if LOOKALIKES[char] in names.labels else ""
    else:
        label = names.label_at(next(alphabet.index(char) for alphabet in NATIVE_LETTERS if char in alphabet))
    if not label:
        return 0
    if char == "و" and not re.match(r"[ \t]*[).:]", text[at + 1 : at + 4]):  # "and"
        return 0
    marked = text[at - 1 : at] in set("([{\"'«") or text[at + 1 : at + 2] in set(")]}\"'»")
    items.append(
        Token("L", label, is_marked=marked, is_bare=not marked, is_small=not marked, text=char, at=at)
    )
    return at + 1


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
    """Return the tokens after deciding which bare letters are words: the article "A", the pronoun "I" and similar.

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
                is_article = (
                    token.text == "a"
                    and items[min(index + 1, len(items) - 1)].text.casefold() not in PORTUGUESE_NOUNS
                    and after != "L"
                )
                token.meaning = "g" if is_article else ("&" if token.text == "e" else "f")
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
    if index + 1 < len(items) and ord(items[index + 1].text[:1] or "A") > 0x2E80:
        return False  # a word of a script without spaces
    following = items[index + 1] if index + 1 < len(items) else Token("N")
    if (
        before in "mh"
        and index
        and (items[index - 1].meaning == "m" or items[index - 1].text.casefold() in ONLY_WORDS)
    ):
        return False  # "ich würde B sagen", "only B has"
    if after == "f" and index + 2 < len(items) and items[index + 2].meaning == "k":
        return False  # "B, I think"
    if after in BLOCKS_ANYWHERE:
        return after != "t" or following.text.casefold() not in CONDITIONS
    if after in "mj" and index + 2 < len(items):
        later = next((item.meaning for item in items[index + 2 : index + 4] if item.meaning not in "!h"), "N")
        if later in "kceWny":
            return True
    if after == "o" and before in START_CONTEXT:
        return index + 2 < len(items) and items[index + 2].meaning not in "=m!h:v.,N"
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
                    previous.is_marked = True
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
