"""Draws the images and writes samples.jsonl: ``python make_samples.py``; the same pixels every time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

from tasks.multimodal.canvas import HEIGHT, WIDTH, Canvas

HERE = Path(__file__).parent
PER_KIND = 14
SERIES = ("red", "blue", "green", "orange", "purple")
FRUIT = ("Apple", "Pear", "Plum", "Fig", "Kiwi", "Lime")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug")
CITIES = ("Oslo", "Lima", "Pune", "Kyoto", "Bern", "Quito")


class ChartItem(NamedTuple):
    """A drawn image with a question, its answer, a near miss, and how hard it is."""

    canvas: Canvas
    question: str
    answer: int
    slip: int
    tier: str


def draw_axes(canvas: Canvas, title: str, step: int, ticks: int) -> Callable[[float], float]:
    """Draw a title, a frame and labelled grid lines; return where a value lies."""
    canvas.text(WIDTH // 2, 20, title, "middle")
    top, bottom = 50, 340

    def y_of(value: float) -> float:
        return bottom - (bottom - top) * value / (step * ticks)

    for tick in range(ticks + 1):
        y = y_of(tick * step)
        canvas.line([(70, y), (WIDTH - 20, y)], "grey" if tick else "black", 1 if tick else 2)
        canvas.text(62, y, str(tick * step), "right")
    canvas.line([(70, top), (70, bottom)])
    return y_of


def bar(r: Random, number: int) -> ChartItem:
    """Draw bars whose tops lie on grid lines."""
    canvas, step, ticks = Canvas(), r.choice((5, 10, 20, 25, 50)), 8
    names = r.sample(FRUIT, r.randint(4, 6))
    values = [step * k for k in r.sample(range(1, ticks + 1), len(names))]
    y_of = draw_axes(canvas, "Boxes sold", step, ticks)
    room = (WIDTH - 100) / len(names)
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        x = 80 + i * room
        canvas.box(x + room * 0.15, y_of(value), x + room * 0.8, y_of(0), SERIES[number % len(SERIES)])
        canvas.text(x + room * 0.48, 362, name, "middle")
    i, j = values.index(max(values)), r.randrange(len(names))
    if number % 3 == 0:
        return ChartItem(
            canvas, f"How many boxes of {names[j]} were sold?", values[j], values[j] + step, "easy"
        )
    if number % 3 == 1:
        low = values.index(min(values))
        question = f"How many more boxes of {names[i]} than of {names[low]} were sold?"
        return ChartItem(canvas, question, values[i] - values[low], values[i], "medium")
    total = sum(values)
    return ChartItem(canvas, "How many boxes were sold in all?", total, total - max(values), "hard")


def line(r: Random, number: int) -> ChartItem:
    """Draw a line through points on grid lines."""
    canvas, step, ticks = Canvas(), r.choice((2, 5, 10, 100)), 8
    values = [step * r.randint(1, ticks) for _ in MONTHS]
    y_of = draw_axes(canvas, "Visitors per month", step, ticks)
    points = [(100 + i * 60, y_of(value)) for i, value in enumerate(values)]
    canvas.line(points, SERIES[number % len(SERIES)], 3)
    for (x, y), month in zip(points, MONTHS, strict=True):
        canvas.disc(x, y, 5, SERIES[number % len(SERIES)])
        canvas.text(x, 362, month, "middle")
    at = r.randrange(1, len(MONTHS))
    if number % 3 == 0:
        slip = values[at - 1] if values[at - 1] != values[at] else values[at] + step
        return ChartItem(canvas, f"How many visitors were there in {MONTHS[at]}?", values[at], slip, "easy")
    if number % 3 == 1:
        limit = step * (ticks // 2)
        count = sum(value > limit for value in values)
        return ChartItem(
            canvas, f"In how many months were there more than {limit} visitors?", count, count + 1, "medium"
        )
    best = max(b - a for a, b in pairwise(values))
    question = "By how much did the number of visitors rise in the largest rise from one month to the next?"
    return ChartItem(canvas, question, best, max(values), "hard")


def pie(r: Random, number: int) -> ChartItem:
    """Draw a pie with labelled slices, of which one label is left out."""
    canvas, names = Canvas(), r.sample(CITIES, 4 + number % 2)
    cuts = sorted(r.sample(range(2, 18), len(names) - 1))
    shares = [5 * (b - a) for a, b in zip([0, *cuts], [*cuts, 20], strict=True)]
    hidden = number % len(names)
    canvas.text(WIDTH // 2, 20, "Where our guests come from", "middle")
    start = -90.0
    for i, (name, share) in enumerate(zip(names, shares, strict=True)):
        end = start + share * 3.6
        canvas.slice(190, 215, 140, (start, end), SERIES[i])
        middle = math.radians((start + end) / 2)
        label = "?" if i == hidden else f"{share}%"
        x, y = 190 + 162 * math.cos(middle), 215 + 158 * math.sin(middle)
        canvas.text(x, y, label, "middle")
        canvas.box(390, 110 + 40 * i, 412, 132 + 40 * i, SERIES[i])
        canvas.text(424, 121 + 40 * i, name)
        start = end
    if number % 2 == 0:
        question = f"What percentage of the guests come from {names[hidden]}? Its label is missing; all shares add up to 100 %."
        return ChartItem(canvas, question, shares[hidden], 100 - shares[hidden] + 1, "medium")
    i, guests = (hidden + 1) % len(names), r.randint(2, 9) * 100
    question = f"There were {guests} guests. How many of them come from {names[i]}?"
    return ChartItem(canvas, question, guests * shares[i] // 100, shares[i], "easy")


def table(r: Random, number: int) -> ChartItem:
    """Draw a table of cities and months."""
    canvas, rows, columns = Canvas(), r.sample(CITIES, 5), MONTHS[:4]
    cells = [[r.randint(11, 99) for _ in columns] for _ in rows]
    canvas.text(WIDTH // 2, 20, "Parcels in thousands", "middle")
    for i in range(len(rows) + 2):
        canvas.line([(30, 50 + 55 * i), (530, 50 + 55 * i)], "black", 2 if i < 2 else 1)
    for x in (30, 150, 245, 340, 435, 530):
        canvas.line([(x, 50), (x, 50 + 55 * (len(rows) + 1))])
    for j, month in enumerate(columns):
        canvas.text(198 + 95 * j, 78, month, "middle")
    for i, name in enumerate(rows):
        canvas.text(40, 133 + 55 * i, name)
        for j, value in enumerate(cells[i]):
            canvas.text(198 + 95 * j, 133 + 55 * i, str(value), "middle")
    i, j = r.randrange(len(rows)), r.randrange(len(columns))
    if number % 3 == 0:
        slip = next(
            n for n in (cells[i][(j + 1) % 4], cells[i][j] + 17) if abs(n - cells[i][j]) > 0.06 * cells[i][j]
        )
        return ChartItem(
            canvas,
            f"How many thousand parcels were there in {rows[i]} in {columns[j]}?",
            cells[i][j],
            slip,
            "easy",
        )
    if number % 3 == 1:
        total = sum(row[j] for row in cells)
        question = f"How many thousand parcels were there in {columns[j]} in all five cities together?"
        return ChartItem(canvas, question, total, total - max(row[j] for row in cells), "medium")
    spread = max(cells[i]) - min(cells[i])
    question = (
        f"What is the difference, in thousand parcels, between the best and the worst month of {rows[i]}?"
    )
    return ChartItem(canvas, question, spread, max(cells[i]), "medium")


def shapes(r: Random, number: int) -> ChartItem:
    """Draw shapes of three forms and colours, apart from each other."""
    canvas, forms, colours = Canvas(), ("circle", "square", "triangle"), ("red", "blue", "green")
    places = [(60 + 88 * i, 60 + 70 * j) for i in range(6) for j in range(5)]
    drawn = []
    for column, row_ in r.sample(places, (10, 17, 24)[number % 3]):
        form, colour, size = r.choice(forms), r.choice(colours), r.randint(15, 27)
        x, y = column + r.randint(-12, 12), row_ + r.randint(-6, 6)
        drawn.append((form, colour))
        if form == "circle":
            canvas.disc(x, y, size, colour)
        elif form == "square":
            canvas.box(x - size, y - size, x + size, y + size, colour)
        else:
            canvas.shape([(x, y - size), (x - size, y + size), (x + size, y + size)], colour)
    form, colour = r.choice(drawn)
    if number % 2:
        count = drawn.count((form, colour))
        return ChartItem(
            canvas,
            f"How many {colour} {form}s are there?",
            count,
            count + 1,
            ("easy", "medium", "hard")[number % 3],
        )
    count = sum(f == form for f, _ in drawn)
    return ChartItem(
        canvas,
        f"How many {form}s of any colour are there?",
        count,
        count - 1,
        ("easy", "medium", "hard")[number % 3],
    )


KINDS: tuple[Callable[[Random, int], ChartItem], ...] = (bar, line, pie, table, shapes)


def items() -> Iterator[tuple[str, str, ChartItem]]:
    """Yield (id, kind, item) of every sample."""
    for kind in KINDS:
        name = kind.__name__
        for number in range(PER_KIND):
            yield f"{name}-{number + 1:03}", name, kind(Random(f"charts/{name}/{number}/1"), number)


def row(sample_id: str, kind: str, item: ChartItem) -> str:
    """Return one line of samples.jsonl."""
    if abs(item.slip - item.answer) <= 0.06 * abs(item.answer):
        raise SystemExit(f"{sample_id}: slip {item.slip} is within the tolerance of {item.answer}")
    line_ = {
        "id": sample_id,
        "kind": kind,
        "tier": item.tier,
        "image": f"images/{sample_id}.png",
        "question": item.question,
        "answer": item.answer,
        "slip": item.slip,
    }
    return json.dumps(line_, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the images and the file."""
    (HERE / "images").mkdir(exist_ok=True)
    lines = []
    for sample_id, kind, item in items():
        item.canvas.save(HERE / "images" / f"{sample_id}.png")
        lines.append(row(sample_id, kind, item))
    (HERE / "samples.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {len(lines)} images of {WIDTH} x {HEIGHT}")


if __name__ == "__main__":
    main()
