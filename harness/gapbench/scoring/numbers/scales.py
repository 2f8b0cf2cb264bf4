"""The words for per cent and for large numbers after digits, in English and in the languages in which models answer."""

from __future__ import annotations

import re

ENGLISH_SCALES = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15,
    "lakh": 10**5, "lac": 10**5, "crore": 10**7, "dozen": 12,
}  # fmt: skip
FOREIGN_SCALES = {
    10**2: "hundert",
    10**3: "tausend|tsd|mille|mil|mila|duizend|tusen|tusind|tysiące|tysiąc|tysięcy|tys|tisíce|tisíc|тысячи|тысяча|тысяч|тыс|тисячі|тисяча|тисяч|ribu|nghìn|ngàn",
    10**6: "millionen|mio|millionnen|millones|millón|milhões|milhão|milhoes|milhao|milioni|milione|miljoenen|miljoen|miljoner|miljon|millioner|"
    "milionów|miliony|milion|milionů|milyon|миллионов|миллиона|миллион|млн|мільйонів|мільйони|мільйона|мільйон|juta|triệu|mln",
    10**9: "milliarden|milliarde|mrd|milliards|milliard|miliardi|miliardo|mld|miljarden|miljarder|miljard|milliarder|mdr|bilhões|bilhão|bilhoes|"
    "miliardów|miliardy|miliard|milyar|миллиардов|миллиарда|миллиард|млрд|мільярдів|мільярди|мільярда|мільярд|miliar|tỷ|tỉ",
    10**12: "billionen|billones|billón|biliões|bilião|biljoenen|biljoen|biljoner|bilioni|triliun|триллионов|триллиона|триллион|трлн|trilhões|trilhão",
}  # fmt: skip
"""Words by value. A word that English reads differently, such as German ``Billion``, is English here."""

CJK_SCALES = {"百": 10**2, "千": 10**3, "万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8, "兆": 10**12, "십": 10, "백": 10**2, "천": 10**3, "만": 10**4,
              "억": 10**8, "조": 10**12}  # fmt: skip
FOREIGN_VALUES = {word: value for value, words in FOREIGN_SCALES.items() for word in words.split("|")}
SCALE_VALUES = {**FOREIGN_VALUES, **ENGLISH_SCALES}
_FOREIGN = "|".join(sorted(FOREIGN_VALUES, key=len, reverse=True))
SCALE_PATTERN = rf"(?:{'|'.join(ENGLISH_SCALES)})s?\b|(?:{_FOREIGN})\b(?:(?<=mio)\.|(?<=mrd)\.|(?<=tsd)\.|(?<=tys)\.|(?<=тыс)\.)?"
SCALE_WORD = re.compile(rf"{'|'.join(ENGLISH_SCALES)}|(?:{_FOREIGN})\b")
CJK_PATTERN = "[百千]?[万萬億亿兆]|[십백천]?[만억조]|[百千백천]"
FOREIGN_PERCENT = (
    r"prozent|pour\scent|por\scien(?:to)?|por\scento|per\scento|percento|procenten|procent(?:ów|a)?|prosent(?:tia)?|"
    r"процент(?:ов|а|ів|и)?|відсотк(?:ів|и|а)|відсоток|persen|phần\străm|százalék|τοις\sεκατό|प्रतिशत"
)
UNSPACED_PERCENT = r"パーセント|퍼센트|프로"
PERCENT_PATTERN = rf"%|‰|(?i:percent|per[\s-]?cent|pct|{FOREIGN_PERCENT})\b|{UNSPACED_PERCENT}"
FOREIGN_WORD = re.compile(rf"(?:{FOREIGN_PERCENT}|{_FOREIGN})\b", re.IGNORECASE)
"""Words of languages that write a decimal comma and a point between thousands."""

EUROPEAN_DIGITS = re.compile(r"\d{1,3}(?:[. ]\d{3})*(?:,\d+)?|\d+(?:,\d+)?")


def scale_of(words: str) -> int:
    """Return the product of the words for large numbers in a text: ``mil millones`` is 10^9."""
    scale = 1
    for word in SCALE_WORD.findall(words.lower()):
        scale *= SCALE_VALUES[word]
    return scale


def cjk_scale(text: str) -> int:
    """Return the product of the characters for large numbers: ``千万`` is 10^7."""
    scale = 1
    for character in text:
        scale *= CJK_SCALES[character]
    return scale


def with_decimal_point(digits: str, words: str) -> str:
    """Return digits before words of a language with a decimal comma, with a point instead: ``1,234`` is 1.234 there."""
    if not ("," in digits or "." in digits) or not FOREIGN_WORD.search(words):
        return digits
    if EUROPEAN_DIGITS.fullmatch(digits) is None:
        return digits
    return digits.replace(" ", "").replace(".", "").replace(",", ".")
