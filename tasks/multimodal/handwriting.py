"""Letters as strokes, written with a shaking hand: the seed moves each point."""

from __future__ import annotations

from random import Random

from .scene import INK_HEIGHT, INK_WIDTH

# The strokes of each letter on a grid of 5 by 7 points: "xy xy …", the next stroke after a slash.
_LETTERS = {
    "0": "10 30 41 45 36 16 05 01 10",
    "1": "12 20 26",
    "2": "01 10 30 41 42 06 46",
    "3": "01 10 30 41 42 33 13 / 33 44 45 36 16 05",
    "4": "20 04 44 / 32 36",
    "5": "40 00 03 33 44 45 36 16 05",
    "6": "31 20 02 05 16 36 45 44 33 13 04",
    "7": "00 40 16 / 13 33",
    "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33",
    "9": "42 33 13 02 01 10 30 41 42 36",
    "A": "06 20 46 / 14 34",
    "B": "00 06 36 45 44 33 03 / 00 30 41 42 33",
    "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46 / 03 33",
    "F": "40 00 06 / 03 33",
    "G": "41 30 10 01 05 16 36 45 43 23",
    "H": "00 06 / 40 46 / 03 43",
    "K": "00 06 / 40 03 46",
    "L": "00 06 46",
    "M": "06 00 23 40 46",
    "N": "06 00 46 40",
    "P": "06 00 30 41 42 33 03",
    "R": "06 00 30 41 42 33 03 / 23 46",
    "S": "41 30 10 01 02 44 45 36 16 05",
    "T": "00 40 / 20 26",
    "U": "00 05 16 36 45 40",
    "V": "00 26 40",
    "W": "00 16 23 36 40",
    "X": "00 46 / 40 06",
    '"': "10 12 / 30 32",
}


def strokes(x: int, y: int, words: str, unit: int, seed: int) -> list[list[tuple[int, int]]]:
    """Return the strokes of words from ``x`` on, with their middle at ``y``.

    Args:
        x: Left end, pixels.
        y: Vertical middle, pixels.
        words: Letters that have strokes.
        unit: Pixels from one point of the grid to the next.
        seed: Of the shaking.
    """
    r = Random(seed)
    shake = max(1, unit // 4)
    found: list[list[tuple[int, int]]] = []
    for place, letter in enumerate(words):
        left = x + place * INK_WIDTH * unit + r.randint(-shake, shake)
        top = y - INK_HEIGHT * unit // 2 + r.randint(-shake, shake)
        found += [
            [
                (
                    left + int(point[0]) * unit * 7 // 8 + r.randint(-shake, shake) // 2,
                    top + int(point[1]) * unit + r.randint(-shake, shake) // 2,
                )
                for point in stroke.split()
            ]
            for stroke in _LETTERS[letter].split("/")
        ]
    return found
