"""From a reply to the Python programs that it may mean."""

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
    """Return the program in ``reply`` and whether it stood in a fence.

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
    """Say whether ``code`` has a definition of ``name`` that begins a line."""
    if not name:
        return bool(re.search(r"^\s*(?:async\s+def|def|class)\s", code, re.MULTILINE))
    name = re.escape(name)
    return bool(
        re.search(
            rf"^[ \t]*(?:(?:async\s+)?def|class)\s+{name}\b|^{name}\s*(?::[^=\n]*)?=", code, re.MULTILINE
        )
    )


def unfinished_function(prelude: str, entry_point: str) -> tuple[str, str]:
    """Return name and indentation of the function that ``prelude`` leaves unfinished: its last one."""
    last = None
    for match in _DEFINITION.finditer(prelude):
        last = match
    return (last[2], last[1]) if last else (entry_point, "")


def candidate_programs(code: str, prelude: str, entry_point: str, suffix: str = "") -> tuple[str, ...]:
    """Return the programs that ``code`` may mean, likeliest first; the first that compiles is run.

    Args:
        code: A whole program, a whole function, or only its body, at any indentation.
        prelude: What comes before it, down to the signature and docstring that the body belongs to; "": nothing.
        entry_point: Name of the function under test.
        suffix: What comes after the function.
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
        # A body that lost its first indentation, or all of it.
        return (first_only, indented, as_it_is)
    return (as_it_is, indented, first_only, f"{prelude}{code}{after}")


def column_text(value: Any) -> str:
    """Return a cell as program text: a list (or the JSON of one) is its lines, anything but text is ""."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return value
        value = found if isinstance(found, list) else value
    if isinstance(value, (list, tuple)):
        return "\n".join(str(line) for line in value)
    return value if isinstance(value, str) else ""
