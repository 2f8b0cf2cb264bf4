"""Shortest ways over a road map in words, with closed roads, one-way roads, few ferries and places to pass.

The measure is the number of roads on the map. NLGraph (arXiv 2305.10037) asks published models for shortest ways between
5 to 10 places (easy) and 26 to 35 (hard), as rungs 3 and 7 have. Maps here are long and narrow, so the way grows with the
map. Each rule is laid across the way that would be the shortest without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

from gapbench.ladder import Item, Ladder, Rung

STARTS = (
    "Al", "Bir", "Cor", "Dun", "Esk", "Far", "Glen", "Hol", "Ivy", "Jar", "Kel", "Lar", "Mar", "Nor", "Or", "Pen", "Rig", "Sel",
    "Thorn", "Wex",
)  # fmt: skip
ENDS = ("by", "ford", "ham", "moor", "ton", "dale", "wick", "ley", "stead", "bury", "gate", "mouth")
SETTINGS = (
    # towns, roads, closed, one-way, ferries, places to pass
    (3, 2, 0, 0, 0, 0),
    (4, 5, 0, 0, 0, 0),
    (6, 9, 0, 0, 0, 0),
    (8, 14, 1, 0, 0, 0),
    (12, 22, 2, 0, 0, 0),
    (18, 35, 3, 2, 0, 0),
    (28, 55, 4, 4, 0, 0),
    (42, 85, 5, 6, 2, 0),
    (64, 130, 7, 9, 2, 1),
    (96, 200, 9, 14, 3, 1),
    (150, 310, 12, 20, 3, 2),
    (230, 480, 16, 30, 3, 3),
)
REACH = 5
"""A road joins towns that are at most so many places apart along the map."""
Road = tuple[int, int]


@dataclass
class RoadMap:
    """Towns, numbered along the map, and what holds for the roads between them.

    Attributes:
        km: The length of each road; the lower number is first.
        closed: Roads that cannot be used.
        one_way: The direction in which a road can be used alone.
        ferries: Roads that are ferries.
        most_ferries: So many ferries may be used. None: as many as one likes.
        passed: Towns that the way must pass, in any order.
    """

    km: dict[Road, int]
    closed: set[Road] = field(default_factory=set)
    one_way: dict[Road, Road] = field(default_factory=dict)
    ferries: set[Road] = field(default_factory=set)
    most_ferries: int | None = None
    passed: tuple[int, ...] = ()

    def legs(self) -> dict[int, list[tuple[int, int, int]]]:
        """Return, for each town, the towns that can be driven to: town, km, and 1 for a ferry that counts."""
        found: dict[int, list[tuple[int, int, int]]] = {}
        for road, km in self.km.items():
            if road in self.closed:
                continue
            counts = int(road in self.ferries and self.most_ferries is not None)
            for a, b in (road, road[::-1]):
                if self.one_way.get(road, (a, b)) == (a, b):
                    found.setdefault(a, []).append((b, km, counts))
        return found

    def shortest_way(self, end: int) -> tuple[int, list[int]] | None:
        """Return the length of the shortest way from town 0, and its towns (Dijkstra 1959, over towns and what is left to do)."""
        legs, most = self.legs(), self.most_ferries or 0
        bits = {town: 1 << n for n, town in enumerate(self.passed)}
        all_passed = (1 << len(self.passed)) - 1
        start = (0, 0, bits.get(0, 0))
        came: dict[tuple[int, int, int], tuple[int, int, int]] = {}
        best = {start: 0}
        queue = [(0, start)]
        while queue:
            km, state = heappop(queue)
            if km > best[state]:
                continue
            town, used, passed = state
            if town == end and passed == all_passed:
                way = [end]
                while state in came:
                    state = came[state]
                    way.append(state[0])
                return km, way[::-1]
            for other, more, ferry in legs.get(town, ()):
                new = (other, used + ferry, passed | bits.get(other, 0))
                if new[1] <= most and km + more < best.get(new, km + more + 1):
                    best[new] = km + more
                    came[new] = state
                    heappush(queue, (km + more, new))
        return None


def random_map(r: Random, towns: int, roads: int) -> RoadMap:
    """Return a map whose towns hang together, each joined to a few of the nearest."""
    km = {(max(0, k - r.randint(1, REACH - 2)), k): r.randint(11, 99) for k in range(1, towns)}
    while len(km) < roads:
        a = r.randrange(towns - 1)
        km.setdefault((a, min(towns - 1, a + r.randint(1, REACH))), r.randint(11, 99))
    return RoadMap(km)


def lay_rules(r: Random, found: RoadMap, end: int, rung: Mapping[str, int]) -> None:
    """Lay rules across the shortest way, as long as another way is left."""
    shortest = found.shortest_way(end)
    assert shortest is not None
    for rule in ["closed"] * rung["closed"] + ["one-way"] * rung["one-way"]:
        a, b = r.choice(list(pairwise(shortest[1])))
        road = (min(a, b), max(a, b))
        if rule == "closed":
            found.closed.add(road)
            if (new := found.shortest_way(end)) is None:
                found.closed.remove(road)
        elif road in found.one_way:
            continue
        else:
            found.one_way[road] = (b, a)
            if (new := found.shortest_way(end)) is None:
                found.one_way[road] = (a, b)
        shortest = new or shortest
    if rung["ferries"]:
        way = [(min(a, b), max(a, b)) for a, b in pairwise(shortest[1])]
        r.shuffle(way)
        others = [road for road in found.km if road not in way]
        found.most_ferries = rung["ferries"]
        found.ferries = {*way[: 2 * rung["ferries"]], *r.sample(others, len(others) // 8)}
        for road in way[: 2 * rung["ferries"]]:
            if found.shortest_way(end) is None:
                found.ferries.discard(road)
    if rung["passed"]:
        shortest = found.shortest_way(end)
        assert shortest is not None
        beside = [town for town in range(1, end) if town not in shortest[1]]
        r.shuffle(beside)
        for town in beside:
            found.passed = (*found.passed, town)
            if found.shortest_way(end) is None:
                found.passed = found.passed[:-1]
            if len(found.passed) == rung["passed"]:
                break


def fewest_roads(found: RoadMap, end: int) -> int:
    """Return the length of a way with as few roads as possible and no rule: what a reader takes who does not weigh."""
    # A road counts ten thousand more: the shortest of the ways with the fewest roads.
    plain = RoadMap({road: km + 10_000 for road, km in found.km.items()}).shortest_way(end)
    assert plain is not None
    return plain[0] % 10_000


def list_names(names: list[str]) -> str:
    """Return names with commas, and the last with "and"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def draw(r: Random, rung: Rung) -> Item:
    """Return a map and the question for the length of the shortest way."""
    towns = rung.settings["towns"]
    end = towns - 1
    found = random_map(r, towns, rung.settings["roads"])
    lay_rules(r, found, end, rung.settings)
    shortest = found.shortest_way(end)
    assert shortest is not None
    answer, way = shortest
    plain = RoadMap(found.km).shortest_way(end)
    assert plain is not None
    slip = next(
        (km for km in (fewest_roads(found, end), plain[0]) if km != answer),
        answer + 10,
    )
    names = r.sample([start + rest for start in STARTS for rest in ENDS], towns)
    told = []
    for road, km in found.km.items():
        a, b = road if r.random() < 0.5 else road[::-1]
        a, b = found.one_way.get(road, (a, b))
        joined = f"{names[a]} to {names[b]}, one way" if road in found.one_way else f"{names[a]} - {names[b]}"
        told.append(f"{joined}: {km} km{' (ferry)' if road in found.ferries else ''}")
    r.shuffle(told)
    closed = [f"{names[a]} - {names[b]}" for a, b in sorted(found.closed)]
    r.shuffle(closed)
    rules = []
    if found.one_way:
        rules.append("A connection marked one way can be used only in the direction given.")
    if closed:
        rules.append(f"Closed, also for one-way traffic: {'; '.join(closed)}.")
    if found.most_ferries is not None:
        rules.append(f"Use at most {found.most_ferries} ferries.")
    if found.passed:
        rules.append(
            f"The way must pass through {list_names([names[town] for town in found.passed])}, in any order."
        )
    if len(rules) > 1:
        rules.append("The way may pass through a town more than once; each use of a connection counts.")
    question = (
        "Connections between towns:\n"
        + "\n".join(told)
        + "".join(f"\n{rule}" for rule in ["", *rules] if rules)
        + f"\n\nHow many kilometers long is the shortest way from {names[0]} to {names[end]}?"
    )
    total, lines = 0, []
    for a, b in pairwise(way):
        total += found.km[min(a, b), max(a, b)]
        lines.append(f"{names[a]} to {names[b]}: {total} km so far")
    return Item(question, answer, slip, "\n".join(lines), extra={"roads_on_the_way": len(way) - 1})


KEYS = ("towns", "roads", "closed", "one-way", "ferries", "passed")
LADDER = Ladder(
    name="reasoning/graphs",
    measure="roads on the map",
    rungs=[Rung(setting[1], dict(zip(KEYS, setting, strict=True))) for setting in SETTINGS],
    draw=draw,
)
