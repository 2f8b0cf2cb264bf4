"""Small functions with a fault, what they should do, the repair, and a check that only the repaired one passes."""

from __future__ import annotations

from typing import NamedTuple


class Faulty(NamedTuple):
    """A function with a fault.

    Attributes:
        name: Of the function.
        wish: What it should do; the user's words.
        faulty: The lines of the function that are wrong.
        right: What they should be.
        source: The function, with ``{body}`` where the lines go.
        check: Statements that raise for the faulty function; ``{f}`` is the function.
    """

    name: str
    wish: str
    faulty: str
    right: str
    source: str
    check: str

    def text(self, body: str) -> str:
        """Return the function's source with these lines."""
        return self.source.replace("{body}", body)


FUNCTIONS = (
    Faulty(
        "clamp", "`clamp(value, low, high)` returns `low` for values below `low` and `high` for values above `high`",
        "    return min(low, max(value, high))", "    return max(low, min(value, high))",
        "def clamp(value, low, high):\n{body}\n", "assert ({f}(5, 0, 3), {f}(-1, 0, 3), {f}(2, 0, 3)) == (3, 0, 2)",
    ),
    Faulty(
        "slug", "`slug(text)` also removes dashes at both ends, so that `slug(' Hi There! ')` is `hi-there`",
        '    return "-".join(re.split(r"[^a-z0-9]+", text.lower()))',
        '    return "-".join(re.split(r"[^a-z0-9]+", text.lower())).strip("-")',
        "def slug(text):\n    import re\n\n{body}\n", "assert ({f}(' Hi There! '), {f}('a')) == ('hi-there', 'a')",
    ),
    Faulty(
        "chunks", "`chunks(items, size)` keeps the last chunk when it is shorter than `size`",
        "    return [items[k : k + size] for k in range(0, len(items) - size + 1, size)]",
        "    return [items[k : k + size] for k in range(0, len(items), size)]",
        "def chunks(items, size):\n{body}\n", "assert ({f}([1, 2, 3], 2), {f}([], 2)) == ([[1, 2], [3]], [])",
    ),
    Faulty(
        "median", "`median(values)` returns the mean of the two middle values when their number is even",
        "    return ordered[len(ordered) // 2]",
        "    middle = len(ordered) // 2\n    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2",
        "def median(values):\n    ordered = sorted(values)\n{body}\n", "assert ({f}([4, 1, 3, 2]), {f}([3, 1, 2])) == (2.5, 2)",
    ),
    Faulty(
        "parse_flag", "`parse_flag(text)` accepts `yes`, `true` and `1` in any case and with spaces around",
        '    return text in {"yes", "true", "1"}', '    return text.strip().lower() in {"yes", "true", "1"}',
        "def parse_flag(text):\n{body}\n", "assert ({f}(' YES '), {f}('True'), {f}('no'), {f}('1')) == (True, True, False, True)",
    ),
    Faulty(
        "running_total", "`running_total(values)` starts with the first value, so that `running_total([1, 2])` is `[1, 3]`",
        "        totals.append(total)\n        total += value", "        total += value\n        totals.append(total)",
        "def running_total(values):\n    total, totals = 0, []\n    for value in values:\n{body}\n    return totals\n",
        "assert ({f}([1, 2, 3]), {f}([])) == ([1, 3, 6], [])",
    ),
    Faulty(
        "percent", "`percent(part, whole)` returns 0 when `whole` is 0",
        "    return 100 * part / whole", "    return 100 * part / whole if whole else 0",
        "def percent(part, whole):\n{body}\n", "assert ({f}(1, 4), {f}(1, 0)) == (25, 0)",
    ),
    Faulty(
        "unique", "`unique(items)` keeps the order in which items first appear",
        "    return sorted(set(items))", "    return list(dict.fromkeys(items))",
        "def unique(items):\n{body}\n", "assert {f}([3, 1, 3, 2, 1]) == [3, 1, 2]",
    ),
    Faulty(
        "merge_spans", "`merge_spans(spans)` also merges spans that only touch, such as (1, 2) and (2, 3)",
        "        if merged and start < merged[-1][1]:", "        if merged and start <= merged[-1][1]:",
        "def merge_spans(spans):\n    merged = []\n    for start, end in sorted(spans):\n{body}\n"
        "            merged[-1] = (merged[-1][0], max(merged[-1][1], end))\n        else:\n            merged.append((start, end))\n"
        "    return merged\n",
        "assert ({f}([(1, 2), (2, 3)]), {f}([(5, 6), (1, 2)])) == ([(1, 3)], [(1, 2), (5, 6)])",
    ),
    Faulty(
        "is_leap", "`is_leap(year)` follows the rule of centuries: 1900 was no leap year, 2000 was one",
        "    return year % 4 == 0", "    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        "def is_leap(year):\n{body}\n", "assert [{f}(y) for y in (1900, 2000, 2024, 2023)] == [False, True, True, False]",
    ),
    Faulty(
        "rotate", "`rotate(items, count)` works for a `count` larger than the list, and for an empty list",
        "    return items[count:] + items[:count]",
        "    if not items:\n        return []\n    count %= len(items)\n    return items[count:] + items[:count]",
        "def rotate(items, count):\n{body}\n", "assert ({f}([1, 2, 3], 4), {f}([], 2), {f}([1, 2], 1)) == ([2, 3, 1], [], [2, 1])",
    ),
    Faulty(
        "top", "`top(scores, count)` orders names with the same score by name",
        "    return sorted(scores, key=lambda name: -scores[name])[:count]",
        "    return sorted(scores, key=lambda name: (-scores[name], name))[:count]",
        "def top(scores, count):\n{body}\n", "assert {f}({'b': 2, 'a': 2, 'c': 3}, 3) == ['c', 'a', 'b']",
    ),
    Faulty(
        "delay_s", "`delay_s(attempt)` doubles from 1 second and never exceeds 60",
        "    return 2**attempt", "    return min(60, 2**attempt)",
        "def delay_s(attempt):\n{body}\n", "assert [{f}(n) for n in (0, 3, 6, 10)] == [1, 8, 60, 60]",
    ),
    Faulty(
        "invert", "`invert(mapping)` keeps all keys of a value, in a list",
        "        inverted[value] = [key]", "        inverted.setdefault(value, []).append(key)",
        "def invert(mapping):\n    inverted = {}\n    for key, value in mapping.items():\n{body}\n    return inverted\n",
        "assert {f}({'a': 1, 'b': 1, 'c': 2}) == {1: ['a', 'b'], 2: ['c']}",
    ),
    Faulty(
        "size_text", "`size_text(count)` writes 1024 bytes as `1.0 KiB`, not as `1024 B`",
        '    if count <= 1024:\n        return f"{count} B"', '    if count < 1024:\n        return f"{count} B"',
        'def size_text(count):\n{body}\n    return f"{count / 1024:.1f} KiB"\n',
        "assert ({f}(1024), {f}(1023), {f}(1536)) == ('1.0 KiB', '1023 B', '1.5 KiB')",
    ),
    Faulty(
        "initials", "`initials(name)` works with several spaces between names",
        '    return "".join(part[0].upper() for part in name.split(" "))',
        '    return "".join(part[0].upper() for part in name.split())',
        "def initials(name):\n{body}\n", "assert ({f}('ada  lovelace'), {f}('bo')) == ('AL', 'B')",
    ),
)  # fmt: skip
HELPERS = (
    "def double(value):\n    return 2 * value\n", "def first(items):\n    return items[0]\n",
    "def join(parts):\n    return ', '.join(parts)\n", "def is_even(value):\n    return value % 2 == 0\n",
    "def square(value):\n    return value * value\n", "def last(items):\n    return items[-1]\n",
)  # fmt: skip
MODULES = ("prices", "names", "dates", "reports", "stock", "text", "values", "lists", "orders", "limits")
