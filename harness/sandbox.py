"""Runs a model's program against hidden tests where it can harm nothing, and brings back a verdict.

What a program meets: a root of its own with Python and the system's libraries, read-only; a private /tmp in
memory; no /proc, /sys, home directories or other files of the host; no network, not even loopback; an
environment of four fixed variables; a user of its own without capabilities; limits on CPU time, memory,
file size, processes and open files; and a clock outside that kills all of it.

Why the verdict cannot be forged: tests and program are two processes. The program is forked before the
tests are read, holds one socket over which its functions are called with plain values and answer with
plain values, and is compared by the other process. Printing, exiting, patching ``builtins`` or returning
objects that equal everything change nothing there (see :mod:`harness.jail`).

What the walls do not hold: a hole in the Linux kernel itself (no seccomp filter yet), timing channels, and
a program that guesses from its arguments which test it is in. Memory is limited per process, so the most
that one program can hold is ``memory_bytes`` times ``processes``. Task authors' tests run in the same
sandbox as a second user and are trusted with the verdict.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from harness.errors import SetupError

Level = Literal["bubblewrap", "unshare"]
State = Literal["passed", "failed", "syntax", "timeout", "crashed", "unrunnable"]

SYSTEM = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}  # noqa: S108 - the private one
FIRST_USER, USERS = 0x70000000, 2**24
GRACE_S = 10.0
TIME_IS_UP = 124
JAIL = Path(__file__).resolve().parent / "jail"
CODE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from harness.jail.main import main; main()"
WHAT_WOULD_DO = (
    "run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0), or install bubblewrap"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use.

    Attributes:
        wall_s: Seconds from the start of its walls to the end of its tests.
        cpu_s: CPU seconds of each process.
        memory_bytes: Address space of each process, the interpreter's own 30 MB included.
        file_bytes: Largest file.
        tmp_bytes: All files in /tmp together.
        processes: Processes and threads at once.
        open_files: Descriptors of each process.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int = 512 * 2**20
    file_bytes: int = 16 * 2**20
    tmp_bytes: int = 64 * 2**20
    processes: int = 16
    open_files: int = 64


@dataclass(frozen=True, slots=True)
class Job:
    """A program and the tests that it does not see.

    Attributes:
        programs: Texts of which the first that compiles is the program.
        tests: Python: statements that call ``entry_point``, or a function ``check(candidate)``.
        entry_point: Name of the function under test.
        prelude: Python that the tests may use, such as helpers of the prompt; ignored where it fails.
        partial: Run on after a failed assertion and count.
    """

    programs: tuple[str, ...]
    tests: str
    entry_point: str
    prelude: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a job.

    Attributes:
        state: ``unrunnable``: the tests themselves cannot run here, which says nothing of the program.
        passed: Assertions that held.
        total: Assertions that were reached.
        reason: One line; "" for ``passed``.
    """

    state: State
    passed: int
    total: int
    reason: str


