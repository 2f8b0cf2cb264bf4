"""Small drawings as inline SVG: positions only; colours and fonts are the page's own CSS classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from harness.report import units

OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored")
Row = Mapping[str, Any]


def scale(rows: Sequence[Row], margin: float) -> tuple[float, float]:
    """Return the ends of an axis that holds every interval, zero and the margin."""
    ends = [margin, -margin, 0.0]
    for row in rows:
        ends += [float(row[name]) for name in ("ci_low", "ci_high", "gap_points") if units.known(row[name])]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.06 or 1.0
    return low - room, high + room


def gap_interval(row: Row, axis: tuple[float, float], margin: float) -> Markup:
    """Return one accuracy gap with its interval, the zero line and the margin band."""
    if not units.known(row["gap_points"]):
        return Markup("")
    width, height = 240, 26

    def x(points: float) -> float:
        return (points - axis[0]) / (axis[1] - axis[0]) * width

    low, high, point = (x(float(row[name])) for name in ("ci_low", "ci_high", "gap_points"))
    side = {"closed ahead": "closed", "open ahead": "open"}.get(str(row["verdict"]), "even")
    said = f"{units.gap_value('points', row['gap_points'])} points, {units.interval('points', row['ci_low'], row['ci_high'])}"
    return Markup(
        '<svg class="interval" viewBox="0 0 {w} {h}" role="img" aria-label="{said}">'
        '<rect class="margin" x="{m0:.1f}" y="0" width="{mw:.1f}" height="{h}"/>'
        '<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{h}"/>'
        '<line class="{side}" x1="{low:.1f}" x2="{high:.1f}" y1="13" y2="13"/>'
        '<line class="{side}" x1="{low:.1f}" x2="{low:.1f}" y1="8" y2="18"/>'
        '<line class="{side}" x1="{high:.1f}" x2="{high:.1f}" y1="8" y2="18"/>'
        '<circle class="{side}" cx="{point:.1f}" cy="13" r="5"/></svg>'
    ).format(
        w=width,
        h=height,
        said=said,
        m0=x(-margin),
        mw=x(margin) - x(-margin),
        zero=x(0),
        side=side,
        low=low,
        high=high,
        point=point,
    )


def outcome_bar(row: Row) -> Markup:
    """Return one model's outcomes as a bar of a hundred percent."""
    total = int(row["n"])
    if not total:
        return Markup("")
    said = ", ".join(f"{int(row[kind])} {kind}" for kind in OUTCOMES if row[kind])
    parts, x = (
        [
            Markup(
                '<svg class="bar" viewBox="0 0 600 22" preserveAspectRatio="none" role="img" aria-label="{}">'
            ).format(said)
        ],
        0.0,
    )
    for kind in OUTCOMES:
        width = int(row[kind]) / total * 600
        if width:
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="22"><title>{} {}</title></rect>'
                ).format(kind, x, width, int(row[kind]), kind)
            )
        x += width
    return Markup("").join([*parts, Markup("</svg>")])


