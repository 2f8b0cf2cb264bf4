r"""Brings the characters and the LaTeX around numbers into one plain form: ``−2½`` and ``-2\tfrac12`` become ``-2 1/2``."""

from __future__ import annotations

import re
import unicodedata

KNOWN_CHARACTERS = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("×✕✖⋅·∙∗⨯", "×"),
    **dict.fromkeys("⁄∕", "/"),
    **dict.fromkeys("≈≃≅∼≒", "≈"),
    **dict.fromkeys("→⇒⟶⟹➜", "→"),
    **dict.fromkeys("’‘ʼ", "'"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069", ""),
    "\u066a": "%",
    "\u066b": ".",
    "\u066c": ",",
    "。": ". ",
    "、": ", ",
    "，": ", ",
    "（": " (",
    "）": ") ",
    "𝜋": "π",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
FRACTION_OF_RAISED = re.compile("([⁰¹²³⁴⁵⁶⁷⁸⁹]+)[/⁄]([₀₁₂₃₄₅₆₇₈₉]+)")
VULGAR_FRACTION = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞↉])")
DIGIT_TIE = re.compile(r"(?<=\d)~(?=\d)")  # LaTeX's space that is not broken
EM_DASH = re.compile(r"(?:^|(?<=[\s:=(\d]))—(?=[\d$€£])")
POWER_IN_WORDS = re.compile(
    r"(?<=[\d)])\s(?:raised\s)?to\sthe\s(?:power\s(?:of\s)?(?P<a>(?:minus\s|negative\s|-)?\d{1,4})|(?P<b>-?\d{1,4})(?:st|nd|rd|th)\spower)\b"
)
UNIT_POWER = re.compile(
    r"(?<![A-Za-z\\])((?:[kcdmn]?m|ft|in|yd|mi|s|sec|units?|feet|inch(?:es)?|met(?:er|re)s?|centimet(?:er|re)s?)\s?)"
    r"\^\s?(?:\{\s?-?[23]\s?\}|-?[23](?!\d))"
)
"""The power of a unit, as in ``9.8 m/s^2``: not a number of its own."""

_SCRIPT = r"[\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"  # scripts without spaces between words
UNSPACED_SCRIPT = re.compile(rf"(?<={_SCRIPT})(?=[-+($\dA-Za-z])|(?<=[\dA-Za-z%)])(?={_SCRIPT})")


class _PlainCharacters(dict[int, str]):
    """Map from a character to its plain form, filled as characters occur."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            plain = str(digit)
        elif unicodedata.category(char) == "Zs":
            plain = " "
        elif 0xFF01 <= code <= 0xFF5E:  # the full-width forms of ASCII
            plain = chr(code - 0xFEE0)
        elif unicodedata.decomposition(char).startswith("<fraction>"):
            plain = unicodedata.normalize("NFKC", char).replace("\u2044", "/")
        else:
            plain = char
        self[code] = plain
        return plain


_PLAIN_CHARACTERS = _PlainCharacters({ord(char): plain for char, plain in KNOWN_CHARACTERS.items()})

_FRACTION_PART = r"(?:\{{\s?(?P<{0}>[-+]?[\d.,]{{1,60}})\s?\}}|(?P<{0}_digit>\d))"
LATEX = re.compile(
    r"""\\(?:[dtc]|cf)?frac(?![a-zA-Z])\s?"""
    + _FRACTION_PART.format("top")
    + r"\s?"
    + _FRACTION_PART.format("bottom")
    + r"""
    | \\(?:text(?:bf|rm|it|sf|tt|normal)?|math(?:rm|bf|it|sf|tt|bb)|mbox|hbox|boldsymbol|bm|operatorname)\*?\s?\{(?P<word>[^{}]{0,200})\}
    | (?P<raised_degree>\^\s?(?:\\circ(?![a-zA-Z])|\{\s?\\circ\s?\}))
    | \\(?P<command>[a-zA-Z]+)
    | \\(?P<symbol>[^a-zA-Z])
    | \{(?P<separator>[,.])\}
    """,
    re.VERBOSE,
)
COMMANDS = {
    "times": "×", "cdot": "×", "ast": "×", "div": "÷", "pm": "±", "mp": "±", "approx": "≈", "simeq": "≈", "sim": "≈",
    "doteq": "≈", "to": "→", "rightarrow": "→", "Rightarrow": "→", "implies": "→", "therefore": " ", "sqrt": "√", "pi": "π",
    "degree": "°", "infty": "∞", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠",
    "percent": "%", "pounds": "£", "euro": "€", "dollar": "$", "left": "", "right": "", "big": "", "Big": "",
    "bigl": "", "bigr": "", "displaystyle": "", "textstyle": "", "quad": "  ", "qquad": "  ", "thinspace": " ", "bf": "", "rm": "",
    "textdollar": "$", "minus": "-", "colon": ":",
}  # fmt: skip
SYMBOLS = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "%": "%", "$": "$", "&": "&", "#": "#", "_": "_",
           "(": " ", ")": " ", "[": " ", "]": " ", "\\": "\n", "/": "", "-": "", "{": "{", "}": "}"}  # fmt: skip


def plain_text(text: str) -> str:
    """Return a text in which numbers have one form: ASCII digits and signs, fractions as ``a/b``, powers as ``^{n}``.

    LaTeX spacing, fonts and size commands disappear. Commands that are not known keep their backslash.
    """
    if not text.isascii():
        text = _plain_characters(text)
    if "~" in text:
        text = DIGIT_TIE.sub(" ", text)
    if "\\" in text or "{," in text or "{." in text:
        text = LATEX.sub(_plain_latex, text)
    if " power" in text:
        text = POWER_IN_WORDS.sub(_power, text)
    return UNIT_POWER.sub(r"\1", text) if "^" in text else text


def _power(match: re.Match[str]) -> str:
    exponent = (match["a"] or match["b"]).replace("minus ", "-").replace("negative ", "-")
    return f"^{{{exponent}}}"


def _plain_characters(text: str) -> str:
    text = FRACTION_OF_RAISED.sub(
        lambda match: f" {match[1].translate(SUPERSCRIPTS)}/{match[2].translate(SUBSCRIPTS)}", text
    )
    text = RAISED.sub(lambda match: f"^{{{match[0].translate(SUPERSCRIPTS)}}}", text)
    text = EM_DASH.sub("-", text) if "—" in text else text
    text = VULGAR_FRACTION.sub(" ", text).translate(_PLAIN_CHARACTERS)
    return UNSPACED_SCRIPT.sub(" ", text)


def _plain_latex(match: re.Match[str]) -> str:
    if match["command"]:
        command = match["command"]
        return COMMANDS.get(command, match[0])
    if match["symbol"]:
        return SYMBOLS.get(match["symbol"], match[0])
    if match["separator"]:
        return match["separator"]
    if match["word"] is not None:
        return f" {match['word']}"
    if match["raised_degree"]:
        return "°"
    top, bottom = match["top"] or match["top_digit"], match["bottom"] or match["bottom_digit"]
    is_mixed = match.start() > 0 and match.string[match.start() - 1].isdigit()
    return f"{' ' if is_mixed else ''}{top}/{bottom}"
