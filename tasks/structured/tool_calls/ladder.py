"""Requests to an office assistant, and the tool calls that they need.

The measure is the number of calls. With it grow the dates, times and lengths that are given by those of other events, the
conditions that decide whether or which tool is called, and the tools that look alike. The calls are drawn first; the sentences
that need them are written from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

from .toolbox import NEEDED, SIMILAR

TITLES = (
    "Budget", "Kickoff", "Retro", "Audit", "Workshop", "Review", "Planning", "Training", "Interview", "Demo", "Rehearsal", "Tasting",
    "Inspection", "Handover", "Briefing", "Debate", "Fitting", "Gala", "Hearing", "Jubilee", "Launch", "Meetup", "Opening",
    "Preview", "Quiz", "Reading", "Seminar", "Toast", "Update", "Visit", "Webinar", "Auction", "Concert", "Drill",
)  # fmt: skip
PEOPLE = (
    "Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mei", "Nils", "Omar", "Pia",
)  # fmt: skip
ROOMS = (("R-07", 2), ("R-12", 3), ("R-31", 4), ("R-24", 5), ("R-18", 7), ("R-02", 9), ("R-45", 12))
"""Rooms and how many people each seats."""
TEXTS = (
    "call the printer", "water the plants", "bring the contract", "charge the camera", "pick up the keys", "check the projector",
    "sign the lease", "pay the florist", "test the speakers", "print the agenda", "order new chairs", "empty the fridge",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
EARLIEST, LATEST = 7 * 60, 20 * 60


@dataclass(slots=True)
class Event:
    """An event as it will stand in the calendar.

    Attributes:
        title: Its name.
        day: Its date.
        start: Minutes after midnight.
        minutes: Its length.
        guests: Who is invited.
        done: The kinds of wishes that are made once for an event, and were.
    """

    title: str
    day: date
    start: int
    minutes: int
    guests: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Request:
    """What the user says, and the calls that it needs.

    Attributes:
        sentences: What is said.
        calls: The calls that are right.
        events: The events so far.
    """

    sentences: list[str]
    calls: list[dict[str, Any]]
    events: list[Event]

    def add(self, sentence: str, name: str | None = None, **arguments: Any) -> None:
        """Add a sentence, and the call that it needs, if any."""
        self.sentences.append(sentence)
        if name is not None:
            self.calls.append({"name": name, "arguments": arguments})


def clock(minutes: int) -> str:
    """Return minutes after midnight as a time of day."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def write_day(day: date) -> str:
    """Return a date in words."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def email(name: str) -> str:
    """Return the address that the directory has for a person."""
    return f"{name.lower()}{len(name) * 7 + ord(name[0])}@example.org"


def span(r: Random) -> tuple[int, str]:
    """Return some days, and how they are said."""
    if r.random() < 0.3:
        weeks = r.randint(2, 4)
        return 7 * weeks, f"{weeks} weeks"
    days = r.randint(2, 12)
    return days, f"{days} days"


def add_event(r: Random, request: Request, title: str, *, relative: bool) -> None:
    """Add an event whose day, time and length may be given by those of an earlier one."""
    earlier = request.events[-2:] if relative else []
    day = date(2026, 3, 1) + timedelta(r.randrange(240))
    start, minutes = 15 * r.randint(32, 64), 15 * r.randint(1, 8)
    said_start, said_minutes = f"at {clock(start)}", f"{minutes} minutes"
    said_day = f"on {write_day(day)}"
    if earlier and r.random() < 0.85:
        other = r.choice(earlier)
        ahead, said = span(r)
        if r.random() < 0.6:
            day, said_day = other.day + timedelta(ahead), f"{said} after {other.title}"
        else:
            day, said_day = other.day - timedelta(ahead), f"{said} before {other.title}"
    if earlier and r.random() < 0.6:
        other = r.choice(earlier)
        shift = 15 * r.choice([n for n in range(-6, 7) if n])
        if EARLIEST <= other.start + shift <= LATEST:
            start = other.start + shift
            word = "later" if shift > 0 else "earlier"
            said_start = f"{abs(shift)} minutes {word} in the day than {other.title} starts"
    if earlier and r.random() < 0.6:
        other = r.choice(earlier)
        extra = 15 * r.randint(0, 2)
        if other.minutes + extra <= 180:
            minutes = other.minutes + extra
            said_minutes = (
                f"{extra} minutes longer than {other.title}" if extra else f"as long as {other.title}"
            )
    request.events.append(Event(title, day, start, minutes))
    request.add(
        f"Put {title} into the calendar {said_day}, {said_start}, lasting {said_minutes}.",
        "create_event",
        title=title,
        date=str(day),
        start=clock(start),
        minutes=minutes,
    )


def add_wish(r: Random, request: Request, *, conditions: bool) -> None:
    """Add a sentence about an event that is there, or one about a booking."""
    event = r.choice(request.events)
    kinds = ["remind", "remind", "cancel"]
    kinds += ["room", "food" if conditions else "room"] if event.guests else ["invite"] * 4
    kinds = [kind for kind in kinds if kind not in event.done]
    kinds += ["weekend"] * 2 if conditions and "weekend" not in event.done else []
    kind = r.choice(kinds)
    if kind in {"room", "food", "weekend"}:
        event.done.append(kind)
    if kind == "invite":
        event.guests = r.sample(PEOPLE, r.randint(2, 7))
        names = f"{', '.join(event.guests[:-1])} and {event.guests[-1]}"
        request.add(
            f"Invite {names} to {event.title}.",
            "send_invitation",
            title=event.title,
            emails=[email(name) for name in event.guests],
        )
    elif kind == "remind":
        ahead, said = span(r)
        at, text = clock(30 * r.randint(14, 38)), r.choice(TEXTS)
        day = event.day - timedelta(ahead)
        request.add(
            f'Remind me {said} before {event.title}, at {at}, with the text "{text}".',
            "create_reminder",
            text=text,
            date=str(day),
            time=at,
        )
    elif kind == "cancel":
        code = f"{r.choice('BHKQ')}{r.randint(10, 99)}-{r.randint(1000, 9999)}"
        request.add(f"Cancel the booking {code}.", "cancel_booking", booking_id=code)
    elif kind == "room":
        room = next(name for name, seats in ROOMS if seats >= len(event.guests))
        request.add(
            f"Book the smallest room that seats all who are invited to {event.title}, for the time of {event.title}.",
            "book_room",
            room_id=room,
            date=str(event.day),
            start=clock(event.start),
            minutes=event.minutes,
        )
    elif kind == "food":
        noon = r.choice((10, 11, 12, 13, 14)) * 60
        request.add(
            f"If {event.title} starts before {clock(noon)}, order coffee on its day for all who are invited to it, otherwise lunch.",
            "order_coffee" if event.start < noon else "order_lunch",
            date=str(event.day),
            people=len(event.guests),
        )
    else:
        name, text = r.choice(PEOPLE), r.choice(TEXTS)
        is_weekend = event.day.weekday() > 4
        wanted = r.random() < 0.5
        said = (
            "falls on a Saturday or Sunday"
            if wanted
            else "falls on a Monday, Tuesday, Wednesday, Thursday or Friday"
        )
        sentence = f'Only if {event.title} {said}, send {name} the message "{text}".'
        if is_weekend == wanted:
            request.add(sentence, "send_message", email=email(name), text=text)
        else:
            request.add(sentence)


def draw(r: Random, rung: Rung) -> Item:
    """Return a request that needs so many calls."""
    calls, relative = int(rung.complexity), bool(rung.settings["relative"])
    titles = r.sample(TITLES, max(1, round(calls * 0.34)))
    while True:
        request = Request([], [], [])
        for title in titles:
            add_event(r, request, title, relative=relative)
        while len(request.calls) < calls:
            add_wish(r, request, conditions=bool(rung.settings["conditions"]))
        keys = [json.dumps(call, sort_keys=True) for call in request.calls]
        if len(set(keys)) == len(keys) == calls:
            break
    told = [
        f"{event.title}: {event.day}, {clock(event.start)}, {event.minutes} minutes, {len(event.guests)} invited"
        for event in request.events
    ]
    slip = json.loads(json.dumps(request.calls))
    if calls > 6:
        # Stops too early, as is usual in long lists.
        slip = slip[: calls // 2]
    dated = next(call["arguments"] for call in reversed(slip) if "date" in call["arguments"])
    dated["date"] = str(date.fromisoformat(dated["date"]) + timedelta(1))
    if rung.settings["shuffled"]:
        r.shuffle(request.sentences)
    tools = [*NEEDED, *r.sample(SIMILAR, rung.settings["similar"])]
    r.shuffle(tools)
    people = ", ".join(f"{name} <{email(name)}>" for name in PEOPLE)
    rooms = ", ".join(f"{name} seats {seats}" for name, seats in ROOMS)
    return Item(
        question=(
            f"People: {people}.\nRooms: {rooms}.\nI do not come myself: seats, coffee and lunch are for those who are invited.\n\n"
            + "\n".join(request.sentences)
        ),
        answer=json.dumps(request.calls),
        slip=json.dumps(slip),
        solution="\n".join(told),
        extra={"tools": "\n".join(json.dumps(tool) for tool in tools)},
    )


def make_rung(
    calls: int, similar: int, *, relative: bool = True, conditions: bool = True, shuffled: bool = True
) -> Rung:
    """Return a rung with so many calls, and so many tools that are not needed."""
    return Rung(
        calls, {"similar": similar, "relative": relative, "conditions": conditions, "shuffled": shuffled}
    )


LADDER = Ladder(
    name="structured/tool_calls",
    measure="calls",
    rungs=[
        make_rung(1, 0, relative=False, conditions=False, shuffled=False),
        make_rung(2, 2, relative=False, conditions=False, shuffled=False),
        make_rung(3, 4, conditions=False, shuffled=False),
        make_rung(4, 6, shuffled=False),
        make_rung(6, 8),
        make_rung(9, 10),
        make_rung(13, 12),
        make_rung(18, 14),
        make_rung(26, 16),
        make_rung(38, 18),
        make_rung(54, 20),
        make_rung(76, 22),
        make_rung(100, 24),
    ],
    draw=draw,
)
