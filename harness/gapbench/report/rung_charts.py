"""The chart of a ladder: accuracy by rung of each model, with the rung at which it is right half of the time."""

from __future__ import annotations

from markupsafe import Markup

from gapbench import formatting
from gapbench.analysis.quality.ladders import Ladder, LadderModel
from gapbench.report.page_charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis


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
    names: list[tuple[float, float]] = []
    for place, model in enumerate(ladder.models):
        # Points of several models on one rung stand beside each other.
        parts += _line(model, x, y, shift=4.0 * (place - (len(ladder.models) - 1) / 2))
    # Names of neighboring thresholds stand below each other.
    for model in sorted(ladder.models, key=lambda model: model.threshold.rung):
        at = x.position(min(max(model.threshold.rung, 0.5), ladder.rungs + 0.5))
        height = TOP + 12.0
        while any(abs(at - other) < 150 and abs(height - taken) < 15 for other, taken in names):
            height += 15
        names.append((at, height))
        parts.append(
            Markup('<text class="name of-{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
                model.weights, at + 5, height, formatting.strip_controls(model.model_id)
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


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
        radius = min(9.0, 2.0 + point.items**0.5)
        parts.append(
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>').format(
                model.weights, x.position(point.rung) + shift, y.position(point.accuracy), radius, text
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
