"""Modules with a function missing: second half."""

from __future__ import annotations

from gap import Gap

MORE_MODULES = [
    Gap("medium", "events", "once", "Bus",
        "A listener may add others while it runs.",
        '''class Bus:
    """Tells listeners of events, in the order in which they came."""

    def __init__(self):
        self.listeners = {}
        self.log = []

    def on(self, event, name):
        """Add a listener by name; one name may listen once to an event, again changes nothing."""
        names = self.listeners.setdefault(event, [])
        if name not in names:
            names.append(name)

    def off(self, event, name):
        """Take a listener away; one that is not there changes nothing."""
        names = self.listeners.get(event, [])
        if name in names:
            names.remove(name)

''', '''    def once(self, event, name):
        """Add a listener that is taken away after it was told for the first time.

        It is known by the text name + "!" (for `off`, too), so that one name can listen both ways; see `emit`.
        """
''', """self.on(event, name + "!")
""", """self.listeners.setdefault(event, []).append(name)
""", '''
    def emit(self, event):
        """Tell all listeners of an event that were there when it began; return how many were told."""
        names = list(self.listeners.get(event, []))
        for name in names:
            self.log.append((event, name.rstrip("!")))
            if name.endswith("!"):
                self.off(event, name)
        return len(names)

    def history(self):
        """Return (event, name) of everything told."""
        return list(self.log)
''', (
            "play(Bus(), ('once', 'e', 'a'), ('emit', 'e'), ('emit', 'e'), ('history',))", "play(Bus(), ('once', 'e', 'a'), ('once', 'e', 'a'), ('emit', 'e'))", "play(Bus(), ('on', 'e', 'a'), ('once', 'e', 'a'), ('emit', 'e'), ('emit', 'e'), ('history',))", "play(Bus(), ('once', 'e', 'b'), ('on', 'e', 'a'), ('emit', 'e'), ('history',))",
            "play(Bus(), ('once', 'e', 'a'), ('off', 'e', 'a!'), ('emit', 'e'))", "play(Bus(), ('once', 'e', 'a'), ('off', 'e', 'a'), ('emit', 'e'))", "play(Bus(), ('once', 'e', 'a'), ('emit', 'f'), ('emit', 'e'))", "play(Bus(), ('once', 'e', 'a'), ('emit', 'e'), ('once', 'e', 'a'), ('emit', 'e'), ('emit', 'e'))",
        )),
    Gap("medium", "tables", "widths", "render",
        "Cells are texts.",
        '''"""Draws tables with plain characters; a cell "A|B" of a head spans no columns, texts are taken as they are."""

MOST = 12


''', '''def widths(head, rows):
    """Return the width of each column: its longest cell, the head included, but never more than MOST and never 0.

    A row may be shorter than the head, its missing cells are empty; a longer one raises ValueError.
    """
''', """found = [len(cell) for cell in head]
for row in rows:
    if len(row) > len(head):
        raise ValueError("too many cells")
    for index, cell in enumerate(row):
        found[index] = max(found[index], len(cell))
return [min(MOST, max(1, width)) for width in found]
""", """return [min(MOST, max(len(cell) for cell in column)) for column in zip(head, *rows)]
""", '''

def clipped(cell, width):
    """Return a cell of exactly this width, with ~ at the end of one that was cut."""
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "~"


def render(head, rows):
    """Return the lines of a table."""
    size = widths(head, rows)
    lines = []
    for row in [head, *rows]:
        cells = list(row) + [""] * (len(head) - len(row))
        lines.append(" ".join(clipped(cell, width) for cell, width in zip(cells, size)).rstrip())
    return lines
''', (
            "widths(['a', 'bb'], [['ccc'], ['d', 'eeee']])", "widths([], [])", "widths([''], [])", "widths(['x'], [['y', 'z']])", "widths(['x'], [['a' * 40]])", "widths(['a' * 12, 'b' * 13], [])", "render(['n', 'name'], [['1', 'ann'], ['22']])", "render(['k'], [['abcdefghijklmnop'], ['b']])", "render(['', 'v'], [['', '']])", "widths(['long head', ''], [['s', 'xy'], []])",
            "render([], [['a']])",
        )),
    Gap("medium", "dates", "clip", "Calendar",
        "Times are whole minutes; a slot includes its start and not its end.",
        '''class Calendar:
    """Busy slots of a day from `opens` to `closes`."""

    def __init__(self, opens, closes):
        self.opens = opens
        self.closes = closes
        self.slots = []

''', '''    def clip(self, start, end):
        """Return (start, end) cut to the opening hours, or None where nothing of it lies within them."""
''', """start, end = max(start, self.opens), min(end, self.closes)
return (start, end) if start < end else None
""", """return (max(start, self.opens), min(end, self.closes))
""", '''
    def book(self, start, end):
        """Take what of a slot lies within the opening hours; return whether it was free and not empty."""
        part = self.clip(start, end)
        if part is None or any(part[0] < b and a < part[1] for a, b in self.slots):
            return False
        self.slots = sorted([*self.slots, part])
        return True

    def gaps(self):
        """Return the free times."""
        found = []
        at = self.opens
        for start, end in [*self.slots, (self.closes, self.closes)]:
            if at < start:
                found.append((at, start))
            at = max(at, end)
        return found
''', (
            "play(Calendar(9, 17), ('clip', 8, 10), ('clip', 16, 20), ('clip', 10, 11))", "play(Calendar(9, 17), ('clip', 1, 9), ('clip', 17, 18), ('clip', 12, 12), ('clip', 13, 12))", "play(Calendar(9, 17), ('book', 8, 10), ('book', 9, 11), ('book', 10, 11), ('gaps',))", "play(Calendar(9, 17), ('book', 20, 22), ('gaps',))", "play(Calendar(9, 17), ('clip', 0, 24), ('book', 0, 24), ('gaps',))",
            "play(Calendar(5, 5), ('clip', 4, 6), ('gaps',))", "play(Calendar(0, 10), ('book', 2, 3), ('book', 7, 99), ('gaps',))", "play(Calendar(9, 17), ('clip', 9, 10), ('clip', 16, 17))", "play(Calendar(9, 17), ('clip', 16, 18), ('clip', 8, 9))",
        )),
    Gap("hard", "compression", "pack", "round_trip",
        "Of equally long matches the nearest one is taken.",
        '''"""A small compressor: literals and matches with what stood before."""

LEAST = 3
FAR = 16


def match_at(text, at):
    """Return (distance, length) of the longest match of text[at:] beginning up to FAR before, or None below LEAST."""
    best = None
    for distance in range(1, min(FAR, at) + 1):
        length = 0
        while at + length < len(text) and text[at + length] == text[at - distance + length]:
            length += 1
        if length >= LEAST and (best is None or length > best[1]):
            best = (distance, length)
    return best


''', '''def pack(text):
    """Return pieces of a text from left to right: texts of literals (adjacent ones joined), and matches (distance, length).

    At each place the match that `match_at` gives is taken, else one literal.
    """
''', """pieces = []
at = 0
while at < len(text):
    match = match_at(text, at)
    if match:
        pieces.append(match)
        at += match[1]
        continue
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text[at]
    else:
        pieces.append(text[at])
    at += 1
return pieces
""", """pieces = []
at = 0
while at < len(text):
    match = match_at(text, at)
    if match and match[0] >= match[1]:
        pieces.append(match)
        at += match[1]
    else:
        pieces.append(text[at])
        at += 1
return pieces
""", '''

def unpack(pieces):
    """Return the text of pieces."""
    out = []
    for piece in pieces:
        if isinstance(piece, str):
            out.extend(piece)
        else:
            for _ in range(piece[1]):
                out.append(out[-piece[0]])
    return "".join(out)


def round_trip(text):
    """Return whether packing loses nothing, and into how many pieces it packs."""
    pieces = pack(text)
    return unpack(pieces) == text, len(pieces)
''', (
            "pack('abcabcabc')", "pack('')", "pack('aaaa')", "pack('abab')", "pack('xyzwxyz')", "round_trip('abcabcabc')", "round_trip('the rain the rain in spain')", "pack('the rain the rain in spain')", "pack('aab')", "pack('abcdefghijklmnopqabc')", "pack('abcXabcYabc')", "round_trip('z')",
        )),
    Gap("hard", "trees", "insert", "Trie",
        "The empty word is a word too.",
        '''class Trie:
    """Words by their beginnings. A node is a dict from letter to node; END marks that a word ends there and counts it."""

    END = "."

    def __init__(self, words=()):
        self.root = {}
        for word in words:
            self.insert(word)

''', '''    def insert(self, word):
        """Put a word in, once more where it is there. Return how often it is there now.

        A word that holds END raises ValueError, and nothing is put in.
        """
''', """if self.END in word:
    raise ValueError("END in a word")
node = self.root
for letter in word:
    node = node.setdefault(letter, {})
node[self.END] = node.get(self.END, 0) + 1
return node[self.END]
""", """node = self.root
for letter in word:
    if letter not in node:
        node[letter] = {}
    node = node[letter]
node[self.END] = 1
return 1
""", '''
    def node(self, start):
        """Return the node of a beginning, or None."""
        node = self.root
        for letter in start:
            if letter not in node:
                return None
            node = node[letter]
        return node

    def count(self, start):
        """Return how many words, counted as often as they are there, begin so."""
        node = self.node(start)
        if node is None:
            return 0
        waiting, total = [node], 0
        while waiting:
            node = waiting.pop()
            total += node.get(self.END, 0)
            waiting += [child for letter, child in node.items() if letter != self.END]
        return total

    def longest(self, text):
        """Return the longest word that `text` begins with, or None."""
        found = None
        node = self.root
        for index in range(len(text) + 1):
            if self.END in node:
                found = text[:index]
            if index == len(text) or text[index] not in node or text[index] == self.END:
                return found
            node = node[text[index]]
        return found
''', (
            "play(Trie(), ('insert', 'ab'), ('insert', 'ab'), ('insert', 'abc'), ('count', 'ab'), ('count', 'abc'))", "play(Trie(['']), ('count', ''), ('longest', 'x'), ('insert', ''))", "play(Trie(), ('insert', 'a.b'), ('count', ''), ('count', 'a'))", "play(Trie(['in', 'inn', 'i']), ('longest', 'inner'), ('longest', 'it'), ('longest', 'x'))", "play(Trie(['a']), ('count', 'b'), ('longest', ''))", "Trie(['to', 'tea']).root",
            "play(Trie(['ten', 'te']), ('insert', 'ten'), ('insert', 'te'), ('insert', 'te'), ('count', 't'))", "play(Trie(), ('insert', '.'), ('longest', '.'))", "Trie(['a', 'a', 'b']).root",
        )),
    Gap("hard", "scheduling", "assign", "makespan",
        "Machines are numbered from 0.",
        '''"""Gives jobs to machines: the longest first, each to the machine that is free first."""

import heapq


''', '''def assign(jobs, machines):
    """Return, for each machine, the list of its jobs (indexes into `jobs`) in the order in which it does them.

    Jobs are taken from the longest to the shortest, equally long ones by index; each goes to the machine with the least
    work so far, of several to the one with the lowest number. Fewer than one machine raises ValueError.
    """
''', """if machines < 1:
    raise ValueError("no machine")
heap = [(0, number) for number in range(machines)]
found = [[] for _ in range(machines)]
for index in sorted(range(len(jobs)), key=lambda index: (-jobs[index], index)):
    work, number = heapq.heappop(heap)
    found[number].append(index)
    heapq.heappush(heap, (work + jobs[index], number))
return found
""", """found = [[] for _ in range(machines)]
for place, index in enumerate(sorted(range(len(jobs)), key=lambda index: -jobs[index])):
    found[place % machines].append(index)
return found
""", '''

def makespan(jobs, machines):
    """Return when the last machine is done."""
    return max(sum(jobs[index] for index in mine) for mine in assign(jobs, machines))
''', (
            "assign([3, 1, 2, 2], 2)", "assign([], 2)", "assign([5], 3)", "assign([1, 1, 1, 1], 2)", "assign([4], 0)", "makespan([7, 6, 5, 4, 3, 2], 3)", "makespan([9, 1, 1, 1], 2)", "assign([9, 1, 1, 1], 2)", "assign([2, 2, 2], 1)", "makespan([], 1)", "assign([0, 0, 5], 2)", "assign([8, 7, 6, 5, 4], 2)",
        )),
    Gap("hard", "text", "wrap", "columns",
        "A text without words is no line.",
        '''"""Sets text in columns."""


''', '''def wrap(text, width):
    """Return lines of at most `width` characters: as many whole words as fit, joined by one blank.

    A word that is longer than a line is cut: it begins on a new line, fills it, and goes on on the next; what is left of it is followed by
    the next words.
    """
''', """lines = []
line = ""
for word in text.split():
    if line and len(line) + 1 + len(word) <= width:
        line += " " + word
        continue
    if line:
        lines.append(line)
    while len(word) > width:
        lines.append(word[:width])
        word = word[width:]
    line = word
if line:
    lines.append(line)
return lines
""", """lines = []
line = ""
for word in text.split():
    if len(line) + len(word) < width:
        line = (line + " " + word).strip()
    else:
        lines.append(line)
        line = word
lines.append(line)
return lines
""", '''

def columns(text, width, count, between="  "):
    """Return a text in `count` columns, filled one after the other, as lines; the columns' heights differ by at most what is left over."""
    lines = wrap(text, width)
    height = -(-len(lines) // count)
    parts = [lines[at * height : (at + 1) * height] for at in range(count)]
    return [between.join((part[row] if row < len(part) else "").ljust(width) for part in parts).rstrip() for row in range(height)]
''', (
            "wrap('one two three', 7)", "wrap('', 5)", "wrap('   ', 5)", "wrap('abcdefgh ij', 3)", "wrap('a b c', 1)", "wrap('ab cd', 5)", "wrap('ab cd', 4)", "wrap('x abcdef y', 4)", "columns('one two three four five six', 5, 2)", "columns('', 4, 2)", "wrap('abcdef', 3)", "wrap('aaa bb c dddd', 6)", "columns('a b c d e', 1, 3, '|')",
        )),
    Gap("hard", "caches", "evict", "Store",
        "`hits` counts how often a key was got since it came in.",
        '''class Store:
    """Keeps values up to a total size; what was got least goes first."""

    def __init__(self, most):
        self.most = most
        self.values = {}
        self.hits = {}

    def size(self):
        """Return the sum of the lengths of all values."""
        return sum(map(len, self.values.values()))

    def get(self, key):
        """Return a value and count it, or None."""
        if key not in self.values:
            return None
        self.hits[key] += 1
        return self.values[key]

    def put(self, key, value):
        """Store a value as new, and make room; return the keys that went for it. One that is too large for all the room is not stored."""
        self.values.pop(key, None)
        self.hits.pop(key, None)
        if len(value) > self.most:
            return []
        gone = self.evict(len(value))
        self.values[key] = value
        self.hits[key] = 0
        return gone

''', '''    def evict(self, room):
        """Take out entries until `room` more fits within `most`: least hits first, of equal ones the oldest; return their keys in that order."""
''', """gone = []
while self.size() + room > self.most:
    key = min(self.values, key=self.hits.get)
    del self.values[key]
    del self.hits[key]
    gone.append(key)
return gone
""", """gone = []
for key in sorted(self.values, key=self.hits.get):
    if self.size() + room >= self.most:
        del self.values[key]
        gone.append(key)
return gone
""", "", (
            "play(Store(4), ('put', 'a', 'xx'), ('put', 'b', 'yy'), ('get', 'a'), ('put', 'c', 'zz'), ('get', 'a'), ('get', 'b'))", "play(Store(4), ('put', 'a', 'xx'), ('put', 'b', 'yy'), ('put', 'c', 'z'), ('size',))", "play(Store(3), ('put', 'a', 'x'), ('put', 'b', 'y'), ('put', 'c', 'z'), ('put', 'd', 'www'), ('size',))", "play(Store(2), ('put', 'a', 'xxx'), ('get', 'a'), ('size',))", "play(Store(4), ('put', 'a', 'xx'), ('put', 'a', 'xxxx'), ('get', 'a'))",
            "play(Store(3), ('put', 'a', 'x'), ('get', 'a'), ('put', 'a', 'y'), ('put', 'b', 'y'), ('get', 'b'), ('put', 'c', 'zz'))", "play(Store(2), ('put', 'a', 'xx'), ('put', 'b', ''), ('put', 'c', 'z'), ('get', 'b'))", "play(Store(5), ('put', 'a', 'x'), ('put', 'b', 'yy'), ('get', 'b'), ('get', 'a'), ('get', 'a'), ('put', 'c', 'zzz'), ('size',))", "play(Store(5), ('put', 'a', 'xx'), ('put', 'b', 'yy'), ('evict', 1), ('evict', 2), ('evict', 5), ('size',))",
            "play(Store(4), ('put', 'a', 'xx'), ('put', 'b', 'y'), ('put', 'c', 'z'), ('evict', 2), ('get', 'a'), ('evict', 0))", "play(Store(2), ('put', 'key', 'xx'), ('evict', 1), ('put', 'key', 'xx'), ('get', 'key'))", "(lambda s: (play(s, ('put', 'a', 'xx'), ('put', 'b', 'y'), ('evict', 2)), s.hits, s.values))(Store(3))[0]",
        )),
]  # fmt: skip
