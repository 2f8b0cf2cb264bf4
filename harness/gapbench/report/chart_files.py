"""The page's charts as files. A chart is drawn once, as the page's SVG; this module styles that SVG and rasterises it.

On the page the style comes from ``report.css``, in light or dark. A file has no style sheet that every program reads, so each
shape gets its style as attributes, in the light colours of the page.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from gapbench import formatting

FORMATS = ("svg", "png", "pdf")
PIXELS_PER_INCH = 100
"""Units of a chart to an inch; a PNG has twice as many pixels."""
_NAMESPACE = "http://www.w3.org/2000/svg"
_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
STYLES: Mapping[str, Mapping[str, str]] = {
    "text": {"fill": "ink", "font-size": "13"},
    "text.tick": {"fill": "soft", "font-size": "12"},
    "text.middle": {"text-anchor": "middle"},
    "text.end": {"text-anchor": "end"},
    "text.watermark": {"fill": "sim", "font-size": "54", "text-anchor": "middle", "opacity": "0.13"},
    **{f"text.of-{side}": {"fill": side} for side in ("closed", "open")},
    "line.grid": {"stroke": "line"},
    "line.zero": {"stroke": "soft", "stroke-dasharray": "3 3"},
    "rect.margin": {"fill": "band"},
    "rect.background": {"fill": "card"},
    **{f"line.{side}": {"stroke": side, "stroke-width": "2.5"} for side in ("closed", "open", "even")},
    **{f"circle.{side}": {"fill": side} for side in ("closed", "open", "even")},
    "circle.ring": {"fill": "none", "stroke": "ink", "stroke-width": "1.5"},
    "polyline.front": {"fill": "none", "stroke": "ink", "stroke-width": "1.2", "stroke-dasharray": "5 4", "opacity": "0.6"},
}  # fmt: skip
"""Attributes by element and class; a later entry overrides an earlier one. Colours are named as in ``report.css``."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that can be written to a file or shown in a notebook.

    Attributes:
        svg: The page's SVG element.
        simulated: Whether a simulated provider is behind a figure; the chart is then watermarked.
    """

    svg: str
    simulated: bool = False

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

    def _repr_svg_(self) -> str:
        """Return what a notebook shows."""
        return self.to_svg()

    def _styled(self) -> ET.Element:
        root = ET.fromstring(self.svg)  # noqa: S314 - drawn by page_charts
        _, _, width, height = root.attrib["viewBox"].split()
        root.insert(0, ET.Element("rect", {"class": "background", "width": width, "height": height}))
        if self.simulated:
            x, y = float(width) / 2, float(height) / 2
            mark = {"class": "watermark", "x": f"{x:g}", "y": f"{y:g}", "transform": f"rotate(-18 {x:g} {y:g})"}  # fmt: skip
            ET.SubElement(root, "text", mark).text = formatting.SIMULATED
        for element in root.iter():
            _set_style(element)
        root.attrib |= {"xmlns": _NAMESPACE, "width": width, "height": height, "font-family": _FONT}
        return root


@cache
def light_colours() -> Mapping[str, str]:
    """Return the light colours of the page by name, as ``report.css`` defines them."""
    css = (files("gapbench.report") / "templates" / "report.css").read_text(encoding="utf-8")
    light = css.partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", light))


def _set_style(element: ET.Element) -> None:
    """Replace the classes of an element by the attributes that they stand for."""
    classes = element.attrib.pop("class", "").split()
    selectors = {element.tag, *(f"{element.tag}.{name}" for name in classes)}
    colours = light_colours()
    for selector, attributes in STYLES.items():
        if selector in selectors:
            element.attrib |= {name: colours.get(value, value) for name, value in attributes.items()}


def _rasterise(root: ET.Element) -> Figure:
    """Return a styled chart as a matplotlib figure: the shapes that the page's charts are made of, and no other SVG."""
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    # A Figure without pyplot, which would keep it and choose a window system.
    figure = Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    for order, element in enumerate(root):
        _draw(axes, element, order)
    return figure


def _draw(axes: Any, element: ET.Element, order: int) -> None:
    at = element.attrib
    points = 72 / PIXELS_PER_INCH
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
            ha={"middle": "center", "end": "right"}.get(at.get("text-anchor", ""), "left"),
            va="baseline",
            rotation=-float(turn[1]) if turn else 0,
            rotation_mode="anchor",
            parse_math=False,
            **shared,
        )


def _numbers(attributes: Mapping[str, str], first: str, second: str) -> tuple[float, float]:
    return float(attributes.get(first, "0")), float(attributes.get(second, "0"))
