"""The page's charts as files. A chart is drawn once, as the page's SVG; this module styles that SVG and rasterises it.

On the page the style comes from ``report.css``, in light or dark. A file has no style sheet that every program reads, so each
shape gets its style as attributes, in the light colours of the page.
"""

from __future__ import annotations

import html
import io
import os
import re
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from gapbench import formatting
from gapbench.errors import InputError, ResultsError
from gapbench.report.style_sheets import light_colors

FORMATS = ("svg", "png", "pdf")
PIXELS_PER_INCH = 100
"""Units of a chart to an inch, unless its size is given; a PNG has twice as many pixels."""
TITLE_LINE = 22.0
"""Height of a line of a title, in units of the chart."""
_NAMESPACE = "http://www.w3.org/2000/svg"
_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
STYLES: Mapping[str, Mapping[str, str]] = {
    "text": {"fill": "ink", "font-size": "13"},
    "text.tick": {"fill": "soft", "font-size": "12"},
    "text.middle": {"text-anchor": "middle"},
    "text.title": {"text-anchor": "middle", "font-size": "16", "font-weight": "bold"},
    "text.end": {"text-anchor": "end"},
    "text.watermark": {"fill": "sim", "font-size": "54", "text-anchor": "middle", "opacity": "0.13"},
    **{f"text.of-{side}": {"fill": side} for side in ("closed", "open")},
    "line.grid": {"stroke": "line"},
    "line.zero": {"stroke": "soft", "stroke-dasharray": "3 3"},
    "rect.margin": {"fill": "band"},
    "rect.background": {"fill": "card"},
    **{f"line.{side}": {"stroke": side, "stroke-width": "2.5"} for side in ("closed", "open", "even")},
    "line.slo": {"stroke-dasharray": "6 5", "stroke-width": "1.8"},
    **{f"polyline.{side}": {"stroke": side} for side in ("closed", "open")},
    "polyline.line": {"fill": "none", "stroke-width": "2"},
    **{f"rect.{side}": {"fill": side} for side in ("closed", "open")},
    "rect.median": {"fill": "ink"},
    **{f"circle.{side}": {"fill": side} for side in ("closed", "open", "even")},
    "circle.ring": {"fill": "none", "stroke": "ink", "stroke-width": "1.5"},
    "polyline.front": {"fill": "none", "stroke": "ink", "stroke-width": "1.2", "stroke-dasharray": "5 4", "opacity": "0.6"},
}  # fmt: skip
"""Attributes by element and class; a later entry overrides an earlier one. Colors are named as in ``palette.css``."""


