"""Templates of text functions, list functions and small classes, which stand in the modules beside the number functions."""

from __future__ import annotations

from random import Random


def masked(r: Random, name: str, word: str) -> str:
    """Return a function that hides a part of a text."""
    keep, sign = r.randint(2, 5), r.choice("*#x.")
    end = r.choice(["first", "last"])
    shown = f"{word}[:{keep}] + hidden" if end == "first" else f"hidden + {word}[-{keep}:]"
    return f'''def {name}({word}):
    """Return ``{word}`` with every character but the {end} {keep} replaced by {sign!r}; a shorter text is hidden whole."""
    if len({word}) <= {keep}:
        return {sign!r} * len({word})
    hidden = {sign!r} * (len({word}) - {keep})
    return {shown}
'''


def slugged(r: Random, name: str, word: str) -> str:
    """Return a function that makes a key of a text."""
    most, sign = r.randint(12, 30), r.choice("-_.")
    case = r.choice(["lower", "upper"])
    return f'''def {name}({word}):
    """Return a key of ``{word}``: its letters and digits in {case} case, other runs as one {sign!r}, at most {most} characters.

    A {sign!r} stands neither at the start nor at the end.
    """
    parts = []
    run = ""
    for character in {word}.{case}():
        if character.isalnum():
            run += character
        elif run:
            parts.append(run)
            run = ""
    if run:
        parts.append(run)
    key = {sign!r}.join(parts)[:{most}]
    return key.strip({sign!r})
'''


def columns(r: Random, name: str, word: str) -> str:
    """Return a function that sets two columns."""
    width, fill = r.randint(16, 44), r.choice([".", " ", "_", "-"])
    return f'''def {name}({word}, amount):
    """Return a line of {width} characters: ``{word}`` on the left, ``amount`` on the right, {fill!r} between.

    A text that is too long loses its end; at least one {fill!r} stands between the two.
    """
    right = str(amount)
    room = {width} - len(right) - 1
    if room < 1:
        return right
    left = {word}[:room]
    return left + {fill!r} * ({width} - len(left) - len(right)) + right
'''


def fields(r: Random, name: str, word: str) -> str:
    """Return a function that reads named fields."""
    outer, inner = r.choice([(";", "="), ("|", ":"), ("&", "="), (",", "=")])
    rule = r.choice(["first", "last"])
    keep = "result[key] = value.strip()" if rule == "last" else "result.setdefault(key, value.strip())"
    return f'''def {name}({word}):
    """Return the fields of a line such as ``a{inner}1{outer}b{inner}2`` as a mapping of texts.

    Spaces around keys and values do not count. A part without {inner!r} is skipped; of a key that stands there twice the
    {rule} one holds.
    """
    result = {{}}
    for part in {word}.split({outer!r}):
        key, sign, value = part.partition({inner!r})
        key = key.strip()
        if not sign or not key:
            continue
        {keep}
    return result
'''


def windows(r: Random, name: str, word: str) -> str:
    """Return a function over windows of a list."""
    size, what = r.randint(2, 6), r.choice(["sum", "max", "min"])
    return f'''def {name}({word}):
    """Return, for each place of ``{word}``, the {what} of it and of the {size} before it, as far as there are any."""
    result = []
    for place in range(len({word})):
        start = max(0, place - {size})
        result.append({what}({word}[start : place + 1]))
    return result
'''


def grouped(r: Random, name: str, word: str) -> str:
    """Return a function that sorts numbers into classes."""
    modulus, most = r.randint(3, 9), r.randint(2, 6)
    order = r.choice([("smallest", "sorted(members)"), ("largest", "sorted(members, reverse=True)")])
    return f'''def {name}({word}):
    """Return the numbers of ``{word}`` by their remainder by {modulus}, of each class the {most} {order[0]}, in that order."""
    classes = {{}}
    for number in {word}:
        classes.setdefault(number % {modulus}, []).append(number)
    result = {{}}
    for remainder in sorted(classes):
        members = classes[remainder]
        result[remainder] = {order[1]}[:{most}]
    return result
'''


