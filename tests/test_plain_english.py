"""Documents, help texts and messages are plain English: no phrase of plain_english.txt."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gapbench.cli import bench

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
    if path.exists()
]
ALLOWED: dict[tuple[str, str], str] = {
    ("docs/reference/built-in.md", "beside"): "one task's subject: one shape beside another",
    ("docs/reference/built-in.md", "stands"): "a task's description, which is part of the task's hash",
}
"""(file or command, the phrase as found, in lower case): why it may stay."""
NOT_MESSAGES = {
    "harness/gapbench/execution/llm_judging.py": "instructions to judge models; their hash is stored with each grade",
    "harness/gapbench/scoring/choices/words.py": "phrases that replies use",
    "harness/gapbench/scoring/numbers/last_line.py": "phrases that replies use",
}
"""Files whose texts are not for users, with the reason."""

_NOT_PROSE = re.compile(
    r"^```.*?^```"  # code blocks
    r"|`[^`\n]*`"  # code spans
    r"|\]\([^)]*\)"  # targets of links
    r"|<!--.*?-->"
    r"|\"[^\"\n]{0,200}\"",  # quoted examples: prompts, titles, sources
    re.DOTALL | re.MULTILINE,
)


def patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return each pattern with its plain alternative."""
    lines = (ROOT / "tests" / "plain_english.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("  =>  ") for line in lines if line and not line.startswith("#")]
    return [(re.compile(regex, re.IGNORECASE), plain) for regex, plain in pairs]


def faults(name: str, text: str) -> list[str]:
    """Return one line for each phrase found, with file, line, phrase and alternative."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", "·", match[0])

    prose = _NOT_PROSE.sub(blank, text)
    return [
        f"{name}:{prose.count(chr(10), 0, match.start()) + 1}: {match[0]!r}; write: {plain}"
        for pattern, plain in patterns()
        for match in pattern.finditer(prose)
        if (name, match[0].lower()) not in ALLOWED
    ]


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Return the name and the help page of a command and of all below it."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, click.Context(child, info_name=name, parent=context))


def messages(source: str) -> Iterator[str]:
    """Yield the texts of a module that are sentences: no docstrings, and placeholders for what f-strings insert."""
    tree = ast.parse(source)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(child) for child in ast.walk(node)}
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value if node.value.count(" ") > 1 else ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_plain_english(document: Path) -> None:
    """No phrase that a native reader has to decode."""
    found = faults(str(document.relative_to(ROOT)), document.read_text(encoding="utf-8"))

    assert found == [], "\n".join(
        ["", *found, "See tests/plain_english.txt; ALLOWED takes exceptions with a reason."]
    )


def test_messages_are_plain_english() -> None:
    """Errors, notes and labels in the code."""
    modules = [path for root in ("harness", "runners") for path in sorted((ROOT / root).rglob("*.py"))]
    names = {str(path.relative_to(ROOT)): path for path in modules}
    found = [
        fault
        for name, path in names.items()
        if name not in NOT_MESSAGES
        for fault in faults(name, "\n".join(messages(path.read_text(encoding="utf-8"))))
    ]

    assert found == [], "\n".join(
        ["", *found, "See tests/plain_english.txt; ALLOWED takes exceptions with a reason."]
    )


def test_the_help_texts_are_plain_english() -> None:
    """Of every command and every option."""
    pages = commands(
        # With the command's own settings: click keeps the help option that it makes first.
        bench,
        click.Context(
            bench,
            info_name="bench",
            **{**bench.context_settings, "terminal_width": 10_000, "max_content_width": 10_000},
        ),
    )
    found = [fault for name, text in pages for fault in faults(name, text)]

    assert found == [], "\n".join(
        ["", *found, "See tests/plain_english.txt; ALLOWED takes exceptions with a reason."]
    )


@pytest.mark.parametrize(
    ("text", "is_fault"),
    [
        ("a metric line that is none no longer ends a run", True),
        ("one row of usage, provider or none", False),
        ("What could not be checked is no pass.", True),
        ("there is no pass mark", False),
        ("It is no longer sent.", False),
        ("The file is stored beside the suite.", True),
        ("besides, `beside` is a word", False),
        ("Hold a run against a baseline", True),
        ("The lock is held for a second.", False),
        ("A YAML of your own", True),
        ("of your tasks", False),
    ],
)
def test_the_patterns_are_precise(text: str, *, is_fault: bool) -> None:
    """They find what they are for, and little else."""
    assert is_fault == bool(faults("text", text))
