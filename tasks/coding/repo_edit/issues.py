"""Twelve issues on four repositories."""

from __future__ import annotations

from issue import Issue

NET = "network.Network([('A', 'D', 15), ('A', 'B', 10), ('B', 'C', 20), ('D', 'C', 15), ('X', 'Y', 5)])"
TALK = "(lambda b: [commands.run(b, line) for line in {}])(book.Book())"

ISSUES = [
    Issue("easy", "shop", "A customer whose goods are worth exactly 30.00 was charged for shipping. FREE_SHIPPING is the value from which on shipping is free, so that 30.00 itself is free. An empty cart still has no shipping.", (
        ("shop/cart.py", "return 0 if not cart or value > FREE_SHIPPING else SHIPPING", "return 0 if not cart or value >= FREE_SHIPPING else SHIPPING"),
    ), (
        ("shop/cart.py", "return 0 if not cart or value > FREE_SHIPPING else SHIPPING", "return 0 if value >= FREE_SHIPPING else SHIPPING"),
    ), (
        "cart.shipping([('pen', 25)])", "cart.total([('pen', 25)])", "cart.shipping([('pen', 24)])", "cart.shipping([])", "cart.total([])", "cart.total([('rice', 1)])", "cart.shipping([('ink', 4)])", "report.lines([('pen', 25)])", "report.lines([])", "cart.shipping([('pen', 8), ('rice', 3), ('tea', 3)])",
    )),
    Issue("medium", "shop", "Bills must show VAT. Add `vat(name)` to shop/catalog.py: the percentage of a product, 7 for food and 19 for everything else. Add `vat(cart)` to shop/cart.py: the VAT in cents that the goods hold (prices include it), reckoned for each entry as price * count * rate / (100 + rate), rounded down for each entry. shop/report.py prints a line `of it VAT 1.23` directly below the goods, also when it is 0.00. Totals do not change.", (
        ("shop/catalog.py", """    return PRODUCTS[name]["kind"]
""", '''    return PRODUCTS[name]["kind"]


def vat(name):
    """Return the VAT of a product in percent."""
    return 7 if kind(name) == "food" else 19
'''),
        ("shop/cart.py", "from shop.catalog import price\n", "from shop import catalog\nfrom shop.catalog import price\n"),
        ("shop/cart.py", """def total(cart):""", '''def vat(cart):
    """Return the VAT that the goods hold, rounded down for each entry."""
    held = 0
    for name, count in cart:
        rate = catalog.vat(name)
        held += price(name) * count * rate // (100 + rate)
    return held


def total(cart):'''),
        ("shop/report.py", "import goods, shipping, total", "import goods, shipping, total, vat"),
        ("shop/report.py", """    found.append(f"shipping""", """    found.append(f"of it VAT {euros(vat(cart))}")
    found.append(f"shipping"""),
    ), (
        ("shop/catalog.py", """    return PRODUCTS[name]["kind"]
""", """    return PRODUCTS[name]["kind"]


def vat(name):
    return 7 if kind(name) == "food" else 19
"""),
        ("shop/cart.py", "from shop.catalog import price\n", "from shop import catalog\nfrom shop.catalog import price\n"),
        ("shop/cart.py", """def total(cart):""", """def vat(cart):
    return sum(price(name) * count * catalog.vat(name) // 100 for name, count in cart)


def total(cart):"""),
        ("shop/report.py", "import goods, shipping, total", "import goods, shipping, total, vat"),
        ("shop/report.py", """    found.append(f"shipping""", """    found.append(f"of it VAT {euros(vat(cart))}")
    found.append(f"shipping"""),
    ), (
        "catalog.vat('pen')", "catalog.vat('tea')", "catalog.vat('gold')", "cart.vat([('tea', 1)])", "cart.vat([('pen', 3), ('tea', 2)])", "cart.vat([])", "cart.vat([('rice', 1), ('rice', 1), ('ink', 1)])", "report.lines([('pen', 1), ('rice', 2)])", "report.lines([])", "cart.total([('pen', 1), ('rice', 2)])", "cart.vat([('pen', 1), ('pen', 1), ('pen', 1)])",
    )),
    Issue("hard", "shop", "We want vouchers. `cart.total(cart, voucher=None)` and `report.lines(cart, voucher=None)` take a text. `TEN` takes ten percent off the goods, rounded down in the shop's favour (the discount is rounded down). `FOOD-200` takes 200 cents off, but never more than the food in the cart is worth. Any other text raises ValueError. Put `discount(cart, voucher)` into a new file shop/vouchers.py; None gives 0. Shipping goes by the goods' value after the discount. A bill with a voucher has a line `voucher -1.23` below the goods (also for a discount of 0); one without is as before. `cart.shipping` keeps working with one argument.", (
        ("shop/vouchers.py", "", '''"""What vouchers take off."""

from shop.catalog import kind, price


def discount(cart, voucher):
    """Return the cents that a voucher takes off; ValueError for an unknown one."""
    if voucher is None:
        return 0
    if voucher == "TEN":
        return sum(price(name) * count for name, count in cart) // 10
    if voucher == "FOOD-200":
        food = sum(price(name) * count for name, count in cart if kind(name) == "food")
        return min(200, food)
    raise ValueError("no such voucher")
'''),
        ("shop/cart.py", "from shop.catalog import price\n", "from shop.catalog import price\nfrom shop.vouchers import discount\n"),
        ("shop/cart.py", '''def shipping(cart):
    """Return the cost of shipping: none for an empty cart and from FREE_SHIPPING on."""
    value = goods(cart)
''', '''def shipping(cart, voucher=None):
    """Return the cost of shipping: none for an empty cart and from FREE_SHIPPING on."""
    value = goods(cart) - discount(cart, voucher)
'''),
        ("shop/cart.py", '''def total(cart):
    """Return what is paid."""
    return goods(cart) + shipping(cart)
''', '''def total(cart, voucher=None):
    """Return what is paid."""
    return goods(cart) - discount(cart, voucher) + shipping(cart, voucher)
'''),
        ("shop/report.py", "from shop.catalog import price\n", "from shop.catalog import price\nfrom shop.vouchers import discount\n"),
        ("shop/report.py", "def lines(cart):", "def lines(cart, voucher=None):"),
        ("shop/report.py", """    found.append(f"shipping {euros(shipping(cart))}")
    found.append(f"total {euros(total(cart))}")
""", """    if voucher is not None:
        found.append(f"voucher -{euros(discount(cart, voucher))}")
    found.append(f"shipping {euros(shipping(cart, voucher))}")
    found.append(f"total {euros(total(cart, voucher))}")
"""),
    ), (
        ("shop/vouchers.py", "", """from shop.catalog import price


def discount(cart, voucher):
    value = sum(price(name) * count for name, count in cart)
    if voucher == "TEN":
        return value // 10
    if voucher == "FOOD-200":
        return min(200, value)
    return 0
"""),
        ("shop/cart.py", "from shop.catalog import price\n", "from shop.catalog import price\nfrom shop.vouchers import discount\n"),
        ("shop/cart.py", '''def total(cart):
    """Return what is paid."""
    return goods(cart) + shipping(cart)
''', """def total(cart, voucher=None):
    return goods(cart) - discount(cart, voucher) + shipping(cart)
"""),
        ("shop/report.py", "from shop.catalog import price\n", "from shop.catalog import price\nfrom shop.vouchers import discount\n"),
        ("shop/report.py", "def lines(cart):", "def lines(cart, voucher=None):"),
        ("shop/report.py", """    found.append(f"total {euros(total(cart))}")
""", """    found.append(f"voucher -{euros(discount(cart, voucher))}")
    found.append(f"total {euros(total(cart, voucher))}")
"""),
    ), (
        "cart.total([('ink', 4)], 'TEN')", "cart.total([('tea', 1)], 'TEN')", "cart.total([('pen', 1)], 'FOOD-200')", "cart.total([('rice', 1), ('pen', 1)], 'FOOD-200')", "cart.total([('pen', 30)], 'TEN')", "cart.total([('pen', 27)], 'TEN')", "cart.total([('pen', 1)], 'FREE')", "cart.total([('pen', 1)])", "cart.shipping([('pen', 27)])", "report.lines([('tea', 2)], 'TEN')", "report.lines([('pen', 1)], 'FOOD-200')", "report.lines([('pen', 1)])", "report.lines([], 'TEN')", "report.lines([('pen', 1)], '')", "cart.total([], 'FOOD-200')", "cart.total([('rice', 3), ('pen', 1)], 'FOOD-200')", "cart.total([('rice', 13), ('pen', 2)], 'FOOD-200')", "cart.shipping([('pen', 25)])", "cart.total([('pen', 40)], 'TEN')", "cart.total([('pen', 28)], 'TEN')", "report.lines([('pen', 27)], 'TEN')", "cart.total([('ink', 3), ('tea', 1)], 'FOOD-200')", "cart.total([('ink', 3), ('tea', 1), ('pen', 1)], 'FOOD-200')",
    )),
    Issue("easy", "notes", "After a note was removed, the next one added took the number of a note that is still there and overwrote it. Numbers must never be given twice, not even those of removed notes.", (
        ("notes/book.py", "        self.notes = {}\n", "        self.notes = {}\n        self.last = 0\n"),
        ("notes/book.py", """        number = len(self.notes) + 1
        self.notes[number] = text
        return number
""", """        self.last += 1
        self.notes[self.last] = text
        return self.last
"""),
    ), (
        ("notes/book.py", "number = len(self.notes) + 1", "number = max(self.notes, default=0) + 1"),
    ), (
        TALK.format(["add a", "add b", "remove 1", "add c", "list"]), TALK.format(["add a", "add b", "remove 2", "add c", "list"]), TALK.format(["add a", "remove 1", "add b", "list"]), TALK.format(["add x", "add y", "list"]), TALK.format(["list"]), "play(book.Book(), ('add', 'a'), ('remove', 1), ('remove', 1), ('add', 'b'))",
        TALK.format(["add a b", "find b", "find c"]), "play(book.Book(), ('add', 'q'), ('add', 'r'), ('add', 's'), ('remove', 2), ('remove', 3), ('add', 't'), ('items',))", TALK.format(["add a", "add a", "find a"]),
    )),
    Issue("medium", "notes", '`find` must not depend on upper and lower case nor on punctuation at the ends of words: `find milk` finds "Buy Milk!". Punctuation is any of .,;:!?()" at the beginning or end of a word, however much of it; inside a word it stays, so that `find e.g` finds "(e.g.)". The word that is looked for is treated alike; where nothing is left of it, nothing is found. Words that are nothing but punctuation are no words. `list` shows notes as they were written.', (
        ("notes/search.py", '''    """Return the words of a text."""
    return text.split()
''', '''    """Return the words of a text in lower case, without punctuation around them."""
    bare = [word.strip(MARKS).lower() for word in text.split()]
    return [word for word in bare if word]
'''),
        ("notes/search.py", '''"""Finds notes."""
''', '''"""Finds notes."""

MARKS = ".,;:!?()\\""
'''),
        ("notes/search.py", """    return [number for number, text in book.items() if word in words(text)]
""", """    wanted = words(word)
    return [number for number, text in book.items() if wanted and wanted[0] in words(text)]
"""),
    ), (
        ("notes/search.py", """    return [number for number, text in book.items() if word in words(text)]
""", """    return [number for number, text in book.items() if word.lower() in [w.strip(".,;:!?").lower() for w in words(text)]]
"""),
    ), (
        TALK.format(["add Buy Milk!", "find milk", "find MILK.", "find mil"]), TALK.format(["add (e.g.) this", "find e.g", "find E.G."]), TALK.format(["add !!! wow", "find !!!", "find wow", "find ?"]), TALK.format(['add "Quoted"', "find quoted", "list"]), TALK.format(["add A b", "add a;", "add ba", "find a"]), TALK.format(["find x"]), TALK.format(["add it's", "find its", "find it's"]), "search.words('Hi, you (two)!')", "search.words('')", "search.words('... - ...')", TALK.format(["add one", "remove 1", "find one"]),
    )),
    Issue("hard", "notes", 'Add tags. A word of a note that begins with # and goes on is a tag, without the #, in lower case; "#" alone is none. `Book.tags(number)` returns the tags of a note, sorted, each once; KeyError where there is no note. The command `tags` shows every tag with the number of notes that have it, as `home 2; work 1`, the most frequent first and equal ones by name, or `nothing`. The command `retag old new` renames a tag in all notes (their text changes; the tag is compared without regard to case, the new one is written as given, white space between words becomes one blank in the notes changed) and shows `retagged N` with the number of notes changed. With other than two names it shows `retag needs two names` and changes nothing.', (
        ("notes/book.py", """    def items(self):""", '''    def tags(self, number):
        """Return the tags of a note; KeyError where there is none."""
        words = self.notes[number].split()
        return sorted({word[1:].lower() for word in words if word.startswith("#") and word != "#"})

    def retag(self, old, new):
        """Rename a tag and return how many notes changed."""
        changed = 0
        for number in self.notes:
            if old.lower() in self.tags(number):
                words = self.notes[number].split()
                words = ["#" + new if word.lower() == "#" + old.lower() else word for word in words]
                self.notes[number] = " ".join(words)
                changed += 1
        return changed

    def items(self):'''),
        ("notes/commands.py", """    return f"no command {name}"
""", """    if name == "tags":
        counts = {}
        for number, _ in book.items():
            for tag in book.tags(number):
                counts[tag] = counts.get(tag, 0) + 1
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return "; ".join(f"{tag} {count}" for tag, count in ordered) or "nothing"
    if name == "retag":
        names = rest.split()
        if len(names) != 2:
            return "retag needs two names"
        return f"retagged {book.retag(names[0], names[1])}"
    return f"no command {name}"
"""),
    ), (
        ("notes/book.py", """    def items(self):""", """    def tags(self, number):
        return sorted({word[1:].lower() for word in self.notes[number].split() if word.startswith("#")})

    def items(self):"""),
        ("notes/commands.py", """    return f"no command {name}"
""", """    if name == "tags":
        counts = {}
        for number, _ in book.items():
            for tag in book.tags(number):
                counts[tag] = counts.get(tag, 0) + 1
        return "; ".join(f"{tag} {count}" for tag, count in sorted(counts.items(), key=lambda p: -p[1])) or "nothing"
    if name == "retag":
        old, new = rest.split()
        changed = 0
        for number, text in book.items():
            if "#" + old in text:
                book.notes[number] = text.replace("#" + old, "#" + new)
                changed += 1
        return f"retagged {changed}"
    return f"no command {name}"
"""),
    ), (
        TALK.format(["add a #home", "add b #Work #home", "tags"]), TALK.format(["tags", "add x", "tags"]), TALK.format(["add # a", "tags"]), TALK.format(["add #b #a", "add #c", "tags"]), TALK.format(["add go  #Home now", "add #homes", "retag home House", "list", "tags"]), TALK.format(["add #a", "retag a", "retag a b c", "retag", "list"]), TALK.format(["add #a #A", "retag A b", "list"]), TALK.format(["add  two  blanks", "retag x y", "list"]),
        "play(book.Book(), ('add', '#z #a #z'), ('tags', 1), ('tags', 2))", "play(book.Book(), ('add', '#tau #rho #phi #chi #eta #mu #nu #xi'), ('tags', 1))", TALK.format(["add #x #y", "retag x y", "tags"]), TALK.format(["add mid#dle", "tags"]), TALK.format(["what", "add q", "add q", "find q", "find z", "remove 1", "list"]), TALK.format(["add #b #a", "add #a #c", "retag a A", "tags", "list"]), TALK.format(["add #k", "add #K l", "add m", "retag k n", "list"]), TALK.format(["add #a #b", "add #b", "add #c #a", "add #b", "tags"]),
    )),
    Issue("easy", "rail", "`planner.way` answers for a station that does not exist when start and goal are the same. A start or goal that no track touches must give None, also when they are the same; `fares.fare` then is None too. Add `Network.knows(station)`, which says whether a track touches it.", (
        ("rail/network.py", """    def neighbours(self, station):""", '''    def knows(self, station):
        """Say whether a track touches a station."""
        return station in self.near

    def neighbours(self, station):'''),
        ("rail/planner.py", """    heap = [(0, [start])]
""", """    if not network.knows(start):
        return None
    heap = [(0, [start])]
"""),
    ), (
        ("rail/network.py", """    def neighbours(self, station):""", """    def knows(self, station):
        return bool(self.near[station])

    def neighbours(self, station):"""),
        ("rail/planner.py", """    heap = [(0, [start])]
""", """    if start == goal and not network.knows(start):
        return None
    heap = [(0, [start])]
"""),
    ), (
        f"planner.way({NET}, 'Q', 'Q')", f"planner.way({NET}, 'A', 'A')", f"planner.way({NET}, 'A', 'Q')", f"planner.way({NET}, 'Q', 'A')", f"planner.way({NET}, 'A', 'X')", f"planner.way({NET}, 'A', 'C')", f"fares.fare({NET}, 'Q', 'Q')", f"fares.fare({NET}, 'B', 'B')", f"{NET}.knows('X')", f"{NET}.knows('Q')", f"fares.fare({NET}, 'A', 'C')", "planner.way(network.Network([]), 'A', 'A')", f"fares.fare({NET}, 'A', 'Y')",
    )),
    Issue("medium", "rail", "Tracks can be closed for work. `Network.close(a, b)` closes a track in both directions, `Network.open(a, b)` opens it again; for two stations without a track between them both raise KeyError. Closing twice needs opening once. A closed track is passed over by `neighbours` and so by all ways and fares. `Network.closed()` returns the closed tracks as a sorted list of pairs, each pair sorted.", (
        ("rail/network.py", "        self.near = {}\n", "        self.near = {}\n        self.shut = set()\n"),
        ("rail/network.py", '''    def neighbours(self, station):
        """Return (station, minutes) of what can be reached directly, by name."""
        return sorted(self.near.get(station, {}).items())
''', '''    def track(self, a, b):
        """Return the name of a track; KeyError where there is none."""
        if b not in self.near[a]:
            raise KeyError(b)
        return tuple(sorted((a, b)))

    def close(self, a, b):
        """Close a track in both directions."""
        self.shut.add(self.track(a, b))

    def open(self, a, b):
        """Open a track again."""
        self.shut.discard(self.track(a, b))

    def closed(self):
        """Return the closed tracks."""
        return sorted(self.shut)

    def neighbours(self, station):
        """Return (station, minutes) of what can be reached directly, by name; closed tracks are passed over."""
        near = self.near.get(station, {})
        return sorted((other, more) for other, more in near.items() if tuple(sorted((station, other))) not in self.shut)
'''),
    ), (
        ("rail/network.py", "        self.near = {}\n", "        self.near = {}\n        self.shut = set()\n"),
        ("rail/network.py", '''    def neighbours(self, station):
        """Return (station, minutes) of what can be reached directly, by name."""
        return sorted(self.near.get(station, {}).items())
''', """    def close(self, a, b):
        self.shut.add((a, b))

    def open(self, a, b):
        self.shut.discard((a, b))

    def closed(self):
        return sorted(self.shut)

    def neighbours(self, station):
        return sorted((o, m) for o, m in self.near.get(station, {}).items() if (station, o) not in self.shut)
"""),
    ), tuple(
        f"(lambda n: [play(n, *{calls}), planner.way(n, 'A', 'C'), fares.fare(n, 'C', 'A')])({NET})"
        for calls in (
            "[('close', 'B', 'A')]", "[('close', 'A', 'B'), ('close', 'C', 'D'), ('closed',)]", "[('close', 'D', 'A'), ('close', 'A', 'D'), ('open', 'D', 'A'), ('closed',)]", "[('close', 'A', 'C')]", "[('open', 'A', 'C'), ('open', 'Q', 'A'), ('close', 'Q', 'A')]", "[]",
            "[('neighbours', 'A'), ('close', 'A', 'D'), ('neighbours', 'A'), ('neighbours', 'D')]", "[('open', 'A', 'B'), ('closed',)]", "[('close', 'Y', 'X'), ('neighbours', 'X'), ('closed',), ('open', 'X', 'Y'), ('neighbours', 'Y')]", "[('close', 'B', 'C'), ('close', 'A', 'B'), ('closed',)]",
        )
    )),
    Issue("hard", "rail", 'Changing trains takes time. `Network(tracks)` also takes tracks with a fourth part, the name of the line (a text); without it the line is "". `planner.way(network, start, goal, change=0)` adds `change` minutes each time one goes on from a station by another line than one came; the way returned is the quickest with these minutes counted in, of equally quick ones the one whose stations sort first. `neighbours` keeps giving (station, minutes), and `Network.line(a, b)` gives the line of a track. `fares.fare(network, start, goal, change=0)` passes it on; minutes of changing are paid too.', (
        ("rail/network.py", """        self.near = {}
        for a, b, minutes in tracks:
""", """        self.near = {}
        self.lines = {}
        for a, b, minutes, *line in tracks:
            self.lines[a, b] = self.lines[b, a] = line[0] if line else ""
"""),
        ("rail/network.py", """    def neighbours(self, station):""", '''    def line(self, a, b):
        """Return the line of a track."""
        return self.lines[a, b]

    def neighbours(self, station):'''),
        ("rail/planner.py", "def way(network, start, goal):", "def way(network, start, goal, change=0):"),
        ("rail/planner.py", """        if here in done:
            continue
        done.add(here)
        for other, more in network.neighbours(here):
            heapq.heappush(heap, (minutes + more, [*stations, other]))
""", """        came = network.line(stations[-2], here) if len(stations) > 1 else None
        if (here, came) in done:
            continue
        done.add((here, came))
        for other, more in network.neighbours(here):
            if came is not None and network.line(here, other) != came:
                more += change
            heapq.heappush(heap, (minutes + more, [*stations, other]))
"""),
        ("rail/fares.py", "def fare(network, start, goal):", "def fare(network, start, goal, change=0):"),
        ("rail/fares.py", "found = way(network, start, goal)", "found = way(network, start, goal, change)"),
    ), (
        ("rail/network.py", """        self.near = {}
        for a, b, minutes in tracks:
""", """        self.near = {}
        self.lines = {}
        for a, b, minutes, *line in tracks:
            self.lines[a, b] = self.lines[b, a] = line[0] if line else ""
"""),
        ("rail/network.py", """    def neighbours(self, station):""", """    def line(self, a, b):
        return self.lines[a, b]

    def neighbours(self, station):"""),
        ("rail/planner.py", "def way(network, start, goal):", "def way(network, start, goal, change=0):"),
        ("rail/planner.py", """        for other, more in network.neighbours(here):
""", """        for other, more in network.neighbours(here):
            if len(stations) > 1 and network.line(here, other) != network.line(stations[-2], here):
                more += change
"""),
        ("rail/fares.py", "def fare(network, start, goal):", "def fare(network, start, goal, change=0):"),
        ("rail/fares.py", "found = way(network, start, goal)", "found = way(network, start, goal, change)"),
    ), tuple(
        expression.replace("NET", f"network.Network({tracks})")
        for tracks, expressions in (
            ("[('A', 'B', 1, 'r'), ('A', 'C', 2, 'g'), ('C', 'B', 1, 'g'), ('B', 'D', 1, 'g')]", ("planner.way(NET, 'A', 'D')", "planner.way(NET, 'A', 'D', 5)", "planner.way(NET, 'D', 'A', 1)", "planner.way(NET, 'D', 'A', 2)", "planner.way(NET, 'D', 'A', 3)", "fares.fare(NET, 'A', 'D', 5)", "fares.fare(NET, 'A', 'D')", "NET.line('D', 'B')", "NET.neighbours('B')", "planner.way(NET, 'A', 'A', 9)", "planner.way(NET, 'A', 'B', 9)")),
            ("[('A', 'B', 10), ('B', 'C', 20)]", ("planner.way(NET, 'A', 'C', 7)", "NET.line('A', 'B')", "NET.line('A', 'C')", "planner.way(NET, 'A', 'Q', 7)", "fares.fare(NET, 'A', 'Q', 1)")),
            ("[('A', 'B', 5, 'x'), ('B', 'C', 5), ('C', 'D', 5, 'x'), ('A', 'D', 24, 'y')]", ("planner.way(NET, 'A', 'D', 4)", "planner.way(NET, 'A', 'D', 5)", "fares.fare(NET, 'D', 'A', 4)", "planner.way(NET, 'B', 'D', 1)")),
        )
        for expression in expressions
    )),
    Issue("easy", "conf", "Negative numbers come out as texts: `depth = -3` must give the number -3. `-` alone, `--3` and `3-` stay texts, and so does a number with a plus sign.", (
        ("conf/parse.py", "    if text.isdigit():\n", '    if text.removeprefix("-").isdigit():\n'),
    ), (
        ("conf/parse.py", "    if text.isdigit():\n", '    if text.lstrip("+-").isdigit():\n'),
    ), (
        "parse.value('-3')", "parse.value('3')", "parse.value('-')", "parse.value('--3')", "parse.value('3-')", "parse.value('+3')", "parse.value('')", "parse.value('true')", "parse.value('False')", "parse.parse('a = -10\\nb=x=y\\nnothing')", "load.load(['a = 1', 'a = -2'])", "parse.value('-0')", "parse.value('false')", "load.get({'a': -1}, 'a')",
    )),
    Issue("medium", "conf", "Support sections and comments. A line whose first character other than white space is # is a comment. A line `[name]` (blanks around it and inside the brackets do not count) begins a section: the settings after it are put into a mapping under that name, until the next section; `[]` goes back to the top. A section is there even when it is empty, and may be taken up again. `merged` lays sections over one another setting by setting; where only one side is a section, the upper side wins. The given settings are never changed.", (
        ("conf/parse.py", """    found = {}
    for line in text.splitlines():
        name, equals, rest = line.partition("=")
        if equals:
            found[name.strip()] = value(rest.strip())
    return found
""", """    found = {}
    place = found
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
            place = found.setdefault(section, {}) if section else found
            continue
        name, equals, rest = line.partition("=")
        if equals:
            place[name.strip()] = value(rest.strip())
    return found
"""),
        ("conf/merge.py", """    found = dict(lower)
    found.update(upper)
    return found
""", """    found = dict(lower)
    for name, value in upper.items():
        below = found.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            found[name] = merged(below, value)
        else:
            found[name] = value
    return found
"""),
    ), (
        ("conf/parse.py", """    found = {}
    for line in text.splitlines():
""", """    found = {}
    place = found
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("["):
            place = found[line.strip("[] ")] = {}
            continue
"""),
        ("conf/parse.py", "            found[name.strip()] = value(rest.strip())\n", "            place[name.strip()] = value(rest.strip())\n"),
        ("conf/merge.py", """    found.update(upper)
""", """    for name, value in upper.items():
        if isinstance(value, dict):
            found.setdefault(name, {}).update(value)
        else:
            found[name] = value
"""),
    ), (
        "parse.parse('a = 1\\n[db]\\nhost = x\\n[]\\nb = 2')", "parse.parse('  # a = 1\\nb = # 2')", "parse.parse(' [ db ] \\n\\n[log]\\nlevel=3\\n[db]\\nport = 5')", "parse.parse('[db]')", "parse.parse('[db\\na = 1')", "merge.merged({'db': {'a': 1, 'b': 2}}, {'db': {'b': 3}})", "merge.merged({'db': 1}, {'db': {'a': 1}})", "merge.merged({'db': {'a': 1}}, {'db': 1})", "(lambda lower: (merge.merged(lower, {'db': {'b': 3}}), lower))({'db': {'a': 1}})",
        "load.load(['[db]\\nhost = a\\nport = 1', '# over it\\n[db]\\nport = 2', 'x = true'])", "load.load([])", "merge.merged({'a': 1}, {'b': 2})", "parse.parse('a = [x]')", "load.get(load.load(['[s]\\nk = v']), 's')", "parse.parse('[a]\\nk = 1\\n#[b]\\nm = 2\\n [ ] \\nn = 3')", "merge.merged({'s': {}}, {'s': {'t': 0}})",
    )),
    Issue("hard", "conf", "Support references. After everything is merged, `load.load` replaces `${name}` inside text values by the setting of that name, as text (true and false in lower case), also several in one value, and references in what is put in are followed. A value that is nothing but one reference takes the other value with its kind. An unknown name raises KeyError with the name, settings that refer to one another in a circle raise ValueError. `$${` stands for `${` itself. Put it into a new file conf/refer.py as `resolved(settings)`, which returns new settings.", (
        ("conf/refer.py", "", '''"""Follows references between settings."""

import re

PIECE = re.compile(r"\\$\\$\\{|\\$\\{([^}]*)\\}")


def shown(value):
    """Return a value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def follow(settings, name, on_the_way):
    """Return the value of a setting with its references followed."""
    if name in on_the_way:
        raise ValueError("settings refer to one another")
    value = settings[name]
    if not isinstance(value, str):
        return value
    way = (*on_the_way, name)
    whole = re.fullmatch(r"\\$\\{([^}]*)\\}", value)
    if whole:
        return follow(settings, whole[1], way)

    def piece(match):
        return "${" if match[1] is None else shown(follow(settings, match[1], way))

    return PIECE.sub(piece, value)


def resolved(settings):
    """Return settings without references."""
    return {name: follow(settings, name, ()) for name in settings}
'''),
        ("conf/load.py", "from conf.parse import parse\n", "from conf.parse import parse\nfrom conf.refer import resolved\n"),
        ("conf/load.py", """        found = merged(found, parse(text))
    return found
""", """        found = merged(found, parse(text))
    return resolved(found)
"""),
    ), (
        ("conf/refer.py", "", """import re


def resolved(settings):
    found = dict(settings)
    for name, value in settings.items():
        if isinstance(value, str):
            found[name] = re.sub(r"\\$\\{([^}]*)\\}", lambda match: str(found[match[1]]), value)
    return found
"""),
        ("conf/load.py", "from conf.parse import parse\n", "from conf.parse import parse\nfrom conf.refer import resolved\n"),
        ("conf/load.py", """        found = merged(found, parse(text))
    return found
""", """        found = merged(found, parse(text))
    return resolved(found)
"""),
    ), (
        "load.load(['root = /srv', 'data = ${root}/data'])", "load.load(['data = ${root}/data\\nroot = /srv'])", "load.load(['a = 5\\nb = ${a}\\nc = ${a}px'])", "load.load(['on = true\\nx = ${on}\\ny = is ${on}'])", "load.load(['off = false\\ny = ${off}!'])", "load.load(['a = ${b}\\nb = ${c}-${c}\\nc = 1'])", "load.load(['a = ${b}\\nb = ${a}'])", "load.load(['a = x${a}'])", "load.load(['a = ${q}'])", "load.load(['a = $${b}\\nc = ${a}'])", "load.load(['a = 1', 'b = ${a}', 'a = 2'])", "load.load([])", "load.load(['price = $5 {x}'])",
        "parse.parse('a = ${b}')", "load.load(['x = 1\\na = ${x}${x}'])", "load.load(['a = <${e}>\\ne ='])", "load.load(['a = ${b}\\nb = ${c}\\nc = x${b}'])",
    )),
]  # fmt: skip
