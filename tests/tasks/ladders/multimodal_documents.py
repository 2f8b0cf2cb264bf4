"""Solvers of documents: tables rebuilt from where words stand on the pages, then queried in SQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, first_pages, misreading, seeing, texts, thumbnail

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
Tables = dict[str, list[dict[str, str]]]


def read(row: Row) -> Tables:
    """Return the tables by title, each row as cells by the heading that stands over them."""
    tables: Tables = {}
    for number in range(len(row["scene"])):
        words = sorted(texts(row, page=number), key=lambda t: (t.y, t.left))
        lines: dict[int, list[Any]] = {}
        for word in words:
            lines.setdefault(word.y, []).append(word)
        (title, *_), heads, *rows = lines.values()
        table = tables.setdefault(title.words.partition(",")[0], [])
        for cells in rows:
            found = {}
            for cell in cells:
                head = min(heads, key=lambda h: min(abs(h.left - cell.left), abs(h.right - cell.right)))
                found[head.words] = cell.words
            table.append(found)
    return tables


def ask(row: Row, tables: Tables, most: int | None = None) -> int | None:
    """Return the answer by SQL. None: more than ``most`` orders count."""
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("create table orders (number, month, client, item, units, note)")
        base.execute("create table prices (item, price)")
        base.execute("create table discounts (client, percent)")
        for order in tables["Orders"]:
            month = MONTHS.index(order["date"].split()[1])
            cells = (int(order["order"]), month, order["client"], order["item"], int(order["units"]))
            base.execute("insert into orders values (?, ?, ?, ?, ?, ?)", (*cells, order.get("note", "")))
        for line in tables.get("Price list", []):
            base.execute("insert into prices values (?, ?)", (line["item"], int(line["price"])))
        for line in tables.get("Discounts", []):
            base.execute(
                "insert into discounts values (?, ?)", (line["client"], int(line["discount"].split()[0]))
            )
        question = row["question"]
        if m := re.search(r"does order (\d+) have", question):
            found = base.execute("select units from orders where number = ?", (int(m[1]),)).fetchall()
            if len(found) != 1:
                raise AmbiguousError("not one such order")
            return int(found[0][0])
        where: list[str] = ["1"]
        values: list[Any] = []
        if m := re.search(r"from (\w+) through (\w+)", question):
            where.append("month between ? and ?")
            values += [MONTHS.index(m[1]), MONTHS.index(m[2])]
        if "void" in question:
            where.append("note != 'void'")
        if m := re.search(r"(?:did|orders of) (\w+)", question):
            where.append("orders.client = ?")
            values.append(m[1])
        if m := re.search(r"discount is (\d+) % or more", question):
            where.append("percent >= ?")
            values.append(int(m[1]))
        what = "units"
        if "price list" in question:
            what = "units * price"
        if "after each client's discount" in question:
            what = "units * price * (100 - percent) / 100.0"
        joined = (
            "orders left join prices using (item) left join discounts on discounts.client = orders.client"
        )
        chosen = base.execute(f"select {what} from {joined} where {' and '.join(where)}", values).fetchall()
    if any(value is None for (value,) in chosen):
        raise AmbiguousError("a price or a discount is missing")
    if most is not None and len(chosen) > most:
        return None
    total = float(sum(value for (value,) in chosen))
    if abs(total - round(total)) > 1e-6:
        raise AmbiguousError("no whole number")
    return round(total)


def solve(row: Row) -> int:
    """Read and ask."""
    answer = ask(row, read(row))
    assert answer is not None
    return answer


def within_orders(most: int) -> Callable[[Row], int | None]:
    """Return a reader who adds up so many orders at most."""
    return lambda row: ask(row, read(row), most)


def careless(row: Row) -> int | None:
    """Read all and overlook the notes and the months."""
    question = re.sub(r" from \w+ through \w+", "", row["question"]).replace(
        " Orders marked void do not count.", ""
    )
    return ask({**row, "question": question}, read(row))  # fmt: skip


BOUNDED = {
    "adds up 4 orders": attempt(within_orders(4)),
    "careless about notes": attempt(careless),
    "one number in 60 misread": seeing(misreading(60), solve),
    "one page": seeing(first_pages(1), solve),
    "thumbnail of 500 pixels": seeing(thumbnail(500), solve),
}
