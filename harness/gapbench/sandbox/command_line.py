"""Builds the command lines that start the isolation of each level, with the test runner inside.

``bubblewrap`` uses the program of that name; ``unshare`` makes the namespaces with our own code. Neither needs
root on most machines.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

from gapbench.sandbox.job import SandboxLimits

IsolationLevel = Literal["bubblewrap", "unshare"]
ISOLATION_LEVELS: tuple[IsolationLevel, ...] = get_args(IsolationLevel)
"""The levels in the order in which they are tried."""

SYSTEM_PATHS = (
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
GUEST_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}  # noqa: S108 - the private one
PACKAGES_FOLDER = "/packages"  # as in guest/tool_runner.py and guest/main.py
GUEST_FOLDER = Path(__file__).resolve().parent / "guest"
# Empty packages in place of gapbench and gapbench.sandbox, whose own modules a guest does not need: half of its start.
GUEST_START_CODE = """
import sys
path = sys.argv.pop(1)
for name in ("gapbench", "gapbench.sandbox"):
    package = sys.modules[name] = type(sys)(name)
    package.__path__ = [path + "/" + name.replace(".", "/")]
from gapbench.sandbox.guest.{module} import {function}
{function}()
"""


def sandbox_command(
    level: IsolationLevel,
    limits: SandboxLimits,
    *,
    program: str,
    uid: int,
    proc_fd: int | None,
    packages: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the command line that starts the isolation of ``level`` with the test runner inside.

    Args:
        level: How the program is isolated.
        limits: What the program may use.
        program: Path of ``bwrap``; "" for ``unshare``.
        uid: User id that the test runner takes if it can; the program takes the next one.
        proc_fd: Inherited descriptor of the host's /proc, for the memory watchdog. None: the supervisor opens it
            (``unshare``), or the total memory is not limited (``bubblewrap``).
        packages: See :func:`gapbench.sandbox.packages.find_packages`. None: none.
    """
    plan = {
        "level": level,
        "limits": asdict(limits),
        "readable": guest_readable_paths(),
        "user": uid,
        "proc_fd": proc_fd,
        "packages": dict(packages or {}),
    }
    supervisor = supervisor_command(base_interpreter(), str(GUEST_FOLDER.parents[2]), plan)
    if level != "bubblewrap":
        return supervisor
    return [*_bubblewrap_command(program, limits, packages), *supervisor]


def supervisor_command(interpreter: str, path: str, plan: dict[str, Any]) -> list[str]:
    """Return the command line that starts the supervisor.

    Args:
        interpreter: Path of Python.
        path: Folder from which the guest's modules are imported.
        plan: What :func:`gapbench.sandbox.guest.main.main` reads.
    """
    return _guest_command(interpreter, path, "main", "main", plan)


def tool_template_command() -> list[str]:
    """Return the command line that starts the template of level ``unshare``; its standard input is a socket."""
    path = str(GUEST_FOLDER.parents[2])
    return _guest_command(base_interpreter(), path, "tool_supervisor", "run_template", None)


def tool_supervisor_command(
    program: str, limits: SandboxLimits, packages: Mapping[str, str], *, channel_fd: int, lifeline_fd: int
) -> list[str]:
    """Return the command line that starts the supervisor of one episode's tools at level ``bubblewrap``.

    Args:
        program: Path of ``bwrap``.
        limits: What the tools may use.
        packages: See :func:`gapbench.sandbox.packages.find_packages`.
        channel_fd: Inherited socket of the tools.
        lifeline_fd: Inherited socket of the supervisor.
    """
    path = str(GUEST_FOLDER.parents[2])
    fds = [channel_fd, lifeline_fd]
    supervisor = _guest_command(base_interpreter(), path, "tool_supervisor", "run_single", fds)
    return [*_bubblewrap_command(program, limits, packages), *supervisor]


def guest_readable_paths() -> list[str]:
    """Return the host's paths that a guest may read: those of a program, and the guest's own code."""
    return [*readable_paths(), str(GUEST_FOLDER)]


def _guest_command(interpreter: str, path: str, module: str, function: str, argument: Any) -> list[str]:
    code = GUEST_START_CODE.format(module=module, function=function)
    return [interpreter, "-s", "-S", "-P", "-c", code, path, json.dumps(argument)]


def _bubblewrap_command(
    bwrap: str, limits: SandboxLimits, packages: Mapping[str, str] | None = None
) -> list[str]:
    words = [bwrap, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        # No user namespace, and the right to become other users: no limit on processes applies to root, and
        # test runner and program become two users (see guest/main.py).
        words += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        words += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-all"]
    # The program could ptrace bubblewrap's own first process, which has the pipe of the result.
    words += ["--as-pid-1"]
    words += ["--perms", "1777", "--size", str(limits.tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - the private one
    paths = guest_readable_paths()
    parents = dict.fromkeys(parent for path in paths for parent in [*Path(path).parents][-2::-1])
    for parent in parents:  # else bubblewrap would make them as private as the host's, such as /root
        words += ["--perms", "0755", "--dir", str(parent)]
    for path in paths:
        if Path(path).is_symlink() and not Path(path).readlink().is_absolute():
            words += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            words += ["--ro-bind", path, path]
    if packages:
        words += ["--perms", "0755", "--dir", PACKAGES_FOLDER]
    for name, path in (packages or {}).items():
        words += ["--ro-bind", path, f"{PACKAGES_FOLDER}/{name}"]
    for device in ("null", "zero", "urandom"):
        words += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return [*words, "--remount-ro", "/", "--chdir", "/tmp", "--"]  # noqa: S108 - the private one


def base_interpreter() -> str:
    """Return the interpreter below any virtual environment, whose packages the sandbox does not have."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def readable_paths() -> Sequence[str]:
    """Return the host's paths that a program may read: system libraries and Python's own."""
    python = [
        sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}),
        sysconfig.get_path(
            "platstdlib", vars={"installed_platbase": sys.base_exec_prefix, "platbase": sys.base_exec_prefix}
        ),
        f"{sys.base_prefix}/bin",
    ]
    python += [str(path) for path in Path(sys.base_prefix, "lib").glob("libpython*.so*")]
    python = [path for path in dict.fromkeys(python) if not path.startswith(SYSTEM_PATHS)]
    return [*SYSTEM_PATHS, *python]