class Sandbox:
    """Runs jobs at one isolation level; safe to use from several threads.

    Args:
        level: How the walls are built.
        bwrap: Path of bubblewrap. None for ``unshare``.
    """

    def __init__(self, level: Level, bwrap: str | None = None) -> None:
        self.level = level
        self._bwrap = bwrap
        # More programs than cores only make each other miss their deadlines.
        self._slots = threading.BoundedSemaphore(max(1, os.cpu_count() or 1))

    @staticmethod
    def find() -> Sandbox:
        """Return the best sandbox that works on this machine, tried out once per process.

        Raises:
            SetupError: None works; code is then not run at all.
        """
        return _find()

    def run(self, job: Job, limits: Limits | None = None) -> Verdict:
        """Run one job and wait for its verdict; every process that it started is gone afterwards."""
        limits = limits or Limits()
        with self._slots:
            returncode, out, err = self._start(job, limits)
        if returncode == TIME_IS_UP:
            return Verdict("timeout", 0, 0, f"not done after {limits.wall_s:g} s")
        try:
            found = json.loads(out)
            return Verdict(found["state"], found["passed"], found["total"], found["reason"])
        except ValueError:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            return Verdict("crashed", 0, 0, f"the sandbox ended with {returncode}: {last[0][:200]}")

    def _start(self, job: Job, limits: Limits) -> tuple[int, bytes, bytes]:
        process = subprocess.Popen(
            self._command(limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        # Only the judge holds the far end of these pipes and it writes one short line.
        try:
            out, err = process.communicate(json.dumps(asdict(job)).encode(), limits.wall_s + GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return TIME_IS_UP, b"", b""
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return process.returncode, out, err

    def _command(self, limits: Limits) -> list[str]:
        readable = readable_paths()
        plan = {
            "walls": self.level,
            "limits": asdict(limits),
            "readable": readable,
            "user": FIRST_USER + 2 * secrets.randbelow(USERS),
        }
        inside = [python(), "-s", "-S", "-P", "-c", CODE, str(JAIL.parent.parent), json.dumps(plan)]
        if self._bwrap is None:
            return inside
        words = [self._bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        # Its own first process could be ptraced by the program, and holds the pipe of the verdict.
        words += ["--as-pid-1"]
        words += ["--size", str(limits.tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - the private one
        for path in readable:
            if Path(path).is_symlink() and not Path(path).readlink().is_absolute():
                words += ["--symlink", str(Path(path).readlink()), path]
            elif Path(path).exists():
                words += ["--ro-bind", path, path]
        words += ["--ro-bind", str(JAIL), str(JAIL)]
        for name in ("null", "zero", "urandom"):
            words += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
        return [*words, "--remount-ro", "/", "--chdir", "/tmp", "--", *inside]  # noqa: S108 - private


def python() -> str:
    """Return the interpreter below any virtual environment, whose packages the sandbox does not have."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def readable_paths() -> Sequence[str]:
    """Return what a program may read of this machine: system libraries and Python's own."""
    own = [
        sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}),
        sysconfig.get_path(
            "platstdlib", vars={"installed_platbase": sys.base_exec_prefix, "platbase": sys.base_exec_prefix}
        ),
        f"{sys.base_prefix}/bin",
    ]
    own += [str(path) for path in Path(sys.base_prefix, "lib").glob("libpython*.so*")]
    own = [path for path in dict.fromkeys(own) if not path.startswith(SYSTEM)]
    return [*SYSTEM, *own]


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


def probe() -> Job:
    """Return a program that says what it sees: walls that show the host's files or network do not count."""
    shown = [*readable_paths(), str(JAIL)]
    home = [str(path) for path in Path.home().iterdir()] if Path.home().is_dir() else []
    hidden = [p for p in home if not any(f"{s}/".startswith(f"{p}/") for s in shown)]
    return Job(
        programs=(PROBE,),
        tests=f"assert look({['/proc/self', '/sys/kernel', '/etc/passwd', *hidden]!r}) == []\n"
        f"assert reach() == {errno.ENETUNREACH}",
        entry_point="look",
    )


@cache
def _find() -> Sandbox:
    tried: list[str] = []
    bwrap = shutil.which("bwrap")
    candidates = [Sandbox("unshare")] + ([Sandbox("bubblewrap", bwrap)] if bwrap else [])
    # For root the own walls come first: bubblewrap keeps root's uid, which no limit on processes binds.
    if sys.platform == "linux" and os.geteuid() != 0:
        candidates.reverse()
    for sandbox in candidates if sys.platform == "linux" else []:
        try:
            verdict = sandbox.run(probe())
        except OSError as exc:
            tried.append(f"{sandbox.level}: {exc}")
            continue
        if verdict.state == "passed":
            return sandbox
        tried.append(f"{sandbox.level}: {verdict.reason or verdict.state}")
    found = "; ".join(tried) or f"this is {sys.platform}, and the walls are Linux's"
    raise SetupError(f"no sandbox for a model's code works here ({found}); {WHAT_WOULD_DO}")
