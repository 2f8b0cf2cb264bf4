"""The scorer ``patch``: an edit of a small repository that passes hidden tests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gapbench.sandbox import SandboxJob
from gapbench.sandbox.guest.patch import Change, EditError, normalize_path, parse_diff
from gapbench.scoring.answer_extraction import reply_tail
from gapbench.scoring.code_blocks import CodeBlock, code_blocks
from gapbench.scoring.code_extraction import column_text
from gapbench.scoring.sandboxed import FoundProgram, SandboxedScorer
from gapbench.values import Sample, Score

DIFF_LANGUAGES = {"diff", "patch", "udiff", "git", ""}
DIFF_HEAD = re.compile(r"^--- \S.*\n\+\+\+ \S", re.MULTILINE)
NUMBERING = re.compile(r"^[ \t>]*(?:[-*+]|\d{1,3}[.)])[ \t]+")
INFO_PATH = re.compile(r"(?:^|[\s:=\"'])([\w.@+-]+(?:/[\w.@+-]+)*\.\w+)")
PATH_LINE = re.compile(
    r"[#*`\s]*(?:file\s*:?\s*)?[*`\s]*([\w.@+-]+(?:/[\w.@+-]+)*\.\w+)[*`:\s]*", re.IGNORECASE
)
COMMENTED_PATH = re.compile(r"#\s*(?:file\s*:\s*)?([\w.+-]+(?:/[\w.+-]+)*\.\w+)\s*", re.IGNORECASE)

PROGRAM = """
from gapbench.sandbox.guest.patch import Repository
repository = Repository({files!r}, {changes!r})
"""


@dataclass(frozen=True)
class Patch(SandboxedScorer):
    """Accepts an edit of a small repository after which all hidden tests hold.

    The edit is a unified diff (fenced as ``diff`` or bare), or whole files, each a fenced block under a
    line with its path. It is applied, and the repository imported, in the sandbox only. Tests are a
    ``check(repository)`` that calls ``repository.load("package.module")``. They are not files, so an edit
    cannot change them.

    Attributes:
        files: Column with the repository: path to text.
        test: Column with the tests.
    """

    name: ClassVar[str] = "patch"
    description: ClassVar[str] = (
        "an edit of a small repository, by diff or whole files, run against hidden tests"
    )

    files: str = "files"
    test: str = "test"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample has no repository or no tests, or None."""
        if not isinstance(sample.columns.get(self.files), Mapping):
            return f"the sample has no repository, paths to texts, in column {self.files!r}"
        has_tests = column_text(sample.columns.get(self.test)).strip()
        return None if has_tests else f"the sample has no tests in column {self.test!r}"

    def find_program(self, reply: str, sample: Sample) -> FoundProgram | Score:
        """Return a program that applies the edit, or the score of a reply without one."""
        files, tests = sample.columns[self.files], column_text(sample.columns[self.test])
        changes = find_changes(reply_tail(reply), {str(path): str(text) for path, text in files.items()})
        if not changes:
            return Score(0.0, "unparsed", reason="holds neither a diff nor a file under its path")
        plain = [[c.old_path, c.new_path, c.text, [list(hunk) for hunk in c.hunks]] for c in changes]
        job = SandboxJob(
            (PROGRAM.format(files=dict(files), changes=plain),), tests, "repository", partial=True
        )
        return FoundProgram(job, reply.strip(), is_fenced=True)


def find_changes(reply: str, files: Mapping[str, str]) -> list[Change]:
    """Return the changes in ``reply``: its diffs if it has any, else its whole files."""
    blocks = code_blocks(reply)
    diffs = [
        block.text for block in blocks if block.language in DIFF_LANGUAGES or DIFF_HEAD.search(block.text)
    ]
    changes = [change for text in diffs for change in parse_diff(text)]
    return changes or find_whole_files(reply, blocks, files) or parse_diff(reply)


def find_whole_files(reply: str, blocks: Sequence[CodeBlock], files: Mapping[str, str]) -> list[Change]:
    """Return the blocks that follow a line with a path, have a path behind their fence, or begin with one as comment."""
    changes: dict[str, Change] = {}
    for block in blocks:
        path = _find_path(reply[: block.start], block, files)
        if path is not None:
            changes[path] = Change(path, path, block.text)
    return list(changes.values())


def _find_path(before: str, block: CodeBlock, files: Mapping[str, str]) -> str | None:
    lines = before.rstrip(" \t>").rstrip().rsplit("\n", 1)
    named = PATH_LINE.fullmatch(NUMBERING.sub("", lines[-1]).strip())
    if named is None:
        named = INFO_PATH.search(block.info)
        named = named if named and named[1] in files else None
    if named is None:
        commented = COMMENTED_PATH.fullmatch(block.text.partition("\n")[0])
        named = commented if commented and commented[1] in files else None
    if named is None:
        return None
    try:
        return normalize_path(named[1], files)
    except EditError:
        return None
