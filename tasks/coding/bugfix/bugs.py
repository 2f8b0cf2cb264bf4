"""Bugs in small modules: first half."""

from __future__ import annotations

from problem import Bug

BUGS = [
    Bug("easy", "paging", "page", "`page(items, number, size)` returns page `number` (from 1) of `items` with how many pages there are: `(items of the page, pages)`. No items are one empty page. A page below 1 or beyond the last raises ValueError.", """
def page(items, number, size):
    pages = max(1, -(-len(items) // size))
    if not 1 <= number <= pages:
        raise ValueError("no such page")
    start = (number - 1) * size
    return items[start : start + size], pages
""", ("max(1, -(-len(items) // size))", "len(items) // size + 1"), ("max(1, -(-len(items) // size))", "-(-len(items) // size)"), (
        "page([1, 2, 3, 4], 2, 2)", "page([1, 2, 3, 4], 3, 2)", "page([1, 2, 3, 4, 5], 3, 2)", "page([], 1, 5)", "page([1], 1, 1)", "page([1, 2], 0, 1)",
        "page([1, 2, 3], 1, 10)", "page([1, 2, 3], 2, 10)", "page([1, 2, 3], -1, 2)", "page([1, 2, 3], 2, 1)",
    )),
    Bug("easy", "money", "split_bill", "`split_bill(cents, people)` divides a bill fairly: a list of shares in cents that sum to `cents`, no two more than one cent apart, the larger ones first. Fewer than one person raises ValueError.", """
def split_bill(cents, people):
    if people < 1:
        raise ValueError("nobody pays")
    share, rest = divmod(cents, people)
    return [share + 1] * rest + [share] * (people - rest)
""", ("share, rest = divmod(cents, people)\n    return [share + 1] * rest + [share] * (people - rest)", "share = round(cents / people)\n    return [share] * people"), ("[share + 1] * rest + [share] * (people - rest)", "[share + rest] + [share] * (people - 1)"), (
        "split_bill(100, 3)", "split_bill(101, 3)", "split_bill(90, 3)", "split_bill(0, 2)", "split_bill(2, 4)", "split_bill(11, 4)",
        "split_bill(7, 1)", "split_bill(7, 0)", "split_bill(99999, 7)",
    )),
    Bug("easy", "defaults", "group_by_length", "`group_by_length(words, groups)` adds words to lists by their length and returns the dict; `groups` is an earlier result to go on from, which is changed in place. Without it a new dict is begun. Within a group words keep their order and stand once.", """
def group_by_length(words, groups=None):
    if groups is None:
        groups = {}
    for word in words:
        group = groups.setdefault(len(word), [])
        if word not in group:
            group.append(word)
    return groups
""", ("groups=None):\n    if groups is None:\n        groups = {}\n", "groups={}):\n"), ("    if groups is None:\n        groups = {}\n", "    groups = dict(groups or {})\n"), (
        "(group_by_length(['a']), group_by_length(['bb']))[1]", "group_by_length([])", "group_by_length(['a', 'bb', 'c', 'a'])",
        "group_by_length(['x'], {1: ['y'], 3: ['abc']})", "(lambda g: (group_by_length(['z'], g), g)[1])({})", "group_by_length(['ab', 'cd', 'ab', 'e'], {2: []})",
        "group_by_length(['', ''])", "group_by_length(['aa'], {2: ['aa']})", "(group_by_length(['q']), group_by_length(['r'], {}), group_by_length(['s']))[2]",
    )),
    Bug("easy", "dates", "overlap_days", "`overlap_days(a_start, a_end, b_start, b_end)` returns on how many days two stays overlap. Days are numbers; a stay includes its start and excludes its end, when the room is free again.", """
def overlap_days(a_start, a_end, b_start, b_end):
    return max(0, min(a_end, b_end) - max(a_start, b_start))
""", ("min(a_end, b_end) - max(a_start, b_start)", "min(a_end, b_end) - max(a_start, b_start) + 1"), ("max(0, min(a_end, b_end) - max(a_start, b_start))", "abs(min(a_end, b_end) - max(a_start, b_start))"), (
        "overlap_days(1, 5, 5, 8)", "overlap_days(1, 5, 4, 8)", "overlap_days(1, 3, 6, 8)", "overlap_days(6, 8, 1, 3)", "overlap_days(1, 10, 3, 5)", "overlap_days(3, 5, 1, 10)",
        "overlap_days(2, 4, 2, 4)", "overlap_days(4, 9, 1, 6)", "overlap_days(1, 1, 0, 5)",
    )),
    Bug("easy", "text", "truncate", "`truncate(text, width)` shortens a text to at most `width` characters: where it is too long it is cut after the last whole word that leaves room for the mark `...`, which follows without a space. A first word that is too long is cut itself. A text that fits stays as it is. `width` is 3 or more.", """
def truncate(text, width):
    if len(text) <= width:
        return text
    room = width - 3
    cut = text[:room]
    if room < len(text) and text[room] != " " and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip() + "..."
""", ('if room < len(text) and text[room] != " " and " " in cut:', 'if " " in cut:'), ('text[room] != " " and " " in cut', 'text[room] != " "'), (
        "truncate('one two three', 10)", "truncate('one two three', 9)", "truncate('one two', 7)", "truncate('one two', 6)", "truncate('extraordinary', 8)", "truncate('', 5)",
        "truncate('abcd', 3)", "truncate('a b c d e f', 8)", "truncate('hello big world', 11)", "truncate('one  two three', 8)", "truncate('aa bb', 5)",
    )),
    Bug("medium", "caches", "RecentCache", "`RecentCache(size)` keeps the `size` entries used last. `get(key)` returns the value or None and counts as a use; `put(key, value)` stores and counts as a use, also of a key that is there, and drops the entry whose last use is longest ago when there are too many. `keys()` lists the keys from the oldest use to the newest.", """
class RecentCache:
    def __init__(self, size):
        self.size = size
        self.entries = {}

    def get(self, key):
        if key not in self.entries:
            return None
        value = self.entries.pop(key)
        self.entries[key] = value
        return value

    def put(self, key, value):
        self.entries.pop(key, None)
        self.entries[key] = value
        if len(self.entries) > self.size:
            del self.entries[next(iter(self.entries))]

    def keys(self):
        return list(self.entries)
""", ("        self.entries.pop(key, None)\n        self.entries[key] = value\n", "        self.entries[key] = value\n"), ("value = self.entries.pop(key)\n        self.entries[key] = value", "value = self.entries[key]"), (
        "play(RecentCache(2), ('put', 'a', 1), ('put', 'b', 2), ('put', 'a', 3), ('keys',))", "play(RecentCache(2), ('put', 'a', 1), ('put', 'b', 2), ('put', 'c', 3), ('get', 'a'), ('keys',))",
        "play(RecentCache(2), ('put', 'a', 1), ('put', 'b', 2), ('get', 'a'), ('put', 'c', 3), ('keys',))", "play(RecentCache(1), ('put', 'a', 1), ('get', 'a'), ('put', 'b', 2), ('get', 'a'), ('get', 'b'))",
        "play(RecentCache(3), ('get', 'x'), ('keys',))", "play(RecentCache(2), ('put', 'a', None), ('put', 'b', 2), ('put', 'a', 4), ('keys',), ('get', 'a'))",
        "play(RecentCache(3), ('put', 'a', 1), ('put', 'b', 2), ('put', 'c', 3), ('get', 'b'), ('put', 'd', 4), ('put', 'e', 5), ('keys',))", "play(RecentCache(0), ('put', 'a', 1), ('keys',))",
        "play(RecentCache(2), ('put', 'a', 0), ('get', 'a'), ('keys',))",
    )),
    Bug("medium", "retries", "waits", "`waits(attempts, base, cap)` lists the seconds to wait after each failed attempt but the last: `base` doubled each time and never above `cap`. `total_wait(attempts, base, cap)` is their sum. Fewer than one attempt raises ValueError.", """
def waits(attempts, base, cap):
    if attempts < 1:
        raise ValueError("at least one attempt")
    return [min(cap, base * 2**n) for n in range(attempts - 1)]


def total_wait(attempts, base, cap):
    return sum(waits(attempts, base, cap))
""", ("base * 2**n) for n in range(attempts - 1)", "base * 2**n) for n in range(attempts)"), ("base * 2**n) for n in range(attempts - 1)", "base * 2**n) for n in range(1, attempts)"), (
        "waits(1, 1, 9)", "waits(3, 1, 9)", "waits(6, 1, 9)", "total_wait(6, 1, 9)", "waits(4, 5, 5)", "waits(0, 1, 1)", "waits(2, 3, 2)", "total_wait(1, 7, 7)", "waits(5, 0, 3)", "total_wait(4, 2, 100)",
    )),
    Bug("medium", "search", "insert_at", "`insert_at(values, value)` returns the index at which `value` is to be put into the ascending list so that it stays ascending, behind equal ones. `count_below(values, limit)` counts values that are less than `limit`. Neither looks at more than a few values.", """
def insert_at(values, value):
    low, high = 0, len(values)
    for _ in range(len(values).bit_length() + 1):
        if low < high:
            middle = (low + high) // 2
            if values[middle] <= value:
                low = middle + 1
            else:
                high = middle
    return low


def count_below(values, limit):
    low, high = 0, len(values)
    for _ in range(len(values).bit_length() + 1):
        if low < high:
            middle = (low + high) // 2
            if values[middle] < limit:
                low = middle + 1
            else:
                high = middle
    return low
""", ("            if values[middle] <= value:\n                low = middle + 1\n", "            if values[middle] < value:\n                low = middle + 1\n"), ("            if values[middle] < limit:", "            if values[middle] <= limit:"), (
        "insert_at([1, 3, 3, 5], 3)", "insert_at([], 1)", "insert_at([1, 2], 0)", "insert_at([1, 2], 9)", "insert_at([2, 2, 2], 2)", "count_below([1, 3, 3, 5], 3)", "count_below([], 1)",
        "count_below([1, 2], 9)", "count_below([4, 4], 4)", "[insert_at(list(range(0, 40, 2)), n) for n in range(-1, 41)]", "[count_below(list(range(0, 40, 2)), n) for n in range(-1, 41)]",
        "insert_at([1, 1, 1, 1, 1, 1, 1], 1)", "[count_below([1, 2, 2, 3, 3, 3, 4], n) for n in range(6)]",
    )),
    Bug("medium", "series", "moving_average", "`moving_average(values, window)` returns, for each value, the mean of it and the up to `window - 1` values before it. A window below 1 raises ValueError.", """
def moving_average(values, window):
    if window < 1:
        raise ValueError("window below 1")
    means = []
    total = 0
    for index, value in enumerate(values):
        total += value
        if index >= window:
            total -= values[index - window]
        means.append(total / min(index + 1, window))
    return means
""", ("means.append(total / min(index + 1, window))", "means.append(total / window)"), ("total -= values[index - window]", "total -= values[0]"), (
        "moving_average([2, 4, 6], 2)", "moving_average([1, 2, 3, 4, 10], 3)", "moving_average([], 3)", "moving_average([5], 4)", "moving_average([1, 2], 1)", "moving_average([1], 0)",
        "moving_average([3, -3, 3, -3], 2)", "moving_average([9, 0, 0, 9, 0], 3)", "moving_average([1, 2, 4, 8], 10)", "moving_average([1], 1)",
    )),
    Bug("medium", "parsing", "parse_query", '`parse_query(text)` reads what follows the question mark of an address: pairs `name=value` joined by `&`. A name that stands several times gives all its values in order. A name without `=` has the value "". `+` is a blank and `%41` is the character of that number, in names and values. Empty pairs are passed over.', """
def decode(text):
    out = []
    at = 0
    text = text.replace("+", " ")
    for _ in range(len(text)):
        if at < len(text):
            if text[at] == "%":
                out.append(chr(int(text[at + 1 : at + 3], 16)))
                at += 3
            else:
                out.append(text[at])
                at += 1
    return "".join(out)


def parse_query(text):
    found = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.setdefault(decode(name), []).append(decode(value))
    return found
""", ('name, _, value = pair.partition("=")', 'name, value = (pair.split("=") + [""])[:2]'), ('name, _, value = pair.partition("=")', 'name, _, value = pair.rpartition("=")\n            name = name if "=" not in name else name.split("=")[0]\n            value = pair[len(name) + 1 :]'), (
        "parse_query('a=1=2')", "parse_query('a=1&b=2')", "parse_query('a')", "parse_query('')", "parse_query('a=1&&a=2')", "parse_query('q=a+b%26c')", "parse_query('%41=%42')", "parse_query('a=&=b')",
        "parse_query('a==')", "parse_query('x=1&y&x=3')", "parse_query('x=%2B+%2b')", "parse_query('flag&other=%3d')",
    )),
]  # fmt: skip
