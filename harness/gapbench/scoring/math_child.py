"""Runs as a child process of the scorer ``math`` and compares two LaTeX or plain expressions per line.

math-verify parses with a grammar (latex2sympy2_extended) and compares with sympy. Its second parser, which
passes the text to Python's ``eval``, is not used, because a model wrote the text.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import sys
from typing import Any

MAX_MEMORY_BYTES = 2 * 2**30

MIN_ROUNDED = 1e-3
"""math-verify rounds to six decimals, so numbers below this would be equal for being small."""
EXACT_DIGITS = 60


def main() -> None:
    """Answer each line ``[targets, answers]`` with ``{equal, target, answer}``: both as parsed, or null.

    Each side is one expression in several forms, of which the first that can be parsed counts. Two expressions are
    equal if math-verify accepts them, unless they are equal only because they are small.
    """
    out = sys.stdout
    sys.stdout = sys.stderr  # output of a library must not be taken as an answer
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from math_verify import LatexExtractionConfig, parse, verify  # noqa: PLC0415 - after the limits

    def parse_text(text: str) -> list[Any]:
        found: list[Any] = parse(
            f"${text}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
            raise_on_error=False,
        )
        return found

    def parse_first(forms: list[str]) -> list[Any]:
        return next((found for found in map(parse_text, forms) if found), [])

    def is_equal(wanted: Any, given: Any) -> bool:
        return bool(
            verify(wanted, given, allow_set_relation_comp=True, timeout_seconds=None, raise_on_error=False)
        ) and is_equal_beyond_rounding(wanted, given)

    def write(value: object) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    write({})
    for line in sys.stdin:
        targets, answers = json.loads(line)
        result: dict[str, object] = {"equal": False, "target": None, "answer": None}
        with contextlib.suppress(Exception, RecursionError, MemoryError):
            wanted, given = parse_first(targets), parse_first(answers)
            result["target"] = str(wanted[0])[:200] if wanted else None
            result["answer"] = str(given[0])[:200] if given else None
            result["equal"] = any(is_equal(a, b) for a in wanted for b in given)
        write(result)


def is_equal_beyond_rounding(wanted: Any, given: Any) -> bool:
    """Return whether two expressions that math-verify takes for equal are so without its rounding to six decimals.

    Expressions without small numbers are: there, six decimals are at least three significant digits.
    """
    from sympy import Basic, N, simplify  # noqa: PLC0415 - after the limits

    if not (isinstance(wanted, Basic) and isinstance(given, Basic)) or wanted == given:
        return True
    if getattr(wanted, "is_number", False) and getattr(given, "is_number", False):
        a, b = N(wanted, EXACT_DIGITS), N(given, EXACT_DIGITS)
        size = min(abs(a), abs(b))
        return bool(size >= MIN_ROUNDED or abs(a - b) <= 1e-6 * abs(a))
    numbers = [abs(N(number)) for side in (wanted, given) for number in leaf_numbers(side)]
    if all(number >= MIN_ROUNDED for number in numbers if number != 0):
        return True
    with contextlib.suppress(Exception):
        return bool(simplify(wanted - given) == 0)
    return False


def leaf_numbers(expression: Any) -> list[Any]:
    """Return the largest parts of an expression that are numbers."""
    if getattr(expression, "is_number", False):
        return [expression]
    return [number for part in expression.args for number in leaf_numbers(part)]


if __name__ == "__main__":
    main()
