"""Runs jobs in the sandbox, as many at once as there are cores, and finds the isolation level that works here."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

from gapbench.cpus import usable_cpus
from gapbench.errors import InputError, SetupError
from gapbench.sandbox.command_line import (
    GUEST_ENVIRONMENT,
    ISOLATION_LEVELS,
    IsolationLevel,
    guest_readable_paths,
    sandbox_command,
)
from gapbench.sandbox.job import SandboxJob, SandboxLimits, SandboxResult

FIRST_UID, UID_COUNT = 0x70000000, 2**24
KILL_GRACE_S = 10.0
REASON_CHARS = 300
# As in guest/main.py, which runs with nothing else of the harness.
EXIT_TIMEOUT, EXIT_OUT_OF_MEMORY, EXIT_TOO_MANY_FILES = 124, 125, 126
SETUP_HINT = (
    "install bubblewrap, or run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, on "
    "Ubuntu kernel.apparmor_restrict_unprivileged_userns=0); a model's code is never run without a sandbox"
)


class Sandbox:
    """Runs jobs at one isolation level; safe to use from several threads.

    Args:
        level: How programs are isolated.
        program: Path of bubblewrap. None for ``unshare``.
        workers: Programs at once. None: one for each CPU that this process may use.
    """

    def __init__(self, level: IsolationLevel, program: str | None = None, workers: int | None = None) -> None:
        self.level = level
        self.program = program or ""
        # More programs than cores would only make each other miss their time limits.
        self._slots = threading.BoundedSemaphore(workers or usable_cpus())

    @staticmethod
    def find(level: str = "") -> Sandbox:
        """Return a sandbox that works on this machine; each level is checked once per process.

        Args:
            level: ``auto`` or one of :data:`ISOLATION_LEVELS`; "" takes the environment variable BENCH_SANDBOX,
                else ``auto``: the first of the levels that works.

        Raises:
            InputError: There is no such level.
            SetupError: No level works; then no code is run.
        """
        requested = level or os.environ.get("BENCH_SANDBOX", "")
        if requested not in {"", "auto", *ISOLATION_LEVELS}:
            raise InputError(f"sandbox: found {requested!r}; expected auto, {', '.join(ISOLATION_LEVELS)}")
        return _find_once("" if requested == "auto" else requested)

    def run(
        self, job: SandboxJob, limits: SandboxLimits | None = None, packages: Mapping[str, str] | None = None
    ) -> SandboxResult:
        """Run one job and return its result; all processes that it started have ended by then.

        Args:
            job: The program and its tests.
            limits: What it may use. None: the defaults.
            packages: What it may import besides the standard library, as
                :func:`gapbench.sandbox.packages.find_packages` gives it. None: nothing.
        """
        limits = limits or SandboxLimits()
        with self._slots:
            returncode, out, err = self._run_process(job, limits, packages or {})
        if returncode in {EXIT_TIMEOUT, EXIT_OUT_OF_MEMORY, EXIT_TOO_MANY_FILES}:
            return _result_of_kill(returncode, limits)
        try:
            found = json.loads(out)
        except ValueError:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            reason = f"the sandbox ended with {returncode}: {replace_unprintable(last[0][:200])}"
            return SandboxResult("crashed", 0, 0, reason)
        reason = describe_reason(found["reason"])
        return SandboxResult(found["state"], found["passed"], found["total"], reason)

    def _run_process(
        self, job: SandboxJob, limits: SandboxLimits, packages: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        """Return exit status, output and error output; a negative status is a signal."""
        uid = random_uid()
        # Inside bubblewrap there is no /proc, but the memory watchdog needs the host's.
        proc_fd = open_host_proc() if self.level == "bubblewrap" else None
        try:
            process = subprocess.Popen(
                sandbox_command(
                    self.level, limits, program=self.program, uid=uid, proc_fd=proc_fd, packages=packages
                ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=GUEST_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                pass_fds=() if proc_fd is None else (proc_fd,),
            )
        finally:
            if proc_fd is not None:
                os.close(proc_fd)
        try:
            # Only the test runner has the other end of these pipes, and it writes one short line.
            out, err = process.communicate(json.dumps(asdict(job)).encode(), limits.wall_s + KILL_GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return EXIT_TIMEOUT, b"", b""
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return process.returncode, out, err


def random_uid() -> int:
    """Return an even user id for a guest, which may also use the next one."""
    return FIRST_UID + 2 * secrets.randbelow(UID_COUNT)


def open_host_proc() -> int | None:
    """Return a descriptor of this machine's /proc, for a guest that watches its memory; None: it cannot be opened."""
    try:
        return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


