"""Problems that need no more than a table, running totals, sorting, or a queue."""

from __future__ import annotations

from .problem import Problem

READINGS = (
    {"items": "readings", "item": "reading"},
    {"items": "scores", "item": "score"},
    {"items": "prices", "item": "price"},
)
SERIES = """
def make_input(n, seed, big):
    return (numbers(n, seed, {LOW}, {HIGH}),)
"""


def series(low: int, high: int) -> str:
    """Return the Python of inputs that are one list of numbers in a range."""
    return SERIES.replace("{LOW}", str(low)).replace("{HIGH}", str(high))


SIMPLER = (
    Problem(
        "count_rises", "one pass",
        "Write `count_rises({items})`: how many {items} are more than {K} above the {item} directly before?",
        READINGS, {"K": (1, 20)},
        """
def count_rises(values):
    return sum(b - a > {K} for a, b in zip(values, values[1:]))
""",
        ("> {K}", ">= {K}"), series(0, 40), 300,
    ),
    Problem(
        "count_between", "one pass",
        "Write `count_between({items})`: how many {items} are at least {K} and differ from the {item} directly before by exactly {D}? "
        "The first one has none before it and does not count.",
        READINGS, {"K": (5, 25), "D": (1, 4)},
        """
def count_between(values):
    return sum(b >= {K} and abs(b - a) == {D} for a, b in zip(values, values[1:]))
""",
        (">= {K}", "> {K}"), series(0, 30), 300,
    ),
    Problem(
        "count_close_pairs", "two loops",
        "Write `count_close_pairs({items})`: how many pairs of different places hold {items} that differ by at most {K}? "
        "A pair counts once, whatever its order.",
        READINGS, {"K": (1, 30)},
        """
def count_close_pairs(values):
    return sum(abs(a - b) <= {K} for i, a in enumerate(values) for b in values[:i])
""",
        ("<= {K}", "< {K}"), series(0, 60), 400,
    ),
    Problem(
        "count_multiple_pairs", "table",
        "Write `count_multiple_pairs({items})`: how many pairs of different places hold {items} (whole numbers, also below 0) whose sum is a "
        "multiple of {K}? A pair counts once, whatever its order.",
        READINGS, {"K": (3, 60)},
        """
def count_multiple_pairs(values):
    counts = [0] * {K}
    total = 0
    for value in values:
        total += counts[-value % {K}]
        counts[value % {K}] += 1
    return total
""",
        ("-value % {K}", "value % {K}"), series(-99, 99), 200_000,
    ),
    Problem(
        "count_exact_gaps", "table",
        "Write `count_exact_gaps({items})`: how many pairs of places i < j hold {items} with {items}[j] - {items}[i] equal to {K}?",
        READINGS, {"K": (1, 40)},
        """
def count_exact_gaps(values):
    counts = {}
    total = 0
    for value in values:
        total += counts.get(value - {K}, 0)
        counts[value] = counts.get(value, 0) + 1
    return total
""",
        ("value - {K}", "value + {K}"), series(0, 90), 200_000,
    ),
    Problem(
        "count_stretches", "running totals",
        "Write `count_stretches({items})`: how many stretches (one or more neighboring {items}; whole numbers, also below 0) add up to exactly {K}?",
        READINGS, {"K": (1, 30)},
        """
def count_stretches(values):
    seen = {0: 1}
    total = found = 0
    for value in values:
        total += value
        found += seen.get(total - {K}, 0)
        seen[total] = seen.get(total, 0) + 1
    return found
""",
        ("total - {K}", "total + {K}"), series(-9, 12), 200_000,
    ),
    Problem(
        "count_mean_stretches", "running totals",
        "Write `count_mean_stretches({items})`: how many stretches (one or more neighboring {items}) have a mean of exactly {K}?",
        READINGS, {"K": (3, 17)},
        """
def count_mean_stretches(values):
    seen = {0: 1}
    total = found = 0
    for value in values:
        total += value - {K}
        found += seen.get(total, 0)
        seen[total] = seen.get(total, 0) + 1
    return found
""",
        ("seen = {0: 1}", "seen = {}"), series(0, 20), 200_000,
    ),
    Problem(
        "count_cheap_pairs", "sorting",
        "Write `count_cheap_pairs({items})`: how many pairs of different places hold {items} whose sum is at most {K}000? "
        "A pair counts once, whatever its order.",
        READINGS, {"K": (40, 160)},
        """
def count_cheap_pairs(values):
    values = sorted(values)
    low, high, total = 0, len(values) - 1, 0
    while low < high:
        if values[low] + values[high] <= {K}000:
            total += high - low
            low += 1
        else:
            high -= 1
    return total
""",
        ("<= {K}000", "< {K}000"),
        """
def make_input(n, seed, big):
    return ([value if big else value // 1000 * 1000 for value in numbers(n, seed, 0, 100_000)],)
""", 200_000,
    ),
    Problem(
        "busiest", "sorting",
        "Write `busiest(starts, lengths)`: {thing} number i is there from time starts[i] until just before starts[i] + lengths[i]; each needs {K} {unit}. "
        "What is the largest number of {unit} needed at one time?",
        ({"thing": "guest", "unit": "towels"}, {"thing": "job", "unit": "cores"}, {"thing": "truck", "unit": "ramps"}), {"K": (2, 60)},
        """
def busiest(starts, lengths):
    events = []
    for start, length in zip(starts, lengths):
        events += [(start, 1), (start + length, -1)]
    now = most = 0
    for _, step in sorted(events):
        now += step
        most = max(most, now)
    return most * {K}
""",
        ("sorted(events)", "sorted(events, key=lambda event: (event[0], -event[1]))"),
        """
def make_input(n, seed, big):
    return numbers(n, seed, 0, n * 5), numbers(n, seed + 1, 1, n if big else 12)
""",
        100_000,
    ),
    Problem(
        "sum_spreads", "queue",
        "Write `sum_spreads({items}, width)`: for every stretch of exactly width neighboring {items}, take the largest minus the smallest, plus {K}; return the sum "
        "over all these stretches. There is at least one such stretch.",
        READINGS, {"K": (0, 60)},
        """
from collections import deque


def sum_spreads(values, width):
    high, low = deque(), deque()
    total = 0
    for i, value in enumerate(values):
        while high and values[high[-1]] <= value:
            high.pop()
        while low and values[low[-1]] >= value:
            low.pop()
        high.append(i)
        low.append(i)
        if high[0] <= i - width:
            high.popleft()
        if low[0] <= i - width:
            low.popleft()
        if i + 1 >= width:
            total += values[high[0]] - values[low[0]] + {K}
    return total
""",
        ("<= i - width", "< i - width"),
        """
def make_input(n, seed, big):
    return numbers(n, seed, 0, 10**6), max(1, n // 3)
""",
        200_000,
    ),
    Problem(
        "sum_waits", "stack",
        "Write `sum_waits({items})`: for every {item}, the wait is the number of places to the next later {item} that is larger, or {K} if there is none. "
        "Return the sum of all waits.",
        READINGS, {"K": (0, 60)},
        """
def sum_waits(values):
    open_places = []
    total = 0
    for i, value in enumerate(values):
        while open_places and values[open_places[-1]] < value:
            total += i - open_places.pop()
        open_places.append(i)
    return total + {K} * len(open_places)
""",
        ("< value", "<= value"),
        """
def make_input(n, seed, big):
    return ([(n - i) * 3 + extra for i, extra in enumerate(numbers(n, seed, 0, 9))],)
""",
        180_000,
    ),
)  # fmt: skip
