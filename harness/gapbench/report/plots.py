"""The plots as files: gaps with their intervals, and accuracy against cost. A simulated run is watermarked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gapbench import formatting
from gapbench.analysis.quality.gap import GapTable
from gapbench.analysis.quality.summary import Summary
from gapbench.errors import InputError, ResultsError
from gapbench.report import page_charts
from gapbench.report.results import Results, load_results
from gapbench.store.json_records import records

FORMATS = ("svg", "png", "pdf")
COLOURS: Mapping[str, str] = {"closed": "#2f62b5", "open": "#1d7f57", "even": "#76684a"}
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5b6574",
    # Ids from a fixed salt: the same run gives the same file.
    "svg.hashsalt": "gapbench",
    "svg.fonttype": "none",
}


def save_plots(runs: Results, folder: Path, formats: Sequence[str] = ("svg", "png")) -> list[Path]:
    """Write every plot in every format and return the files.

    Args:
        runs: Run folders, the runs read from them, or their results.
        folder: Where to; made when missing.
        formats: Of ``svg``, ``png``, ``pdf``.

    Raises:
        InputError: A format is not known.
        ResultsError: A folder is no run, or nothing can be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"found plot format {name!r}; expected one of {', '.join(FORMATS)}")
    results = load_results(runs)
    drawn: dict[str, Callable[[], Figure]] = {
        "gap": lambda: plot_gap_intervals(results.gap),
        "accuracy_cost": lambda: plot_accuracy_cost(results.summary),
    }
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in drawn.items():
            with mpl.rc_context(STYLE):
                figure = draw()
                for ending in formats:
                    path = folder / f"{name}.{ending}"
                    # Without the date, so that equal runs give equal files.
                    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
                    figure.savefig(path, dpi=160, metadata=metadata)
                    written.append(path)
    except OSError as exc:
        raise ResultsError(f"cannot write {folder}: {exc.strerror or exc}; choose another place") from exc
    return written


def plot_gap_intervals(gaps: GapTable) -> Figure:
    """Return each accuracy gap with its interval, the zero line and the margin band."""
    rows = [
        row for row in records(gaps.frame) if row["metric"] == "accuracy" and row["gap_points"] is not None
    ]
    figure, axes = empty_figure(8, 1.4 + 0.55 * max(len(rows), 1))
    axes.axvspan(-gaps.margin_points, gaps.margin_points, color="#efe9d8", zorder=0)
    axes.axvline(0, color="#5b6574", linewidth=1, linestyle=(0, (3, 3)))
    for place, row in enumerate(rows):
        side = {"closed ahead": "closed", "open ahead": "open"}.get(row["verdict"], "even")
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=COLOURS[side], linewidth=2)
        axes.plot([row["gap_points"]], [place], "o", color=COLOURS[side], markersize=7)
        axes.annotate(
            row["verdict"],
            (row["ci_high"], place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(
        range(len(rows)),
        [
            f"{escape_label(row['category'])}\n{escape_label(row['closed_model'])} / {escape_label(row['open_model'])}"
            for row in rows
        ],
    )
    axes.invert_yaxis()
    axes.margins(x=0.25, y=0.2)
    axes.set_xlabel("gap in accuracy, closed minus open, points (95 % interval)")
    return add_watermark(figure, simulated=gaps.simulated)


def plot_accuracy_cost(summary: Summary) -> Figure:
    """Return accuracy over cost per correct task, by model, with 95 % intervals of the accuracy."""
    rows: list[dict[str, Any]] = [
        row
        for row in records(summary.level("model"))
        if row["usd_per_correct"] and row["accuracy"] is not None
    ]
    figure, axes = empty_figure(8, 4.6)
    for row in rows:
        share, low, high = (row[name] * 100 for name in ("accuracy", "accuracy_low", "accuracy_high"))
        colour = COLOURS[row["weights"]]
        axes.errorbar(
            [row["usd_per_correct"]],
            [share],
            [[share - low], [high - share]],
            fmt="o",
            color=colour,
            markersize=7,
        )
    if not rows:
        axes.text(0.5, 0.5, "no model has a known price", transform=axes.transAxes, ha="center")
    costs = [row["usd_per_correct"] for row in rows]
    if costs and max(costs) > 10 * min(costs):
        axes.set_xscale("log")
    axes.margins(x=0.2, y=0.15)
    axes.set_xlabel(escape_label(formatting.METRICS["usd_per_correct"]))
    axes.set_ylabel("accuracy, % (95 % interval)")
    _name_points(figure, axes, rows)
    return add_watermark(figure, simulated=summary.simulated)


def _name_points(figure: Figure, axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put each model's name where it covers no point, no interval and no other name."""
    figure.draw_without_rendering()  # Only then are the places known.

    def place(row: Mapping[str, Any], name: str) -> tuple[float, float]:
        across, up = axes.transData.transform((row["usd_per_correct"], row[name] * 100))
        # Pixels down from the top, as on the page.
        return float(across), float(figure.bbox.height - up)

    marks = [
        tuple(place(row, name) for name in ("accuracy", "accuracy_high", "accuracy_low")) for row in rows
    ]
    taken = [(x - 8, min(y - 8, top), x + 8, max(y + 8, foot)) for (x, y), (_, top), (_, foot) in marks]
    inside = axes.bbox
    frame = (inside.x0, figure.bbox.height - inside.y1, figure.bbox.width - 4, figure.bbox.height - inside.y0)
    for row, ((x, y), *_) in zip(rows, marks, strict=True):
        written = axes.text(
            0, 0, escape_label(row["model_id"]), color=COLOURS[row["weights"]], transform=None, va="center"
        )
        written.set_in_layout(False)
        box = page_charts.place_label(x, y, [(written.get_window_extent().width, 9)], taken, frame)
        taken.append(box)
        points = 72 / figure.dpi
        written.remove()
        axes.annotate(
            escape_label(row["model_id"]),
            (row["usd_per_correct"], row["accuracy"] * 100),
            xytext=((box[0] - x) * points, (y - (box[1] + box[3]) / 2) * points),
            textcoords="offset points",
            va="center",
            color=COLOURS[row["weights"]],
        ).set_in_layout(False)


def escape_label(text: Any) -> str:
    """Return a name that matplotlib does not take for mathematics."""
    return formatting.strip_controls(text).replace("$", r"\$")


def empty_figure(width: float, height: float) -> tuple[Figure, Any]:
    """Return an empty figure and its axes, sizes in inches."""
    # A Figure of its own: pyplot would keep it, and choose a window system.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def add_watermark(figure: Figure, *, simulated: bool) -> Figure:
    """Return the figure, watermarked where a simulated provider answered."""
    if simulated:
        figure.text(
            0.5,
            0.5,
            formatting.SIMULATED,
            fontsize=44,
            color="#a1163c",
            alpha=0.13,
            rotation=18,
            ha="center",
            va="center",
        )
    return figure
