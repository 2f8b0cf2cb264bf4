"""Problems with several cases to keep apart."""

from __future__ import annotations

from problem import Problem

MEDIUM = [
    Problem(
        "medium", "intervals", "merge(intervals: list[list[int]]) -> list[list[int]]",
        "the union of the closed intervals `[start, end]` as disjoint intervals in ascending order. Intervals that share an end point are joined; `[1, 2]` and `[3, 4]` are not. The input is in any order.",
        "out = []\nfor a, b in sorted(intervals):\n    if out and a <= out[-1][1]:\n        out[-1][1] = max(out[-1][1], b)\n    else:\n        out.append([a, b])\nreturn out",
        "out = []\nfor a, b in sorted(intervals):\n    if out and a <= out[-1][1]:\n        out[-1][1] = b\n    else:\n        out.append([a, b])\nreturn out",
        (([[1, 3], [2, 5], [7, 8]],), ([],), ([[1, 10], [2, 3]],), ([[1, 2], [3, 4]],), ([[1, 2], [2, 3]],), ([[5, 6], [1, 2]],), ([[0, 0], [0, 0]],), ([[-5, -1], [-3, 4], [4, 4]],), ([[1, 9], [2, 3], [4, 5], [10, 11]],)),
    ),
    Problem(
        "medium", "intervals", "most_at_once(visits: list[list[int]]) -> int",
        "the largest number of visits `[arrive, leave]` that are there at one moment. A visitor who leaves at the moment another arrives is already gone; a visit with equal times does not count.",
        "events = sorted([(a, 1) for a, b in visits if a < b] + [(b, -1) for a, b in visits if a < b])\nnow = best = 0\nfor _, change in events:\n    now += change\n    best = max(best, now)\nreturn best",
        "events = sorted([(a, 0) for a, b in visits] + [(b, 1) for a, b in visits])\nnow = best = 0\nfor _, kind in events:\n    now += 1 if kind == 0 else -1\n    best = max(best, now)\nreturn best",
        (([[1, 5], [2, 6], [7, 9]],), ([],), ([[1, 2], [2, 3]],), ([[1, 1]],), ([[1, 9], [2, 8], [3, 7]],), ([[5, 6], [5, 6], [5, 6]],), ([[0, 4], [4, 8], [3, 5]],), ([[1, 3], [3, 3], [3, 5]],)),
    ),
    Problem(
        "medium", "intervals", "free_slots(busy: list[list[int]], start: int, end: int) -> list[list[int]]",
        "the parts `[a, b]` with `a < b` of the span from `start` to `end` that no interval of `busy` covers, in ascending order. Intervals of `busy` may overlap, be in any order and reach outside of the span.",
        "out = []\nat = start\nfor a, b in sorted(busy):\n    if min(a, end) > at:\n        out.append([at, min(a, end)])\n    at = max(at, b)\nif at < end:\n    out.append([at, end])\nreturn out",
        "out = []\nat = start\nfor a, b in sorted(busy):\n    if a > at:\n        out.append([at, a])\n    at = b\nif at < end:\n    out.append([at, end])\nreturn out",
        (([[10, 11], [13, 14]], 9, 17), ([], 0, 5), ([[0, 5]], 0, 5), ([[1, 9], [2, 3]], 0, 10), ([[12, 20]], 9, 10), ([[0, 3]], 2, 6), ([[5, 6], [1, 2]], 0, 8), ([[8, 12]], 0, 10), ([[0, 1], [1, 2]], 0, 2)),
    ),
    Problem(
        "medium", "parsing", "parse_duration(text: str) -> int",
        "the seconds in a duration such as `1h30m`, `45s` or `2d4h`: whole numbers followed by `d`, `h`, `m` or `s`, each unit at most once and in this order, without spaces. Anything else, also an empty text, raises ValueError.",
        "import re\nm = re.fullmatch(r'(?:(\\d+)d)?(?:(\\d+)h)?(?:(\\d+)m)?(?:(\\d+)s)?', text)\nif not m or not text:\n    raise ValueError(text)\nd, h, n, s = (int(g or 0) for g in m.groups())\nreturn d * 86400 + h * 3600 + n * 60 + s",
        "import re\nunits = {'d': 86400, 'h': 3600, 'm': 60, 's': 1}\nreturn sum(int(n) * units[u] for n, u in re.findall(r'(\\d+)([dhms])', text))",
        (("1h30m",), ("45s",), ("2d4h",), ("",), ("30m1h",), ("1h 30m",), ("5",), ("1h1h",), ("0s",), ("100m",), ("-5s",), ("1d1h1m1s",)),
    ),
    Problem(
        "medium", "parsing", "split_csv(line: str) -> list[str]",
        "the fields of one CSV line. Fields are separated by commas; a field that begins with a double quote runs to the closing one, may hold commas, and holds a quote as two quotes. An empty line is one empty field. Spaces are kept.",
        "out = ['']\nquoted = False\ni = 0\nwhile i < len(line):\n    c = line[i]\n    if quoted:\n        if c == '\"' and line[i + 1 : i + 2] == '\"':\n            out[-1] += '\"'\n            i += 1\n        elif c == '\"':\n            quoted = False\n        else:\n            out[-1] += c\n    elif c == ',':\n        out.append('')\n    elif c == '\"' and not out[-1]:\n        quoted = True\n    else:\n        out[-1] += c\n    i += 1\nreturn out",
        "out = ['']\nquoted = False\nfor c in line:\n    if c == '\"':\n        quoted = not quoted\n    elif c == ',' and not quoted:\n        out.append('')\n    else:\n        out[-1] += c\nreturn out",
        (('a,"b,c",d',), ("",), (",",), ('"say ""hi""",x',), ("a, b ,c",), ('""',), ('"a"',), ("1,,3",), ('x,"",y',)),
    ),
    Problem(
        "medium", "parsing", "balanced(text: str) -> bool",
        "whether the brackets `()[]{}` in `text` are closed in the right order. All other characters are ignored.",
        "pairs = {')': '(', ']': '[', '}': '{'}\nstack = []\nfor c in text:\n    if c in '([{':\n        stack.append(c)\n    elif c in pairs and (not stack or stack.pop() != pairs[c]):\n        return False\nreturn not stack",
        "return all(text.count(a) == text.count(b) for a, b in ('()', '[]', '{}'))",
        (("f(a[1])",), ("",), ("(]",), ("([)]",), (")(",), ("((",), ("{[()]}",), ("no brackets",), ("}{",), ("(a[b]{c})d",)),
    ),
    Problem(
        "medium", "parsing", "version_key_max(versions: list[str]) -> str | None",
        "the newest of the version numbers, or None for an empty list. Versions are numbers separated by dots and compared part by part as numbers; missing parts count as 0. Among equal versions the one that stands first is returned.",
        "def key(v):\n    parts = [int(p) for p in v.split('.')]\n    while parts and parts[-1] == 0:\n        parts.pop()\n    return parts\nreturn max(versions, key=key) if versions else None",
        "return max(versions) if versions else None",
        ((["1.2", "1.3"],), ([],), (["1.9", "1.10"],), (["1.0", "1"],), (["1", "1.0.0"],), (["2.0", "10.0"],), (["0.0.1", "0.0"],), (["3.11.2", "3.9.20", "3.11"],), (["1.02", "1.1"],)),
    ),
    Problem(
        "medium", "numbers", "to_roman(number: int) -> str",
        "`number` from 1 to 3999 as a Roman numeral in upper case; any other number raises ValueError.",
        "if not 1 <= number <= 3999:\n    raise ValueError(number)\nout = ''\nfor v, s in ((1000, 'M'), (900, 'CM'), (500, 'D'), (400, 'CD'), (100, 'C'), (90, 'XC'), (50, 'L'), (40, 'XL'), (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I')):\n    out += s * (number // v)\n    number %= v\nreturn out",
        "out = ''\nfor v, s in ((1000, 'M'), (500, 'D'), (100, 'C'), (50, 'L'), (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I')):\n    out += s * (number // v)\n    number %= v\nreturn out",
        ((14,), (1,), (4,), (40,), (90,), (400,), (900,), (1994,), (3999,), (0,), (4000,), (-3,)),
    ),
    Problem(
        "medium", "numbers", "change(amount: int, coins: list[int]) -> int | None",
        "the least number of coins that add up to `amount`, with any number of each coin in `coins`, or None when there is no way. `amount` is 0 or more; 0 takes 0 coins.",
        "best = [0] + [None] * amount\nfor a in range(1, amount + 1):\n    ways = [best[a - c] for c in coins if 0 < c <= a and best[a - c] is not None]\n    best[a] = min(ways) + 1 if ways else None\nreturn best[amount]",
        "count = 0\nfor c in sorted(coins, reverse=True):\n    count += amount // c\n    amount %= c\nreturn None if amount else count",
        ((11, [1, 2, 5]), (0, [2]), (3, [2]), (6, [1, 3, 4]), (7, []), (0, []), (30, [1, 10, 25]), (100, [7, 13]), (27, [4, 5])),
    ),
    Problem(
        "medium", "numbers", "base_convert(digits: str, old: int, new: int) -> str",
        "the number written as `digits` in base `old`, written in base `new`. Bases are 2 to 36, digits `0-9a-z` in lower case; a leading `-` is allowed; the result has no leading zeros and zero is `0` without a sign.",
        "n = abs(int(digits, old))\nout = ''\nwhile n:\n    n, d = divmod(n, new)\n    out = '0123456789abcdefghijklmnopqrstuvwxyz'[d] + out\nif not out:\n    return '0'\nreturn ('-' if digits.startswith('-') else '') + out",
        "n = int(digits, old)\nout = ''\nwhile n > 0:\n    out = '0123456789abcdefghijklmnopqrstuvwxyz'[n % new] + out\n    n //= new\nreturn out",
        (("ff", 16, 2), ("0", 10, 2), ("-0", 10, 7), ("-255", 10, 16), ("zz", 36, 10), ("0010", 2, 10), ("1" * 40, 2, 36), ("7", 8, 8), ("000", 5, 3)),
    ),
    Problem(
        "medium", "dicts", "flatten(tree: dict) -> dict",
        "the nested dict `tree` with one level: each key is the path of keys joined by dots. Empty dicts inside stay as values; lists are values.",
        "out = {}\nfor k, v in tree.items():\n    if isinstance(v, dict) and v:\n        out.update({f'{k}.{i}': w for i, w in flatten(v).items()})\n    else:\n        out[k] = v\nreturn out",
        "out = {}\nfor k, v in tree.items():\n    if isinstance(v, dict):\n        out.update({f'{k}.{i}': w for i, w in flatten(v).items()})\n    else:\n        out[k] = v\nreturn out",
        (({"a": {"b": 1, "c": 2}},), ({},), ({"a": {}},), ({"a": 1},), ({"a": {"b": {"c": {"d": 0}}}},), ({"a": [1, {"b": 2}]},), ({"x": {"y": {}}, "z": None},), ({"a": {"b": False}, "c": {"b": ""}},)),
    ),
    Problem(
        "medium", "dicts", "top_words(text: str, count: int) -> list[str]",
        "the `count` most frequent words of `text` in lower case, most frequent first, equally frequent ones alphabetically. A word is a longest run of the letters a to z, in either case; everything else separates words.",
        "import re\nfrom collections import Counter\nseen = Counter(re.findall(r'[a-z]+', text.lower()))\nreturn sorted(seen, key=lambda w: (-seen[w], w))[:count]",
        "from collections import Counter\nreturn [w for w, _ in Counter(text.lower().split()).most_common(count)]",
        (("a b b", 1), ("", 3), ("The cat, the dog.", 2), ("b a", 2), ("it's its", 3), ("x1y x2y", 5), ("One one ONE two", 1), ("z y x z y z", 2), ("word", 0)),
    ),
    Problem(
        "medium", "dates", "add_months(day: str, months: int) -> str",
        "the date `day` (`YYYY-MM-DD`) moved by `months` months, which may be negative. Where the month reached is too short, the last day of that month.",
        "import calendar\ny, m, d = map(int, day.split('-'))\nn = y * 12 + m - 1 + months\ny, m = n // 12, n % 12 + 1\nreturn f'{y:04}-{m:02}-{min(d, calendar.monthrange(y, m)[1]):02}'",
        "y, m, d = map(int, day.split('-'))\nn = y * 12 + m - 1 + months\nreturn f'{n // 12:04}-{n % 12 + 1:02}-{min(d, 28):02}'",
        (("2024-01-15", 1), ("2024-01-31", 1), ("2023-01-31", 1), ("2024-12-31", 1), ("2024-03-31", -1), ("2020-02-29", 12), ("2024-05-30", 0), ("2000-01-01", -1), ("2024-10-31", 25)),
    ),
    Problem(
        "medium", "dates", "workdays(start: str, end: str) -> int",
        "the number of days from Monday to Friday in the span of dates (`YYYY-MM-DD`) from `start` to `end`, both included; 0 when `end` comes before `start`.",
        "from datetime import date, timedelta\na, b = date.fromisoformat(start), date.fromisoformat(end)\nreturn sum((a + timedelta(i)).weekday() < 5 for i in range((b - a).days + 1))",
        "from datetime import date\na, b = date.fromisoformat(start), date.fromisoformat(end)\nreturn ((b - a).days + 1) * 5 // 7",
        (("2024-07-01", "2024-07-07"), ("2024-07-06", "2024-07-07"), ("2024-07-05", "2024-07-05"), ("2024-07-06", "2024-07-06"), ("2024-07-02", "2024-07-01"), ("2024-02-26", "2024-03-01"), ("2023-12-30", "2024-01-02"), ("2024-01-01", "2024-12-31")),
    ),
    Problem(
        "medium", "matrices", "spiral(rows: list[list]) -> list",
        "the items of the table in clockwise spiral order from the upper left corner inwards. All rows are equally long; an empty table gives an empty list.",
        "out = []\nrows = [list(r) for r in rows]\nwhile rows:\n    out += rows[0]\n    rows = [list(c) for c in zip(*rows[1:])][::-1]\nreturn out",
        "out = []\nrows = [list(r) for r in rows]\nwhile rows:\n    out += rows.pop(0)\n    out += [r.pop() for r in rows]\n    if rows:\n        out += rows.pop()[::-1]\nreturn out",
        (([[1, 2], [3, 4]],), ([],), ([[1]],), ([[1, 2, 3]],), ([[1], [2], [3]],), ([[1, 2, 3], [4, 5, 6]],), ([[1, 2, 3], [4, 5, 6], [7, 8, 9]],), ([[1, 2], [3, 4], [5, 6], [7, 8]],), ([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]],)),
    ),
    Problem(
        "medium", "matrices", "row_sums_equal(square: list[list[int]]) -> bool",
        "whether the square table is magic: all rows, all columns and both diagonals have the same sum. An empty table is magic.",
        "n = len(square)\nsums = {sum(r) for r in square} | {sum(c) for c in zip(*square)}\nif n:\n    sums |= {sum(square[i][i] for i in range(n)), sum(square[i][n - 1 - i] for i in range(n))}\nreturn len(sums) <= 1",
        "return len({sum(r) for r in square} | {sum(c) for c in zip(*square)}) <= 1",
        (([[2, 7, 6], [9, 5, 1], [4, 3, 8]],), ([],), ([[5]],), ([[1, 2], [2, 1]],), ([[1, 1], [1, 1]],), ([[1, 2, 3], [3, 1, 2], [2, 3, 1]],), ([[0, 0], [0, 1]],), ([[16, 3, 2, 13], [5, 10, 11, 8], [9, 6, 7, 12], [4, 15, 14, 1]],)),
    ),
    Problem(
        "medium", "lists", "longest_run(values: list[int]) -> list[int]",
        "the longest stretch of consecutive items in which each is larger than the one before; of equally long ones the first. An empty list gives an empty list.",
        "best = run = []\nfor v in values:\n    run = run + [v] if run and v > run[-1] else [v]\n    if len(run) > len(best):\n        best = run\nreturn best",
        "best = run = []\nfor v in values:\n    run = run + [v] if run and v >= run[-1] else [v]\n    if len(run) >= len(best):\n        best = run\nreturn best",
        (([1, 2, 0, 5, 6, 7],), ([],), ([3],), ([3, 2, 1],), ([1, 1, 1],), ([1, 2, 1, 2],), ([5, 6, 6, 7, 8],), ([-3, -2, -1, -5],), ([1, 3, 2, 4, 3, 5],)),
    ),
    Problem(
        "medium", "lists", "pairs_with_sum(values: list[int], total: int) -> int",
        "the number of pairs of positions `i < j` with `values[i] + values[j] == total`. Equal values at different positions count separately. Lists have up to 100000 items.",
        "from collections import Counter\nseen = Counter()\ncount = 0\nfor v in values:\n    count += seen[total - v]\n    seen[v] += 1\nreturn count",
        "seen = set()\ncount = 0\nfor v in values:\n    if total - v in seen:\n        count += 1\n    seen.add(v)\nreturn count",
        (([1, 2, 3], 4), ([], 0), ([2, 2, 2], 4), ([1, 3, 3, 1], 4), ([0, 0], 0), ([5], 10), ([-1, 1, -1, 1], 0), ([7] * 100, 14), ([4, 4], 9)),
    ),
]
