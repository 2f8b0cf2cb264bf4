r"""Replies that state numbers, made from a value, a way to write it, a sentence and decoys; the value is known by construction.

Nothing here calls the scorer's code: a form is written from its value, and a sentence names its decoys.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import cycle
from typing import NamedTuple

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
MINUSES = (
    "-",
    "\u2010",
    "\u2011",
    "\u2012",
    "\u2013",
    "\u2212",
    "\ufe63",
    "\uff0d",
    "minus ",
    "negative ",
    "Minus ",
)
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
FULL_WIDTH = str.maketrans("0123456789.,%", "０１２３４５６７８９．，％")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
WHOLE = (
    0,
    5,
    8,
    12,
    21,
    42,
    99,
    105,
    360,
    1234,
    12_500,
    40_000,
    999_999,
    1_000_000,
    1_234_567,
    25_000_000,
    3 * 10**9,
    2432902008176640001,
)
POWERS_OF_TEN = ((10, 6), (10, 3), (10, -4), (10, 12), (2, 10), (3, 4), (7, 2))
SCIENTIFIC = (("6.02", 23), ("1.6", -19), ("3.14", 5), ("8.85", -12), ("-2.5", 7), ("9", 9), ("1.2", -30))
DECIMALS = ("0.5", "2.5", "3.14", "19.99", "1234.5", "0.125", "1234567.89", "0.0004")
FRACTIONS = ((3, 4), (2, 3), (1, 8), (5, 2), (7, 3), (22, 7), (1, 2))
MIXED = ((2, 1, 2), (3, 3, 4), (18, 2, 3), (1, 1, 4))
VULGAR = {(1, 2): "½", (3, 4): "¾", (1, 4): "¼", (2, 3): "⅔", (1, 8): "⅛"}
PERCENTS = ("80", "62.5", "7", "0.5", "100")


class Written(NamedTuple):
    """A value and one way to write it; ``in_words`` says that it has no digits."""

    value: Fraction
    text: str
    in_words: bool = False


class Sentence(NamedTuple):
    """A reply with ``{n}`` for the number, the other numbers that it names, and whether it suits number words."""

    text: str
    decoys: tuple[float, ...] = ()
    is_statement: bool = True


def spell(n: int) -> str:
    """Return a whole number from 0 below 10^12 in English words."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" and {spell(n % 100)}" if n % 100 else "")
    for size, word in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if n >= size:
            rest = n % size
            joint = " and " if 0 < rest < 100 else " "
            return f"{spell(n // size)} {word}" + (f"{joint}{spell(rest)}" if rest else "")
    raise AssertionError(n)


def grouped(n: int, separator: str) -> str:
    """Return a whole number in groups of three."""
    return f"{n:,}".replace(",", separator)


def indian(n: int) -> str:
    """Return a whole number in lakh and crore groups: 12,34,567."""
    head, tail = str(n)[:-3], str(n)[-3:]
    parts: list[str] = []
    while head:
        parts.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*parts, tail])


def whole_forms(n: int) -> Iterator[str]:
    """Yield ways to write a whole number from 0, in digits."""
    yield str(n)
    yield f"{n}.0"
    yield str(n).translate(FULL_WIDTH)
    yield str(n).translate(ARABIC)
    yield str(n).translate(DEVANAGARI)
    yield rf"\text{{{n}}}"
    yield rf"\mathrm{{{n}}}"
    yield f"${n}$"
    yield f"**{n}**"
    yield f"`{n}`"
    yield rf"\({n}\)"
    yield f"{n} apples"
    yield f"{n} km"
    yield f"{n} °C"
    yield rf"{n}\text{{ cm}}"
    yield f"x = {n}"
    yield f"about {n}"
    yield f"exactly {n}"
    yield f"~{n}"
    yield f"≈ {n}"
    for currency in ("$", "€", "£", "¥", "₹", "US$", "USD ", "Rs. ", "EUR ", r"\$"):
        yield f"{currency}{n:,}"
    for currency in ("€", " €", " USD", " dollars", " euros", "$"):
        yield f"{n:,}{currency}"
    if n >= 1000:
        for separator in (",", "\u00a0", "\u202f", "\u2009", " ", "'", "\u2019", "_", "{,}", r"\,", r",\!"):
            yield grouped(n, separator)
        yield indian(n)
        yield f"{grouped(n, ',')}.00"
        yield f"{grouped(n, '.')},00"
    if n >= 1_000_000:
        yield grouped(n, ".")


