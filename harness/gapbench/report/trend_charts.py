"""A figure night by night as SVG; :mod:`gapbench.report.page_charts` says where the style of charts comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from gapbench.analysis.regression.trend import Metric, Night, TrendChange
from gapbench.formatting import is_known, strip_controls
from gapbench.report.page_charts import Axis
from gapbench.report.table import Row
from gapbench.report.tables.trend import HEADINGS, change_words, format_figure, night_names

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 240, 94, 16, 18, 38
_LABELS = 5
"""Most dates below a chart."""
CHART_NOTE = (
    "Bars: 95 % interval of a night. Upright line: a change begins (red: for the worse). Dashed: level before and after it. "
    "Wide band: a baseline. Hollow point: a night that the search leaves out."
)


def draw_nights(
    rows: Sequence[Row], metric: Metric, nights: Sequence[Night], changes: Sequence[TrendChange], side: str
) -> Markup:
    """Return one figure of one model over the nights, with intervals, changes, and the nights that are baselines.

    Args:
        rows: The model's rows of a trend.
        metric: The figure.
        nights: All nights, oldest first: the horizontal axis.
        changes: Changes of this figure of this model.
        side: ``open`` or ``closed``, for the colour.

    Returns:
        Markup("") if no night has the figure.
    """
    known = [row for row in rows if is_known(row[metric])]
    if not known:
        return Markup("")
    places = {night.run: number for number, night in enumerate(nights)}
    names = night_names(nights)
    x = Axis(-0.5, len(nights) - 0.5, LEFT, WIDTH - RIGHT)
    y = _vertical(known, metric)
    parts = [*_grid(y, metric), *_dates(x, [names[night.run] for night in nights])]
    for night in nights:
        if night.baselines:
            at = x.position(places[night.run])
            parts.append(
                Markup(
                    '<line class="baseline" x1="{a:.1f}" x2="{a:.1f}" y1="{}" y2="{}"><title>baseline {}</title></line>'
                ).format(TOP, HEIGHT - BOTTOM, strip_controls(", ".join(night.baselines)), a=at)
            )
    parts += _levels(changes, places, x, y, len(nights))
    points = [(x.position(places[row["run"]]), y.position(float(row[metric]))) for row in known]
    if len(points) > 1:
        parts.append(
            Markup('<polyline class="nights {}" points="{}"/>').format(
                side, " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            )
        )
    for row, (a, b) in zip(known, points, strict=True):
        ends = [row[f"{metric}_{end}"] for end in ("low", "high")]
        if all(map(is_known, ends)):
            low, high = (y.position(float(end)) for end in ends)
            parts.append(
                Markup('<line class="{} span" x1="{a:.1f}" x2="{a:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
                    side, low, high, a=a
                )
            )
        excluded = "" if row["usable"][metric] else " unused"
        parts.append(
            Markup(
                '<circle class="{}{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}: {}</title></circle>'
            ).format(side, excluded, a, b, names[row["run"]], format_figure(metric, row[metric]))
        )
    label = f"{HEADINGS[metric]} by night"
    return Markup('<svg class="trend" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )


def _vertical(rows: Sequence[Row], metric: Metric) -> Axis:
    values = [float(row[metric]) for row in rows]
    for row in rows:
        values += [float(row[name]) for name in (f"{metric}_low", f"{metric}_high") if is_known(row[name])]
    low, high = min(values), max(values)
    # Figures that are equal but for rounding get an axis of a tenth around them.
    room = (high - low) * 0.08 if high - low > 1e-6 * abs(high) else abs(high) * 0.1 or 1.0
    low, high = max(0.0, low - room), high + room
    return Axis(low, min(1.0, high) if metric == "accuracy" else high, HEIGHT - BOTTOM, TOP)


def _grid(y: Axis, metric: Metric) -> list[Markup]:
    parts = []
    for tick in y.ticks():
        at = y.position(tick)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/><text class="tick end" x="{}" y="{:.1f}">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, LEFT - 8, at + 4, format_figure(metric, tick), y=at)
        )
    return parts


def _dates(x: Axis, names: Sequence[str]) -> list[Markup]:
    step = max(1, -(-len(names) // _LABELS))
    return [
        Markup('<text class="tick middle" x="{:.1f}" y="{}">{}</text>').format(
            x.position(number), HEIGHT - 10, names[number][5:]
        )
        for number in range(step // 2 if len(names) > _LABELS else 0, len(names), step)
    ]


def _levels(
    changes: Sequence[TrendChange], places: Mapping[str, int], x: Axis, y: Axis, nights: int
) -> list[Markup]:
    """Return the level before and after each change, and a line at each change."""
    parts = []
    starts = [places[change.first_after] for change in changes]
    for number, (change, start) in enumerate(zip(changes, starts, strict=True)):
        at = x.position(start - 0.5)
        end = starts[number + 1] if number + 1 < len(starts) else nights
        begin = starts[number - 1] if number else 0
        tone = "worse" if change.is_worse else "better"
        parts.append(
            Markup(
                '<line class="change {}" x1="{a:.1f}" x2="{a:.1f}" y1="{}" y2="{}"><title>{}</title></line>'
            ).format(tone, TOP, HEIGHT - BOTTOM, change_words(change), a=at)
        )
        spans = [(begin, start, change.before)] if not number else []
        for first, last, level in (*spans, (start, end, change.after)):
            parts.append(
                Markup('<line class="level" x1="{:.1f}" x2="{:.1f}" y1="{l:.1f}" y2="{l:.1f}"/>').format(
                    x.position(first - 0.5), x.position(last - 0.5), l=y.position(level)
                )
            )
    return parts
