"""The chart of a ladder: accuracy by rung of each model, with the rung at which it is right half of the time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from gapbench import formatting
from gapbench.analysis.quality.ladders import Ladder, LadderModel, RungAccuracy
from gapbench.report.page_charts import (
    BOTTOM,
    HEIGHT,
    LABEL_PX,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Box,
    overlap,
)


def draw_rung_curves(ladder: Ladder) -> Markup:
    """Return the share of right answers over the rungs: points, and a fitted line; a dashed line marks the threshold."""
    x = Axis(0.5, ladder.rungs + 0.5, LEFT, WIDTH - RIGHT)
    y = Axis(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    label = f"rung; harder to the right{f' ({ladder.measure})' if ladder.measure else ''}"
    parts = [
        Markup(
            '<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="accuracy by rung of {}">'
        ).format(WIDTH, HEIGHT, formatting.strip_controls(ladder.task)),
        *_grid(x, y, ladder.rungs, label),
    ]
    taken: list[Box] = []
    for place, model in enumerate(ladder.models):
        # Points of several models on one rung stand beside each other.
        shift = 4.0 * (place - (len(ladder.models) - 1) / 2)
        parts += _line(model, x, y, shift)
        taken += [_point(point, x, y, shift) for point in model.curve]
    for model in sorted(ladder.models, key=lambda model: model.threshold.rung):
        name = formatting.strip_controls(model.model_id)
        at = x.position(min(max(model.threshold.rung, x.low), x.high))
        box = _place_name(at, name, taken)
        taken.append(box)
        anchor, start = (" end", box[2]) if box[0] < at else ("", box[0])
        parts.append(
            Markup('<text class="name{} of-{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
                anchor, model.weights, start, box[3] - 6, name
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


def _place_name(at: float, name: str, taken: Sequence[Box]) -> Box:
    """Return the highest free place for a name beside its threshold; at the right edge it is on the left."""
    width, height = 0.585 * LABEL_PX[0] * len(name), 1.33 * LABEL_PX[0]
    start = at + 5 if at + 5 + width <= WIDTH else max(0.0, at - 5 - width)
    tops = range(TOP - 4, math.floor(HEIGHT - BOTTOM - height), 4)
    boxes = [(start, float(top), start + width, top + height) for top in tops]
    return next((box for box in boxes if not any(overlap(box, other) for other in taken)), boxes[0])


def _point(point: RungAccuracy, x: Axis, y: Axis, shift: float) -> Box:
    """Return the box of a point, whose size grows with the number of its answers."""
    radius = min(9.0, 2.0 + point.items**0.5)
    cx, cy = x.position(point.rung) + shift, y.position(point.accuracy)
    return (cx - radius, cy - radius, cx + radius, cy + radius)


def _line(model: LadderModel, x: Axis, y: Axis, shift: float) -> list[Markup]:
    """Return the fitted curve, and the answers on each rung as points whose size grows with their number."""
    line = " ".join(
        f"{x.position(rung):.1f},{y.position(chance):.1f}" for rung, chance in enumerate(model.fitted, 1)
    )
    parts = [Markup('<polyline class="line {}" points="{}"/>').format(model.weights, line)]
    for point in model.curve:
        text = (
            f"{formatting.strip_controls(model.model_id)}, rung {point.rung}: {formatting.format_percent(point.accuracy)} "
            f"of {point.items} items"
        )
        left, top, right, bottom = _point(point, x, y, shift)
        parts.append(
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>').format(
                model.weights, (left + right) / 2, (top + bottom) / 2, (right - left) / 2, text
            )
        )
    at = x.position(min(max(model.threshold.rung, x.low), x.high))
    parts.append(
        Markup('<line class="{} slo" x1="{p:.1f}" x2="{p:.1f}" y1="{}" y2="{}"/>').format(
            model.weights, y.end, y.start, p=at
        )
    )
    return parts


def _grid(x: Axis, y: Axis, rungs: int, label: str) -> list[Markup]:
    down = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{p:.1f}" y2="{p:.1f}"/><text class="tick end" x="{}" y="{:.1f}">{}</text>'
        ).format(
            x.start, x.end, x.start - 8, y.position(share) + 4, f"{share * 100:.0f} %", p=y.position(share)
        )
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    every = max(1, rungs // 15)
    along = [
        Markup('<text class="tick middle" x="{:.1f}" y="{}">{}</text>').format(
            x.position(rung), y.start + 18, rung
        )
        for rung in range(1, rungs + 1, every)
    ]
    name = Markup('<text class="tick middle" x="{:.0f}" y="{}">{}</text>').format(
        (x.start + x.end) / 2, y.start + BOTTOM - 6, label
    )
    return [*down, *along, name]
