"""Numbers in words, and words for per cent and large numbers, in the languages in which models answer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from gapbench.scoring import make_scorer
from gapbench.values import Sample

NUMERIC = make_scorer("numeric", {})
WORDS = [
    line.split("\t")
    for line in (Path(__file__).parents[3] / "cases/number_words.tsv")
    .read_text(encoding="utf-8")
    .splitlines()
    if not line.startswith("#")
]
"""Language, value and words, written by num2words, which the scorer does not use."""

SENTENCES = {
    "de": ("Die Antwort ist {}.", "minus"), "fr": ("La réponse est {}.", "moins"), "es": ("La respuesta es {}.", "menos"),
    "it": ("La risposta è {}.", "meno"), "pt": ("A resposta é {}.", "menos"), "nl": ("Antwoord: {}", "min"),
}  # fmt: skip
SCALES = {
    10**3: ("Tausend", "mil euros", "mila", "duizend", "тысяч", "тыс.", "千", "tys."),
    10**6: ("Millionen Euro", "Mio. Euro", "millones", "milhões", "milioni", "miljoen", "млн", "миллиона", "milyon", "百万", "juta"),
    10**9: ("Milliarden", "Mrd. €", "milliards", "mil millones", "bilhões", "miliardi", "miljard", "млрд", "miliar"),
    10**4: ("万", "万元", "萬", "만"),
    10**8: ("億", "亿", "억"),
}  # fmt: skip
PERCENTS = (
    "Prozent",
    "pour cent",
    "por ciento",
    "por cento",
    "per cento",
    "procent",
    "процентов",
    "процента",
    "パーセント",
    "퍼센트",
    "persen",
)


def is_accepted(reply: str, target: Any) -> bool:
    return NUMERIC(reply, Sample("s", (), target=target)).outcome == "correct"


def test_number_words_of_six_languages_are_read() -> None:
    """After a marker; minus them too, and not their neighbor."""
    misread = []
    for language, digits, words in WORDS:
        sentence, minus = SENTENCES[language]
        n = int(digits)
        reply = sentence.format(words)
        if language == "de" and words == "null":  # JSON's null
            continue
        misread += [] if is_accepted(reply, n) and not is_accepted(reply, n + 1) else [reply]
        if n > 1:
            reply = sentence.format(f"{minus} {words}")
            misread += [] if is_accepted(reply, -n) and not is_accepted(reply, n) else [reply]

    assert [] == misread


def test_number_words_are_read_as_a_whole_reply() -> None:
    """From 2, because the words for zero and one have other meanings."""
    whole = [(words.capitalize(), int(digits)) for _, digits, words in WORDS if 1 < int(digits) < 101]

    assert [] == [reply for reply, n in whole if not is_accepted(reply, n) or is_accepted(reply, n + 1)]


def test_a_choice_between_number_words_is_none_of_them() -> None:
    choices = {
        "de": "drei oder vier",
        "fr": "trois ou quatre",
        "es": "tres o cuatro",
        "it": "tre o quattro",
        "pt": "três ou quatro",
    }

    replies = [SENTENCES[language][0].format(choice) for language, choice in choices.items()]
    assert [] == [reply for reply in replies for n in (3, 4) if is_accepted(reply, n)]


def test_words_for_large_numbers_multiply_the_digits_before_them() -> None:
    """With a decimal comma in each language that writes one: ``1,5 Millionen`` is 1,500,000, and not 1.5."""
    misread = []
    for size, words in SCALES.items():
        for word in words:
            for written, count in (("3", Fraction(3)), ("2,5", Fraction(5, 2)), ("12", Fraction(12))):
                reply = f"{written} {word}"
                value = int(count * size)
                accepted = (
                    is_accepted(reply, value),
                    is_accepted(reply, float(count)),
                    is_accepted(reply, -value),
                )
                misread += [] if accepted == (True, False, False) else [reply]

    assert [] == misread


def test_a_comma_before_three_digits_is_decimal_before_such_a_word() -> None:
    """``1,234 Millionen`` is 1,234,000; ``1.500 Millionen`` is 1.5 billion."""
    for word in ("Millionen", "millones", "milhões", "milioni", "млн"):
        assert is_accepted(f"1,234 {word}", 1_234_000)
        assert is_accepted(f"1.500 {word}", 1_500_000_000)


def test_words_for_per_cent_are_percent_signs() -> None:
    """``7 Prozent`` equals 7 and 0.07, and neither 0.7 nor 70."""
    misread = []
    for word in PERCENTS:
        for text, value in (("7", Fraction(7)), ("12,5", Fraction(25, 2)), ("-3", Fraction(-3))):
            reply = f"{text} {word}"
            right = all(is_accepted(reply, float(target)) for target in (value, value / 100))
            wrong = any(is_accepted(reply, float(target)) for target in (value / 10, value * 10, -value))
            misread += [] if right and not wrong else [reply]

    assert [] == misread
