r"""200 gold and 200 corrupted answers in the style of GSM8K and MATH, written for this project.

GSM8K's target is a solution that ends in ``#### N``; MATH's is a solution with its answer in ``\boxed{}``.
A reply states the gold answer as written or in another form, or a corrupted one.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple


class Case(NamedTuple):
    """One reply against one target; ``is_gold`` says whether it is to be accepted."""

    scorer: str
    target: str
    reply: str
    is_gold: bool


GSM8K_FORMS = (
    "First the parts, then the sum.\n#### {n}",
    "She earns 3 * 4 = 12 first. In the end there are {n} left.\n#### {n}",
    "The answer is {n}.",
    "Let me think. 2 + 2 = 4, and so on.\n\nThe final answer is **{n}**.",
    "So the total is $\\boxed{{{n}}}$.",
    "**Answer:** {n} dollars",
    "Answer: ${n}",
    "Therefore 7 friends share it, so the answer is {n} apples in all.",
)

MATH: tuple[tuple[str, str, str], ...] = (
    (r"\frac{3}{4}", "0.75", r"\frac{4}{3}"),
    (r"\frac{3}{4}", r"\dfrac{3}{4}", r"\frac{3}{5}"),
    (r"\frac34", r"\frac{3}{4}", r"\frac43"),
    (r"-\frac{1}{2}", "-0.5", r"\frac{1}{2}"),
    (r"\frac{56}{3}", r"18\frac{2}{3}", r"18\frac{1}{3}"),
    (r"11\frac{1}{2}", r"\frac{23}{2}", r"\frac{11}{2}"),
    (r"\sqrt{50}", r"5\sqrt{2}", r"2\sqrt{5}"),
    (r"70\sqrt{2}", r"70 \sqrt{2}", "70"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", r"\frac{\sqrt{3}}{2}"),
    (r"\sqrt[3]{4}", r"4^{1/3}", r"\sqrt{4}"),
    (r"3\pi", r"3 \pi", r"2\pi"),
    (r"\frac{\pi}{6}", r"\pi/6", r"\frac{\pi}{3}"),
    (r"(-\infty, 2)", r"\left(-\infty, 2\right)", r"(-\infty, 2]"),
    (r"[-2, 7]", r"\left[-2,7\right]", r"[-2, 7)"),
    (r"(0, \frac{1}{2}]", r"\left(0, \tfrac{1}{2}\right]", r"[0, \frac{1}{2}]"),
    (r"(-\infty,-8)\cup(8,\infty)", r"(8,\infty)\cup(-\infty,-8)", r"(-\infty,-8)\cup(7,\infty)"),
    (r"x \in [-2,7]", r"[-2,7]", r"[-2,6]"),
    (r"\left(3, \frac{\pi}{2}\right)", r"(3, \pi/2)", r"(\frac{\pi}{2}, 3)"),
    (r"(1, -2)", r"\left( 1, -2 \right)", r"(-2, 1)"),
    (r"(2, 3, 5)", r"(2,3,5)", r"(2,5,3)"),
    (r"\{1, 2, 3\}", r"\{3, 1, 2\}", r"\{1, 2\}"),
    ("2, 3, 5", "5, 3, 2", "2, 3, 7"),
    (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}", r"1 \pm \sqrt{18}"),
    (r"-2 \pm \sqrt{3}", r"-2 \pm \sqrt{3}", r"2 \pm \sqrt{3}"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}"),
    (r"\begin{pmatrix} -1 \\ 0 \\ 7 \end{pmatrix}", r"\begin{pmatrix} -1 \\ 0 \\ 7 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 0 \\ 7 \end{pmatrix}"),
    (r"\begin{pmatrix} \frac{1}{2} & 0 \\ 0 & 2 \end{pmatrix}", r"\begin{pmatrix} 0.5 & 0 \\ 0 & 2 \end{pmatrix}", r"\begin{pmatrix} \frac{1}{2} & 0 \\ 0 & 3 \end{pmatrix}"),
    ("x = 5", "5", "x = 6"),
    ("5", "x = 5", "x = 4"),
    ("y = 2x + 3", "y=3+2x", "y = 2x - 3"),
    ("x^3 + 3x - 6", "3x - 6 + x^3", "x^3 + 3x + 6"),
    ("(x-2)(x+3)", "x^2 + x - 6", "x^2 - x - 6"),
    ("2(x+4)^2", "2x^2+16x+32", "2x^2+16x+16"),
    (r"\frac{x+2}{x-1}", r"(x+2)/(x-1)", r"\frac{x-2}{x-1}"),
    ("6 - 5i", "-5i + 6", "6 + 5i"),
    (r"e^{2\pi i/3}", r"e^{\frac{2\pi i}{3}}", r"e^{\pi i/3}"),
    (r"90^\circ", "90", r"60^\circ"),
    (r"45^\circ", r"45^{\circ}", r"54^\circ"),
    (r"10\%", "10", r"12\%"),
    (r"62.5\%", r"62.5 \%", r"65.2\%"),
    (r"\$32{,}348", "32348", r"\$32{,}384"),
    (r"9,\!240", "9240", "9,420"),
    ("1,000,000", "1000000", "100,000"),
    (r"5.4 \text{ cents}", "5.4", r"4.5 \text{ cents}"),
    (r"12\text{ cm}", "12", r"21\text{ cm}"),
    (r"24 \text{ square units}", r"24", "48"),
    (r"36\text{ cm}^2", r"36 \text{ cm}^2", r"63\text{ cm}^2"),
    (r"\text{Evelyn}", "Evelyn", r"\text{Marcus}"),
    (r"\text{even}", r"\text{even}", r"\text{odd}"),
    (r"\text{(C)}", r"(C)", r"\text{(B)}"),
    ("2516_8", "2516_8", "2516_7"),
    ("4210_{5}", r"4210_5", "4201_{5}"),
    (r"10^{-3}", "0.001", r"10^{-2}"),
    (r"2^{10}", "1024", r"2^{11}"),
    ("0.0625", r"\frac{1}{16}", "0.625"),
    (r"0.\overline{3}", r"\frac{1}{3}", "0.3"),
    ("10!", "3628800", "9!"),
    (r"\binom{6}{2}", "15", r"\binom{6}{3}"),
    (r"\log_2 3", r"\log_{2}{3}", r"\log_3 2"),
    (r"\sin 30^\circ", r"\sin 30^\circ", r"\cos 30^\circ"),
    ("-3", "-3.0", "3"),
    ("0", "0", "1"),
    ("17", r"17", "71"),
    (r"\frac{2n+1}{n}", r"2 + \frac{1}{n}", r"\frac{2n-1}{n}"),
    (r"a^2b^3", r"b^3 a^2", r"a^3b^2"),
    ("1 < x < 3", "1<x<3", "1 < x < 4"),
    (r"2\mathbf{i}+3\mathbf{j}", r"3\mathbf{j} + 2\mathbf{i}", r"2\mathbf{i}+5\mathbf{j}"),
    (r"6:30 \text{ p.m.}", r"6:30 \text{ p.m.}", r"6:40 \text{ p.m.}"),
    (r"x \ge 4", r"x \geq 4", r"x \le 4"),
)  # fmt: skip

MATH_FORMS = (
    "We work it out.\nThe final answer is $\\boxed{{{a}}}$.",
    "Step 1. Write $p = 2$. Step 2. Simplify.\n\nFinal Answer: The final answer is ${a}$. I hope it is correct.",
    "The first case gives $\\boxed{{99}}$, which is too large. So instead $\\boxed{{{a}}}$.",
)
SOLUTIONS = (
    "Completing the square gives $t^2 = 1$. Therefore the answer is $\\boxed{{{a}}}$.",
    "By symmetry we look at one half only:\n\\[ q = \\boxed{{{a}}}. \\]",
)


def gsm8k_cases() -> list[Case]:
    """Return 100 gold and 100 corrupted replies."""
    r = Random("answers/gsm8k/1")
    cases = []
    for number in range(100):
        gold = r.choice((r.randint(1, 99), r.randint(100, 9_999), r.randint(10_000, 2_000_000)))
        if number % 10 == 9:
            gold = -gold
        text = f"{gold:,}" if number % 3 else str(gold)
        target = f"He buys 3 for 2 = <<3*2=6>>6 each.\nThat makes <<6+1=7>>7 and so on.\n#### {text}"
        form = GSM8K_FORMS[number % len(GSM8K_FORMS)]
        other = str(gold) if number % 2 else f"{gold:,}"
        wrong = [gold + 1, gold - 1, gold * 10, -gold, gold + 100, gold * 2, int(str(abs(gold))[::-1])]
        bad = next(n for n in wrong[number % 7 :] + wrong if n != gold)
        cases.append(Case("numeric", target, form.format(n=other), is_gold=True))
        cases.append(Case("numeric", target, form.format(n=f"{bad:,}" if number % 2 else bad), is_gold=False))
    return cases


def math_cases() -> list[Case]:
    """Return 100 gold and 100 corrupted replies: each pair in one or two ways of stating it."""
    cases = []
    for number in range(100):
        gold, other, bad = MATH[number % len(MATH)]
        turn = number // len(MATH)
        target = SOLUTIONS[number % 2].format(a=gold) if number % 3 else gold
        form = MATH_FORMS[(number + turn) % len(MATH_FORMS)]
        cases.append(Case("math", target, form.format(a=other if turn == 0 else gold), is_gold=True))
        cases.append(Case("math", target, form.format(a=bad), is_gold=False))
    return cases
