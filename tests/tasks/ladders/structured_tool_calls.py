"""Solvers of requests to an office assistant: dates and times looked up when they are needed, and bounded assistants."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
Call = dict[str, Any]
DAYS_OFF = {5, 6}


class Asked(NamedTuple):
    """What stands in a request: the directory, the rooms from small to large, and the sentences."""

    emails: Mapping[str, str]
    rooms: list[tuple[int, str]]
    sentences: list[str]


def read(row: Row) -> Asked:
    """Return a request in parts."""
    head, _, text = row["question"].partition("\n\n")
    emails = dict(re.findall(r"(\w+) <([^>]+)>", head))
    rooms = sorted((int(seats), name) for name, seats in re.findall(r"(R-\d+) seats (\d+)", head))
    return Asked(emails, rooms, text.split("\n"))


EVENT = re.compile(r"Put (\w+) into the calendar (.*?), (.*?), lasting (.*)\.")
SPAN = r"(\d+) (days|weeks)"


class TooDeepError(Exception):
    """An assistant with bounds gives up."""


class Calendar:
    """The events of a request, worked out when they are asked for.

    Attributes:
        depth: Events that may lead to one another; more, and it gives up.
        order: Only what was said before may be looked up.
    """

    def __init__(self, sentences: list[str], *, depth: int = 10**6, order: bool = False) -> None:
        self.said: dict[str, tuple[str, str, str]] = {}
        self.place: dict[str, int] = {}
        self.guests: dict[str, list[str]] = {}
        self.depth, self.order = depth, order
        for at, sentence in enumerate(sentences):
            match = EVENT.fullmatch(sentence)
            if match:
                if match[1] in self.said:
                    raise AmbiguousError(f"{match[1]} is put into the calendar twice")
                self.said[match[1]], self.place[match[1]] = (match[2], match[3], match[4]), at
            match = re.fullmatch(r"Invite (.*) to (\w+)\.", sentence)
            if match:
                if match[2] in self.guests:
                    raise AmbiguousError(f"people are invited to {match[2]} twice")
                self.guests[match[2]] = re.split(", | and ", match[1])

    def look_up(self, title: str, part: int, left: int, place: int) -> str:
        if left < 0 or (self.order and self.place[title] >= place):
            raise TooDeepError
        return self.said[title][part]

    def day(self, title: str, left: int | None = None, place: int = 10**6) -> datetime:
        left = self.depth if left is None else left
        said = self.look_up(title, 0, left, place)
        if match := re.fullmatch(r"on (\d+ \w+ \d{4})", said):
            return datetime.strptime(match[1], "%d %B %Y")  # noqa: DTZ007 - a day has no zone
        match = re.fullmatch(rf"{SPAN} (after|before) (\w+)", said)
        assert match, said
        other = self.day(match[4], left - 1, self.place[title])
        return other + ahead(match) * (1 if match[3] == "after" else -1)

    def start(self, title: str, left: int | None = None, place: int = 10**6) -> int:
        left = self.depth if left is None else left
        said = self.look_up(title, 1, left, place)
        if match := re.fullmatch(r"at (\d\d):(\d\d)", said):
            return int(match[1]) * 60 + int(match[2])
        match = re.fullmatch(r"(\d+) minutes (later|earlier) in the day than (\w+) starts", said)
        assert match, said
        other = self.start(match[3], left - 1, self.place[title])
        return other + int(match[1]) * (1 if match[2] == "later" else -1)

    def minutes(self, title: str, left: int | None = None, place: int = 10**6) -> int:
        left = self.depth if left is None else left
        said = self.look_up(title, 2, left, place)
        if match := re.fullmatch(r"(\d+) minutes", said):
            return int(match[1])
        match = re.fullmatch(r"(?:(\d+) minutes longer than|as long as) (\w+)", said)
        assert match, said
        return self.minutes(match[2], left - 1, self.place[title]) + int(match[1] or 0)


def ahead(match: re.Match[str]) -> timedelta:
    return timedelta(int(match[1]) * (7 if match[2] == "weeks" else 1))


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def calls_of(sentence: str, asked: Asked, calendar: Calendar, *, careless: bool = False) -> list[Call]:
    """Return the calls that a sentence needs; a careless assistant does not look at conditions."""

    def when(title: str) -> dict[str, Any]:
        return {
            "date": f"{calendar.day(title):%Y-%m-%d}",
            "start": clock(calendar.start(title)),
            "minutes": calendar.minutes(title),
        }

    def call(name: str, **arguments: Any) -> list[Call]:
        return [{"name": name, "arguments": arguments}]

    if m := EVENT.fullmatch(sentence):
        return call("create_event", title=m[1], **when(m[1]))
    if m := re.fullmatch(r"Invite .* to (\w+)\.", sentence):
        return call(
            "send_invitation", title=m[1], emails=[asked.emails[name] for name in calendar.guests[m[1]]]
        )
    if m := re.fullmatch(rf'Remind me {SPAN} before (\w+), at (\S+), with the text "(.*)"\.', sentence):
        day = calendar.day(m[3]) - ahead(m)
        return call("create_reminder", text=m[5], date=f"{day:%Y-%m-%d}", time=m[4])
    if m := re.fullmatch(r"Cancel the booking (\S+)\.", sentence):
        return call("cancel_booking", booking_id=m[1])
    if m := re.fullmatch(
        r"Book the smallest room that seats all who are invited to (\w+), for the time of (\w+)\.", sentence
    ):
        assert m[1] == m[2]
        fits = [name for seats, name in asked.rooms if seats >= len(calendar.guests[m[1]])]
        return call("book_room", room_id=fits[0], **when(m[1]))
    if m := re.fullmatch(
        r"If (\w+) starts before (\d\d):00, order coffee on its day for all who are invited to it, otherwise lunch\.",
        sentence,
    ):
        is_early = careless or calendar.start(m[1]) < int(m[2]) * 60
        name = "order_coffee" if is_early else "order_lunch"
        return call(name, date=f"{calendar.day(m[1]):%Y-%m-%d}", people=len(calendar.guests[m[1]]))
    m = re.fullmatch(r'Only if (\w+) falls on a (.*), send (\w+) the message "(.*)"\.', sentence)
    assert m, sentence
    is_off = calendar.day(m[1]).weekday() in DAYS_OFF
    if not careless and is_off != (m[2] == "Saturday or Sunday"):
        return []
    return call("send_message", email=asked.emails[m[3]], text=m[4])


def solve(row: Row) -> str:
    """Take sentence by sentence, and look up what each needs."""
    asked = read(row)
    calendar = Calendar(asked.sentences)
    return json.dumps([call for sentence in asked.sentences for call in calls_of(sentence, asked, calendar)])


def is_right(row: Row, answer: str | None) -> bool:
    """Return whether the calls are the same, in any order."""
    if answer is None:
        return False
    found, wanted = (
        sorted(json.dumps(call, sort_keys=True) for call in json.loads(text))
        for text in (answer, row["answer"])
    )
    return found == wanted


def assistant(
    *, most: int = 10**6, depth: int = 10**6, order: bool = False, careless: bool = False, one_in: int = 0
) -> Callable[[Row], str | None]:
    """Return an assistant with bounds.

    Args:
        most: Calls that it makes; then it stops.
        depth: Events that it looks up one because of another; then it gives up.
        order: Looks up only events that were told before the one that refers to them.
        careless: Does not look at conditions.
        one_in: One date in so many is a day late. 0: none.
    """

    def answer(row: Row) -> str | None:
        asked = read(row)
        r, made = Random(row["question"]), []
        try:
            calendar = Calendar(asked.sentences, depth=depth, order=order)
            for sentence in asked.sentences:
                made += calls_of(sentence, asked, calendar, careless=careless)
        except TooDeepError:
            return None
        for call in made:
            if one_in and "date" in call["arguments"] and r.randrange(one_in) == 0:
                call["arguments"]["date"] += " or later"
        return json.dumps(made[:most])

    return answer


BOUNDED = {
    "20 calls": assistant(most=20),
    "4 events deep": assistant(depth=4),
    "in the order of the text": assistant(order=True),
    "ignores conditions": assistant(careless=True),
    "one date in 24 is wrong": assistant(one_in=24),
}
