"""Charts of gaps and outcomes as SVG; :mod:`gapbench.report.page_charts` says where their style comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gapbench import formatting
from gapbench.report.page_charts import Axis

OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored")
Row = Mapping[str, Any]


def axis_range(rows: Sequence[Row], margin: float) -> tuple[float, float]:
    """Return the ends of an axis that has room for every interval, zero and the margin."""
    ends = [margin, -margin, 0.0]
    for row in rows:
        ends += [
            float(row[name]) for name in ("ci_low", "ci_high", "gap_points") if formatting.is_known(row[name])
        ]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.06 or 1.0
    return low - room, high + room


def draw_gap_interval(row: Row, axis: tuple[float, float], margin: float) -> Markup:
    """Return one accuracy gap with its interval, the zero line and the margin band, for a cell of a table."""
    if not formatting.is_known(row["gap_points"]):
        return Markup("")
    width, height = 240, 26
    return Markup('<svg class="interval" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, _describe_gap(row), _interval_marks(row, Axis(*axis, 0, width), margin, 0, height)
    )


def draw_gap_chart(rows: Sequence[Row], margin: float, size: tuple[float, float] | None = None) -> Markup:
    """Return the accuracy gaps below each other as one chart, each with its category, its models and its verdict.

    Args:
        rows: Rows of the gap table on accuracy; those without a gap are left out.
        margin: Gap that makes no difference, in points.
        size: Width and height to fill. None: as much as the rows need. A chart that needs more gets more.
    """
    known = [row for row in rows if formatting.is_known(row["gap_points"])]
    names = [_pair_names(row) for row in known]
    # Widths are estimated, as no font is at hand: 0.6 em for a character is wide for any sans-serif.
    left = 24 + max(
        (8 * max(len(row["category"]), len(name)) for row, name in zip(known, names, strict=True)), default=0
    )
    right = 24 + max((8 * len(str(row["verdict"])) for row in known), default=0)
    pitch, plot_width, top = 44.0, 360.0, 12
    if size is not None:
        plot_width = max(200.0, size[0] - left - right)
        pitch = max(36.0, (size[1] - top - 52) / max(1, len(known)))
    bottom = top + pitch * len(known)
    x = Axis(*axis_range(known, margin), left, left + plot_width)
    parts = [
        Markup('<line class="grid" x1="{p:.1f}" x2="{p:.1f}" y1="{}" y2="{}"/>').format(
            top, bottom, p=x.position(tick)
        )
        + Markup('<text class="tick middle" x="{:.1f}" y="{}">{}</text>').format(
            x.position(tick), bottom + 18, f"{tick:+g}" if tick else "0"
        )
        for tick in x.ticks()
    ]
    for number, (row, name) in enumerate(zip(known, names, strict=True)):
        above = top + number * pitch
        middle = above + pitch / 2
        parts += [
            _interval_marks(row, x, margin, above, pitch),
            Markup('<text class="end" x="{}" y="{}">{}</text>').format(
                left - 12, middle - 2, row["category"]
            ),
            Markup('<text class="tick end" x="{}" y="{}">{}</text>').format(left - 12, middle + 14, name),
            Markup('<text x="{}" y="{}">{}</text>').format(
                left + plot_width + 12, middle + 4, row["verdict"]
            ),
        ]
    label = "gap in accuracy, closed minus open, points (95 % interval)"
    parts.append(
        Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
            left + plot_width / 2, bottom + 40, label
        )
    )
    return Markup('<svg class="gaps" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        left + plot_width + right, bottom + 52, label, Markup("").join(parts)
    )


def _pair_names(row: Row) -> str:
    return (
        f"{formatting.strip_controls(row['closed_model'])} / {formatting.strip_controls(row['open_model'])}"
    )


def _describe_gap(row: Row) -> str:
    gap = formatting.format_gap("points", row["gap_points"])
    return f"{gap} points, {formatting.format_interval('points', row['ci_low'], row['ci_high'])}"


def _interval_marks(row: Row, x: Axis, margin: float, top: float, height: float) -> Markup:
    """Return the band, the zero line and the interval of one gap, in a strip of ``height`` below ``top``."""
    middle = top + height / 2
    side = {"closed ahead": "closed", "open ahead": "open"}.get(str(row["verdict"]), "even")
    return Markup(
        '<rect class="margin" x="{m0:.1f}" y="{top:g}" width="{mw:.1f}" height="{h:g}"/>'
        '<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{top:g}" y2="{foot:g}"/>'
        '<line class="{side}" x1="{low:.1f}" x2="{high:.1f}" y1="{mid:g}" y2="{mid:g}"/>'
        '<line class="{side}" x1="{low:.1f}" x2="{low:.1f}" y1="{up:g}" y2="{down:g}"/>'
        '<line class="{side}" x1="{high:.1f}" x2="{high:.1f}" y1="{up:g}" y2="{down:g}"/>'
        '<circle class="{side}" cx="{point:.1f}" cy="{mid:g}" r="5"/>'
    ).format(
        m0=x.position(-margin),
        mw=x.position(margin) - x.position(-margin),
        zero=x.position(0.0),
        low=x.position(float(row["ci_low"])),
        high=x.position(float(row["ci_high"])),
        point=x.position(float(row["gap_points"])),
        top=top,
        foot=top + height,
        h=height,
        mid=middle,
        up=middle - 5,
        down=middle + 5,
        side=side,
    )


def draw_outcome_bar(row: Row) -> Markup:
    """Return one model's outcomes as a bar whose parts add up to 100 %."""
    total = int(row["n"])
    if not total:
        return Markup("")
    text = ", ".join(f"{int(row[kind])} {kind}" for kind in OUTCOMES if row[kind])
    parts, x = (
        [
            Markup(
                '<svg class="bar" viewBox="0 0 600 22" preserveAspectRatio="none" role="img" aria-label="{}">'
            ).format(text)
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
