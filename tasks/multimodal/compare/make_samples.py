"""Draws the images and writes samples.jsonl: ``python make_samples.py``; the same pixels every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tasks.multimodal import pictures
from tasks.multimodal.canvas import WIDTH, Canvas
from tasks.multimodal.pictures import Picture

HERE = Path(__file__).parent
PER_KIND = 8
FORMS = ("circle", "square", "triangle")
PAINTS = ("red", "blue", "green", "orange", "purple")
CITIES = ("Oslo", "Lima", "Pune", "Kyoto", "Bern")
FRUIT = ("Apple", "Pear", "Plum", "Fig", "Kiwi")


def draw_board(things: list[tuple[str, str] | None]) -> Canvas:
    """Draw things on a grid of five by four places."""
    canvas = Canvas()
    for k, what in enumerate(things):
        x, y = 104 + 88 * (k % 5), 66 + 88 * (k // 5)
        if what is None:
            continue
        form, paint = what
        if form == "circle":
            canvas.disc(x, y, 26, paint)
        elif form == "square":
            canvas.box(x - 26, y - 26, x + 26, y + 26, paint)
        else:
            canvas.shape([(x, y - 26), (x - 26, y + 26), (x + 26, y + 26)], paint)
    return canvas


def draw_bars(title: str, values: dict[str, int], step: int) -> Canvas:
    """Draw bars whose tops lie on grid lines."""
    canvas = Canvas()
    canvas.text(WIDTH // 2, 20, title, "middle")
    for tick in range(9):
        y = 340 - 290 * tick / 8
        canvas.line([(70, y), (WIDTH - 20, y)], "grey" if tick else "black", 1 if tick else 2)
        canvas.text(62, y, str(tick * step), "right")
    for k, (name, value) in enumerate(values.items()):
        x = 90 + 90 * k
        canvas.box(x, 340 - 290 * value / (8 * step), x + 56, 340, PAINTS[k])
        canvas.text(x + 28, 362, name, "middle")
    return canvas


def draw_table(title: str, cells: dict[str, int]) -> Canvas:
    """Draw a table of two columns."""
    canvas = Canvas()
    canvas.text(WIDTH // 2, 24, title, "middle")
    for k in range(len(cells) + 1):
        canvas.line([(110, 60 + 60 * k), (450, 60 + 60 * k)])
    for x in (110, 290, 450):
        canvas.line([(x, 60), (x, 60 + 60 * len(cells))])
    for k, (name, value) in enumerate(cells.items()):
        canvas.text(130, 90 + 60 * k, name)
        canvas.text(430, 90 + 60 * k, str(value), "right")
    return canvas


def difference(r: Random, number: int) -> Picture:
    """Two boards that differ in some places."""
    first: list[tuple[str, str] | None] = [(r.choice(FORMS), r.choice(PAINTS)) for _ in range(20)]
    second, changed = list(first), r.randint(1, 5)
    for at in r.sample(range(20), changed):
        form, paint = second[at] or FORMS
        second[at] = (form, r.choice([p for p in PAINTS if p != paint]))
    pair = (draw_board(first), draw_board(second))
    if number % 2 == 0:
        question = "In how many places do the two images differ? Answer with a number."
        return Picture(pair, question, changed, changed + 1, ("easy", "hard")[number // 2 % 2])
    paint = r.choice(PAINTS)
    counts = [sum(what is not None and what[1] == paint for what in things) for things in (first, second)]
    question = f"How many {paint} things are there in the two images together? Answer with a number."
    return Picture(
        pair, question, sum(counts), max(counts) if max(counts) != sum(counts) else sum(counts) + 1, "medium"
    )


def two_charts(r: Random, number: int) -> Picture:
    """The same bars in two years."""
    step = r.choice((5, 10, 20))
    names = r.sample(FRUIT, 5)
    years = [{name: step * r.randint(1, 8) for name in names} for _ in range(2)]
    pair = (draw_bars("Boxes sold in 2024", years[0], step), draw_bars("Boxes sold in 2025", years[1], step))
    name = r.choice(names)
    if number % 2 == 0:
        total = years[0][name] + years[1][name]
        question = f"How many boxes of {name} were sold in both years together? Answer with a number."
        return Picture(pair, question, total, years[0][name], "easy")
    best = max(years[1][n] - years[0][n] for n in names)
    question = "What is the largest rise of one fruit from the first chart to the second, in boxes? Answer with a number, 0 if none rises."
    right = max(best, 0)
    return Picture(pair, question, right, max(years[1].values()) + step, "hard")


def three_tables(r: Random, number: int) -> Picture:
    """Three months, each in an image of its own."""
    months = ("January", "February", "March")
    cells = [{city: r.randint(11, 99) for city in CITIES} for _ in months]
    pages = tuple(draw_table(f"Parcels in {month}", page) for month, page in zip(months, cells, strict=True))
    city = r.choice(CITIES)
    counts = [page[city] for page in cells]
    if number % 2 == 0:
        question = (
            f"How many parcels were there in {city} in all three months together? Answer with a number."
        )
        return Picture(pages, question, sum(counts), sum(counts[:2]), "medium")
    totals = [sum(page.values()) for page in cells]
    question = "How many parcels were there in the month with the most parcels of all cities together? Answer with a number."
    return Picture(
        pages,
        question,
        max(totals),
        sorted(totals)[1] if sorted(totals)[1] != max(totals) else min(totals),
        "hard",
    )


KINDS = (difference, two_charts, three_tables)


def items() -> Iterator[tuple[str, str, Picture]]:
    """Yield (id, kind, picture) of every sample."""
    return pictures.generate_pictures("compare", KINDS, PER_KIND)


if __name__ == "__main__":
    pictures.write_picture_samples(HERE, "compare", KINDS, PER_KIND)
