"""Runs as a child process that reads whether texts are Python. It parses them and runs nothing.

A parser that reads a model's text can be made to crash, so it is not this process that parses.
"""

from __future__ import annotations

import ast
import json
import resource
import sys

MAX_MEMORY_BYTES = 512 * 2**20


def main() -> None:
    """Answer each line, a list of programs, with the error of the last one, or null if one of them can be parsed."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    write({})
    for line in sys.stdin:
        write(syntax_error(json.loads(line)))


def syntax_error(programs: list[str]) -> str | None:
    """Return why the last of ``programs`` is not Python, as the sandbox says it. None: one of them may be."""
    error = "no program"
    for text in programs:
        try:
            compile(text, "program", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError) as exc:
            error = f"{type(exc).__name__}: {exc}"
        except (RecursionError, MemoryError):
            return None
        else:
            return None
    return error[:300]


def write(value: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
