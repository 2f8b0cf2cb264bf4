"""A drawing board whose pixels are the same on every machine: no anti-aliasing, a bitmap font, few colours."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 560, 400
COLOURS = {
    "white": (255, 255, 255),
    "black": (20, 20, 20),
    "grey": (205, 205, 205),
    "red": (214, 39, 40),
    "blue": (31, 119, 180),
    "green": (44, 140, 44),
    "orange": (255, 150, 30),
    "purple": (130, 80, 180),
}
SCALE = 2  # the bitmap font is 11 pixels high, too small to be read by all


class Canvas:
    """One image in the making."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH, HEIGHT), COLOURS["white"])
        self.draw = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default_imagefont()

    def text(self, x: float, y: float, words: str, anchor: str = "left", colour: str = "black") -> None:
        """Write ``words`` with their vertical middle at ``y`` and their left end, middle or right end at ``x``."""
        left, top, right, bottom = self.font.getbbox(words)
        # The font's first letter reaches a pixel further to the left than its box says.
        size = (int(right - left) + 1, int(bottom - top))
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).text((1, 0), words, fill=255, font=self.font)
        mask = mask.resize((size[0] * SCALE, size[1] * SCALE), Image.Resampling.NEAREST)
        at = x - {"left": 0, "middle": mask.width // 2, "right": mask.width}[anchor]
        self.image.paste(COLOURS[colour], (int(at), int(y - mask.height // 2)), mask)

    def line(self, points: list[tuple[float, float]], colour: str = "black", width: int = 2) -> None:
        """Draw a line through ``points``."""
        self.draw.line([(int(x), int(y)) for x, y in points], COLOURS[colour], width)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str, *, outline: bool = True) -> None:
        """Fill a rectangle."""
        edge = COLOURS["black"] if outline else None
        self.draw.rectangle((int(x0), int(y0), int(x1), int(y1)), COLOURS[colour], edge)

    def disc(self, x: float, y: float, radius: int, colour: str) -> None:
        """Fill a circle."""
        box = (int(x) - radius, int(y) - radius, int(x) + radius, int(y) + radius)
        self.draw.ellipse(box, COLOURS[colour], COLOURS["black"])

    def slice(self, x: int, y: int, radius: int, degrees: tuple[float, float], colour: str) -> None:
        """Fill a slice of a circle, from and to in degrees, clockwise from three o'clock."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self.draw.pieslice(box, degrees[0], degrees[1], COLOURS[colour], COLOURS["black"])

    def shape(self, points: list[tuple[float, float]], colour: str) -> None:
        """Fill a polygon."""
        self.draw.polygon([(int(x), int(y)) for x, y in points], COLOURS[colour], COLOURS["black"])

    def save(self, file: Path) -> None:
        """Write a PNG with a palette."""
        self.palette().save(file, format="PNG", optimize=True)

    def palette(self) -> Image.Image:
        """Return the image with the fixed palette, each pixel an index into :data:`COLOURS`."""
        board = Image.new("P", (1, 1))
        board.putpalette([part for colour in COLOURS.values() for part in colour])
        return self.image.quantize(palette=board, dither=Image.Dither.NONE)
