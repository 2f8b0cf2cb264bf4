"""Forms filled in by hand: shaking strokes, numbers crossed out and corrected, ditto marks, boxes with a cross.

What grows: written cells, forms, corrections, dittos, conditions. The measure is the number of written cells.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import INK_HEIGHT, INK_WIDTH, Page, draw_until, join_words, picture_item

NAMES = (
    "ALBER", "BAKER", "CARTER", "DEAN", "EDER", "FEHR", "GRANT", "HUBER", "KRAMER", "LAMBERT", "MARTEN", "NEUMAN",
    "PETERS", "REUTER", "TANNER", "URBAN", "VANCE", "WEBER",
)  # fmt: skip
KINDS = ("meals", "hotel", "train", "taxi", "fuel", "phone")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNIT = 2
DIGIT = INK_WIDTH * UNIT
CELL_X, CELL_Y = 3 * 3 * DIGIT + 22, 24
HEAD = 62


class Cell(NamedTuple):
    """A written cell: numbers that were crossed out, then the one that counts, or a ditto for it."""

    value: int
    crossed: tuple[int, ...]
    is_ditto: bool


class Form(NamedTuple):
    """One page: who, whether the box *paid* has a cross, and by day a cross for *abroad* and the cells."""

    name: str
    is_paid: bool
    days: list[tuple[bool, list[Cell]]]


def draw(r: Random, rung: Rung) -> Item:
    """Return so many forms and a question about some of their cells."""
    s = rung.settings
    kinds = sorted(r.sample(KINDS, s["kinds"]), key=KINDS.index)
    names = r.sample(NAMES, s["forms"])
    forms, asked = draw_until(
        r, lambda r: _forms_and_question(r, rung, names, kinds), lambda made: made[1] is not None
    )
    question, answer, slip, told = asked
    pages = [picture(r, form, kinds) for form in forms]
    return picture_item(r, pages, question=question, answer=answer, slip=slip, solution=told)


def _forms_and_question(r: Random, rung: Rung, names: list[str], kinds: list[str]) -> tuple[list[Form], Any]:
    s = rung.settings
    forms = []
    for name in names:
        days: list[tuple[bool, list[Cell]]] = []
        for d in range(s["days"]):
            row = []
            for k in range(len(kinds)):
                if d and r.randrange(100) < s["dittos"]:
                    row.append(Cell(days[d - 1][1][k].value, (), is_ditto=True))
                    continue
                value = r.randint(11, 999)
                times = r.choice((1, 1, 2)) if r.randrange(100) < s["crossed"] else 0
                others = [n for n in (r.randint(11, 999) for _ in range(times)) if n != value]
                row.append(Cell(value, tuple(others), is_ditto=False))
            days.append((r.random() < 0.5, row))
        forms.append(Form(name, r.random() < 0.6, days))
    return forms, _ASK[s["ask"]](r, forms, kinds, s)


def _rules(s: Any) -> str:
    said = ""
    if s["crossed"]:
        said += " A number that is crossed out does not count; the one after it does."
    if s["dittos"]:
        said += ' A ditto mark (") repeats the number that counts in the cell above.'
    return said


def ask_cell(r: Random, forms: list[Form], kinds: list[str], s: Any) -> Any:
    """Ask for one cell."""
    form, d, k = r.choice(forms), r.randrange(s["days"]), r.randrange(len(kinds))
    cell = form.days[d][1][k]
    others = [c.value for f in forms for _, row in f.days for c in row if c.value != cell.value]
    slip = cell.crossed[0] if cell.crossed else r.choice(others) if others else cell.value + 1
    who = f" on the form of {form.name}" if len(forms) > 1 else ""
    question = f"How much is written for {kinds[k]} on {DAYS[d]}{who}?{_rules(s)}"
    return question, cell.value, slip, [f"{form.name}, {DAYS[d]}, {kinds[k]}: {cell.value}"]


def ask_sum(r: Random, forms: list[Form], kinds: list[str], s: Any) -> Any:
    """Ask for the sum of one column, perhaps of the days abroad or of the paid forms alone."""
    plus = r.sample(range(len(kinds)), s["plus"])
    minus = r.sample([k for k in range(len(kinds)) if k not in plus], s["minus"])
    kept = [f for f in forms if f.is_paid or not s["paid"]]
    told, answer, slip = [], 0, 0
    for form in forms:
        for d, (is_abroad, row) in enumerate(form.days):
            value = sum(row[k].value for k in plus) - sum(row[k].value for k in minus)
            slip += value
            if form in kept and (is_abroad or not s["abroad"]):
                answer += value
                told.append(f"{form.name}, {DAYS[d]}: {value}")
    if slip == answer:
        slip = answer - sum(cell.value for _, row in forms[0].days for cell in row[:1])
    if len(told) < 2 or answer <= 0 or slip <= 0:
        return None
    columns = join_words([kinds[k] for k in sorted(plus)])
    where = " on the days marked abroad" if s["abroad"] else ""
    which = "all forms" if len(forms) > 1 else "the form"
    if s["paid"]:
        which = "the forms whose box 'paid' has a cross"
    question = f"Add up {columns}{where} over {which}."
    if minus:
        question += f" Then subtract {join_words([kinds[k] for k in sorted(minus)])}{' of the same days' if s['abroad'] else ''} and forms."
    return f"{question} What is the result?{_rules(s)}", answer, slip, told


_ASK = {"cell": ask_cell, "sum": ask_sum}


def picture(r: Random, form: Form, kinds: list[str]) -> Page:
    """Return the page of a form."""
    left = 74
    page = Page(left + CELL_X * len(kinds) + 8, HEAD + CELL_Y * len(form.days) + 8)
    page.text(8, 14, "Name")
    page.ink(40, 14, form.name, r.randrange(10**6), size=UNIT)
    page.line([(38, 24), (160, 24)], "gray")
    page.box(170, 8, 182, 20, "white")
    page.text(188, 14, "paid")
    if form.is_paid:
        page.ink(172, 14, "X", r.randrange(10**6), size=UNIT)
    page.width = max(page.width, 226)
    page.text(34, 48, "abroad")
    for k, kind in enumerate(kinds):
        page.text(left + CELL_X * k + CELL_X // 2, 48, kind, anchor="middle")
    for d, (is_abroad, row) in enumerate(form.days):
        top = HEAD + CELL_Y * d
        y = top + CELL_Y // 2
        page.text(8, y, DAYS[d])
        page.box(46, y - 6, 58, y + 6, "white")
        if is_abroad:
            page.ink(48, y, "X", r.randrange(10**6), size=UNIT)
        for k, cell in enumerate(row):
            x = left + CELL_X * k
            page.box(x, top, x + CELL_X, top + CELL_Y, "white", "gray")
            write(r, page, x + 4 + r.randint(0, 4), y + r.randint(-2, 2), cell)
    return page


def write(r: Random, page: Page, x: int, y: int, cell: Cell) -> None:
    """Write a cell, each number after the one that it corrects."""
    if cell.is_ditto:
        page.ink(x + 2 * DIGIT, y, '"', r.randrange(10**6), size=UNIT)
        return
    for number in (*cell.crossed, cell.value):
        page.ink(x, y, number, r.randrange(10**6), size=UNIT)
        wide = DIGIT * len(str(number))
        if number != cell.value:
            tilt = r.randint(-3, 3)
            page.line([(x - 2, y + tilt), (x + wide - 2, y - tilt)], "blue")
            if r.random() < 0.5:
                page.line([(x - 2, y + tilt + 3), (x + wide - 2, y - tilt + 2)], "blue")
        x += wide + 6
    assert y + INK_HEIGHT * UNIT // 2 < page.height


def _rung(
    forms: int,
    days: int,
    kinds: int,
    ask: str,
    *,
    crossed: int = 0,
    dittos: int = 0,
    abroad: bool = False,
    paid: bool = False,
    plus: int = 1,
    minus: int = 0,
) -> Rung:
    return Rung(
        forms * days * kinds,
        {
            "forms": forms,
            "days": days,
            "kinds": kinds,
            "ask": ask,
            "crossed": crossed,
            "dittos": dittos,
            "abroad": abroad,
            "paid": paid,
            "plus": plus,
            "minus": minus,
        },
    )


LADDER = Ladder(
    name="multimodal/forms",
    measure="written cells",
    rungs=[
        _rung(1, 2, 1, "cell"),
        _rung(1, 2, 2, "cell"),
        _rung(1, 3, 2, "cell", crossed=30),
        _rung(1, 5, 2, "sum"),
        _rung(1, 7, 2, "sum", crossed=30),
        _rung(1, 7, 3, "sum", crossed=30, dittos=15, abroad=True),
        _rung(2, 7, 2, "sum", crossed=30, dittos=20),
        _rung(2, 7, 3, "sum", crossed=30, dittos=25, abroad=True),
        _rung(3, 7, 3, "sum", crossed=35, dittos=25, abroad=True, paid=True, plus=2),
        _rung(4, 7, 4, "sum", crossed=40, dittos=25, abroad=True, paid=True, plus=2, minus=1),
        _rung(6, 7, 5, "sum", crossed=40, dittos=30, abroad=True, paid=True, plus=3, minus=2),
        _rung(9, 7, 6, "sum", crossed=45, dittos=30, abroad=True, paid=True, plus=3, minus=3),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
