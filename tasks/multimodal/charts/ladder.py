"""Grouped bars: read values off an axis and combine them, with conditions from other bars.

What grows: bars, series, the values to read, and how finely they lie between the gridlines. The measure is the number
of values to read. CharXiv (arXiv 2406.18521) asks such questions, *reasoning*, about charts of papers.
"""

from __future__ import annotations

from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, draw_until, join_words, picture_item

PEOPLE = (
    "Ann", "Bob", "Cid", "Dan", "Eva", "Fay", "Gus", "Hal", "Ian", "Joy", "Kim", "Lea", "Max", "Ned", "Oli", "Pam",
    "Ray", "Sue", "Tom", "Una", "Val", "Wes", "Zoe", "Amy", "Ben", "Cal", "Deb", "Eli",
)  # fmt: skip
SERIES = (
    ("tea", "blue"),
    ("coffee", "orange"),
    ("milk", "green"),
    ("juice", "red"),
    ("cocoa", "purple"),
    ("soda", "brown"),
)
GRID = 20
"""Units from one gridline to the next; there are ten."""
HEIGHT = 10 * GRID
Values = list[list[int]]
"""By person and series, in steps of the finest reading."""


def draw(r: Random, rung: Rung) -> Item:
    """Return a chart with so many bars and a question that needs so many of them."""
    s = rung.settings
    people = r.sample(PEOPLE, s["people"])
    series = r.sample(SERIES, s["series"])
    gridline = r.choice([10, 20, 30, 40, 50, 60, 80, 100, 200] if s["parts"] < 4 else [20, 50, 100])
    unit = gridline // s["parts"]
    names = [name for name, _ in series]

    def make(r: Random) -> tuple[Values, dict[str, Any]]:
        steps = 10 * s["parts"]
        values = [[r.randint(1, steps) for _ in series] for _ in people]
        return values, _ASK[s["ask"]](r, people, names, [[unit * v for v in row] for row in values], rung)

    values, asked = draw_until(r, make, lambda made: made[1]["is_good"])
    page = picture(people, series, values, GRID // s["parts"], gridline, printed=s.get("printed", False))
    return picture_item(
        r, [page], question=f"Each value is a multiple of {unit}. {asked['question']}", answer=asked["answer"], slip=asked["slip"], solution=asked["solution"]
    )  # fmt: skip


def ask_terms(r: Random, people: list[str], names: list[str], values: Values, rung: Rung) -> dict[str, Any]:
    """Ask for one value, or for a sum over named people less another."""
    count = int(rung.complexity)
    if count == 1:
        person, kind = r.randrange(len(people)), r.randrange(len(names))
        value = values[person][kind]
        other = r.choice([v for row in values for v in row if v != value] or [value])
        question = f"How much {names[kind]} does the chart show for {people[person]}?"
        told = [f"{people[person]}, {names[kind]}: {value}"]
        return {
            "question": question,
            "answer": value,
            "slip": other,
            "solution": told,
            "is_good": other != value,
        }
    less = count // 3
    picked = r.sample([(p, k) for p in range(len(people)) for k in range(len(names))], count)
    plus, minus = sorted(picked[less:]), sorted(picked[:less])
    question = f"Add up {listed(plus, people, names)}."
    if minus:
        question += f" Then subtract {listed(minus, people, names)}."
    total = sum(values[p][k] for p, k in plus)
    answer = total - sum(values[p][k] for p, k in minus)
    told = [f"{people[p]}, {names[k]}: +{values[p][k]}" for p, k in plus]
    told += [f"{people[p]}, {names[k]}: -{values[p][k]}" for p, k in minus]
    slip = total if minus else answer - values[plus[0][0]][plus[0][1]]
    return {
        "question": f"{question} What is the result?",
        "answer": answer,
        "slip": slip,
        "solution": told,
        "is_good": answer > 0 and slip > 0,
    }


def listed(bars: list[tuple[int, int]], people: list[str], names: list[str]) -> str:
    """Return bars in words, by series: *the tea of Ann and Bob, and the milk of Cid*."""
    parts = []
    for kind, name in enumerate(names):
        named = [people[p] for p, k in bars if k == kind]
        if named:
            parts.append(f"the {name} of {join_words(named)}")
    return ", and ".join(parts)


def ask_where(r: Random, people: list[str], names: list[str], values: Values, rung: Rung) -> dict[str, Any]:
    """Ask for a sum over the people for whom one series exceeds another; perhaps with a second condition and a difference."""
    picks = r.sample(range(len(names)), 6 if rung.settings["ask"] == "where two" else 3)
    a, b, c = picks[:3]
    fits = [row for row in values if row[a] > row[b]]
    tied = any(row[a] == row[b] for row in values)
    question = f"Look only at the people who have more {names[a]} than {names[b]}"
    slip = sum(row[c] for row in values if row[a] < row[b])
    if len(picks) == 3:
        answer = sum(row[c] for row in fits)
        question += f". How much {names[c]} do they have in all?"
    else:
        d, e, f = picks[3:]
        tied = tied or any(row[c] == row[d] for row in values)
        slip = abs(sum(row[e] - row[f] for row in fits))
        fits = [row for row in fits if row[c] < row[d]]
        answer = sum(row[e] - row[f] for row in fits)
        question += f" and less {names[c]} than {names[d]}. By how much does their {names[e]}, added up, exceed their {names[f]}, added up?"
    told = [
        f"{people[values.index(row)]}: {', '.join(f'{names[k]} {row[k]}' for k in picks)}" for row in fits
    ]
    is_good = not tied and 2 <= len(fits) < len(people) and answer > 0 and slip > 0 and slip != answer
    return {"question": question, "answer": answer, "slip": slip, "solution": told, "is_good": is_good}


_ASK = {"terms": ask_terms, "where": ask_where, "where two": ask_where}


def picture(
    people: list[str],
    series: list[tuple[str, str]],
    values: Values,
    rise: int,
    gridline: int,
    *,
    printed: bool,
) -> Page:
    """Return the chart; a value of 1 is ``rise`` units high."""
    bar = 24 if printed else 12 if len(people) * len(series) <= 24 else 8 if len(people) <= 12 else 6
    group = max(bar * len(series) + 8, 26)
    left, top = 40, 30
    bottom = top + HEIGHT
    legend = sum(6 * len(name) + 26 for name, _ in series)
    page = Page(left + max(group * len(people), legend) + 10, bottom + 22)
    x = left
    for name, color in series:
        page.box(x, 6, x + 8, 14, color)
        page.text(x + 12, 10, name)
        x += 6 * len(name) + 26
    for k in range(11):
        y = bottom - k * GRID
        page.line([(left - 3, y), (page.width - 6, y)], "gray")
        page.text(left - 5, y, k * gridline, anchor="right")
    for p, person in enumerate(people):
        start = left + 4 + p * group
        for k, (_, color) in enumerate(series):
            height = values[p][k] * rise
            page.box(start + k * bar, bottom - height, start + (k + 1) * bar - 2, bottom, color)
            if printed:
                value = values[p][k] * rise * gridline // GRID
                page.text(start + k * bar + bar // 2, bottom - height - 7, value, anchor="middle")
        page.text(start + bar * len(series) // 2, bottom + 10, person, anchor="middle")
    page.line([(left, top), (left, bottom)])
    page.line([(left, bottom), (page.width - 6, bottom)])
    return page


def _rung(reads: int, people: int, series: int, parts: int, ask: str = "terms", **more: Any) -> Rung:
    return Rung(reads, {"people": people, "series": series, "parts": parts, "ask": ask, **more})


LADDER = Ladder(
    name="multimodal/charts",
    measure="values to read",
    rungs=[
        _rung(1, 4, 1, 1, printed=True),
        _rung(1, 6, 2, 1),
        _rung(2, 6, 2, 2),
        _rung(3, 8, 2, 2),
        _rung(5, 8, 3, 5),
        _rung(8, 9, 3, 5),
        _rung(12, 10, 4, 10),
        _rung(27, 9, 3, 10, "where"),
        _rung(36, 12, 4, 10, "where"),
        _rung(60, 10, 6, 10, "where two"),
        _rung(96, 16, 6, 10, "where two"),
        _rung(144, 24, 6, 10, "where two"),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
