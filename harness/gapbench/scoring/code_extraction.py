"""Extracts Python programs from replies: whole programs, functions, or only a function's body."""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any

from gapbench.scoring.code_blocks import code_blocks

OTHER_LANGUAGES = frozenset(
    [
        "bash",
        "sh",
        "shell",
        "zsh",
        "fish",
        "console",
        "terminal",
        "cmd",
        "bat",
        "batch",
        "powershell",
        "ps1",
        "shell-session",
        "text",
        "txt",
        "plain",
        "plaintext",
        "output",
        "out",
        "log",
        "result",
        "results",
        "stdout",
        "json",
        "jsonc",
        "yaml",
        "yml",
        "toml",
        "ini",
        "xml",
        "html",
        "css",
        "csv",
        "tsv",
        "markdown",
        "md",
        "latex",
        "tex",
        "diff",
        "patch",
        "sql",
        "sqlite",
        "mermaid",
        "dockerfile",
        "makefile",
        "javascript",
        "js",
        "typescript",
        "ts",
        "jsx",
        "tsx",
        "java",
        "c",
        "cpp",
        "c++",
        "csharp",
        "cs",
        "c#",
        "go",
        "golang",
        "rust",
        "rs",
        "ruby",
        "rb",
        "php",
        "swift",
        "kotlin",
        "kt",
        "scala",
        "r",
        "julia",
        "jl",
        "lua",
        "perl",
        "haskell",
        "hs",
    ]
)
"""Languages of blocks that are not Python: commands, output, data and other programs."""
_DEFINITION = re.compile(r"^([ \t]*)(?:async\s+)?def\s+(\w+)", re.MULTILINE)
_STARTS_A_MODULE = re.compile(r"(?:import|from|def|async|class|@|#)")
_TOP_DEFINITION = re.compile(r"^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", re.MULTILINE)
_TOP_IMPORT = re.compile(r"^(?:import|from[ \t]+[\w.]+[ \t]+import)[ \t]+(\([^)]*\)|[^\n#;]*)", re.MULTILINE)
_TOP_ASSIGNMENT = re.compile(r"^(\w+(?:[ \t]*,[ \t]*\w+)*)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_FUTURE_IMPORT = re.compile(r"^from[ \t]+__future__[ \t]+import[^\n]*\n", re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_PROMPT = re.compile(r"[ \t]*(?:>>>|\.\.\.|In \[\d*\]:|   \.\.\.:)(?: |$)")
_FIRST_PROMPT = re.compile(r"^[ \t]*(?:>>>|In \[\d*\]:)(?: |$)", re.MULTILINE)
_STUB_LINE = re.compile(r"pass|\.\.\.|raise NotImplementedError.*|#.*")
_DOCSTRING = re.compile(r"(\"\"\"|''').*?\1", re.DOTALL)
_CODE_START = re.compile(
    r"[ \t]*(?:import\s+\w|from\s+[\w.]+\s+import\b|(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|@\w+)"
)
_CODE_LINE = re.compile(
    r"import\s+\w|from\s+[\w.]+\s+import\b|(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|@\w|#|[)\]}]"
    r"|\w[\w., \t]*(?:\[[^\]]*\][ \t]*)?(?::[^=\n]+)?(?:[-+*/|&]|//|\*\*)?=(?!=)"
    r"|(?:if|elif|for|while|with|except)\s.*:\s*(?:#.*)?$|(?:try|else|finally|except):|return\b"
)
_BODY_LINE = re.compile(r"^[ \t]*(?:return|yield)\b", re.MULTILINE)


def extract_program(reply: str, name: str, tests: str = "") -> tuple[str, bool]:
    """Return the program in ``reply`` and whether it was in a block of code.

    It is the last complete block that defines ``name``, or the names that ``tests`` use, together with the other
    blocks that define what it uses: imports, helper functions and constants. Without such a block it is the last
    Python block, else the last block of any language, else the whole reply.

    Args:
        reply: The reply.
        name: Name of the function under test; may be "".
        tests: Python that calls the functions under test, where ``name`` is "".
    """
    blocks = [block for block in code_blocks(reply) if block.text.strip()]
    python = [python_source(block.text) for block in blocks if block.language not in OTHER_LANGUAGES]
    if not python:
        python = [block.text for block in blocks if name and defines_name(block.text, name)]
    defined = {found for text in python for found in top_names(text)}
    wanted = [name] if name else sorted(set(_IDENTIFIER.findall(tests)) & defined)
    main = {at for at in (_last_complete(python, item) for item in wanted) if at is not None}
    if main:
        return join_blocks(python, sorted(main), wanted), True
    if python:
        bodies = [text for text in python if _BODY_LINE.search(text)]
        return (bodies or python)[-1], True
    return (blocks[-1].text, True) if blocks else (python_source(reply), False)


def _last_complete(blocks: list[str], name: str) -> int | None:
    """Return the last block that defines ``name`` with a body, else the last that defines it at all, or None."""
    defining = [at for at, text in enumerate(blocks) if defines_name(text, name)]
    complete = [at for at in defining if not is_stub(blocks[at], name)]
    found = complete or defining
    return found[-1] if found else None


def join_blocks(blocks: list[str], main: list[int], wanted: list[str]) -> str:
    """Return the main blocks, after the blocks that define what they use.

    A block that defines one of ``wanted`` again is another version of it and is left out.
    """
    texts = [textwrap.dedent(text) for text in blocks]
    chosen = set(main)
    others = {
        at: top_names(text)
        for at, text in enumerate(texts)
        if at not in chosen and not top_names(text) & set(wanted)
    }
    while True:
        known = {name for at in chosen for name in top_names(texts[at])}
        used = {name for at in chosen for name in _IDENTIFIER.findall(texts[at])} - known
        found = next(
            (at for at in sorted(others, reverse=True) if others[at] & used or "*" in others[at]), None
        )
        if found is None:
            break
        chosen.add(found)
        del others[found]
    ordered = [*(at for at in sorted(chosen) if at not in main), *main]
    if len(ordered) == 1:
        return texts[ordered[0]]
    program = "\n\n".join(texts[at].strip("\n") for at in ordered) + "\n"
    future = _FUTURE_IMPORT.findall(program)
    return "".join(future) + _FUTURE_IMPORT.sub("", program) if future else program


def top_names(code: str) -> set[str]:
    """Return the names that ``code`` defines or imports at the start of its lines; "*" for an import of everything."""
    code = textwrap.dedent(code)
    names = set(_TOP_DEFINITION.findall(code))
    for imported in _TOP_IMPORT.findall(code):
        parts = [part.split() for part in imported.strip("()").split(",")]
        names.update(words[-1].split(".")[0] for words in parts if words)
    for targets in _TOP_ASSIGNMENT.findall(code):
        names.update(_IDENTIFIER.findall(targets))
    return names


def is_stub(code: str, name: str) -> bool:
    """Return whether the last definition of ``name`` in ``code`` has no statement but ``pass`` or ``...``."""
    starts = list(re.finditer(rf"^([ \t]*)(?:async\s+)?def\s+{re.escape(name)}\b", code, re.MULTILINE))
    if not starts:
        return False
    first, _, body = code[starts[-1].start() :].partition("\n")
    if not re.search(r":[ \t]*(?:#.*)?$", first):
        return bool(re.search(r":[ \t]*(?:pass|\.\.\.)[ \t]*(?:#.*)?$", first))
    body = _DOCSTRING.sub("", body, count=1) if body.lstrip().startswith(('"""', "'''")) else body
    indent = len(starts[-1].group(1).expandtabs(4))
    for line in filter(str.strip, body.expandtabs(4).splitlines()):
        if len(line) - len(line.lstrip()) <= indent:
            break
        if not _STUB_LINE.fullmatch(line.strip()):
            return False
    return True


def python_source(text: str) -> str:
    """Return the statements of a Python console that defines something, without prompts and output; else ``text``."""
    if not _FIRST_PROMPT.search(text):
        return text
    typed = [line[prompt.end() :] for line in text.splitlines() if (prompt := _PROMPT.match(line))]
    printed = "\n".join(line for line in text.splitlines() if not _PROMPT.match(line))
    source = "\n".join(typed) + "\n"
    return source if top_names(source) and not _DEFINITION.search(printed) else text


def code_in_prose(reply: str) -> list[str]:
    """Return the program in a reply without blocks, from its first line of code to its last, or nothing."""
    lines = reply.splitlines()
    start = next((at for at, line in enumerate(lines) if _CODE_START.match(line)), None)
    if start is None:
        return []
    indent = len(lines[start]) - len(lines[start].lstrip())
    kept: list[str] = []
    docstring = ""
    for line in lines[start:]:
        inner = line[indent:] if not line[:indent].strip() else line
        is_code = not inner.strip() or inner[0] in " \t" or _CODE_LINE.match(inner) or docstring
        if is_code and inner.strip() not in {"```", "~~~"}:
            kept.append(inner)
        for mark in ('"""', "'''"):
            if inner.count(mark) % 2 and docstring in {"", mark}:
                docstring = "" if docstring else mark
    return ["\n".join(kept) + "\n"]


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
