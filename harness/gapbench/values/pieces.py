"""Pieces of an answer that a runner yields together."""

from __future__ import annotations

from typing import NamedTuple


class Pieces(NamedTuple):
    """Pieces of an answer that follow each other and carry nothing but text.

    Attributes:
        texts: The pieces; none is empty.
        received_s: When the bytes of each were read from the socket.
    """

    texts: list[str]
    received_s: list[float]
