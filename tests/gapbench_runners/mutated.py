"""Streams with a few mutations: what a server of another version, a broken gateway or an attacker may send."""

from __future__ import annotations

from typing import Any

VALUES = (
    b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"true", b"99999999999999999999999999", b"0.5", b'"\\ud800"',
    b'{"a":', b"\x00", b"\xff\xfe", b"data: ", b"\n\n", b"\r", b"\r\n\r\n", b"event: x\n", b"[DONE]", b":", b"[[[[[[[[[[",
)  # fmt: skip


def mutated(data: bytes, draw: Any) -> bytes:
    """Return a stream with a few mutations; ``draw`` is a ``random.Random``."""
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(6)
        if kind == 0:
            data = data[:at] + data[at + draw.randint(1, 40) :]
        elif kind == 1:
            data = data[:at] + draw.choice(VALUES) + data[at:]
        elif kind == 2:
            # A value of the JSON is replaced: after a colon, up to a comma or a bracket.
            colon = data.find(b":", at)
            end = min(
                (found for mark in b",}]\n" if (found := data.find(mark, colon)) > 0), default=len(data)
            )
            data = data[: colon + 1] + draw.choice(VALUES) + data[end:]
        elif kind == 3:
            data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        elif kind == 4:
            end = data.find(b"\n\n", at) + 2
            data = data[:at] + data[at:end] * draw.randint(2, 3) + data[end:]
        else:
            data = data[:at]
    return data
