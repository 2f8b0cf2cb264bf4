"""Runs a model's program against hidden tests in isolation, and returns a result that the program cannot forge.

A program gets a read-only root with Python and the system's libraries, and a private /tmp in memory. It has no /proc,
/sys, home directories or other files of the host, no network (not even loopback), four fixed environment variables, and
a user without capabilities. A filter refuses system calls. CPU time, memory, file size, processes and open files are
limited, and a process outside the program kills all of it when the time is up.

The result cannot be forged because tests and program are two processes. The program is forked before the tests are
read. It has one socket, over which its functions are called with plain values and return plain values, and the other
process compares them. Printing, exiting, patching ``builtins`` or returning objects that equal everything changes
nothing there (see :mod:`gapbench.sandbox.guest`).

The tools of an episode are functions over a JSON state in a sandbox that is kept open (``tool_session``); there nothing
is hidden from the program, and its state is the result.

``job`` defines a job and its result, ``command_line`` starts the isolation of each level, ``sandbox`` runs jobs.
docs/explanation/sandbox.md lists the limitations.

The names are imported on first use: every program starts a Python that imports :mod:`gapbench.sandbox.guest`, and the
modules that run jobs would be two fifths of its start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "ISOLATION_LEVELS": "gapbench.sandbox.command_line",
    "IsolationLevel": "gapbench.sandbox.command_line",
    "JobState": "gapbench.sandbox.job",
    "Sandbox": "gapbench.sandbox.sandbox",
    "SandboxJob": "gapbench.sandbox.job",
    "SandboxLimits": "gapbench.sandbox.job",
    "SandboxResult": "gapbench.sandbox.job",
    "make_probe_job": "gapbench.sandbox.sandbox",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
