"""Modules with a function missing: first half."""

from __future__ import annotations

from gap import Gap

MODULES = [
    Gap("easy", "inventory", "reserve", "Inventory",
        "A count of 0 or less is refused as well, by returning False.",
        '''class Inventory:
    """Goods on stock and what of them is promised to orders."""

    def __init__(self, stock):
        self.stock = dict(stock)
        self.reserved = {}

    def free(self, item):
        """Return how many pieces are on stock and not promised; 0 for an unknown item."""
        return self.stock.get(item, 0) - self.reserved.get(item, 0)

''', '''    def reserve(self, item, count):
        """Promise pieces to an order: all or nothing. Return whether it was done."""
''', """if count <= 0 or count > self.free(item):
    return False
self.reserved[item] = self.reserved.get(item, 0) + count
return True
""", """if count <= 0 or count > self.stock.get(item, 0):
    return False
self.reserved[item] = count
return True
""", '''
    def ship(self, item, count):
        """Send promised pieces away; return how many really went."""
        sent = min(count, self.reserved.get(item, 0))
        if sent:
            self.reserved[item] -= sent
            self.stock[item] -= sent
        return sent
''', (
            "play(Inventory({'a': 5}), ('reserve', 'a', 3), ('reserve', 'a', 3), ('free', 'a'))", "play(Inventory({'a': 5}), ('reserve', 'a', 2), ('reserve', 'a', 3), ('free', 'a'), ('ship', 'a', 9), ('free', 'a'))",
            "play(Inventory({}), ('reserve', 'x', 1), ('free', 'x'))", "play(Inventory({'a': 1}), ('reserve', 'a', 0), ('reserve', 'a', -1), ('free', 'a'))", "play(Inventory({'a': 1}), ('reserve', 'a', 1), ('free', 'a'))",
            "play(Inventory({'a': 4, 'b': 1}), ('reserve', 'b', 1), ('reserve', 'a', 4), ('ship', 'b', 1), ('reserve', 'b', 1))", "play(Inventory({'a': 3}), ('reserve', 'a', 2), ('ship', 'a', 1), ('reserve', 'a', 1), ('free', 'a'))",
            "play(Inventory({'a': 6}), ('reserve', 'a', 1), ('reserve', 'a', 1), ('reserve', 'a', 1), ('ship', 'a', 5), ('free', 'a'))",
        )),
    Gap("easy", "text", "indent_of", "outline",
        "Tabs do not occur.",
        '''"""Turns an indented outline into nested lists."""

STEP = 2


''', '''def indent_of(line):
    """Return the depth of a line: its leading blanks over STEP.

    A number of blanks that STEP does not divide raises ValueError, and so does a line of blanks alone.
    """
''', """text = line.lstrip(" ")
blanks = len(line) - len(text)
if not text or blanks % STEP:
    raise ValueError("bad indentation")
return blanks // STEP
""", """blanks = line.count(" ")
if blanks % STEP:
    raise ValueError("bad indentation")
return blanks // STEP
""", '''

def outline(text):
    """Return [name, children] for each line at depth 0, children alike; a line may be at most one deeper than the last."""
    top = []
    levels = [top]
    for line in text.split("\\n"):
        depth = indent_of(line)
        if depth >= len(levels):
            raise ValueError("too deep")
        node = [line.strip(), []]
        levels[depth].append(node)
        levels[depth + 1 :] = [node[1]]
    return top
''', (
            "indent_of('  a b c')", "indent_of('a')", "indent_of('    x')", "indent_of(' x')", "indent_of('')", "indent_of('    ')", "outline('a\\n  b\\n  c d\\n    e\\nf')", "outline('a\\n    b')", "outline('a\\n  b\\n c')", "outline('x y')", "indent_of('      deep  down ')",
        )),
    Gap("easy", "scores", "ranking", "podium",
        "The given dict is not changed.",
        '''"""Tables of a tournament."""


''', '''def ranking(points):
    """Return (place, name) for each name of a dict of points, best first; equal points share a place.

    After a shared place the next ones are left out (1, 2, 2, 4). Names of one place are in alphabetical order.
    """
''', """ordered = sorted(points, key=lambda name: (-points[name], name))
places = []
for index, name in enumerate(ordered):
    if index and points[name] == points[ordered[index - 1]]:
        places.append((places[-1][0], name))
    else:
        places.append((index + 1, name))
return places
""", """ordered = sorted(points, key=lambda name: (-points[name], name))
different = sorted(set(points.values()), reverse=True)
return [(different.index(points[name]) + 1, name) for name in ordered]
""", '''

def podium(points):
    """Return the names on the first three places."""
    return [name for place, name in ranking(points) if place <= 3]
''', (
            "ranking({'b': 2, 'a': 2, 'c': 1})", "ranking({})", "ranking({'x': 0})", "ranking({'d': 1, 'c': 2, 'b': 2, 'a': 3})", "podium({'a': 9, 'b': 9, 'c': 9, 'd': 9, 'e': 1})", "podium({'a': 4, 'b': 3, 'c': 2, 'd': 1})", "podium({'a': 4, 'b': 3, 'c': 3, 'd': 1})", "ranking({'a': -1, 'b': -2, 'c': -1})",
            "ranking({'q': 5, 'r': 5, 's': 5, 't': 4, 'u': 4, 'v': 3})",
        )),
    Gap("easy", "money", "parse_amount", "total",
        "Blanks around the text are allowed, nowhere else.",
        '''"""Amounts of money as texts such as "12.50", "7" or "-0.05"."""


''', '''def parse_amount(text):
    """Return the cents of an amount.

    At most one minus sign in front, digits, and where there is a full stop exactly two digits behind it and
    at least one before it. Anything else raises ValueError.
    """
''', """text = text.strip()
sign = -1 if text.startswith("-") else 1
whole, stop, part = text.removeprefix("-").partition(".")
if not (whole.isascii() and whole.isdigit()):
    raise ValueError("no amount")
if stop and not (len(part) == 2 and part.isascii() and part.isdigit()):
    raise ValueError("no amount")
return sign * (int(whole) * 100 + int(part or 0))
""", """return round(float(text) * 100)
""", '''

def total(amounts):
    """Return the sum of amounts, as an amount."""
    cents = sum(map(parse_amount, amounts))
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
''', (
            "parse_amount('12.50')", "parse_amount('7')", "parse_amount('-0.05')", "parse_amount('1.5')", "parse_amount('.50')", "parse_amount(' 3.00 ')", "parse_amount('')", "parse_amount('--1')", "parse_amount('1.2.3')", "parse_amount('1e3')", "parse_amount('5.')", "parse_amount('- 1')", "parse_amount('1.005')",
            "total(['0.10', '0.20', '-0.40'])", "total([])", "parse_amount('x')", "parse_amount('1.x5')", "parse_amount('1.-5')", "parse_amount('-')", "total(['9999999999999999.99', '0.01'])",
            "parse_amount('\u0663')", "parse_amount('1.\u0665\u0660')",
        )),
    Gap("medium", "graphs", "order", "plan",
        "Tasks that could come next are taken in alphabetical order.",
        '''"""Plans tasks that need one another."""


def needed(needs):
    """Return all names: of tasks, and of what they need."""
    return set(needs) | {name for names in needs.values() for name in names}


''', '''def order(needs):
    """Return all names so that each comes after what it needs; `needs` maps a name to a list of names.

    Raises:
        ValueError: There is no such order.
    """
''', """left = {name: set(needs.get(name, ())) for name in needed(needs)}
done = []
while left:
    ready = sorted(name for name, waits in left.items() if not waits)
    if not ready:
        raise ValueError("no order")
    first = ready[0]
    del left[first]
    done.append(first)
    for waits in left.values():
        waits.discard(first)
return done
""", """done = []
for name in sorted(needed(needs), key=lambda name: (len(needs.get(name, ())), name)):
    if name in needs.get(name, ()):
        raise ValueError("no order")
    done.append(name)
return done
""", '''

def plan(needs, workers):
    """Return rounds of at most `workers` tasks; a task runs in the first round after all that it needs, with room."""
    rounds = []
    place = {}
    for name in order(needs):
        at = max((place[other] + 1 for other in needs.get(name, ())), default=0)
        while at < len(rounds) and len(rounds[at]) >= workers:
            at += 1
        if at == len(rounds):
            rounds.append([])
        rounds[at].append(name)
        place[name] = at
    return rounds
''', (
            "order({'app': ['lib'], 'lib': []})", "order({})", "order({'a': ['a']})", "order({'a': ['b'], 'b': ['c'], 'c': ['a'], 'd': []})", "order({'z': [], 'y': ['z'], 'a': ['y'], 'b': []})", "order({'x': ['q', 'p']})", "plan({'a': ['c'], 'b': ['c'], 'd': []}, 2)", "plan({'a': ['b'], 'b': [], 'c': [], 'd': []}, 1)",
            "order({'m': ['n'], 'k': ['m', 'n'], 'j': ['k']})", "plan({}, 3)", "plan({'a': ['b', 'b']}, 5)",
        )),
    Gap("medium", "parsing", "tokens", "evaluate",
        "A minus sign is always a token of its own.",
        '''"""A small calculator with + - * / (whole numbers, rounded down) and parentheses."""

SIGNS = "+-*/()"


''', '''def tokens(text):
    """Return the tokens of a formula: ints, and signs as texts. White space separates and is left out.

    Raises:
        ValueError: A character is neither digit, sign nor white space.
    """
''', """found = []
number = ""
for char in text + " ":
    if char in "0123456789":
        number += char
        continue
    if number:
        found.append(int(number))
        number = ""
    if char in SIGNS:
        found.append(char)
    elif not char.isspace():
        raise ValueError("bad character")
return found
""", """found = []
for part in text.split():
    found.append(part if part in SIGNS else int(part))
return found
""", '''

def evaluate(text):
    """Return the value of a formula; ValueError where it is none."""
    left = tokens(text)[::-1]

    def take():
        if not left:
            raise ValueError("ends too soon")
        return left.pop()

    def atom():
        token = take()
        if token == "-":
            return -atom()
        if token == "(":
            value = chain(0)
            if take() != ")":
                raise ValueError("no closing parenthesis")
            return value
        if isinstance(token, str):
            raise ValueError("a number is missing")
        return token

    def chain(level):
        value = atom() if level else chain(1)
        while left and left[-1] in ("*/" if level else "+-"):
            sign = left.pop()
            other = atom() if level else chain(1)
            value = {"+": value + other, "-": value - other, "*": value * other}.get(sign) if sign != "/" else value // other
        return value

    value = chain(0)
    if left:
        raise ValueError("goes on")
    return value
''', (
            "tokens('12+(3 * 4)')", "tokens('')", "tokens('7 8')", "tokens('-5')", "tokens('1.5')", "tokens('a')", "tokens('10')", "tokens(' 4\\t/ 2 ')", "tokens('()')", "tokens('007')", "tokens('3-')", "tokens('90 % 2')",
            "tokens('x')", "tokens('4x')",
        )),
    Gap("medium", "windows", "expire", "Limiter",
        "Times never go backwards.",
        '''class Limiter:
    """Allows `most` requests within any `span` seconds, for each user."""

    def __init__(self, most, span):
        self.most = most
        self.span = span
        self.seen = {}

''', '''    def expire(self, user, now):
        """Forget a user's requests that are `span` seconds old or older, and the user when none is left."""
''', """kept = [time for time in self.seen.get(user, []) if now - time < self.span]
if kept:
    self.seen[user] = kept
else:
    self.seen.pop(user, None)
""", """self.seen[user] = [time for time in self.seen.get(user, []) if now - time <= self.span]
""", '''
    def allow(self, user, now):
        """Say whether a request may pass now, and count it when it may."""
        self.expire(user, now)
        times = self.seen.setdefault(user, [])
        if len(times) >= self.most:
            return False
        times.append(now)
        return True

    def users(self, now):
        """Return the users with requests that count, in alphabetical order."""
        for user in list(self.seen):
            self.expire(user, now)
        return sorted(self.seen)
''', (
            "play(Limiter(1, 10), ('allow', 'a', 0), ('allow', 'a', 9), ('allow', 'a', 10))", "play(Limiter(2, 5), ('allow', 'a', 0), ('allow', 'a', 1), ('allow', 'a', 2), ('allow', 'a', 5), ('allow', 'a', 5))", "play(Limiter(1, 5), ('allow', 'a', 0), ('allow', 'b', 3), ('users', 4), ('users', 5), ('users', 8))", "play(Limiter(1, 5), ('users', 0))",
            "play(Limiter(1, 1), ('expire', 'x', 0), ('users', 0))", "play(Limiter(3, 10), ('allow', 'u', 1), ('allow', 'u', 2), ('allow', 'u', 3), ('expire', 'u', 12), ('allow', 'u', 12), ('allow', 'u', 12), ('users', 21), ('users', 22))", "play(Limiter(0, 5), ('allow', 'a', 1), ('users', 1))", "play(Limiter(1, 4), ('allow', 'z', 0), ('allow', 'y', 0), ('users', 3))",
        )),
    Gap("medium", "matrices", "solve_columns", "solve",
        "Numbers are fractions, so nothing is rounded.",
        '''"""Solves linear equations exactly."""

from fractions import Fraction


''', '''def solve_columns(rows):
    """Bring an augmented matrix (lists of Fraction, the last column is the right side) to reduced echelon form, in place.

    Columns from the left, the right side is none of them; for each the first row at or below the current one with a
    number that is not 0 is taken as pivot. Return the columns that have a pivot.
    """
''', """pivots = []
for column in range(len(rows[0]) - 1 if rows else 0):
    at = len(pivots)
    row = next((r for r in range(at, len(rows)) if rows[r][column]), None)
    if row is None:
        continue
    rows[at], rows[row] = rows[row], rows[at]
    pivot = rows[at][column]
    rows[at] = [value / pivot for value in rows[at]]
    for other in range(len(rows)):
        if other != at:
            factor = rows[other][column]
            rows[other] = [a - factor * b for a, b in zip(rows[other], rows[at])]
    pivots.append(column)
return pivots
""", """pivots = []
for column in range(len(rows[0]) - 1 if rows else 0):
    pivot = rows[column][column]
    rows[column] = [value / pivot for value in rows[column]]
    for other in range(column + 1, len(rows)):
        factor = rows[other][column]
        rows[other] = [a - factor * b for a, b in zip(rows[other], rows[column])]
    pivots.append(column)
return pivots
""", '''

def solve(equations):
    """Return the solution of equations [a, b, …, right side] as texts, "many" or "none"."""
    rows = [[Fraction(value) for value in equation] for equation in equations]
    pivots = solve_columns(rows)
    if any(not any(row[:-1]) and row[-1] for row in rows):
        return "none"
    if rows and len(pivots) < len(rows[0]) - 1:
        return "many"
    return [str(row[-1]) for row in rows[: len(pivots)]]
''', (
            "solve([[0, 1, 2], [1, 0, 3]])", "solve([[2, 1, 5], [1, -1, 1]])", "solve([[1, 1, 2], [2, 2, 4]])", "solve([[1, 1, 2], [2, 2, 5]])", "solve([])", "solve([[3, 1]])", "solve([[1, 2, 3, 4], [0, 0, 1, 2], [0, 1, 1, 1]])", "solve([[1, 0, 1], [0, 1, 2], [1, 1, 3]])", "solve([[0, 0, 0]])", "solve([[0, 1]])",
            "solve([[2, 4, -2, 2], [4, 9, -3, 8], [-2, -3, 7, 10]])", "solve_columns([[0, 5]])", "solve([[0, 2, 1], [0, 4, 2]])", "solve([[1, 2, 3], [2, 4, 7]])", "solve([[1, 1, 1, 6], [0, 2, 5, -4], [2, 5, -1, 27]])",
        )),
]  # fmt: skip
