"""The charts of runs: gaps with their intervals, accuracy against cost, times, and accuracy by task.

``bench report --plots`` writes them with their own size; :class:`gapbench.results.Results` gives them a title and a size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gapbench import formatting
from gapbench.analysis.performance.distributions import latency_quantiles, pareto_front
from gapbench.analysis.quality.gap import GapTable
from gapbench.analysis.quality.summary import Summary
from gapbench.errors import InputError, ResultsError
from gapbench.report.chart_files import FORMATS, PIXELS_PER_INCH, Chart, title_height
from gapbench.report.page_charts import HEIGHT, WIDTH, draw_scatter
from gapbench.report.page_sparklines import draw_gap_chart
from gapbench.report.results import Results, load_results
from gapbench.report.row_charts import draw_task_accuracy, draw_times
from gapbench.report.rung_charts import draw_rung_curves
from gapbench.store.json_records import records

if TYPE_CHECKING:
    import pandas as pd

SizeIn = tuple[float, float] | None
_NO_PRICE = (
    '<svg viewBox="0 0 640 80"><text class="middle" x="320" y="44">no model has a known price</text></svg>'
)


def save_plots(runs: Results, folder: Path, formats: Sequence[str] = ("svg", "png")) -> list[Path]:
    """Write every chart in every format and return the files.

    Args:
        runs: Run folders, the runs read from them, or their results.
        folder: Where to write; created if missing.
        formats: Some of ``svg``, ``png``, ``pdf``.

    Raises:
        InputError: A format is not known.
        ResultsError: A folder is not a run, or nothing can be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"found plot format {name!r}; expected one of {', '.join(FORMATS)}")
    results = load_results(runs)
    charts = {
        "gap": plot_gap_intervals(results.gap),
        "accuracy_cost": plot_accuracy_cost(results.summary),
        "latency": plot_latency(results.summary, latency_quantiles(results.runs)),
        "accuracy_tasks": plot_task_accuracy(results.summary),
    }
    for ladder in results.gap.ladders:
        charts[f"rungs_{ladder.task.replace('/', '_')}"] = plot_rung_curves(results.gap, ladder.task)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            for file_format in formats:
                path = folder / f"{name}.{file_format}"
                path.write_bytes(chart.to_bytes(file_format))
                written.append(path)
    except OSError as exc:
        raise ResultsError(f"cannot write {folder}: {exc.strerror or exc}; choose another place") from exc
    return written


def plot_rung_curves(gap: GapTable, task: str, title: str = "", size_in: SizeIn = None) -> Chart:
    """Return the accuracy of each model over the rungs of a ladder.

    Args:
        gap: The gap table, which has the ladders.
        task: Name of the ladder.
        title: Title above the chart. "": none.
        size_in: Width and height in inches. None: the chart's own.

    Raises:
        ResultsError: No task of that name is a ladder.
    """
    found = {ladder.task: ladder for ladder in gap.ladders}
    if task not in found:
        there = ", ".join(found) or "none; no task of them is a ladder"
        raise ResultsError(f"no ladder {task!r} in these runs; there are: {there}")
    return Chart(draw_rung_curves(found[task]), gap.simulated, title, size_in)


def plot_gap_intervals(gap: GapTable, title: str = "", size_in: SizeIn = None) -> Chart:
    """Return each accuracy gap with its interval, the zero line and the margin band.

    Args:
        gap: The gap table.
        title: Title above the chart. "": none.
        size_in: Width and height in inches. None: as much as the rows need.
    """
    rows = [row for row in records(gap.frame) if row["metric"] == "accuracy"]
    size = _plot_size(title, size_in)
    return Chart(draw_gap_chart(rows, gap.margin_points, size), gap.simulated, title, size_in)


def plot_accuracy_cost(summary: Summary, title: str = "", size_in: SizeIn = None) -> Chart:
    """Return accuracy over cost per correct answer, by model, with 95 % intervals of the accuracy.

    Args:
        summary: The summary.
        title: Title above the chart. "": none.
        size_in: Width and height in inches. None: 6.4 by 3.4.
    """
    models = summary.level("model")
    column = "usd_per_correct"
    svg = draw_scatter(
        records(models),
        column,
        pareto_front(models, column),
        formatting.METRICS[column],
        formatting.format_usd_per_1000,
        _plot_size(title, size_in) or (WIDTH, HEIGHT),
    )
    return Chart(svg or _NO_PRICE, summary.simulated, title, size_in)


def plot_latency(
    summary: Summary,
    quantiles: pd.DataFrame,
    metric: Literal["response_s", "ttft_s"] = "response_s",
    title: str = "",
    size_in: SizeIn = None,
) -> Chart:
    """Return the distribution of each model's times over its measured requests.

    Args:
        summary: The summary, for median, 95th percentile and whether the times are valid.
        quantiles: Result of :func:`gapbench.analysis.performance.distributions.latency_quantiles`.
        metric: ``response_s``, what a user waits, or ``ttft_s``, the time to the first text.
        title: Title above the chart. "": none.
        size_in: Width and height in inches. None: as much as the rows need.

    Raises:
        InputError: The metric is another.
    """
    if metric not in ("response_s", "ttft_s"):
        raise InputError(f"found metric {metric!r}; expected response_s or ttft_s")
    by_model: dict[str, dict[float, float]] = {}
    for row in records(quantiles[quantiles["metric"] == metric]):
        by_model.setdefault(str(row["model_id"]), {})[float(row["share"])] = float(row["value_s"])
    rows = records(summary.level("model"))
    svg = draw_times(rows, by_model, metric.removesuffix("_s"), _plot_size(title, size_in))
    return Chart(svg, summary.simulated, title, size_in)


def plot_task_accuracy(summary: Summary, title: str = "", size_in: SizeIn = None) -> Chart:
    """Return each model's accuracy in each task, with its 95 % interval.

    Args:
        summary: The summary.
        title: Title above the chart. "": none.
        size_in: Width and height in inches. None: as much as the rows need.
    """
    svg = draw_task_accuracy(records(summary.level("task")), _plot_size(title, size_in))
    return Chart(svg, summary.simulated, title, size_in)


def _plot_size(title: str, size_in: SizeIn) -> tuple[float, float] | None:
    """Return the size of a chart below its title, in its units, or None if no size is given.

    Raises:
        InputError: A length is not between 1 and 100 inches.
    """
    if size_in is None:
        return None
    if len(size_in) != 2 or not all(1 <= length <= 100 for length in size_in):
        raise InputError(f"found size_in={size_in!r}; give width and height in inches, each from 1 to 100")
    width, height = (length * PIXELS_PER_INCH for length in size_in)
    return width, max(PIXELS_PER_INCH, height - title_height(title, width))
