"""What the solvers of picture ladders share: marks by kind, and limits of the eye."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
Answer = Callable[[Row], Any]


class Text(NamedTuple):
    """Printed or written words on one page; ``x`` and ``y`` are their middle."""

    left: int
    x: float
    y: int
    right: int
    words: str
    size: int
    color: str
    page: int


def texts(row: Row, *, page: int | None = None) -> list[Text]:
    """Return the printed words, in the order of the marks."""
    found = []
    for number, shown in enumerate(row["scene"]):
        if page is not None and number != page:
            continue
        for mark in shown["marks"]:
            if mark[0] == "text":
                _, left, y, words, size, color, _ = mark
                width = 6 * size * len(words)
                found.append(Text(left, left + width / 2, y, left + width, words, size, color, number))
    return found


def marks(row: Row, kind: str, page: int = 0) -> list[list[Any]]:
    """Return the marks of a kind on a page, without their kind."""
    return [mark[1:] for mark in row["scene"][page]["marks"] if mark[0] == kind]


def nearest(found: Iterable[Text], x: float, y: float) -> Text:
    """Return the text whose middle is closest."""
    return min(found, key=lambda text: (text.x - x) ** 2 + (text.y - y) ** 2)


def seeing(change: Callable[[Row], Row], answer: Answer) -> Answer:
    """Return a solver who sees less than is drawn, or something else, and gives up when the picture makes no sense."""

    def limited(row: Row) -> Any:
        try:
            return answer(change(row))
        except (AmbiguousError, ValueError, KeyError, IndexError, ZeroDivisionError, StopIteration):
            return None

    return limited


def attempt(answer: Answer) -> Answer:
    """Return a solver who gives up when the picture makes no sense."""
    return seeing(lambda row: row, answer)


def _with_marks(row: Row, keep: Callable[[int, Mapping[str, Any], list[list[Any]]], list[list[Any]]]) -> Row:
    scene = [{**page, "marks": keep(k, page, page["marks"])} for k, page in enumerate(row["scene"])]
    return {**row, "scene": scene}


def first_pages(count: int) -> Callable[[Row], Row]:
    """See only so many pages."""
    return lambda row: {**row, "scene": row["scene"][:count]}


def first_marks(count: int) -> Callable[[Row], Row]:
    """See only so many marks of each page, in the order of drawing."""
    return lambda row: _with_marks(row, lambda k, page, marks: marks[:count])


def upper_left(width: int, height: int) -> Callable[[Row], Row]:
    """See only so many units of each page from its upper left corner."""

    def inside(mark: list[Any]) -> bool:
        x, y = (mark[1][0], mark[1][1]) if isinstance(mark[1], list) else (mark[1], mark[2])
        return bool(x <= width and y <= height)

    return lambda row: _with_marks(row, lambda k, page, marks: [mark for mark in marks if inside(mark)])


def thumbnail(side: int, least: float = 8.0) -> Callable[[Row], Row]:
    """See each page scaled to ``side`` pixels on its longer side, where letters lower than ``least`` pixels blur."""

    def keep(k: int, page: Mapping[str, Any], marks: list[list[Any]]) -> list[list[Any]]:
        factor = side / max(page["width"], page["height"])
        return [
            mark
            for mark in marks
            if not (mark[0] == "text" and 11 * mark[4] * factor < least)
            and not (mark[0] == "ink" and 6 * mark[4] * factor < least)
        ]

    return lambda row: _with_marks(row, keep)


def misreading(one_in: int, *, least_digits: int = 1) -> Callable[[Row], Row]:
    """Take one in so many printed or written numbers, of so many digits or more, for another with one digit changed."""

    def keep(k: int, page: Mapping[str, Any], marks: list[list[Any]]) -> list[list[Any]]:
        r = Random(f"{row_seed(page)}/{k}")
        return [_misread(r, mark, least_digits) if r.randrange(one_in) == 0 else mark for mark in marks]

    def row_seed(page: Mapping[str, Any]) -> str:
        return str(page["marks"])

    return lambda row: _with_marks(row, keep)


def _misread(r: Random, mark: list[Any], least_digits: int) -> list[Any]:
    places = [k for k, letter in enumerate(mark[3]) if letter.isdigit()] if mark[0] in ("text", "ink") else []
    if len(places) < least_digits or any(letter.isalpha() and letter != "k" for letter in mark[3]):
        return mark
    place = r.choice(places)
    digit = (int(mark[3][place]) + r.randint(1, 9)) % 10
    return [*mark[:3], f"{mark[3][:place]}{digit}{mark[3][place + 1 :]}", *mark[4:]]
