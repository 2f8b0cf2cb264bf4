"""The images of a prompt: files next to the data, data URIs, base64, bytes, or addresses."""

from __future__ import annotations

import base64
import binascii
import json
import os.path
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gapbench.suite.tasks.image_download import ImageDownloadError, download_image

MAX_IMAGE_BYTES = 20 * 2**20
_BASE64_ALPHABET = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
_SOURCE_KEYS = ("bytes", "path", "url", "base64", "data")
"""Keys of a mapping that holds an image; the first two are what Hugging Face and Parquet files have."""


class ImageError(ValueError):
    """An image cannot be read, or is none."""


def list_images(given: Any) -> list[Any]:
    """Return the images that a column holds: one, several in a list (also as JSON text in a CSV cell), or none.

    A missing image (null, "", or a mapping with neither bytes nor path) is left out.
    """
    if isinstance(given, str) and given.lstrip().startswith("["):
        try:
            given = json.loads(given)
        except ValueError:
            return [given]
    if isinstance(given, (list, tuple)):
        return [image for inner in given for image in list_images(inner)]
    source = _image_source(given) if isinstance(given, Mapping) else given
    return [] if source is None or (isinstance(source, str) and not source.strip()) else [given]


def read_image(given: Any, base: Path, *, allow_urls: bool = False) -> tuple[str, bytes]:
    """Return an image's media type, from its first bytes, and its bytes.

    Args:
        given: A path relative to ``base``, a data URI, base64, the bytes, or a mapping with ``bytes`` or ``path``
            as Hugging Face and Parquet files hold images. Base64 may have line breaks, the alphabet for URLs, and no
            padding.
        base: Nothing outside this folder is read, through links neither.
        allow_urls: Whether a public http or https address will do as well.

    Raises:
        ImageError: It cannot be read, is too large, or is not a PNG, JPEG, GIF or WebP.
    """
    if isinstance(given, Mapping):
        given = _image_source(given) or ""
    if not isinstance(given, bytes):
        given = str(given)
    shown = repr(given[:60])
    data = given if isinstance(given, bytes) else _read_image_bytes(given, base, allow_urls=allow_urls)
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageError(f"{shown} is larger than {MAX_IMAGE_BYTES} bytes; scale it down")
    kind = detect_media_type(data)
    if kind is None:
        raise ImageError(f"{shown} is not a PNG, JPEG, GIF or WebP image; convert it to one")
    return kind, data


def _image_source(given: Mapping[str, Any]) -> Any:
    return next((given[key] for key in _SOURCE_KEYS if given.get(key)), None)


def _read_image_bytes(given: str, base: Path, *, allow_urls: bool) -> bytes:
    text = given.strip()
    if text[:5].lower() == "data:":
        return _read_data_uri(text)
    inline = _decode_base64(text)
    if inline is not None and detect_media_type(inline) is not None:
        return inline
    if text.lower().startswith(("http://", "https://")):
        if not allow_urls:
            raise ImageError(
                f"{text[:200]!r} is an address; save the image next to the data, so that every run sees the same bytes, "
                "or set `image_urls: true`"
            )
        try:
            return download_image(text, MAX_IMAGE_BYTES)
        except ImageDownloadError as exc:
            raise ImageError(str(exc)) from exc
    return _read_file(given, base)


def _read_data_uri(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    data = _decode_base64(unquote(body)) if head.strip().lower().endswith(";base64") else None
    if data is None:
        raise ImageError(f"{uri[:40]!r}… is not base64; write data:image/png;base64,…")
    return data


def _decode_base64(text: str) -> bytes | None:
    """Return the bytes of base64 of either alphabet, with or without line breaks and padding. None: it is not base64."""
    compact = "".join(text.split())
    if not _BASE64_ALPHABET.fullmatch(compact):
        return None
    digits = compact.rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        return None


def _read_file(given: str, base: Path) -> bytes:
    try:
        root = os.path.realpath(base)
        file = Path(os.path.realpath(os.path.join(root, given)))  # noqa: PTH118 - resolve() raises on loops of links
        is_inside = file.is_relative_to(root)
        data = b""
        if is_inside:
            with file.open("rb") as opened:
                data = opened.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        said = getattr(exc, "strerror", None) or str(exc)
        raise ImageError(f"image {given[:200]!r} in {base} cannot be read: {said}; check the path") from exc
    if not is_inside:
        raise ImageError(f"{given[:200]!r} is outside the folder of the data; images must be inside it")
    return data


def detect_media_type(data: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, GIF or WebP by its first bytes, or None for any other content."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None
