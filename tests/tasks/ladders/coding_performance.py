"""The definitions of the performance problems, written out as plain loops, and writers who know few ideas.

An answer is a function, judged by small inputs, or a program, which must also stay within a number of statements on the
large input. That number is counted on two smaller inputs and carried on by the growth between them.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

MOST_STATEMENTS = 100_000_000
"""About ten seconds of Python."""
COUNTED_SIZES = (64, 256)
NUMBERS: dict[str, tuple[str, ...]] = {
    "count_rises": (r"more than (?P<K>\d+) above",),
    "count_between": (r"at least (?P<K>\d+) and", r"exactly (?P<D>\d+)\?"),
    "count_close_pairs": (r"at most (?P<K>\d+)\?",),
    "count_multiple_pairs": (r"multiple of (?P<K>\d+)\?",),
    "count_exact_gaps": (r"equal to (?P<K>\d+)\?",),
    "count_stretches": (r"exactly (?P<K>\d+)\?",),
    "count_mean_stretches": (r"exactly (?P<K>\d+)\?",),
    "count_cheap_pairs": (r"at most (?P<K>\d+)\?",),
    "busiest": (r"each needs (?P<K>\d+) ",),
    "sum_spreads": (r"plus (?P<K>\d+);",),
    "sum_waits": (r"or (?P<K>\d+) if there is none",),
    "last_end": (r"rests for (?P<K>\d+) before",),
    "count_calm": (r"at most (?P<K>\d+)\?",),
    "count_drops": (r"\+ (?P<K>\d+)\?",),
    "best_bookings": (r"at least (?P<K>\d+) must lie",),
    "longest_climb": (r"at least (?P<K>\d+), plus",),
    "sum_peaks": (r"times (?P<K>\d+);",),
    "cheapest_split": (r"costs (?P<K>\d+) plus",),
    "sum_even_peaks": (r"multiple of (?P<K>\d+), and",),
    "evenest_split": (r"one above (?P<K>\d+) counts",),
    "cheapest_climb": (r"at least (?P<K>\d+) above", r"by 1 costs (?P<P>\d+), lowering", r"lowering it by 1 costs (?P<Q>\d+)"),
}  # fmt: skip
PAIRS = """
def f(values):
    total = 0
    for j in range(len(values)):
        for i in range(j):
            if {test}:
                total += 1
    return total
"""
STRETCHES = """
def f(values):
    total = 0
    for i in range(len(values)):
        sum_, high, low = 0, values[i], values[i]
        for j in range(i, len(values)):
            sum_ += values[j]
            high, low = max(high, values[j]), min(low, values[j])
            if {test}:
                total += 1
    return total
"""
SERIES = """
def f(values):
    total = 0
    for i in range(1, len(values)):
        if {test}:
            total += 1
    return total
"""
DEFINITIONS: dict[str, str] = {
    "count_rises": SERIES.replace("{test}", "values[i] > values[i - 1] + {K}"),
    "count_between": SERIES.replace(
        "{test}", "values[i] >= {K} and values[i] - values[i - 1] in ({D}, -{D})"
    ),
    "count_close_pairs": PAIRS.replace("{test}", "-{K} <= values[j] - values[i] <= {K}"),
    "count_multiple_pairs": PAIRS.replace("{test}", "(values[i] + values[j]) % {K} == 0"),
    "count_exact_gaps": PAIRS.replace("{test}", "values[j] - values[i] == {K}"),
    "count_stretches": STRETCHES.replace("{test}", "sum_ == {K}"),
    "count_mean_stretches": STRETCHES.replace("{test}", "sum_ == {K} * (j - i + 1)"),
    "count_cheap_pairs": PAIRS.replace("{test}", "values[i] + values[j] <= {K}"),
    "count_calm": STRETCHES.replace("{test}", "high - low <= {K}"),
    "count_drops": PAIRS.replace("{test}", "values[i] > values[j] + {K}"),
    "busiest": """
def f(starts, lengths):
    most = 0
    for time in starts:
        now = 0
        for start, length in zip(starts, lengths):
            if start <= time < start + length:
                now += {K}
        most = max(most, now)
    return most
""",
    "sum_spreads": """
def f(values, width):
    total = 0
    for i in range(len(values) - width + 1):
        high = low = values[i]
        for j in range(i, i + width):
            high, low = max(high, values[j]), min(low, values[j])
        total += high - low + {K}
    return total
""",
    "sum_waits": """
def f(values):
    total = 0
    for i in range(len(values)):
        wait = {K}
        for j in range(i + 1, len(values)):
            if values[j] > values[i]:
                wait = j - i
                break
        total += wait
    return total
""",
    "last_end": """
def f(times, workers):
    free = [0] * workers
    ends = []
    for time in times:
        first = 0
        for at in range(workers):
            if free[at] < free[first]:
                first = at
        ends.append(free[first] + time)
        free[first] += time + {K}
    return max(ends)
""",
    "best_bookings": """
def f(starts, lengths, gains):
    order = sorted(range(len(starts)), key=lambda i: starts[i])
    best = {}
    for i in order:
        before = 0
        for j in best:
            if starts[j] + lengths[j] + {K} <= starts[i]:
                before = max(before, best[j])
        best[i] = before + gains[i]
    return max(best.values())
""",
    "longest_climb": """
def f(values):
    longest = []
    for j in range(len(values)):
        most = 0
        for i in range(j):
            if values[j] >= values[i] + {K} + {K} * (j - i - 1):
                most = max(most, longest[i])
        longest.append(most + 1)
    return max(longest)
""",
    "sum_peaks": """
def f(values, width):
    total = 0
    for i in range(len(values)):
        high = values[i]
        for j in range(i, min(i + width, len(values))):
            high = max(high, values[j])
            total += high * {K}
    return total