def scatter(rows: Sequence[Row]) -> Markup:
    """Return accuracy over cost per correct task; the cost axis is logarithmic over more than a decade."""
    points = [row for row in rows if units.known(row["usd_per_correct"]) and units.known(row["accuracy"])]
    points = [row for row in points if float(row["usd_per_correct"]) > 0]
    if not points:
        return Markup("")
    width, height, left, bottom, top, right = 640, 340, 58, 46, 16, 96
    costs = [float(row["usd_per_correct"]) for row in points]
    lows = [float(row["accuracy_low"]) for row in points]
    highs = [float(row["accuracy_high"]) for row in points]
    logarithmic = max(costs) / min(costs) > 10
    ends = (min(costs) / 1.6, max(costs) * 1.9) if logarithmic else (0.0, max(costs) * 1.25)
    floor, roof = math.floor(min(lows) * 20) / 20, min(1.0, math.ceil(max(highs) * 20) / 20)

    def x(cost: float) -> float:
        low, high, here = (math.log10(value) if logarithmic else value for value in (*ends, cost))
        return left + (here - low) / (high - low) * (width - left - right)

    def y(share: float) -> float:
        return height - bottom - (share - floor) / ((roof - floor) or 1) * (height - bottom - top)

    parts = [
        Markup(
            '<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="accuracy and cost per correct task">'
        ).format(width, height)
    ]
    parts += [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="tick end" x="{}" y="{:.1f}">{:.0f} %</text>'
        ).format(left, width - right, y(tick), y(tick), left - 8, y(tick) + 4, tick * 100)
        for tick in _ticks(floor, roof)
    ]
    parts += [
        Markup(
            '<line class="grid" y1="{}" y2="{}" x1="{:.1f}" x2="{:.1f}"/><text class="tick middle" x="{:.1f}" y="{}">{}</text>'
        ).format(
            top,
            height - bottom,
            x(tick),
            x(tick),
            x(tick),
            height - bottom + 18,
            units.usd(tick, 1 if logarithmic else 2),
        )
        for tick in (_decades(*ends) if logarithmic else _ticks(*ends))
    ]
    parts.append(
        Markup('<text class="tick middle" x="{:.0f}" y="{}">cost per correct task{}</text>').format(
            (left + width - right) / 2, height - 6, ", logarithmic" if logarithmic else ""
        )
    )
    places = [
        (
            x(float(row["usd_per_correct"])),
            y(float(row["accuracy"])),
            y(float(row["accuracy_low"])),
            y(float(row["accuracy_high"])),
        )
        for row in points
    ]
    parts += [
        Markup(
            '<line class="{k}" x1="{x:.1f}" x2="{x:.1f}" y1="{a:.1f}" y2="{b:.1f}"/>'
            '<circle class="{k}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        ).format(k=row["weights"], x=cx, y=cy, a=low, b=high)
        for row, (cx, cy, low, high) in zip(points, places, strict=True)
    ]
    # What a label must not cover: points, their bars, and the labels before it.
    taken = [(cx - 7, min(cy - 7, high), cx + 7, max(cy + 7, low)) for cx, cy, low, high in places]
    for row, (cx, cy, _, _) in zip(points, places, strict=True):
        name = units.clean(row["model_id"])
        box = _label_box(cx, cy, 7.6 * len(name), taken, (left, top, width - 4, height - bottom))
        taken.append(box)
        parts.append(
            Markup('<text class="name" x="{:.1f}" y="{:.1f}">{}</text>').format(box[0], box[3] - 4, name)
        )
    return Markup("").join([*parts, Markup("</svg>")])


Box = tuple[float, float, float, float]


def _label_box(cx: float, cy: float, width: float, taken: Sequence[Box], frame: Box) -> Box:
    """Return the nearest free place for a label beside a point; to its right where none is free."""
    shifts = sorted((k * 8 for k in range(-9, 10)), key=abs)
    for shift in shifts:
        for start in (cx + 11, cx - 11 - width):
            box = (start, cy - 9 + shift, start + width, cy + 9 + shift)
            inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
            if inside and not any(
                box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
                for other in taken
            ):
                return box
    return (cx + 11, cy - 9, cx + 11 + width, cy + 9)


def latency(row: Row, longest: float) -> Markup:
    """Return first token and whole answer, median to 95th percentile, on one axis."""
    if not units.known(row["response_p50_s"]) or longest <= 0:
        return Markup("")

    def x(value: Any) -> float:
        return float(value) / longest * 596 + 2 if units.known(value) else 2.0

    said = (
        f"first token {units.seconds(row['ttft_p50_s'])} to {units.seconds(row['ttft_p95_s'])}, "
        f"answer {units.seconds(row['response_p50_s'])} to {units.seconds(row['response_p95_s'])}"
    )
    return Markup(
        '<svg class="bar" viewBox="0 0 600 22" preserveAspectRatio="none" role="img" aria-label="{said}"><title>{said}</title>'
        '<rect class="ttft" x="{a:.1f}" y="3" width="{aw:.1f}" height="6"/>'
        '<rect class="{k}" x="{b:.1f}" y="13" width="{bw:.1f}" height="6"/></svg>'
    ).format(
        said=said,
        k=row["weights"],
        a=x(row["ttft_p50_s"]),
        aw=max(2.0, x(row["ttft_p95_s"]) - x(row["ttft_p50_s"])),
        b=x(row["response_p50_s"]),
        bw=max(2.0, x(row["response_p95_s"]) - x(row["response_p50_s"])),
    )


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two ends."""
    span = (high - low) or 1.0
    step = 10 ** math.floor(math.log10(span))
    step = next(size for size in (step / 10, step / 5, step / 2, step, step * 2) if span / size <= 6)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten between two ends; few powers keep all three."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    return [
        factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high
    ]
