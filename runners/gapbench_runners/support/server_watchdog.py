"""Stands between bench and a server that it owns: when bench is gone, however it went, the server's whole group goes too.

A SIGKILL leaves bench no time to stop anything, and what it had started would hold the GPU, and the port that a
resumed run asks. Run as ``python keeper.py PARENT_PID PROGRAM ARGUMENT…`` in a session of its own; standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

POLL_S = 0.5
GRACE_S = 20.0
"""From asking to killing, once bench is gone."""


def main() -> int:
    """Run the program and end as it does."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Who asks, asks the whole group, the server too. A handler, unlike SIG_IGN, is not inherited by it.
        signal.signal(number, lambda *_: None)
    try:
        server = subprocess.Popen(command)
    except OSError as exc:
        sys.stderr.write(f"cannot start {command[0]!r}: {exc.strerror}\n")
        return 127
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    code = server.wait()
    # A server that dies badly leaves its workers behind.
    os.killpg(0, signal.SIGTERM)
    if os.getppid() != parent:
        os.killpg(0, signal.SIGKILL)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _watch_parent(parent: int) -> None:
    """Wait until the parent is gone, then end the whole group, this process included."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
