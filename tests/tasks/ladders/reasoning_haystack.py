"""Solvers of logs: patterns over the whole text, and readers who see, follow or add only so much."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
PAGE_CHARS = 2_000
LINK = re.compile(
    r"(?:The|Whatever is stored at the|Vans take the goods of the|The next stop for goods from the) (\w+) depot "
    r"(?:sends its goods on to|is passed on to|to|is) the (\w+) depot\."
)
ARRIVAL = re.compile(
    r"A delivery brought (\d+) (\w+) to the (\w+) depot\.|The (\w+) depot took in (\d+) (\w+)\."
    r"|At the (\w+) depot (\d+) (\w+) were unloaded\.|A supplier left (\d+) (\w+) at the (\w+) depot\."
)


@dataclass
class Log:
    """The text, and what is asked about it."""

    text: str
    start: str
    good: str
    is_chain: bool

    def links(self) -> list[tuple[str, str]]:
        return LINK.findall(self.text)

    def arrivals(self, depot: str) -> list[int]:
        """Return the numbers of the good that arrived at a depot."""
        found = []
        for m in ARRIVAL.finditer(self.text):
            parts = [part for part in m.groups() if part is not None]
            numbers = [part for part in parts if part.isdigit()]
            if depot in parts and self.good in parts:
                found.append(int(numbers[0]))
        return found


def read(row: Row) -> Log:
    """Return the log of a question."""
    _, text, asked = row["question"].split("\n\n")
    if m := re.match(r"How many (\w+) arrived at the (\w+) depot in all\?", asked):
        return Log(text, m[2], m[1], is_chain=False)
    start = re.match(r"Goods begin at the (\w+) depot ", asked)
    good = re.search(r"How many (\w+) arrived in all at the depot where", asked)
    assert start, asked
    assert good, asked
    return Log(text, start[1], good[1], is_chain=True)


def end_of(log: Log, links: Mapping[str, str], most: int) -> str:
    """Return where goods end up after so many links at the most."""
    depot, seen = log.start, [log.start]
    while log.is_chain and depot in links and len(seen) <= most:
        depot = links[depot]
        if depot in seen:
            raise AmbiguousError("goods go round in a circle")
        seen.append(depot)
    return depot


def solve(row: Row) -> int:
    """Follow every link and add up every delivery."""
    log = read(row)
    found = log.arrivals(end_of(log, dict(log.links()), 10**6))
    if not found:
        raise AmbiguousError("nothing arrived")
    return sum(found)


def total(log: Log, depot: str) -> int:
    return sum(log.arrivals(depot))


def with_window(chars: int) -> Callable[[Row], int]:
    """Return a reader who sees only so many characters, half at the beginning and half at the end."""

    def answer(row: Row) -> int:
        log = read(row)
        if len(log.text) > chars:
            log.text = log.text[: chars // 2] + "\n" + log.text[-chars // 2 :]
        return total(log, end_of(log, dict(log.links()), 10**6))

    return answer


def with_links(most: int) -> Callable[[Row], int]:
    """Return a reader who follows so many links."""

    def answer(row: Row) -> int:
        log = read(row)
        return total(log, end_of(log, dict(log.links()), most))

    return answer


def with_terms(most: int) -> Callable[[Row], int]:
    """Return a reader who adds up so many deliveries."""

    def answer(row: Row) -> int:
        log = read(row)
        return sum(log.arrivals(end_of(log, dict(log.links()), 10**6))[:most])

    return answer


def with_first_links(row: Row) -> int:
    """Follow the first link told of each depot, whatever a later sentence says."""
    log = read(row)
    return total(log, end_of(log, dict(reversed(log.links())), 10**6))


def with_gaps(one_in: int) -> Callable[[Row], int]:
    """Return a reader who passes over one in so many sentences once the text is longer than a page."""

    def answer(row: Row) -> int:
        log, r = read(row), Random(row["question"][-500:])
        page, rest = log.text[:PAGE_CHARS], log.text[PAGE_CHARS:]
        log.text = page + " ".join(s for s in re.split(r"(?<=\.)\s", rest) if r.randrange(one_in))
        return total(log, end_of(log, dict(log.links()), 10**6))

    return answer


BOUNDED = {
    "sees 50,000 characters": with_window(50_000),
    "follows 6 links": with_links(6),
    "adds up 4 deliveries": with_terms(4),
    "takes the first link told": with_first_links,
    "passes over one sentence in 30 after a page": with_gaps(30),
}
