"""The tools of a travel desk, over a JSON state. Runs in the sandbox: standard library only.

The scorer compares ``state["effects"]``, kept in a fixed order, so that the order of independent changes does not count.
Prices are whole euros, days are YYYY-MM-DD.
"""

from __future__ import annotations

import json
from typing import Any

State = dict[str, Any]


class ToolError(ValueError):
    """What the tool tells the model instead of a result."""


def search_flights(state: State, *, origin: str, destination: str, date: str) -> list[State]:
    """Return the flights between two cities on one day."""
    return [
        {"flight_id": flight_id, **flight}
        for flight_id, flight in state["flights"].items()
        if _same(flight["origin"], origin)
        and _same(flight["destination"], destination)
        and flight["date"] == date
    ]


def search_hotels(state: State, *, city: str) -> list[State]:
    """Return the hotels of a city."""
    return [
        {"hotel_id": hotel_id, **hotel}
        for hotel_id, hotel in state["hotels"].items()
        if _same(hotel["city"], city)
    ]


def get_booking(state: State, *, booking_id: str) -> State:
    """Return one booking."""
    return {"booking_id": booking_id, **_booking(state, booking_id)}


def book_flight(state: State, *, flight_id: str, traveller: str) -> State:
    """Book a seat for one traveller."""
    if flight_id not in state["flights"]:
        raise ToolError(f"no flight {flight_id!r}")
    if not traveller.strip():
        raise ToolError("traveller is empty; expected a name")
    _fail_if_due(state, "book_flight")
    flight = state["flights"][flight_id]
    if flight["seats"] < 1:
        raise ToolError(f"{flight_id} has no seat left")
    flight["seats"] -= 1
    _record(state, what="flight", flight_id=flight_id, traveller=_plain(traveller))
    return {"booked": flight_id, "price": flight["price"]}


def book_hotel(state: State, *, hotel_id: str, traveller: str, check_in: str, nights: int) -> State:
    """Book a room for one traveller."""
    if hotel_id not in state["hotels"]:
        raise ToolError(f"no hotel {hotel_id!r}")
    if type(nights) is not int or nights < 1:
        raise ToolError(f"nights is {nights!r}; expected a whole number above 0")
    if not traveller.strip():
        raise ToolError("traveller is empty; expected a name")
    _fail_if_due(state, "book_hotel")
    _record(
        state, what="hotel", hotel_id=hotel_id, traveller=_plain(traveller), check_in=check_in, nights=nights
    )
    return {"booked": hotel_id, "price": nights * state["hotels"][hotel_id]["price_per_night"]}


def cancel_booking(state: State, *, booking_id: str) -> State:
    """Cancel a booking."""
    booking = _booking(state, booking_id)
    _fail_if_due(state, "cancel_booking")
    if booking["status"] != "booked":
        raise ToolError(f"{booking_id} is {booking['status']}")
    booking["status"] = "cancelled"
    _record(state, what="cancel", booking_id=booking_id)
    return {"booking_id": booking_id, "status": "cancelled"}


def record_refusal(state: State, *, about: str, rule: str) -> State:
    """Write down that a request was refused: its number, and the rule (such as T2)."""
    _record(state, what="refusal", about=str(about).strip(), rule=rule.strip().upper())
    return {"recorded": True}


def escalate(state: State, *, about: str, reason: str) -> State:
    """Leave a request to a person: its number, and the reason in a few words."""
    _record(state, what="escalation", about=str(about).strip())
    return {"escalated": True, "reason": reason}


def _same(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def _plain(name: str) -> str:
    return " ".join(name.split()).lower()


def _booking(state: State, booking_id: str) -> State:
    if booking_id not in state["bookings"]:
        raise ToolError(f"no booking {booking_id!r}")
    booking: State = state["bookings"][booking_id]
    return booking


def _fail_if_due(state: State, tool: str) -> None:
    """Fail as the episode has it: a number of times, or always (-1)."""
    left = state["failures"].get(tool, 0)
    if left:
        state["failures"][tool] = left - 1 if left > 0 else left
        raise ToolError(
            "the service is busy, try again" if left > 0 else "the service is down until tomorrow"
        )


def _record(state: State, **effect: Any) -> None:
    state["effects"] = sorted([*state["effects"], effect], key=lambda one: json.dumps(one, sort_keys=True))
