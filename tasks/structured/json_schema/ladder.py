"""An order and the mails that change it, turned into the JSON that a schema asks for.

The measure is the number of values that the JSON holds. With it grow the number of mails, and what follows from them: sorted
lines, discounts, totals for each branch. A mail may refer to what another one changed before. The order is kept in whole
cents, so that every value is exact.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

MATERIALS = (
    "oak",
    "pine",
    "steel",
    "glass",
    "cork",
    "linen",
    "brass",
    "bamboo",
    "leather",
    "marble",
    "walnut",
    "wicker",
)
GOODS = ("bench", "desk", "lamp", "shelf", "stool", "table", "tray", "basket", "clock", "mirror")
BRANCHES = ("Aldby", "Birk", "Corran", "Dunmoor", "Eskdale", "Farley", "Glenrow", "Holt")
NAMES = (
    "Ada Brandt",
    "Ben Okafor",
    "Chloe Nguyen",
    "Dev Sharma",
    "Elif Demir",
    "Femi Adeyemi",
    "Gita Rao",
    "Hugo Dahl",
)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WHOLE = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
SCHEMA_URL = "https://json-schema.org/draft/2020-12/schema"
MANY, DISCOUNT = 20, 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the order: how many, at what price in euros, and for which branch."""

    quantity: int
    price: int
    branch: str


Order = dict[str, Line]
"""The lines by item. An item that is left out has quantity 0."""


def change(r: Random, order: Order, branches: Sequence[str], *, priced: bool) -> tuple[str, Order]:
    """Return a mail, and the order after it."""
    item, other = r.sample(sorted(order), 2) if len(order) > 1 else (next(iter(order)),) * 2
    line, after = order[item], dict(order)
    kinds = ["set", "more", "price"] if priced else ["set", "more"]
    kinds += ["fewer"] * 2 if line.quantity > 3 else []
    kinds += ["drop"] if line.quantity and sum(1 for one in order.values() if one.quantity) > 2 else []
    kinds += ["branch"] * 2 if len(branches) > 1 else []
    kinds += ["swap", "copy"] * 2 if item != other and order[other].quantity and line.quantity else []
    kind = r.choice(kinds)
    if kind == "set":
        count = r.choice([n for n in range(2, 40) if n != line.quantity])
        after[item] = replace(line, quantity=count)
        return f"Make it {count} of the {item} in all.", after
    if kind == "more":
        count = r.randint(2, 15)
        after[item] = replace(line, quantity=line.quantity + count)
        return f"Add {count} of the {item} to what we have ordered so far.", after
    if kind == "fewer":
        count = r.randint(1, line.quantity - 2)
        after[item] = replace(line, quantity=line.quantity - count)
        return f"We need {count} fewer of the {item} than ordered so far.", after
    if kind == "drop":
        after[item] = replace(line, quantity=0)
        return f"Leave out the {item}.", after
    if kind == "price":
        price = r.choice([n for n in range(5, 95) if n != line.price])
        after[item] = replace(line, price=price)
        return f"The {item} now costs {price} euros apiece.", after
    if kind == "branch":
        branch = r.choice([name for name in branches if name != line.branch])
        after[item] = replace(line, branch=branch)
        return f"Send the {item} to {branch}.", after
    if kind == "swap":
        after[item] = replace(line, quantity=order[other].quantity)
        after[other] = replace(order[other], quantity=line.quantity)
        return f"We mixed up two quantities: swap that of the {item} and that of the {other}.", after
    after[item] = replace(line, quantity=order[other].quantity)
    return f"We want as many of the {item} as we now have of the {other}.", after


def cents(line: Line, *, discounts: bool) -> int:
    """Return what a line costs."""
    percent = 100 - (DISCOUNT if discounts and line.quantity >= MANY else 0)
    return line.quantity * line.price * percent


