"""Messages between the harness and the tools of an episode: four bytes of length, then JSON.

The tools' side is not trusted: the harness checks each length and each value that it reads.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

MAX_FRAME_BYTES = 16 * 2**20
LENGTH = struct.Struct(">I")


class ClosedChannelError(Exception):
    """The other side closed its end."""


def encode_frame(value: Any) -> bytes:
    """Return a value as a frame; half characters (lone surrogates), which UTF-8 does not have, become ``?``."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return LENGTH.pack(len(data)) + data


def send_frame(sock: socket.socket, value: Any) -> None:
    """Send one value."""
    sock.sendall(encode_frame(value))


def receive_frame(sock: socket.socket) -> Any:
    """Return the next value.

    Raises:
        ClosedChannelError: There is none.
    """
    (size,) = LENGTH.unpack(_receive_exactly(sock, LENGTH.size))
    return json.loads(_receive_exactly(sock, size))


def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(min(size - len(data), 2**20))
        if not piece:
            raise ClosedChannelError
        data += piece
    return bytes(data)
