"""The scorer ``code``."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.errors import InputError
from harness.sandbox import Job, Limits, Sandbox, Verdict
from harness.scoring.answer import fenced, short, tail
from harness.scoring.unscored import EMPTY
from harness.values import Sample, Score

PYTHON = {"python", "py", "python3", "py3", "pycon", ""}
LONGEST_ANSWER_CHARS = 4000


@dataclass(frozen=True)
class Code:
    """Accepts Python that passes all of the sample's hidden tests.

    The program is the last fenced block that defines the entry point, else the last Python block, else the
    whole reply. Where ``prompt`` is Python that defines the entry point (HumanEval's form), a reply without
    its own definition is taken as what follows the prompt.

    Attributes:
        timeout_s: Wall-clock seconds for the program and its tests.
        memory_bytes: Address space of each of its processes.
        entry_point: Column with the name of the function. A sample without it: the tests name it.
        test: Column with the tests: Python text with asserts or a ``check(candidate)``, or a list of lines.
        prompt: Column with the prompt's own Python, for tests and programs that rely on it.
        partial: The score is the share of assertions that hold; otherwise all or nothing.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    entry_point: str = "entry_point"
    test: str = "test"
    prompt: str = "prompt"
    partial: bool = False
    slow: ClassVar[bool] = True
    sandbox: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before anything is paid for."""
        if not 0 < self.timeout_s <= 600:
            raise InputError(
                f"scorer 'code': timeout_s is {self.timeout_s!r}; it takes more than 0, at most 600"
            )
        if self.memory_bytes < 64 * 2**20:
            raise InputError(
                f"scorer 'code': memory_bytes is {self.memory_bytes!r}; Python needs {64 * 2**20}"
            )
        object.__setattr__(self, "sandbox", Sandbox.find())

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1, 0 or, with ``partial``, the share of assertions; the answer is the program."""
        tests = _text(sample.columns.get(self.test)) or _text(sample.target)
        if not tests:
            return Score(None, "unscored", reason=f"the sample has no tests in column {self.test!r}")
        if not reply.strip():
            return EMPTY
        entry_point = _text(sample.columns.get(self.entry_point))
        prelude = _text(sample.columns.get(self.prompt))
        if not defines(prelude, entry_point):
            prelude = ""
        code, is_fenced = extract(tail(reply), entry_point)
        job = Job(programs(code, prelude, entry_point), tests, entry_point, prelude, self.partial)
        limits = Limits(self.timeout_s, cpu_s=int(self.timeout_s) + 1, memory_bytes=self.memory_bytes)
        try:
            verdict = self.sandbox.run(job, limits)
        except OSError as exc:  # no more processes or descriptors on this machine
            return Score(None, "unscored", reason=f"the sandbox did not start: {short(str(exc))}")
        return self._score(verdict, code, is_fenced=is_fenced)

    def _score(self, verdict: Verdict, code: str, *, is_fenced: bool) -> Score:
        answer, level = code[:LONGEST_ANSWER_CHARS], self.sandbox.level
        if verdict.state == "unrunnable":
            return Score(None, "unscored", answer, verdict.reason, level)
        if verdict.state == "passed":
            return Score(1.0, "correct", answer, f"all {verdict.total} assertions hold", level)
        if verdict.state == "syntax" and not is_fenced:
            return Score(0.0, "unparsed", None, f"holds no Python: {verdict.reason}", level)
        value = verdict.passed / verdict.total if self.partial and verdict.total else 0.0
        return Score(min(value, 0.999_999), "wrong", answer, verdict.reason or verdict.state, level)


def extract(reply: str, entry_point: str) -> tuple[str, bool]:
    """Return the program in ``reply`` and whether it stood in a fence."""
    blocks = [(language, text) for language, text in fenced(reply) if text.strip()]
    python = [text for language, text in blocks if language in PYTHON]
    for text in reversed(python):
        if defines(text, entry_point):
            return textwrap.dedent(text), True
    if python:
        return python[-1], True
    return (blocks[-1][1], True) if blocks else (reply, False)


def defines(code: str, entry_point: str) -> bool:
    """Say whether ``code`` has a definition of ``entry_point`` that begins a line."""
    if not entry_point:
        return bool(re.search(r"^\s*(?:async\s+def|def|class)\s", code, re.MULTILINE))
    name = re.escape(entry_point)
    return bool(
        re.search(
            rf"^[ \t]*(?:(?:async\s+)?def|class)\s+{name}\b|^{name}\s*(?::[^=\n]*)?=", code, re.MULTILINE
        )
    )


def programs(code: str, prelude: str, entry_point: str) -> tuple[str, ...]:
    """Return the programs that ``code`` may mean, likeliest first; the first that compiles is run."""
    if not prelude:
        return (code,)
    if defines(code, entry_point):
        return (f"{prelude}\n    pass\n\n{code}", f"{prelude}\n\n{code}", code)
    joint = "" if prelude.endswith("\n") else "\n"
    indented = textwrap.indent(textwrap.dedent(code), "    ")
    return (f"{prelude}{joint}{code}", f"{prelude}{joint}{indented}", f"{prelude}{code}")


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "\n".join(str(line) for line in value)
    return value if isinstance(value, str) else ""
