"""Draws the images and writes samples.jsonl: ``python make_samples.py``; the same pixels every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tasks.multimodal import pictures
from tasks.multimodal.canvas import HEIGHT, WIDTH, Canvas
from tasks.multimodal.pictures import Picture

HERE = Path(__file__).parent
PER_KIND = 10
FORMS = ("circle", "square", "triangle", "diamond")
PAINTS = ("red", "blue", "green", "orange", "purple")
COLUMNS, ROWS, STEP = 5, 4, 88
Thing = tuple[str, str]


def draw_thing(canvas: Canvas, x: float, y: float, what: Thing, size: int = 26) -> None:
    """Draw a form in a colour around a point."""
    form, paint = what
    if form == "circle":
        canvas.disc(x, y, size, paint)
    elif form == "square":
        canvas.box(x - size, y - size, x + size, y + size, paint)
    elif form == "triangle":
        canvas.shape([(x, y - size), (x - size, y + size), (x + size, y + size)], paint)
    else:
        canvas.shape([(x, y - size), (x + size, y), (x, y + size), (x - size, y)], paint)


def name_thing(what: Thing) -> str:
    """Return the words for a thing."""
    return f"{what[1]} {what[0]}"


def draw_distinct_things(r: Random, count: int) -> list[Thing]:
    """Return so many things, no two alike."""
    return r.sample([(form, paint) for form in FORMS for paint in PAINTS], count)


def beside(r: Random, number: int) -> Picture:
    """A full grid of different things: what lies beside, above, or so many steps away."""
    canvas = Canvas()
    things = draw_distinct_things(r, COLUMNS * ROWS)
    for k, what in enumerate(things):
        draw_thing(canvas, 104 + STEP * (k % COLUMNS), 66 + STEP * (k // COLUMNS), what)
    column, line = r.randrange(COLUMNS - 2), r.randrange(1, ROWS)
    at = line * COLUMNS + column
    if number % 3 == 0:
        question = f"Which thing is directly to the right of the {name_thing(things[at])}? Answer with colour and form, such as: red circle."
        return Picture(
            (canvas,), question, name_thing(things[at + 1]), name_thing(things[at - COLUMNS]), "easy"
        )
    if number % 3 == 1:
        question = f"Which thing is directly above the {name_thing(things[at])}? Answer with colour and form, such as: red circle."
        return Picture(
            (canvas,), question, name_thing(things[at - COLUMNS]), name_thing(things[at + 1]), "medium"
        )
    question = (
        f"Start at the {name_thing(things[at])}, go two places to the right and one place up. "
        "Which thing is there? Answer with colour and form, such as: red circle."
    )
    return Picture(
        (canvas,),
        question,
        name_thing(things[at + 2 - COLUMNS]),
        name_thing(things[at + 1 - COLUMNS]),
        "hard",
    )


def halves(r: Random, number: int) -> Picture:
    """Things on both sides of a line, to be counted on one."""
    canvas = Canvas()
    upright = number % 2 == 0
    if upright:
        canvas.line([(WIDTH // 2, 0), (WIDTH // 2, HEIGHT)], "black", 4)
    else:
        canvas.line([(0, HEIGHT // 2), (WIDTH, HEIGHT // 2)], "black", 4)
    spots = [(47 + 93 * k, 40 + 80 * j) for k in range(6) for j in range(5) if upright or j != 2]
    drawn: list[tuple[Thing, int]] = []
    for x, y in r.sample(spots, (10, 14, 18)[number % 3]):
        what = (r.choice(FORMS[:3]), r.choice(PAINTS[:3]))
        draw_thing(canvas, x, y, what, 22)
        drawn.append((what, int(x > WIDTH // 2) if upright else int(y > HEIGHT // 2)))
    side = r.randrange(2)
    where = (("left", "right") if upright else ("upper", "lower"))[side]
    (form, paint), _ = r.choice(drawn)
    tier = ("easy", "medium", "hard")[number % 3]
    if number % 3 == 0:
        count = sum(s == side for _, s in drawn)
        return Picture(
            (canvas,),
            f"How many things are in the {where} half? Answer with a number.",
            str(count),
            str(count + 1),
            tier,
        )
    if number % 3 == 1:
        count = sum(what[1] == paint and s == side for what, s in drawn)
        return Picture(
            (canvas,),
            f"How many {paint} things are in the {where} half? Answer with a number.",
            str(count),
            str(count + 1),
            tier,
        )
    count = sum(what == (form, paint) and s == side for what, s in drawn)
    question = f"How many {paint} {form}s are in the {where} half? Answer with a number."
    return Picture((canvas,), question, str(count), str(count + 1), tier)


def inside(r: Random, number: int) -> Picture:
    """Things within and outside of frames."""
    canvas = Canvas()
    frames = [(20, 20, 270, 195), (290, 20, 540, 195), (20, 210, 270, 385), (290, 210, 540, 385)]
    colours = r.sample(("red", "blue", "green", "purple"), 4)
    counts = [r.randint(1, 6) for _ in frames]
    kinds = draw_distinct_things(r, 4)
    for k, (x0, y0, x1, y1) in enumerate(frames):
        corners: list[tuple[float, float]] = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        canvas.line(corners, colours[k], 5)
        for j in range(counts[k]):
            draw_thing(canvas, x0 + 48 + 77 * (j % 3), y0 + 50 + 76 * (j // 3), kinds[k], 22)
    at = r.randrange(4)
    if number % 3 == 0:
        question = f"How many things are inside the {colours[at]} frame? Answer with a number."
        return Picture((canvas,), question, str(counts[at]), str(counts[at] + 1), "easy")
    if number % 3 == 1:
        question = (
            f"What colour has the frame around the {kinds[at][1]} {kinds[at][0]}s? Answer with the colour."
        )
        return Picture((canvas,), question, colours[at], colours[at - 1], "medium")
    best = max(counts)
    question = "How many more things are in the frame with the most things than in the frame with the fewest? Answer with a number."
    return Picture((canvas,), question, str(best - min(counts)), str(best + 1), "hard")


KINDS = (beside, halves, inside)


def items() -> Iterator[tuple[str, str, Picture]]:
    """Yield (id, kind, picture) of every sample."""
    return pictures.generate_pictures("spatial", KINDS, PER_KIND)


if __name__ == "__main__":
    pictures.write_picture_samples(HERE, "spatial", KINDS, PER_KIND)
