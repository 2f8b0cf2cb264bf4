"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time. Answers are LaTeX."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt
from pathlib import Path
from random import Random

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 5


def to_latex(value: Fraction | int) -> str:
    """Return a number as LaTeX."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def format_term(factor: int, name: str, *, first: bool = False) -> str:
    """Return a signed term such as ``- 3x``, or ``3x`` in front."""
    size = "" if abs(factor) == 1 and name else str(abs(factor))
    if first:
        return ("-" if factor < 0 else "") + size + name
    return (" - " if factor < 0 else " + ") + size + name


def random_nonzero(r: Random, most: int) -> int:
    """Return a whole number from -most to most that is not 0."""
    return r.choice((-1, 1)) * r.randint(1, most)


def linear(r: Random) -> Item:
    """One unknown on both sides."""
    a, c = r.sample(range(2, 10), 2)
    b, d = random_nonzero(r, 20), random_nonzero(r, 20)
    x = Fraction(d - b, a - c)
    question = f"Solve ${format_term(a, 'x', first=True)}{format_term(b, '')} = {format_term(c, 'x', first=True)}{format_term(d, '')}$ for $x$."
    return Item(question, to_latex(x), to_latex(Fraction(d + b, a - c)))


def system(r: Random) -> Item:
    """Two equations; the answer is a pair, and its order counts."""
    x, y = r.sample([n for n in range(-9, 10) if n], 2)
    a, b, c, d = random_nonzero(r, 6), random_nonzero(r, 6), random_nonzero(r, 6), random_nonzero(r, 6)
    if a * d == b * c:
        d += 1 if d + 1 else 2
    question = (
        f"Find the pair $(x, y)$ with ${format_term(a, 'x', first=True)}{format_term(b, 'y')} = {a * x + b * y}$ and "
        f"${format_term(c, 'x', first=True)}{format_term(d, 'y')} = {c * x + d * y}$."
    )
    # A determinant of 0 has no single answer: then the slip is made equal, and the item is drawn again.
    return Item(question, f"({x}, {y})", f"({y}, {x})" if a * d != b * c else f"({x}, {y})")


def roots(r: Random) -> Item:
    """Both roots of a quadratic, as a set."""
    p, q = r.sample([n for n in range(-9, 10) if n], 2)
    question = f"Find the set of all solutions of $x^2{format_term(-(p + q), 'x') if p + q else ''}{format_term(p * q, '')} = 0$."
    return Item(question, rf"\{{{min(p, q)}, {max(p, q)}\}}", rf"\{{{min(-p, -q)}, {max(-p, -q)}\}}")


def surd(r: Random) -> Item:
    """A hypotenuse in lowest terms."""
    a, b = r.randint(2, 12), r.randint(2, 12)
    square = a * a + b * b
    outside = max(n for n in range(1, isqrt(square) + 1) if square % (n * n) == 0)
    inside = square // (outside * outside)
    answer = str(outside) if inside == 1 else rf"{outside if outside > 1 else ''}\sqrt{{{inside}}}"
    question = (
        f"The legs of a right triangle are {a} cm and {b} cm. How many cm long is the hypotenuse, exactly?"
    )
    return Item(question, answer, str(a + b))


def interval(r: Random) -> Item:
    """A quadratic inequality; whether the ends belong to it is what slips."""
    p = r.randint(-8, 3)
    q = p + r.randint(2, 9)
    strict = r.random() < 0.5
    sign = "<" if strict else r"\le"
    question = (
        f"Solve $x^2{format_term(-(p + q), 'x') if p + q else ''}{format_term(p * q, '') if p * q else ''} {sign} 0$ over the real numbers. "
        "Give the solutions as an interval."
    )
    return Item(
        question, f"({p}, {q})" if strict else f"[{p}, {q}]", f"[{p}, {q}]" if strict else f"({p}, {q})"
    )


def product(r: Random) -> Item:
    """Two matrices multiplied; the other way round slips."""
    a, b = ([[r.randint(-4, 5) for _ in range(2)] for _ in range(2)] for _ in range(2))

    def times(m: list[list[int]], n: list[list[int]]) -> list[list[int]]:
        return [[sum(m[i][k] * n[k][j] for k in range(2)) for j in range(2)] for i in range(2)]

    def written(m: list[list[int]]) -> str:
        return r"\begin{pmatrix} " + r" \\ ".join(" & ".join(map(str, row)) for row in m) + r" \end{pmatrix}"

    return Item(f"Compute ${written(a)} {written(b)}$.", written(times(a, b)), written(times(b, a)))


def expanded(r: Random) -> Item:
    """A product of two binomials."""
    a, b, c, d = r.randint(1, 5), random_nonzero(r, 9), r.randint(1, 5), random_nonzero(r, 9)
    middle = a * d + b * c

    def polynomial(m: int) -> str:
        return (
            format_term(a * c, "x^2", first=True)
            + (format_term(m, "x") if m else "")
            + format_term(b * d, "")
        )

    question = f"Expand $({format_term(a, 'x', first=True)}{format_term(b, '')})({format_term(c, 'x', first=True)}{format_term(d, '')})$."
    return Item(question, polynomial(middle), polynomial(a * d - b * c))


def probability(r: Random) -> Item:
    """Two balls without putting back."""
    red, blue = r.randint(3, 9), r.randint(3, 9)
    total = red + blue
    right = Fraction(red * (red - 1), total * (total - 1))
    question = (
        f"A bag holds {red} red and {blue} blue balls. Two are drawn, one after the other, and not put back. "
        "What is the probability that both are red? Give a fraction in lowest terms."
    )
    return Item(question, to_latex(right), to_latex(Fraction(red * red, total * total)))


def speed(r: Random) -> Item:
    """Units: metres and seconds out of kilometres and hours."""
    kmh, seconds = r.choice((36, 54, 72, 90, 108)), r.randint(7, 40)
    question = f"A train runs at {kmh} km/h. How many metres does it cover in {seconds} seconds?"
    return Item(question, rf"{kmh * 1000 // 3600 * seconds} \text{{ m}}", rf"{kmh * seconds} \text{{ m}}")


def density(r: Random) -> Item:
    """Units: grams per cubic centimetre to kilograms per cubic metre, times a volume in litres."""
    tenths, litres = r.randint(7, 30), r.randint(2, 40)
    question = (
        f"A liquid has a density of {tenths / 10} g/cm³. How many kilograms do {litres} litres of it weigh?"
    )
    return Item(
        question,
        rf"{to_latex(Fraction(tenths * litres, 10))} \text{{ kg}}",
        rf"{tenths * litres} \text{{ kg}}",
    )


def geometric(r: Random) -> Item:
    """The sum of an endless geometric series."""
    first, denominator = r.randint(2, 12), r.randint(3, 9)
    numerator = r.choice([n for n in range(1, denominator) if gcd(n, denominator) == 1])
    ratio = Fraction(numerator, denominator)
    question = f"An endless geometric series starts with {first} and has the ratio ${to_latex(ratio)}$. What is its sum?"
    return Item(question, to_latex(first / (1 - ratio)), to_latex(first / (1 + ratio)))


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", linear),
    ("easy", roots),
    ("easy", speed),
    ("easy", expanded),
    ("medium", system),
    ("medium", surd),
    ("medium", density),
    ("medium", probability),
    ("hard", interval),
    ("hard", product),
    ("hard", geometric),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("algebra", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
