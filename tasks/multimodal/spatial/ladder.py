"""Maps of many objects: count those of a kind, in one place and outside another.

What grows: objects, from 12 to 800; conditions; how small an object is on the page. The measure is the number of
objects. BlindTest (arXiv 2407.06581) has models fail at counting up to ten; here are up to hundreds.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, picture_item

HUES = ("red", "blue", "green", "orange", "purple", "brown")
SHAPES = ("circle", "square", "triangle", "diamond")
CELL = 18
MARGIN = 12
RADIUS = {"large": 6, "small": 4}


class Thing(NamedTuple):
    """One object on the map."""

    x: int
    y: int
    hue: str
    shape: str
    size: str


class Map(NamedTuple):
    """The objects with a frame (left, top, right, bottom) and a river (points from top to bottom)."""

    things: list[Thing]
    frame: tuple[int, int, int, int]
    river: list[tuple[int, int]]
    width: int
    height: int


def draw(r: Random, rung: Rung) -> Item:
    """Return a map of so many objects and a question about some of them."""
    conditions: tuple[str, ...] = rung.settings["conditions"]
    objects = int(rung.complexity)
    columns = next(c for c in range(4, 99) if c * (c * 3 // 4) >= objects * 5 // 4)
    rows = columns * 3 // 4
    width, height = columns * CELL + 2 * MARGIN, rows * CELL + 2 * MARGIN
    hues = r.sample(HUES, 2)
    shape, size = r.choice(SHAPES), r.choice(["large", "small"])
    left = MARGIN + CELL * (columns * r.randint(15, 30) // 100)
    top = MARGIN + CELL * (rows * r.randint(15, 30) // 100)
    frame = (left, top, left + CELL * (columns * 55 // 100), top + CELL * (rows * 55 // 100))
    # The river runs along borders of cells, so that no object is on it.
    across = columns * r.randint(35, 65) // 100
    river = [(MARGIN + across * CELL, 0)]
    for w in range(rows):
        bend = min(max(across + r.choice((-1, 0, 0, 1)), 1), columns - 1)
        river.append((river[-1][0], MARGIN + w * CELL))
        river.append((MARGIN + bend * CELL, MARGIN + w * CELL))
        across = bend
    river.append((river[-1][0], height))
    keep = r.randint(5, 75)
    cells = sorted(r.sample([(c, w) for c in range(columns) for w in range(rows)], objects))
    things = [_thing(r, c, w, hues, shape, size, conditions, keep) for c, w in cells]
    shown = Map(things, frame, river, width, height)
    counted = [t for t in things if all(fits(c, t, shown, hues, (shape, size)) for c in conditions)]
    careless = [t for t in things if fits(conditions[0], t, shown, hues, (shape, size))]
    answer = len(counted)
    slip = len(careless) if len(careless) != answer else answer + 1
    question = f"How many {words(conditions, hues, shape, size)}?"
    told = [f"counted: {answer} of {objects} objects"]
    told += [f"at {t.x}, {t.y}: {t.size} {t.hue} {t.shape}" for t in counted]
    page = picture(shown, conditions)
    return picture_item(r, [page], question=question, answer=answer, slip=slip, solution=told)


def _thing(
    r: Random, c: int, w: int, hues: list[str], shape: str, size: str, conditions: tuple[str, ...], keep: int
) -> Thing:
    """Return an object; ``keep`` of 100 are of the kind that is asked for."""
    x, y = MARGIN + c * CELL + CELL // 2 + r.randint(-1, 1), MARGIN + w * CELL + CELL // 2 + r.randint(-1, 1)
    wanted = r.randrange(100) < keep
    others = [hue for hue in HUES if hue not in (hues if "hues" in conditions else hues[:1])]
    hue = r.choice(hues if "hues" in conditions else hues[:1]) if wanted else r.choice(HUES)
    kind = shape if wanted else r.choice(SHAPES)
    big = size if wanted else r.choice(["large", "small"])
    if not wanted and (conditions == ("hue",) or r.random() < 0.5):
        hue = r.choice(others)
    if "size" not in conditions:
        big = r.choice(["large", "small"])
    if "shape" not in conditions:
        kind = r.choice(SHAPES)
    return Thing(x, y, hue, kind, big)


def fits(condition: str, thing: Thing, shown: Map, hues: list[str], kind: tuple[str, str]) -> bool:
    """Return whether an object meets a condition; ``kind`` is the shape and the size that are asked for."""
    x0, y0, x1, y1 = shown.frame
    inside = x0 < thing.x < x1 and y0 < thing.y < y1
    if condition in ("inside", "outside"):
        return inside is (condition == "inside")
    if condition == "left":
        return thing.x < [x for x, y in shown.river if y <= thing.y][-1]
    if condition == "hue":
        return thing.hue == hues[0]
    if condition == "hues":
        return thing.hue in hues
    return {"shape": thing.shape == kind[0], "size": thing.size == kind[1]}[condition]


def words(conditions: tuple[str, ...], hues: list[str], shape: str, size: str) -> str:
    """Return the conditions in words: *small red or blue circles are inside the frame*."""
    parts = []
    if "size" in conditions:
        parts.append(size)
    parts.append(f"{hues[0]} or {hues[1]}" if "hues" in conditions else hues[0])
    parts.append(f"{shape}s" if "shape" in conditions else "objects")
    places = []
    if "inside" in conditions:
        places.append("inside the black frame")
    if "outside" in conditions:
        places.append("outside the black frame")
    if "left" in conditions:
        places.append("left of the gray river")
    return f"{' '.join(parts)} are {' and '.join(places) if places else 'in the picture'}"


def picture(shown: Map, conditions: tuple[str, ...]) -> Page:
    """Return the map."""
    page = Page(shown.width, shown.height)
    if "left" in conditions:
        page.line(shown.river, "gray", 4)
    if {"inside", "outside"} & set(conditions):
        x0, y0, x1, y1 = shown.frame
        page.line([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], "black", 2)
    for t in shown.things:
        d = RADIUS[t.size]
        if t.shape == "circle":
            page.disc(t.x, t.y, d, t.hue)
        elif t.shape == "square":
            page.box(t.x - d + 1, t.y - d + 1, t.x + d - 1, t.y + d - 1, t.hue)
        elif t.shape == "triangle":
            page.shape([(t.x, t.y - d), (t.x + d, t.y + d), (t.x - d, t.y + d)], t.hue)
        else:
            page.shape([(t.x, t.y - d), (t.x + d, t.y), (t.x, t.y + d), (t.x - d, t.y)], t.hue)
    return page


def _rung(objects: int, *conditions: str) -> Rung:
    return Rung(objects, {"conditions": conditions})


LADDER = Ladder(
    name="multimodal/spatial",
    measure="objects",
    rungs=[
        _rung(20, "hue"),
        _rung(26, "hue"),
        _rung(36, "hue"),
        _rung(50, "hue", "shape"),
        _rung(70, "hues", "shape"),
        _rung(100, "hues", "inside"),
        _rung(140, "hues", "outside"),
        _rung(200, "hues", "shape", "outside"),
        _rung(290, "hues", "shape", "left"),
        _rung(410, "hues", "shape", "left", "outside"),
        _rung(580, "hues", "shape", "left", "outside"),
        _rung(820, "hues", "shape", "size", "left", "outside"),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
