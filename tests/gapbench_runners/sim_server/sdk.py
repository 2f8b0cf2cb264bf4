"""What the checks of the vendors' clients share: the reference answer, an image, and how an error is expected."""

from __future__ import annotations

import struct
import zlib

REFERENCE = "The answer is four, that is to say 4, Ünïcödé 😀 and — dashes. " * 3


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\xc8\x1e\x1e"))
    + _chunk(b"IEND", b"")
)
"""One red pixel."""
