r"""Algebra with exact answers: linear systems with fractions as solutions, and chains of steps on a polynomial.

The measure is the number of additions and multiplications that the usual way takes: elimination for a system of n unknowns,
coefficient by coefficient for a polynomial. Items of one rung are of either kind and need about as many. GSM-Infinite
(arXiv 2502.05252) has accuracy by operations for published models, on word problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random

from gapbench.ladder import Item, Ladder, Rung

UNKNOWNS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20)
MODULUS = 101
MOST_DEGREE = 5
LARGE_PRIME = (1 << 31) - 1
Polynomial = list[int]
"""Coefficients modulo ``MODULUS``, the constant first; the last is not 0."""


def elimination_operations(n: int) -> int:
    """Return the additions and multiplications of Gaussian elimination and back substitution with n unknowns."""
    forward = sum(k * (2 * (k + 1) + 1) for k in range(1, n))
    return forward + sum(2 * k + 1 for k in range(n)) + n


def to_latex(value: Fraction) -> str:
    """Return a number as LaTeX."""
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def format_sum(terms: Sequence[tuple[int, str]]) -> str:
    """Return a sum such as ``3x_1 - x_2`` from factors and names; terms with 0 are left out."""
    text = ""
    for factor, name in terms:
        if factor == 0:
            continue
        size = "" if abs(factor) == 1 and name else str(abs(factor))
        sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
        text += sign + size + name
    return text or "0"


def format_polynomial(p: Polynomial) -> str:
    """Return a polynomial with the highest power first."""
    names = ["", "x", *(f"x^{k}" for k in range(2, len(p)))]
    return format_sum([(factor, names[k]) for k, factor in reversed(list(enumerate(p)))])


def random_nonzero(r: Random, most: int) -> int:
    """Return a whole number from -most to most that is not 0."""
    return r.choice((-1, 1)) * r.randint(1, most)


def is_regular(rows: Sequence[Sequence[int]]) -> bool:
    """Say whether a matrix has an inverse modulo a large prime, so that it has one in the fractions too."""
    left = [list(row) for row in rows]
    for k in range(len(left)):
        pivot = next((row for row in left[k:] if row[k] % LARGE_PRIME), None)
        if pivot is None:
            return False
        left.remove(pivot)
        left.insert(k, pivot)
        inverse = pow(pivot[k], -1, LARGE_PRIME)
        for row in left[k + 1 :]:
            factor = row[k] * inverse % LARGE_PRIME
            if factor:
                row[k:] = [(a - factor * b) % LARGE_PRIME for a, b in zip(row[k:], pivot[k:], strict=True)]
    return True


def draw_system(r: Random, n: int) -> Item:
    """Return a system with one solution, all of whose values have one denominator; a weighted sum of them is asked."""
    q = r.randint(2, 7)
    tops = [random_nonzero(r, 60 if n == 1 else 20) for _ in range(n)]
    names = ["x"] if n == 1 else [f"x_{{{k}}}" for k in range(1, n + 1)]
    while True:
        rows = [[r.randint(-9, 9) for _ in range(n)] for _ in range(n)]
        if all(any(row) for row in rows) and is_regular(rows):
            break
    lines = []
    for row in rows:
        right = sum(a * top for a, top in zip(row, tops, strict=True))
        scale = 1 if right % q == 0 else q
        left = format_sum([(a * scale, name) for a, name in zip(row, names, strict=True)])
        lines.append(f"${left} = {right * scale // q}$")
    weights = [1] if n == 1 else [random_nonzero(r, 9) for _ in range(n)]
    total = sum(w * top for w, top in zip(weights, tops, strict=True))
    wrong = total - 2 * weights[-1] * tops[-1]
    asked = format_sum(list(zip(weights, names, strict=True)))
    question = (
        f"The {'equation has' if n == 1 else 'equations have'} exactly one solution.\n"
        + "\n".join(lines)
        + f"\n\nWhat is the exact value of ${asked}$?"
    )
    steps = [f"${name} = {to_latex(Fraction(top, q))}$" for name, top in zip(names, tops, strict=True)]
    return Item(question, to_latex(Fraction(total, q)), to_latex(Fraction(wrong, q)), "\n".join(steps))


def trim(p: Polynomial) -> Polynomial:
    """Return a polynomial with coefficients from 0 and without leading zeros."""
    p = [factor % MODULUS for factor in p]
    while p and p[-1] == 0:
        p.pop()
    return p


def multiply(p: Polynomial, q: Polynomial) -> Polynomial:
    """Return the product."""
    product = [0] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            product[i + j] += a * b
    return trim(product)


def remainder(p: Polynomial, by: Polynomial) -> Polynomial:
    """Return the remainder on division by a polynomial that begins with 1."""
    left = list(p)
    while len(left) >= len(by):
        factor, shift = left[-1], len(left) - len(by)
        for k, b in enumerate(by):
            left[shift + k] -= factor * b
        left.pop()
    return trim(left)


def value_at(p: Polynomial, x: int) -> int:
    """Return the value (Horner)."""
    value = 0
    for factor in reversed(p):
        value = (value * x + factor) % MODULUS
    return value


def shift_by(p: Polynomial, c: int) -> Polynomial:
    """Return p(x + c)."""
    shifted: Polynomial = []
    for factor in reversed(p):
        shifted = trim([a + b for a, b in zip([0, *shifted], [c * a for a in shifted] + [0], strict=True)])
        shifted = trim([factor, *shifted[1:]] if not shifted else [shifted[0] + factor, *shifted[1:]])
    return shifted


def draw_step(r: Random, p: Polynomial) -> tuple[str, Polynomial, int]:
    """Return a step in words, the polynomial after it, and its operations."""
    degree = len(p) - 1
    kinds = ["times", "plus", "shift"] + ["square"] * (degree <= 2) + ["derivative"] * (degree >= 3)
    kind = "remainder" if degree >= MOST_DEGREE else r.choice(kinds)
    if kind == "remainder":
        by = [r.randrange(MODULUS) for _ in range(r.randint(2, 3))] + [1]
        said = f"the remainder of $p(x)$ on division by ${format_polynomial(by)}$"
        return said, remainder(p, by), 2 * (degree - len(by) + 2) * (len(by) - 1)
    if kind == "times":
        q = [r.randint(1, 20) for _ in range(r.randint(2, 3))]
        return f"$p(x) \\cdot ({format_polynomial(q)})$", multiply(p, q), 2 * len(p) * len(q)
    if kind == "plus":
        q = [r.randrange(MODULUS) for _ in range(r.randint(2, 3))] + [r.randint(1, MODULUS - 1)]
        both = [a + b for a, b in zip(p + [0] * 4, q + [0] * len(p), strict=False)]
        return f"$p(x) + {format_polynomial(q)}$", trim(both), len(q)
    if kind == "shift":
        c = r.randint(1, 20)
        return f"$p(x + {c})$", shift_by(p, c), degree * (degree + 1)
    if kind == "square":
        return "$p(x)^2$", multiply(p, p), 2 * len(p) ** 2
    return "its derivative $p'(x)$", trim([k * a for k, a in enumerate(p)][1:]), degree


def draw_chain(r: Random, operations: int) -> Item:
    """Return steps on a polynomial that take about so many operations, and the question for a value."""
    # Without a step, the value stays below the modulus.
    largest = 9 if operations <= 2 else 30
    p = [r.randint(1, largest) for _ in range(2)]
    before, first, x, done = p, p, r.randint(2, largest), 2
    said: list[str] = []
    steps: list[str] = []
    while done < operations:
        text, after, needed = draw_step(r, p)
        if len(after) < 2:
            continue
        before, p, done = p, after, done + needed
        said.append(f"{len(said) + 1}. Replace $p(x)$ by {text}.")
        steps.append(f"{len(said)}. ${format_polynomial(p)}$")
    told = "Then, one step after the other:\n" + "\n".join(said) + "\n\n" if said else ""
    question = (
        f"All numbers here are whole numbers modulo {MODULUS}, written as 0 to {MODULUS - 1}. Begin with $p(x) = {format_polynomial(first)}$.\n"
        f"{told}What is $p({x})$ in the end, as a number from 0 to {MODULUS - 1}?"
    )
    answer = value_at(p, x)
    slip = value_at(before, x)
    steps.append(f"$p({x}) = {answer}$")
    return Item(
        question, str(answer), str(slip if slip != answer else (answer + 1) % MODULUS), "\n".join(steps)
    )


def draw(r: Random, rung: Rung) -> Item:
    """Return an item of either kind."""
    if r.random() < 0.5:
        return draw_system(r, rung.settings["unknowns"])
    return draw_chain(r, rung.settings["operations"])


LADDER = Ladder(
    name="reasoning/algebra",
    measure="additions and multiplications",
    rungs=[
        Rung(elimination_operations(n), {"unknowns": n, "operations": elimination_operations(n)})
        for n in UNKNOWNS
    ],
    draw=draw,
)
