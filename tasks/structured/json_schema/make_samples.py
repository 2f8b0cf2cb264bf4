"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time.

A record is drawn first; the text that tells of it and the schema that asks for it follow from it.
"""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 6
NAMES = (
    "Ada Brandt",
    "Ben Okafor",
    "Chloe Nguyen",
    "Dev Sharma",
    "Elif Demir",
    "Femi Adeyemi",
    "Gita Rao",
    "Hugo Lindqvist",
)
TOWNS = ("Aldby", "Birk", "Corran", "Dunmoor", "Eskdale", "Farley")
STREETS = ("Mill Lane", "Harbour Street", "Oak Road", "Hill Way")
GOODS = ("desk lamp", "office chair", "bookshelf", "whiteboard", "footrest", "coat rack")
ROOMS = ("Room Fir", "Room Oak", "Room Elm", "the main hall")


def make_schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a strict schema in which every property is required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def random_day(r: Random) -> date:
    """Return a day of 2025 or 2026."""
    return date(2025, 1, 1) + timedelta(days=r.randrange(700))


def make_item(text: str, wanted: dict[str, Any], form: dict[str, Any], slip: dict[str, Any]) -> Item:
    """Return the item of a record."""
    question = f"{text}\n\nJSON Schema:\n{json.dumps(form)}"
    return Item(question, json.dumps(wanted), json.dumps(slip), {"schema": form})


def contact(r: Random) -> Item:
    """Flat fields out of a signature."""
    name, town = r.choice(NAMES), r.choice(TOWNS)
    wanted = {
        "name": name,
        "street": f"{r.randint(1, 99)} {r.choice(STREETS)}",
        "postcode": str(r.randint(10000, 99999)),
        "town": town,
    }
    text = (
        f'From a mail: "Please send it to me at my new address: {wanted["street"]}, {wanted["postcode"]} {town}. '
        f'The old one in {r.choice([t for t in TOWNS if t != town])} is no longer valid. Kind regards, {name}"'
    )
    return make_item(
        text,
        wanted,
        make_schema({"name": TEXT, "street": TEXT, "postcode": TEXT, "town": TEXT}),
        {**wanted, "town": "unknown"},
    )


def meeting(r: Random) -> Item:
    """A date to be written in ISO form, and a list of people."""
    day, hour = random_day(r), r.randint(8, 17)
    people = r.sample(NAMES, r.randint(2, 4))
    room = r.choice(ROOMS)
    wanted = {
        "date": str(day),
        "start": f"{hour:02}:30",
        "minutes": r.choice((30, 45, 90)),
        "room": room,
        "people": people,
    }
    text = (
        f"Invitation: we meet on {day:%d %B %Y} at half past {hour if hour < 13 else hour - 12} in the {'morning' if hour < 12 else 'afternoon'} "
        f"in {room} for {wanted['minutes']} minutes. With us: {', '.join(people)}. List the people in this order; write the time as HH:MM, 24 hours."
    )
    form = make_schema(
        {
            "date": DAY,
            "start": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
            "minutes": WHOLE,
            "room": TEXT,
            "people": {"type": "array", "items": TEXT, "minItems": 1},
        }
    )
    return make_item(text, wanted, form, {**wanted, "start": f"{hour:02}:00"})


def ticket(r: Random) -> Item:
    """A message sorted by enums."""
    product = r.choice(("app", "website", "scanner"))
    kind = r.choice(("crash", "slow", "wrong data"))
    severity = r.choice(("low", "medium", "high"))
    told = {
        "crash": "closes by itself",
        "slow": "takes minutes for what took seconds",
        "wrong data": "shows figures of another customer",
    }
    feel = {
        "low": "It is no hurry at all",
        "medium": "It would be good to have it repaired this week",
        "high": "Our whole work stands still",
    }
    version = f"{r.randint(1, 9)}.{r.randint(0, 20)}"
    wanted = {"product": product, "kind": kind, "severity": severity, "version": version}
    text = (
        f'A customer writes: "Since the update to version {version} your {product} {told[kind]}. {feel[severity]}." '
        "No hurry is low, this week is medium, standing still is high."
    )
    form = make_schema(
        {
            "product": {"enum": ["app", "website", "scanner"]},
            "kind": {"enum": ["crash", "slow", "wrong data"]},
            "severity": {"enum": ["low", "medium", "high"]},
            "version": TEXT,
        }
    )
    return make_item(text, wanted, form, {**wanted, "severity": "high" if severity != "high" else "low"})


def order(r: Random) -> Item:
    """Nested lines with numbers, and a total to be worked out."""
    goods = r.sample(GOODS, r.randint(2, 3))
    parts = [
        {"item": good, "quantity": r.randint(1, 9), "unit_price": r.randint(10, 90) + 0.5} for good in goods
    ]
    total = sum(p["quantity"] * p["unit_price"] for p in parts)
    wanted = {"customer": r.choice(NAMES), "lines": parts, "total": total}
    text = (
        f"{wanted['customer']} orders "
        + ", ".join(
            f'{p["quantity"]} of the item "{p["item"]}" at {p["unit_price"]:.2f} euros each' for p in parts
        )
        + ". Keep this order of lines; the total is the sum of quantity times unit price."
    )
    line = make_schema({"item": TEXT, "quantity": WHOLE, "unit_price": NUMBER})
    return make_item(
        text,
        wanted,
        make_schema({"customer": TEXT, "lines": {"type": "array", "items": line}, "total": NUMBER}),
        {**wanted, "total": total + 10},
    )


def profile(r: Random) -> Item:
    """Fields that the text does not give: null, not a guess."""
    name, age = r.choice(NAMES), r.randint(20, 70)
    has_age, has_mail = r.random() < 0.5, r.random() < 0.5
    mail = name.lower().replace(" ", ".") + "@example.org"
    wanted = {
        "name": name,
        "age": age if has_age else None,
        "email": mail if has_mail else None,
        "member": r.random() < 0.5,
    }
    text = (
        f"Note: {name} called{f', {age} years old' if has_age else ''}. {'Is' if wanted['member'] else 'Is not'} a member of the club. "
        + (f"Mail goes to {mail}. " if has_mail else "")
        + "What the note does not say is null."
    )
    form = make_schema(
        {
            "name": TEXT,
            "age": {"type": ["integer", "null"]},
            "email": {"type": ["string", "null"]},
            "member": {"type": "boolean"},
        }
    )
    slip = {**wanted, "age": None if has_age else 30}
    return make_item(text, wanted, form, slip)


def inventory(r: Random) -> Item:
    """A mapping of mappings, from a changed list."""
    goods = r.sample(GOODS, 3)
    stock = {good: r.randint(5, 40) for good in goods}
    sold = {good: r.randint(1, 4) for good in goods[:2]}
    after = {good: {"before": stock[good], "after": stock[good] - sold.get(good, 0)} for good in goods}
    wanted = {"town": r.choice(TOWNS), "stock": after}
    text = (
        f"In the shop of {wanted['town']} there were {', '.join(f'{n} of the item {g}' for g, n in stock.items())}. "
        f"Sold today: {', '.join(f'{n} of the item {g}' for g, n in sold.items())}. Give each item's number before and after today."
    )
    entry = make_schema({"before": WHOLE, "after": WHOLE})
    form = make_schema(
        {"town": TEXT, "stock": {"type": "object", "additionalProperties": entry, "minProperties": 3}}
    )
    slip = copy.deepcopy(wanted)
    slip["stock"][goods[0]]["after"] = stock[goods[0]]  # type: ignore[index]
    return make_item(text, wanted, form, slip)


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", contact),
    ("easy", ticket),
    ("medium", meeting),
    ("medium", profile),
    ("hard", order),
    ("hard", inventory),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("json_schema", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
