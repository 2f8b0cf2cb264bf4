"""The order of steps inside the sandbox: three processes, of which only the last runs a stranger's code.

::

    keeper      builds the walls, holds the clock, kills the judge when time is up
    +-- judge   reads the tests from the harness, calls the program, writes the verdict
        +-- program   gets its text over the bridge; forked before the judge knew a single test

The program holds one descriptor, the bridge. It is another user than the judge and lives in a deeper
process namespace, where the judge has no number; so it can answer calls wrongly, or end, and nothing else.
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
from gapbench.sandbox.guest.memory_watchdog import open_proc, resident_bytes
from gapbench.sandbox.guest.rpc import BrokenRpcError, Peer
from gapbench.sandbox.guest.seccomp import install_filter

EXIT_TIMEOUT, EXIT_OUT_OF_MEMORY = 124, 125  # the first as timeout(1) says it
# What the judge has beyond its own alarm, to say how far it came.
RESULT_GRACE_S = 1.0
MEMORY_CHECK_S = 0.05
RPC_FD = 3


def main() -> NoReturn:
    """Run one job: settings in ``argv[1]``, the job on standard input, the verdict on standard output."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    namespaces.die_with_parent()
    namespaces.prefer_oom_kill()
    is_ours = plan["walls"] == "unshare"  # else bubblewrap built them before this process began
    is_root = namespaces.enter_namespaces() if is_ours else False
    namespaces.hide_from_ptrace()  # not sooner: the id maps of a user namespace would have been root's
    keeper = os.getpid()
    processes = open_proc() if is_ours else None
    child = os.fork()
    if child:
        supervise(child, plan["limits"], processes)
    if processes is not None:
        os.close(processes)
    namespaces.die_with_parent()
    if is_ours:
        namespaces.build_root(plan["readable"], plan["limits"]["tmp_bytes"])
        namespaces.enter_pid_namespace()
    elif os.getppid() != keeper:
        os._exit(1)
    here, there = socket.socketpair()
    user: int | None = plan["user"] if is_root else None
    namespaces.hide_from_ptrace()
    if os.fork() == 0:
        here.close()
        run_program(there, plan["limits"], None if user is None else user + 1)
    there.close()
    verdict_fd = os.dup(1)
    os.set_inheritable(verdict_fd, False)
    null = os.open("/dev/null", os.O_RDWR)
    namespaces.drop_privileges(user)
    namespaces.die_with_parent()  # changing user cleared it
    namespaces.hide_from_ptrace()
    namespaces.set_limits(plan["limits"])
    with os.fdopen(0, "rb", closefd=False) as stream:
        job = json.load(stream)
    os.dup2(null, 1)  # what tests print is nobody's business
    os.dup2(null, 2)
    test_runner.set_alarm(plan["limits"]["wall_s"])
    result = test_runner.evaluate_program(Peer(here, allows_attribute_access=False), job)
    os.write(verdict_fd, json.dumps(result).encode())
    os._exit(0)


def supervise(child: int, limits: dict[str, Any], proc_fd: int | None) -> NoReturn:
    """Wait for the judge; kill it, and with it its whole process namespace, when time or memory is up.

    Args:
        child: The judge.
        limits: ``wall_s`` and ``total_bytes`` are held here.
        proc_fd: The host's /proc, by which memory is weighed. None: bubblewrap or a container does it,
            or nobody.
    """
    for fd in (0, 1):  # only the judge reads the tests and speaks
        os.close(fd)
    waiting = select.poll()
    waiting.register(os.pidfd_open(child), select.POLLIN)
    deadline = time.monotonic() + limits["wall_s"] + RESULT_GRACE_S
    code = None
    while code is None and not waiting.poll(MEMORY_CHECK_S * 1000):
        if time.monotonic() > deadline:
            code = EXIT_TIMEOUT
        elif proc_fd is not None and resident_bytes(proc_fd, child) > limits["total_bytes"]:
            code = EXIT_OUT_OF_MEMORY
    if code is not None:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os._exit(code or min(abs(os.waitstatus_to_exitcode(status)), 100))


def run_program(sock: socket.socket, limits: dict[str, int], uid: int | None) -> NoReturn:
    """Become the program under test and answer the judge's calls until it hangs up."""
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
    sys.path[:] = [path for path in sys.path if os.path.isdir(path)]  # noqa: PTH112 - no more imports than needed
    try:
        load_program(peer, peer.receive()[1])
        while True:
            kind, *rest = peer.receive()
            peer.handle_request(kind, rest)
    except BrokenRpcError:
        pass
    os._exit(0)


def load_program(peer: Peer, programs: list[str]) -> None:
    """Run the first of ``programs`` that compiles as a module and offer it to the judge."""
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
        exec(code, module.__dict__)  # noqa: S102 - what all the walls are for
    except BaseException as exc:  # noqa: BLE001 - whatever it raises is its result
        peer.send(["raised", f"{type(exc).__name__} while loading: {exc}"[:300]])
        os._exit(0)
    peer.send(["loaded", ""])