@dataclass(frozen=True, slots=True, repr=False)
class Chart:
    """A chart that can be written to a file or shown in a notebook.

    Attributes:
        svg: The page's SVG element.
        simulated: Whether a simulated provider is behind a figure; the chart is then watermarked.
        title: Title above the chart. "": none.
        size_in: Width and height of the file in inches. None: one inch for each 100 units of the SVG.
    """

    svg: str
    simulated: bool = False
    title: str = ""
    size_in: tuple[float, float] | None = None

    def to_svg(self) -> str:
        """Return the chart as an SVG document in the page's light colours."""
        return ET.tostring(self._styled(), encoding="unicode") + "\n"

    def to_bytes(self, file_format: str) -> bytes:
        """Return the chart as a file of one of :data:`FORMATS`. Equal charts give equal files."""
        if file_format == "svg":
            return self.to_svg().encode()
        buffer = io.BytesIO()
        # Without the date, so that equal charts give equal files.
        metadata = {"pdf": {"CreationDate": None}}.get(file_format)
        _rasterise(self._styled()).savefig(
            buffer, format=file_format, dpi=2 * PIXELS_PER_INCH, metadata=metadata
        )
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the chart and return its path.

        Args:
            path: A file whose name ends in ``.svg``, ``.png`` or ``.pdf``. Its folder is made if it is missing.

        Raises:
            InputError: The name ends otherwise.
            ResultsError: The file cannot be written.
        """
        file = Path(path)
        file_format = file.suffix.removeprefix(".").lower()
        if file_format not in FORMATS:
            raise InputError(
                f"found the chart file {str(file)!r}; its name must end in .{', .'.join(FORMATS)}"
            )
        content = self.to_bytes(file_format)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as exc:
            raise ResultsError(f"cannot write {file}: {exc.strerror or exc}; choose another place") from exc
        return file

    def __repr__(self) -> str:
        label = re.search('aria-label="([^"]*)"', self.svg)
        name = self.title or (html.unescape(label[1]) if label else "")
        return f"<gapbench.Chart: {name}>"

    def _repr_svg_(self) -> str:
        """Return what a notebook shows."""
        return self.to_svg()

    def _styled(self) -> ET.Element:
        root = ET.fromstring(self.svg)  # noqa: S314 - drawn by page_charts
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        x, y = 0.0, 0.0
        lines = _wrap(self.title, width)
        for number, line in enumerate(lines):
            place = {
                "class": "title",
                "x": f"{width / 2:g}",
                "y": f"{(number - len(lines) + 1) * TITLE_LINE - 8:g}",
            }
            ET.SubElement(root, "text", place).text = line
        if lines:
            y, height = y - title_height(self.title, width), height + title_height(self.title, width)
        size = (width / PIXELS_PER_INCH, height / PIXELS_PER_INCH) if self.size_in is None else self.size_in
        # A chart of another shape than the file stands in its middle.
        wide, high = max(width, height * size[0] / size[1]), max(height, width * size[1] / size[0])
        x, y = x - (wide - width) / 2, y - (high - height) / 2
        box = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{wide:g}", "height": f"{high:g}"}
        root.insert(0, ET.Element("rect", {"class": "background", **box}))
        if self.simulated:
            middle = f"{x + wide / 2:g}", f"{y + high / 2:g}"
            mark = {"class": "watermark", "x": middle[0], "y": middle[1], "transform": f"rotate(-18 {middle[0]} {middle[1]})"}  # fmt: skip
            ET.SubElement(root, "text", mark).text = formatting.SIMULATED
        for element in root.iter():
            _set_style(element)
        root.attrib |= {
            "xmlns": _NAMESPACE,
            "viewBox": " ".join(box.values()),
            "width": f"{size[0] * PIXELS_PER_INCH:g}",
            "height": f"{size[1] * PIXELS_PER_INCH:g}",
            "font-family": _FONT,
        }
        return root


def title_height(title: str, width: float) -> float:
    """Return the height that a title takes above a chart of a width, in its units; 0 without one."""
    return len(_wrap(title, width)) * TITLE_LINE + 8 if title else 0.0


def _wrap(title: str, width: float) -> list[str]:
    """Return the lines of a title, by an estimate of 0.6 em for a character."""
    return textwrap.wrap(formatting.strip_controls(title), max(10, int((width - 40) / (0.6 * 16))))


def _set_style(element: ET.Element) -> None:
    """Replace the classes of an element by the attributes that they stand for."""
    classes = element.attrib.pop("class", "").split()
    selectors = {element.tag, *(f"{element.tag}.{name}" for name in classes)}
    colors = light_colors()
    for selector, attributes in STYLES.items():
        if selector in selectors:
            element.attrib |= {name: colors.get(value, value) for name, value in attributes.items()}


def _rasterise(root: ET.Element) -> Figure:
    """Return a styled chart as a matplotlib figure: the shapes that the page's charts are made of, and no other SVG."""
    x, y, width, height = map(float, root.attrib["viewBox"].split())
    wide, high = (float(root.attrib[name]) / PIXELS_PER_INCH for name in ("width", "height"))
    # A Figure without pyplot, which would keep it and choose a window system.
    figure = Figure(figsize=(wide, high))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(x, x + width)
    axes.set_ylim(y + height, y)
    axes.set_axis_off()
    points = 72 * figure.get_figwidth() / width
    for order, element in enumerate(root):
        _draw(axes, element, order, points)
    return figure


def _draw(axes: Any, element: ET.Element, order: int, points: float) -> None:
    """Draw a shape.

    Args:
        axes: Where to draw.
        element: The shape.
        order: Its place among the shapes; a later one covers an earlier one.
        points: Typographic points to a unit of the chart.
    """
    at = element.attrib
    shared: dict[str, Any] = {"zorder": order, "alpha": float(at.get("opacity", "1"))}
    stroke: dict[str, Any] = {"linewidth": float(at.get("stroke-width", "1")) * points}
    if "stroke-dasharray" in at:
        on, off = (float(length) * points for length in at["stroke-dasharray"].split())
        # Matplotlib counts dashes in line widths.
        stroke["linestyle"] = (0, (on / stroke["linewidth"], off / stroke["linewidth"]))
    if element.tag == "line":
        axes.add_line(Line2D(_numbers(at, "x1", "x2"), _numbers(at, "y1", "y2"), color=at["stroke"], **stroke, **shared))  # fmt: skip
    elif element.tag == "polyline":
        corners = [tuple(map(float, corner.split(","))) for corner in at["points"].split()]
        xs, ys = zip(*corners, strict=True)
        axes.add_line(Line2D(xs, ys, color=at["stroke"], **stroke, **shared))
    elif element.tag == "rect":
        corner, size = _numbers(at, "x", "y"), _numbers(at, "width", "height")
        axes.add_patch(Rectangle(corner, *size, facecolor=at["fill"], edgecolor="none", **shared))
    elif element.tag == "circle":
        face, edge = at["fill"], at.get("stroke", "none")
        axes.add_patch(Circle(_numbers(at, "cx", "cy"), float(at["r"]), facecolor=face, edgecolor=edge, **stroke, **shared))  # fmt: skip
    elif element.tag == "text":
        turn = re.match(r"rotate\((-?[\d.]+) ", at.get("transform", ""))
        axes.text(
            *_numbers(at, "x", "y"),
            element.text or "",
            color=at["fill"],
            fontsize=float(at["font-size"]) * points,
            fontweight=at.get("font-weight", "normal"),
            ha={"middle": "center", "end": "right"}.get(at.get("text-anchor", ""), "left"),
            va="baseline",
            rotation=-float(turn[1]) if turn else 0,
            rotation_mode="anchor",
            parse_math=False,
            **shared,
        )


def _numbers(attributes: Mapping[str, str], first: str, second: str) -> tuple[float, float]:
    return float(attributes.get(first, "0")), float(attributes.get(second, "0"))