def scaled_forms(n: int) -> Iterator[str]:
    """Yield ways to write a whole number with k, M, million, lakh or dozen, if it comes out short."""
    for size, words in (
        (1000, ("k", "K", " thousand", " k")),
        (10**6, ("M", " million", "-million", " mn")),
        (10**9, ("B", "bn", " billion")),
        (10**5, (" lakh", " lakhs")),
        (10**7, (" crore",)),
        (12, (" dozen",)),
        (10**4, ("万",)),
    ):
        if n and n * 100 % size == 0 and n >= size:
            count = f"{n / size:.2f}".rstrip("0").rstrip(".")
            yield from (count + word for word in words)
            if size in (1000, 10**6, 10**9) and words[0] in "kMB":
                yield f"${count}{words[0]}"


def scientific_forms(mantissa: str, exponent: int) -> Iterator[str]:
    """Yield ways to write ``mantissa × 10^exponent``."""
    yield f"{mantissa}e{exponent}"
    yield f"{mantissa}E{exponent:+}"
    yield f"{mantissa} × 10{str(exponent).translate(RAISED)}"
    yield f"{mantissa}×10^{exponent}"
    yield f"{mantissa} x 10^{exponent}"
    yield f"{mantissa}*10^{exponent}"
    yield f"{mantissa} * 10**{exponent}"
    yield f"{mantissa}·10^{{{exponent}}}"
    yield rf"{mantissa} \times 10^{{{exponent}}}"
    yield rf"${mantissa} \cdot 10^{{{exponent}}}$"
    yield f"{mantissa} × 10^({exponent})"


def power_forms(base: int, exponent: int) -> Iterator[str]:
    """Yield ways to write a power."""
    yield f"{base}^{exponent}"
    yield f"{base}**{exponent}"
    yield f"{base}^{{{exponent}}}"
    yield f"{base}{str(exponent).translate(RAISED)}"
    yield f"${base}^{{{exponent}}}$"
    if exponent > 0:
        yield f"{base} to the power of {exponent}"


def fraction_forms(top: int, bottom: int) -> Iterator[str]:
    """Yield ways to write a fraction."""
    for command in ("frac", "dfrac", "tfrac", "cfrac"):
        yield rf"\{command}{{{top}}}{{{bottom}}}"
    yield f"{top}/{bottom}"
    yield f"{top} / {bottom}"
    yield f"{top}⁄{bottom}"
    if top < 10 and bottom < 10:
        yield rf"\frac{top}{bottom}"
    if (top, bottom) in VULGAR:
        yield VULGAR[top, bottom]


def mixed_forms(whole: int, top: int, bottom: int) -> Iterator[str]:
    """Yield ways to write a mixed number."""
    yield f"{whole} {top}/{bottom}"
    yield f"{whole} and {top}/{bottom}"
    yield rf"{whole}\frac{{{top}}}{{{bottom}}}"
    yield rf"{whole}\frac{top}{bottom}"
    yield rf"{whole} \dfrac{{{top}}}{{{bottom}}}"
    if (top, bottom) in VULGAR:
        yield f"{whole}{VULGAR[top, bottom]}"
        yield f"{whole} {VULGAR[top, bottom]}"


WORD_FORMS = (
    (Fraction(2, 3), "two thirds"), (Fraction(2, 3), "two-thirds"), (Fraction(1, 2), "half"), (Fraction(1, 2), "one half"),
    (Fraction(1, 2), "a half"), (Fraction(3, 4), "three quarters"), (Fraction(1, 4), "a quarter"), (Fraction(1, 5), "one fifth"),
    (Fraction(12), "a dozen"), (Fraction(6), "half a dozen"), (Fraction(24), "two dozen"), (Fraction(5, 2), "two and a half"),
    (Fraction(15, 4), "three and three quarters"), (Fraction(2_500_000), "two and a half million"),
    (Fraction(500_000), "half a million"), (Fraction(100), "a hundred"), (Fraction(1200), "twelve hundred"),
    (Fraction(157, 50), "three point one four"), (Fraction(-5), "minus five"), (Fraction(-42), "negative forty-two"),
    (Fraction(21), "Twenty-One"), (Fraction(21), "twenty one"), (Fraction(105), "one hundred five"),
)  # fmt: skip


