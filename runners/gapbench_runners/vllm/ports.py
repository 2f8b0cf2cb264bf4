"""Find a free port, and check which processes listen on a port."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

TCP_LISTEN_STATE = "0A"
LOOPBACK_OR_ANY = {
    "0100007F",
    "00000000",
    "0000000000000000FFFF00000100007F",
    "0" * 32,
}
"""Addresses that accept connections to 127.0.0.1, as /proc/net/tcp and tcp6 write them."""


def find_free_port() -> int:
    """Return a loopback port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Return whether a server could listen on a loopback port. Connections in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            return exc.errno != errno.EADDRINUSE
        return True


def is_owned_by_group(port: int, group: int) -> bool:
    """Return whether every listener on a loopback port belongs to a process group.

    Two servers of one user can share a port (SO_REUSEPORT); then either may answer. Also True if the system does not
    report listeners.
    """
    listening = _listener_inodes(port)
    return not listening or listening <= _socket_inodes(group)


def _listener_inodes(port: int) -> set[str]:
    """Return the inodes of the sockets that accept connections to a port of 127.0.0.1; empty without /proc."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].partition(":")
                if fields[3] == TCP_LISTEN_STATE and int(number, 16) == port and address in LOOPBACK_OR_ANY:
                    found.add(fields[9])
    return found


def _socket_inodes(group: int) -> set[str]:
    """Return the inodes of the sockets that a process group has open."""
    found: set[str] = set()
    for entry in Path("/proc").iterdir():
        # A process may end while it is inspected.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                for descriptor in (entry / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        name = os.readlink(descriptor)  # noqa: PTH115 - the target is not a path
                        if name.startswith("socket:["):
                            found.add(name[8:-1])
    return found
