"""Draws a scene with Pillow and its own font: no anti-aliasing and few colors, so that pixels hold and files are small."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .handwriting import strokes
from .scene import GLYPH_HEIGHT, GLYPH_WIDTH, Mark, scene_of

COLORS = {
    "white": (255, 255, 255),
    "black": (20, 20, 20),
    "gray": (205, 205, 205),
    "red": (214, 39, 40),
    "blue": (31, 100, 190),
    "green": (44, 140, 44),
    "orange": (255, 150, 30),
    "purple": (130, 70, 180),
    "brown": (120, 72, 40),
    "pink": (245, 140, 200),
    "cyan": (60, 200, 220),
    "olive": (150, 150, 30),
    "light": (238, 238, 238),
}
_INDEX = {name: index for index, name in enumerate(COLORS)}
_PALETTE = [part for color in COLORS.values() for part in color]


def draw_images(row: Mapping[str, Any]) -> list[bytes]:
    """Return the images of a row of a picture ladder, as PNG files."""
    return [_png(draw_page(page, int(row["scale"]))) for page in scene_of(row)]


def draw_page(page: Mapping[str, Any], scale: int) -> Image.Image:
    """Return one page, each pixel an index into :data:`COLORS`."""
    image = Image.new("P", (page["width"] * scale, page["height"] * scale), 0)
    image.putpalette(_PALETTE)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    for mark in page["marks"]:
        _DRAW[mark[0]](draw, scale, mark[1:])
    return image


@lru_cache(maxsize=4096)
def text_mask(words: str, factor: int, anchor: str) -> Image.Image:
    """Return the pixels of printed words, 255 where there is ink, ``factor`` pixels a unit.

    The words stand at the left, in the middle or at the right of a box of :data:`GLYPH_WIDTH` units a letter, with a
    margin of :data:`GLYPH_WIDTH` units on both sides for wide letters.
    """
    font = _font(factor)
    box = GLYPH_WIDTH * factor * len(words)
    free = box - int(font.getlength(words))
    shift = {"left": 0, "middle": free // 2, "right": free}[anchor]
    mask = Image.new("L", (box + 2 * GLYPH_WIDTH * factor, (GLYPH_HEIGHT + 2) * factor), 0)
    draw = ImageDraw.Draw(mask)
    draw.fontmode = "1"
    draw.text((GLYPH_WIDTH * factor + shift, 0), words, fill=255, font=font)
    return mask


@lru_cache(maxsize=16)
def _font(factor: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    # Without anti-aliasing, outlines of 10 pixels make 6 and 8 the same; the bitmap font keeps them apart.
    return ImageFont.load_default_imagefont() if factor == 1 else ImageFont.load_default(10 * factor)


def text_corner(x: int, y: int, size: int, scale: int) -> tuple[int, int]:
    """Return the pixel of the upper left corner of the mask of printed words."""
    return (x - GLYPH_WIDTH * size) * scale, y * scale - (GLYPH_HEIGHT + 2) * size * scale // 2


def _text(draw: ImageDraw.ImageDraw, scale: int, mark: Mark) -> None:
    x, y, words, size, color, anchor = mark
    draw.bitmap(text_corner(x, y, size, scale), text_mask(words, size * scale, anchor), _INDEX[color])


def _ink(draw: ImageDraw.ImageDraw, scale: int, mark: Mark) -> None:
    x, y, words, size, seed, color = mark
    for points in strokes(x * scale, y * scale, words, size * scale, seed):
        draw.line(points, _INDEX[color], max(1, size * scale // 3))


def _line(draw: ImageDraw.ImageDraw, scale: int, mark: Mark) -> None:
    points, color, width = mark
    draw.line([part * scale for part in points], _INDEX[color], width * scale)


def _box(draw: ImageDraw.ImageDraw, scale: int, mark: Mark) -> None:
    *corners, fill, edge = mark
    draw.rectangle([part * scale for part in corners], _INDEX[fill], _INDEX[edge])


def _disc(draw: ImageDraw.ImageDraw, scale: int, mark: Mark) -> None:
    x, y, radius, fill, edge = mark
    box = [(x - radius) * scale, (y - radius) * scale, (x + radius) * scale, (y + radius) * scale]
    draw.ellipse(box, _INDEX[fill], _INDEX[edge])


def _shape(draw: ImageDraw.ImageDraw, scale: int, mark: Mark) -> None:
    points, fill, edge = mark
    draw.polygon([part * scale for part in points], _INDEX[fill], _INDEX[edge])


_DRAW: Mapping[str, Callable[[ImageDraw.ImageDraw, int, Mark], None]] = {
    "text": _text,
    "ink": _ink,
    "line": _line,
    "box": _box,
    "disc": _disc,
    "shape": _shape,
}


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", bits=4, compress_level=6)  # level 9 is 5 times slower and saves 7 %
    return file.getvalue()
