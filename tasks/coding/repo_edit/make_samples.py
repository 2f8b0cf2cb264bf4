"""Writes samples.jsonl from the issues: ``python make_samples.py``; the same bytes every time.

Expected values come from the repository with the solution. Each issue is checked while it is written: at least eight
expressions, some of which fail before the change, and one of which fails after the plausible edit that falls short.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from issue import Edit, Issue
from issues import ISSUES
from repositories import MODULES, REPOSITORIES

from tasks.coding.cases import CLOSE_SOURCE, PLAY_SOURCE, RAISED_SOURCE, evaluate_expression, make_assertion

HERE = Path(__file__).parent


def apply_edits(files: Mapping[str, str], edits: Iterable[Edit]) -> dict[str, str]:
    """Return the files after edits."""
    found = dict(files)
    for path, old, new in edits:
        if old == "":
            found[path] = new
            continue
        if found[path].count(old) != 1:
            raise SystemExit(f"{old!r} is {found[path].count(old)} times in {path}")
        found[path] = found[path].replace(old, new)
    return found


def evaluate_cases(
    files: Mapping[str, str], modules: Mapping[str, str], cases: Iterable[str]
) -> list[tuple[str, Any]]:
    """Return what each expression gives in a repository; one whose import fails gives its error everywhere."""
    before = set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        try:
            space: dict[str, Any] = {short: importlib.import_module(name) for short, name in modules.items()}
            exec(PLAY_SOURCE, space)  # noqa: S102 - this package's own text
            return [evaluate_expression(space, case) for case in cases]
        finally:
            sys.path.remove(folder)
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in {module.partition(".")[0] for module in modules.values()}:
                    del sys.modules[name]


def repository_diff(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return the unified diff of two repositories."""
    parts = []
    for path in sorted(old.keys() | new.keys()):
        lines = [files.get(path, "").splitlines(keepends=True) for files in (old, new)]
        heads = [
            f"{letter}/{path}" if path in files else "/dev/null" for letter, files in (("a", old), ("b", new))
        ]
        parts += difflib.unified_diff(*lines, *heads)
    return "".join(parts)


def function_texts(text: str) -> dict[str, str]:
    """Return the functions of a module with their normalised text."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.unparse(node) for node in nodes}


def touched_functions(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, by path, the functions that a change adds or alters."""
    found = {}
    for path, text in new.items():
        if path.endswith(".py") and text != old.get(path):
            before, after = function_texts(old.get(path, "")), function_texts(text)
            found[path] = sorted(name for name in after if after[name] != before.get(name))
    return found


def make_check_function(
    modules: Mapping[str, str], cases: Iterable[str], wanted: Iterable[tuple[str, Any]]
) -> str:
    """Return the hidden tests."""
    lines = [f"    {short} = repository.load({name!r})" for short, name in modules.items()]
    lines += [f"    {make_assertion(found, case)}" for case, found in zip(cases, wanted, strict=True)]
    text = "def check(repository):\n" + "\n".join(lines) + "\n"
    helpers = [
        source
        for word, source in (("play(", PLAY_SOURCE), ("raised(", RAISED_SOURCE), ("close(", CLOSE_SOURCE))
        if word in text
    ]
    return "".join(helpers) + text


def row(number: int, issue: Issue) -> dict[str, Any]:
    """Return one line of samples.jsonl."""
    files, modules = REPOSITORIES[issue.repository], MODULES[issue.repository]
    right, wrong = apply_edits(files, issue.edits), apply_edits(files, issue.slip)
    wanted = evaluate_cases(right, modules, issue.cases)
    before = [a != b for a, b in zip(evaluate_cases(files, modules, issue.cases), wanted, strict=True)]
    misses = [a != b for a, b in zip(evaluate_cases(wrong, modules, issue.cases), wanted, strict=True)]
    if len(issue.cases) < 8 or not any(before) or not any(misses):
        raise SystemExit(
            f"issue {number}: {len(issue.cases)} cases, differ before {before}, after the slip {misses}"
        )
    listing = "\n\n".join(
        f"{path}\n```{'python' if path.endswith('.py') else ''}\n{text}```"
        for path, text in files.items()
        if text
    )
    return {
        "id": f"repo-{number:03}",
        "tier": issue.tier,
        "family": issue.repository,
        "question": issue.text,
        "listing": listing,
        "files": files,
        "test": make_check_function(modules, issue.cases, wanted),
        "solution": {path: text for path, text in right.items() if text != files.get(path)},
        "touched": touched_functions(files, right),
        "patch": repository_diff(files, right),
        "decoy": repository_diff(files, wrong),
    }


def render() -> str:
    """Return the whole file."""
    rows = [row(number, issue) for number, issue in enumerate(ISSUES, 1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows)


def main() -> None:
    """Write the file."""
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} problems")


if __name__ == "__main__":
    main()
