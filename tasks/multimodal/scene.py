"""What an image shows: pages of marks, with coordinates and texts as drawn.

A mark is a list: its kind, then numbers, texts and colors. Lengths are whole *units*: a page drawn at scale 2 has two
pixels a unit. An item's images are drawn from its scene alone (:mod:`.canvas`), so whoever has the scene has what a
careful reader of the image has.

========= =========================================
kind      then
========= =========================================
``text``  left x, middle y, words, size, color, anchor
``ink``   left x, middle y, words, size, seed, color; written by hand
``line``  [x, y, x, y, …], color, width
``box``   x0, y0, x1, y1, fill, edge
``disc``  x, y, radius, fill, edge
``shape`` [x, y, x, y, …], fill, edge
========= =========================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from gapbench.ladder import Item

GLYPH_WIDTH, GLYPH_HEIGHT = 6, 11
"""Units of a printed digit of size 1."""
INK_WIDTH, INK_HEIGHT = 5, 6
"""Units of a written letter of size 1, with the space after it."""
SCALES = (1, 2, 3)
"""Pixels a unit: each item is drawn at one of three resolutions."""

Mark = list[Any]


class Page:
    """One image in the making."""

    def __init__(self, width: int, height: int) -> None:
        """Start an empty page of so many units."""
        self.width, self.height = width, height
        self.marks: list[Mark] = []

    def text(
        self, x: int, y: int, words: object, *, size: int = 1, anchor: str = "left", color: str = "black"
    ) -> None:
        """Print words with their vertical middle at ``y`` and their left end, middle or right end at ``x``.

        A letter counts as :data:`GLYPH_WIDTH`, as wide as a digit; words of narrow letters leave room on the other side.
        """
        width = GLYPH_WIDTH * size * len(str(words))
        left = x - {"left": 0, "middle": width // 2, "right": width}[anchor]
        self.marks.append(["text", left, y, str(words), size, color, anchor])

    def ink(self, x: int, y: int, words: object, seed: int, *, size: int = 3, color: str = "blue") -> None:
        """Write words by hand, from ``x`` on; the seed gives the jitter."""
        self.marks.append(["ink", x, y, str(words), size, seed, color])

    def line(self, points: Sequence[tuple[int, int]], color: str = "black", width: int = 1) -> None:
        """Draw a line through points."""
        self.marks.append(["line", [part for point in points for part in point], color, width])

    def box(self, x0: int, y0: int, x1: int, y1: int, fill: str, edge: str = "black") -> None:
        """Fill a rectangle."""
        self.marks.append(["box", x0, y0, x1, y1, fill, edge])

    def disc(self, x: int, y: int, radius: int, fill: str, edge: str = "black") -> None:
        """Fill a circle."""
        self.marks.append(["disc", x, y, radius, fill, edge])

    def shape(self, points: Sequence[tuple[int, int]], fill: str, edge: str = "black") -> None:
        """Fill a polygon."""
        self.marks.append(["shape", [part for point in points for part in point], fill, edge])

    def described(self) -> dict[str, Any]:
        """Return the page as a column holds it."""
        return {"width": self.width, "height": self.height, "marks": self.marks}


def picture_item(
    r: Random, pages: Sequence[Page], *, question: str, answer: int, slip: int, solution: Sequence[str]
) -> Item:
    """Return an item whose row has its scene and the scale at which it is drawn."""
    return Item(
        question=question,
        answer=answer,
        slip=slip if slip != answer else answer + 1,
        solution="\n".join(solution),
        extra={"scale": r.choice(SCALES), "scene": [page.described() for page in pages]},
    )


def join_words(words: Sequence[object]) -> str:
    """Return ``a, b and c``."""
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def draw_until(r: Random, make: Callable[[Random], Any], is_good: Callable[[Any], bool]) -> Any:
    """Return the first made thing that is good."""
    for _ in range(2000):
        made = make(r)
        if is_good(made):
            return made
    raise AssertionError("no draw of 2000 is good; the rung's settings contradict each other")


def scene_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pages of a row."""
    return list(row["scene"])
