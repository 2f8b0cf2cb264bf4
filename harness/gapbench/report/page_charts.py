"""Charts as SVG. A chart has positions and classes; ``report.css`` gives the colours, and :mod:`gapbench.report.chart_files` styles files."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gapbench import formatting

Row = Mapping[str, Any]
Formatter = Callable[[float], str]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 340, 58, 96, 16, 46
LABEL_PX = (18, 13)
"""Font size of a label on a phone and on a wide screen. A label is placed with room for the first, else for the second."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to positions along one direction.

    Attributes:
        low: Value at ``start``.
        high: Value at ``end``.
        start: Position of the lowest value.
        end: Position of the highest value.
        logarithmic: Whether equal distances are equal factors.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def position(self, value: float) -> float:
        """Return the position of a value."""
        low, high, here = (
            math.log10(number) if self.logarithmic else number for number in (self.low, self.high, value)
        )
        return self.start + (here - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values along the axis."""
        return _decades(self.low, self.high) if self.logarithmic else _ticks(self.low, self.high)


def draw_scatter(
    rows: Sequence[Row],
    x_column: str,
    front: Sequence[bool],
    label: str,
    format_value: Formatter,
    size: tuple[float, float] = (WIDTH, HEIGHT),
    *,
    is_invalid: Sequence[bool] = (),
) -> Markup:
    """Return accuracy over a cost or a time, by model; the axis is logarithmic over more than a decade.

    Args:
        rows: Models of a summary.
        x_column: Column of the horizontal axis; rows without it are not drawn.
        front: For each row, whether it is on the Pareto front: such points are ringed and joined.
        label: Name of the horizontal axis.
        format_value: Formats a value of the horizontal axis.
        size: Width and height. A chart with long names is wider.
        is_invalid: For each row, whether its value is invalid: such points are hollow, and their label says so. (): none is.
    """
    late = list(is_invalid) or [False] * len(rows)
    names = [
        len(formatting.strip_controls(row["model_id"])) + 10 * wrong
        for row, wrong in zip(rows, late, strict=True)
    ]
    # A name of any point has room on one side.
    room = math.ceil(LEFT + 4 + 2 * (13 + 0.585 * LABEL_PX[-1] * max(names, default=0)))
    width, height = max(size[0], room), max(size[1], 200)
    drawn = [
        ({**row, "is_invalid": invalid}, float(row[x_column]), on_front)
        for row, on_front, invalid in zip(rows, front, late, strict=True)
        if formatting.is_known(row[x_column])
        and formatting.is_known(row["accuracy"])
        and float(row[x_column]) > 0
    ]
    if not drawn:
        return Markup("")
    values = [value for _, value, _ in drawn]
    logarithmic = max(values) / min(values) > 10
    ends = (min(values) / 1.6, max(values) * 1.9) if logarithmic else (0.0, max(values) * 1.25)
    x = Axis(*ends, LEFT, width - RIGHT, logarithmic)
    floor = math.floor(min(float(row["accuracy_low"]) for row, _, _ in drawn) * 20) / 20
    roof = min(1.0, math.ceil(max(float(row["accuracy_high"]) for row, _, _ in drawn) * 20) / 20)
    y = Axis(floor, roof, height - BOTTOM, TOP)
    parts = [
        Markup('<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="accuracy over {}">').format(
            width, height, label
        ),
        *_grid(x, y, format_value, f"{label}, logarithmic" if logarithmic else label),
    ]
    places = [
        (
            x.position(value),
            *(y.position(float(row[name])) for name in ("accuracy", "accuracy_low", "accuracy_high")),
        )
        for row, value, _ in drawn
    ]
    best = sorted(place[:2] for place, (_, _, on_front) in zip(places, drawn, strict=True) if on_front)
    if len(best) > 1:
        steps = " ".join(f"{cx:.1f},{cy:.1f}" for cx, cy in best)
        parts.append(Markup('<polyline class="front" points="{}"/>').format(steps))
    for (row, _, on_front), (cx, cy, low, high) in zip(drawn, places, strict=True):
        parts.append(
            Markup(
                '<line class="{k}" x1="{x:.1f}" x2="{x:.1f}" y1="{a:.1f}" y2="{b:.1f}"/>'
                '<circle class="{k}{late}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
            ).format(k=row["weights"], late=" late" if row["is_invalid"] else "", x=cx, y=cy, a=low, b=high)
        )
        if on_front:
            parts.append(Markup('<circle class="ring" cx="{:.1f}" cy="{:.1f}" r="10"/>').format(cx, cy))
    # A label must not cover a point, an interval or an earlier label.
    taken = [(cx - 11, min(cy - 11, high), cx + 11, max(cy + 11, low)) for cx, cy, low, high in places]
    for (row, _, _), (cx, cy, _, _) in zip(drawn, places, strict=True):
        name = formatting.strip_controls(row["model_id"]) + (" (invalid)" if row["is_invalid"] else "")
        sizes = [(0.585 * px * len(name), 0.69 * px) for px in LABEL_PX]
        box = place_label(cx, cy, sizes, taken, (LEFT, TOP, width - 4, height - BOTTOM))
        taken.append(box)
        # Anchored at the end next to the point, so that in another font size it grows away from the point.
        anchor, place = (" end", box[2]) if box[2] < cx else ("", box[0])
        parts.append(
            Markup('<text class="name{} of-{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
                anchor, row["weights"], place, (box[1] + box[3]) / 2 + 5, name
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


def short_number(text: str) -> str:
    """Return a formatted number without trailing zeros after the point: ``$0.001`` for ``$0.00100``."""
    return re.sub(r"\.(\d*?)0+(?!\d)", lambda found: f".{found[1]}" if found[1] else "", text)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _grid(x: Axis, y: Axis, format_x: Formatter, label: str, format_y: Formatter = _percent) -> list[Markup]:
    """Return grid lines with their labels, and the name of the horizontal axis."""
    down = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{p:.1f}" y2="{p:.1f}"/><text class="tick end" x="{}" y="{:.1f}">{}</text>'
        ).format(x.start, x.end, x.start - 8, y.position(tick) + 4, format_y(tick), p=y.position(tick))
        for tick in y.ticks()
    ]
    along = [
        Markup(
            '<line class="grid" y1="{}" y2="{}" x1="{p:.1f}" x2="{p:.1f}"/><text class="tick middle" x="{p:.1f}" y="{}">{}</text>'
        ).format(y.end, y.start, y.start + 18, short_number(format_x(tick)), p=x.position(tick))
        for tick in x.ticks()
    ]
    name = Markup('<text class="tick middle" x="{:.0f}" y="{}">{}</text>').format(
        (x.start + x.end) / 2, y.start + BOTTOM - 6, label
    )
    return [*down, *along, name]


def draw_load_levels(rows: Sequence[Row], x_column: str, label: str, limits: Mapping[str, float]) -> Markup:
    """Return output tokens per second over the load, one line for each model; hollow where the service level was missed.

    A level that this client limited is marked in the colour of a warning.

    Args:
        rows: Levels of a capacity table on one task, all known in ``x_column``.
        x_column: ``offered_rps`` or ``concurrency``.
        label: Name of the horizontal axis.
        limits: By model, the rate up to which the service level is kept: a line down the chart. {}: no service level was given.
    """
    drawn = [
        row
        for row in rows
        if formatting.is_known(row[x_column]) and formatting.is_known(row["output_tokens_per_s"])
    ]
    if len({row[x_column] for row in drawn}) < 2:
        return Markup("")
    loads = [float(row[x_column]) for row in drawn]
    x = Axis(min(loads) / 1.2, max(loads) * 1.2, LEFT + 14, WIDTH - RIGHT, logarithmic=True)
    most = max(float(row["output_tokens_per_s"]) for row in drawn)
    y = Axis(0.0, most * 1.08 or 1.0, HEIGHT - BOTTOM, TOP)
    parts = [
        Markup(
            '<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="output tokens per second over {}">'
        ).format(WIDTH, HEIGHT, label),
        *_grid(x, y, formatting.format_number, label, formatting.format_number),
    ]
    for model_id in dict.fromkeys(str(row["model_id"]) for row in drawn):
        mine = sorted(
            (row for row in drawn if str(row["model_id"]) == model_id), key=lambda row: float(row[x_column])
        )
        side = str(mine[0]["weights"])
        places = [
            (x.position(float(row[x_column])), y.position(float(row["output_tokens_per_s"]))) for row in mine
        ]
        line = " ".join(f"{cx:.1f},{cy:.1f}" for cx, cy in places)
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(side, line))
        for row, (cx, cy) in zip(mine, places, strict=True):
            text = f"{formatting.strip_controls(model_id)}: {formatting.format_number(row['output_tokens_per_s'])} tokens/s at {formatting.format_number(row[x_column])}"
            hollow = " hollow" if limits and not row["passed"] else ""
            if formatting.is_known(row.get("invalid")):
                hollow, text = " late", f"{text}; invalid: this client was the limit"
            parts.append(
                Markup(
                    '<circle class="{}{}" cx="{:.1f}" cy="{:.1f}" r="5"><title>{}</title></circle>'
                ).format(side, hollow, cx, cy, text)
            )
        if model_id in limits and x.low <= limits[model_id] <= x.high:
            at = x.position(limits[model_id])
            parts.append(
                Markup('<line class="{} slo" x1="{p:.1f}" x2="{p:.1f}" y1="{}" y2="{}"/>').format(
                    side, y.end, y.start, p=at
                )
            )
        cx, cy = places[-1]
        parts.append(
            Markup('<text class="name of-{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
                side, cx + 9, cy + 4, formatting.strip_controls(model_id)
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


def draw_distribution(quantiles: Mapping[float, float], longest: float, side: str) -> Markup:
    """Return one distribution as a strip: a line from 1st to 99th percentile, box of the middle half, median and 95th marked.

    Args:
        quantiles: Seconds by share, with 0.01, 0.25, 0.5, 0.75, 0.95 and 0.99.
        longest: Seconds at the right end.
        side: CSS class of its colour.
    """
    if not quantiles or longest <= 0:
        return Markup("")
    x = Axis(0.0, longest, 3.0, 597.0)
    at = {share: x.position(min(value, longest)) for share, value in quantiles.items()}
    text = f"median {formatting.format_seconds(quantiles[0.5])}, 95th percentile {formatting.format_seconds(quantiles[0.95])}"
    return Markup(
        '<svg class="spread" viewBox="0 0 600 18" preserveAspectRatio="none" role="img" aria-label="{text}"><title>{text}</title>'
        '<rect class="{side} whisker" x="{low:.1f}" y="8" width="{whole:.1f}" height="2"/>'
        '<rect class="{side}" x="{first:.1f}" y="4" width="{half:.1f}" height="10"/>'
        '<rect class="median" x="{median:.1f}" y="1" width="3" height="16"/>'
        '<rect class="{side}" x="{late:.1f}" y="4" width="3" height="10"/></svg>'
    ).format(
        text=text,
        side=side,
        low=at[0.01],
        whole=max(2.0, at[0.99] - at[0.01]),
        first=at[0.25],
        half=max(3.0, at[0.75] - at[0.25]),
        median=at[0.5] - 1.5,
        late=at[0.95],
    )


Box = tuple[float, float, float, float]


def overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes share some area."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def place_label(
    cx: float, cy: float, sizes: Sequence[tuple[float, float]], taken: Sequence[Box], frame: Box
) -> Box:
    """Return the nearest free place for a label next to a point, or a place beside it if none is free.

    Args:
        cx: Position of the point.
        cy: Position of the point.
        sizes: Width and half height of the label, the largest first; the first that has a free place is used.
        taken: Boxes that the label must not cover.
        frame: Box that the label must not leave.
    """
    shifts = sorted((k * 8 for k in range(-9, 10)), key=abs)
    for (width, half), shift in itertools.product(sizes, shifts):
        for start in (cx + 13, cx - 13 - width):
            box = (start, cy - half + shift, start + width, cy + half + shift)
            inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
            if inside and not any(overlap(box, other) for other in taken):
                return box
    width, half = sizes[-1]
    start = cx + 13 if cx + 13 + width <= frame[2] else max(frame[0], cx - 13 - width)
    return (start, cy - half, start + width, cy + half)


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two ends."""
    span = (high - low) or 1.0
    step = 10 ** math.floor(math.log10(span))
    step = next(size for size in (step / 10, step / 5, step / 2, step, step * 2) if span / size <= 6)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten between two ends; with many powers only 1."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    return [
        factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high
    ]
