r"""65 answers in the style of GSM8K (20) and MATH (45), written for this project, each with right and wrong forms.

A form is right or wrong by mathematics, not by what the scorer makes of it. Each form is stated in several sentences.
"""

from __future__ import annotations

from typing import NamedTuple


class Gold(NamedTuple):
    """A target with forms that equal it and forms that do not."""

    target: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


class MathCase(NamedTuple):
    """One reply against one target; ``is_right`` says whether it is to be accepted."""

    target: str
    reply: str
    is_right: bool


def _whole(n: int) -> Gold:
    """Return a GSM8K target with the forms in which a model gives a whole number."""
    digits, grouped = str(n), f"{n:,}"
    right = (digits, grouped, f"{n}.00", rf"\${grouped}", f"{n} dollars", rf"{n}\text{{ km}}")
    wrong = (
        str(n + 1),
        str(n * 10),
        f"-{n}",
        f"{n}.5",
        rf"\frac{{{n}}}{{3}}",
        f"{n} + 1",
        digits[::-1] if digits != digits[::-1] else str(n + 7),
    )
    return Gold(f"He pays 3 * 2 = <<3*2=6>>6 first.\nIn all that is {grouped}.\n#### {grouped}", right, wrong)


GSM8K_GOLDS = tuple(
    map(
        _whole,
        (
            18,
            3,
            70_000,
            540,
            20,
            64,
            260,
            160,
            45,
            460,
            366,
            694,
            13,
            1_080,
            1_234_567,
            75,
            7,
            2_125,
            230,
            58_000,
        ),
    )
)
MATH_GOLDS = (
    Gold(r"\frac{3}{4}", ("0.75", r"\dfrac34", "3/4", r"75\%", r"\frac{6}{8}"), (r"\frac43", "0.7", "34", r"\frac{3}{40}", "3")),
    Gold(r"-\frac{1}{2}", ("-0.5", r"\frac{-1}{2}", r"-\tfrac12", "-1/2"), ("0.5", r"\frac12", "-2", "-12")),
    Gold("2 1/2", ("2.5", r"2\frac12", r"\frac{5}{2}", "5/2"), ("21/2", "2/12", "10.5", "2", "1/2")),
    Gold(r"11\frac{1}{2}", (r"\frac{23}{2}", "11.5", "11 1/2"), (r"\frac{11}{2}", "111/2", "11", "12")),
    Gold(r"6.02\times10^{23}", (r"602\times10^{21}", "602000000000000000000000", r"6.02 \cdot 10^{23}", "6.02e23"), (r"6.02\times10^{22}", "6.02", "10^{23}", r"6.03\times10^{23}")),
    Gold(r"1.6\times10^{-19}", (r"16\times10^{-20}", "1.6e-19", r"1.6\cdot10^{-19}"), (r"9.1\times10^{-31}", "0", r"-1.6\times10^{-19}", r"1.6\times10^{19}")),
    Gold("10^{-30}", (r"\frac{1}{10^{30}}", "1e-30", r"10^{-15}\cdot10^{-15}"), ("10^{-31}", "0", "10^{30}", r"2\times10^{-30}")),
    Gold("0.00000025", (r"2.5\times10^{-7}", r"\frac{1}{4000000}"), (r"3.1\times10^{-7}", "0.0000003", "0", "0.000000250001")),
    Gold("2432902008176640000", ("20!", "2,432,902,008,176,640,000"), ("2432902008176640001", r"2.432902\times10^{18}", "19!")),
    Gold(r"33\frac13\%", (r"\frac{100}{3}\%", "33 1/3%", r"\frac13"), (r"33\%", r"\frac{1}{30}", r"3\frac13\%")),
    Gold(r"10\%", ("10", "0.1", r"\frac{1}{10}", "10 percent"), (r"1\%", "0.01", "100", r"11\%")),
    Gold(r"0.\overline{3}", (r"\frac13", "0.333333"), ("0.3", "0.33", "3")),
    Gold("0.071428571", (r"\frac{1}{14}",), (r"\frac{1}{13}", "0.07", "0.71428571")),
    Gold(r"\frac{1}{14}", ("0.071429", "0.0714286", "1/14"), ("0.07", "0.0715", "14", "0.071430")),
    Gold(r"\sqrt{50}", (r"5\sqrt{2}", r"\sqrt{2}\cdot5", "50^{1/2}"), ("50", r"2\sqrt5", "7", r"\sqrt{5}")),
    Gold(r"\frac{\sqrt{3}}{3}", (r"\frac{1}{\sqrt3}", r"\sqrt{\frac13}"), (r"\sqrt3", r"\frac{\sqrt3}{2}", "3")),
    Gold(r"3\pi", (r"3 \pi", r"\pi\cdot 3", "9.424778"), (r"2\pi", "3", "9.42", r"\frac{\pi}{3}")),
    Gold(r"\frac{\pi}{6}", (r"\pi/6", r"\frac{1}{6}\pi"), (r"\frac{\pi}{3}", r"6\pi", "0.5", "6")),
    Gold(r"(1,2)", ("(1, 2)", r"\left(1,2\right)"), (r"\{1,2\}", "(2,1)", "[1,2]", "12", "(1,3)")),
    Gold(r"\{1,2\}", (r"\{2,1\}", "1, 2", r"\left\{1,2\right\}"), ("(1,2)", r"\{1,3\}", r"\{1\}", "12")),
    Gold(r"(-\infty, 2]", (r"\left(-\infty,2\right]", r"x \le 2", r"x \leq 2"), (r"(-\infty,2)", "x < 2", r"[2,\infty)", "2")),
    Gold("[0,2]", (r"0 \le x \le 2", r"\left[0,2\right]"), ("(0,2)", "0 < x < 2", "[0,3]", "2")),
    Gold(r"0 \le x \le 2", ("[0,2]", r"0\leq x\leq 2"), ("(0,2)", r"0 \le x \le 3", "2")),
    Gold(r"(-\infty,-8)\cup(8,\infty)", (r"(8,\infty)\cup(-\infty,-8)",), (r"(-\infty,-8)", r"(-\infty,8)\cup(8,\infty)", "8")),
    Gold(r"\emptyset", (r"\varnothing", "∅"), (r"\{0\}", "0", r"\infty")),
    Gold(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}",), (r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}", "10", "1234")),
    Gold(r"\begin{pmatrix} -1 \\ 0 \\ 7 \end{pmatrix}", (r"\begin{pmatrix} -1 \\ 0 \\ 7 \end{pmatrix}",), (r"\begin{pmatrix} 1 \\ 0 \\ 7 \end{pmatrix}", "7")),
    Gold("x = 5", ("5", "x=5"), ("x = 6", "6", "x = -5", "55")),
    Gold("y = 2x + 3", ("y=3+2x", "2x+3"), ("y = 2x - 3", "2x", "y = 3x + 2", "3")),
    Gold("x^2 + x - 6", ("(x-2)(x+3)", "x+x^2-6", "(x+3)(x-2)"), ("x^2 - x - 6", "x^2 + x", "(x+2)(x-3)", "6")),
    Gold("2(x+4)^2", ("2x^2+16x+32", "2(4+x)^2"), ("2x^2+16x+16", "(2x+8)^2", "2(x+4)")),
    Gold(r"\frac{x+2}{x-1}", ("(x+2)/(x-1)", r"\frac{-x-2}{1-x}"), (r"\frac{x-2}{x-1}", "x+2", r"\frac{x+2}{x+1}")),
    Gold("6 - 5i", ("-5i + 6", "6-5i"), ("6 + 5i", "6", "5i")),
    Gold(r"e^{2\pi i/3}", (r"e^{\frac{2\pi i}{3}}",), (r"e^{\pi i/3}", "e")),
    Gold(r"90^\circ", ("90", r"90^{\circ}"), (r"60^\circ", "9", "900")),
    Gold(r"\$32{,}348", ("32348", "32,348", r"\$32,348"), ("32,384", "32", "348", "3234.8")),
    Gold(r"9,\!240", ("9240", "9,240"), ("9,420", "9", "240", "92400")),
    Gold(r"5.4 \text{ cents}", ("5.4", r"5.4\text{ cents}"), ("4.5", "54", "5")),
    Gold(r"36\text{ cm}^2", ("36", r"36 \text{ cm}^2"), ("63", r"6\text{ cm}", "362")),
    Gold(r"\text{Evelyn}", ("Evelyn", r"\textbf{Evelyn}"), (r"\text{Marcus}", "Eve", "5")),
    Gold(r"\text{even}", ("even", r"\mathrm{even}"), ("odd", r"\text{odd}", "2")),
    Gold("2516_8", (r"2516_{8}", r"2516_{\text{8}}"), ("2516_7", "25168", "2516_9")),
    Gold("1024", ("2^{10}", "4^5", "1,024", "1024.0"), ("2^{11}", "210", "102.4", "10^{24}")),
    Gold(r"\binom{6}{2}", ("15", r"\frac{6!}{2!4!}"), ("62", "6", r"\binom{6}{3}", "3")),
    Gold(r"1 \pm \sqrt{19}", (r"1+\sqrt{19}, 1-\sqrt{19}", r"1 \pm \sqrt{19}"), (r"1 \pm \sqrt{18}", r"1+\sqrt{19}", "1")),
)  # fmt: skip
BOX_SENTENCES = (
    "We work it out.\nThe final answer is $\\boxed{{{a}}}$.",
    "First $p = 7$ and $q = 11$.\n\\[ \\boxed{{{a}}} \\]\nHere $p + q = 18.5$ was not needed.",
    "The first try was $\\boxed{{977}}$, which is too large. So instead $\\boxed{{{a}}}$.",
)
FORMULA_SENTENCES = (
    "The answer is ${a}$.",
    "Answer: ${a}$ (since $p = 7$ and $q = 11$)",
    "The answer is ${a}$, because $7 \\cdot 11 = 77$ and $p = 7$.",
    "Die Antwort ist ${a}$, weil $p = 7$.",
    "Take $p = 7$. Step 2 gives\n\nFinal Answer: The final answer is ${a}$. I hope it is correct.",
)
DOLLAR_SENTENCES = (
    "Therefore, the total is **${a}**.",
    "She pays $7 for 11 items.\n\nTherefore, the total is **${a}**.",
    "So $7 \\cdot 11 = 77$ in the end.\nTherefore, the total is ${a}.",
)


def math_golds() -> tuple[Gold, ...]:
    """Return the 65 golds."""
    return GSM8K_GOLDS + MATH_GOLDS


def math_replies() -> list[MathCase]:
    """Return each form of each gold in boxes and formulas, in turn, and whole numbers as money too."""
    found = []
    for at, gold in enumerate(math_golds()):
        for k, (form, is_right) in enumerate(
            [*((f, True) for f in gold.right), *((f, False) for f in gold.wrong)]
        ):
            sentences = [
                BOX_SENTENCES[(at + k) % len(BOX_SENTENCES)],
                FORMULA_SENTENCES[(at + k) % len(FORMULA_SENTENCES)],
            ]
            if form.replace(",", "").isdigit():
                sentences.append(DOLLAR_SENTENCES[(at + k) % len(DOLLAR_SENTENCES)])
            found += [MathCase(gold.target, sentence.format(a=form), is_right) for sentence in sentences]
    return found


PROSE = (
    "So the two lines are parallel.", "I cannot solve this problem.", "The answer depends on the value of the parameter.",
    "Therefore the triangle must be isosceles.", "We conclude that there is no such number.", "The solution is left to the reader.",
)  # fmt: skip
"""Last sentences that state no mathematics: unparsed for a target that is a number."""
