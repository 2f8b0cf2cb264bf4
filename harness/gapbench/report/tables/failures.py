"""The table of failed attempts."""

from __future__ import annotations

import pandas as pd

from gapbench import formatting
from gapbench.report.table import Column, Table
from gapbench.store.json_records import records

MAX_EXAMPLE_CHARS = 400
COLUMNS = (
    Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True),
    Column("failure_kind", "kind", lambda row: formatting.strip_controls(row["failure_kind"])),
    Column("http_status", "status", lambda row: formatting.format_count(row["http_status"])),
    Column("attempts", "attempts", lambda row: formatting.format_count(row["attempts"])),
    Column("final", "lost", lambda row: formatting.format_count(row["final"])),
    Column("example", "example", lambda row: formatting.strip_controls(row["example"])[:MAX_EXAMPLE_CHARS], is_text=True, min_width=20),
)  # fmt: skip


def failure_table(failures: pd.DataFrame) -> Table:
    """Return failed attempts by model and kind, with an example of each."""
    if failures.empty:
        return Table("failures", "Failed attempts", COLUMNS, (), notes=(("No attempt failed.", ""),))
    return Table(
        "failures",
        "Failed attempts",
        COLUMNS,
        records(failures),
        simulated=bool(failures["simulated"].any()),
    )
