"""Unpack zstandard-compressed logs."""

from __future__ import annotations


def decompress_zstd(data: bytes, size: int) -> bytes:
    """Return what zstandard packed, of a size that is known.

    Raises:
        ValueError: The bytes are not that, or not of that size.
    """
    import pyarrow as pa  # noqa: PLC0415 - half of the start-up time

    try:
        found: bytes = pa.decompress(data, decompressed_size=size, codec="zstd", asbytes=True)
    except OSError as exc:
        raise ValueError(str(exc)) from exc
    return found
