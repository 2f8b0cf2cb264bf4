"""Parses unified diffs, and applies edits to a small repository that is imported inside the sandbox."""

# ruff: noqa: PTH103, PTH118, PTH120, PTH123 - pathlib would be a tenth of the whole start

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

HUNK_HEADER = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@", re.ASCII)
NO_FILE = "/dev/null"
REPOSITORY_FOLDER = "/tmp/repo"  # noqa: S108 - the private one


class EditError(ValueError):
    """An edit does not match the files."""


class Hunk(NamedTuple):
    """One place of a change.

    Attributes:
        start: Line number of the old text according to the diff, from 1.
        old_lines: Lines before the change, with context.
        new_lines: Lines after the change, with context.
    """

    start: int
    old_lines: list[str]
    new_lines: list[str]


class Change(NamedTuple):
    """A change of one file.

    Attributes:
        old_path: Path before. None: the file is new.
        new_path: Path after. None: the file is deleted.
        text: The whole new text. None: ``hunks`` has the changes.
        hunks: Changes in place.
    """

    old_path: str | None
    new_path: str | None
    text: str | None
    hunks: tuple[Hunk, ...] = ()


def apply_changes(files: Mapping[str, str], changes: Sequence[Change]) -> dict[str, str]:
    """Return the files after the changes.

    Raises:
        EditError: A path is outside the repository, a file is missing, or a hunk matches nowhere.
    """
    result = dict(files)
    for change in changes:
        old, new = normalize_path(change.old_path, result), normalize_path(change.new_path, result)
        if change.text is not None:
            assert new is not None, "a whole file has a path"
            result[new] = change.text
            continue
        if old is None:
            text = ""
        elif old in result:
            text = result.pop(old)
        else:
            raise EditError(f"there is no file {old!r}")
        if new is not None:
            result[new] = apply_hunks(text, change.hunks, new)
    return result


def normalize_path(path: str | None, files: Mapping[str, str]) -> str | None:
    """Return a diff's path as in the repository: without a/ or b/. Raises :class:`EditError` for one outside."""
    if path is None:
        return None
    if path not in files and path[:2] in {"a/", "b/"}:
        path = path[2:]
    path = path.removeprefix("./")
    if path.startswith("/") or "\0" in path or ".." in path.split("/") or not path:
        raise EditError(f"path {path!r} is outside the repository")
    return path


def apply_hunks(text: str, hunks: Sequence[Hunk], path: str) -> str:
    """Return ``text`` with hunks applied, each where its old lines match, closest to its line number."""
    lines = text.split("\n")
    shift = 0
    for number, hunk in enumerate(hunks, 1):
        at = find_hunk_position(lines, hunk, shift)
        if at is None:
            raise EditError(f"hunk {number} of {path} does not fit")
        lines[at : at + len(hunk.old_lines)] = hunk.new_lines
        shift += len(hunk.new_lines) - len(hunk.old_lines)
    return "\n".join(lines)


def find_hunk_position(lines: Sequence[str], hunk: Hunk, shift: int) -> int | None:
    """Return the index of the old lines closest to the hunk's line number; ignores white space at line ends."""
    size = len(hunk.old_lines)
    expected = max(0, hunk.start - 1 + shift)
    if not size:
        return min(expected + 1, len(lines)) if hunk.start else 0
    wanted = [line.rstrip() for line in hunk.old_lines]
    fits = [
        at
        for at in range(len(lines) - size + 1)
        if [line.rstrip() for line in lines[at : at + size]] == wanted
    ]
    return min(fits, key=lambda at: abs(at - expected), default=None)


def parse_diff(text: str) -> list[Change]:
    """Return the changes of a unified diff; other lines are skipped."""
    changes: list[Change] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines) - 1:
        if lines[at].startswith("--- ") and lines[at + 1].startswith("+++ "):
            old, new = _parse_path(lines[at]), _parse_path(lines[at + 1])
            hunks, at = _parse_hunks(lines, at + 2)
            changes.append(Change(old, new, None, tuple(hunks)))
        else:
            at += 1
    return changes


def _parse_hunks(lines: Sequence[str], at: int) -> tuple[list[Hunk], int]:
    """Return the hunks from a line on, and the index after them; counts in the headers are ignored."""
    hunks: list[Hunk] = []
    while at < len(lines):
        head = HUNK_HEADER.match(lines[at])
        if not head and lines[at] != "@@":
            break
        start = int(head[1]) if head else 0
        at += 1
        old: list[str] = []
        new: list[str] = []
        while at < len(lines) and not lines[at].startswith(("@@", "diff --git")):
            line = lines[at]
            if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
                break
            if line[:1] in {" ", "-", ""}:
                old.append(line[1:])
            if line[:1] in {" ", "+", ""}:
                new.append(line[1:])
            at += 1
        while old and new and not old[-1] and not new[-1] and not lines[at - 1]:
            old.pop()  # blank lines after a hunk are not context
            new.pop()
            at -= 1
        hunks.append(Hunk(start, old, new))
        while at < len(lines) and not lines[at].strip():
            at += 1
    return hunks, at


def _parse_path(line: str) -> str | None:
    path = line[4:].split("\t", maxsplit=1)[0].strip().strip('"')
    return None if path == NO_FILE else path


class Repository:
    """A repository on disk whose modules can be imported.

    Args:
        files: Path to text.
        changes: The model's changes: old path, new path, text and hunks of each.

    Raises:
        EditError: A change does not match.
    """

    def __init__(self, files: Mapping[str, str], changes: Sequence[Sequence[Any]]) -> None:
        wanted = [
            Change(old, new, text, tuple(Hunk(*hunk) for hunk in hunks)) for old, new, text, hunks in changes
        ]
        self.files = apply_changes(files, wanted)
        for path, text in self.files.items():
            full = os.path.join(REPOSITORY_FOLDER, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as stream:
                stream.write(text)
        sys.path.insert(0, REPOSITORY_FOLDER)
        sys.dont_write_bytecode = True

    def load(self, module: str) -> Any:
        """Import a module of the repository."""
        return importlib.import_module(module)

    def read(self, path: str) -> str | None:
        """Return a file's text, or None if it does not exist."""
        return self.files.get(path)
