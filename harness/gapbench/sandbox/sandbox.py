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
    CONTAINERS,
    ENVIRONMENT,
    JAIL,
    LEVELS,
    Level,
    command,
    readable_paths,
)
from gapbench.sandbox.job import Job, Limits, Verdict

PROGRAMS: dict[Level, str] = {"bubblewrap": "bwrap", "docker": "docker", "podman": "podman"}
FIRST_USER, USERS = 0x70000000, 2**24
GRACE_S = 10.0
CONTAINER_START_S = 20.0
TIME_IS_UP, TOO_MUCH_MEMORY = 124, 125
WHAT_WOULD_DO = (
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

    def __init__(self, level: Level, program: str | None = None, workers: int | None = None) -> None:
        self.level = level
        self._program = program or ""
        # More programs than cores only make each other miss their deadlines.
        self._slots = threading.BoundedSemaphore(max(1, workers or os.cpu_count() or 1))

    @staticmethod
    def find(level: str = "") -> Sandbox:
        """Return a sandbox that works on this machine, tried out once per process.

        Args:
            level: One of :data:`LEVELS`; "": what the environment variable BENCH_SANDBOX names, else the
                best of those that need no rights.

        Raises:
            InputError: There is no such level.
            SetupError: None works; code is then not run at all.
        """
        asked = level or os.environ.get("BENCH_SANDBOX", "")
        if asked not in {"", "auto", *LEVELS}:
            raise InputError(f"sandbox: found {asked!r}; it takes auto, {', '.join(LEVELS)}")
        return _find("" if asked == "auto" else asked)

    def run(self, job: Job, limits: Limits | None = None) -> Verdict:
        """Run one job and wait for its verdict; every process that it started is gone afterwards."""
        limits = limits or Limits()
        with self._slots:
            returncode, out, err = self._start(job, limits)
        if returncode == TIME_IS_UP:
            return Verdict("timeout", 0, 0, f"not done after {limits.wall_s:g} s")
        if returncode == TOO_MUCH_MEMORY:
            return Verdict(
                "crashed", 0, 0, f"its processes took more than {limits.total_bytes} bytes together"
            )
        try:
            found = json.loads(out)
            return Verdict(found["state"], found["passed"], found["total"], _printable(found["reason"]))
        except ValueError:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            return Verdict(
                "crashed", 0, 0, f"the sandbox ended with {returncode}: {_printable(last[0][:200])}"
            )

    def _start(self, job: Job, limits: Limits) -> tuple[int, bytes, bytes]:
        name = f"bench-{secrets.token_hex(8)}"
        user = FIRST_USER + 2 * secrets.randbelow(USERS)
        is_container = self.level in CONTAINERS
        process = subprocess.Popen(
            command(self.level, limits, program=self._program, name=name, user=user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A container's client needs its own settings; the container gets none of them.
            env=None if is_container else ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        # Only the judge holds the far end of these pipes and it writes one short line.
        patience_s = limits.wall_s + GRACE_S + (CONTAINER_START_S if is_container else 0)
        try:
            out, err = process.communicate(json.dumps(asdict(job)).encode(), patience_s)
        except subprocess.TimeoutExpired:
            self._kill(process, name)
            process.communicate()
            return TIME_IS_UP, b"", b""
        except BaseException:
            self._kill(process, name)
            process.wait()
            raise
        return process.returncode, out, err

    def _kill(self, process: subprocess.Popen[bytes], name: str) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        if self.level in CONTAINERS:  # the client is gone, the container is not
            words = [self._program, "rm", "--force", name]
            subprocess.run(words, check=False, capture_output=True, timeout=60)


def _printable(text: str) -> str:
    """Return a program's words without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


PROBE = """
import os, socket
def look(paths):
    return [p for p in paths if os.path.exists(p)]
def reach():
    try:
        socket.create_connection(("192.0.2.1", 9), 1)
    except OSError as exc:
        return exc.errno
"""


def probe(level: Level = "unshare", *hidden: str) -> Job:
    """Return a program that says what it sees: walls that show the host's files or network do not count.

    Args:
        level: A container has its own /proc and /etc; under the others there must be none.
        hidden: More paths that must not be seen.
    """
    paths = list(hidden)
    if level not in CONTAINERS:
        shown = [*readable_paths(), str(JAIL)]
        try:
            home = [str(path) for path in Path.home().iterdir()]
        except OSError:  # none, or not ours to read: then not the program's either
            home = []
        paths += ["/proc/self", "/sys/kernel", "/etc/passwd"]
        paths += [p for p in home if not any(f"{s}/".startswith(f"{p}/") for s in shown)]
    return Job(
        programs=(PROBE,),
        tests=f"assert look({paths!r}) == []\nassert reach() == {errno.ENETUNREACH}",
        entry_point="look",
    )


@cache
def _find(asked: str) -> Sandbox:
    # The own walls come first: they weigh all processes of a program together, and bubblewrap keeps root's
    # uid for root, which no limit on processes binds.
    candidates = [level for level in LEVELS if level == asked or (not asked and level not in CONTAINERS)]
    tried: list[str] = []
    for level in candidates:
        if level not in CONTAINERS and sys.platform != "linux":
            tried.append(f"{level}: these walls are Linux's and this is {sys.platform}")
            continue
        program = shutil.which(PROGRAMS[level]) if level in PROGRAMS else None
        if level in PROGRAMS and program is None:
            tried.append(f"{level}: {PROGRAMS[level]} is not installed")
            continue
        sandbox = Sandbox(level, program)
        said = _tried_out(sandbox)
        if said is None:
            return sandbox
        tried.append(f"{level}: {said}")
    raise SetupError(f"no sandbox for a model's code works here ({'; '.join(tried)}); {WHAT_WOULD_DO}")


def _tried_out(sandbox: Sandbox) -> str | None:
    """Return why a sandbox does not work; None: it does."""
    with tempfile.NamedTemporaryFile(prefix="bench-probe-") as planted:
        try:
            verdict = sandbox.run(probe(sandbox.level, planted.name))
        except OSError as exc:
            return str(exc)
    return None if verdict.state == "passed" else verdict.reason or verdict.state
