"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time.

Each template draws its numbers from a seeded generator and works out the answer while it writes the
question, together with what a typical slip would give.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

HERE = Path(__file__).parent
PER_TEMPLATE = 12
NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jonas", "Kira", "Liam")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
THINGS = ("apples", "pens", "stamps", "marbles", "tickets", "screws")


class ArithmeticItem(NamedTuple):
    """A question, its answer, and the answer of one who slipped."""

    question: str
    answer: float
    slip: float


def shopping(r: Random) -> ArithmeticItem:
    """Prices, a discount on a part, change."""
    n, m = r.randint(3, 9), r.randint(2, 6)
    pen, book = r.randint(2, 9) * 20, r.randint(6, 19) * 50
    off = r.choice((10, 20, 25, 50))
    cost = n * pen * (100 - off) / 100 + m * book
    paid = (int(cost) // 1000 + 2) * 1000
    question = (
        f"{r.choice(NAMES)} buys {n} pens at {pen} cents each and {m} notebooks at {book} cents each. "
        f"There are {off} % off the pens, and nothing off the notebooks. "
        f"How many cents of change does a payment of {paid} cents bring?"
    )
    return ArithmeticItem(question, paid - cost, paid - (n * pen + m * book) * (100 - off) / 100)


def travel(r: Random) -> ArithmeticItem:
    """Two speeds and a stop; the mean speed is not the mean of the speeds."""
    a, b = r.choice(((60, 90), (40, 120), (50, 100), (80, 120), (60, 30), (45, 90)))
    hours_a, hours_b, stop = r.randint(1, 4), r.randint(1, 4), r.choice((15, 30, 45))
    km = a * hours_a + b * hours_b
    question = (
        f"A van drives {hours_a} h at {a} km/h, rests for {stop} minutes, and drives another {hours_b} h at {b} km/h. "
        "What is its mean speed over the whole trip, rest included, in km/h, rounded to two decimals?"
    )
    return ArithmeticItem(
        question, round(km / (hours_a + hours_b + stop / 60), 2), round((a + b) / 2 + 0.01, 2)
    )


def units(r: Random) -> ArithmeticItem:
    """Litres, minutes, buckets."""
    tank, rate, bucket = r.randint(3, 9) * 120, r.choice((4, 5, 6, 8, 10, 12)), r.choice((250, 400, 500, 750))
    taken = r.randint(4, 12) * 4
    question = (
        f"A tank of {tank} litres is full. {taken} buckets of {bucket} ml are taken out, "
        f"then a pump empties it at {rate} litres a minute. How many seconds does the pump run until the tank is empty?"
    )
    left = tank - taken * bucket / 1000
    return ArithmeticItem(question, left / rate * 60, tank / rate * 60)


def work(r: Random) -> ArithmeticItem:
    """Machines that work together, one of which starts late."""
    a, b = r.choice(((6, 12), (10, 15), (12, 24), (20, 30), (8, 24), (15, 30)))
    late = r.choice([n for n in (1, 2, 3, 4) if n < a])
    question = (
        f"Machine A makes a batch in {a} hours, machine B in {b} hours. A starts alone; B joins {late} "
        f"{'hour' if late == 1 else 'hours'} later and both work to the end. "
        "How many hours after A's start is the batch done, rounded to two decimals?"
    )
    return ArithmeticItem(
        question, round(late + (1 - late / a) / (1 / a + 1 / b), 2), round(1 / (1 / a + 1 / b), 2)
    )


def calendar(r: Random) -> ArithmeticItem:
    """Days between two dates, across months."""
    start = date(r.choice((2023, 2024, 2025, 2028)), r.randint(1, 6), r.randint(1, 28))
    end = start + timedelta(days=r.randint(40, 200))
    question = (
        f"A permit is valid from {start:%d %B %Y} to {end:%d %B %Y}, the first and the last day included. "
        "On how many days is it valid?"
    )
    return ArithmeticItem(question, (end - start).days + 1, (end - start).days)


def schedule(r: Random) -> ArithmeticItem:
    """Buses at intervals, a walk, a wait."""
    first, every, walk = (
        r.randint(5, 8) * 60 + r.randint(0, 11) * 5,
        r.choice((12, 15, 18, 20, 25)),
        r.randint(6, 19),
    )
    leave = first + r.randint(5, 14) * every + r.randint(1, every - 1)
    ride = r.randint(11, 48)
    at_stop = leave + walk
    wait = -(at_stop - first) % every
    question = (
        f"Buses leave every {every} minutes, the first at {first // 60:02}:{first % 60:02}. {r.choice(NAMES)} leaves home at "
        f"{leave // 60:02}:{leave % 60:02}, walks {walk} minutes to the stop and takes the next bus "
        f"(one that leaves at that very minute is caught), which rides for {ride} minutes. "
        "How many minutes after leaving home does the ride end?"
    )
    return ArithmeticItem(question, walk + wait + ride, walk + every + ride if wait != every else walk + ride)


def weekday(r: Random) -> ArithmeticItem:
    """A weekday pattern counted over weeks."""
    day, days, each = r.randrange(7), r.randint(20, 60), r.randint(3, 9)
    rest = r.sample(range(7), 2)
    at_work = sum((day + i) % 7 not in rest for i in range(days))
    question = (
        f"From a {DAYS[day]} on, {r.choice(NAMES)} sorts {each} boxes a day for {days} days in a row (that {DAYS[day]} is the first), "
        f"but none on {DAYS[rest[0]]}s and {DAYS[rest[1]]}s. How many boxes is that in all?"
    )
    return ArithmeticItem(question, at_work * each, days * each)


def ordering(r: Random) -> ArithmeticItem:
    """Places in a queue from relations."""
    total, before = r.randint(14, 40), r.randint(3, 6)
    gap = r.randint(2, 5)
    a, b, c = r.sample(NAMES, 3)
    question = (
        f"{total} people stand in a queue. Exactly {before} stand before {a}. Between {a} and {b}, who is further back, stand "
        f"exactly {gap} people. {c} stands directly behind {b}. How many people stand behind {c}?"
    )
    place = before + 1 + gap + 1 + 1
    return ArithmeticItem(question, total - place, total - place + 1)


def ages(r: Random) -> ArithmeticItem:
    """Ages that differ by a sum and a multiple."""
    a, b, c = r.sample(NAMES, 3)
    young, times, years, more = r.randint(3, 12), r.randint(2, 4), r.randint(2, 9), r.randint(1, 7)
    total = young + young * times + (young * times + more)
    question = (
        f"{a} is {times} times as old as {b}, and {c} is {more} {'year' if more == 1 else 'years'} older than {a}. "
        f"Together they are {total} years old. How old will {c} be in {years} years?"
    )
    return ArithmeticItem(question, young * times + more + years, young * times + more)


def tracking(r: Random) -> ArithmeticItem:
    """Things that change hands."""
    people = r.sample(NAMES, 3)
    thing = r.choice(THINGS)
    have = {name: r.randint(20, 40) for name in people}
    said = [f"{name} has {count}" for name, count in have.items()]
    lines, slip = [], dict(have)
    for step in range(r.randint(5, 7)):
        giver, taker = r.sample(people, 2)
        if step % 3 == 2 and have[giver] >= 4:
            count = have[giver] // 2
            lines.append(f"{giver} gives half of what {giver} has, rounded down, to {taker}")
            slip[giver], slip[taker] = slip[giver] - slip[giver] // 2, slip[taker] + count - 1
        else:
            count = min(r.randint(2, 9), have[giver])
            lines.append(f"{giver} gives {taker} {count}")
            slip[giver], slip[taker] = slip[giver] - count, slip[taker] + count
        have[giver], have[taker] = have[giver] - count, have[taker] + count
    who = max(people, key=lambda name: (abs(slip[name] - have[name]), name))
    wrong = slip[who] if slip[who] != have[who] else have[who] + 1
    question = f"{', '.join(said)} {thing}. Then, one after the other: {'; '.join(lines)}. How many {thing} does {who} have in the end?"
    return ArithmeticItem(question, have[who], wrong)


def robot(r: Random) -> ArithmeticItem:
    """A walk on a grid; the distance from the start along streets."""
    x = y = 0
    dx, dy = 0, 1
    lines, walked = [], 0
    for _ in range(r.randint(5, 8)):
        steps = r.randint(1, 9)
        x, y, walked = x + dx * steps, y + dy * steps, walked + steps
        turn = r.choice(("left", "right"))
        dx, dy = (-dy, dx) if turn == "left" else (dy, -dx)
        lines.append(f"{steps} {'block' if steps == 1 else 'blocks'} straight on and a turn to the {turn}")
    question = (
        f"Facing north in a town of square blocks, a courier rides: {'; '.join(lines)}. "
        "How many blocks is the shortest way back along the streets?"
    )
    return ArithmeticItem(question, abs(x) + abs(y), walked)


def compound(r: Random) -> ArithmeticItem:
    """Growth in percent, year by year, with a yearly withdrawal."""
    start, rate, years, out = (
        r.randint(2, 9) * 1000,
        r.choice((4, 5, 8, 10)),
        r.randint(2, 4),
        r.randint(1, 4) * 100,
    )
    have = float(start)
    for _ in range(years):
        have = have * (100 + rate) / 100 - out
    question = (
        f"An account holds {start} euros. At the end of each year {rate} % interest is added and then {out} euros are taken out. "
        f"How many euros does it hold after {years} years, rounded to two decimals?"
    )
    return ArithmeticItem(question, round(have, 2), round(start * (1 + rate * years / 100) - out * years, 2))


def mixture(r: Random) -> ArithmeticItem:
    """Two solutions mixed, some water boiled off."""
    a, b = r.randint(2, 9) * 100, r.randint(2, 9) * 100
    p, q = r.sample((5, 10, 15, 20, 30, 40), 2)
    off = r.randint(1, 3) * 50
    salt = (a * p + b * q) / 100
    question = (
        f"{a} g of a {p} % salt solution and {b} g of a {q} % salt solution are mixed, then {off} g of pure water evaporate. "
        "What percentage of the mass is salt now, rounded to two decimals?"
    )
    return ArithmeticItem(question, round(100 * salt / (a + b - off), 2), round(100 * salt / (a + b), 2))


TEMPLATES: tuple[tuple[str, Callable[[Random], ArithmeticItem]], ...] = (
    ("easy", shopping),
    ("easy", calendar),
    ("easy", ordering),
    ("easy", ages),
    ("medium", units),
    ("medium", schedule),
    ("medium", weekday),
    ("medium", compound),
    ("medium", travel),
    ("hard", work),
    ("hard", tracking),
    ("hard", robot),
    ("hard", mixture),
)


def format_answer(value: float) -> str:
    """Return a number as an answer states it: at most two decimals, none where none are needed."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def render() -> str:
    """Return the whole file."""
    lines = []
    for tier, template in TEMPLATES:
        name = template.__name__
        r = Random(f"arithmetic/{name}/1")
        seen: set[str] = set()
        while len(seen) < PER_TEMPLATE:
            item = template(r)
            # A slip that is right, or a question asked before, is drawn again.
            if item.question in seen or abs(item.answer - item.slip) < 0.05:
                continue
            seen.add(item.question)
            row = {
                "id": f"{name}-{len(seen):02}",
                "tier": tier,
                "template": name,
                "question": item.question,
                "answer": format_answer(item.answer),
                "slip": format_answer(item.slip),
            }
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines)


def main() -> None:
    """Write the file."""
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} items")


if __name__ == "__main__":
    main()
