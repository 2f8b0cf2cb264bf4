"""Draws the images and writes samples.jsonl: ``python make_samples.py``; the same pixels every time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tasks.multimodal import pictures
from tasks.multimodal.canvas import HEIGHT, WIDTH, Canvas
from tasks.multimodal.pictures import Picture

HERE = Path(__file__).parent
PER_KIND = 12
GOODS = (
    "bread",
    "butter",
    "cheese",
    "coffee",
    "honey",
    "jam",
    "milk",
    "pasta",
    "rice",
    "soap",
    "tea",
    "water",
)
SHOPS = ("Corner Shop", "Harbour Store", "Mill Market", "Station Kiosk")
FIRST = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo")
LAST = ("Brandt", "Okafor", "Nguyen", "Sharma", "Demir", "Weber", "Novak", "Rossi")
STREETS = ("Mill Lane", "Harbour Street", "Oak Road", "Station Square", "Hill Way")
TOWNS = ("Aldby", "Birk", "Corran", "Dunmoor", "Eskdale")


def format_money(cents: int) -> str:
    """Return cents as an amount."""
    return f"{cents // 100}.{cents % 100:02}"


def receipt(r: Random, number: int) -> Picture:
    """A shop's receipt: one price, the total, the change."""
    canvas = Canvas()
    canvas.box(90, 8, 470, HEIGHT - 8, "white")
    canvas.text(WIDTH // 2, 28, r.choice(SHOPS), "middle")
    canvas.text(
        WIDTH // 2,
        52,
        f"{r.randint(1, 28):02}.{r.randint(1, 12):02}.2025  {r.randint(8, 19):02}:{r.randint(0, 59):02}",
        "middle",
    )
    goods = r.sample(GOODS, r.randint(4, 6))
    counts = [r.choice((1, 1, 2, 3)) for _ in goods]
    prices = [r.randint(15, 90) * 10 + r.choice((0, 5, 9)) for _ in goods]
    for k, (good, count, price) in enumerate(zip(goods, counts, prices, strict=True)):
        canvas.text(110, 90 + 32 * k, f"{count} x {good}")
        canvas.text(450, 90 + 32 * k, format_money(count * price), "right")
    y = 96 + 32 * len(goods)
    total = sum(c * p for c, p in zip(counts, prices, strict=True))
    paid = (total // 1000 + 1) * 1000
    canvas.line([(110, y), (450, y)])
    for label, cents in (("TOTAL", total), ("CASH", paid), ("CHANGE", paid - total)):
        y += 24
        canvas.text(110, y, label)
        canvas.text(450, y, format_money(cents), "right")
    at = r.randrange(len(goods))
    if number % 3 == 0:
        question = (
            f"What is printed as the amount for the {goods[at]}? Give it as printed, without a currency."
        )
        other = counts[at - 1] * prices[at - 1]
        amount = counts[at] * prices[at]
        return Picture(
            (canvas,),
            question,
            format_money(amount),
            format_money(other if other != amount else amount + 100),
            "easy",
        )
    if number % 3 == 1:
        return Picture(
            (canvas,),
            "How much change was given? Give it as printed, without a currency.",
            format_money(paid - total),
            format_money(total),
            "easy",
        )
    question = f"How much would have been paid in total without the {goods[at]}? Give it with two decimals, without a currency."
    return Picture(
        (canvas,), question, format_money(total - counts[at] * prices[at]), format_money(total), "hard"
    )


def form(r: Random, number: int) -> Picture:
    """A form with labelled boxes and ticks."""
    canvas = Canvas()
    canvas.text(WIDTH // 2, 22, "REGISTRATION FORM", "middle")
    name = f"{r.choice(FIRST)} {r.choice(LAST)}"
    fields = {
        "Name": name,
        "Street": f"{r.randint(1, 98)} {r.choice(STREETS)}",
        "Town": f"{r.randint(10000, 99999)} {r.choice(TOWNS)}",
        "Phone": f"0{r.randint(100, 999)} {r.randint(100000, 999999)}",
        "Member no.": f"{r.choice('ABCDEF')}-{r.randint(1000, 9999)}",
    }
    for k, (label, value) in enumerate(fields.items()):
        y = 62 + 42 * k
        canvas.text(24, y, label)
        canvas.box(170, y - 15, 530, y + 15, "white")
        canvas.text(180, y, value)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri")
    ticked = sorted(r.sample(range(5), r.randint(1, 3)))
    canvas.text(24, 290, "Days")
    for k, day in enumerate(days):
        x = 170 + 74 * k
        canvas.box(x, 280, x + 20, 300, "white")
        if k in ticked:
            canvas.line([(x + 3, 283), (x + 17, 297)], "black", 3)
            canvas.line([(x + 17, 283), (x + 3, 297)], "black", 3)
        canvas.text(x + 26, 290, day)
    canvas.text(24, 340, "Signed")
    canvas.line([(170, 352), (530, 352)], "black", 1)
    signed = f"{r.randint(1, 28):02}.{r.randint(1, 12):02}.2025"
    canvas.text(180, 338, signed)
    labels = tuple(fields)
    if number % 3 == 0:
        label = labels[number // 3 % 5]
        other = labels[(number // 3 + 1) % 5]
        return Picture(
            (canvas,), f'What is written in the field "{label}"?', fields[label], fields[other], "easy"
        )
    if number % 3 == 1:
        count = len(ticked)
        return Picture(
            (canvas,),
            "How many days are ticked? Answer with a number.",
            str(count),
            str(5 - count if count * 2 != 5 else 5),
            "medium",
        )
    first = days[ticked[0]]
    slip = next(day for k, day in enumerate(days) if k not in ticked)
    return Picture(
        (canvas,),
        "Which is the first day of the week that is ticked? Answer as printed.",
        first,
        slip,
        "medium",
    )


def invoice(r: Random, number: int) -> Picture:
    """An invoice's table with quantities, unit prices and tax."""
    canvas = Canvas()
    canvas.text(24, 22, f"INVOICE {r.choice('RSTU')}{r.randint(2000, 9999)}")
    day, month = r.randint(1, 28), r.randint(1, 11)
    canvas.text(536, 22, f"due {day:02}.{month + 1:02}.2025", "right")
    canvas.text(24, 46, f"Customer: {r.choice(LAST)} Ltd, {r.choice(TOWNS)}")
    goods = r.sample(GOODS, 4)
    counts, prices = [r.randint(2, 30) for _ in goods], [r.randint(2, 40) for _ in goods]
    head = ("item", "quantity", "price", "amount")
    rights = (24, 270, 400, 536)
    for x, word in zip(rights, head, strict=True):
        canvas.text(x, 90, word, "left" if x == 24 else "right")
    canvas.line([(20, 106), (540, 106)])
    for k, good in enumerate(goods):
        y = 130 + 38 * k
        canvas.text(24, y, good)
        for x, value in zip(rights[1:], (counts[k], prices[k], counts[k] * prices[k]), strict=True):
            canvas.text(x, y, str(value), "right")
        canvas.line([(20, y + 18), (540, y + 18)], "grey", 1)
    net = sum(c * p for c, p in zip(counts, prices, strict=True))
    rate = r.choice((5, 10, 20))
    canvas.text(400, 306, "net", "right")
    canvas.text(536, 306, str(net), "right")
    canvas.text(400, 336, f"tax {rate} %", "right")
    canvas.text(536, 336, "?" if number % 3 == 2 else format_money(net * rate), "right")
    at = r.randrange(4)
    if number % 3 == 0:
        return Picture(
            (canvas,),
            f"How many of the item {goods[at]} were ordered? Answer with a number.",
            str(counts[at]),
            str(prices[at] if prices[at] != counts[at] else prices[at] + 1),
            "easy",
        )
    if number % 3 == 1:
        best = max(range(4), key=lambda k: counts[k] * prices[k])
        slip = goods[max((k for k in range(4) if k != best), key=lambda k: counts[k])]
        if sorted(c * p for c, p in zip(counts, prices, strict=True))[-2] == counts[best] * prices[best]:
            return invoice(r, number)
        return Picture(
            (canvas,), "Which item has the largest amount? Answer as printed.", goods[best], slip, "medium"
        )
    question = "The tax is not printed. How much is net and tax together? Give it with two decimals, without a currency."
    return Picture((canvas,), question, format_money(net * (100 + rate)), format_money(net * rate), "hard")


KINDS = (receipt, form, invoice)


def items() -> Iterator[tuple[str, str, Picture]]:
    """Yield (id, kind, picture) of every sample."""
    return pictures.generate_pictures("documents", KINDS, PER_KIND)


if __name__ == "__main__":
    pictures.write_picture_samples(HERE, "documents", KINDS, PER_KIND)
