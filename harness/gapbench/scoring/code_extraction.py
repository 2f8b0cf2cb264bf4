"""Extracts Python programs from replies: whole programs, functions, or only a function's body."""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any

from gapbench.scoring.answer_extraction import fenced_blocks

PYTHON_LANGUAGES = {"python", "py", "python3", "py3", "pycon", ""}
_DEFINITION = re.compile(r"^([ \t]*)(?:async\s+)?def\s+(\w+)", re.MULTILINE)
_STARTS_A_MODULE = re.compile(r"(?:import|from|def|async|class|@|#)")


def extract_program(reply: str, name: str) -> tuple[str, bool]:
    """Return the program in ``reply`` and whether it was in a fence.

    It is the last fenced block that defines ``name``, else the last Python block, else the last block of
    any language, else the whole reply.
    """
    blocks = [(language, text) for language, text in fenced_blocks(reply) if text.strip()]
    python = [text for language, text in blocks if language in PYTHON_LANGUAGES]
    for text in reversed(python):
        if defines_name(text, name):
            return textwrap.dedent(text), True
    if python:
        return python[-1], True
    return (blocks[-1][1], True) if blocks else (reply, False)


def defines_name(code: str, name: str) -> bool:
    """Return whether ``code`` has a definition of ``name`` at the start of a line; any definition if ``name`` is ""."""
    if not name:
        return bool(re.search(r"^\s*(?:async\s+def|def|class)\s", code, re.MULTILINE))
    name = re.escape(name)
    return bool(
        re.search(
            rf"^[ \t]*(?:(?:async\s+)?def|class)\s+{name}\b|^{name}\s*(?::[^=\n]*)?=", code, re.MULTILINE
        )
    )


def unfinished_function(prelude: str, entry_point: str) -> tuple[str, str]:
    """Return name and indentation of the last function of ``prelude``, which the reply is to complete."""
    last = None
    for match in _DEFINITION.finditer(prelude):
        last = match
    return (last[2], last[1]) if last else (entry_point, "")


def candidate_programs(code: str, prelude: str, entry_point: str, suffix: str = "") -> tuple[str, ...]:
    """Return the programs that ``code`` may stand for, the likeliest first; the first that compiles is run.

    Args:
        code: A whole program, a whole function, or only its body, at any indentation.
        prelude: Code before it, which ends with the signature and docstring of the body; may be "".
        entry_point: Name of the function under test.
        suffix: Code after the function; may be "".
    """
    if not prelude:
        return (f"{code}\n\n{suffix}" if suffix else code,)
    name, indent = unfinished_function(prelude, entry_point) if suffix else (entry_point, "")
    inner = indent + "    "
    after = f"\n\n{suffix}" if suffix else ""
    if defines_name(code, name):
        flat = textwrap.dedent(code)
        if indent and not re.search(rf"^(?:async\s+)?def\s+{re.escape(name)}\b", flat, re.MULTILINE):
            # The class around the function, or the whole file.
            is_all = all(
                defines_name(flat, match[2]) for match in _DEFINITION.finditer(suffix) if not match[1]
            )
            return (flat, f"{flat}{after}") if is_all else (f"{flat}{after}", flat)
        whole = textwrap.indent(flat, indent)
        joined = (f"{prelude}\n{inner}pass\n\n{whole}{after}", f"{prelude}\n\n{whole}{after}")
        # A whole file, or a function whose first line must be the file's first (from __future__).
        return (*joined, f"{code}{after}", code)
    joint = "" if prelude.endswith("\n") else "\n"
    as_it_is = f"{prelude}{joint}{code}{after}"
    flush = code.lstrip("\n")
    first_only = f"{prelude}{joint}{inner}{flush}{after}"
    indented = f"{prelude}{joint}{textwrap.indent(textwrap.dedent(code), inner)}{after}"
    if flush[:1] not in {" ", "\t", ""} and not _STARTS_A_MODULE.match(flush):
        # A body without its first indentation, or without any.
        return (first_only, indented, as_it_is)
    return (as_it_is, indented, first_only, f"{prelude}{code}{after}")


def column_text(value: Any) -> str:
    """Return a cell as program text: the lines of a list (or of a JSON list), a text, or "" for anything else."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return value
        value = found if isinstance(found, list) else value
    if isinstance(value, (list, tuple)):
        return "\n".join(str(line) for line in value)
    return value if isinstance(value, str) else ""
