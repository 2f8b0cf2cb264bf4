"""A watchdog between bench and a server that it started: when bench is gone for any reason, it ends the server's group.

After a SIGKILL, bench cannot stop anything itself, and the server would keep the GPU and the port that a resumed run needs.
Run as ``python server_watchdog.py PARENT_PID PROGRAM ARGUMENT…`` in a new session. Uses the standard library only.
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
"""Time between SIGTERM and SIGKILL, once bench is gone."""


def main() -> int:
    """Run the program and exit with its status."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Signals go to the whole group, so the server gets them too. Unlike SIG_IGN, a handler is not inherited.
        signal.signal(number, lambda *_: None)
    try:
        server = subprocess.Popen(command)
    except OSError as exc:
        sys.stderr.write(f"cannot start {command[0]!r}: {exc.strerror}\n")
        return 127
    threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    code = server.wait()
    # A server that crashes leaves its workers behind.
    os.killpg(0, signal.SIGTERM)
    if os.getppid() != parent:
        os.killpg(0, signal.SIGKILL)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _watch_parent(parent: int) -> None:
    """Wait until the parent is gone, then end the whole group, including this process."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
