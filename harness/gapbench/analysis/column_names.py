"""The check of column names that a user asks for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from gapbench.errors import InputError


def check_columns(names: Iterable[str], known: Sequence[str]) -> None:
    """Raise ``InputError`` with the nearest names if a column is not known."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "`bench schema` lists them"
            raise InputError(f"there is no column {name!r}; {hint}")
