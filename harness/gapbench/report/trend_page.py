"""The trend as one self-contained page: it loads nothing, has no script, and is light or dark."""

from __future__ import annotations

from typing import Any

from gapbench.analysis.regression.trend import METRICS, Trend
from gapbench.report.html import page_environment
from gapbench.report.tables.trend import NAMES, SEARCH_NOTE, change_sentences, headline, trend_table
from gapbench.report.trend_charts import CHART_NOTE, draw_nights


def trend_page(trend: Trend) -> str:
    """Return the page of a trend."""
    return page_environment().get_template("trend.html.j2").render(trend_view(trend))


def trend_view(trend: Trend) -> dict[str, Any]:
    """Return what the page shows: headline, changes, three charts for each model, and the table of nights."""
    worse = any(change.is_worse for change in trend.new_changes)
    return {
        "title": trend.suite,
        "headline": headline(trend),
        "tone": "worse" if worse else "even",
        "simulated": trend.simulated,
        "changes": [
            {
                "text": line,
                "tone": "worse" if change.is_worse else "better",
                "side": _side_of(trend, change.model_id),
            }
            for change, line in zip(trend.changes, change_sentences(trend), strict=True)
        ],
        "models": [_model_view(trend, model_id) for model_id in trend.models],
        "table": trend_table(trend),
        "warnings": trend.warnings,
        "search_note": SEARCH_NOTE,
        "chart_note": CHART_NOTE,
    }


def _model_view(trend: Trend, model_id: str) -> dict[str, Any]:
    rows = [row for row in trend.rows if row["model_id"] == model_id]
    side = _side_of(trend, model_id)
    charts = [
        (
            NAMES[metric],
            draw_nights(
                rows,
                metric,
                trend.nights,
                [
                    change
                    for change in trend.changes
                    if change.model_id == model_id and change.metric == metric
                ],
                side,
            ),
        )
        for metric in METRICS
    ]
    return {"model_id": model_id, "side": side, "charts": [(name, chart) for name, chart in charts if chart]}


def _side_of(trend: Trend, model_id: str) -> str:
    """Return whether a model is open or closed, as its last night has it."""
    return str(next(row["weights"] for row in reversed(trend.rows) if row["model_id"] == model_id))
