"""Unpack bodies that were sent with a ``content-encoding``, within a bound."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from gapbench.store.table_file import open_packed
from gapbench.traffic.draft import LineError
from gapbench.traffic.recording.exchange import MAX_KEPT_BYTES, Body

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_GZIP_START = b"\x1f"
_MAX_MEMBERS = 1_000
"""Of one body: each copies what is left."""
_PACKED: Mapping[str, Literal["brotli", "zstd"]] = {"br": "brotli", "zstd": "zstd"}


def unpack(body: Body) -> Iterator[tuple[float | None, bytes]]:
    """Yield the content of a body in pieces, each with the instant at which it came. None: that is not known.

    Raises:
        LineError: It cannot be unpacked, or is larger than :data:`MAX_KEPT_BYTES`.
    """
    if body.not_kept is not None:
        raise LineError(f"{body.size_bytes:,} bytes; {body.not_kept}")
    if body.encoding in {"", "identity"}:
        yield from body.pieces
    elif body.encoding in _WINDOW_BITS:
        yield from _inflate(body.pieces, _WINDOW_BITS[body.encoding])
    elif body.encoding in _PACKED:
        packed = io.BytesIO(b"".join(piece for _, piece in body.pieces))
        try:
            with open_packed(packed, _PACKED[body.encoding]) as stream:
                found = stream.read(MAX_KEPT_BYTES + 1)
        except (OSError, EOFError, ValueError) as exc:
            raise LineError(f"cannot be unpacked: {body.encoding}") from exc
        if len(found) > MAX_KEPT_BYTES:
            raise _too_large()
        yield None, found
    else:
        raise LineError(f"cannot be unpacked: content-encoding {body.encoding[:40]!r}")


def unpack_whole(body: Body) -> bytes:
    """Return the content of a body; errors as for :func:`unpack`."""
    return b"".join(piece for _, piece in unpack(body))


def _inflate(pieces: Iterable[tuple[float, bytes]], window_bits: int) -> Iterator[tuple[float, bytes]]:
    unpacker = zlib.decompressobj(window_bits)
    left, members = MAX_KEPT_BYTES, 1
    try:
        for at_s, piece in pieces:
            while piece:
                found = unpacker.decompress(piece, left + 1)
                left -= len(found)
                if left < 0:
                    raise _too_large()
                if found:
                    yield at_s, found
                piece = unpacker.unused_data  # noqa: PLW2901 - gzip may have several members
                if piece:
                    if not piece.startswith(_GZIP_START):
                        return  # what else follows the end is passed over
                    members += 1
                    if members > _MAX_MEMBERS:
                        raise LineError(f"cannot be unpacked: more than {_MAX_MEMBERS:,} gzip members")
                    unpacker = zlib.decompressobj(window_bits)
    except zlib.error as exc:
        raise LineError(f"cannot be unpacked: {exc}") from exc


def _too_large() -> LineError:
    return LineError(f"is larger than {MAX_KEPT_BYTES:,} bytes when unpacked")