def merged(r: Random, name: str, word: str) -> str:
    """Return a function that joins ranges."""
    gap = r.randint(0, 5)
    return f'''def {name}({word}):
    """Return the ranges of ``{word}``, pairs of first and last, in order, joined where at most {gap} numbers lie between.

    A pair whose last is before its first is left out.
    """
    result = []
    for first, last in sorted((pair[0], pair[1]) for pair in {word}):
        if last < first:
            continue
        if result and first - result[-1][1] <= {gap + 1}:
            result[-1][1] = max(result[-1][1], last)
        else:
            result.append([first, last])
    return result
'''


def ranked(r: Random, name: str, word: str) -> str:
    """Return a function that ranks names by number."""
    most = r.randint(3, 8)
    least = r.randint(1, 20)
    return f'''def {name}({word}):
    """Return the names of the mapping ``{word}`` by falling number, equal numbers by name; at most {most}.

    Names whose number is below {least} do not count. All names that share the last place are in.
    """
    counted = [(-number, key) for key, number in {word}.items() if number >= {least}]
    counted.sort()
    if len(counted) <= {most}:
        return [key for _, key in counted]
    edge = counted[{most} - 1][0]
    return [key for number, key in counted if number <= edge]
'''


def tracker(r: Random, name: str, word: str) -> str:
    """Return a class that counts with a limit."""
    limit, size = r.randint(20, 90), r.randint(3, 9)
    rule = r.choice(["oldest", "smallest"])
    victim = (
        "next(iter(self.counts))"
        if rule == "oldest"
        else "min(self.counts, key=lambda key: (self.counts[key], key))"
    )
    return f'''class {name}:
    """Counts what happens to each {word}: at most {size} at once, none above {limit}.

    Where there is no room, the {rule} one is dropped first.
    """

    def __init__(self):
        self.counts = {{}}
        self.dropped = []

    def add(self, {word}, amount):
        """Count ``amount`` more; return the count, which is at most {limit}."""
        if {word} not in self.counts and len(self.counts) >= {size}:
            victim = {victim}
            self.dropped.append((victim, self.counts.pop(victim)))
        self.counts[{word}] = min({limit}, self.counts.get({word}, 0) + amount)
        return self.counts[{word}]

    def take(self, {word}, amount):
        """Count ``amount`` less and return what could be taken; a count of 0 is forgotten."""
        held = self.counts.get({word}, 0)
        taken = min(held, amount)
        if held - taken:
            self.counts[{word}] = held - taken
        else:
            self.counts.pop({word}, None)
        return taken

    def total(self):
        """Return the sum of what is counted now."""
        return sum(self.counts.values())
'''


def machine(r: Random, name: str, word: str) -> str:
    """Return a class with states."""
    states = r.sample(
        ["new", "checked", "held", "ready", "sent", "closed", "void", "late", "split"], r.randint(4, 6)
    )
    moves = {}
    for at, state in enumerate(states[:-1]):
        others = [one for one in states if one != state]
        moves[state] = sorted({states[at + 1], *r.sample(others, r.randint(0, 2))})
    moves[states[-1]] = []
    lines = "\n".join(f"        {state!r}: {targets!r}," for state, targets in moves.items())
    back = r.choice(states[:2])
    return f'''class {name}:
    """The states of a {word}: it begins as {states[0]!r} and ends as {states[-1]!r}.

    A move that is not listed raises ValueError. ``reset`` goes back to {back!r} from everywhere but the end.
    """

    MOVES = {{
{lines}
    }}

    def __init__(self):
        self.state = {states[0]!r}
        self.history = [{states[0]!r}]

    def move(self, state):
        """Go to ``state`` and return how many moves there were."""
        if state not in self.MOVES[self.state]:
            raise ValueError(f"no move from {{self.state}} to {{state}}")
        self.state = state
        self.history.append(state)
        return len(self.history) - 1

    def reset(self):
        """Go back to {back!r}; say whether that was possible."""
        if not self.MOVES[self.state]:
            return False
        self.state = {back!r}
        self.history.append({back!r})
        return True
'''


TEXTS = (masked, slugged, columns, fields)
LISTS = (windows, grouped, merged, ranked)
CLASSES = (tracker, machine)
