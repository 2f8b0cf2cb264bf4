"""Dashboards of many panels: pick those whose light, arrow, bars and target fit, and combine their numbers.

What grows: panels, conditions, and units in which a number is given. The measure is the number of panels. CharXiv
(arXiv 2406.18521) has models fall behind where a question needs several parts of a picture.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from gapbench.ladder import Item, Ladder, Rung

from ..canvas import draw_images
from ..scene import Page, draw_until, picture_item

SITES = (
    "Aalen", "Bergen", "Cairo", "Delft", "Essen", "Faro", "Ghent", "Hanoi", "Izmir", "Jena", "Kyoto", "Lille",
    "Milan", "Nancy", "Oslo", "Porto", "Quito", "Riga", "Sofia", "Turin", "Ulm", "Vigo", "Wells", "York",
)  # fmt: skip
LIGHTS = ("green", "orange", "red")
PANEL_X, PANEL_Y = 92, 62


class Panel(NamedTuple):
    """One panel: orders and their target, how the light and the arrow are, and five days in steps of a bar's height."""

    name: str
    light: str
    is_up: bool
    orders: int
    target: int
    days: tuple[int, ...]
    is_in_thousands: bool


def draw(r: Random, rung: Rung) -> Item:
    """Return a dashboard of so many panels and a question about some of them."""
    s = rung.settings
    panels, asked = draw_until(
        r, lambda r: _panels_and_question(r, int(rung.complexity), s), lambda made: made[1] is not None
    )
    question, answer, slip, told = asked
    return picture_item(r, [picture(panels, s)], question=question, answer=answer, slip=slip, solution=told)


