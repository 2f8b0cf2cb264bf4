"""Lines with two axes: one line says where to go next, the other, on a second and logarithmic axis, what to add up.

What grows: stops on the way, points, fineness of the axes, lines beside it. The measure is the number of dependent
readings. BlindTest (arXiv 2407.06581) measures the parts alone: following lines, and where they are.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, picture_item

HEIGHT = 240
LEFT, TOP = 36, 34
LOG = (0, 301, 477, 602, 699, 778, 845, 903, 954)
"""Thousandths of the decimal logarithm of 1 to 9."""
DECADES = 3
BESIDE = ("green", "purple", "brown")


def draw(r: Random, rung: Rung) -> Item:
    """Return a plot and a walk of so many stops on it."""
    s = rung.settings
    points, stops = s["points"], s["stops"]
    way = r.sample(range(points), stops)
    onward = [r.randrange(points) for _ in range(points)]
    for here, there in pairwise(way):
        onward[here] = there
    rise = HEIGHT // s["range"]

    values, heights = [], []
    for place in range(points):
        # Not on the blue mark of the same x, which would hide one of the two.
        number, height = orange_value(r, s)
        while abs(height - onward[place] * rise) <= 9:
            number, height = orange_value(r, s)
        values.append(number)
        heights.append(height)
    beside = [[r.randint(4, HEIGHT - 4) for _ in range(points)] for _ in range(s["beside"])]
    page = picture(s, [y * rise for y in onward], rise, values, heights, beside)
    right = "right axis, logarithmic" if s["log"] else "right axis"
    exact = (
        "Each orange value lies on a tick of the right axis: one digit, then zeros or none."
        if s["log"]
        else f"Each orange value is a multiple of {s['unit']}."
    )
    if stops == 1:
        question = f"{exact} What is the orange value ({right}) at x = {way[0]}?"
        slip = next((v for v in values if v != values[way[0]]), values[way[0]] + 1)
    else:
        question = (
            f"{exact} Start at x = {way[0]}; this is stop 1. At each stop, the blue value (left axis) is the x of the next stop. "
            f"Make {stops} stops in all. Add up the orange values ({right}) of all {stops} stops, the start included. "
            "What is the sum?"
        )
        slip = sum(values[x] for x in way[1:])
    told = [f"stop {k + 1}: x = {x}, orange {values[x]}, blue {onward[x]}" for k, x in enumerate(way)]
    return picture_item(
        r, [page], question=question, answer=sum(values[x] for x in way), slip=slip, solution=told
    )


def orange_value(r: Random, s: Any) -> tuple[int, int]:
    """Return a value of the right axis, and its height."""
    if s["log"]:
        digit, decade = r.randint(1, 9), r.randrange(DECADES)
        return digit * 10**decade, (decade * 1000 + LOG[digit - 1]) * HEIGHT // (DECADES * 1000)
    step = r.randint(1, 10 * s["parts"])
    return step * s["unit"], step * HEIGHT // (10 * s["parts"])


def picture(
    s: Any, blue: list[int], rise: int, values: list[int], orange: list[int], beside: list[list[int]]
) -> Page:
    """Return the plot; heights are in units."""
    points, step = s["points"], s["step"]
    bottom, right = TOP + HEIGHT, LEFT + 10 + (points - 1) * s["step"] + 12
    page = Page(right + 46, bottom + 30)
    across = LEFT
    for color, words in (("blue", "blue: left axis"), ("orange", "orange: right axis")):
        page.line([(across, 10), (across + 14, 10)], color, 2)
        page.text(across + 18, 10, words)
        across += 126
        if page.width < across + 126:
            page.width = across + 126 + 12
    labeled = s["labeled"]
    for k in range(0, s["range"] + 1, labeled):
        y = bottom - k * rise
        page.line([(LEFT - 3, y), (right, y)], "light")
        page.text(LEFT - 5, y, k, anchor="right")
    for number, height in ticks(s):
        y = bottom - height
        page.line([(right, y), (right + (4 if number is not None else 2), y)])
        if number is not None:
            page.text(right + 7, y, number)
    xs = [LEFT + 10 + k * step for k in range(points)]
    for k, x in enumerate(xs):
        page.line([(x, bottom), (x, bottom + 3)])
        page.text(x, bottom + 10, k, anchor="middle")
    page.text((LEFT + right) // 2, bottom + 23, "x", anchor="middle")
    for line, color in zip(beside, BESIDE, strict=False):
        page.line([(x, bottom - y) for x, y in zip(xs, line, strict=True)], color)
    for heights, color in ((blue, "blue"), (orange, "orange")):
        page.line([(x, bottom - y) for x, y in zip(xs, heights, strict=True)], color)
    for x, y in zip(xs, blue, strict=True):
        page.box(x - 2, bottom - y - 2, x + 2, bottom - y + 2, "blue", "blue")
    for x, y, number in zip(xs, orange, values, strict=True):
        page.disc(x, bottom - y, 3, "orange")
        if s["printed"]:
            page.text(x, bottom - y - 10, number, anchor="middle")
    page.line([(LEFT, TOP), (LEFT, bottom), (right, bottom), (right, TOP)])
    return page


def ticks(s: Any) -> list[tuple[int | None, int]]:
    """Return the number and the height of each tick of the right axis. None: no number beside it."""
    if not s["log"]:
        return [(k * s["unit"] * s["parts"], k * HEIGHT // 10) for k in range(11)]
    found: list[tuple[int | None, int]] = []
    for decade in range(DECADES):
        for digit in range(1, 10):
            height = (decade * 1000 + LOG[digit - 1]) * HEIGHT // (DECADES * 1000)
            found.append((10**decade if digit == 1 else None, height))
    return [*found, (10**DECADES, HEIGHT)]


def _rung(
    stops: int,
    points: int,
    *,
    log: bool = True,
    parts: int = 2,
    beside: int = 0,
    labeled: int = 5,
    printed: bool = False,
) -> Rung:
    span = next(size for size in (10, 12, 15, 20, 24, 30, 40, 48, 60) if size >= points)
    step = 34 if printed else 24 if points <= 16 else 16
    return Rung(
        2 * stops - 1,
        {
            "stops": stops,
            "points": points,
            "range": span,
            "step": step,
            "log": log,
            "parts": parts,
            "unit": 5,
            "beside": beside,
            "labeled": labeled,
            "printed": printed,
        },
    )


LADDER = Ladder(
    name="multimodal/plots",
    measure="dependent readings",
    rungs=[
        _rung(1, 5, log=False, labeled=1, printed=True),
        _rung(2, 7, log=False, labeled=1),
        _rung(3, 10, log=False, labeled=1),
        _rung(4, 12, log=False, labeled=2),
        _rung(5, 12, labeled=2),
        _rung(7, 15, beside=1),
        _rung(9, 20, beside=1),
        _rung(12, 24, beside=1),
        _rung(17, 30, beside=2),
        _rung(24, 40, beside=2, labeled=10),
        _rung(34, 48, beside=3, labeled=12),
        _rung(48, 60, beside=3, labeled=12),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
