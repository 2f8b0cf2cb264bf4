"""Draws the images and writes samples.jsonl: ``python make_samples.py``; the same pixels every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tasks.multimodal import pictures
from tasks.multimodal.canvas import Canvas
from tasks.multimodal.pictures import Picture

HERE = Path(__file__).parent
PER_KIND = 10
WORDS = ("Check", "Clean", "Count", "Dry", "Label", "Mix", "Pack", "Rinse", "Sort", "Store", "Test", "Weigh")
NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jonas")


def draw_node(canvas: Canvas, x: float, y: float, words: str, colour: str = "white") -> None:
    """Draw a labelled box around a point."""
    half = max(34, 7 * len(words))
    canvas.box(x - half, y - 17, x + half, y + 17, colour)
    canvas.text(x, y, words, "middle")


def draw_arrow(canvas: Canvas, a: tuple[float, float], b: tuple[float, float]) -> None:
    """Draw a line that ends in a filled tip, from near one point to near another."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    long = max(1.0, (dx * dx + dy * dy) ** 0.5)
    ux, uy = dx / long, dy / long
    canvas.line([a, b])
    canvas.shape(
        [
            b,
            (b[0] - 13 * ux + 6 * uy, b[1] - 13 * uy - 6 * ux),
            (b[0] - 13 * ux - 6 * uy, b[1] - 13 * uy + 6 * ux),
        ],
        "black",
    )


def flow(r: Random, number: int) -> Picture:
    """Steps with one decision; which step comes next, or how many steps a way has."""
    canvas = Canvas()
    words = r.sample(WORDS, 7)
    spots = [(110, 50), (280, 50), (450, 50), (280, 150), (110, 250), (450, 250), (280, 345)]
    for (x, y), word in zip(spots, words, strict=True):
        draw_node(canvas, x, y, word, "orange" if (x, y) == (280, 150) else "white")
    right_way = r.random() < 0.5
    order = [0, 1, 2] if right_way else [2, 1, 0]
    for a, b in ((order[0], order[1]), (order[1], order[2])):
        xa, xb = spots[a][0], spots[b][0]
        side = 45 if xb > xa else -45
        draw_arrow(canvas, (xa + side, 50), (xb - side, 50))
    last = spots[order[2]]
    draw_arrow(canvas, (last[0], 67), (280 + (40 if last[0] > 280 else -40), 133))
    draw_arrow(canvas, (250, 167), (120, 233))
    draw_arrow(canvas, (310, 167), (440, 233))
    yes_left = r.random() < 0.5
    canvas.text(165, 186, "yes" if yes_left else "no", "right")
    canvas.text(395, 186, "no" if yes_left else "yes")
    draw_arrow(canvas, (120, 267), (250, 328))
    draw_arrow(canvas, (440, 267), (310, 328))
    yes, no = (words[4], words[5]) if yes_left else (words[5], words[4])
    if number % 3 == 0:
        question = f'Which step follows directly after "{words[order[0]]}"?'
        return Picture((canvas,), question, words[order[1]], words[order[2]], "easy")
    if number % 3 == 1:
        question = f'Which step follows after "{words[3]}" when the answer there is no?'
        return Picture((canvas,), question, no, yes, "medium")
    question = f'Starting at "{words[order[0]]}", with the answer yes at "{words[3]}": which step is the fifth, the start counted as the first?'
    return Picture((canvas,), question, yes, no, "hard")


def tree(r: Random, number: int) -> Picture:
    """Who reports to whom."""
    canvas = Canvas()
    names = r.sample(NAMES, 9)
    spots = [(280, 40), (100, 150), (280, 150), (460, 150)]
    children = {0: [1, 2, 3]}
    given = r.choice(([2, 2, 1], [1, 2, 2], [2, 1, 2]))
    at = 4
    for k, count in enumerate(given, 1):
        children[k] = list(range(at, at + count))
        for j in range(count):
            spots.append(
                (spots[k][0] + (0 if count == 1 else (-44, 44)[j]), 270 + (0 if count == 1 else (0, 60)[j]))
            )
        at += count
    for parent, below in children.items():
        for child in below:
            canvas.line([(spots[parent][0], spots[parent][1] + 17), (spots[child][0], spots[child][1] - 17)])
    for (x, y), name in zip(spots, names, strict=False):
        draw_node(canvas, x, y, name)
    parents = {child: parent for parent, below in children.items() for child in below}
    leaf = r.randrange(4, 9)
    if number % 3 == 0:
        return Picture(
            (canvas,), f"To whom does {names[leaf]} report directly?", names[parents[leaf]], names[0], "easy"
        )
    if number % 3 == 1:
        pairs = [below for k, below in children.items() if k and len(below) == 2]
        one, other = r.choice(pairs)
        slip = next(names[k] for k in range(4, 9) if k not in {one, other})
        return Picture(
            (canvas,), f"Who has the same direct superior as {names[one]}?", names[other], slip, "medium"
        )
    boss = r.choice([k for k in (1, 2, 3) if len(children[k]) == 1])
    question = "Exactly one person below the top has only one direct report. Who is that report?"
    return Picture((canvas,), question, names[children[boss][0]], names[boss], "hard")


def network(r: Random, number: int) -> Picture:
    """Points joined by lines: neighbours, degrees, steps between two."""
    canvas = Canvas()
    letters = "ABCDEFGH"
    spots = [(90, 80), (280, 50), (470, 80), (510, 210), (470, 330), (280, 355), (90, 330), (50, 210)]
    ring = [(k, (k + 1) % 8) for k in range(8)]
    kept = [edge for k, edge in enumerate(ring) if k != number % 8]
    spare = [(a, b) for a in range(8) for b in range(a + 2, 8) if (a, b) != (0, 7)]
    edges = [*kept, *r.sample(spare, 2)]
    for a, b in edges:
        canvas.line([spots[a], spots[b]])
    for k, (x, y) in enumerate(spots):
        canvas.disc(x, y, 19, "orange")
        canvas.text(x + 2, y, letters[k], "middle")
    near = {k: {a if b == k else b for a, b in edges if k in {a, b}} for k in range(8)}
    at = r.randrange(8)
    if number % 3 == 0:
        count = len(near[at])
        return Picture(
            (canvas,),
            f"To how many other points is {letters[at]} joined by a line? Answer with a number.",
            str(count),
            str(count + 1),
            "easy",
        )
    if number % 3 == 1:
        return Picture(
            (canvas,),
            "How many lines are drawn in all? Answer with a number.",
            str(len(edges)),
            "8",
            "medium",
        )
    steps, reached = {at: 0}, [at]
    for point in reached:
        for other in sorted(near[point]):
            if other not in steps:
                steps[other] = steps[point] + 1
                reached.append(other)
    goal = reached[-1]
    question = f"What is the smallest number of lines on a way from {letters[at]} to {letters[goal]}? Answer with a number."
    return Picture((canvas,), question, str(steps[goal]), str(steps[goal] + 1), "hard")


KINDS = (flow, tree, network)


def items() -> Iterator[tuple[str, str, Picture]]:
    """Yield (id, kind, picture) of every sample."""
    return pictures.generate_pictures("diagrams", KINDS, PER_KIND)


if __name__ == "__main__":
    pictures.write_picture_samples(HERE, "diagrams", KINDS, PER_KIND)
