"""Draws the images and writes samples.jsonl: ``python make_samples.py``; the same pixels every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tasks.multimodal import pictures
from tasks.multimodal.canvas import WIDTH, Canvas
from tasks.multimodal.pictures import Picture

HERE = Path(__file__).parent
PER_KIND = 10
SERIES = ("red", "blue", "green", "orange")
FRUIT = ("Apple", "Pear", "Plum", "Fig", "Kiwi")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun")
LEFT, TOP, BOTTOM = 70, 56, 340


def draw_frame(canvas: Canvas, title: str, step: int, ticks: int) -> None:
    """Draw a title and labelled grid lines from 0 to ``step`` x ``ticks``."""
    canvas.text(WIDTH // 2, 16, title, "middle")
    for tick in range(ticks + 1):
        y = y_position(tick * step, step * ticks)
        canvas.line([(LEFT, y), (WIDTH - 20, y)], "grey" if tick else "black", 1 if tick else 2)
        canvas.text(LEFT - 8, y, str(tick * step), "right")
    canvas.line([(LEFT, TOP), (LEFT, BOTTOM)])


def y_position(value: float, top: int) -> float:
    """Return where a value lies when the upper edge is ``top``."""
    return BOTTOM - (BOTTOM - TOP) * value / top


def draw_legend(canvas: Canvas, names: tuple[str, ...]) -> None:
    """Name the colours above the frame."""
    for k, name in enumerate(names):
        canvas.box(150 + 130 * k, 32, 164 + 130 * k, 46, SERIES[k])
        canvas.text(170 + 130 * k, 40, name)


def scatter(r: Random, number: int) -> Picture:
    """Points on grid crossings: one to read, some to count, an outlier to find."""
    canvas = Canvas()
    draw_frame(canvas, "Price and weight of parcels", 10, 8)
    for k in range(9):
        x = LEFT + 56 * k
        canvas.line([(x, TOP), (x, BOTTOM)], "grey", 1)
        canvas.text(x, 358, str(k), "middle")
    canvas.text(WIDTH // 2, 384, "weight in kg", "middle")
    weights = r.sample(range(1, 9), 8)[: r.randint(6, 8)]
    prices = {kg: 10 * min(8, max(1, kg + r.randint(-1, 1))) for kg in weights}
    for kg, price in prices.items():
        canvas.disc(LEFT + 56 * kg, y_position(price, 80), 6, SERIES[number % 3])
    kg = r.choice(weights)
    if number % 3 == 0:
        slip = next(p for p in (10, 80, 40) if p != prices[kg])
        return Picture((canvas,), f"What is the price of the parcel of {kg} kg?", prices[kg], slip, "easy")
    if number % 3 == 1:
        limit = 10 * r.randint(3, 6)
        count = sum(price > limit for price in prices.values())
        return Picture((canvas,), f"How many parcels have a price above {limit}?", count, count + 1, "medium")
    half = 4
    count = sum(w > half and prices[w] <= 60 for w in weights)
    question = f"How many parcels weigh more than {half} kg and have a price of 60 or less?"
    return Picture((canvas,), question, count, sum(w > half for w in weights) + 1, "hard")


def grouped(r: Random, number: int) -> Picture:
    """Two bars for each fruit."""
    canvas, step = Canvas(), r.choice((5, 10, 20))
    names = tuple(r.sample(FRUIT, 4))
    years = ("2024", "2025")
    draw_frame(canvas, "Boxes sold", step, 8)
    draw_legend(canvas, years)
    sold = {name: (step * r.randint(1, 8), step * r.randint(1, 8)) for name in names}
    for k, name in enumerate(names):
        x = LEFT + 20 + 115 * k
        for j in range(2):
            canvas.box(
                x + 38 * j, y_position(sold[name][j], step * 8), x + 34 + 38 * j, y_position(0, 8), SERIES[j]
            )
        canvas.text(x + 38, 360, name, "middle")
    name, year = r.choice(names), r.randrange(2)
    if number % 3 == 0:
        right, other = sold[name][year], sold[name][1 - year]
        slip = other if other != right else right + step
        return Picture(
            (canvas,), f"How many boxes of {name} were sold in {years[year]}?", right, slip, "easy"
        )
    if number % 3 == 1:
        right = sum(pair[year] for pair in sold.values())
        slip = sum(pair[1 - year] for pair in sold.values())
        return Picture(
            (canvas,),
            f"How many boxes were sold in {years[year]} in all?",
            right,
            slip if slip != right else right + step,
            "medium",
        )
    best = max(abs(b - a) for a, b in sold.values())
    question = "For one fruit the numbers of the two years differ most. By how many boxes?"
    return Picture((canvas,), question, best, max(max(pair) for pair in sold.values()) + step, "hard")


def stacked(r: Random, number: int) -> Picture:
    """Bars of three parts on top of each other."""
    canvas, parts = Canvas(), ("bus", "rail", "car")
    draw_frame(canvas, "Trips in thousands", 10, 12)
    draw_legend(canvas, parts)
    trips = {month: [10 * r.randint(1, 4) for _ in parts] for month in MONTHS[:5]}
    for k, (month, counts) in enumerate(trips.items()):
        x, below = LEFT + 22 + 92 * k, 0
        for j, count in enumerate(counts):
            canvas.box(x, y_position(below + count, 120), x + 54, y_position(below, 120), SERIES[j])
            below += count
        canvas.text(x + 27, 360, month, "middle")
    month, j = r.choice(tuple(trips)), r.randint(1, 2)
    if number % 3 == 0:
        total = sum(trips[month])
        return Picture(
            (canvas,),
            f"How many thousand trips were there in {month} in all?",
            total,
            total - trips[month][2],
            "easy",
        )
    if number % 3 == 1:
        right = trips[month][j]
        question = f"How many thousand trips by {parts[j]} were there in {month}?"
        return Picture((canvas,), question, right, sum(trips[month][: j + 1]), "medium")
    right = sum(counts[2] for counts in trips.values())
    question = "How many thousand trips by car were there over all months together?"
    return Picture((canvas,), question, right, right + 10 * r.randint(1, 3), "hard")


def two_lines(r: Random, number: int) -> Picture:
    """Two lines that cross."""
    canvas, step = Canvas(), r.choice((2, 5, 10))
    names = ("north", "south")
    draw_frame(canvas, "Visitors of two halls", step, 8)
    draw_legend(canvas, names)
    seen = [[step * r.randint(1, 8) for _ in MONTHS] for _ in names]
    for j, values in enumerate(seen):
        points = [(LEFT + 40 + 80 * k, y_position(value, step * 8)) for k, value in enumerate(values)]
        canvas.line(points, SERIES[j], 3)
        for x, y in points:
            canvas.disc(x, y, 5, SERIES[j])
    for k, month in enumerate(MONTHS):
        canvas.text(LEFT + 40 + 80 * k, 360, month, "middle")
    at, j = r.randrange(len(MONTHS)), r.randrange(2)
    if number % 3 == 0:
        right, other = seen[j][at], seen[1 - j][at]
        slip = other if other != right else right + step
        return Picture(
            (canvas,), f"How many visitors had the {names[j]} hall in {MONTHS[at]}?", right, slip, "easy"
        )
    if number % 3 == 1:
        count = sum(a > b for a, b in zip(*seen, strict=True))
        question = "In how many months had the north hall more visitors than the south hall?"
        return Picture((canvas,), question, count, count + 1, "medium")
    best = max(a + b for a, b in zip(*seen, strict=True))
    question = "What is the largest number of visitors of both halls together in one month?"
    return Picture((canvas,), question, best, max(seen[0]) + max(seen[1]) + step, "hard")


KINDS = (scatter, grouped, stacked, two_lines)


def items() -> Iterator[tuple[str, str, Picture]]:
    """Yield (id, kind, picture) of every sample."""
    return pictures.generate_pictures("plots", KINDS, PER_KIND)


if __name__ == "__main__":
    pictures.write_picture_samples(HERE, "plots", KINDS, PER_KIND)