def _panels_and_question(r: Random, count: int, s: Any) -> tuple[list[Panel], Any]:
    names = list(SITES)
    if count > len(SITES):
        names = [f"{site} {k}" for site in SITES for k in range(1, -(-count // len(SITES)) + 1)]
    panels = []
    for name in r.sample(names, count):
        in_thousands = r.randrange(100) < s["thousands"]
        orders = r.randint(11, 99) * 100 if in_thousands else r.randint(101, 9999 if s["thousands"] else 999)
        target = max(11, orders + r.choice((-1, 1)) * r.randint(1, 9) * (100 if in_thousands else 10))
        days = tuple(r.randint(1, 9) for _ in range(5))
        panels.append(Panel(name, r.choice(LIGHTS), r.random() < 0.5, orders, target, days, in_thousands))
    return panels, _ask(r, panels, s)


def _ask(r: Random, panels: list[Panel], s: Any) -> Any:
    conditions = s["conditions"]
    if not conditions:
        panel = r.choice(panels)
        slip = r.choice([p.orders for p in panels if p is not panel])
        told = [f"{panel.name}: {panel.orders}"]
        return (f"How many orders does the panel {panel.name} show?", panel.orders, slip, told) if slip != panel.orders else None  # fmt: skip
    light, day = r.choice(LIGHTS), r.randrange(5)
    is_up = r.random() < 0.5
    parts, kept = [], panels
    if "light" in conditions:
        parts.append(f"have {'an' if light == 'orange' else 'a'} {light} light")
        kept = [p for p in kept if p.light == light]
    if "arrow" in conditions:
        parts.append(f"have an arrow that points {'up' if is_up else 'down'}")
        kept = [p for p in kept if p.is_up == is_up]
    if "target" in conditions:
        parts.append("show more orders than their target")
        kept = [p for p in kept if p.orders > p.target]
    if "day" in conditions:
        # Height alone decides; equal bars do not count, and the question says so.
        other = r.choice([d for d in range(5) if d != day])
        parts.append(f"have a bar {day + 1} that is higher than their bar {other + 1}")
        kept = [p for p in kept if p.days[day] > p.days[other]]
    question = f"Look only at the panels that {_and(parts)}."
    if s["minus"]:
        question += " Add up their orders, then subtract the targets of the same panels. What is the result?"
        answer = sum(p.orders - p.target for p in kept)
        slip = sum(p.orders for p in kept)
    else:
        question += " What is the sum of their orders?"
        answer = sum(p.orders for p in kept)
        slip = sum(p.orders for p in panels if p.light == light)
    if s["thousands"]:
        question += " An ending k means thousands."
    if slip == answer:
        slip = sum(p.orders for p in panels)
    told = [f"{p.name}: {p.orders}{f' - {p.target}' if s['minus'] else ''}" for p in kept]
    good = 2 <= len(kept) < len(panels) and answer != 0 and slip > 0
    return (question, answer, slip, told) if good else None


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def shown(number: int, *, in_thousands: bool) -> str:
    """Return a number as a panel shows it: ``3400``, or ``3.4k``."""
    return f"{number // 1000}.{number % 1000 // 100}k" if in_thousands else str(number)


def picture(panels: list[Panel], s: Any) -> Page:
    """Return the dashboard, panels in rows."""
    big = s["size"]
    wide, high = PANEL_X * big, PANEL_Y * big
    columns = next(c for c in range(1, 99) if c * c * 3 // 4 >= len(panels) or c >= len(panels))
    page = Page(columns * (wide + 8) + 8, -(-len(panels) // columns) * (high + 8) + 8)
    for k, panel in enumerate(panels):
        x, y = 8 + k % columns * (wide + 8), 8 + k // columns * (high + 8)
        page.box(x, y, x + wide, y + high, "white", "gray")
        page.text(x + 5 * big, y + 9 * big, panel.name, size=big)
        page.disc(x + wide - 9 * big, y + 9 * big, 4 * big, panel.light)
        page.text(x + 5 * big, y + 27 * big, "orders", size=big)
        page.text(
            x + wide - 6 * big,
            y + 27 * big,
            shown(panel.orders, in_thousands=panel.is_in_thousands),
            size=big,
            anchor="right",
        )
        if s["conditions"]:
            _details(page, x, y, panel, big)
    return page


def _details(page: Page, x: int, y: int, panel: Panel, big: int) -> None:
    page.text(x + 5 * big, y + 40 * big, "target", size=big)
    target = shown(panel.target, in_thousands=panel.is_in_thousands)
    page.text(x + (PANEL_X - 6) * big, y + 40 * big, target, size=big, anchor="right")
    for d, height in enumerate(panel.days):
        left, floor = x + (6 + 10 * d) * big, y + 59 * big
        page.box(left, floor - (height + 1) * big, left + 7 * big, floor, "blue")
    tip, tail = (y + 48 * big, y + 59 * big) if panel.is_up else (y + 59 * big, y + 48 * big)
    middle = x + (PANEL_X - 14) * big
    page.shape([(middle, tip), (middle + 6 * big, tail), (middle - 6 * big, tail)], "black")


def _rung(panels: int, *conditions: str, thousands: int = 0, minus: bool = False, size: int = 1) -> Rung:
    settings = {"conditions": conditions, "thousands": thousands, "minus": minus, "size": size}
    return Rung(panels, settings)


LADDER = Ladder(
    name="multimodal/dashboards",
    measure="panels",
    rungs=[
        _rung(2, size=2),
        _rung(4, size=2),
        _rung(5, "light", size=2),
        _rung(8, "light"),
        _rung(12, "light"),
        _rung(18, "light", "arrow"),
        _rung(26, "light", "arrow", thousands=40),
        _rung(36, "light", "target", thousands=40),
        _rung(50, "light", "target", thousands=40),
        _rung(72, "arrow", "target", thousands=40, minus=True),
        _rung(100, "light", "day", thousands=40, minus=True),
        _rung(144, "arrow", "day", thousands=40, minus=True),
    ],
    draw=draw,
    images=draw_images,
    kept_per_rung=5,
)
