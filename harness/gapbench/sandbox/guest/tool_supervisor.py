"""Isolates the tools of one episode and watches them; at level ``unshare`` a template forks one supervisor for each.

::

    template        started once, has no tool's code in it; forks
    +-- supervisor      isolates itself, watches memory, files and the harness; ends the tools if needed
        +-- tools           runs the module of tools, see :mod:`gapbench.sandbox.guest.tool_runner`

A fork costs a quarter of a new Python. Bubblewrap is another program, so at its level each supervisor is a new Python.

A supervisor has one socket to the harness, the lifeline. Through it come the plan, and one byte when a call takes longer
and when it is over, so that the supervisor looks often only while a tool is at work. When the harness closes its end or dies, all processes end. The
supervisor's last words on it are how the tools ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from gapbench.sandbox.guest import namespaces
from gapbench.sandbox.guest.frames import receive_frame, send_frame
from gapbench.sandbox.guest.memory_watchdog import (
    EXIT_OUT_OF_MEMORY,
    EXIT_TOO_MANY_FILES,
    exceeds_memory,
    files_in_tmp,
    lists_children,
    open_proc,
)
from gapbench.sandbox.guest.tool_runner import LIBRARY_MODULE, run_tools

EXIT_CLOSED = 0
BUSY, IDLE = b"b", b"i"
BUSY_INTERVAL_S, IDLE_INTERVAL_S = 0.1, 1.0
ENDING_GRACE_S = 0.05
# What tools usually import: loaded once, shared by all forks.
COMMON_MODULES = (
    "collections", "copy", "csv", "dataclasses", "datetime", "decimal", "hashlib", "io", "itertools", "math", "random",
    "re", "sqlite3", "statistics", "string", "subprocess", "tempfile", "textwrap", "unicodedata", "uuid",
    LIBRARY_MODULE,
)  # fmt: skip


def run_template() -> NoReturn:
    """Fork a supervisor for each pair of sockets that comes through standard input; end when it is closed."""
    control = socket.socket(fileno=0)
    for name in COMMON_MODULES:
        with contextlib.suppress(ImportError):  # a Python without SQLite
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy the pages that all share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets supervisors that ended
    template = os.getpid()
    while True:
        data, fds, *_ = socket.recv_fds(control, 1, 2)
        if not data:
            os._exit(0)
        with contextlib.suppress(OSError):  # no process left: the harness sees both sockets closed
            if os.fork() == 0:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                run_supervisor(*map(int, fds), parent=template)
        for fd in fds:
            os.close(fd)


def run_single() -> NoReturn:
    """Be the supervisor of one episode's tools, in the isolation that bubblewrap made."""
    channel_fd, lifeline_fd = json.loads(sys.argv[1])
    run_supervisor(channel_fd, lifeline_fd, parent=os.getppid())


def run_supervisor(channel_fd: int, lifeline_fd: int, *, parent: int) -> NoReturn:
    """Isolate this process, start the tools and watch them.

    Args:
        channel_fd: Socket of the tools.
        lifeline_fd: Socket of the supervisor.
        parent: The process that this one ends with.
    """
    lifeline = socket.socket(fileno=lifeline_fd)
    try:
        namespaces.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        plan = receive_frame(lifeline)
        start_tools(plan, socket.socket(fileno=channel_fd), lifeline)
    except BaseException as exc:  # noqa: BLE001 - a fork must not go back into the template's loop
        report_end(lifeline, 1, f"{type(exc).__name__}: {exc}")
        os._exit(1)