def _result_of_kill(returncode: int, limits: SandboxLimits) -> SandboxResult:
    if returncode == EXIT_TIMEOUT:
        return SandboxResult("timeout", 0, 0, f"timed out after {limits.wall_s:g} s")
    if returncode == EXIT_TOO_MANY_FILES:
        return SandboxResult("crashed", 0, 0, f"it made more than {limits.tmp_files} files in /tmp")
    return SandboxResult("crashed", 0, 0, f"its processes took more than {limits.total_bytes} bytes together")


def describe_reason(text: str) -> str:
    """Return what a program or its tests said as one line for a reader."""
    return replace_unprintable(" ".join(text.split())[:REASON_CHARS])


def replace_unprintable(text: str) -> str:
    """Return a program's text without control characters, which a terminal would interpret."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


PROBE_PROGRAM = """
import os, socket
def look(paths):
    return [p for p in paths if os.path.exists(p)]
def reach():
    try:
        socket.create_connection(("192.0.2.1", 9), 1)
    except OSError as exc:
        return exc.errno
"""


def make_probe_job(*hidden_paths: str) -> SandboxJob:
    """Return a job that passes only where the host's files and network are out of reach.

    Args:
        hidden_paths: More paths that must not be visible.
    """
    visible = guest_readable_paths()
    try:
        home = [str(path) for path in Path.home().iterdir()]
    except OSError:  # no home, or not readable for us: then not for the program either
        home = []
    paths = [*hidden_paths, "/proc/self", "/sys/kernel", "/etc/passwd"]
    paths += [path for path in home if not any(f"{shown}/".startswith(f"{path}/") for shown in visible)]
    return SandboxJob(
        programs=(PROBE_PROGRAM,),
        tests=f"assert look({paths!r}) == []\nassert reach() == {errno.ENETUNREACH}",
        entry_point="look",
    )


def find_working_sandbox(level: str = "") -> Sandbox:
    """Return a sandbox of ``level`` ("": the first level that works) after checking it on this machine.

    Raises:
        SetupError: None works; the message has the reason for each level and what to do.
    """
    # bubblewrap comes first: far more people use and review it than our own namespaces.
    problems: list[str] = []
    for candidate in ISOLATION_LEVELS:
        if level in {"", candidate}:
            found = _try_level(candidate)
            if isinstance(found, Sandbox):
                return found
            problems.append(f"{candidate}: {found}")
    raise SetupError(f"no sandbox for a model's code works here ({'; '.join(problems)}); {SETUP_HINT}")


def _try_level(level: IsolationLevel) -> Sandbox | str:
    """Return a sandbox of one level, or why it does not work here."""
    if sys.platform != "linux":
        return f"it needs Linux and this is {sys.platform}"
    program = shutil.which("bwrap") if level == "bubblewrap" else None
    if level == "bubblewrap" and program is None:
        return "bwrap is not installed"
    sandbox = Sandbox(level, program)
    return _probe_failure(sandbox) or sandbox


_find_once = cache(find_working_sandbox)


def _probe_failure(sandbox: Sandbox) -> str | None:
    """Return why a sandbox does not work, or None if it does."""
    with tempfile.NamedTemporaryFile(prefix="bench-probe-") as planted:
        try:
            result = sandbox.run(make_probe_job(planted.name))
        except OSError as exc:
            return str(exc)
    return None if result.state == "passed" else result.reason or result.state
