"""How the walls of each level are started: the words of one command line.

``unshare`` and ``bubblewrap`` need no rights on most machines. ``docker`` and ``podman`` are options for
those who have them and trust them more; their image needs Python 3.11 or newer and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, get_args

from gapbench.sandbox.job import SandboxLimits

IsolationLevel = Literal["unshare", "bubblewrap", "docker", "podman"]
ISOLATION_LEVELS: tuple[IsolationLevel, ...] = get_args(IsolationLevel)
CONTAINER_LEVELS = ("docker", "podman")

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
GUEST_FOLDER = Path(__file__).resolve().parent / "guest"
CONTAINER_IMAGE = "docker.io/library/python:3.12-slim"
CONTAINER_CODE_PATH = "/bench"
"""Where a container sees the jail's own code."""
GUEST_START_CODE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from gapbench.sandbox.guest.main import main; main()"
)
NOBODY_USER = "65534:65534"
# Of a container's process count: its keeper and its judge.
SUPERVISOR_PROCESSES = 2


def sandbox_command(
    level: IsolationLevel, limits: SandboxLimits, *, program: str, name: str, uid: int
) -> list[str]:
    """Return the words that start the walls of ``level`` with the judge inside.

    Args:
        level: How the walls are built.
        limits: What the program may use.
        program: Path of ``bwrap``, ``docker`` or ``podman``; "" for ``unshare``.
        name: Name of the container, by which it can be killed.
        uid: Number of the user that the judge becomes where it can; the program becomes the next one.
    """
    readable = [*readable_paths(), str(GUEST_FOLDER)]
    plan = {"walls": level, "limits": asdict(limits), "readable": readable, "user": uid}
    if level == "unshare":
        return supervisor_command(base_interpreter(), str(GUEST_FOLDER.parents[2]), plan)
    if level == "bubblewrap":
        return [
            *_bubblewrap_command(program, limits),
            *supervisor_command(base_interpreter(), str(GUEST_FOLDER.parents[2]), plan),
        ]
    # All containers' programs are one user of the host, whose processes the kernel would count together.
    plan["limits"] = asdict(replace(limits, processes=0))
    image = os.environ.get("BENCH_SANDBOX_IMAGE") or CONTAINER_IMAGE
    return [
        *_container_command(program, limits, name),
        image,
        *supervisor_command("python3", CONTAINER_CODE_PATH, plan),
    ]


def supervisor_command(interpreter: str, path: str, plan: dict[str, Any]) -> list[str]:
    """Return the words that start the keeper."""
    return [interpreter, "-s", "-S", "-P", "-c", GUEST_START_CODE, path, json.dumps(plan)]


def _bubblewrap_command(bwrap: str, limits: SandboxLimits) -> list[str]:
    words = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    # Its own first process could be ptraced by the program, and holds the pipe of the verdict.
    words += ["--as-pid-1"]
    words += ["--size", str(limits.tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - the private one
    for path in readable_paths():
        if Path(path).is_symlink() and not Path(path).readlink().is_absolute():
            words += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            words += ["--ro-bind", path, path]
    words += ["--ro-bind", str(GUEST_FOLDER), str(GUEST_FOLDER)]
    for device in ("null", "zero", "urandom"):
        words += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return [*words, "--remount-ro", "/", "--chdir", "/tmp", "--"]  # noqa: S108 - the private one


def _container_command(client: str, limits: SandboxLimits, name: str) -> list[str]:
    words = [client, "run", "--rm", "--interactive", "--name", name, "--pull", "never"]
    words += ["--network", "none", "--read-only", "--cap-drop", "ALL", "--user", NOBODY_USER]
    words += ["--security-opt", "no-new-privileges", "--ipc", "private", "--shm-size", "1m", "--cpus", "1"]
    words += ["--memory", str(limits.total_bytes), "--memory-swap", str(limits.total_bytes)]
    words += ["--pids-limit", str(limits.processes + SUPERVISOR_PROCESSES)]
    words += ["--tmpfs", f"/tmp:rw,noexec,nosuid,nodev,size={limits.tmp_bytes}", "--workdir", "/tmp"]  # noqa: S108 - the private one
    words += [
        "--mount",
        f"type=bind,source={GUEST_FOLDER},target={CONTAINER_CODE_PATH}/gapbench/sandbox/guest,readonly",
    ]
    for key, value in GUEST_ENVIRONMENT.items():
        if key != "PATH":  # the image's own Python is on the image's own path
            words += ["--env", f"{key}={value}"]
    return words


def base_interpreter() -> str:
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
    own = [path for path in dict.fromkeys(own) if not path.startswith(SYSTEM_PATHS)]
    return [*SYSTEM_PATHS, *own]
