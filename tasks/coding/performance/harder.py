"""Problems that need heaps, merging, dynamic programming, or an idea of their own."""

from __future__ import annotations

from .problem import Problem
from .simpler import READINGS, series

HARDER = (
    Problem(
        "last_end", "heap",
        "Write `last_end(times, {workers})`: tasks are taken in the order of the list, each by the {worker} who is free first, at once; task i takes times[i], "
        "and after each task a {worker} rests for {K} before being free again. All are free at time 0. When does the last task end (without the rest after it)?",
        ({"workers": "cooks", "worker": "cook"}, {"workers": "drivers", "worker": "driver"}, {"workers": "printers", "worker": "printer"}), {"K": (1, 60)},
        """
import heapq


def last_end(times, workers):
    free = [0] * workers
    end = 0
    for time in times:
        start = free[0]
        end = max(end, start + time)
        heapq.heapreplace(free, start + time + {K})
    return end
""",
        ("start + time + {K})", "start + time)"),
        """
def make_input(n, seed, big):
    return numbers(n, seed, 1, 1000 if big else 50), max(1, n // 2)
""",
        200_000,
    ),
    Problem(
        "count_calm", "two queues",
        "Write `count_calm({items})`: how many stretches (one or more neighboring {items}) have a largest and a smallest {item} that differ by at most {K}?",
        READINGS, {"K": (60, 95)},
        """
from collections import deque


def count_calm(values):
    high, low = deque(), deque()
    start = total = 0
    for i, value in enumerate(values):
        while high and values[high[-1]] <= value:
            high.pop()
        while low and values[low[-1]] >= value:
            low.pop()
        high.append(i)
        low.append(i)
        while values[high[0]] - values[low[0]] > {K}:
            start += 1
            if high[0] < start:
                high.popleft()
            if low[0] < start:
                low.popleft()
        total += i - start + 1
    return total
""",
        ("> {K}:", ">= {K}:"),
        """
def make_input(n, seed, big):
    if not big:
        return (numbers(n, seed, 0, 160),)
    return ([min(value, 50) + (100 if i % (n // 2) == n // 4 else 0) for i, value in enumerate(numbers(n, seed, 0, 60))],)
""",
        200_000,
    ),
    Problem(
        "count_drops", "merging",
        "Write `count_drops({items})`: how many pairs of places i < j hold {items} with {items}[i] > {items}[j] + {K}?",
        READINGS, {"K": (1, 60)},
        """
def count_drops(values):
    total = 0
    blocks = [[value] for value in values]
    while len(blocks) > 1:
        merged = []
        for at in range(0, len(blocks) - 1, 2):
            left, right = blocks[at], blocks[at + 1]
            place = 0
            for value in left:
                while place < len(right) and value > right[place] + {K}:
                    place += 1
                total += place
            merged.append(sorted(left + right))
        if len(blocks) % 2:
            merged.append(blocks[-1])
        blocks = merged
    return total
""",
        ("value > right[place]", "value >= right[place]"), series(0, 300), 120_000,
    ),
    Problem(
        "best_bookings", "dynamic programming",
        "Write `best_bookings(starts, lengths, gains)`: booking i lasts from starts[i] until starts[i] + lengths[i] and gains gains[i]. The {place} takes one booking at a time, "
        "and at least {K} must lie between the end of one and the start of the next. What is the largest gain of a choice of bookings?",
        ({"place": "hall"}, {"place": "boat"}, {"place": "court"}), {"K": (0, 9)},
        """
from bisect import bisect_right


def best_bookings(starts, lengths, gains):
    bookings = sorted((start + length, start, gain) for start, length, gain in zip(starts, lengths, gains))
    ends, best = [], [0]
    for end, start, gain in bookings:
        best.append(max(best[-1], best[bisect_right(ends, start - {K})] + gain))
        ends.append(end)
    return best[-1]
""",
        ("bisect_right(ends, start - {K})", "bisect_right(ends, start)"),
        """
def make_input(n, seed, big):
    return numbers(n, seed, 0, n * 6), numbers(n, seed + 1, 1, 40), numbers(n, seed + 2, 1, 99)
""",
        120_000,
    ),
    Problem(
        "longest_climb", "dynamic programming",
        "Write `longest_climb({items})`: leave out any {items}, keep the others in their order; each kept {item} must exceed the kept one before it by at least {K}, plus {K} for each place "
        "between the two that was left out. How many can be kept at most?",
        READINGS, {"K": (1, 9)},
        """
from bisect import bisect_left, bisect_right


def longest_climb(values):
    ends = []
    for i, value in enumerate(values):
        height = value - i * {K}
        place = bisect_right(ends, height)
        ends[place : place + 1] = [height]
    return len(ends)
""",
        ("bisect_right(ends, height)", "bisect_left(ends, height)"),
        """
def make_input(n, seed, big):
    return ([i * {K} + extra for i, extra in enumerate(numbers(n, seed, 0, 10**6 if big else 12))],)
""",
        120_000,
    ),
    Problem(
        "sum_peaks", "counting by maximum",
        "Write `sum_peaks({items}, width)`: for every stretch of one up to width neighboring {items}, take its largest {item} times {K}; return the sum over all these stretches.",
        READINGS, {"K": (2, 60)},
        """
def sum_peaks(values, width):
    def stretches(left, right):
        # stretches with up to left places before and up to right places after, of at most width places in all
        left, right = min(left, width - 1), min(right, width - 1)
        over = left + right + 1 - width
        return (left + 1) * (right + 1) - (over * (over + 1) // 2 if over > 0 else 0)

    count = len(values)
    before, after, stack = [0] * count, [0] * count, []
    for i, value in enumerate(values):
        while stack and values[stack[-1]] <= value:
            after[stack[-1]] = i - stack[-1] - 1
            stack.pop()
        before[i] = i - (stack[-1] if stack else -1) - 1
        stack.append(i)
    for i in stack:
        after[i] = count - i - 1
    return sum(value * stretches(before[i], after[i]) for i, value in enumerate(values)) * {K}
""",
        ("over * (over + 1) // 2", "over * (over - 1) // 2"),
        """
def make_input(n, seed, big):
    return numbers(n, seed, 0, 999), max(1, n // 2)
""",
        200_000,
    ),
    Problem(
        "cheapest_split", "lines",
        "Write `cheapest_split({items})`: cut the list of {items} (whole numbers above 0) into one or more stretches that follow each other. A stretch costs {K} plus the square of its sum. "
        "What is the lowest total cost?",
        READINGS, {"K": (2_000, 900_000)},
        """
def cheapest_split(values):
    # best(t) = t * t + {K} + min over earlier totals s of (best(s) + s * s - 2 * s * t): lines in t, kept in a hull
    slopes, offsets = [0], [0]
    first = total = best = 0
    for value in values:
        total += value
        while first + 1 < len(slopes) and slopes[first + 1] * total + offsets[first + 1] <= slopes[first] * total + offsets[first]:
            first += 1
        best = slopes[first] * total + offsets[first] + total * total + {K}
        slope, offset = -2 * total, best + total * total
        while len(slopes) - first >= 2 and (offset - offsets[-2]) * (slopes[-2] - slopes[-1]) <= (offsets[-1] - offsets[-2]) * (slopes[-2] - slope):
            slopes.pop()
            offsets.pop()
        slopes.append(slope)
        offsets.append(offset)
    return best
""",
        ("best + total * total\n", "best + total * (total - 1)\n"),
        series(1, 60), 120_000,
    ),
    Problem(
        "cheapest_climb", "convex cost",
        "Write `cheapest_climb({items})`: change {items} so that each is at least {K} above the one before it. Raising a {item} by 1 costs {P}, lowering it by 1 costs {Q}; "
        "all stay whole numbers and may go below 0. What is the lowest total cost?",
        READINGS, {"K": (0, 40), "P": (1, 4), "Q": (1, 4)},
        """
import heapq


def cheapest_climb(values):
    # The cost of the best way so far, as a function of the last value, is convex; the heap has the places where its slope changes, up to its minimum.
    # Adding a value adds {Q} per unit below it and {P} per unit above; taking the best of all smaller last values cuts off the rising part.
    heap = []  # (-place, by how much the slope changes)
    cost = 0
    for i, value in enumerate(values):
        value -= i * {K}
        heapq.heappush(heap, (-value, {P} + {Q}))
        left = {P}
        while left:
            place, change = heapq.heappop(heap)
            part = min(left, change)
            cost += part * (-place - value)
            left -= part
            if change > part:
                heapq.heappush(heap, (place, change - part))
    return cost
""",
        ("heapq.heappush(heap, (-value, {P} + {Q}))", "heapq.heappush(heap, (-value, {P} + {Q} + 1))"),
        series(0, 999), 120_000,
    ),
    Problem(
        "sum_even_peaks", "smaller side",
        "Write `sum_even_peaks({items})`: take every stretch (one or more neighboring {items}) whose sum is a multiple of {K}, and of each its largest {item}; return the sum of these.",
        READINGS, {"K": (2, 60)},
        """
from bisect import bisect_left, bisect_right


def sum_even_peaks(values):
    # Each stretch belongs to its largest value (the last of equals). Of the places where it may start and where it may end, go through the fewer,
    # and count the others by the remainder of the running total.
    count = len(values)
    totals = [0]
    for value in values:
        totals.append((totals[-1] + value) % {K})
    places = [[] for _ in range({K})]
    for place, total in enumerate(totals):
        places[total].append(place)
    first, last, stack = [0] * count, [count - 1] * count, []
    for i, value in enumerate(values):
        while stack and values[stack[-1]] <= value:
            last[stack.pop()] = i - 1
        first[i] = stack[-1] + 1 if stack else 0
        stack.append(i)
    result = 0
    for i, value in enumerate(values):
        left, right, found = first[i], last[i], 0
        if i - left < right - i:
            for start in range(left, i + 1):
                there = places[totals[start]]
                found += bisect_right(there, right + 1) - bisect_left(there, i + 1)
        else:
            for end in range(i + 1, right + 2):
                there = places[totals[end]]
                found += bisect_right(there, i) - bisect_left(there, left)
        result += found * value
    return result
""",
        ("bisect_left(there, i + 1)", "bisect_left(there, i)"), series(0, 10**5), 70_000,
    ),
    Problem(
        "evenest_split", "penalty",
        "Write `evenest_split({items}, parts)`: {items} are whole numbers above 0, and one above {K} counts as {K}. Cut the list into exactly `parts` stretches that follow each other, "
        "none of them empty; a stretch costs the square of its sum. What is the lowest total cost?",
        READINGS, {"K": (20, 60)},
        """
def evenest_split(values, parts):
    # A price for each stretch makes the number of stretches free; the price at which the best way has that number is searched for.
    totals = [0]
    for value in values:
        totals.append(totals[-1] + min(value, {K}))
    scale = len(values) + 1

    def cheapest(price):
        # cost * scale + number of stretches, so that of equal costs the fewest stretches win
        slopes, offsets = [0], [0]
        first = best = 0
        for total in totals[1:]:
            while first + 1 < len(slopes) and slopes[first + 1] * total + offsets[first + 1] <= slopes[first] * total + offsets[first]:
                first += 1
            best = slopes[first] * total + offsets[first] + (total * total + price) * scale + 1
            slope, offset = -2 * total * scale, best + total * total * scale
            while len(slopes) - first >= 2 and (offset - offsets[-2]) * (slopes[-2] - slopes[-1]) <= (offsets[-1] - offsets[-2]) * (slopes[-2] - slope):
                slopes.pop()
                offsets.pop()
            slopes.append(slope)
            offsets.append(offset)
        return divmod(best, scale)

    low, high = 0, totals[-1] ** 2 + 1
    while low < high:
        price = (low + high) // 2
        if cheapest(price)[1] <= parts:
            high = price
        else:
            low = price + 1
    return cheapest(low)[0] - low * parts
""",
        ("min(value, {K})", "value"),
        """
def make_input(n, seed, big):
    return numbers(n, seed, 1, 70), max(1, n // 7)
""",
        14_000,
    ),
)  # fmt: skip
