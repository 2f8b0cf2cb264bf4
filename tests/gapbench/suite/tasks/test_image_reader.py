"""Images: every way to hold one gives the same bytes, and what is none is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gapbench.suite.tasks.image_reader import MAX_IMAGE_BYTES, ImageError, read_image

PNG = b"\x89PNG\r\n\x1a\n..."


def write(folder: Path, content: bytes, name: str) -> None:
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_is_known_by_its_bytes(tmp_path: Path, data: bytes, kind: str) -> None:
    """As a file of any name, a data URI, bytes, or the form of Hugging Face."""
    write(tmp_path, data, "a.bin")
    uri = f"data:image/whatever;base64,{base64.b64encode(data).decode()}"
    forms = ("a.bin", uri, data, {"bytes": data, "path": None}, {"bytes": None, "path": "a.bin"})

    assert [(kind, data)] * 5 == [read_image(form, tmp_path) for form in forms]


@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0WAVEfmt ", b"", b"<svg/>", b"GIF"])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    """A RIFF file may be a sound."""
    with pytest.raises(ImageError, match="is no PNG, JPEG, GIF or WebP; convert it"):
        read_image(data, tmp_path)


def test_a_large_image_is_refused(tmp_path: Path) -> None:
    """20 MiB is what the providers take."""
    write(tmp_path, PNG + b"\0" * MAX_IMAGE_BYTES, "a.png")

    with pytest.raises(ImageError, match="scale it down"):
        read_image("a.png", tmp_path)
