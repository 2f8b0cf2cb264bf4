"""What travellers ask for; each request has a route and days of its own, so none depends on another.

The right booking is found by trying every combination, so it is right by construction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any

from tasks.agents.play import Call
from tasks.agents.requests import Request

TODAY = dt.date(2026, 5, 18)
NIGHT_CAP = 180
CITIES = (
    "Leeds", "Bristol", "Porto", "Lyon", "Ghent", "Turin", "Malmo", "Bergen", "Graz", "Brno", "Gdansk", "Seville", "Cork",
    "Basel", "Trieste", "Aarhus", "Tampere", "Vilnius", "Nantes", "Bilbao", "Utrecht", "Leipzig", "Krakow", "Split",
)  # fmt: skip


@dataclass
class Desk:
    """What a request may use and add to.

    Attributes:
        r: The draws.
        travellers: Names.
        flights: All flights so far.
        hotels: All hotels so far.
        bookings: All bookings so far.
        cities: Cities that no request has used.
        day: First day of this request, counted from today.
        number: The request's number in the message.
    """

    r: Random
    travellers: Sequence[str]
    flights: dict[str, dict[str, Any]] = field(default_factory=dict)
    hotels: dict[str, dict[str, Any]] = field(default_factory=dict)
    bookings: dict[str, dict[str, Any]] = field(default_factory=dict)
    cities: list[str] = field(default_factory=list)
    day: int = 0
    number: str = ""

    def date(self, after: int = 0) -> str:
        """Return a day of this request."""
        return (TODAY + dt.timedelta(days=self.day + after)).isoformat()

    def add_flights(self, origin: str, destination: str, date: str) -> dict[str, dict[str, Any]]:
        """Add some flights of different prices and return them."""
        count = self.r.randint(4, 6)
        prices = self.r.sample(range(60, 480, 5), count)
        added = {}
        for price in prices:
            leaves = self.r.randrange(6 * 60, 18 * 60, 15)
            stops = self.r.choice((0, 0, 1))
            arrives = leaves + self.r.randrange(80, 170, 5) + 115 * stops
            flight_id = f"F{100 + len(self.flights)}"
            added[flight_id] = self.flights[flight_id] = {
                "origin": origin, "destination": destination, "date": date, "departs": _clock(leaves),
                "arrives": _clock(arrives), "stops": stops, "price": price, "seats": self.r.choice((0, 2, 4, 9)),
            }  # fmt: skip
        return added

    def add_hotels(self, city: str) -> dict[str, dict[str, Any]]:
        """Add some hotels of different prices and return them."""
        added = {}
        for price in self.r.sample(range(60, 260, 5), self.r.randint(4, 6)):
            hotel_id = f"H{100 + len(self.hotels)}"
            added[hotel_id] = self.hotels[hotel_id] = {
                "city": city, "stars": self.r.randint(2, 5), "km_to_center": self.r.randint(1, 12),
                "price_per_night": price, "note": "",
            }  # fmt: skip
        return added


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


Maker = Callable[[Desk], Request | None]


def _refusal(desk: Desk, rule: str) -> list[Call]:
    return [("record_refusal", {"about": desk.number, "rule": rule})]


def _cheapest(
    found: Mapping[str, Mapping[str, Any]], key: str, fits: Callable[[Mapping[str, Any]], bool]
) -> str | None:
    fitting = [(entry[key], name) for name, entry in found.items() if fits(entry)]
    return min(fitting)[1] if fitting else None


def _flight(desk: Desk, *, possible: bool) -> Request | None:
    origin, destination = desk.cities.pop(), desk.cities.pop()
    who = desk.r.choice(desk.travellers)
    flights = desk.add_flights(origin, destination, desk.date())
    latest = _clock(desk.r.randrange(10 * 60, 17 * 60, 30))
    direct = desk.r.random() < 0.5
    limit = desk.r.randrange(120, 460, 10)

    def fits(flight: Mapping[str, Any]) -> bool:
        return bool(
            flight["arrives"] <= latest
            and (not direct or flight["stops"] == 0)
            and flight["price"] <= limit
            and flight["seats"] > 0
        )

    chosen = _cheapest(flights, "price", fits)
    if (chosen is not None) != possible:
        return None
    text = (
        f"{who} flies from {origin} to {destination} on {desk.date()}: there by {latest}, {'direct, ' if direct else ''}"
        f"at most {limit} euros."
    )
    reads: list[list[Call]] = [
        [("search_flights", {"origin": origin, "destination": destination, "date": desk.date()})]
    ]
    if chosen is None:
        wrong = _cheapest(flights, "price", lambda flight: bool(flight["seats"] > 0))
        if wrong is None:
            return None
        acts: list[Call] = [("book_flight", {"flight_id": wrong, "traveller": who})]
        return Request(desk.number, text, reads, _refusal(desk, "T2"), acts, is_refused=True)
    return Request(
        desk.number,
        text,
        reads,
        [("book_flight", {"flight_id": chosen, "traveller": who})],
        _refusal(desk, "T2"),
    )


def flight(desk: Desk) -> Request | None:
    """One flight, the cheapest that meets all that is asked."""
    return _flight(desk, possible=True)


def impossible_flight(desk: Desk) -> Request | None:
    """A flight that does not exist with all that is asked."""
    return _flight(desk, possible=False)


def _trip(desk: Desk, *, possible: bool) -> Request | None:
    origin, destination = desk.cities.pop(), desk.cities.pop()
    who = desk.r.choice(desk.travellers)
    nights = desk.r.randint(2, 5)
    there = desk.add_flights(origin, destination, desk.date())
    back = desk.add_flights(destination, origin, desk.date(nights))
    hotels = desk.add_hotels(destination)
    latest = _clock(desk.r.randrange(11 * 60, 16 * 60, 30))
    stars, km = desk.r.randint(2, 4), desk.r.randint(3, 10)
    limit = desk.r.randrange(500, 1500, 25)
    best: tuple[int, str, str, str] | None = None
    is_tied = False
    for (out_id, out), (back_id, home), (hotel_id, hotel) in product(
        there.items(), back.items(), hotels.items()
    ):
        total = out["price"] + home["price"] + nights * hotel["price_per_night"]
        fits = (
            out["arrives"] <= latest and out["seats"] > 0 and home["seats"] > 0 and hotel["stars"] >= stars
            and hotel["km_to_center"] <= km and hotel["price_per_night"] <= NIGHT_CAP and total <= limit
        )  # fmt: skip
        if fits and (best is None or total < best[0]):
            best, is_tied = (total, out_id, back_id, hotel_id), False
        elif fits and best is not None and total == best[0]:
            is_tied = True
    if is_tied or (best is not None) != possible:
        return None
    text = (
        f"{who} goes from {origin} to {destination} on {desk.date()} and back on {desk.date(nights)}: there by {latest}, "
        f"a hotel of {stars} stars or more at most {km} km from the center, all together at most {limit} euros."
    )
    reads: list[list[Call]] = [
        [
            ("search_flights", {"origin": origin, "destination": destination, "date": desk.date()}),
            ("search_flights", {"origin": destination, "destination": origin, "date": desk.date(nights)}),
            ("search_hotels", {"city": destination}),
        ]
    ]

    def book(out_id: str, back_id: str, hotel_id: str) -> list[Call]:
        return [
            ("book_flight", {"flight_id": out_id, "traveller": who}),
            ("book_flight", {"flight_id": back_id, "traveller": who}),
            (
                "book_hotel",
                {"hotel_id": hotel_id, "traveller": who, "check_in": desk.date(), "nights": nights},
            ),
        ]

    if best is not None:
        return Request(desk.number, text, reads, book(*best[1:]), _refusal(desk, "T2"))
    seats = [[name for name, one in found.items() if one["seats"] > 0] for found in (there, back)]
    if not all(seats):
        return None
    wrong = book(seats[0][0], seats[1][0], min(hotels))
    return Request(desk.number, text, reads, _refusal(desk, "T2"), wrong, is_refused=True)


def trip(desk: Desk) -> Request | None:
    """Flights and a hotel, the cheapest combination that meets all that is asked."""
    return _trip(desk, possible=True)


def impossible_trip(desk: Desk) -> Request | None:
    """A trip whose constraints conflict."""
    return _trip(desk, possible=False)


def hotel(desk: Desk) -> Request | None:
    """A hotel alone."""
    city = desk.cities.pop()
    who = desk.r.choice(desk.travellers)
    hotels = desk.add_hotels(city)
    stars, nights = desk.r.randint(3, 4), desk.r.randint(1, 6)
    chosen = _cheapest(
        hotels,
        "price_per_night",
        lambda one: bool(one["stars"] >= stars and one["price_per_night"] <= NIGHT_CAP),
    )
    if chosen is None:
        return None
    text = f"{who} needs a hotel in {city} with {stars} stars or more, from {desk.date()}, {nights} {'night' if nights == 1 else 'nights'}."
    act: Call = (
        "book_hotel",
        {"hotel_id": chosen, "traveller": who, "check_in": desk.date(), "nights": nights},
    )
    return Request(desk.number, text, [[("search_hotels", {"city": city})]], [act], _refusal(desk, "T3"))


def dear_hotel(desk: Desk) -> Request | None:
    """A hotel that is only there above the cap for a night."""
    city = desk.cities.pop()
    who = desk.r.choice(desk.travellers)
    hotels = desk.add_hotels(city)
    dear = max(hotels, key=lambda name: int(hotels[name]["price_per_night"]))
    if hotels[dear]["price_per_night"] <= NIGHT_CAP:
        return None
    hotels[dear]["stars"] = 5
    for name, one in hotels.items():
        if name != dear:
            one["stars"] = min(one["stars"], 4)
    text = f"{who} wants a hotel with 5 stars in {city}, from {desk.date()}, 2 nights."
    act: Call = ("book_hotel", {"hotel_id": dear, "traveller": who, "check_in": desk.date(), "nights": 2})
    return Request(
        desk.number, text, [[("search_hotels", {"city": city})]], _refusal(desk, "T3"), [act], is_refused=True
    )


def _cancellation(desk: Desk, *, refundable: bool) -> Request:
    who = desk.r.choice(desk.travellers)
    booking_id = f"B{100 + len(desk.bookings)}"
    desk.bookings[booking_id] = {
        "traveller": who, "what": f"flight to {desk.r.choice(CITIES)}", "date": desk.date(), "refundable": refundable,
        "status": "booked", "note": "",
    }  # fmt: skip
    text = f"{who} stays at home: cancel booking {booking_id}."
    act: Call = ("cancel_booking", {"booking_id": booking_id})
    reads: list[list[Call]] = [[("get_booking", {"booking_id": booking_id})]]
    if refundable:
        return Request(desk.number, text, reads, [act], _refusal(desk, "T4"))
    return Request(desk.number, text, reads, _refusal(desk, "T4"), [act], is_refused=True)


def cancellation(desk: Desk) -> Request | None:
    """A cancellation of a booking that is paid back."""
    return _cancellation(desk, refundable=True)


def lost_cancellation(desk: Desk) -> Request | None:
    """A cancellation of a booking that is not paid back."""
    return _cancellation(desk, refundable=False)


GRANTED: Sequence[Maker] = (flight, flight, trip, hotel, cancellation)
REFUSED: Sequence[Maker] = (impossible_flight, impossible_trip, dear_hotel, lost_cancellation)
