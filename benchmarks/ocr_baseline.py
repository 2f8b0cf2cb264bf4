"""How far text recognition and rules come on the picture ladders: ``python -m benchmarks.ocr_baseline [category/name …]``.

Tesseract reads each committed image, enlarged to three pixels a unit; rules per ladder then answer from the words and
where they stand. Colors, lines, arrows and shapes are not seen. Writes benchmarks/results/ocr_baseline.json with the
share right by rung. Needs the program ``tesseract`` (Debian: tesseract-ocr).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageChops, ImageFilter

from gapbench.suite.tasks.builtin import builtin_folder

RESULT = Path(__file__).parent / "results" / "ocr_baseline.json"
PIXELS_A_UNIT = 3
"""Tesseract reads letters of about 30 pixels best; printed ones have 11 units."""
BLACK = 90
"""Brightest channel of a pixel that is printed black: 20. Of a colored one it is 144 or more."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Row = Mapping[str, Any]


class Word(NamedTuple):
    """A word with its middle, in units."""

    words: str
    x: float
    y: float


def recognize(image: bytes, scale: int, layout: int, blur: float, *, ink_only: bool = False) -> list[Word]:
    """Return the words of an image.

    Args:
        image: A PNG file.
        scale: Its pixels a unit.
        layout: Tesseract's ``--psm``: 6 for one block of text, 11 for words anywhere.
        blur: Pixels. It rounds off the steps that enlarged letters of a bitmap font have; strokes need none.
        ink_only: Take away all that is not black, so that dots beside numbers are not taken for letters.
    """
    picture = Image.open(io.BytesIO(image)).convert("RGB")
    brightest = ImageChops.lighter(ImageChops.lighter(*picture.split()[:2]), picture.split()[2])
    picture = brightest.point(lambda value: 255 * (value > BLACK)) if ink_only else picture.convert("L")
    factor = PIXELS_A_UNIT / scale
    picture = picture.resize(
        (round(picture.width * factor), round(picture.height * factor)), Image.Resampling.NEAREST
    )
    picture = picture.filter(ImageFilter.GaussianBlur(blur))
    file = io.BytesIO()
    picture.save(file, format="PNG")
    words = _words(file.getvalue(), layout)
    # A number is often taken for other signs; a second look, at digits alone, settles what has one digit or more.
    digits = _words(file.getvalue(), layout, "0123456789.k")
    return [_as_number(word, digits) for word in words]


def _words(png: bytes, layout: int, signs: str = "") -> list[Word]:
    command = ["tesseract", "-", "-", "--psm", str(layout)]
    if signs:
        command += ["-c", f"tessedit_char_whitelist={signs}"]
    told = subprocess.run(
        [*command, "tsv"],
        input=png,
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    ).stdout.decode()
    words = []
    for line in told.splitlines()[1:]:
        cells = line.split("\t")
        said = cells[11].strip(" |#.,") if len(cells) == 12 else ""
        if said:
            left, top, width, height = (int(cell) / PIXELS_A_UNIT for cell in cells[6:10])
            words.append(Word(said, left + width / 2, top + height / 2))
    return words


def _as_number(word: Word, digits: Sequence[Word]) -> Word:
    """Return the number that digits alone give at the same place, for a word that may be one."""
    if not re.search(r"[\d$%]", word.words) or number(word.words) is not None:
        return word
    there = [
        w for w in digits if abs(w.x - word.x) < 6 and abs(w.y - word.y) < 4 and number(w.words) is not None
    ]
    return there[0] if there else word


def lines(words: Sequence[Word], height: float = 6) -> list[list[Word]]:
    """Return words grouped into lines, each from left to right."""
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda w: w.y):
        if found and word.y - found[-1][0].y < height:
            found[-1].append(word)
        else:
            found.append([word])
    return [sorted(line, key=lambda w: w.x) for line in found]


def number(words: str) -> int | None:
    """Return a number as printed, or None."""
    if m := re.fullmatch(r"(\d+)\.(\d)k", words):
        return int(m[1]) * 1000 + int(m[2]) * 100
    return int(words) if words.isdigit() else None


def near(words: Sequence[Word], said: str) -> Word | None:
    """Return the word that says so, or None."""
    return next((word for word in words if word.words == said), None)


