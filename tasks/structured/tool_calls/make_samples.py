"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time.

The calls are drawn first, and the request that needs them is written from them.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 6
CITIES = ("Oslo", "Lima", "Pune", "Kyoto", "Bern", "Quito")
NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi")
TODAY = date(2026, 2, 12)


def make_tool(name: str, says: str, **properties: Any) -> dict[str, Any]:
    """Return a tool as the usual APIs describe one; a property that ends in _ may be left out."""
    named = {key.rstrip("_"): value for key, value in properties.items()}
    required = [key for key in properties if not key.endswith("_")]
    return {
        "name": name,
        "description": says,
        "parameters": {"type": "object", "properties": named, "required": required},
    }


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
DAY = {"type": "string", "description": "YYYY-MM-DD"}
TOOLS = (
    make_tool("get_weather", "Weather forecast of a city on a day", city=TEXT, date=DAY),
    make_tool("get_weather_history", "Weather that was measured in a city on a past day", city=TEXT, date=DAY),
    make_tool("book_hotel", "Book a hotel room", city=TEXT, arrival=DAY, nights=WHOLE, guests=WHOLE),
    make_tool("cancel_booking", "Cancel a booking by its number", booking_id=TEXT),
    make_tool("convert_currency", "Convert an amount of money", amount=NUMBER, source={"type": "string", "description": "ISO 4217"}, target={"type": "string", "description": "ISO 4217"}),
    make_tool("send_message", "Send a message to a person", to=TEXT, text=TEXT),
    make_tool("create_reminder", "Remind the user", text=TEXT, at={"type": "string", "description": "YYYY-MM-DDTHH:MM"}),
    make_tool("search_flights", "Find flights", origin=TEXT, destination=TEXT, date=DAY, max_stops_=WHOLE),
)  # fmt: skip


def make_call(name: str, **arguments: Any) -> dict[str, Any]:
    """Return a call."""
    return {"name": name, "arguments": arguments}


def make_item(text: str, wanted: list[dict[str, Any]], slip: list[dict[str, Any]]) -> Item:
    """Return the item of a request."""
    return Item(text, json.dumps(wanted), json.dumps(slip))


def weather(r: Random) -> Item:
    """One call; the tool for the past is the wrong one."""
    city, day = r.choice(CITIES), TODAY + timedelta(r.randint(1, 9))
    arguments = {"city": city, "date": str(day)}
    text = f"What will the weather be like in {city} on {day:%d %B %Y}?"
    return make_item(
        text, [make_call("get_weather", **arguments)], [make_call("get_weather_history", **arguments)]
    )


def cancel(r: Random) -> Item:
    """A number copied to the character."""
    code = f"{r.choice('BHKQ')}{r.randint(10, 99)}-{r.randint(1000, 9999)}"
    text = f"I no longer need the room. Please cancel my booking, the number is {code}."
    return make_item(
        text,
        [make_call("cancel_booking", booking_id=code)],
        [make_call("cancel_booking", booking_id=code[::-1])],
    )


def hotel(r: Random) -> Item:
    """A date relative to today, and nights counted from two days."""
    city, ahead, nights, guests = r.choice(CITIES), r.randint(3, 20), r.randint(2, 6), r.randint(1, 3)
    arrival = TODAY + timedelta(ahead)
    text = f"We are {guests} {'person' if guests == 1 else 'people'} and need a hotel room in {city}: we arrive in {ahead} days and leave {nights} nights later."
    right = make_call("book_hotel", city=city, arrival=str(arrival), nights=nights, guests=guests)
    return make_item(
        text,
        [right],
        [
            make_call(
                "book_hotel", city=city, arrival=str(arrival + timedelta(1)), nights=nights, guests=guests
            )
        ],
    )


def money(r: Random) -> Item:
    """Currencies by name, to be written by their code."""
    names = {
        "euros": "EUR",
        "US dollars": "USD",
        "yen": "JPY",
        "Swiss francs": "CHF",
        "pounds sterling": "GBP",
    }
    source, target = r.sample(tuple(names), 2)
    amount = r.randint(2, 90) * 10 + 0.5
    text = f"How much are {amount:.2f} {source} in {target}?"
    right = make_call("convert_currency", amount=amount, source=names[source], target=names[target])
    return make_item(
        text,
        [right],
        [make_call("convert_currency", amount=amount, source=names[target], target=names[source])],
    )


def two_cities(r: Random) -> Item:
    """Two calls of one tool."""
    a, b = r.sample(CITIES, 2)
    day = TODAY + timedelta(1)
    text = f"I cannot decide between {a} and {b} for tomorrow. How is the weather in each of them?"
    both = [make_call("get_weather", city=city, date=str(day)) for city in (a, b)]
    return make_item(text, both, both[:1])


def nothing(r: Random) -> Item:
    """A question that no tool is for."""
    word = r.choice(("haiku", "limerick", "proverb", "riddle", "tongue twister", "toast"))
    name, city = r.choice(NAMES), r.choice(CITIES)
    text = f"Could you tell me what a {word} is? My friend {name} from {city} asked me yesterday."
    return make_item(text, [], [make_call("send_message", to=name, text=word)])


def flight_and_reminder(r: Random) -> Item:
    """Two different tools, one with an argument that may be left out."""
    origin, goal = r.sample(CITIES, 2)
    day = TODAY + timedelta(r.randint(5, 40))
    hour = r.randint(8, 20)
    text = (
        f"Look for direct flights from {origin} to {goal} on {day:%d %B %Y}, that is with 0 stops, and remind me tomorrow at {hour}:00 "
        'with the text "book flight".'
    )
    search = make_call("search_flights", origin=origin, destination=goal, date=str(day), max_stops=0)
    remind = make_call("create_reminder", text="book flight", at=f"{TODAY + timedelta(1)}T{hour:02}:00")
    late = make_call("create_reminder", text="book flight", at=f"{TODAY}T{hour:02}:00")
    return make_item(text, [search, remind], [search, late])


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", weather),
    ("easy", cancel),
    ("medium", hotel),
    ("medium", money),
    ("medium", two_cities),
    ("hard", nothing),
    ("hard", flight_and_reminder),
)


def render() -> str:
    """Return the whole file."""
    made = generate_rows("tool_calls", TEMPLATES, PER_TEMPLATE)
    return to_json_lines(
        {**row, "today": str(TODAY), "tools": "\n".join(json.dumps(tool) for tool in TOOLS)} for row in made
    )


if __name__ == "__main__":
    write_samples(HERE, render())
