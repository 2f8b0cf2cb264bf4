"""Problems that take a few lines and one idea."""

from __future__ import annotations

from problem import Problem

EASY = [
    Problem(
        "easy", "strings", "initials(name: str) -> str",
        "the upper-case initials of the words in `name`, each followed by a full stop, without spaces. Words are separated by any white space; a hyphen does not separate words. An empty or blank name gives an empty string.",
        "return ''.join(w[0].upper() + '.' for w in name.split())",
        "return ''.join(w[0].upper() + '.' for w in name.split(' ') if w)",
        (("ada lovelace",), ("",), ("   ",), ("  grace   brewster murray hopper ",), ("jean-luc picard",), ("x",), ("tab\tseparated",), ("New\nLine",), ("émile zola",)),
    ),
    Problem(
        "easy", "strings", "squeeze(text: str, limit: int) -> str",
        "`text` with every run of one repeated character shortened to at most `limit` characters. `limit` is 0 or more; with 0 the result is empty.",
        "out = []\nrun = 0\nfor i, c in enumerate(text):\n    run = run + 1 if i and text[i - 1] == c else 1\n    if run <= limit:\n        out.append(c)\nreturn ''.join(out)",
        "out = ''\nfor c in text:\n    if out.count(c) < limit:\n        out += c\nreturn out",
        (("aaabb", 2), ("", 3), ("aaa", 0), ("abcabc", 1), ("aabbaabb", 1), ("!!!???", 2), ("aaaa", 9), ("a  b   c", 1), ("mississippi", 1)),
    ),
    Problem(
        "easy", "strings", "is_rotation(a: str, b: str) -> bool",
        "whether `b` can be had from `a` by moving some (or no) characters from its front to its end. Two empty strings are rotations of each other.",
        "return len(a) == len(b) and b in a + a",
        "return b in a + a",
        (("abcd", "cdab"), ("abcd", "abdc"), ("", ""), ("a", ""), ("", "a"), ("aaab", "abaa"), ("abc", "ab"), ("abab", "baba"), ("abc", "abc")),
    ),
    Problem(
        "easy", "strings", "mask(number: str) -> str",
        "`number` with every digit but the last four replaced by `*`; all other characters stay as they are. With four digits or fewer nothing is replaced.",
        "left = sum(c.isdigit() for c in number) - 4\nout = ''\nfor c in number:\n    if c.isdigit():\n        out += '*' if left > 0 else c\n        left -= 1\n    else:\n        out += c\nreturn out",
        "return ''.join('*' if c.isdigit() else c for c in number[:-4]) + number[-4:]",
        (("1234567890",), ("",), ("123",), ("1234",), ("12345",), ("12-34-56-7",), ("4111 1111 1111 1 11 1",), ("abc",), ("a1b2c3d4e5",)),
    ),
    Problem(
        "easy", "lists", "second_largest(values: list[int]) -> int | None",
        "the second largest distinct value, or None when there are fewer than two distinct values.",
        "distinct = sorted(set(values))\nreturn distinct[-2] if len(distinct) > 1 else None",
        "return sorted(values)[-2] if len(values) > 1 else None",
        (([3, 1, 2],), ([],), ([5],), ([5, 5],), ([5, 5, 4],), ([-1, -2, -3],), ([7, 7, 7, 1, 1],), ([0, -0, 3],), ([10, 9, 10, 8, 9],)),
    ),
    Problem(
        "easy", "lists", "rotate(values: list, steps: int) -> list",
        "a new list with the items of `values` moved `steps` places to the right, those that fall off coming in at the left. Negative `steps` move to the left; `steps` may be larger than the list. The argument must not be changed.",
        "if not values:\n    return []\nk = steps % len(values)\nreturn values[-k:] + values[:-k] if k else list(values)",
        "if not values:\n    return []\nreturn values[-steps:] + values[:-steps]",
        (([1, 2, 3, 4], 1), ([], 3), ([1], 100), ([1, 2, 3], 0), ([1, 2, 3], -1), ([1, 2, 3], 4), ([1, 2, 3], -7), (["a", "b"], 2), ([1, 2, 3, 4, 5], 13)),
    ),
    Problem(
        "easy", "lists", "chunks(values: list, size: int) -> list[list]",
        "the items of `values` in consecutive lists of `size` items; the last list may be shorter. `size` is at least 1. An empty list gives an empty list.",
        "return [values[i : i + size] for i in range(0, len(values), size)]",
        "return [values[i * size : (i + 1) * size] for i in range(len(values) // size)]",
        (([1, 2, 3, 4], 2), ([], 2), ([1, 2, 3], 2), ([1], 5), ([1, 2, 3], 1), ([1, 2, 3], 3), (list(range(10)), 4), (["a", None], 1), (list(range(7)), 6)),
    ),
    Problem(
        "easy", "lists", "first_repeat(values: list[int]) -> int | None",
        "the value whose second appearance comes first when reading from the left, or None when all values differ.",
        "seen = set()\nfor v in values:\n    if v in seen:\n        return v\n    seen.add(v)\nreturn None",
        "for v in values:\n    if values.count(v) > 1:\n        return v\nreturn None",
        (([1, 2, 1],), ([],), ([1, 2, 3],), ([1, 2, 2, 1],), ([0, 0],), ([5, 4, 3, 4, 5],), ([-1, 1, -1],), ([9, 8, 7, 7, 8, 9],), ([3],)),
    ),
    Problem(
        "easy", "numbers", "digit_sum(number: int) -> int",
        "the sum of the decimal digits of `number`; the sign does not count.",
        "return sum(map(int, str(abs(number))))",
        "total = 0\nwhile number > 0:\n    total += number % 10\n    number //= 10\nreturn total",
        ((123,), (0,), (9,), (-45,), (1000000,), (999999999999,), (-1,), (10**30 + 7,), (80808,)),
    ),
    Problem(
        "easy", "numbers", "round_to(value: int, step: int) -> int",
        "the multiple of `step` nearest to `value`; a value halfway between two multiples goes to the larger one. `step` is at least 1; `value` may be negative.",
        "return (2 * value + step) // (2 * step) * step",
        "return round(value / step) * step",
        ((17, 5), (0, 7), (10, 4), (-10, 4), (25, 10), (35, 10), (-25, 10), (3, 1), (10**18 + 1, 2), (-1, 3)),
    ),
    Problem(
        "easy", "numbers", "clock_angle(hour: int, minute: int) -> float",
        "the smaller angle in degrees between the hands of an analogue clock. `hour` is 0 to 23, `minute` 0 to 59; the hour hand moves steadily. The result lies between 0 and 180.",
        "d = abs((hour % 12) * 30 + minute * 0.5 - minute * 6)\nreturn min(d, 360 - d)",
        "d = abs((hour % 12) * 30 - minute * 6)\nreturn min(d, 360 - d)",
        ((3, 0), (0, 0), (12, 30), (9, 0), (15, 15), (6, 0), (23, 59), (1, 5), (10, 10)),
    ),
    Problem(
        "easy", "dicts", "invert(mapping: dict[str, str]) -> dict[str, list[str]]",
        "a dict from each value of `mapping` to the alphabetically sorted list of its keys.",
        "out = {}\nfor k in sorted(mapping):\n    out.setdefault(mapping[k], []).append(k)\nreturn out",
        "out = {}\nfor k, v in mapping.items():\n    out.setdefault(v, []).append(k)\nreturn out",
        (({"a": "x", "b": "y"},), ({},), ({"b": "x", "a": "x"},), ({"z": "1", "y": "1", "x": "2"},), ({"k": "k"},), ({"B": "q", "a": "q"},), ({"c": "", "d": ""},), ({"3": "n", "20": "n", "1": "n"},)),
    ),
    Problem(
        "easy", "dicts", "total_by(rows: list[dict], key: str, value: str) -> dict",
        "for each distinct `row[key]` the sum of `row[value]` over its rows. Rows that lack either column are skipped.",
        "out = {}\nfor row in rows:\n    if key in row and value in row:\n        out[row[key]] = out.get(row[key], 0) + row[value]\nreturn out",
        "out = {}\nfor row in rows:\n    if row.get(key) and row.get(value):\n        out[row[key]] = out.get(row[key], 0) + row[value]\nreturn out",
        (([{"c": "a", "n": 1}, {"c": "a", "n": 2}], "c", "n"), ([], "c", "n"), ([{"c": "a"}], "c", "n"), ([{"n": 1}], "c", "n"), ([{"c": "a", "n": 0}], "c", "n"), ([{"c": "", "n": 4}], "c", "n"), ([{"c": 1, "n": -2}, {"c": 2, "n": 5}, {"c": 1, "n": 3}], "c", "n"), ([{"c": 0, "n": 1}], "c", "n")),
    ),
    Problem(
        "easy", "dates", "is_leap(year: int) -> bool",
        "whether `year` is a leap year of the Gregorian calendar.",
        "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        "return year % 4 == 0 and year % 100 != 0",
        ((2024,), (2023,), (1900,), (2000,), (2100,), (2400,), (1996,), (4,), (1800,)),
    ),
    Problem(
        "easy", "dates", "minutes_between(start: str, end: str) -> int",
        "the minutes from `start` to `end`, both `HH:MM` on a 24-hour clock. An `end` earlier than `start` is on the next day; equal times are 0 minutes apart.",
        "def m(t):\n    h, n = t.split(':')\n    return int(h) * 60 + int(n)\nreturn (m(end) - m(start)) % 1440",
        "def m(t):\n    h, n = t.split(':')\n    return int(h) * 60 + int(n)\nreturn abs(m(end) - m(start))",
        (("09:30", "10:15"), ("00:00", "00:00"), ("23:50", "00:10"), ("12:00", "11:59"), ("00:00", "23:59"), ("23:59", "00:00"), ("07:05", "07:04"), ("08:09", "18:10")),
    ),
    Problem(
        "easy", "matrices", "transpose(rows: list[list]) -> list[list]",
        "the table with rows and columns exchanged. All rows are equally long; a table without rows, or with empty rows only, gives an empty list.",
        "return [list(column) for column in zip(*rows)]",
        "return [[rows[j][i] for j in range(len(rows))] for i in range(len(rows))]",
        (([[1, 2], [3, 4]],), ([],), ([[]],), ([[1, 2, 3]],), ([[1], [2], [3]],), ([[1, 2, 3], [4, 5, 6]],), ([["a"]],), ([[], []],), ([[0, None], [1, 2], [3, 4]],)),
    ),
]
