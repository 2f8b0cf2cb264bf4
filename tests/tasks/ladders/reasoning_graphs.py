"""Solvers of road maps: relaxation of all roads at once until nothing changes (Bellman-Ford), and bounded searches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
LINE = re.compile(r"(\w+)( - | to )(\w+)(, one way)?: (\d+) km( \(ferry\))?")


class Leg(NamedTuple):
    """A road in one direction."""

    a: str
    b: str
    km: int
    ferry: bool


@dataclass(frozen=True)
class Trip:
    """What a question says."""

    legs: list[Leg]
    most_ferries: int | None
    passed: list[str]
    start: str
    end: str


def read(row: Row, *, with_rules: bool = True, with_stops: bool = True) -> Trip:
    """Return what the question says."""
    text: str = row["question"]
    closed_line = re.search(r"Closed, also for one-way traffic: (.+)\.", text)
    closed = {frozenset(pair.split(" - ")) for pair in closed_line[1].split("; ")} if closed_line else set()
    legs, seen = [], set()
    for a, joined, b, one_way, km, ferry in LINE.findall(text):
        assert (joined == " to ") == bool(one_way), joined
        if frozenset((a, b)) in seen:
            raise AmbiguousError(f"{a} and {b} have two roads")
        seen.add(frozenset((a, b)))
        if with_rules and frozenset((a, b)) in closed:
            continue
        legs.append(Leg(a, b, int(km), bool(ferry)))
        if not (one_way and with_rules):
            legs.append(Leg(b, a, int(km), bool(ferry)))
    if not closed <= seen:
        raise AmbiguousError("a closed road is not on the map")
    ferries = re.search(r"Use at most (\d+) ferries", text)
    stops = re.search(r"must pass through (.+), in any order", text)
    asked = re.search(r"shortest way from (\w+) to (\w+)\?", text)
    assert asked, text[-100:]
    return Trip(
        legs,
        int(ferries[1]) if ferries and with_stops else None,
        re.split(r", | and ", stops[1]) if stops and with_stops else [],
        asked[1],
        asked[2],
    )


def solve(row: Row) -> int:
    """Relax every road for every number of ferries and every set of places passed, until nothing gets shorter."""
    trip = read(row)
    towns = {name: n for n, name in enumerate(sorted({name for leg in trip.legs for name in (leg.a, leg.b)}))}
    most = trip.most_ferries or 0
    legs = sorted(trip.legs, key=lambda leg: towns[leg.b])
    from_ = np.array([towns[leg.a] for leg in legs])
    to = np.array([towns[leg.b] for leg in legs])
    km = np.array([leg.km for leg in legs])[:, None, None]
    counts = np.array([leg.ferry and trip.most_ferries is not None for leg in legs])
    far = 10**9
    best = np.full((len(towns), most + 1, 1 << len(trip.passed)), far)
    best[towns[trip.start], 0, 0] = 0
    firsts = np.flatnonzero(np.r_[True, to[1:] != to[:-1]])
    while True:
        arrived = best[from_] + km
        arrived[counts] = np.concatenate(
            [np.full_like(arrived[counts][:, :1], far), arrived[counts][:, :-1]], 1
        )
        new = best.copy()
        new[to[firsts]] = np.minimum(best[to[firsts]], np.minimum.reduceat(arrived, firsts))
        for bit, name in enumerate(trip.passed):
            here = new[towns[name]]
            for done in range(here.shape[1]):
                with_it = done | 1 << bit
                here[:, with_it] = np.minimum(here[:, with_it], here[:, done])
        if (new == best).all():
            break
        best = new
    found = int(best[towns[trip.end], :, -1].min())
    if found >= far:
        raise AmbiguousError("there is no way")
    return found


State = tuple[str, int, frozenset[str]]
"""A town, the ferries used, the places passed."""


def onward(trip: Trip) -> Callable[[State], list[tuple[int, State]]]:
    """Return what gives the states after a state, with their roads' lengths."""
    by_town: dict[str, list[Leg]] = {}
    most = trip.most_ferries
    for leg in trip.legs:
        by_town.setdefault(leg.a, []).append(leg)

    def after(state: State) -> list[tuple[int, State]]:
        town, used, passed = state
        found = []
        for leg in by_town.get(town, ()):
            ferries = used + (leg.ferry and most is not None)
            if most is None or ferries <= most:
                found.append((leg.km, (leg.b, ferries, passed | ({leg.b} & set(trip.passed)))))
        return found

    return after


def is_goal(trip: Trip, state: State) -> bool:
    return state[0] == trip.end and len(state[2]) == len(trip.passed)


def best_first(trip: Trip, most_towns: int | None = None) -> int | None:
    """Return the shortest way (Dijkstra), or None when so many places were visited before."""
    after, numbers = onward(trip), count()
    queue: list[tuple[int, int, State]] = [(0, next(numbers), (trip.start, 0, frozenset()))]
    done: set[State] = set()
    while queue:
        km, _, state = heappop(queue)
        if state in done:
            continue
        if is_goal(trip, state):
            return km
        done.add(state)
        if most_towns is not None and len(done) >= most_towns:
            return None
        for more, new in after(state):
            heappush(queue, (km + more, next(numbers), new))
    return None


def with_places(most: int) -> Callable[[Row], int | None]:
    """Return a search that gives up after so many places."""
    return lambda row: best_first(read(row), most)


def without_stops(row: Row) -> int | None:
    """Return the shortest way without regard to ferries and to places to pass."""
    return best_first(read(row, with_stops=False))


def without_rules(row: Row) -> int | None:
    """Return the shortest way on the map as it is listed, with all roads open both ways."""
    return best_first(read(row, with_rules=False))


def with_beam(width: int) -> Callable[[Row], int | None]:
    """Return a search that goes on from the so many shortest beginnings with each number of roads."""

    def answer(row: Row) -> int | None:
        trip = read(row)
        after, beam, best = onward(trip), {(trip.start, 0, frozenset[str]()): 0}, None
        for _ in range(len({leg.a for leg in trip.legs})):
            new: dict[State, int] = {}
            for state, km in beam.items():
                for more, following in after(state):
                    new[following] = min(km + more, new.get(following, km + more))
            for state, km in new.items():
                if is_goal(trip, state) and (best is None or km < best):
                    best = km
            kept = sorted(new.items(), key=lambda item: (item[1], item[0][:2]))[:width]
            beam = {state: km for state, km in kept if best is None or km < best}
        return best

    return answer


def within_roads(most: int) -> Callable[[Row], int | None]:
    """Return a search over all ways of at most so many roads."""

    def answer(row: Row) -> int | None:
        trip = read(row)
        after = onward(trip)
        level: dict[State, int] = {(trip.start, 0, frozenset()): 0}
        best: list[int] = []
        for _ in range(most):
            new: dict[State, int] = {}
            for state, km in level.items():
                for more, following in after(state):
                    new[following] = min(km + more, new.get(following, km + more))
            level = new
            best += [km for state, km in level.items() if is_goal(trip, state)]
        return min(best, default=None)

    return answer


BOUNDED = {
    "all roads open": without_rules,
    "no thought of ferries and stops": without_stops,
    "6 roads": within_roads(6),
    "300 places visited": with_places(300),
    "20 beginnings": with_beam(20),
}
