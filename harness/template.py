"""Plain ``{column}`` substitution, and nothing more: no formats, no attributes, no code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PIECE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.\-]*)\}|[{}]")


class TemplateError(ValueError):
    """A template names a column that is not there, or has a stray brace."""


def columns_in(template: str) -> list[str]:
    """Return the columns that a template names, in order."""
    return [match[1] for match in _PIECE.finditer(template) if match[1]]


def filled(template: str, row: Mapping[str, Any]) -> str:
    """Return the template with each ``{column}`` replaced by the row's value; ``{{`` is a brace.

    A missing value (None) becomes "".

    Raises:
        TemplateError: Names the column and those there are, or the stray brace.
    """

    def piece(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] is None:
            at = template[max(0, match.start() - 15) : match.end() + 15]
            msg = f"stray {match[0]!r} in {at!r}; write {match[0] * 2} for a brace"
            raise TemplateError(msg)
        if match[1] not in row:
            msg = f"no column {match[1]!r}; the columns are: {', '.join(map(str, row))}"
            raise TemplateError(msg)
        value = row[match[1]]
        return "" if value is None else str(value)

    return _PIECE.sub(piece, template)


def value_of(template: str, row: Mapping[str, Any]) -> Any:
    """Return the value of a template, keeping its type where it is one bare ``{column}`` or a column's name.

    Raises:
        TemplateError: See :func:`filled`.
    """
    if template in row:
        return row[template]
    whole = _PIECE.fullmatch(template)
    if whole and whole[1]:
        filled(template, row)
        return row[whole[1]]
    return filled(template, row)
