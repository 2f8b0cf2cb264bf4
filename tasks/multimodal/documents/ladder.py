"""Documents of several pages: orders in a dense table, a price list, and the clients' discounts.

What grows: rows, pages, columns that a question needs, conditions, and how small the print is on the page. The measure
is the number of rows in the document. MMLongBench-Doc (arXiv 2407.01523) has accuracy on questions across pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, draw_until, picture_item

CLIENTS = (
    "Ahlberg", "Brandt", "Costa", "Dorsey", "Ekman", "Fuchs", "Garcia", "Hansen", "Ibsen", "Jonas", "Keller", "Larsen",
    "Moreau", "Novak", "Olsen", "Petrov", "Quinn", "Rossi", "Sato", "Turner", "Ueda", "Varga", "Weber", "Young",
)  # fmt: skip
ITEMS = (
    "bolt", "bracket", "cable", "clamp", "fan", "filter", "fuse", "gasket", "gear", "hinge", "hose", "lamp", "lever",
    "motor", "nozzle", "pipe", "plug", "pump", "relay", "rotor", "seal", "sensor", "spring", "switch", "valve", "wheel",
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ROW = 13
MOST_ROWS = 50
"""Orders on one page."""


class Order(NamedTuple):
    """One row of the orders."""

    number: int
    day: int
    month: str
    client: str
    item: str
    units: int
    is_void: bool


def draw(r: Random, rung: Rung) -> Item:
    """Return a document of so many rows and a question about some of them."""
    s = rung.settings
    clients = r.sample(CLIENTS, s["clients"])
    items = r.sample(ITEMS, s["items"])
    prices = {item: r.randint(11, 99) * (100 if s["ask"] == "net" else 1) for item in items}
    discounts = {client: r.randint(1, 40) for client in clients}
    orders, asked = draw_until(
        r, lambda r: _orders_and_question(r, rung, clients, items, prices, discounts), lambda made: made[1] is not None
    )  # fmt: skip
    pages = list(order_pages(r, orders, s))
    if s["ask"] in ("gross", "net"):
        pages.append(list_page("Price list", ("item", "price"), [(i, prices[i]) for i in sorted(items)]))
    if s["ask"] == "net":
        rows = [(c, f"{discounts[c]} %") for c in sorted(clients)]
        pages.append(list_page("Discounts", ("client", "discount"), rows))
    question, answer, slip, told = asked
    return picture_item(r, pages, question=question, answer=answer, slip=slip, solution=told)


def _orders_and_question(
    r: Random, rung: Rung, clients: list[str], items: list[str], prices: dict[str, int], discounts: dict[str, int]
) -> tuple[list[Order], Any]:  # fmt: skip
    s = rung.settings
    numbers = sorted(r.sample(range(1000, 9999), s["rows"]))
    orders = [
        Order(
            number,
            r.randint(1, 28),
            r.choice(MONTHS),
            r.choice(clients),
            r.choice(items),
            r.randint(2, 99),
            s["voids"] > 0 and r.randrange(100) < s["voids"],
        )
        for number in numbers
    ]
    if s["ask"] == "cell":
        order = r.choice(orders)
        slip = next((o.units for o in orders if o.units != order.units), order.units + 1)
        told = [f"order {order.number}: {order.units} units"]
        return orders, (f"How many units does order {order.number} have?", order.units, slip, told)
    client = r.choice(clients)
    first, last = 0, 11
    if s["months"] < 12:
        first = r.randint(0, 12 - s["months"])
        last = first + s["months"] - 1
    wanted = [o for o in orders if first <= MONTHS.index(o.month) <= last and not o.is_void]
    beside = [o for o in orders if first <= MONTHS.index(o.month) <= last]
    when = f" from {MONTHS[first]} through {MONTHS[last]}" if s["months"] < 12 else ""
    void = " Orders marked void do not count." if s["voids"] else ""
    pay = {o.number: prices[o.item] * o.units for o in orders}
    if s["ask"] == "units":
        kept = [o for o in wanted if o.client == client]
        answer = sum(o.units for o in kept)
        slip = sum(o.units for o in beside if o.client == client)
        question = f"How many units did {client} order in all{when}?{void}"
        told = [f"order {o.number}: {o.units}" for o in kept]
    elif s["ask"] == "gross":
        kept = [o for o in wanted if o.client == client]
        answer = sum(pay[o.number] for o in kept)
        slip = sum(pay[o.number] for o in beside if o.client == client)
        question = f"What do the orders of {client}{when} cost in all, by the price list?{void}"
        told = [f"order {o.number}: {o.units} x {prices[o.item]} = {pay[o.number]}" for o in kept]
    else:
        bound = sorted(discounts.values())[len(clients) // 2]
        kept = [o for o in wanted if discounts[o.client] >= bound]
        answer = sum(pay[o.number] * (100 - discounts[o.client]) // 100 for o in kept)
        slip = sum(pay[o.number] for o in kept)
        question = (
            f"Look only at the clients whose discount is {bound} % or more. What do their orders{when} cost in all, by the "
            f"price list, after each client's discount?{void}"
        )
        told = [
            f"order {o.number}: {o.units} x {prices[o.item]} less {discounts[o.client]} %"
            f" = {pay[o.number] * (100 - discounts[o.client]) // 100}"
            for o in kept
        ]
    if slip == answer:
        slip = answer - (kept[0].units if kept else 1)
    good = len(kept) >= 2 and answer > 0 and slip > 0
    return orders, (question, answer, slip, told) if good else None


def order_pages(r: Random, orders: list[Order], s: Any) -> list[Page]:
    """Return the pages of orders: in the order of their numbers, or shuffled."""
    shown = list(orders)
    if s["shuffled"]:
        r.shuffle(shown)
    size = s["size"]
    count = max(1, -(-len(shown) // MOST_ROWS))
    per_page = -(-len(shown) // count)
    columns = (("order", 8), ("date", 54), ("client", 108), ("item", 168), ("units", 252), ("note", 268))
    pages = []
    for k in range(count):
        rows = shown[k * per_page : (k + 1) * per_page]
        page = Page(304 * size, (34 + ROW * (len(rows) + 1)) * size)
        page.text(8 * size, 11 * size, f"Orders, page {k + 1} of {count}", size=size)
        for name, x in columns:
            page.text(x * size, 26 * size, name, size=size, anchor="right" if name == "units" else "left")
        page.line([(6 * size, 33 * size), (298 * size, 33 * size)], width=size)
        for n, order in enumerate(rows):
            y = (40 + ROW * n) * size
            cells = (order.number, f"{order.day} {order.month}", order.client, order.item, order.units)
            for (name, x), cell in zip(columns, cells, strict=False):
                page.text(x * size, y, cell, size=size, anchor="right" if name == "units" else "left")
            if order.is_void:
                page.text(268 * size, y, "void", size=size)
        pages.append(page)
    return pages


def list_page(title: str, heads: tuple[str, str], rows: Sequence[tuple[str, object]]) -> Page:
    """Return a page of two columns."""
    page = Page(170, 34 + ROW * (len(rows) + 1))
    page.text(8, 11, title)
    page.text(8, 26, heads[0])
    page.text(150, 26, heads[1], anchor="right")
    page.line([(6, 33), (160, 33)])
    for n, (name, value) in enumerate(rows):
        page.text(8, 40 + ROW * n, name)
        page.text(150, 40 + ROW * n, value, anchor="right")
    return page


def _rung(
    rows: int,
    ask: str,
    *,
    clients: int = 4,
    items: int = 4,
    months: int = 12,
    voids: int = 0,
    size: int = 1,
    shuffled: bool = True,
) -> Rung:
    extra = {"cell": 0, "units": 0, "gross": items, "net": items + clients}[ask]
    return Rung(
        rows + extra,
        {
            "rows": rows,
            "ask": ask,
            "clients": clients,
            "items": items,
            "months": months,
            "voids": voids,
            "size": size,
            "shuffled": shuffled,
        },
    )


LADDER = Ladder(
    name="multimodal/documents",
    measure="rows",
    rungs=[
        _rung(3, "cell", size=2, shuffled=False),
        _rung(6, "cell", size=2, shuffled=False),
        _rung(10, "units", size=2),
        _rung(16, "units", voids=20),
        _rung(24, "units", clients=5, months=8, voids=20),
        _rung(30, "gross", clients=5, items=6, voids=10),
        _rung(45, "gross", clients=5, items=9, months=8, voids=10),
        _rung(70, "gross", clients=5, items=14, months=9, voids=10),
        _rung(90, "net", clients=10, items=16, months=7, voids=10),
        _rung(130, "net", clients=14, items=20, months=8, voids=10),
        _rung(200, "net", clients=18, items=24, months=9, voids=10),
        _rung(300, "net", clients=24, items=26, months=10, voids=10),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
