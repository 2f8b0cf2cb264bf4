"""Four small repositories, as they are before the issues."""

from __future__ import annotations

SHOP = {
    "README.md": "# shop\n\nPrices are in cents. `cart.total` is what a customer pays, `report.lines` what is printed.\n",
    "shop/__init__.py": "",
    "shop/catalog.py": '''"""What is sold."""

PRODUCTS = {
    "pen": {"cents": 120, "kind": "office"},
    "ink": {"cents": 850, "kind": "office"},
    "tea": {"cents": 499, "kind": "food"},
    "rice": {"cents": 230, "kind": "food"},
}


def price(name):
    """Return the price of a product; KeyError for one that is not sold."""
    return PRODUCTS[name]["cents"]


def kind(name):
    """Return the kind of a product."""
    return PRODUCTS[name]["kind"]
''',
    "shop/cart.py": '''"""What a customer buys: a list of (product, count)."""

from shop.catalog import price

FREE_SHIPPING = 3000
SHIPPING = 490


def goods(cart):
    """Return the sum of the goods."""
    return sum(price(name) * count for name, count in cart)


def shipping(cart):
    """Return the cost of shipping: none for an empty cart and from FREE_SHIPPING on."""
    value = goods(cart)
    return 0 if not cart or value > FREE_SHIPPING else SHIPPING


def total(cart):
    """Return what is paid."""
    return goods(cart) + shipping(cart)
''',
    "shop/report.py": '''"""What is printed on a bill."""

from shop.cart import goods, shipping, total
from shop.catalog import price


def euros(cents):
    """Return an amount as text."""
    return f"{cents // 100}.{cents % 100:02}"


def lines(cart):
    """Return the lines of a bill."""
    found = [f"{count} x {name} {euros(price(name) * count)}" for name, count in cart]
    found.append(f"goods {euros(goods(cart))}")
    found.append(f"shipping {euros(shipping(cart))}")
    found.append(f"total {euros(total(cart))}")
    return found
''',
}
NOTES = {
    "README.md": "# notes\n\n`commands.run(book, line)` does one command on a `Book` and returns what is shown.\n",
    "notes/__init__.py": "",
    "notes/book.py": '''"""Notes with numbers."""


class Book:
    """Keeps notes by number, from 1."""

    def __init__(self):
        self.notes = {}

    def add(self, text):
        """Keep a note and return its number."""
        number = len(self.notes) + 1
        self.notes[number] = text
        return number

    def remove(self, number):
        """Forget a note; KeyError where there is none."""
        del self.notes[number]

    def items(self):
        """Return (number, text) of all notes, by number."""
        return sorted(self.notes.items())
''',
    "notes/search.py": '''"""Finds notes."""


def words(text):
    """Return the words of a text."""
    return text.split()


def find(book, word):
    """Return the numbers of the notes that hold a word."""
    return [number for number, text in book.items() if word in words(text)]
''',
    "notes/commands.py": '''"""What a user types."""

from notes.search import find


def run(book, line):
    """Do one command and return what is shown."""
    name, _, rest = line.partition(" ")
    if name == "add":
        return f"added {book.add(rest)}"
    if name == "remove":
        book.remove(int(rest))
        return f"removed {rest}"
    if name == "find":
        return ", ".join(map(str, find(book, rest))) or "nothing"
    if name == "list":
        return "; ".join(f"{number} {text}" for number, text in book.items())
    return f"no command {name}"
''',
}
RAIL = {
    "README.md": "# rail\n\nTracks are two-way. `planner.way` gives the stations of the quickest way, `fares.fare` its price.\n",
    "rail/__init__.py": "",
    "rail/network.py": '''"""Stations and tracks."""


class Network:
    """Tracks between stations, with minutes."""

    def __init__(self, tracks):
        self.near = {}
        for a, b, minutes in tracks:
            self.near.setdefault(a, {})[b] = minutes
            self.near.setdefault(b, {})[a] = minutes

    def neighbours(self, station):
        """Return (station, minutes) of what can be reached directly, by name."""
        return sorted(self.near.get(station, {}).items())
''',
    "rail/planner.py": '''"""Finds ways."""

import heapq


def way(network, start, goal):
    """Return (minutes, stations) of the quickest way, or None; of equally quick ones the one whose stations sort first."""
    heap = [(0, [start])]
    done = set()
    while heap:
        minutes, stations = heapq.heappop(heap)
        here = stations[-1]
        if here == goal:
            return minutes, stations
        if here in done:
            continue
        done.add(here)
        for other, more in network.neighbours(here):
            heapq.heappush(heap, (minutes + more, [*stations, other]))
    return None
''',
    "rail/fares.py": '''"""What a way costs."""

from rail.planner import way

BASE = 200
PER_MINUTE = 15


def fare(network, start, goal):
    """Return the fare in cents, or None where there is no way."""
    found = way(network, start, goal)
    if found is None:
        return None
    return BASE + PER_MINUTE * found[0]
''',
}
CONF = {
    "README.md": "# conf\n\n`load.load(texts)` reads settings from texts, later ones over earlier ones.\n",
    "conf/__init__.py": "",
    "conf/parse.py": '''"""Reads lines such as `name = value`."""


def value(text):
    """Return a value: a whole number, true or false, or the text itself."""
    if text.isdigit():
        return int(text)
    if text in ("true", "false"):
        return text == "true"
    return text


def parse(text):
    """Return the settings of a text; lines without = are passed over."""
    found = {}
    for line in text.splitlines():
        name, equals, rest = line.partition("=")
        if equals:
            found[name.strip()] = value(rest.strip())
    return found
''',
    "conf/merge.py": '''"""Lays settings over one another."""


def merged(lower, upper):
    """Return settings: those of `upper`, and those of `lower` that it does not have."""
    found = dict(lower)
    found.update(upper)
    return found
''',
    "conf/load.py": '''"""Puts it together."""

from conf.merge import merged
from conf.parse import parse


def load(texts):
    """Return the settings of several texts."""
    found = {}
    for text in texts:
        found = merged(found, parse(text))
    return found


def get(settings, name, default=None):
    """Return one setting."""
    return settings.get(name, default)
''',
}
REPOSITORIES = {"shop": SHOP, "notes": NOTES, "rail": RAIL, "conf": CONF}
MODULES = {
    "shop": {"catalog": "shop.catalog", "cart": "shop.cart", "report": "shop.report"},
    "notes": {"book": "notes.book", "search": "notes.search", "commands": "notes.commands"},
    "rail": {"network": "rail.network", "planner": "rail.planner", "fares": "rail.fares"},
    "conf": {"parse": "conf.parse", "merge": "conf.merge", "load": "conf.load"},
}
