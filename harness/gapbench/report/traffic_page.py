"""The audit of traffic as one self-contained page: it loads nothing, has no script, and is light or dark."""

from __future__ import annotations

from gapbench.analysis.traffic import TrafficAudit
from gapbench.report.html import page_environment
from gapbench.report.traffic import answer_lines, audit_tables
from gapbench.report.traffic_takeover import check_commands, check_line


def traffic_page(audit: TrafficAudit) -> str:
    """Return the page of an audit: the answer, then every table with all its columns."""
    first, *others = answer_lines(audit)
    return (
        page_environment()
        .get_template("traffic.html.j2")
        .render(
            headline=first,
            others=others,
            tables=audit_tables(audit),
            simulated=audit.simulated,
            check=check_line(),
            commands="\n".join(check_commands(audit)),
        )
    )
