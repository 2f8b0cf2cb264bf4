"""Runs a model's program against hidden tests where it can harm nothing, and brings back a verdict.

What a program meets: a root of its own with Python and the system's libraries, read-only; a private /tmp in
memory; no /proc, /sys, home directories or other files of the host; no network, not even loopback; an
environment of four fixed variables; a user of its own without capabilities; a filter of system calls; limits
on CPU time, memory, file size, processes and open files; and a clock outside that kills all of it.

Why the verdict cannot be forged: tests and program are two processes. The program is forked before the
tests are read, holds one socket over which its functions are called with plain values and answer with
plain values, and is compared by the other process. Printing, exiting, patching ``builtins`` or returning
objects that equal everything change nothing there (see :mod:`gapbench.sandbox.guest`).

``job`` is what is asked and what comes back, ``command`` how each level's walls are started, ``box`` the
running. What the walls do not hold is in docs/sandbox.md.
"""

from gapbench.sandbox.command_line import ISOLATION_LEVELS, IsolationLevel
from gapbench.sandbox.job import JobState, SandboxJob, SandboxLimits, SandboxResult
from gapbench.sandbox.sandbox import Sandbox, make_probe_job

__all__ = [
    "ISOLATION_LEVELS",
    "IsolationLevel",
    "JobState",
    "Sandbox",
    "SandboxJob",
    "SandboxLimits",
    "SandboxResult",
    "make_probe_job",
]
