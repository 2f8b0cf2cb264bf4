"""Runs replies that are programs in the sandbox: the options, limits and scores that such scorers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits, SandboxResult
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.scorer import ReplyScorer, make_unscored
from gapbench.values import Score

MAX_ANSWER_CHARS = 4000
MAX_TIMEOUT_S = 600
MIN_MEMORY_BYTES = 64 * 2**20


@dataclass(frozen=True)
class SandboxedScorer(ReplyScorer):
    """Base class of scorers that run the reply against hidden tests in the sandbox.

    Attributes:
        timeout_s: Wall-clock seconds for the program and its tests.
        memory_bytes: Address space of each of its processes.
        partial: The value is the share of tests that pass; False scores all or nothing.
        sandbox: ``auto``, ``bubblewrap`` or ``unshare``; "" takes the environment variable BENCH_SANDBOX, else
            ``auto``.
    """

    is_slow: ClassVar[bool] = True
    test_noun: ClassVar[str] = "assertions"

    timeout_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    partial: bool = False
    sandbox: str = ""
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
        if self.memory_bytes < MIN_MEMORY_BYTES:
            raise InputError(
                f"scorer {self.name!r}: memory_bytes is {self.memory_bytes!r}; Python needs {MIN_MEMORY_BYTES}"
            )
        object.__setattr__(self, "box", Sandbox.find(self.sandbox))

    def run_job(self, job: SandboxJob, answer: str, *, is_fenced: bool) -> Score:
        """Run a job and return its score.

        Args:
            job: Program and tests.
            answer: The program as shown to the reader.
            is_fenced: Whether the program was in a fence. Other text that does not compile is ``unparsed``.
        """
        limits = SandboxLimits(self.timeout_s, cpu_s=int(self.timeout_s) + 1, memory_bytes=self.memory_bytes)
        try:
            result = self.box.run(job, limits)
        except OSError as exc:  # this machine has no more processes or descriptors
            return make_unscored(f"the sandbox did not start: {shorten(str(exc))}")
        answer, level = answer[:MAX_ANSWER_CHARS], self.box.level
        if result.state == "unrunnable":
            return Score(None, "unscored", answer, result.reason, level)
        if result.state == "passed":
            return Score(1.0, "correct", answer, f"all {result.total} {self.test_noun} pass", level, 1.0)
        if result.state == "syntax" and not is_fenced:
            return Score(0.0, "unparsed", None, f"contains no Python: {result.reason}", level, 0.0)
        share = _passed_share(result)
        reason = result.reason or result.state
        if result.passed:
            reason = f"{result.passed} of {result.total} {self.test_noun} pass; {reason}"
        return Score(share if self.partial else 0.0, "wrong", answer, reason, level, share)


def _passed_share(result: SandboxResult) -> float:
    """Return the share of tests that passed; below 1, because the program as a whole did not."""
    return min(result.passed / result.total, 0.999_999) if result.total else 0.0
