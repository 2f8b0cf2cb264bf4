"""Solvers of flow charts: arrows are joined to boxes by where their ends are, then the chart is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import numpy as np

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, marks, seeing, texts, thumbnail


class Chart(NamedTuple):
    """Boxes by the place of their words: what they say, and where each color leads."""

    says: dict[tuple[float, int], str]
    leads: dict[tuple[float, int], dict[str, tuple[float, int]]]
    start: tuple[float, int]


def read(row: Row) -> Chart:
    """Return the chart."""
    words = texts(row)
    boxes = [t for t in words if re.fullmatch(r"[-+x] \d+", t.words)]
    frames = np.array([box[:4] for box in marks(row, "box")])
    places = np.array([(t.x, t.y) for t in boxes])
    middles = np.stack([frames[:, 0] + frames[:, 2], frames[:, 1] + frames[:, 3]], axis=1) / 2
    owner = [int(np.abs(places - middle).sum(axis=1).argmin()) for middle in middles]
    (first,) = [boxes[owner[k]] for k, box in enumerate(marks(row, "box")) if box[4] == "orange"]

    def at(x: int, y: int) -> tuple[float, int]:
        """Return the box whose frame is closest to a point."""
        aside = np.maximum(np.maximum(frames[:, 0] - x, x - frames[:, 2]), 0)
        above = np.maximum(np.maximum(frames[:, 1] - y, y - frames[:, 3]), 0)
        best = boxes[owner[int((aside**2 + above**2).argmin())]]
        return best.x, best.y

    leads: dict[tuple[float, int], dict[str, tuple[float, int]]] = {}
    for points, color, _ in marks(row, "line"):
        tail, head = at(points[0], points[1]), at(points[2], points[3])
        if color in leads.setdefault(tail, {}) or tail == head:
            raise AmbiguousError("two arrows of one color from one box")
        leads[tail][color] = head
    return Chart({(t.x, t.y): t.words for t in boxes}, leads, (first.x, first.y))


def run(row: Row, chart: Chart, *, always: str | None = None, slip: int = 0, most: int = 10**9) -> int | None:
    """Return x after the boxes that the question counts. None: more than ``most``.

    Args:
        row: The row.
        chart: What is drawn.
        always: The color to take at every fork. None: as x says.
        slip: Be off by one in one of so many boxes. 0: never.
        most: Boxes that the reader passes before giving up.
    """
    m = re.search(r"x is (\d+)\..*after (\d+) box", row["question"])
    assert m, row["question"]
    x, here, r = int(m[1]), chart.start, Random(str(row["scene"]))
    if int(m[2]) > most:
        return None
    for _ in range(int(m[2])):
        sign, amount = chart.says[here].split()
        x = {"+": x + int(amount), "-": x - int(amount), "x": x * int(amount)}[sign] % 1000
        if slip and r.randrange(slip) == 0:
            x = (x + 1) % 1000
        exits = chart.leads[here]
        if set(exits) not in ({"black"}, {"blue", "red"}):
            raise AmbiguousError("exits of other colors than black, or blue and red")
        color = "black" if "black" in exits else always or ("red" if x % 2 else "blue")
        here = exits[color]
    return x


def solve(row: Row) -> int:
    """Read and run."""
    answer = run(row, read(row))
    assert answer is not None
    return answer


def limited(**limits: int | str) -> Callable[[Row], int | None]:
    """Return a reader with limits of :func:`run`."""
    return attempt(lambda row: run(row, read(row), **limits))  # type: ignore[arg-type]


def left_columns(count: int) -> Callable[[Row], int | None]:
    """Return a reader who sees so many columns of boxes from the left."""

    def answer(row: Row) -> int | None:
        chart = read(row)
        columns = sorted({place[0] for place in chart.says})[:count]
        says = {place: words for place, words in chart.says.items() if place[0] in columns}
        return run(row, chart._replace(says=says))

    return attempt(answer)


BOUNDED = {
    "passes 10 boxes": limited(most=10),
    "always the blue arrow": limited(always="blue"),
    "off by one in one of 40 boxes": limited(slip=40),
    "sees 5 columns": left_columns(5),
    "thumbnail of 420 pixels": seeing(thumbnail(420), solve),
}