def start_tools(plan: dict[str, Any], channel: socket.socket, lifeline: socket.socket) -> NoReturn:
    """Isolate this process and fork the tools.

    Args:
        plan: ``level``, ``limits``, ``readable``, ``user`` and ``proc_fd``, as for
            :func:`gapbench.sandbox.guest.main.main`, and ``packages``, as for
            :func:`gapbench.sandbox.guest.namespaces.build_root`.
        channel: Goes to the tools.
        lifeline: Stays here.
    """
    builds_namespaces = plan["level"] == "unshare"
    proc_fd = open_proc() if builds_namespaces else plan["proc_fd"]
    if proc_fd is not None:
        namespaces.prefer_oom_kill(proc_fd)
    is_root = namespaces.enter_namespaces() if builds_namespaces else os.geteuid() == 0
    namespaces.hide_from_ptrace()  # not sooner, or root would own the id maps of a user namespace
    if proc_fd is not None and not lists_children(proc_fd):
        os.close(proc_fd)
        proc_fd = None
    limits, supervisor = plan["limits"], os.getpid()
    child = os.fork()
    if child:
        channel.close()
        supervise_tools(child, limits, lifeline, proc_fd, limits_tmp=not builds_namespaces)
    lifeline.close()
    if proc_fd is not None:
        os.close(proc_fd)
    try:
        namespaces.die_with_parent()
        if builds_namespaces:
            namespaces.build_root(
                plan["readable"], limits["tmp_bytes"], limits["tmp_files"], plan["packages"]
            )
        elif os.getppid() != supervisor:
            os._exit(1)
        run_tools(channel, limits, plan["user"] if is_root else None)
    except BaseException as exc:  # noqa: BLE001 - as in run_supervisor
        with contextlib.suppress(OSError):
            send_frame(channel, ["broken", f"{type(exc).__name__}: {exc}"])
        os._exit(1)


def supervise_tools(
    child: int, limits: dict[str, Any], lifeline: socket.socket, proc_fd: int | None, *, limits_tmp: bool
) -> NoReturn:
    """Wait for the end of the tools, and bring it about if a limit is exceeded or the harness is gone.

    Args:
        child: The process of the tools.
        limits: ``total_bytes`` and ``tmp_files`` are checked here.
        lifeline: See the module.
        proc_fd: The host's /proc, to measure memory. None: total memory is not limited.
        limits_tmp: Whether to count the files in /tmp, because its file system does not limit them.
    """
    ending = select.poll()
    child_fd = os.pidfd_open(child)
    ending.register(child_fd, select.POLLIN)
    waiting = select.poll()
    waiting.register(child_fd, select.POLLIN)
    waiting.register(lifeline, select.POLLIN)
    is_busy, code, status, due = True, None, None, time.monotonic() + BUSY_INTERVAL_S
    while code is None and status is None:
        events = dict(waiting.poll(max(0.0, due - time.monotonic()) * 1000))
        status = reap_processes(child)
        if lifeline.fileno() in events:
            data = lifeline.recv(4096)
            if not data:
                code = EXIT_CLOSED
            elif data[-1:] == BUSY:
                due = min(due, time.monotonic() + BUSY_INTERVAL_S)
            is_busy = data[-1:] == BUSY
        elif not events:
            due = time.monotonic() + (BUSY_INTERVAL_S if is_busy else IDLE_INTERVAL_S)
            if proc_fd is not None and exceeds_memory(proc_fd, limits["total_bytes"]):
                code = EXIT_OUT_OF_MEMORY
            elif limits_tmp and files_in_tmp() > limits["tmp_files"]:
                code = EXIT_TOO_MANY_FILES
    if status is None and os.getpid() != 1:
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    elif status is None and code == EXIT_CLOSED:
        # Bubblewrap: it may not kill another user's process; as process 1 its own end is that of the whole namespace.
        # Tools that are about to end by themselves are given the time to say how.
        ending.poll(ENDING_GRACE_S * 1000)
        status = reap_processes(child)
    report_end(lifeline, code, "" if status is None else describe_status(status))
    os._exit(0)


def reap_processes(child: int) -> int | None:
    """Forget processes that ended, orphans of the tools included, and return the status of ``child`` once it did."""
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == child:
                return status
            if process == 0:
                return None
    return None


def describe_status(status: int) -> str:
    """Return how a process ended, for the reader of a result."""
    code = os.waitstatus_to_exitcode(status)
    return f"its process ended with {code}" if code >= 0 else f"its process was killed by signal {-code}"


def report_end(lifeline: socket.socket, code: int | None, reason: str) -> None:
    """Tell the harness how the tools ended, if it is still there."""
    with contextlib.suppress(OSError):
        send_frame(lifeline, [code, reason[:300]])
