"""Runs one job inside the sandbox, in three processes; only the last one runs the model's program.

::

    supervisor      isolates itself, keeps the time and watches the memory; kills the test runner if needed
    +-- test runner     reads the tests from the harness, calls the program, writes the result
        +-- program     gets its text over the socket; forked before the test runner has read any test

The program has one descriptor, the socket. It cannot trace the test runner or read its memory. Under root it is also
another user, and at level ``unshare`` it is in a deeper process namespace, where the test runner has no process id. So it
can return wrong values, or end, and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
import types
from typing import Any, NoReturn

from gapbench.sandbox.guest import namespaces, test_runner
from gapbench.sandbox.guest.memory_watchdog import (
    EXIT_OUT_OF_MEMORY,
    EXIT_TIMEOUT,
    EXIT_TOO_MANY_FILES,
    exceeds_memory,
    files_in_tmp,
    lists_children,
    open_proc,
)
from gapbench.sandbox.guest.rpc import BrokenRpcError, Peer
from gapbench.sandbox.guest.seccomp import install_filter

# Time after the test runner's own alarm to report which tests passed until then.
RESULT_GRACE_S = 1.0
WATCH_INTERVAL_S = 0.05
RPC_FD = 3
PACKAGES_FOLDER = "/packages"  # as in gapbench/sandbox/command_line.py
# Libraries that start a thread for each core would meet the limit on processes; a plot has no screen.
PACKAGES_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp",  # noqa: S108 - the private one
}  # fmt: skip


def main() -> NoReturn:
    """Run one job: the plan in ``argv[1]``, the job on standard input, the result on standard output."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    builds_namespaces = plan["level"] == "unshare"  # else bubblewrap made them before this process started
    namespaces.die_with_parent()
    proc_fd = open_proc() if builds_namespaces else plan["proc_fd"]
    if proc_fd is not None:
        namespaces.prefer_oom_kill(proc_fd)
    is_root = namespaces.enter_namespaces() if builds_namespaces else os.geteuid() == 0
    namespaces.hide_from_ptrace()  # not sooner, or root would own the id maps of a user namespace
    if proc_fd is not None and not lists_children(proc_fd):
        os.close(proc_fd)
        proc_fd = None
    supervisor = os.getpid()
    child = os.fork()
    if child:
        supervise(child, plan["limits"], proc_fd, limits_tmp=not builds_namespaces)
    if proc_fd is not None:
        os.close(proc_fd)
    namespaces.die_with_parent()
    if builds_namespaces:
        limits = plan["limits"]
        namespaces.build_root(plan["readable"], limits["tmp_bytes"], limits["tmp_files"], plan["packages"])
        namespaces.enter_pid_namespace()
    elif os.getppid() != supervisor:
        os._exit(1)
    start_program_and_test(plan, is_root=is_root)


def start_program_and_test(plan: dict[str, Any], *, is_root: bool) -> NoReturn:
    """Fork the program, then read the job, run the tests and write the result.

    Args:
        plan: As :func:`main` reads it.
        is_root: Whether this process can become other users.
    """
    here, there = socket.socketpair()
    user: int | None = plan["user"] if is_root else None
    namespaces.hide_from_ptrace()
    if os.fork() == 0:
        here.close()
        if plan["packages"]:
            os.environ.update(PACKAGES_ENVIRONMENT)
        run_program(there, plan["limits"], None if user is None else user + 1)
    there.close()
    result_fd = os.dup(1)
    os.set_inheritable(result_fd, False)
    null = os.open("/dev/null", os.O_RDWR)
    namespaces.drop_privileges(user)
    namespaces.die_with_parent()  # changing the user cleared it
    namespaces.hide_from_ptrace()
    namespaces.set_limits(plan["limits"])
    with os.fdopen(0, "rb", closefd=False) as stream:
        job = json.load(stream)
    os.dup2(null, 1)  # what the tests print is not read
    os.dup2(null, 2)
    test_runner.set_alarm(plan["limits"]["wall_s"])
    result = test_runner.evaluate_program(Peer(here, allows_attribute_access=False), job)
    os.write(result_fd, json.dumps(result).encode())
    os._exit(0)


def supervise(child: int, limits: dict[str, Any], proc_fd: int | None, *, limits_tmp: bool) -> NoReturn:
    """Wait for the test runner; kill it, and with it its whole process namespace, if it exceeds a limit.

    Args:
        child: The test runner.
        limits: ``wall_s``, ``total_bytes`` and ``tmp_files`` are checked here.
        proc_fd: The host's /proc, to measure memory. None: total memory is not limited.
        limits_tmp: Whether to count the files in /tmp, because its file system does not limit them.
    """
    for fd in (0, 1):  # only the test runner reads the tests and writes the result
        os.close(fd)
    waiting = select.poll()
    waiting.register(os.pidfd_open(child), select.POLLIN)
    deadline = time.monotonic() + limits["wall_s"] + RESULT_GRACE_S
    code = None
    while code is None and not waiting.poll(WATCH_INTERVAL_S * 1000):
        if time.monotonic() > deadline:
            code = EXIT_TIMEOUT
        elif proc_fd is not None and exceeds_memory(proc_fd, limits["total_bytes"]):
            code = EXIT_OUT_OF_MEMORY
        elif limits_tmp and files_in_tmp() > limits["tmp_files"]:
            code = EXIT_TOO_MANY_FILES
    if code is not None and os.getpid() == 1:  # bubblewrap: the end of process 1 ends the whole namespace
        os._exit(code)
    if code is not None:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os._exit(code or min(abs(os.waitstatus_to_exitcode(status)), 100))


def run_program(sock: socket.socket, limits: dict[str, int], uid: int | None) -> NoReturn:
    """Become the program under test and answer the test runner's calls until the socket is closed."""
    os.dup2(sock.fileno(), RPC_FD, inheritable=False)
    os.closerange(RPC_FD + 1, 1024)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    namespaces.drop_privileges(uid)
    namespaces.hide_from_ptrace()
    namespaces.set_limits(limits)
    install_filter()
    peer = Peer(socket.socket(fileno=RPC_FD), allows_attribute_access=True)
    sock.detach()
    sys.argv = ["program"]
    paths = [*sys.path, PACKAGES_FOLDER]  # last, so that no package hides a module of Python
    sys.path[:] = [path for path in paths if os.path.isdir(path)]  # noqa: PTH112 - pathlib would be a tenth of the start
    try:
        load_program(peer, peer.receive()[1])
        while True:
            kind, *rest = peer.receive()
            peer.handle_request(kind, rest)
    except BrokenRpcError:
        pass
    os._exit(0)


def load_program(peer: Peer, programs: list[str]) -> None:
    """Run the first of ``programs`` that compiles as a module, and offer it to the test runner."""
    module = types.ModuleType("program")
    sys.modules["program"] = module
    peer.objects.append(module)
    error = "no program"
    code = None
    for text in programs:
        try:
            code = compile(text, "program", "exec", dont_inherit=True)
            break
        except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
            error = f"{type(exc).__name__}: {exc}"
    if code is None:
        peer.send(["syntax", error[:300]])
        os._exit(0)
    try:
        exec(code, module.__dict__)  # noqa: S102 - the sandbox is for this
    except BaseException as exc:  # noqa: BLE001 - any exception is a failure of the program
        peer.send(["raised", f"{type(exc).__name__} while loading: {exc}"[:300]])
        os._exit(0)
    peer.send(["loaded", ""])
