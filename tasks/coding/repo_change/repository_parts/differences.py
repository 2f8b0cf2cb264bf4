"""What two states of a repository differ in: unified diffs, and the functions that changed."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping


def repository_diff(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return the unified diff of two repositories."""
    parts: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        lines = [files.get(path, "").splitlines(keepends=True) for files in (old, new)]
        heads = [
            f"{letter}/{path}" if path in files else "/dev/null" for letter, files in (("a", old), ("b", new))
        ]
        parts += [
            line if line.endswith("\n") else line + "\n" for line in difflib.unified_diff(*lines, *heads)
        ]
    return "".join(parts)


def function_texts(text: str) -> dict[str, str]:
    """Return the functions of a module with their texts, methods as ``Class.method``."""
    lines = text.splitlines()
    return {
        name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for name, node in named_functions(ast.parse(text))
    }


def named_functions(node: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions below a node with their names; a function inside a function belongs to that one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield outer + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from named_functions(child, f"{outer}{child.name}.")


def touched_functions(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, by path, the functions that a change adds or alters."""
    found = {}
    for path, text in new.items():
        if path.endswith(".py") and text != old.get(path):
            before, after = function_texts(old.get(path, "")), function_texts(text)
            found[path] = sorted(name for name in after if after[name] != before.get(name))
    return found
