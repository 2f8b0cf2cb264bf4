"""The trend as Markdown, for a job summary."""

from __future__ import annotations

from gapbench import formatting
from gapbench.analysis.regression.trend import Trend
from gapbench.report import markdown_tables
from gapbench.report.tables.trend import SEARCH_NOTE, change_sentences, headline, trend_table


def trend_markdown(trend: Trend) -> str:
    """Return the trend as Markdown: headline, changes, table, notes."""
    escape = markdown_tables.escape
    mark = f" ({formatting.SIMULATED})" if trend.simulated else ""
    parts = [
        f"## {escape(headline(trend))}{mark}",
        "\n".join(f"- {escape(line)}" for line in change_sentences(trend)),
        markdown_tables.render_table(trend_table(trend)),
        "\n".join(f"- {escape(line)}" for line in trend.warnings),
        SEARCH_NOTE,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
