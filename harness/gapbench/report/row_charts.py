"""Charts with one row for each model: response times, and accuracy by task. Only files and notebooks have them, not the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from gapbench import formatting
from gapbench.report.page_charts import Axis, short_number

Row = Mapping[str, Any]
PLOT_WIDTH, ROW_HEIGHT, HEADING_HEIGHT, TOP, FOOT = 360.0, 26.0, 24.0, 12.0, 52.0
_EM = 8.0
"""Width of a character: 0.6 em at 13 px is wide for any sans-serif."""
Size = tuple[float, float]


def draw_times(
    rows: Sequence[Row], quantiles: Mapping[str, Mapping[float, float]], name: str, size: Size | None = None
) -> Markup:
    """Return each model's times as a row: 1st to 99th percentile as a line, the middle half as a box, and the median.

    Args:
        rows: Models of a summary. One without a known median is left out.
        quantiles: Seconds by share, by model id, with 0.01, 0.25, 0.75 and 0.99.
        name: ``ttft`` or ``response``, as in the summary's columns.
        size: Width and height to fill. None: as much as the rows need.
    """
    middle = f"{name}_p50_s"
    drawn = [row for row in rows if formatting.is_known(row[middle]) and quantiles.get(str(row["model_id"]))]
    if not drawn:
        return _message("no request was timed")
    texts = [_describe_times(row, name) for row in drawn]
    ends = [(quantiles[str(row["model_id"])][0.01], quantiles[str(row["model_id"])][0.99]) for row in drawn]
    high = max([*(end for _, end in ends), *(float(row[middle]) for row in drawn)])
    low = min(max(start, 0.0005) for start, _ in ends)
    logarithmic = high / low > 30
    label = {"ttft": "time to first text", "response": "response time, what a user waits"}[name]
    layout = _Layout(_names(drawn), texts, [], size)
    span = (low / 1.15, high * 1.15) if logarithmic else (0.0, high * 1.04)
    axis = Axis(*span, layout.left, layout.left + layout.plot_width, logarithmic)
    parts: list[Markup] = []
    for row, text, middle_y in zip(drawn, texts, layout.rows(), strict=True):
        found = quantiles[str(row["model_id"])]
        at = {share: axis.position(max(value, span[0])) for share, value in found.items()}
        parts += [
            Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{y:g}" y2="{y:g}"/>').format(
                row["weights"], at[0.01], at[0.99], y=middle_y
            ),
            Markup('<rect class="{}" x="{:.1f}" y="{:g}" width="{:.1f}" height="12"/>').format(
                row["weights"], at[0.25], middle_y - 6, max(2.0, at[0.75] - at[0.25])
            ),
            Markup('<rect class="median" x="{:.1f}" y="{:g}" width="3" height="18"/>').format(
                axis.position(max(float(row[middle]), span[0])) - 1.5, middle_y - 9
            ),
            *layout.labels(row, text, middle_y),
        ]
    note = f"{label} (line: 1st to 99th percentile; box: middle half){', logarithmic' if logarithmic else ''}"
    return layout.svg(parts, axis, formatting.format_seconds, note)


def draw_task_accuracy(rows: Sequence[Row], size: Size | None = None) -> Markup:
    """Return each model's accuracy in each task, with its 95 % interval.

    Args:
        rows: Tasks of a summary; those without a known accuracy are left out.
        size: Width and height to fill. None: as much as the rows need.
    """
    known = [row for row in rows if formatting.is_known(row["accuracy"])]
    if not known:
        return _message("no answer was scored")
    names = list(dict.fromkeys(str(row["task"]) for row in known))
    drawn = sorted(known, key=lambda row: names.index(str(row["task"])))
    texts = [formatting.format_percent(row["accuracy"]) for row in drawn]
    counts = [len(list(group)) for _, group in groupby(drawn, key=lambda row: str(row["task"]))]
    layout = _Layout(_names(drawn), texts, list(zip(names, counts, strict=True)), size)
    axis = Axis(0.0, 1.0, layout.left, layout.left + layout.plot_width)
    parts = list(layout.headings())
    for row, text, middle_y in zip(drawn, texts, layout.rows(), strict=True):
        parts += [
            Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{y:g}" y2="{y:g}"/>').format(
                row["weights"],
                axis.position(float(row["accuracy_low"])),
                axis.position(float(row["accuracy_high"])),
                y=middle_y,
            ),
            Markup('<circle class="{}" cx="{:.1f}" cy="{:g}" r="5"/>').format(
                row["weights"], axis.position(float(row["accuracy"])), middle_y
            ),
            *layout.labels(row, text, middle_y),
        ]
    return layout.svg(parts, axis, formatting.format_percent, "accuracy by task (95 % interval)")


class _Layout:
    """Where the rows, names and texts of a chart stand.

    Args:
        names: Name of each row, left of the plot.
        texts: Text of each row, right of the plot.
        groups: Heading and number of rows of each group. []: the rows have no headings.
        size: Width and height to fill. None: as much as the rows need. A chart that needs more gets more.
    """

    def __init__(
        self, names: Sequence[str], texts: Sequence[str], groups: Sequence[tuple[str, int]], size: Size | None
    ) -> None:
        self.groups = groups
        self.left = 24 + _EM * max(map(len, [*names, *(name for name, _ in groups)]))
        self.right = 24 + _EM * max(map(len, texts))
        self.plot_width, self.pitch = PLOT_WIDTH, ROW_HEIGHT
        rest = HEADING_HEIGHT * len(groups) + TOP + FOOT
        if size is not None:
            self.plot_width = max(200.0, size[0] - self.left - self.right)
            self.pitch = max(18.0, (size[1] - rest) / len(names))
        self.bottom = TOP + HEADING_HEIGHT * len(groups) + self.pitch * len(names)
        self.width, self.height = self.left + self.plot_width + self.right, self.bottom + FOOT
        self.count = len(names)

    def rows(self) -> Iterator[float]:
        """Yield the middle of each row."""
        y = TOP
        for _, count in self.groups or [("", self.count)]:
            y += HEADING_HEIGHT if self.groups else 0
            for _ in range(count):
                yield y + self.pitch / 2
                y += self.pitch

    def headings(self) -> Iterator[Markup]:
        """Yield the heading of each group."""
        y = TOP
        for name, count in self.groups:
            yield Markup('<text class="end" x="{:g}" y="{:g}">{}</text>').format(
                self.left - 12, y + 17, formatting.strip_controls(name)
            )
            y += HEADING_HEIGHT + self.pitch * count

    def labels(self, row: Row, text: str, middle_y: float) -> list[Markup]:
        """Return the name and the text of a row."""
        return [
            Markup('<text class="tick end of-{}" x="{:g}" y="{:g}">{}</text>').format(
                row["weights"], self.left - 12, middle_y + 4, formatting.strip_controls(row["model_id"])
            ),
            Markup('<text class="tick" x="{:g}" y="{:g}">{}</text>').format(
                self.left + self.plot_width + 12, middle_y + 4, text
            ),
        ]

    def svg(
        self, parts: Sequence[Markup], axis: Axis, format_value: Callable[[float], str], label: str
    ) -> Markup:
        """Return the chart with its grid behind the parts and the axis's name below."""
        grid = [
            Markup(
                '<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{:g}" y2="{:g}"/>'
                '<text class="tick middle" x="{x:.1f}" y="{:g}">{}</text>'
            ).format(
                TOP, self.bottom, self.bottom + 18, short_number(format_value(tick)), x=axis.position(tick)
            )
            for tick in axis.ticks()
        ]
        # The name is centred on the chart, not on the plot: it is often wider than the plot.
        name = Markup('<text class="tick middle" x="{:g}" y="{:g}">{}</text>').format(
            self.width / 2, self.bottom + 40, label
        )
        return Markup('<svg class="rows" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
            math.ceil(self.width), self.height, label, Markup("").join([*grid, *parts, name])
        )


def _names(rows: Sequence[Row]) -> list[str]:
    return [formatting.strip_controls(row["model_id"]) for row in rows]


def _describe_times(row: Row, name: str) -> str:
    text = f"{formatting.format_seconds(row[f'{name}_p50_s'])}, p95 {formatting.format_seconds(row[f'{name}_p95_s'])}"
    return f"{text}, invalid: client was the limit" if formatting.is_known(row["invalid"]) else text


def _message(text: str) -> Markup:
    return Markup('<svg viewBox="0 0 640 80"><text class="middle" x="320" y="44">{}</text></svg>').format(
        text
    )
