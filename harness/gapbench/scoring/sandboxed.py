"""Runs replies that are programs in the sandbox: the options, limits and scores that such scorers share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits, SandboxResult
from gapbench.sandbox.sandbox import describe_reason
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.child_process import ScoringProcess, ScoringProcessError
from gapbench.scoring.scorer import ReplyScorer, make_unscored
from gapbench.values import Sample, Score

MAX_ANSWER_CHARS = 4000
MAX_TIMEOUT_S = 600
MIN_MEMORY_BYTES = 64 * 2**20


SYNTAX_TIMEOUT_S = 2.0
SYNTAX_PROCESS = ScoringProcess(Path(__file__).with_name("syntax_child.py"), SYNTAX_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class FoundProgram:
    """The program in a reply.

    Attributes:
        job: Program and tests.
        answer: The program as shown to the reader.
        is_fenced: Whether the program was in a fence. Other text that does not compile is ``unparsed``.
        packages: What it may import besides the standard library, see :meth:`gapbench.sandbox.Sandbox.run`.
    """

    job: SandboxJob
    answer: str
    is_fenced: bool
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SandboxedScorer(ReplyScorer):
    """Base class of scorers that run the reply against hidden tests in the sandbox.

    Attributes:
        timeout_s: Wall-clock seconds for the program and its tests.
        cpu_s: CPU seconds for the program, which a busy machine does not use up. None: as many as ``timeout_s``.
        memory_bytes: Address space of each of its processes.
        partial: The value is the share of tests that pass; False scores all or nothing.
        sandbox: ``auto``, ``bubblewrap`` or ``unshare``; "" takes the environment variable BENCH_SANDBOX, else
            ``auto``.
    """

    is_slow: ClassVar[bool] = True
    test_noun: ClassVar[str] = "assertions"
    total_bytes: ClassVar[int] = 1024 * 2**20
    """Resident memory of all processes of a program together."""

    timeout_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    partial: bool = False
    sandbox: str = ""
    cpu_s: int | None = None
    box: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before any request is paid for.

        Raises:
            InputError: An option is out of range.
            SetupError: No sandbox works on this machine.
        """
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise InputError(
                f"scorer {self.name!r}: timeout_s is {self.timeout_s!r}; expected more than 0, at most {MAX_TIMEOUT_S}"
            )
        if self.cpu_s is not None and not 1 <= self.cpu_s <= self.timeout_s:
            raise InputError(
                f"scorer {self.name!r}: cpu_s is {self.cpu_s!r}; expected 1 or more, at most timeout_s, which is {self.timeout_s:g}"
            )
        if self.memory_bytes < MIN_MEMORY_BYTES:
            raise InputError(
                f"scorer {self.name!r}: memory_bytes is {self.memory_bytes!r}; Python needs {MIN_MEMORY_BYTES}"
            )
        object.__setattr__(self, "box", Sandbox.find(self.sandbox))

    @abstractmethod
    def find_program(self, reply: str, sample: Sample) -> FoundProgram | Score:
        """Return the program in a reply that is not empty, or the score of a reply without one; runs nothing."""

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1, 0 or, with ``partial``, the share of tests that pass; the answer is the program."""
        found = self.find_program(reply, sample)
        return found if isinstance(found, Score) else self._run(found)

    def score_without_sandbox(self, reply: str, sample: Sample) -> Score | None:
        """Return the score of a reply without a program, which costs a few milliseconds. None: a program must run.

        A score is the one that a call would return.
        """
        if not reply.strip() or self.unscorable_reason(sample):
            return self(reply, sample)
        found = self.find_program(reply, sample)
        if isinstance(found, Score):
            return found
        if found.is_fenced:
            return None
        try:
            error: str | None = SYNTAX_PROCESS.request(list(found.job.programs))
        except ScoringProcessError:
            return None
        return None if error is None else self._without_program(describe_reason(error))

    def _without_program(self, reason: str) -> Score:
        return Score(0.0, "unparsed", None, f"contains no Python: {reason}", self.box.level, 0.0)

    def _run(self, found: FoundProgram) -> Score:
        """Run a program in the sandbox and return its score."""
        job, answer = found.job, found.answer
        cpu_s = int(self.timeout_s) + 1 if self.cpu_s is None else self.cpu_s
        limits = SandboxLimits(
            self.timeout_s, cpu_s=cpu_s, memory_bytes=self.memory_bytes, total_bytes=self.total_bytes
        )
        try:
            result = self.box.run(job, limits, found.packages)
        except OSError as exc:  # this machine has no more processes or descriptors
            return make_unscored(f"the sandbox did not start: {shorten(str(exc))}")
        answer, level = answer[:MAX_ANSWER_CHARS], self.box.level
        if result.state == "unrunnable":
            return Score(None, "unscored", answer, result.reason, level)
        if result.state == "passed":
            return Score(1.0, "correct", answer, f"all {result.total} {self.test_noun} pass", level, 1.0)
        if result.state == "syntax" and not found.is_fenced:
            return self._without_program(result.reason)
        share = _passed_share(result)
        reason = result.reason or result.state
        if self.cpu_s is not None and "the program ended" in reason:  # the kernel says no more
            reason = f"{reason}, perhaps after its {self.cpu_s} s of CPU time"
        if result.passed:
            reason = f"{result.passed} of {result.total} {self.test_noun} pass; {reason}"
        return Score(share if self.partial else 0.0, "wrong", answer, reason, level, share)


def _passed_share(result: SandboxResult) -> float:
    """Return the share of tests that passed; below 1, because the program as a whole did not."""
    return min(result.passed / result.total, 0.999_999) if result.total else 0.0