def as_json(order: Order, customer: str, day: date, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the schema asks for."""
    fields, branches = settings["fields"], BRANCHES[: settings["branches"]]
    discounts = "discounts" in fields
    lines = []
    for item in sorted(order):
        line = order[item]
        if not line.quantity:
            continue
        entry: dict[str, Any] = {"item": item, "quantity": line.quantity}
        if "prices" in fields:
            entry |= {"price_euros": line.price, "cents": cents(line, discounts=discounts)}
        if "branches" in fields:
            entry |= {"branch": line.branch}
        lines.append(entry)
    found: dict[str, Any] = {"lines": lines}
    if "head" in fields:
        found = {"customer": customer, "date": str(day), **found}
    if "branches" in fields:
        found["branches"] = {
            branch: {
                "pieces": sum(line.quantity for line in order.values() if line.branch == branch),
                "cents": sum(
                    cents(line, discounts=discounts) for line in order.values() if line.branch == branch
                ),
            }
            for branch in branches
        }
    if "prices" in fields:
        found["total_cents"] = sum(cents(line, discounts=discounts) for line in order.values())
    return found


def strict(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object in which every property is required, and no other allowed."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def make_schema(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a rung."""
    fields, branches = settings["fields"], list(BRANCHES[: settings["branches"]])
    line: dict[str, Any] = {"item": TEXT, "quantity": {"type": "integer", "minimum": 1}}
    found: dict[str, Any] = {}
    if "head" in fields:
        found |= {"customer": TEXT, "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}}
    if "prices" in fields:
        line |= {"price_euros": WHOLE, "cents": WHOLE}
    if "branches" in fields:
        line |= {"branch": {"enum": branches}}
    found["lines"] = {"type": "array", "items": strict(line), "minItems": 1}
    if "branches" in fields:
        found["branches"] = strict(dict.fromkeys(branches, strict({"pieces": WHOLE, "cents": WHOLE})))
    if "prices" in fields:
        found["total_cents"] = WHOLE
    return {"$schema": SCHEMA_URL, **strict(found)}


def count_values(found: Any) -> int:
    """Return how many values JSON holds, those in lists and objects one by one."""
    if isinstance(found, dict):
        return sum(map(count_values, found.values()))
    return sum(map(count_values, found)) if isinstance(found, list) else 1


def write_rules(fields: Sequence[str]) -> str:
    """Return what the text does not say."""
    rules = [
        "The lines of the JSON stand in alphabetical order of the item; an item of which none is left has no line."
    ]
    if "prices" in fields:
        rules.append(
            "A line's cents are its quantity times its price, in cents. An item that is left out and ordered again keeps what else "
            "was said of it."
        )
    if "discounts" in fields:
        rules.append(f"A line of {MANY} pieces or more, after all changes, costs {DISCOUNT} % less.")
    if "branches" in fields:
        rules.append("For each branch: the pieces and the cents of its lines, 0 if it has none.")
    return " ".join(rules)


def draw(r: Random, rung: Rung) -> Item:
    """Return an order with its mails."""
    settings = rung.settings
    fields, branches = settings["fields"], BRANCHES[: settings["branches"]]
    items = r.sample([f"{material} {good}" for material in MATERIALS for good in GOODS], settings["items"])
    order = {item: Line(r.randint(2, 30), r.randint(5, 94), r.choice(branches)) for item in items}
    customer, day = r.choice(NAMES), date(2025, 1, 1) + timedelta(r.randrange(700))
    first = []
    for item, line in order.items():
        price = f" at {line.price} euros apiece" if "prices" in fields else ""
        place = f" for {line.branch}" if "branches" in fields else ""
        first.append(f"{line.quantity} of the {item}{price}{place}")
    mails = [f"{customer} orders on {day.day} {MONTHS[day.month - 1]} {day.year}: {'; '.join(first)}."]
    told = []
    for number in range(2, settings["mails"] + 2):
        mail, after = change(r, order, branches, priced="prices" in fields)
        changed = [f"{item} {describe(after[item])}" for item in items if after[item] != order[item]]
        told.append(f"Mail {number}: {'; '.join(changed) or 'no change'}")
        order = after
        mails.append(mail)
    wanted = as_json(order, customer, day, settings)
    slip = json.loads(json.dumps(wanted))
    if len(slip["lines"]) > 3:
        # Stops too early, as is usual in long lists.
        slip["lines"] = slip["lines"][: len(slip["lines"]) // 2]
    else:
        slip["lines"][-1]["quantity"] += 1
    schema = make_schema(settings)
    numbered = "\n".join(f"Mail {at}: {mail}" for at, mail in enumerate(mails, 1))
    return Item(
        question=f"{numbered}\n\n{write_rules(fields)}\n\nJSON Schema:\n{json.dumps(schema)}",
        answer=json.dumps(wanted),
        slip=json.dumps(slip),
        solution="\n".join(told),
        complexity=count_values(wanted),
        extra={"schema": schema},
    )


def describe(line: Line) -> str:
    """Return a line after a change, for the solution."""
    return f"{line.quantity}, {line.price} euros, {line.branch}"


def make_rung(values: int, items: int, mails: int, branches: int, *fields: str) -> Rung:
    """Return a rung with about so many values."""
    return Rung(values, {"items": items, "mails": mails, "branches": branches, "fields": fields})


ALL = ("head", "prices", "discounts", "branches")
LADDER = Ladder(
    name="structured/json_schema",
    measure="values",
    rungs=[
        make_rung(2, 1, 0, 1),
        make_rung(6, 2, 0, 1, "head"),
        make_rung(8, 3, 2, 1, "head"),
        make_rung(18, 4, 3, 1, "head", "prices"),
        make_rung(27, 6, 6, 1, "head", "prices", "discounts"),
        make_rung(38, 7, 10, 2, *ALL),
        make_rung(58, 11, 16, 3, *ALL),
        make_rung(82, 16, 26, 4, *ALL),
        make_rung(117, 23, 42, 5, *ALL),
        make_rung(165, 33, 70, 6, *ALL),
        make_rung(228, 48, 120, 7, *ALL),
        make_rung(322, 70, 200, 8, *ALL),
        make_rung(460, 102, 400, 8, *ALL),
    ],
    draw=draw,
)
