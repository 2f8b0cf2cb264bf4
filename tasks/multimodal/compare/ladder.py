"""Two tables that are nearly the same: find what differs.

What grows: cells, digits of a number, differences, whether the second picture has its rows and columns in another
order, and from rung 7 on whether a difference is one of words at all: each cell has a dot, and some cells differ in
nothing but its color. The measure is the number of cells to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, picture_item

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
ROW = 14
DOT_COLORS = ("red", "blue", "green", "orange")

Cell = tuple[int, int]
"""Column and row."""


def draw(r: Random, rung: Rung) -> Item:
    """Return two pictures of so many cells."""
    s = rung.settings
    columns, rows, digits = s["columns"], s["rows"], s["digits"]
    low, high = 10 ** (digits - 1), 10**digits - 1
    first = {(c, w): r.randint(low, high) for w in range(rows) for c in range(columns)}
    second = dict(first)
    changed = sorted(r.sample(sorted(first), r.choice(s["changes"])))
    first_dots, second_dots = _dots(r, sorted(first), changed, s["dots"])
    for cell in changed:
        if first_dots.get(cell) == second_dots.get(cell):
            second[cell] = _with_other_digit(r, first[cell])
    row_order, column_order = list(range(rows)), list(range(columns))
    if s["moved"] >= 1:
        r.shuffle(row_order)
    if s["moved"] >= 2:
        r.shuffle(column_order)
    pages = [
        picture(first, first_dots, list(range(columns)), list(range(rows)), digits, "1"),
        picture(second, second_dots, column_order, row_order, digits, "2"),
    ]
    moved = ("", " Its rows are in another order.", " Its rows and columns are in another order.")[s["moved"]]
    told = [
        f"{name(w)}{c + 1}: {first[c, w]}{_shown(first_dots, (c, w))}, then {second[c, w]}{_shown(second_dots, (c, w))}"
        for c, w in changed
    ]
    answer = sum(second[cell] for cell in changed)
    if len(s["changes"]) == 1 and s["changes"][0] == 1:
        question = f"Picture 2 repeats the table of picture 1, but one number is another.{moved} What is that number in picture 2?"
    elif s["dots"]:
        question = (
            "Picture 2 repeats the table of picture 1, but some cells differ, in their number or in the color of their "
            f"dot.{moved} Find all cells that differ. What is the sum of their numbers in picture 2?"
        )
    else:
        question = (
            f"Picture 2 repeats the table of picture 1, but some numbers are others.{moved} Find all cells whose number "
            "differs. What is the sum of their numbers in picture 2?"
        )
    unseen = [cell for cell in changed if first[cell] == second[cell]]
    slip = sum((second if unseen else first)[cell] for cell in changed if cell not in unseen)
    return picture_item(r, pages, question=question, answer=answer, slip=slip, solution=told)


def _dots(
    r: Random, cells: Sequence[Cell], changed: Sequence[Cell], share: float
) -> tuple[dict[Cell, str], dict[Cell, str]]:
    """Return the colors of the dots in both pictures; about so large a share of the changed cells gets another color."""
    if not share:
        return {}, {}
    first = {cell: r.choice(DOT_COLORS) for cell in cells}
    second = dict(first)
    for cell in changed:
        if r.random() < share:
            second[cell] = r.choice([color for color in DOT_COLORS if color != first[cell]])
    return first, second


def _shown(dots: Mapping[Cell, str], cell: Cell) -> str:
    return f" ({dots[cell]} dot)" if dots else ""


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
    cells: Mapping[Cell, int],
    dots: Mapping[Cell, str],
    columns: Sequence[int],
    rows: Sequence[int],
    digits: int,
    title: str,
) -> Page:
    """Return a table with named rows and numbered columns, and a dot left of each number if there are dots."""
    wide = 6 * digits + (18 if dots else 10)
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
            if dots:
                page.disc(left + wide * k + 5, y, 3, dots[c, w])
            page.text(left + wide * k + wide - 6, y, cells[c, w], anchor="right")
    return page


def _rung(
    columns: int, rows: int, digits: int, changes: tuple[int, ...] = (1,), moved: int = 0, dots: float = 0
) -> Rung:
    settings: dict[str, Any] = {
        "columns": columns,
        "rows": rows,
        "digits": digits,
        "changes": changes,
        "moved": moved,
        "dots": dots,
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
        _rung(7, 10, 4, (2, 3), 0, 0.2),
        _rung(8, 13, 4, (2, 3, 4), 1, 0.3),
        _rung(10, 16, 5, (2, 3, 4), 1, 0.4),
        _rung(12, 20, 5, (3, 4, 5), 1, 0.5),
        _rung(14, 26, 5, (3, 4, 5, 6), 2, 0.5),
        _rung(16, 36, 5, (4, 5, 6, 7, 8), 2, 0.5),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
