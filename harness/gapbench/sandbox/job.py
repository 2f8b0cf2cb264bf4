"""Defines a job for the sandbox, its limits and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JobState = Literal["passed", "failed", "syntax", "timeout", "crashed", "unrunnable"]


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one program may use.

    Attributes:
        wall_s: Seconds from the first test to the last.
        cpu_s: CPU seconds of each process.
        memory_bytes: Address space of each process, including the interpreter's own 30 MB.
        total_bytes: Resident memory of all its processes together; above it, all are killed.
        file_bytes: Largest file.
        tmp_bytes: All files in /tmp together.
        tmp_files: Files in /tmp.
        processes: Processes and threads at once.
        open_files: Descriptors of each process.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int = 512 * 2**20
    total_bytes: int = 1024 * 2**20
    file_bytes: int = 16 * 2**20
    tmp_bytes: int = 64 * 2**20
    tmp_files: int = 4096
    processes: int = 16
    open_files: int = 64


@dataclass(frozen=True, slots=True)
class SandboxJob:
    """A program, and the tests that it does not see.

    Attributes:
        programs: Candidate texts; the first that compiles is the program.
        tests: Python: statements that call ``entry_point``, or a function ``check(candidate)``.
        entry_point: Name of the function under test.
        prelude: Python that the tests may use, such as helpers from the prompt; ignored if it fails.
        partial: Continue after a failed assertion and count all of them.
    """

    programs: tuple[str, ...]
    tests: str
    entry_point: str
    prelude: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """The result of a job.

    Attributes:
        state: ``unrunnable`` means that the tests themselves cannot run here, so nothing is known of the program.
        passed: Assertions that passed.
        total: All assertions as far as known: those reached, or those written in the tests if these are more.
        reason: One line; "" for ``passed``.
    """

    state: JobState
    passed: int
    total: int
    reason: str
