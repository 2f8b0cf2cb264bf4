"""Run as a child of the scorer ``math``: says whether two LaTeX or plain expressions are equal, line by line.

math-verify parses with a grammar (latex2sympy2_extended) and compares with sympy. Its second parser, which
hands the text to Python's ``eval``, is not used: what is compared was written by a model.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import sys

MAX_MEMORY_BYTES = 2 * 2**30


def main() -> None:
    """Answer ``[gold, said]`` with ``{equal, gold, said}``: the two as they were read, null where they were not."""
    out = sys.stdout
    sys.stdout = sys.stderr  # a library's words are no answer
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from math_verify import LatexExtractionConfig, parse, verify  # noqa: PLC0415 - after the limits

    def read(text: str) -> list[object]:
        found: list[object] = parse(
            f"${text}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
            raise_on_error=False,
        )
        return found

    def say(value: object) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    say({})
    for line in sys.stdin:
        gold, said = json.loads(line)
        answer: dict[str, object] = {"equal": False, "gold": None, "said": None}
        with contextlib.suppress(Exception, RecursionError, MemoryError):
            wanted, given = read(gold), read(said)
            answer["gold"] = str(wanted[0])[:200] if wanted else None
            answer["said"] = str(given[0])[:200] if given else None
            answer["equal"] = bool(
                wanted and given and verify(wanted, given, timeout_seconds=None, raise_on_error=False)
            )
        say(answer)


if __name__ == "__main__":
    main()
