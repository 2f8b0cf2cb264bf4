"""Bugs in small modules: second half."""

from __future__ import annotations

from problem import Bug

MORE_BUGS = [
    Bug("easy", "lists", "rotate_grid", "`rotate_grid(grid)` returns a grid (a list of equally long rows) turned by 90 degrees clockwise; the given one stays as it is. `empty_grid(rows, columns)` returns a grid of zeros whose rows can be changed one by one.", """
def rotate_grid(grid):
    return [list(row) for row in zip(*grid[::-1])]


def empty_grid(rows, columns):
    return [[0] * columns for _ in range(rows)]


def marked(rows, columns, places):
    grid = empty_grid(rows, columns)
    for row, column in places:
        grid[row][column] = 1
    return grid
""", ("[[0] * columns for _ in range(rows)]", "[[0] * columns] * rows"), ("[[0] * columns for _ in range(rows)]", "[[0] * rows for _ in range(columns)]"), (
        "marked(2, 2, [(0, 1)])", "marked(2, 3, [(1, 2)])", "marked(3, 1, [])", "rotate_grid([[1, 2], [3, 4]])", "rotate_grid([[1, 2, 3]])", "rotate_grid([])", "rotate_grid(marked(2, 3, [(0, 0), (1, 1)]))",
        "(lambda g: (rotate_grid(g), g)[1])([[1, 2], [3, 4]])", "rotate_grid([[1], [2], [3]])", "empty_grid(1, 2)",
    )),
    Bug("medium", "trees", "effective", '`effective(folders, path)` returns the rights on a folder. `folders` maps a path such as `/a/b` to the rights set there (a text) or None where none are set; rights are those of the folder or of the nearest folder above that has some, up to `/`. Folders need not be listed. Nothing set anywhere gives ""; the empty text is a right too and is not passed over.', """
def parents(path):
    parts = [part for part in path.split("/") if part]
    return ["/" + "/".join(parts[:count]) for count in range(len(parts), -1, -1)]


def effective(folders, path):
    for place in parents(path):
        rights = folders.get(place)
        if rights is not None:
            return rights
    return ""
""", ("if rights is not None:", "if rights:"), ("range(len(parts), -1, -1)", "range(len(parts), 0, -1)"), (
        "effective({'/': 'r', '/a': ''}, '/a/b')", "effective({'/': 'r'}, '/a/b')", "effective({'/a': 'w', '/a/b': None}, '/a/b/c')", "effective({}, '/x')", "effective({'/': 'r'}, '/')",
        "effective({'/a': 'w'}, '/ab')", "effective({'/a/b': 'x', '/a': 'y'}, '/a')", "effective({'/a/b': 'x', '/a': 'y'}, '/a/b/c/d')", "effective({'/a': 'w'}, '/a/')", "parents('/a/b')", "parents('/')",
        "effective({'/a': 'w'}, 'a')",
    )),
    Bug("medium", "stock", "allocate", "`allocate(lots, wanted)` takes goods from lots `(name, quantity)` in order and returns the list of `(name, taken)` with nothing but positive takes. When all lots together do not suffice it raises ValueError; nothing is then taken. `lots` is not changed.", """
def allocate(lots, wanted):
    if wanted < 0 or wanted > sum(quantity for _, quantity in lots):
        raise ValueError("not in stock")
    taken = []
    for name, quantity in lots:
        part = min(quantity, wanted)
        if part > 0:
            taken.append((name, part))
            wanted -= part
    return taken
""", ("        part = min(quantity, wanted)\n        if part > 0:\n            taken.append((name, part))\n            wanted -= part\n", "        if wanted > 0:\n            taken.append((name, min(quantity, wanted)))\n            wanted -= quantity\n"), ("if part > 0:", "if part > 1:"), (
        "allocate([('a', 0), ('b', 5)], 3)", "allocate([('a', 2), ('b', 5)], 3)", "allocate([('a', 2), ('b', 5)], 7)", "allocate([('a', 2), ('b', 5)], 8)", "allocate([], 0)", "allocate([('a', 4)], 0)", "allocate([('a', 1), ('b', 1), ('c', 1)], 2)",
        "allocate([('a', 4)], -1)", "allocate([('a', 4), ('b', 1)], 4)", "allocate([('a', 3), ('a', 3)], 5)", "allocate([], 1)",
    )),
    Bug("medium", "accounts", "Bank", "`Bank(balances)` keeps accounts; the given dict stays as it is. `transfer(a, b, amount)` moves money and returns True; when an account is unknown, the amount is not positive or the money is not there, nothing changes and it returns False. To itself an account may transfer what it has. `balance(name)` returns the balance or None.", """
class Bank:
    def __init__(self, balances):
        self.balances = dict(balances)

    def transfer(self, a, b, amount):
        if a not in self.balances or b not in self.balances:
            return False
        if amount <= 0 or self.balances[a] < amount:
            return False
        self.balances[a] -= amount
        self.balances[b] += amount
        return True

    def balance(self, name):
        return self.balances.get(name)
""", ("        self.balances[a] -= amount\n        self.balances[b] += amount\n", "        taken, given = self.balances[a] - amount, self.balances[b] + amount\n        self.balances[a] = taken\n        self.balances[b] = given\n"), ("        self.balances[a] -= amount\n        self.balances[b] += amount\n", "        if a != b:\n            self.balances[a] -= amount\n            self.balances[b] = amount\n"), (
        "play(Bank({'a': 5}), ('transfer', 'a', 'a', 5), ('balance', 'a'))", "play(Bank({'a': 5, 'b': 1}), ('transfer', 'a', 'b', 5), ('balance', 'a'), ('balance', 'b'))", "play(Bank({'a': 5, 'b': 1}), ('transfer', 'a', 'b', 6), ('balance', 'a'), ('balance', 'b'))",
        "play(Bank({'a': 5}), ('transfer', 'a', 'x', 1), ('transfer', 'x', 'a', 1), ('balance', 'a'), ('balance', 'x'))", "play(Bank({'a': 5, 'b': 0}), ('transfer', 'a', 'b', 0), ('transfer', 'a', 'b', -2), ('balance', 'b'))",
        "(lambda d: (Bank(d).transfer('a', 'b', 1), d))({'a': 1, 'b': 1})", "play(Bank({'a': 1, 'b': 1}), ('transfer', 'a', 'b', 1), ('transfer', 'b', 'a', 2), ('balance', 'a'))", "play(Bank({'a': 3}), ('transfer', 'a', 'a', 4), ('balance', 'a'))", "play(Bank({}), ('balance', 'a'))",
        "(lambda d: (play(Bank(d), ('transfer', 'a', 'b', 1)), d))({'a': 1, 'b': 1})",
    )),
    Bug("hard", "matching", "matches", "`matches(pattern, name)` says whether a file name fits a pattern: `*` stands for any number of characters, also none, `?` for exactly one, everything else for itself. The whole name must fit.", """
def matches(pattern, name):
    fits = [True] + [False] * len(name)
    for sign in pattern:
        if sign == "*":
            for index in range(1, len(name) + 1):
                fits[index] = fits[index] or fits[index - 1]
        else:
            before = fits
            fits = [False] * (len(name) + 1)
            for index in range(1, len(name) + 1):
                fits[index] = before[index - 1] and sign in ("?", name[index - 1])
    return fits[len(name)]
""", ("            before = fits\n            fits = [False] * (len(name) + 1)\n", "            before = list(fits)\n"), ("return fits[len(name)]", "return any(fits[1:]) or fits == [True]"), (
        "matches('?b', 'b')", "matches('*.py', 'a.py')", "matches('*.py', 'a.pyc')", "matches('a?c', 'abc')", "matches('a?c', 'ac')", "matches('', '')", "matches('*', '')", "matches('', 'a')", "matches('**a*b', 'xxaxxb')", "matches('*a*', 'bcd')",
        "matches('?', '?')", "matches('a*b*c', 'aXbYc')", "matches('a*b*c', 'acb')", "matches('a', 'aa')", "matches('*ab', 'aab')", "matches('?*', '')",
    )),
    Bug("hard", "tax", "tax", "`tax(income, brackets)` returns the tax on an income in whole currency units. `brackets` is a list of `(from, percent)` in any order: the part of the income above `from` and up to the next `from` is taxed at `percent`. Below the lowest `from` nothing is due. The sum is rounded down once, at the end.", """
def tax(income, brackets):
    ordered = sorted(brackets)
    hundredths = 0
    for index, (start, percent) in enumerate(ordered):
        end = ordered[index + 1][0] if index + 1 < len(ordered) else income
        taxed = min(income, end) - start
        if taxed > 0:
            hundredths += taxed * percent
    return hundredths // 100
""", ("taxed = min(income, end) - start", "taxed = income - start"), ("            hundredths += taxed * percent\n    return hundredths // 100", "            hundredths += taxed * percent // 100\n    return hundredths"), (
        "tax(3000, [(1000, 10), (2000, 20)])", "tax(999, [(1000, 10), (2000, 20)])", "tax(1500, [(1000, 10), (2000, 20)])", "tax(2050, [(2000, 20), (1000, 10)])", "tax(0, [(0, 50)])", "tax(100, [])", "tax(199, [(0, 1), (50, 1)])", "tax(10000, [(0, 10), (1000, 20), (5000, 40)])",
        "tax(1000, [(1000, 10), (2000, 20)])", "tax(150, [(0, 33), (75, 33)])", "tax(7, [(0, 99)])", "tax(5001, [(5000, 100), (0, 0)])",
    )),
    Bug("hard", "logs", "merge_logs", "`merge_logs(logs)` merges lists of `(time, text)`, each ascending by time, into one ascending list. Entries of the same time keep the order of the lists they came from, and within a list their own. The given lists stay as they are.", """
def merge_logs(logs):
    places = [0] * len(logs)
    merged = []
    for _ in range(sum(map(len, logs))):
        best = None
        for number, log in enumerate(logs):
            if places[number] < len(log):
                time = log[places[number]][0]
                if best is None or time < logs[best][places[best]][0]:
                    best = number
        merged.append(logs[best][places[best]])
        places[best] += 1
    return merged
""", ("if best is None or time < logs[best][places[best]][0]:", "if best is None or log[places[number]] < logs[best][places[best]]:"), ("range(sum(map(len, logs)))", "range(max(map(len, logs), default=0) * len(logs))"), (
        "merge_logs([[(1, 'z')], [(1, 'a')], [(0, 'b')]])", "merge_logs([[(1, 'a'), (3, 'c')], [(2, 'b')]])", "merge_logs([])", "merge_logs([[], [(1, 'x')]])", "merge_logs([[(1, 'b'), (1, 'a')], [(1, 'a')]])", "merge_logs([[(5, 'e')], [(4, 'd')], [(5, 'a')], [(1, 'q')]])",
        "(lambda logs: (merge_logs(logs), logs)[1])([[(1, 'a')], [(0, 'b')]])", "merge_logs([[(1, 'a'), (2, 'b'), (2, 'a'), (9, 'z')], [(2, 'A'), (9, 'B')]])",
        "merge_logs([[(2, 'x')], [(2, 'w'), (2, 'v')]])",
    )),
    Bug("hard", "schedules", "next_run", "`next_run(now, minute, weekday)` tells when a weekly job runs next. Time is counted in minutes from Monday 0:00 of some week on; `minute` is the minute of the day, `weekday` 0 for Monday to 6 for Sunday. A job due exactly now runs now. `runs_between(start, end, minute, weekday)` counts runs from `start` on and before `end`.", """
DAY = 24 * 60
WEEK = 7 * DAY


def next_run(now, minute, weekday):
    due = weekday * DAY + minute
    return now + (due - now) % WEEK


def runs_between(start, end, minute, weekday):
    first = next_run(start, minute, weekday)
    return max(0, -(-(end - first) // WEEK))
""", ("return now + (due - now) % WEEK", "due += now // WEEK * WEEK\n    return due if due > now else due + WEEK"), ("max(0, -(-(end - first) // WEEK))", "max(0, (end - first) // WEEK + 1)"), (
        "next_run(600, 600, 0)", "next_run(0, 600, 0)", "next_run(601, 600, 0)", "next_run(10080 + 5, 0, 6)", "next_run(9000, 0, 6)", "runs_between(0, 10080, 0, 0)", "runs_between(0, 10081, 0, 0)", "runs_between(1, 10080, 0, 0)", "runs_between(600, 600, 600, 0)",
        "runs_between(0, 30 * 10080, 90, 3)", "next_run(2 * 10080 + 1440, 1439, 0)", "runs_between(500, 100, 0, 0)", "runs_between(0, 91, 90, 0)",
    )),
    Bug("hard", "undo", "Editor", "`Editor()` holds a text. `write(text)` appends; `delete(count)` removes up to `count` characters at the end; `undo()` takes back the last write or delete that changed something and returns True, or False when there is none; `redo()` does again what was undone last, the same way. A new write or delete that changes something forgets what could be done again. `text()` returns the text.", """
class Editor:
    def __init__(self):
        self.now = ""
        self.past = []
        self.future = []

    def change(self, text):
        if text != self.now:
            self.past.append(self.now)
            self.future = []
            self.now = text

    def write(self, text):
        self.change(self.now + text)

    def delete(self, count):
        self.change(self.now[: max(0, len(self.now) - count)])

    def undo(self):
        if not self.past:
            return False
        self.future.append(self.now)
        self.now = self.past.pop()
        return True

    def redo(self):
        if not self.future:
            return False
        self.past.append(self.now)
        self.now = self.future.pop()
        return True

    def text(self):
        return self.now
""", ("self.change(self.now[: max(0, len(self.now) - count)])", "self.change(self.now[:-count])"), ("max(0, len(self.now) - count)", "len(self.now) - count"), (
        "play(Editor(), ('write', 'abc'), ('delete', 0), ('text',))", "play(Editor(), ('write', 'ab'), ('delete', 5), ('text',), ('undo',), ('text',))", "play(Editor(), ('write', 'abc'), ('delete', 4), ('text',))", "play(Editor(), ('write', 'abc'), ('delete', 1), ('undo',), ('redo',), ('text',))", "play(Editor(), ('undo',), ('redo',), ('text',))",
        "play(Editor(), ('write', 'a'), ('write', 'b'), ('undo',), ('write', 'c'), ('redo',), ('text',))", "play(Editor(), ('write', 'a'), ('undo',), ('write', ''), ('redo',), ('text',))", "play(Editor(), ('write', 'a'), ('delete', 0), ('undo',), ('text',))",
        "play(Editor(), ('write', 'a'), ('write', 'b'), ('undo',), ('undo',), ('undo',), ('redo',), ('redo',), ('redo',), ('text',))", "play(Editor(), ('write', 'xyz'), ('delete', 2), ('undo',), ('redo',), ('undo',), ('text',))",
        "play(Editor(), ('write', 'hello'), ('delete', 7), ('undo',), ('undo',), ('redo',), ('text',), ('undo',), ('text',))",
    )),
    Bug("hard", "versions", "allows", "`allows(rule, version)` says whether a version such as `1.4.2` satisfies a rule: parts joined by commas that must all hold, each one of `>=`, `<=`, `>`, `<`, `==`, `!=` or `^` before a version. `^1.4.2` allows what does not change the first number that is not zero: from 1.4.2 on and below 2.0.0; `^0.3.1` from 0.3.1 on and below 0.4.0. Missing numbers are 0. The empty rule allows everything.", """
def numbers(version):
    found = [int(part) for part in version.strip().split(".")]
    return tuple(found + [0] * (3 - len(found)))


def above(version):
    for index, number in enumerate(version):
        if number:
            return (*version[:index], number + 1, *[0] * (2 - index))
    return (0, 0, 1)


def allows(rule, version):
    mine = numbers(version)
    for part in rule.split(","):
        part = part.strip()
        if not part:
            continue
        sign = next(s for s in (">=", "<=", "==", "!=", ">", "<", "^") if part.startswith(s))
        other = numbers(part[len(sign) :])
        holds = {
            ">=": mine >= other,
            "<=": mine <= other,
            "==": mine == other,
            "!=": mine != other,
            ">": mine > other,
            "<": mine < other,
            "^": other <= mine < above(other),
        }[sign]
        if not holds:
            return False
    return True
""", ('(">=", "<=", "==", "!=", ">", "<", "^")', '(">", "<", ">=", "<=", "==", "!=", "^")'), ("return (*version[:index], number + 1, *[0] * (2 - index))", "return (version[0] + 1, 0, 0)"), (
        "allows('>=1.9', '1.10')", "allows('^1.4.2', '1.9.0')", "allows('^1.4.2', '2.0.0')", "allows('^1.4.2', '1.4.1')", "allows('^0.3.1', '0.3.9')", "allows('^0.3.1', '0.4.0')", "allows('^0.0.3', '0.0.4')", "allows('^0.0.3', '0.0.3')", "allows('', '1.0')",
        "allows('>1,<2', '1.5')", "allows('>1,<2', '2.0')", "allows('>1,<2', '1.0.0')", "allows('!=1.2', '1.2.0')", "allows('==3', '3.0.0')", "allows('<=2.10.0', '2.9.9')", "allows('> 1.0 , < 1.2', '1.1')", "allows('<=2', '2.0.1')", "allows('^0', '0.0.0')", "allows('^0', '0.0.1')", "allows('<2', '3')",
        "allows('>=1', '0.9.9')", "allows('!=1.2', '1.3')", "allows('==3', '3.0.1')", "allows('^1.4.2', '1.4.2')",
        "allows('>=1.9', '1.9')", "allows('<=1.9', '1.9.0')", "allows('^1.4.2', '2.0')", "allows('^0.3.1', '0.3.99')", "allows('^0.0.3', '0.1.0')",
    )),
    Bug("hard", "tokens", "Bucket", "`Bucket(capacity, per_second)` limits a rate. It begins full. `take(now, amount)` returns True and takes tokens when enough are there, else False and takes none; tokens come back evenly over time, never beyond `capacity`. `now` is in seconds; a time before the last one counts as the last one. `wait(now, amount)` returns the seconds until `amount` are there, 0 when they are, None when they never can be; it takes none.", """
class Bucket:
    def __init__(self, capacity, per_second):
        self.capacity = capacity
        self.per_second = per_second
        self.tokens = capacity
        self.last = 0

    def fill(self, now):
        if now > self.last:
            self.tokens = min(self.capacity, self.tokens + (now - self.last) * self.per_second)
            self.last = now

    def take(self, now, amount):
        self.fill(now)
        if amount > self.tokens:
            return False
        self.tokens -= amount
        return True

    def wait(self, now, amount):
        self.fill(now)
        if amount > self.capacity:
            return None
        missing = amount - self.tokens
        return missing / self.per_second if missing > 0 else 0
""", ("self.tokens = min(self.capacity, self.tokens + (now - self.last) * self.per_second)\n            self.last = now", "self.tokens = min(self.capacity, self.tokens + now * self.per_second)\n            self.last = now"), ("            self.last = now\n", "        self.last = now\n"), (
        "play(Bucket(10, 1), ('take', 1, 10), ('take', 2, 2))", "play(Bucket(10, 2), ('take', 0, 10), ('take', 3, 6), ('take', 3, 1))", "play(Bucket(10, 2), ('take', 5, 4), ('take', 3, 7), ('take', 6, 8))", "play(Bucket(5, 1), ('take', 100, 6), ('take', 100, 5))", "play(Bucket(5, 2), ('take', 0, 5), ('wait', 1, 5), ('wait', 1, 6), ('wait', 9, 5))",
        "play(Bucket(3, 1), ('take', 2, 3), ('take', 1, 1), ('take', 3, 1))", "play(Bucket(4, 4), ('take', 0, 4), ('wait', 0, 1), ('take', 0.25, 1), ('take', 0.25, 1))", "play(Bucket(2, 1), ('wait', 0, 2), ('take', 0, 2), ('take', 50, 2), ('take', 50, 1))", "play(Bucket(10, 1), ('take', 4, 10), ('take', 6, 2), ('wait', 7, 3))",
        "play(Bucket(8, 2), ('take', 10, 8), ('take', 8, 1), ('take', 11, 3), ('take', 11, 2))",
    )),
]  # fmt: skip
