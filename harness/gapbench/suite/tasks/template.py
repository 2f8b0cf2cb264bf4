"""Plain ``{column}`` substitution, and nothing more: no formats, no attributes, no code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
"""A column that a template can name."""

_TOKEN = re.compile(r"\{\{|\}\}|\{(" + COLUMN_NAME.pattern + r")\}|[{}]")


class TemplateError(ValueError):
    """A template has a stray brace."""


class MissingColumnError(TemplateError):
    """A template names a column that the row does not have."""

    def __init__(self, column: str, row: Iterable[Any]) -> None:
        """Name the column and those there are."""
        self.column = column
        super().__init__(f"no column {column!r}; the columns are: {format_names(row)}")


def format_names(names: Iterable[Any]) -> str:
    """Return column names in one line."""
    return ", ".join(name if name.isprintable() else repr(name) for name in map(str, names)) or "none"


def columns_named(template: str) -> list[str]:
    """Return the columns that a template names, in order."""
    return [match[1] for match in _TOKEN.finditer(template) if match[1]]


def fill_template(template: str, row: Mapping[str, Any]) -> str:
    """Return the template with each ``{column}`` replaced by the row's value; ``{{`` is a brace.

    A missing value (None) becomes "", a list or a mapping its JSON. What a value holds is not a template.

    Raises:
        TemplateError: Names the column and those there are, or the stray brace.
    """

    def piece(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] is None:
            at = template[max(0, match.start() - 15) : match.end() + 15]
            raise TemplateError(
                f"stray {match[0]!r} in {at!r}; write {match[0] * 2} for a brace, {{column}} for a column"
            )
        if match[1] not in row:
            raise MissingColumnError(match[1], row)
        return _as_text(row[match[1]])

    return _TOKEN.sub(piece, template)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def template_value(template: str, row: Mapping[str, Any]) -> Any:
    """Return the value of a template, keeping its type where it is one bare ``{column}``.

    Raises:
        TemplateError: See :func:`fill_template`.
    """
    whole = _TOKEN.fullmatch(template)
    if whole and whole[1]:
        if whole[1] not in row:
            raise MissingColumnError(whole[1], row)
        return row[whole[1]]
    return fill_template(template, row)


def column_or_template_value(template: str, row: Mapping[str, Any]) -> Any:
    """Return a column named without braces, or else the value of a template that names some column.

    A text without any column would be the same for every row: it is a misspelt name.

    Raises:
        TemplateError: See :func:`fill_template`.
    """
    if template in row:
        return row[template]
    if not _TOKEN.search(template):
        raise MissingColumnError(template, row)
    return template_value(template, row)
