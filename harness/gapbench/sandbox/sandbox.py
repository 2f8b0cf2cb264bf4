"""Runs jobs, as many at once as there are cores, and finds out which walls this machine can build."""

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
from dataclasses import asdict
from functools import cache
from pathlib import Path

from gapbench.errors import InputError, SetupError
from gapbench.sandbox.command_line import (
    CONTAINER_LEVELS,
    GUEST_ENVIRONMENT,
    GUEST_FOLDER,
    ISOLATION_LEVELS,
    IsolationLevel,
    readable_paths,
    sandbox_command,
)
from gapbench.sandbox.job import SandboxJob, SandboxLimits, SandboxResult

EXECUTABLES: dict[IsolationLevel, str] = {"bubblewrap": "bwrap", "docker": "docker", "podman": "podman"}
FIRST_UID, UID_COUNT = 0x70000000, 2**24
KILL_GRACE_S = 10.0
CONTAINER_START_S = 20.0
EXIT_TIMEOUT, EXIT_OUT_OF_MEMORY = 124, 125
SETUP_HINT = (
    "run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0), or install bubblewrap, or set BENCH_SANDBOX=docker "
    "or podman; no code is run without walls"
)


class Sandbox:
    """Runs jobs at one isolation level; safe to use from several threads.

    Args:
        level: How the walls are built.
        program: Path of bubblewrap, docker or podman. None for ``unshare``.
        workers: Programs at once. None: one for each core.
    """

    def __init__(self, level: IsolationLevel, program: str | None = None, workers: int | None = None) -> None:
        self.level = level
        self._program = program or ""
        # More programs than cores only make each other miss their deadlines.
        self._slots = threading.BoundedSemaphore(max(1, workers or os.cpu_count() or 1))

    @staticmethod
    def find(level: str = "") -> Sandbox:
        """Return a sandbox that works on this machine, tried out once per process.

        Args:
            level: One of :data:`ISOLATION_LEVELS`; "": what the environment variable BENCH_SANDBOX names, else the
                best of those that need no rights.

        Raises:
            InputError: There is no such level.
            SetupError: None works; code is then not run at all.
        """
        asked = level or os.environ.get("BENCH_SANDBOX", "")
        if asked not in {"", "auto", *ISOLATION_LEVELS}:
            raise InputError(f"sandbox: found {asked!r}; it takes auto, {', '.join(ISOLATION_LEVELS)}")
        return _find_working_sandbox("" if asked == "auto" else asked)

    def run(self, job: SandboxJob, limits: SandboxLimits | None = None) -> SandboxResult:
        """Run one job and wait for its verdict; every process that it started is gone afterwards."""
        limits = limits or SandboxLimits()
        with self._slots:
            returncode, out, err = self._run_process(job, limits)
        if returncode == EXIT_TIMEOUT:
            return SandboxResult("timeout", 0, 0, f"not done after {limits.wall_s:g} s")
        if returncode == EXIT_OUT_OF_MEMORY:
            return SandboxResult(
                "crashed", 0, 0, f"its processes took more than {limits.total_bytes} bytes together"
            )
        try:
            found = json.loads(out)
            return SandboxResult(
                found["state"], found["passed"], found["total"], _replace_unprintable(found["reason"])
            )
        except ValueError:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            return SandboxResult(
                "crashed", 0, 0, f"the sandbox ended with {returncode}: {_replace_unprintable(last[0][:200])}"
            )

    def _run_process(self, job: SandboxJob, limits: SandboxLimits) -> tuple[int, bytes, bytes]:
        name = f"bench-{secrets.token_hex(8)}"
        user = FIRST_UID + 2 * secrets.randbelow(UID_COUNT)
        is_container = self.level in CONTAINER_LEVELS
        process = subprocess.Popen(
            sandbox_command(self.level, limits, program=self._program, name=name, uid=user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A container's client needs its own settings; the container gets none of them.
            env=None if is_container else GUEST_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        # Only the judge holds the far end of these pipes and it writes one short line.
        patience_s = limits.wall_s + KILL_GRACE_S + (CONTAINER_START_S if is_container else 0)
        try:
            out, err = process.communicate(json.dumps(asdict(job)).encode(), patience_s)
        except subprocess.TimeoutExpired:
            self._kill(process, name)
            process.communicate()
            return EXIT_TIMEOUT, b"", b""
        except BaseException:
            self._kill(process, name)
            process.wait()
            raise
        return process.returncode, out, err

    def _kill(self, process: subprocess.Popen[bytes], name: str) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        if self.level in CONTAINER_LEVELS:  # the client is gone, the container is not
            words = [self._program, "rm", "--force", name]
            subprocess.run(words, check=False, capture_output=True, timeout=60)


def _replace_unprintable(text: str) -> str:
    """Return a program's words without what a terminal would obey."""
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


def make_probe_job(level: IsolationLevel = "unshare", *hidden_paths: str) -> SandboxJob:
    """Return a program that says what it sees: walls that show the host's files or network do not count.

    Args:
        level: A container has its own /proc and /etc; under the others there must be none.
        hidden_paths: More paths that must not be seen.
    """
    paths = list(hidden_paths)
    if level not in CONTAINER_LEVELS:
        shown = [*readable_paths(), str(GUEST_FOLDER)]
        try:
            home = [str(path) for path in Path.home().iterdir()]
        except OSError:  # none, or not ours to read: then not the program's either
            home = []
        paths += ["/proc/self", "/sys/kernel", "/etc/passwd"]
        paths += [p for p in home if not any(f"{s}/".startswith(f"{p}/") for s in shown)]
    return SandboxJob(
        programs=(PROBE_PROGRAM,),
        tests=f"assert look({paths!r}) == []\nassert reach() == {errno.ENETUNREACH}",
        entry_point="look",
    )


@cache
def _find_working_sandbox(asked: str) -> Sandbox:
    # The own walls come first: they weigh all processes of a program together, and bubblewrap keeps root's
    # uid for root, which no limit on processes binds.
    candidates = [
        level for level in ISOLATION_LEVELS if level == asked or (not asked and level not in CONTAINER_LEVELS)
    ]
    tried: list[str] = []
    for level in candidates:
        if level not in CONTAINER_LEVELS and sys.platform != "linux":
            tried.append(f"{level}: these walls are Linux's and this is {sys.platform}")
            continue
        program = shutil.which(EXECUTABLES[level]) if level in EXECUTABLES else None
        if level in EXECUTABLES and program is None:
            tried.append(f"{level}: {EXECUTABLES[level]} is not installed")
            continue
        sandbox = Sandbox(level, program)
        said = _probe_failure(sandbox)
        if said is None:
            return sandbox
        tried.append(f"{level}: {said}")
    raise SetupError(f"no sandbox for a model's code works here ({'; '.join(tried)}); {SETUP_HINT}")


def _probe_failure(sandbox: Sandbox) -> str | None:
    """Return why a sandbox does not work; None: it does."""
    with tempfile.NamedTemporaryFile(prefix="bench-probe-") as planted:
        try:
            verdict = sandbox.run(make_probe_job(sandbox.level, planted.name))
        except OSError as exc:
            return str(exc)
    return None if verdict.state == "passed" else verdict.reason or verdict.state
