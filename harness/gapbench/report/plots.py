"""The charts that ``bench report --plots`` writes: gaps with their intervals, and accuracy against cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gapbench import formatting
from gapbench.analysis.performance.distributions import pareto_front
from gapbench.analysis.quality.gap import GapTable
from gapbench.analysis.quality.summary import Summary
from gapbench.errors import InputError, ResultsError
from gapbench.report.chart_files import FORMATS, Chart
from gapbench.report.page_charts import draw_scatter
from gapbench.report.page_sparklines import draw_gap_chart
from gapbench.report.results import Results, load_results
from gapbench.store.json_records import records

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
    charts = {"gap": plot_gap_intervals(results.gap), "accuracy_cost": plot_accuracy_cost(results.summary)}
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


def plot_gap_intervals(gap: GapTable) -> Chart:
    """Return each accuracy gap with its interval, the zero line and the margin band."""
    rows = [row for row in records(gap.frame) if row["metric"] == "accuracy"]
    return Chart(draw_gap_chart(rows, gap.margin_points), gap.simulated)


def plot_accuracy_cost(summary: Summary) -> Chart:
    """Return accuracy over cost per correct answer, by model, with 95 % intervals of the accuracy."""
    models = summary.level("model")
    column = "usd_per_correct"
    svg = draw_scatter(
        records(models),
        column,
        pareto_front(models, column),
        formatting.METRICS[column],
        formatting.format_usd_per_1000,
    )
    return Chart(svg or _NO_PRICE, summary.simulated)
