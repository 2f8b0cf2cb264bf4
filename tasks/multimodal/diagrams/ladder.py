"""Flow charts with loops: follow the arrows for so many boxes and carry a number along.

What grows: boxes to pass, boxes on the page, exits that depend on the number. The measure is the number of boxes
passed, each a dependent step, as the puzzles of *The Illusion of Thinking* (arXiv 2506.06941) count moves.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, draw_until, picture_item

MODULUS = 1000
CELL_X, CELL_Y = 84, 60
BOX_X, BOX_Y = 23, 12
"""Half the width and height of a box."""
Cell = tuple[int, int]
"""Column and row."""


class Node(NamedTuple):
    """One box: what it does, and where its arrows go: one black, or blue and red."""

    sign: str
    amount: int
    exits: tuple[Cell, ...]

    def apply(self, x: int) -> int:
        """Return the number after this box."""
        result = {"+": x + self.amount, "-": x - self.amount, "x": x * self.amount}[self.sign]
        return result % MODULUS

    def onward(self, x: int) -> Cell:
        """Return the next box."""
        return self.exits[0] if len(self.exits) == 1 or x % 2 == 0 else self.exits[1]


class Walk(NamedTuple):
    """A chart, where to begin and with which number, and each box passed with the number after it."""

    nodes: dict[Cell, Node]
    start: Cell
    first: int
    way: list[tuple[Cell, int]]


def draw(r: Random, rung: Rung) -> Item:
    """Return a flow chart and a walk of so many boxes through it."""
    s = rung.settings
    columns, rows, steps = s["columns"], s["rows"], s["steps"]

    def make(r: Random) -> Walk | None:
        nodes = {
            (c, w): _node(r, (c, w), columns, rows, s["forks"]) for c in range(columns) for w in range(rows)
        }
        cells = sorted(nodes)
        tries = (walk(nodes, r.choice(cells), r.randint(1, 99), steps) for _ in range(60))
        # A walk that stays in few boxes needs little of the picture.
        return next(
            (w for w in tries if w and len({c for c, _ in w.way}) >= min(steps, len(nodes) // 5)), None
        )

    nodes, start, first, way = draw_until(r, make, lambda made: made is not None)
    told = [f"{k + 1}: {nodes[cell].sign} {nodes[cell].amount} gives {x}" for k, (cell, x) in enumerate(way)]
    forks = (
        " From a box with two arrows, take the blue one if x is then even, and the red one if x is odd."
        if s["forks"]
        else ""
    )
    boxes = "1 box, the orange one itself" if steps == 1 else f"{steps} boxes, the orange one being the first"
    question = (
        f"x is {first}. Begin at the orange box and follow the arrows. Each box changes x as it says; keep only the "
        f"last three digits of x, and if x falls below 0, add {MODULUS}.{forks} A box counts each time you pass it. "
        f"What is x after {boxes}?"
    )
    slip = way[-2][1] if steps > 1 and way[-2][1] != way[-1][1] else first
    return picture_item(
        r, [picture(nodes, start, columns, rows)], question=question, answer=way[-1][1], slip=slip, solution=told
    )  # fmt: skip


def walk(nodes: dict[Cell, Node], start: Cell, first: int, steps: int) -> Walk | None:
    """Return the walk of so many boxes, or None where it comes to the same box with the same number again.

    Such a walk goes round for ever, and could be cut short.
    """
    x, here, way, seen = first, start, [], set()
    for _ in range(steps):
        x = nodes[here].apply(x)
        if (here, x) in seen:
            return None
        seen.add((here, x))
        way.append((here, x))
        here = nodes[here].onward(x)
    return Walk(nodes, start, first, way) if x != first else None


def _node(r: Random, cell: Cell, columns: int, rows: int, forks: int) -> Node:
    near = [
        (cell[0] + dx, cell[1] + dy)
        for dx in (-1, 0, 1)
        for dy in (-1, 0, 1)
        if (dx or dy) and 0 <= cell[0] + dx < columns and 0 <= cell[1] + dy < rows
    ]
    count = 2 if r.randrange(100) < forks else 1
    sign = r.choice("+++---x")
    amount = r.choice((3, 7, 9)) if sign == "x" else r.randint(2, 499 if forks else 99)
    return Node(sign, amount, tuple(r.sample(near, min(count, len(near)))))


def picture(nodes: dict[Cell, Node], start: Cell, columns: int, rows: int) -> Page:
    """Return the chart."""
    page = Page(columns * CELL_X + 10, rows * CELL_Y + 10)
    for cell, node in nodes.items():
        colors = ("black",) if len(node.exits) == 1 else ("blue", "red")
        for goal, color in zip(node.exits, colors, strict=True):
            arrow(page, middle(cell), middle(goal), color)
    for cell, node in nodes.items():
        x, y = middle(cell)
        page.box(x - BOX_X, y - BOX_Y, x + BOX_X, y + BOX_Y, "orange" if cell == start else "light")
        page.text(x, y, f"{node.sign} {node.amount}", anchor="middle")
    return page


def middle(cell: Cell) -> tuple[int, int]:
    """Return the middle of a box."""
    return cell[0] * CELL_X + CELL_X // 2 + 5, cell[1] * CELL_Y + CELL_Y // 2 + 5


def arrow(page: Page, start: tuple[int, int], goal: tuple[int, int], color: str) -> None:
    """Draw an arrow between the edges of two boxes that are neighbors, to the right of the straight way.

    Keeping to the right leaves room for the arrow back.
    """
    (x0, y0), (x1, y1) = start, goal
    dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    aside = (-6 * dy, 6 * dx) if not (dx and dy) else (-5 * dy, 0)
    reach_x, reach_y = dx * (BOX_X - 6 if dy else BOX_X), dy * BOX_Y
    tail = (x0 + reach_x + aside[0], y0 + reach_y + aside[1])
    head = (x1 - reach_x + aside[0], y1 - reach_y + aside[1])
    page.line([tail, head], color, 1)
    # The head: two short strokes whose ends are found in whole numbers.
    across, down = head[0] - tail[0], head[1] - tail[1]
    longest = max(abs(across), abs(down))
    ux, uy = across * 7 // longest, down * 7 // longest
    back = (head[0] - ux, head[1] - uy)
    wing = (-uy * 4 // 7, ux * 4 // 7)
    page.shape(
        [head, (back[0] + wing[0], back[1] + wing[1]), (back[0] - wing[0], back[1] - wing[1])], color, color
    )


def _rung(steps: int, columns: int, rows: int, forks: int) -> Rung:
    return Rung(steps, {"steps": steps, "columns": columns, "rows": rows, "forks": forks})


LADDER = Ladder(
    name="multimodal/diagrams",
    measure="boxes passed",
    rungs=[
        _rung(1, 2, 1, 0),
        _rung(2, 2, 2, 0),
        _rung(3, 3, 2, 0),
        _rung(5, 3, 3, 60),
        _rung(8, 4, 3, 70),
        _rung(12, 4, 4, 70),
        _rung(18, 5, 4, 80),
        _rung(28, 6, 5, 80),
        _rung(44, 7, 6, 90),
        _rung(68, 8, 7, 95),
        _rung(105, 9, 8, 100),
        _rung(160, 10, 9, 100),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
