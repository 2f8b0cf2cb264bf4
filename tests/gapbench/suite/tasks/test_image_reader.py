"""Images: every way to hold one gives the same bytes, and what is none is refused."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.suite.tasks.image_reader import MAX_IMAGE_BYTES, ImageError, list_images, read_image

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
    with pytest.raises(ImageError, match="is not a PNG, JPEG, GIF or WebP image; convert it"):
        read_image(data, tmp_path)


def test_a_large_image_is_refused(tmp_path: Path) -> None:
    """20 MiB is what the providers take."""
    write(tmp_path, PNG + b"\0" * MAX_IMAGE_BYTES, "a.png")

    with pytest.raises(ImageError, match="scale it down"):
        read_image("a.png", tmp_path)


IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(range(255, -1, -1)),
    "image/gif": b"GIF89a" + b"\xfb\xff\xbf" * 50,
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 " + b"\xff\xef" * 61,
}
WRAPS: dict[str, Callable[[str], str]] = {
    "one line": lambda text: text,
    "MIME lines": lambda text: "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
    "PEM lines and a last one": lambda text: (
        "\n".join(text[at : at + 64] for at in range(0, len(text), 64)) + "\n"
    ),
    "blanks around": lambda text: f"  {text}\t\n",
    "tabs in front of lines": lambda text: "\n\t".join(text[at : at + 60] for at in range(0, len(text), 60)),
}
ALPHABETS = {"standard": base64.b64encode, "for URLs": base64.urlsafe_b64encode}
HEADS = ["", "data:image/png;base64,", "DATA:image/png;BASE64,", "data:image/png;charset=utf-8;base64,", "data:;base64,", " data:image/x;base64, "]  # fmt: skip


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("kind", IMAGES)
def test_base64_of_any_hand_is_the_same_image(tmp_path: Path, kind: str, wrap: str, alphabet: str) -> None:
    """Line breaks, the alphabet for URLs, three lengths with and without padding, six heads: 36 forms of each."""
    for cut, is_padded, head in itertools.product((0, 1, 2), (True, False), HEADS):
        data = IMAGES[kind][: len(IMAGES[kind]) - cut]
        text = ALPHABETS[alphabet](data).decode()
        text = head + WRAPS[wrap](text if is_padded else text.rstrip("="))

        assert (kind, data) == read_image(text, tmp_path), text


def test_a_data_uri_may_be_percent_encoded(tmp_path: Path) -> None:
    """+, / and = as %2B, %2F and %3D, and line ends as %0A."""
    text = base64.b64encode(IMAGES["image/png"]).decode()
    text = text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")

    assert IMAGES["image/png"] == read_image(f"data:image/png;base64,{text[:40]}%0A{text[40:]}", tmp_path)[1]


@pytest.mark.parametrize(
    "text", ["data:image/png;base64,iVBOR=w0KGgo", "data:image/png;base64,abcde", "data:,x"]
)
def test_broken_base64_is_refused(tmp_path: Path, text: str) -> None:
    """A pad in the middle, a single digit left over, no base64 at all."""
    with pytest.raises(ImageError, match="is not base64; write data:image/png;base64,…"):
        read_image(text, tmp_path)


A, B = IMAGES["image/png"], IMAGES["image/jpeg"]


@pytest.mark.parametrize(
    "given",
    [
        ["a.png", "b.jpg"],
        ("a.png", "b.jpg"),
        '["a.png", "b.jpg"]',
        [A, B],
        [{"bytes": A, "path": "x"}, {"bytes": B, "path": None}],
        [{"bytes": None, "path": "a.png"}, {"path": "b.jpg"}],
        [{"bytes": base64.b64encode(A).decode()}, {"base64": base64.encodebytes(B).decode()}],
        [base64.b64encode(A).decode(), "data:image/jpeg;base64," + base64.b64encode(B).decode()],
        [["a.png"], ["b.jpg"]],
        [None, "a.png", "", "b.jpg", {"bytes": None, "path": None}],
        [{"url": "data:image/png;base64," + base64.b64encode(A).decode()}, "b.jpg"],
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_column_may_hold_several_images(tmp_path: Path, given: object) -> None:
    """Paths, bytes, base64 and the mappings of Hugging Face, in the order of the list; missing ones are left out."""
    write(tmp_path, A, "a.png")
    write(tmp_path, B, "b.jpg")

    assert [A, B] == [read_image(one, tmp_path)[1] for one in list_images(given)]


@pytest.mark.parametrize(
    "given", [None, "", "  ", [], "[]", [None], {"bytes": None, "path": None}, {"bytes": b"", "path": ""}]
)
def test_a_missing_image_is_none(given: object) -> None:
    """Null, an empty cell, an empty list, a mapping without bytes and path."""
    assert [] == list_images(given)


def test_a_path_in_brackets_is_a_path(tmp_path: Path) -> None:
    """A name that only begins like a list."""
    write(tmp_path, A, "[1].png")

    assert [A] == [read_image(one, tmp_path)[1] for one in list_images("[1].png")]