def written_numbers() -> list[Written]:
    """Return every value in every form."""
    found: list[Written] = []
    for n in WHOLE:
        found += [Written(Fraction(n), text) for text in (*whole_forms(n), *scaled_forms(n))]
        if n < 10**12:
            found.append(Written(Fraction(n), spell(n), in_words=True))
            found.append(Written(Fraction(n), f"{spell(n).capitalize()} dollars", in_words=True))
        if n:
            found += [Written(Fraction(-n), minus + f"{n:,}") for minus in MINUSES]
            found += [
                Written(Fraction(-n), text) for text in (f"-${n:,}", f"$-{n}", f"−€{n}", rf"$-{n}$", f"- {n}")
            ]
    for mantissa, exponent in SCIENTIFIC:
        value = Fraction(mantissa) * Fraction(10) ** exponent
        found += [Written(value, text) for text in scientific_forms(mantissa, exponent)]
    for base, exponent in POWERS_OF_TEN:
        found += [Written(Fraction(base) ** exponent, text) for text in power_forms(base, exponent)]
    for decimal in DECIMALS:
        forms = [
            decimal,
            decimal.translate(FULL_WIDTH),
            f"${decimal}",
            f"{decimal} kg",
            f"-{decimal}",
            f"{decimal}0",
            f"−{decimal}",
        ]
        whole, _, rest = decimal.partition(".")
        forms += [f"{whole},{rest}"] if len(rest) != 3 or whole == "0" else []
        forms += [f"{grouped(int(whole), '.')},{rest}", f"{int(whole):,}.{rest}"] if int(whole) > 999 else []
        forms += ["." + rest] if whole == "0" else []
        found += [Written(Fraction(decimal) * (-1 if text[0] in "-−" else 1), text) for text in forms]
    for top, bottom in FRACTIONS:
        found += [Written(Fraction(top, bottom), text) for text in fraction_forms(top, bottom)]
        found += [
            Written(-Fraction(top, bottom), minus + text)
            for minus in ("-", "−", "minus ")
            for text in fraction_forms(top, bottom)
        ]
        found.append(Written(-Fraction(top, bottom), rf"\frac{{-{top}}}{{{bottom}}}"))
    for count, top, bottom in MIXED:
        found += [Written(count + Fraction(top, bottom), text) for text in mixed_forms(count, top, bottom)]
    for percent in PERCENTS:
        for sign in ("%", " %", "％", r"\%", " percent", " per cent", "\u202f%", " pct"):
            found.append(Written(Fraction(percent) / 100, percent + sign))
    found.append(Written(Fraction(5, 1000), "5‰"))
    found += [Written(value, text, in_words=True) for value, text in WORD_FORMS]
    return found


