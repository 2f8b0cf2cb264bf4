"""Two tables that are nearly the same: find what differs.

What grows: cells, digits of a number, differences, and whether the second picture has its rows and columns in another
order. The measure is the number of cells to compare.
"""

from __future__ import annotations

from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, picture_item

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
ROW = 14


def draw(r: Random, rung: Rung) -> Item:
    """Return two pictures of so many cells."""
    s = rung.settings
    columns, rows, digits = s["columns"], s["rows"], s["digits"]
    low, high = 10 ** (digits - 1), 10**digits - 1
    first = {(c, w): r.randint(low, high) for w in range(rows) for c in range(columns)}
    second = dict(first)
    changed = sorted(r.sample(sorted(first), r.choice(s["changes"])))
    for cell in changed:
        second[cell] = _with_other_digit(r, first[cell])
    row_order, column_order = list(range(rows)), list(range(columns))
    if s["moved"] >= 1:
        r.shuffle(row_order)
    if s["moved"] >= 2:
        r.shuffle(column_order)
    pages = [
        picture(first, list(range(columns)), list(range(rows)), digits, "1"),
        picture(second, column_order, row_order, digits, "2"),
    ]
    moved = ("", " Its rows are in another order.", " Its rows and columns are in another order.")[s["moved"]]
    told = [f"{name(w)}{c + 1}: {first[c, w]}, then {second[c, w]}" for c, w in changed]
    answer = sum(second[cell] for cell in changed)
    if len(s["changes"]) == 1 and s["changes"][0] == 1:
        question = f"Picture 2 repeats the table of picture 1, but one number is another.{moved} What is that number in picture 2?"
    else:
        question = (
            f"Picture 2 repeats the table of picture 1, but some numbers are others.{moved} Find all cells whose number "
            "differs. What is the sum of their numbers in picture 2?"
        )
    slip = sum(first[cell] for cell in changed)
    return picture_item(r, pages, question=question, answer=answer, slip=slip, solution=told)


def _with_other_digit(r: Random, number: int) -> int:
    digits = str(number)
    place = r.randrange(len(digits))
    choices = [d for d in "123456789" if d != digits[place]]
    return int(digits[:place] + r.choice(choices) + digits[place + 1 :])


def name(row: int) -> str:
    """Return the name of a row: A to Z, then AA and so on."""
    return (
        LETTERS[row] if row < len(LETTERS) else LETTERS[row // len(LETTERS) - 1] + LETTERS[row % len(LETTERS)]
    )


def picture(
    cells: dict[tuple[int, int], int], columns: list[int], rows: list[int], digits: int, title: str
) -> Page:
    """Return a table with named rows and numbered columns."""
    wide = 6 * digits + 10
    left = 26
    page = Page(max(left + wide * len(columns) + 8, 80), 36 + ROW * len(rows) + 6)
    page.text(6, 10, f"Picture {title}")
    for k, c in enumerate(columns):
        page.text(left + wide * k + wide - 6, 26, c + 1, anchor="right")
    page.line([(left - 4, 33), (page.width - 6, 33)])
    page.line([(left - 4, 20), (left - 4, page.height - 6)])
    for n, w in enumerate(rows):
        y = 42 + ROW * n
        page.text(6, y, name(w))
        for k, c in enumerate(columns):
            page.text(left + wide * k + wide - 6, y, cells[c, w], anchor="right")
    return page


def _rung(columns: int, rows: int, digits: int, changes: tuple[int, ...] = (1,), moved: int = 0) -> Rung:
    settings: dict[str, Any] = {
        "columns": columns,
        "rows": rows,
        "digits": digits,
        "changes": changes,
        "moved": moved,
    }
    return Rung(columns * rows, settings)


LADDER = Ladder(
    name="multimodal/compare",
    measure="cells to compare",
    rungs=[
        _rung(2, 2, 2),
        _rung(2, 4, 2),
        _rung(3, 4, 3),
        _rung(4, 5, 3),
        _rung(5, 6, 3, (1, 2)),
        _rung(6, 8, 4, (1, 2, 3)),
        _rung(7, 10, 4, (2, 3)),
        _rung(8, 13, 4, (2, 3, 4), 1),
        _rung(10, 16, 5, (2, 3, 4), 1),
        _rung(12, 20, 5, (3, 4, 5), 1),
        _rung(14, 26, 5, (3, 4, 5, 6), 2),
        _rung(16, 36, 5, (4, 5, 6, 7, 8), 2),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
