"""The scorer ``patch``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits
from gapbench.sandbox.guest.patch import Change, EditError, normalize_path, parse_diff
from gapbench.scoring.answer_extraction import FENCE, fenced_blocks, reply_tail
from gapbench.scoring.code_extraction import column_text
from gapbench.scoring.sandboxed import find_checked_sandbox, run_and_score
from gapbench.scoring.scorers.none import EMPTY_REPLY, make_unscored
from gapbench.values import Sample, Score

DIFF_LANGUAGES = {"diff", "patch", ""}
PATH_LINE = re.compile(
    r"[#*`\s]*(?:file\s*:?\s*)?[*`\s]*([\w.@+-]+(?:/[\w.@+-]+)*\.\w+)[*`:\s]*", re.IGNORECASE
)
COMMENTED_PATH = re.compile(r"#\s*(?:file\s*:\s*)?([\w.+-]+(?:/[\w.+-]+)*\.\w+)\s*", re.IGNORECASE)

PROGRAM = """
from gapbench.sandbox.guest.patch import Repository
repository = Repository({files!r}, {changes!r})
"""


@dataclass(frozen=True)
class Patch:
    """Accepts an edit of a small repository after which all hidden tests hold.

    The edit is a unified diff (fenced as ``diff`` or bare), or whole files, each a fenced block under a
    line with its path. It is applied, and the repository imported, in the sandbox only. Tests are a
    ``check(repository)`` that calls ``repository.load("package.module")``; they are no files that an edit could
    reach.

    Attributes:
        timeout_s: Wall-clock seconds for the repository and its tests.
        memory_bytes: Address space of each process.
        files: Column with the repository: path to text.
        test: Column with the tests.
        partial: The value is the share of assertions that hold; otherwise all or nothing.
        sandbox: As for the scorer ``code``.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    files: str = "files"
    test: str = "test"
    partial: bool = False
    sandbox: str = ""
    is_slow: ClassVar[bool] = True
    box: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before anything is paid for."""
        box = find_checked_sandbox("patch", self.timeout_s, self.memory_bytes, self.sandbox)
        object.__setattr__(self, "box", box)

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no repository, or no tests."""
        if not isinstance(sample.columns.get(self.files), Mapping):
            return f"the sample has no repository, paths to texts, in column {self.files!r}"
        has_tests = column_text(sample.columns.get(self.test)).strip()
        return None if has_tests else f"the sample has no tests in column {self.test!r}"

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1, 0 or, with ``partial``, the share of assertions; the answer is the edit."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        files, tests = sample.columns[self.files], column_text(sample.columns[self.test])
        if not reply.strip():
            return EMPTY_REPLY
        changes = find_changes(reply_tail(reply), {str(path): str(text) for path, text in files.items()})
        if not changes:
            return Score(0.0, "unparsed", reason="holds neither a diff nor a file under its path")
        plain = [[c.old_path, c.new_path, c.text, [list(hunk) for hunk in c.hunks]] for c in changes]
        job = SandboxJob(
            (PROGRAM.format(files=dict(files), changes=plain),), tests, "repository", partial=True
        )
        limits = SandboxLimits(self.timeout_s, cpu_s=int(self.timeout_s) + 1, memory_bytes=self.memory_bytes)
        answer = reply.strip()
        return run_and_score(
            self.box, job, limits, answer, test_noun="assertions", is_fenced=True, partial_credit=self.partial
        )


def find_changes(reply: str, files: Mapping[str, str]) -> list[Change]:
    """Return the changes in ``reply``: of its diffs where it has any, else its whole files."""
    fences = [text for language, text in fenced_blocks(reply) if language in DIFF_LANGUAGES]
    changes = [change for text in fences for change in parse_diff(text)]
    return changes or find_whole_files(reply, files) or parse_diff(reply)


def find_whole_files(reply: str, files: Mapping[str, str]) -> list[Change]:
    """Return the fenced blocks under a line with a path, or whose first line is a comment with a known one."""
    changes: dict[str, Change] = {}
    opened: re.Match[str] | None = None
    for match in FENCE.finditer(reply):
        if opened is None:
            opened = match
            continue
        if match.group(1)[0] != opened.group(1)[0] or match.group(2):
            continue
        text = reply[opened.end() + 1 : match.start()]
        path = _find_path(reply[: opened.start()], text, files)
        opened = None
        if path is not None:
            changes[path] = Change(path, path, text)
    return list(changes.values())


def _find_path(before: str, text: str, files: Mapping[str, str]) -> str | None:
    lines = before.rstrip().rsplit("\n", 1)
    named = PATH_LINE.fullmatch(lines[-1].strip())
    if named is None:
        commented = COMMENTED_PATH.fullmatch(text.partition("\n")[0])
        named = commented if commented and commented[1] in files else None
    if named is None:
        return None
    try:
        return normalize_path(named[1], files)
    except EditError:
        return None