SENTENCES = (
    Sentence("The answer is {n}."),
    Sentence("Answer: {n}"),
    Sentence("**Answer:** {n}"),
    Sentence("The final answer is: {n}"),
    Sentence("ANSWER: {n}"),
    Sentence("#### {n}"),
    Sentence("We add 17 and 3.\n\nThe answer is {n}.", (17, 3)),
    Sentence("Answer: {n} (since 16 - 3 - 4 = 9 eggs, sold at $2 each)", (16, 3, 4, 9, 2)),
    Sentence("The answer is {n}, because 31 + 11 = 77.", (31, 11, 77)),
    Sentence("The answer is {n}, not 41.", (41,)),
    Sentence("The answer is not 41 but {n}.", (41,)),
    Sentence("The answer is not 41, it is {n}.", (41,)),
    Sentence("The answer is {n}, where v = 61 and w = 7.", (61, 7)),
    Sentence("The answer is {n}. (Check: 17 = 8 + 9)", (17, 8, 9)),
    Sentence("The answer is {n} since 13 × 7 is 91.", (13, 7, 91)),
    Sentence("The result is {n}. We used 3 steps and 2 rules.", (3, 2)),
    Sentence("Answer: 3001\nNo, that is wrong.\nAnswer: {n}", (3001,)),
    Sentence("My answer to question 3 is {n}", (3,)),
    Sentence("The answer to 19 + 4 is {n}.", (19, 4)),
    Sentence("The correct answer should be {n}."),
    Sentence("Answer (in units): {n}"),
    Sentence("**Final Answer**\n\n{n}"),
    Sentence("## Answer\n{n}"),
    Sentence("Answer:\n\n{n}\n\nI checked this 2 times.", (2,)),
    Sentence("<answer>{n}</answer>"),
    Sentence('{{"reasoning": "6 steps", "answer": "{n}", "confidence": 0.93}}', (6, 0.93)),
    Sentence("Die Antwort ist {n}.", ()),
    Sentence("Antwort: {n}, weil 13 * 7 = 91.", (13, 7, 91)),
    Sentence("La réponse est {n}.", ()),
    Sentence("La respuesta es {n}.", ()),
    Sentence("A resposta é {n}.", ()),
    Sentence("La risposta è {n}.", ()),
    Sentence("Ответ: {n}", ()),
    Sentence("答案是{n}。", ()),
    Sentence("答案：{n}", ()),
    Sentence("答えは{n}です。", ()),
    Sentence("정답은 {n}입니다.", ()),
    Sentence("{n}"),
    Sentence("{n}\n\nExplanation: 3 of the 7 steps gave 91.", (3, 7, 91)),
    Sentence("First 19 and 4 are added.\n\n**{n}**", (19, 4), is_statement=False),
    Sentence("First 19 and 4 are added.\nThe total is {n}", (19, 4)),
    Sentence("We have 3 boxes.\nThat makes {n}, since 13 * 7 = 91.", (3, 13, 7, 91), is_statement=False),
    Sentence("19 + 4 = {n}", (19, 4), is_statement=False),
    Sentence("Total = {n} (13 × 7 = 91 was checked)", (13, 7, 91), is_statement=False),
)  # fmt: skip
BOXES = (
    Sentence(r"\boxed{{{n}}}"),
    Sentence(r"So $19 + 4$ gives $\boxed{{{n}}}$.", (19, 4)),
    Sentence(r"Then $\boxed{{{n}}}$, because $13 \cdot 7 = 91$. Here $n = 7$.", (13, 7, 91)),
    Sentence(r"The first try was $\boxed{{3001}}$. That was wrong: $\boxed{{{n}}}$", (3001,)),
)
UNSUITED_TO_SENTENCES = ("x = ", "about ", "exactly ", "~", "≈ ", "**", "`", "- ", "$-", "Minus", "Rs. ")
"""Forms that only begin a statement: they are not used where other text comes directly before the number."""


class Case(NamedTuple):
    """One reply, the value it states, and other numbers that it names."""

    reply: str
    value: Fraction
    decoys: tuple[Fraction, ...]


def cases(per_form: int = 6) -> list[Case]:
    """Return each form in ``per_form`` sentences, so that every sentence meets many forms."""
    found = []
    sentences, boxes = cycle(SENTENCES), cycle(BOXES)
    for form in written_numbers():
        used = 0
        while used < per_form:
            sentence = next(boxes) if used == 0 else next(sentences)
            used += 1
            if not _suits(form, sentence):
                continue
            decoys = tuple(
                Fraction(str(d))
                for d in sentence.decoys
                if Fraction(str(d)) not in {form.value, form.value * 100}
            )
            found.append(Case(sentence.text.format(n=form.text), form.value, decoys))
    return found


def _suits(form: Written, sentence: Sentence) -> bool:
    before = sentence.text.partition("{n}")[0]
    if "boxed" in sentence.text and form.text.startswith((r"\(", "$", "**", "`")):
        return False
    if form.in_words and not sentence.is_statement:
        return False
    if form.text.startswith(UNSUITED_TO_SENTENCES) and not before.rstrip().endswith(
        (":", "is", "####", "Answer**", "be")
    ):
        return False
    is_bullet = form.text.startswith("- ") and before.endswith("\n")  # a bullet, not a minus sign
    is_bold_power = "**" in form.text and "**{n}" in sentence.text
    return not is_bullet and not is_bold_power and not (form.in_words and "total" in before)