""",
    "cheapest_split": """
def f(values):
    best = [0]
    for j in range(len(values)):
        sum_, low = 0, None
        for i in range(j, -1, -1):
            sum_ += values[i]
            cost = best[i] + {K} + sum_ * sum_
            if low is None or cost < low:
                low = cost
        best.append(low)
    return best[-1]
""",
    "sum_even_peaks": STRETCHES.replace("{test}", "sum_ % {K} == 0").replace("total += 1", "total += high"),
    "evenest_split": """
def f(values, parts):
    costs = {0: 0}
    for _ in range(parts):
        after = {}
        for start in costs:
            sum_ = 0
            for end in range(start, len(values)):
                sum_ += min(values[end], {K})
                cost = costs[start] + sum_ * sum_
                if end + 1 not in after or cost < after[end + 1]:
                    after[end + 1] = cost
        costs = after
    return costs[len(values)]
""",
    "cheapest_climb": """
def f(values):
    goals = sorted({values[i] - {K} * i for i in range(len(values))})
    costs = [0] * len(goals)
    for i in range(len(values)):
        low = costs[0]
        for at in range(len(goals)):
            low = min(low, costs[at])
            change = goals[at] - values[i] + {K} * i
            costs[at] = low + ({P} * change if change > 0 else -{Q} * change)
    return min(costs)
""",
}
"""Each as its text says. cheapest_climb rests on this: in a cheapest way every value, less what must be climbed, is one of those given."""
KNOWN = {
    "count_multiple_pairs": "table",
    "count_exact_gaps": "table",
    "count_stretches": "running totals",
    "count_mean_stretches": "running totals",
    "count_cheap_pairs": "sorting",
    "busiest": "sorting",
    "sum_spreads": "queue",
    "sum_waits": "stack",
    "last_end": "heap",
    "count_calm": "queue",
    "count_drops": "merging",
    "best_bookings": "dynamic programming",
    "longest_climb": "dynamic programming",
    "sum_peaks": "counting",
    "cheapest_split": "lines",
    "cheapest_climb": "convex cost",
    "sum_even_peaks": "smaller side",
    "evenest_split": "penalty",
}
"""What the fast way needs."""


def definition(row: Mapping[str, Any]) -> str:
    """Return the definition that the text gives, as a program."""
    name = name_of(row)
    text = DEFINITIONS[name]
    for pattern in NUMBERS[name]:
        found = list(re.finditer(pattern, row["question"]))
        if len(found) != 1:
            raise AmbiguousError(f"{pattern} is there {len(found)} times: {row['question']}")
        for constant, value in found[0].groupdict().items():
            text = text.replace("{" + constant + "}", value)
    return text.replace("def f(", f"def {name}(")


def name_of(row: Mapping[str, Any]) -> str:
    """Return the name of the function that the text asks for."""
    found = re.match(r"Write `(\w+)\(", row["question"])
    assert found
    return found[1]


def defined(code: str) -> dict[str, Any]:
    """Return what a program of this project defines."""
    space: dict[str, Any] = {}
    exec(code, space)
    return space


def small_tests(row: Mapping[str, Any]) -> tuple[str, list[tuple[int, int]]]:
    """Return the hidden tests without their calls, and the numbers of the small calls."""
    before, _, calls = row["test"].partition("right, small = 0, ")
    listed: list[tuple[int, int]] = ast.literal_eval(calls.partition("\n")[0])
    return before, listed


def is_right(row: Mapping[str, Any], answer: Callable[..., Any] | str) -> bool:
    """Say whether a function agrees on the small inputs; a program must also be fast enough."""
    before, calls = small_tests(row)
    space = defined(before)
    make, reference = space["make_input"], space["reference"]
    function = defined(answer)[name_of(row)] if isinstance(answer, str) else answer
    if any(function(*make(n, seed, False)) != reference(*make(n, seed, False)) for n, seed in calls):
        return False
    if not isinstance(answer, str):
        return True
    size = int(row["test"].rpartition("make_input(")[2].split(",")[0])
    few, many = (statements(answer, name_of(row), row["test"], n) for n in COUNTED_SIZES)
    growth = math.log(many / few) / math.log(COUNTED_SIZES[1] / COUNTED_SIZES[0])
    needed: float = many * (size / COUNTED_SIZES[1]) ** growth
    return needed <= MOST_STATEMENTS


@lru_cache(maxsize=64)
def statements(code: str, name: str, tests: str, n: int) -> int:
    """Return how many statements a call with an input of some size executes."""
    given = defined(tests.partition("right, small = 0, ")[0])["make_input"](n, 7, True)
    tree = ast.parse(code)
    count = ast.parse("_count()").body[0]
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [part for one in block for part in (count, one)])
    done = 0

    def step() -> None:
        nonlocal done
        done += 1

    space: dict[str, Any] = {"_count": step}
    exec(compile(ast.fix_missing_locations(tree), "program", "exec"), space)
    space[name](*given)
    return done


def solve(row: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the definition that the text gives, as a function."""
    function: Callable[..., Any] = defined(definition(row))[name_of(row)]
    return function


def writer(*ideas: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a writer of programs who knows some ideas, and writes the definition down where another is needed."""

    def answer(row: Mapping[str, Any]) -> str:
        return row["answer"] if KNOWN.get(name_of(row)) in ideas else definition(row)

    return answer


BOUNDED = {
    "plain loops": writer(),
    "and tables": writer("table", "running totals"),
    "and sorting": writer("table", "running totals", "sorting"),
    "and queues and heaps": writer("table", "running totals", "sorting", "queue", "stack", "heap"),
    "and dynamic programming": writer(
        "table", "running totals", "sorting", "queue", "stack", "heap", "merging", "dynamic programming"
    ),
}
