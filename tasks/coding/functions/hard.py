"""Problems that take an algorithm."""

from __future__ import annotations

from problem import Problem

HARD = [
    Problem(
        "hard", "graphs", "build_order(needs: dict[str, list[str]]) -> list[str] | None",
        "an order of all names in which each comes after everything it needs; among those that could come next always the alphabetically first. `needs` maps names to lists of names; a name that is only in a list needs nothing. None when there is a cycle.",
        "left = {n: set(d) for n, d in needs.items()}\nfor d in needs.values():\n    for n in d:\n        left.setdefault(n, set())\nout = []\nwhile left:\n    ready = [n for n, d in left.items() if not d]\n    if not ready:\n        return None\n    n = min(ready)\n    out.append(n)\n    del left[n]\n    for d in left.values():\n        d.discard(n)\nreturn out",
        "out = []\ndef visit(n):\n    if n in out:\n        return\n    for d in sorted(needs.get(n, [])):\n        visit(d)\n    out.append(n)\nfor n in sorted(needs):\n    visit(n) if n not in needs.get(n, []) else None\nreturn out",
        (({"app": ["lib"], "lib": []},), ({},), ({"a": ["a"]},), ({"z": [], "y": ["z"], "a": ["y"]},), ({"a": ["c"], "b": []},), ({"a": ["x", "y"]},), ({"d": ["b", "c"], "b": ["a"], "c": ["a"]},), ({"k": ["m"], "m": ["n"], "j": []},), ({"b": [], "a": ["z"]},)),
    ),
    Problem(
        "hard", "graphs", "cheapest(roads: list[list], start: str, goal: str) -> int | None",
        "the cost of the cheapest way from `start` to `goal` over two-way roads `[place, place, cost]` with costs of 0 or more; 0 when both are the same place, None when there is no way. Several roads may join the same places.",
        "import heapq\nnear = {}\nfor a, b, c in roads:\n    near.setdefault(a, []).append((c, b))\n    near.setdefault(b, []).append((c, a))\nheap, done = [(0, start)], set()\nwhile heap:\n    cost, place = heapq.heappop(heap)\n    if place == goal:\n        return cost\n    if place in done:\n        continue\n    done.add(place)\n    for c, other in near.get(place, []):\n        heapq.heappush(heap, (cost + c, other))\nreturn None",
        "near = {}\nfor a, b, c in roads:\n    near.setdefault(a, {})[b] = c\n    near.setdefault(b, {})[a] = c\nqueue, seen = [(start, 0)], {start}\nwhile queue:\n    place, cost = queue.pop(0)\n    if place == goal:\n        return cost\n    for other, c in near.get(place, {}).items():\n        if other not in seen:\n            seen.add(other)\n            queue.append((other, cost + c))\nreturn None",
        (([["a", "b", 3], ["b", "c", 4]], "a", "c"), ([], "a", "a"), ([], "a", "b"), ([["a", "c", 10], ["a", "b", 1], ["b", "c", 2]], "a", "c"), ([["a", "b", 5], ["a", "b", 2]], "b", "a"), ([["a", "b", 2], ["a", "b", 5]], "a", "b"), ([["a", "b", 0], ["b", "c", 0]], "c", "a"), ([["a", "b", 1], ["c", "d", 1]], "a", "d"), ([["s", "x", 1], ["x", "y", 1], ["y", "t", 1], ["s", "t", 9]], "s", "t")),
    ),
    Problem(
        "hard", "graphs", "islands(grid: list[str]) -> int",
        "the number of islands in a map of `#` (land) and `.` (water): land that touches at an edge is one island, land that touches only at a corner is not. All lines are equally long.",
        "land = {(i, j) for i, row in enumerate(grid) for j, c in enumerate(row) if c == '#'}\ncount = 0\nwhile land:\n    stack = [land.pop()]\n    count += 1\n    while stack:\n        i, j = stack.pop()\n        for p in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):\n            if p in land:\n                land.remove(p)\n                stack.append(p)\nreturn count",
        "count = 0\nfor i, row in enumerate(grid):\n    for j, c in enumerate(row):\n        if c == '#' and (i == 0 or grid[i - 1][j] != '#') and (j == 0 or row[j - 1] != '#'):\n            count += 1\nreturn count",
        ((["##.", "...", "..#"],), ([],), (["."],), (["#"],), (["#.", ".#"],), (["#.#", "###"],), ([".#", "##"],), (["###", "#.#", "###"],), (["#.#.#", ".#.#.", "#.#.#"],), (["....", "####", "...#", "####"],)),
    ),
    Problem(
        "hard", "graphs", "degrees_apart(friends: list[list[str]], a: str, b: str) -> int | None",
        "the least number of friendships between `a` and `b`, friendships `[name, name]` going both ways; 0 for the same name, None when there is no chain.",
        "near = {}\nfor x, y in friends:\n    near.setdefault(x, set()).add(y)\n    near.setdefault(y, set()).add(x)\nlayer, seen, steps = {a}, {a}, 0\nwhile layer:\n    if b in layer:\n        return steps\n    layer = {n for p in layer for n in near.get(p, ())} - seen\n    seen |= layer\n    steps += 1\nreturn None",
        "near = {}\nfor x, y in friends:\n    near.setdefault(x, []).append(y)\nlayer, seen, steps = [a], {a}, 0\nwhile layer:\n    if b in layer:\n        return steps\n    layer = [n for p in layer for n in near.get(p, []) if n not in seen]\n    seen.update(layer)\n    steps += 1\nreturn None",
        (([["ann", "bob"], ["bob", "cy"]], "ann", "cy"), ([], "x", "x"), ([], "x", "y"), ([["a", "b"], ["b", "c"]], "c", "a"), ([["a", "b"], ["c", "b"]], "a", "c"), ([["a", "b"], ["b", "c"], ["c", "d"], ["a", "d"]], "a", "c"), ([["a", "b"], ["c", "d"]], "a", "d"), ([["a", "b"], ["b", "a"]], "b", "a"), ([["p", "q"], ["r", "q"], ["r", "s"], ["t", "s"]], "p", "t")),
    ),
    Problem(
        "hard", "dynamic", "edit_distance(a: str, b: str) -> int",
        "the least number of steps that turn `a` into `b`, where a step inserts, removes or replaces one character or exchanges two neighbouring ones; no part is edited twice (optimal string alignment).",
        "d = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]\nfor i in range(1, len(a) + 1):\n    for j in range(1, len(b) + 1):\n        d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))\n        if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:\n            d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)\nreturn d[-1][-1]",
        "row = list(range(len(b) + 1))\nfor i, x in enumerate(a, 1):\n    new = [i]\n    for j, y in enumerate(b, 1):\n        new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (x != y)))\n    row = new\nreturn row[-1]",
        (("kitten", "sitting"), ("", ""), ("abc", ""), ("", "xy"), ("ab", "ba"), ("abcdef", "abdcef"), ("ca", "abc"), ("same", "same"), ("teh", "the"), ("aabb", "bbaa")),
    ),
    Problem(
        "hard", "dynamic", "pack(weights: list[int], values: list[int], limit: int) -> int",
        "the greatest total value of items that together weigh at most `limit`; each item is taken whole and at most once. Weights are 0 or more, values positive.",
        "best = [0] * (limit + 1)\nfor w, v in zip(weights, values):\n    for room in range(limit, w - 1, -1):\n        best[room] = max(best[room], best[room - w] + v)\nreturn best[limit]",
        "total = 0\nfor w, v in sorted(zip(weights, values), key=lambda p: p[1] / max(p[0], 1), reverse=True):\n    if w <= limit:\n        limit -= w\n        total += v\nreturn total",
        (([2, 3, 4], [3, 4, 6], 6), ([], [], 5), ([1], [9], 0), ([10, 20, 30], [60, 100, 120], 50), ([0], [7], 0), ([3, 3, 5], [4, 4, 7], 6), ([5, 4, 4], [9, 7, 7], 8), ([6], [1], 5), ([1, 2, 3, 8], [1, 2, 3, 100], 9)),
    ),
    Problem(
        "hard", "dynamic", "longest_common(a: str, b: str) -> str",
        "the longest text that is a contiguous part of both `a` and `b`; of equally long ones the one that begins first in `a`. Empty when there is none.",
        "for size in range(len(a), 0, -1):\n    for i in range(len(a) - size + 1):\n        if a[i : i + size] in b:\n            return a[i : i + size]\nreturn ''",
        "best = ''\nrow = [''] * (len(b) + 1)\nfor x in a:\n    new = ['']\n    for j, y in enumerate(b):\n        new.append(row[j] + x if x == y else max(row[j + 1], new[-1], key=len))\n    row = new\nreturn row[-1]",
        (("xabcy", "zabcw"), ("", ""), ("a", ""), ("abc", "def"), ("abab", "baba"), ("one two", "two one"), ("aXbXc", "abc"), ("mississippi", "missouri"), ("abcde", "ace")),
    ),
    Problem(
        "hard", "dynamic", "ways_to_climb(steps: int, strides: list[int]) -> int",
        "the number of ways to climb `steps` stairs with strides from `strides` (distinct positive numbers), in any order; different orders are different ways. There is one way to climb 0 stairs.",
        "ways = [1] + [0] * steps\nfor n in range(1, steps + 1):\n    ways[n] = sum(ways[n - s] for s in strides if s <= n)\nreturn ways[steps]",
        "ways = [1] + [0] * steps\nfor s in strides:\n    for n in range(s, steps + 1):\n        ways[n] += ways[n - s]\nreturn ways[steps]",
        ((2, [1, 2]), (0, [1]), (3, [1, 2]), (5, [2]), (4, [1, 3]), (10, [1, 2, 5]), (0, []), (7, []), (50, [1, 2])),
    ),
    Problem(
        "hard", "simulation", "evaluate(expression: str) -> int",
        "the value of an expression of whole numbers, `+ - *`, brackets and spaces; `*` binds more strongly than `+` and `-`, which go from left to right; a minus sign may stand before a number or a bracket.",
        "import re\ntokens = re.findall(r'\\d+|[-+*()]', expression)\ndef factor():\n    t = tokens.pop(0)\n    if t == '-':\n        return -factor()\n    if t == '(':\n        v = total()\n        tokens.pop(0)\n        return v\n    return int(t)\ndef product():\n    v = factor()\n    while tokens and tokens[0] == '*':\n        tokens.pop(0)\n        v *= factor()\n    return v\ndef total():\n    v = product()\n    while tokens and tokens[0] in '+-':\n        v = v + product() if tokens.pop(0) == '+' else v - product()\n    return v\nreturn total()",
        "import re\ntokens = re.findall(r'\\d+|[-+*]', expression)\nv = int(tokens[0])\nfor op, n in zip(tokens[1::2], tokens[2::2]):\n    v = v + int(n) if op == '+' else v - int(n) if op == '-' else v * int(n)\nreturn v",
        (("1 + 2 - 3",), ("2 + 3 * 4",), ("(2 + 3) * 4",), ("-5",), ("10 - 2 - 3",), ("2 * -3",), ("-(1 + 2) * 3",), ("((7))",), ("1-1",), ("2*3*4-5*(6-1)",)),
    ),
    Problem(
        "hard", "simulation", "robot(commands: str) -> list[int]",
        "where a robot ends that starts at `[0, 0]` facing north: `F` moves one step forward, `L` and `R` turn by 90 degrees, and a number after `F` is the number of steps (`F12`). North is +y, east is +x. `(…)n` repeats the commands in the brackets `n` times (once without a number); brackets may nest.",
        "import re\ntokens = re.findall(r'F\\d*|L|R|\\(|\\)\\d*', commands)\ndef group():\n    out = []\n    while tokens:\n        t = tokens.pop(0)\n        if t == '(':\n            out += group()\n        elif t[0] == ')':\n            return out * int(t[1:] or 1)\n        else:\n            out.append(t)\n    return out\nx = y = 0\ndx, dy = 0, 1\nfor t in group():\n    if t == 'L':\n        dx, dy = -dy, dx\n    elif t == 'R':\n        dx, dy = dy, -dx\n    else:\n        n = int(t[1:] or 1)\n        x, y = x + dx * n, y + dy * n\nreturn [x, y]",
        "x = y = 0\ndx, dy = 0, 1\nfor t in commands:\n    if t == 'L':\n        dx, dy = -dy, dx\n    elif t == 'R':\n        dx, dy = dy, -dx\n    elif t == 'F':\n        x, y = x + dx, y + dy\nreturn [x, y]",
        (("FFRF",), ("",), ("F3",), ("LF2",), ("(FR)4",), ("(F2L)3F",), ("((F)2R)2",), ("RRF10",), ("(F0)5F",), ("(F)",)),
    ),
    Problem(
        "hard", "simulation", "bank(log: list[str]) -> dict[str, int]",
        "the balances after a log of lines `open NAME`, `in NAME AMOUNT`, `out NAME AMOUNT` and `move FROM TO AMOUNT`. A line is skipped as a whole when an account is not open, is opened again, would fall below 0, or FROM and TO are the same. Amounts are whole and positive.",
        "have = {}\nfor line in log:\n    what, *names = line.split()\n    if what == 'open':\n        have.setdefault(names[0], 0)\n        continue\n    *names, amount = names\n    amount = int(amount)\n    if any(n not in have for n in names) or len(set(names)) < len(names):\n        continue\n    if what == 'in':\n        have[names[0]] += amount\n    elif have[names[0]] >= amount:\n        have[names[0]] -= amount\n        if what == 'move':\n            have[names[1]] += amount\nreturn have",
        "have = {}\nfor line in log:\n    what, *names = line.split()\n    if what == 'open':\n        have[names[0]] = 0\n        continue\n    *names, amount = names\n    amount = int(amount)\n    if names[0] not in have:\n        continue\n    if what == 'in':\n        have[names[0]] += amount\n    elif have[names[0]] >= amount:\n        have[names[0]] -= amount\n        if what == 'move' and names[1] in have:\n            have[names[1]] += amount\nreturn have",
        ((["open a", "in a 5", "out a 2"],), ([],), (["in a 5"],), (["open a", "in a 5", "open a"],), (["open a", "in a 5", "move a b 3"],), (["open a", "open b", "in a 9", "move a b 4", "move b a 5"],), (["open a", "out a 1"],), (["open a", "in a 2", "move a a 1"],), (["open a", "in a 3", "out a 3", "out a 1"],)),
    ),
    Problem(
        "hard", "simulation", "cache_hits(keys: list[str], size: int) -> int",
        "how many of the reads in `keys` find their key in a cache that keeps the `size` most recently read keys; every read, hit or miss, makes its key the most recent. A cache of size 0 never hits.",
        "recent = []\nhits = 0\nfor k in keys:\n    if k in recent:\n        hits += 1\n        recent.remove(k)\n    recent.append(k)\n    recent = recent[max(0, len(recent) - size):]\nreturn hits",
        "recent = []\nhits = 0\nfor k in keys:\n    if k in recent:\n        hits += 1\n    else:\n        recent.append(k)\n        recent = recent[-size:]\nreturn hits",
        ((["a", "b", "a"], 2), ([], 3), (["a", "a"], 0), (["a", "b", "a", "c", "a"], 2), (["a", "b", "c", "a"], 2), (["x", "x", "x"], 1), (["a", "b", "a", "c", "b"], 2), (["a", "b", "c", "a", "b", "c"], 3), (["p", "q", "p", "r", "p", "q"], 2)),
    ),
    Problem(
        "hard", "intervals", "best_booking(requests: list[list[int]]) -> int",
        "the greatest total price of requests `[start, end, price]` of which no two overlap; a request may begin when another ends. Prices are positive and `start < end`.",
        "from bisect import bisect_right\nrows = sorted(requests, key=lambda r: r[1])\nends = [r[1] for r in rows]\nbest = [0]\nfor i, (a, b, p) in enumerate(rows):\n    best.append(max(best[-1], best[bisect_right(ends, a, 0, i)] + p))\nreturn best[-1]",
        "total, free = 0, float('-inf')\nfor a, b, p in sorted(requests, key=lambda r: r[1]):\n    if a >= free:\n        total += p\n        free = b\nreturn total",
        (([[1, 3, 5], [3, 6, 6], [2, 4, 1]],), ([],), ([[1, 2, 7]],), ([[1, 2, 1], [1, 10, 100]],), ([[1, 4, 3], [3, 5, 20], [5, 9, 4]],), ([[0, 5, 5], [5, 6, 1]],), ([[1, 3, 2], [2, 4, 5], [3, 5, 2]],), ([[1, 9, 10], [1, 3, 4], [3, 6, 4], [6, 9, 4]],), ([[0, 2, 3], [0, 2, 8]],)),
    ),
    Problem(
        "hard", "strings", "justify(text: str, width: int) -> list[str]",
        "the words of `text` in lines of exactly `width` characters: as many words as fit a line with one space between them, spare spaces spread evenly over the gaps and the left gaps getting the ones left over. The last line and lines of one word are padded on the right. No word is longer than `width`. A text without words gives an empty list.",
        "lines = [[]]\nfor w in text.split():\n    if lines[-1] and sum(map(len, lines[-1])) + len(lines[-1]) + len(w) > width:\n        lines.append([])\n    lines[-1].append(w)\nout = []\nfor i, words in enumerate(lines):\n    gaps = len(words) - 1\n    if gaps < 1 or i == len(lines) - 1:\n        out.append(' '.join(words).ljust(width))\n        continue\n    each, extra = divmod(width - sum(map(len, words)), gaps)\n    out.append(''.join(w + ' ' * (each + (j < extra)) for j, w in enumerate(words[:-1])) + words[-1])\nreturn out if text.split() else []",
        "import textwrap\nreturn [line.ljust(width) for line in textwrap.wrap(text, width)]",
        (("to be", 8), ("", 5), ("one two three four", 9), ("a b c d e", 3), ("alpha beta gamma delta", 12), ("word", 4), ("x y", 1), ("the quick brown fox jumps", 16), ("aa bb cc dd", 10)),
    ),
]