def nearest(words: Sequence[Word], x: float) -> Word:
    """Return the word whose middle is the nearest to a place across."""
    return min(words, key=lambda word: abs(word.x - x))


def answer_printed_value(question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """Charts and plots: the number that stands over the label, if there is one."""
    m = re.search(r"show for (\w+)\?|at x = (\d+)\?", question)
    words = pages[0]
    if not m or not words:
        return None
    bottom = max(word.y for word in words if word.words != "x")
    label = next(
        (w for w in words if w.words == (m[1] or m[2]) and abs(w.y - bottom) < 16 and w.x > 40), None
    )
    over = [
        w
        for w in words
        if label and number(w.words) is not None and abs(w.x - label.x) < 14 and w.y < label.y - 6
    ]
    return number(max(over, key=lambda w: w.y).words) if over else None


def answer_documents(question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """Rows of the orders by their words; prices and discounts by the first word of a line."""
    orders: list[tuple[list[str], int]] = []
    values: dict[str, int] = {}
    for page in pages:
        for line in lines(page):
            said = [word.words for word in line]
            numbers = [number(word) for word in said]
            if len(said) >= 5 and numbers[0] is not None:
                counted = [n for n in numbers[1:] if n is not None]
                orders.append((said, counted[-1] if counted else 0))
            elif len(said) in (2, 3) and numbers[1] is not None:
                values[said[0]] = numbers[1]
    if m := re.search(r"does order (\d+) have", question):
        return next((units for said, units in orders if said[0] == m[1]), None)
    if m := re.search(r"from (\w+) through (\w+)", question):
        wanted = MONTHS[MONTHS.index(m[1]) : MONTHS.index(m[2]) + 1]
        orders = [order for order in orders if set(order[0]) & set(wanted)]
    orders = [order for order in orders if "void" not in order[0]]
    client = re.search(r"(?:did|orders of) (\w+)", question)
    total = 0.0
    bound = re.search(r"discount is (\d+) %", question)
    for said, units in orders:
        if client and client[1] not in said:
            continue
        price = next((values[word] for word in said if word.islower() and word in values), 1)
        percent = next((values[word] for word in said if word.istitle() and word in values), 0)
        if not bound or percent >= int(bound[1]):
            total += units * (price if "price list" in question else 1) * (100 - percent) / 100
    return round(total)


def answer_compare(question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """Numbers by the names of row and column; by place where those have not moved, since names are often misread."""
    rows_moved, columns_moved = "in another order" in question, "columns are in another order" in question
    tables: list[dict[str, list[tuple[str, Word]]]] = []
    for page in pages:
        _, heads, *rows = lines(page)
        table = {}
        for place, (name, *cells) in enumerate(rows):
            table[name.words if rows_moved else str(place)] = [
                (nearest(heads, cell.x).words, cell) for cell in cells
            ]
        tables.append(table)
    changed = []
    for row, named in tables[1].items():
        for head, cell in named:
            there = [
                number(one.words)
                for name, one in tables[0].get(row, ())
                if (name == head if columns_moved else abs(one.x - cell.x) < 10)
            ]
            value = number(cell.words)
            if value is not None and there and there[0] not in (None, value):
                changed.append(value)
    return sum(changed) if changed else None


def answer_forms(question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """The last number read in a cell; a column's sum over all days."""
    total = None
    if m := re.search(r"for (\w+) on (\w+)", question):
        wanted, days = [m[1]], [m[2]]
    elif m := re.match(r"Add up ([a-z, ]+?)(?: on | over )", question):
        wanted, days = re.split(r", | and ", m[1]), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    else:
        return None
    for page in pages:
        for kind in wanted:
            for day in days:
                head, side = near(page, kind), near(page, day)
                cell = [
                    w for w in page if head and side and number(w.words) is not None
                    and abs(w.x - head.x) < 56 and abs(w.y - side.y) < 11
                ]  # fmt: skip
                if cell:
                    total = (total or 0) + (number(max(cell, key=lambda w: w.x).words) or 0)
    return total


def answer_dashboards(question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """The number beside *orders* below a name; else the sum of all orders."""
    words = pages[0]
    labels = [word for word in words if word.words == "orders"]

    def beside(label: Word) -> int | None:
        right = [
            w
            for w in words
            if number(w.words) is not None and abs(w.y - label.y) < 8 and 0 < w.x - label.x < 150
        ]
        return number(min(right, key=lambda w: w.x).words) if right else None

    if m := re.search(r"does the panel (.+) show", question):
        name = near(words, m[1].split()[0])
        below = [label for label in labels if name and label.y > name.y and abs(label.x - name.x) < 60]
        return beside(min(below, key=lambda label: label.y)) if below else None
    return sum(value for label in labels if (value := beside(label)) is not None)


def answer_diagrams(question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """One box after another in reading order."""
    m = re.match(r"x is (\d+)\..*after (\d+) box", question)
    said = " ".join(word.words for line in lines(pages[0]) for word in line)
    steps = re.findall(r"([-+x—]) ?(\d+)", said)
    if not m or not steps:
        return None
    x = int(m[1])
    for sign, amount in steps[: int(m[2])]:
        x = {"+": x + int(amount), "x": x * int(amount)}.get(sign, x - int(amount)) % 1000
    return x


def answer_spatial(_question: str, pages: Sequence[Sequence[Word]]) -> int | None:
    """A map has no words: count the objects that are taken for some."""
    return sum(len(page) for page in pages)


RULES: Mapping[str, Callable[[str, Sequence[Sequence[Word]]], int | None]] = {
    "multimodal/charts": answer_printed_value,
    "multimodal/plots": answer_printed_value,
    "multimodal/documents": answer_documents,
    "multimodal/diagrams": answer_diagrams,
    "multimodal/spatial": answer_spatial,
    "multimodal/compare": answer_compare,
    "multimodal/forms": answer_forms,
    "multimodal/dashboards": answer_dashboards,
}


READING: Mapping[str, tuple[int, float]] = {
    "multimodal/charts": (11, 1.5),
    "multimodal/plots": (11, 1.5),
    "multimodal/documents": (6, 1.5),
    "multimodal/diagrams": (11, 0),
    "multimodal/spatial": (11, 0),
    "multimodal/compare": (6, 1.5),
    "multimodal/forms": (11, 0),
    "multimodal/dashboards": (6, 1.5),
}
"""Layout and blur that read most words right, tried on rungs 1 to 3."""


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the committed rows of a ladder."""
    file = builtin_folder() / name / "samples.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def is_right(name: str, row: Row) -> bool:
    """Read a row's images and answer it by rules."""
    folder = builtin_folder() / name
    pages = [
        recognize(
            (folder / file).read_bytes(), row["scale"], *READING[name], ink_only=name == "multimodal/compare"
        )
        for file in row["images"]
    ]
    try:
        return bool(RULES[name](row["question"], pages) == row["answer"])
    except (ValueError, IndexError, KeyError):  # words that make no sense together
        return False


def measure(name: str, per_rung: int, jobs: int) -> dict[str, Any]:
    """Return the share right by rung, and over the upper half of the rungs."""
    rows: list[dict[str, Any]] = []
    for rung in sorted({row["rung"] for row in rows_of(name)}):
        rows += [row for row in rows_of(name) if row["rung"] == rung][:per_rung]
    with ThreadPoolExecutor(jobs) as pool:
        right = list(pool.map(lambda row: is_right(name, row), rows))
    by_rung: dict[int, list[bool]] = {}
    for row, hit in zip(rows, right, strict=True):
        by_rung.setdefault(row["rung"], []).append(hit)
    half = len(by_rung) // 2
    upper = [hit for rung, hits in by_rung.items() if rung > half for hit in hits]
    return {
        "items": len(rows),
        "images": sum(len(row["images"]) for row in rows),
        "right_by_rung": [f"{sum(hits)}/{len(hits)}" for hits in by_rung.values()],
        "share_right_on_the_upper_half": round(sum(upper) / len(upper), 3),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--per-rung", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in options.names or RULES:
        results[name] = measure(name, options.per_rung, options.jobs)
        RESULT.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
        print(name, results[name], flush=True)


if __name__ == "__main__":
    main()
