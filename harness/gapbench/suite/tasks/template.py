"""Plain ``{column}`` substitution, and nothing more: no formats, no attributes, no code.

A column may have any name, in any script: ``{Question Text}``, ``{質問}``, ``{a.b: c}``. A name with braces, a line break
or a quote in front is written as a JSON string: ``{"a}b"}``.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

_TOKEN = re.compile(r'\{\{|\}\}|\{[ \t]*("(?:[^"\\\n]|\\.)*")[ \t]*\}|\{([^{}\r\n]+)\}|[{}]')
_MAX_LISTED = 40
"""Columns that a message lists; a wide table has hundreds."""


class TemplateError(ValueError):
    """A template has a stray brace, or a row does not fit it."""


class ColumnError(TemplateError):
    """A row has no such column, or the column holds no text."""


class MissingColumnError(ColumnError):
    """A template names a column that the row does not have."""

    def __init__(self, column: str, row: Iterable[Any]) -> None:
        """State the column, those there are, and the nearest of them."""
        self.column = column
        names = [str(name) for name in row]
        super().__init__(
            f"no column {column!r}; the columns are: {format_names(names)}{_hint(column, names)}"
        )


def _hint(column: str, names: list[str]) -> str:
    alike = [name for name in names if _normalized(name) == _normalized(column)]
    if len(alike) > 1:
        return f"; {' and '.join(map(repr, alike))} differ only in blanks: name one exactly"
    by_case = {_normalized(name).casefold(): name for name in names}
    near = difflib.get_close_matches(_normalized(column).casefold(), by_case, 1)
    if near:
        return f"; did you mean {by_case[near[0]]!r}?"
    is_plain = re.fullmatch(r"[\w .\-]+", column) is not None
    return "" if is_plain else "; if the braces belong to the text, write {{ and }}"


def format_names(names: Iterable[Any]) -> str:
    """Return column names in one line, and how many more there are if the list is long."""
    listed = [name if name.isprintable() else repr(name) for name in map(str, names)]
    more = len(listed) - _MAX_LISTED
    shown = ", ".join(listed[:_MAX_LISTED])
    return (f"{shown} and {more} more" if more > 0 else shown) or "none"


def placeholder(column: str) -> str:
    """Return the template of a column: ``{name}``, or ``{"name"}`` where the name needs it."""
    is_plain = column.isprintable() and column.strip() == column and not re.search(r'[{}]|^"|^$', column)
    return f"{{{column}}}" if is_plain else f"{{{json.dumps(column)}}}"


def quoted_placeholder(column: str) -> str:
    """Return the template of a column in YAML's double quotes; a template is printable, so JSON's escapes are enough."""
    return json.dumps(placeholder(column), ensure_ascii=False)


def columns_named(template: str) -> list[str]:
    """Return the columns that a template names, in order."""
    return [name for match in _TOKEN.finditer(template) if (name := _column(match)) is not None]


def _column(match: re.Match[str]) -> str | None:
    if match[1] is not None:
        try:
            return str(json.loads(match[1]))
        except ValueError:  # an escape that JSON does not have: it is the name itself
            return match[1]
    return match[2] if match[2] and match[2].strip() else None


def _normalized(name: str) -> str:
    """Return a name for comparison: composed letters, single blanks, none at its ends, no byte order mark."""
    return " ".join(unicodedata.normalize("NFC", name.replace("\ufeff", "")).split())


def find_column(name: str, row: Iterable[Any]) -> str | None:
    """Return the column of a row that a name means. None if there is none, or more than one.

    The exact name wins. Otherwise blanks around it, doubled blanks and the way accents are composed do not count.
    """
    names = list(row)
    if name in names:
        return name
    wanted = _normalized(name)
    alike = [one for one in names if isinstance(one, str) and _normalized(one) == wanted]
    return alike[0] if len(alike) == 1 else None


def _value(name: str, row: Mapping[str, Any]) -> Any:
    if name in row:
        return row[name]
    column = find_column(name, row)
    if column is None:
        raise MissingColumnError(name.strip(), row)
    return row[column]


def fill_template(template: str, row: Mapping[str, Any]) -> str:
    """Return the template with each ``{column}`` replaced by the row's value; ``{{`` is a brace.

    A missing value (None) becomes "", a list or a mapping its JSON. What a value holds is not a template.

    Raises:
        TemplateError: Names the column and those there are, or the stray brace.
    """

    def piece(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        name = _column(match)
        if name is None:
            at = template[max(0, match.start() - 15) : match.end() + 15]
            raise TemplateError(
                f"stray {match[0][0]!r} in {at!r}; write {match[0][0] * 2} for a brace, {{column}} for a column"
            )
        return _as_text(_value(name, row), name)

    return _TOKEN.sub(piece, template)


def _as_text(value: Any, column: str) -> str:
    def refuse(inner: Any) -> str:
        if isinstance(inner, bytes):
            raise ColumnError(
                f"column {column!r} holds {len(inner)} bytes of binary data; name it under `images` if it is one"
            )
        return str(inner)

    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=refuse)
    return refuse(value)


def template_value(template: str, row: Mapping[str, Any]) -> Any:
    """Return the value of a template, keeping its type where it is one bare ``{column}``.

    Raises:
        TemplateError: See :func:`fill_template`.
    """
    whole = _TOKEN.fullmatch(template)
    name = None if whole is None else _column(whole)
    return fill_template(template, row) if name is None else _value(name, row)


def column_or_template_value(template: str, row: Mapping[str, Any]) -> Any:
    """Return a column named without braces, or else the value of a template that names some column.

    A text without any column would be the same for every row: it is a misspelt name.

    Raises:
        TemplateError: See :func:`fill_template`.
    """
    column = find_column(template, row)
    if column is not None:
        return row[column]
    if not _TOKEN.search(template):
        raise MissingColumnError(template, row)
    return template_value(template, row)
