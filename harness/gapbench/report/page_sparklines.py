"""Small drawings as inline SVG: positions only; colours and fonts are the page's own CSS classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gapbench import formatting

OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored")
Row = Mapping[str, Any]


def axis_range(rows: Sequence[Row], margin: float) -> tuple[float, float]:
    """Return the ends of an axis that holds every interval, zero and the margin."""
    ends = [margin, -margin, 0.0]
    for row in rows:
        ends += [
            float(row[name]) for name in ("ci_low", "ci_high", "gap_points") if formatting.is_known(row[name])
        ]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.06 or 1.0
    return low - room, high + room


def draw_gap_interval(row: Row, axis: tuple[float, float], margin: float) -> Markup:
    """Return one accuracy gap with its interval, the zero line and the margin band."""
    if not formatting.is_known(row["gap_points"]):
        return Markup("")
    width, height = 240, 26

    def x(points: float) -> float:
        return (points - axis[0]) / (axis[1] - axis[0]) * width

    low, high, point = (x(float(row[name])) for name in ("ci_low", "ci_high", "gap_points"))
    side = {"closed ahead": "closed", "open ahead": "open"}.get(str(row["verdict"]), "even")
    said = f"{formatting.format_gap('points', row['gap_points'])} points, {formatting.format_interval('points', row['ci_low'], row['ci_high'])}"
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


def draw_outcome_bar(row: Row) -> Markup:
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
