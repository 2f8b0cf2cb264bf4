"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import combinations
from pathlib import Path
from random import Random

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 7
TOWNS = ("Aldby", "Birk", "Corran", "Dunmoor", "Eskdale", "Farley", "Glenrow", "Holt", "Ivybank", "Jarrow")
CITIES = ("Oslo", "Lima", "Pune", "Kyoto", "Bern", "Quito", "Accra", "Turin")
GOODS = ("lamps", "chairs", "desks", "shelves")
Roads = Mapping[tuple[str, str], int]


def random_roads(r: Random, count: int, extra: int) -> tuple[list[str], dict[tuple[str, str], int]]:
    """Return towns that hang together, and the length of each road between two of them."""
    towns = r.sample(TOWNS, count)
    roads = {(towns[r.randrange(k)], towns[k]): r.randint(2, 19) for k in range(1, count)}
    free = [pair for pair in combinations(towns, 2) if pair not in roads and pair[::-1] not in roads]
    roads |= {pair: r.randint(2, 19) for pair in r.sample(free, extra)}
    return towns, roads


def neighbours(roads: Roads, town: str) -> dict[str, int]:
    """Return the towns next to one, with the road's length."""
    return {a if b == town else b: km for (a, b), km in roads.items() if town in {a, b}}


def distances(roads: Roads, start: str) -> dict[str, int]:
    """Return the length of the shortest way to each town (Dijkstra 1959)."""
    found: dict[str, int] = {}
    queue = [(0, start)]
    while queue:
        km, town = heappop(queue)
        if town in found:
            continue
        found[town] = km
        for other, more in neighbours(roads, town).items():
            heappush(queue, (km + more, other))
    return found


def describe_roads(roads: Roads) -> str:
    """Return the roads in words."""
    return "; ".join(f"{a}-{b} {km} km" for (a, b), km in roads.items())


def shortest_way(r: Random) -> Item:
    """Several ways, of which the one with the fewest roads is not the shortest."""
    while True:
        towns, roads = random_roads(r, r.randint(6, 8), r.randint(4, 6))
        start, end = r.sample(towns, 2)
        best = distances(roads, start)[end]
        # A road counts a thousand more: the shortest of the ways with the fewest roads.
        fewest = distances({pair: km + 1000 for pair, km in roads.items()}, start)[end] % 1000
        if fewest != best:
            question = f"Roads between towns: {describe_roads(roads)}. How many kilometres is the shortest way from {start} to {end}?"
            return Item(question, best, fewest)


def within_hops(r: Random) -> Item:
    """Towns reached over at most so many roads."""
    towns, roads = random_roads(r, r.randint(8, 10), r.randint(2, 4))
    start, most = r.choice(towns), r.randint(2, 3)
    hops = distances(dict.fromkeys(roads, 1), start)
    count = sum(0 < far <= most for far in hops.values())
    question = f"Roads between towns: {describe_roads(roads)}. How many other towns can be reached from {start} over at most {most} roads?"
    return Item(question, count, sum(far == most for far in hops.values()))


def most_roads(r: Random) -> Item:
    """The number of roads that meet in the busiest town."""
    towns, roads = random_roads(r, r.randint(6, 9), r.randint(4, 7))
    degrees = sorted(len(neighbours(roads, town)) for town in towns)
    question = f"Roads between towns: {describe_roads(roads)}. How many roads meet in the town where most roads meet?"
    return Item(question, degrees[-1], degrees[-1] - 1)


def critical_path(r: Random) -> Item:
    """Tasks that wait for others; as many at once as one likes."""
    names = [chr(ord("A") + k) for k in range(r.randint(6, 8))]
    hours = {name: r.randint(1, 9) for name in names}
    needs = {name: sorted(r.sample(names[:k], min(k, r.randint(0, 2)))) for k, name in enumerate(names)}
    end: dict[str, int] = {}
    for name in names:
        end[name] = hours[name] + max((end[other] for other in needs[name]), default=0)
    listed = "; ".join(
        f"{name} takes {hours[name]} h"
        + (f" and waits for {' and '.join(needs[name])}" if needs[name] else "")
        for name in names
    )
    question = f"Steps of a job: {listed}. Steps that wait for nothing more can run at once. After how many hours is the whole job done?"
    return Item(question, max(end.values()), sum(hours.values()))


def random_table(r: Random, count: int) -> tuple[list[str], dict[str, dict[str, int]], str]:
    """Return cities, their stock, and the table in Markdown."""
    cities = r.sample(CITIES, count)
    stock = {city: {good: r.randint(3, 98) for good in GOODS} for city in cities}
    head = f"| city | {' | '.join(GOODS)} |\n|---{'|---' * len(GOODS)}|\n"
    body = "\n".join(
        f"| {city} | " + " | ".join(str(n) for n in stock[city].values()) + " |" for city in cities
    )
    return cities, stock, head + body


def filtered_sum(r: Random) -> Item:
    """Sum of one column over the rows that another column picks."""
    cities, stock, table = random_table(r, 6)
    a, b = r.sample(GOODS, 2)
    limit = sorted(stock[city][b] for city in cities)[2]
    right = sum(stock[city][a] for city in cities if stock[city][b] > limit)
    slip = sum(stock[city][a] for city in cities if stock[city][b] >= limit)
    return Item(
        f"{table}\n\nHow many {a} are there in all in the cities with more than {limit} {b}?", right, slip
    )


def largest_total(r: Random) -> Item:
    """The largest sum of a row."""
    cities, stock, table = random_table(r, 7)
    totals = sorted(sum(stock[city].values()) for city in cities)
    return Item(
        f"{table}\n\nHow many pieces are there in the city with the most pieces of all goods together?",
        totals[-1],
        totals[-2],
    )


def joined(r: Random) -> Item:
    """Stock times price, over two tables."""
    cities, stock, table = random_table(r, 5)
    prices = {good: r.randint(4, 60) for good in GOODS}
    city = r.choice(cities)
    a, b = r.sample(GOODS, 2)
    second = "| good | price in euros |\n|---|---|\n" + "\n".join(
        f"| {good} | {price} |" for good, price in prices.items()
    )
    right = stock[city][a] * prices[a] + stock[city][b] * prices[b]
    slip = (stock[city][a] + stock[city][b]) * prices[a]
    return Item(
        f"{table}\n\n{second}\n\nHow many euros are the {a} and the {b} in {city} worth together?",
        right,
        slip,
    )


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", most_roads),
    ("easy", largest_total),
    ("medium", filtered_sum),
    ("medium", joined),
    ("medium", within_hops),
    ("hard", shortest_way),
    ("hard", critical_path),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("graphs", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
