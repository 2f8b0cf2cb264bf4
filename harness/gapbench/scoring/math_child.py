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

MAX_MEMORY_BYTES = 2 * 2**30


def main() -> None:
    """Answer each line ``[target, answer]`` with ``{equal, target, answer}``: both as parsed, or null."""
    out = sys.stdout
    sys.stdout = sys.stderr  # output of a library must not be taken as an answer
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from math_verify import LatexExtractionConfig, parse, verify  # noqa: PLC0415 - after the limits

    def parse_text(text: str) -> list[object]:
        found: list[object] = parse(
            f"${text}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
            raise_on_error=False,
        )
        return found

    def write(value: object) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    write({})
    for line in sys.stdin:
        target, answer = json.loads(line)
        result: dict[str, object] = {"equal": False, "target": None, "answer": None}
        with contextlib.suppress(Exception, RecursionError, MemoryError):
            wanted, given = parse_text(target), parse_text(answer)
            result["target"] = str(wanted[0])[:200] if wanted else None
            result["answer"] = str(given[0])[:200] if given else None
            result["equal"] = bool(
                wanted and given and verify(wanted, given, timeout_seconds=None, raise_on_error=False)
            )
        write(result)


if __name__ == "__main__":
    main()
