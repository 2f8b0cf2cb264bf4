"""Tables as a notebook shows them: a few columns of a frame below a sentence, with every text escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from gapbench import formatting

_FORMATS: Mapping[str, Callable[[Any], str]] = {
    "usd": formatting.format_usd,
    "usd_per_mtok": formatting.format_usd,
    "usd_per_task": formatting.format_usd_per_1000,
    "usd_per_correct": formatting.format_usd_per_1000,
}
_HEADINGS = {name: formatting.METRICS[name] for name in ("usd_per_task", "usd_per_correct")}
MAX_ROWS = 30
"""Rows that are shown; the frame has all."""


def table_html(
    heading: str, frame: pd.DataFrame, columns: Iterable[str], lines: Iterable[str] = (), *, simulated: bool
) -> str:
    """Return a table as HTML.

    Args:
        heading: A sentence above the table.
        frame: The rows.
        columns: Columns to show; those that the frame lacks are left out.
        lines: Sentences below the table, such as warnings.
        simulated: Whether to mark it as simulated.
    """
    shown = frame.head(MAX_ROWS)
    cells = pd.DataFrame(
        {
            _HEADINGS.get(name, name): shown[name].map(_FORMATS.get(name, _cell))
            for name in columns
            if name in shown.columns
        }
    )
    body = cells.to_html(index=False, border=0)
    mark = f" ({formatting.SIMULATED})" if simulated else ""
    more = [f"{len(frame) - MAX_ROWS} more rows"] if len(frame) > MAX_ROWS else []
    notes = Markup("").join(
        Markup("<div>{}</div>").format(formatting.strip_controls(line)) for line in [*more, *lines]
    )
    top = Markup("<p><b>{}</b>{}</p>").format(formatting.strip_controls(heading), mark)
    # pandas escapes every text of the frame. The classes keep a notebook from reading $…$ as mathematics.
    whole = Markup('<div class="tex2jax_ignore mathjax_ignore">{}</div>')
    return str(whole.format(top + Markup(body) + notes))  # noqa: S704 - as said


def _cell(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, str):
        return formatting.strip_controls(value)
    return formatting.format_number(value, 4) if formatting.is_known(value) else formatting.NOTHING
