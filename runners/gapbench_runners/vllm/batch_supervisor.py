"""Runs a program for hours beside bench, and after it: keeps its log, and writes down how it ended.

Run as ``python batch_supervisor.py FOLDER MACHINE_LOCK PROGRAM ARGUMENT…``; it returns at once, when the program has been
started in a session of its own. As long as the program runs, ``FOLDER/lock`` and the file ``MACHINE_LOCK`` are locked; if
another supervisor has locked that file, nothing is started. Uses the standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

GRACE_S = 20.0
"""Time between SIGTERM and SIGKILL."""
BUSY_CODE = 75
"""Exit code when another supervisor holds the lock of the machine."""
_CODES = {"started": 0, "busy": BUSY_CODE}


def main() -> int:
    """Start the supervisor in the background, and return when the program runs or could not be started."""
    folder, machine_lock, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(told) as news:
            return _CODES.get(news.read(), 1)
    os.close(told)
    os.setsid()
    if _lock_machine(machine_lock):
        _supervise(folder, command, tell)
    else:
        os.write(tell, b"busy")
    return 0


def _lock_machine(path: str) -> bool:
    """Lock the machine until this process ends, however it ends; returns False if another supervisor has it locked."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644))
    # Another user may have made the file: reading is enough to lock it.
    lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _supervise(folder: Path, command: list[str], tell: int) -> None:
    # Held until this process ends, however it ends.
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with (folder / "vllm.log").open("ab") as log:
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDONLY) if stream == 0 else log.fileno(), stream)
        child: list[subprocess.Popen[bytes]] = []
        # Signals go to the whole group, so the program gets them too.
        signal.signal(signal.SIGTERM, lambda *_: _kill_later(child))
        began_s = time.monotonic()
        try:
            child.append(subprocess.Popen(command))
        except OSError as exc:
            sys.stderr.write(f"cannot start {command[0]!r}: {exc.strerror}\n")
            sys.stderr.flush()
            _write(folder / "ended.json", {"exit_code": 127, "engine_s": 0.0})
            os.write(tell, b"failed")
            return
        _write(folder / "process.json", {"group": os.getpgid(0)})
        os.write(tell, b"started")
        os.close(tell)
        code = child[0].wait()
        _write(folder / "ended.json", {"exit_code": code, "engine_s": time.monotonic() - began_s})
    # An engine that crashes leaves its workers behind.
    os.killpg(0, signal.SIGKILL)


def _kill_later(child: list[subprocess.Popen[bytes]]) -> None:
    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            child[0].kill()

    if child:
        timer = threading.Timer(GRACE_S, kill)
        timer.daemon = True
        timer.start()


def _write(path: Path, value: object) -> None:
    """Write a file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
