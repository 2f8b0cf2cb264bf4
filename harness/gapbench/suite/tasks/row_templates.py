"""The templates of a task filled from one row at a time, and errors that name the row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gapbench.errors import DocumentError
from gapbench.suite.documents import Document, KeyPath
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.template import ColumnError, TemplateError, fill_template, template_value

Key = str | KeyPath


class RowTemplates:
    """Fills templates, and makes the errors of one task.

    Args:
        source: The file that contains the task.
        path: Its place in the file.
        origin: What the rows are from, for messages.

    Attributes:
        number: The row that is filled now, from 1.
    """

    def __init__(self, source: Document, path: KeyPath, origin: str) -> None:
        """Start before the first row."""
        self.source = source
        self.path = path
        self.origin = origin
        self.number = 0

    def fill_text(self, key: Key, template: str, row: Row) -> str:
        """Return a template as text. Raises ``DocumentError``."""
        return str(self.fill(key, template, row, fill_template))

    def fill_value(self, key: Key, template: str, row: Row) -> Any:
        """Return a template's value, with its type where it is one column. Raises ``DocumentError``."""
        return self.fill(key, template, row, template_value)

    def fill(self, key: Key, template: str, row: Row, how: Callable[[str, Row], Any]) -> Any:
        """Return a template filled in one way. Raises ``DocumentError``."""
        try:
            return how(template, row)
        except ColumnError as exc:
            raise self.row_error(key, str(exc)) from exc
        except TemplateError as exc:
            raise self.error(key, str(exc)) from exc

    def error(self, key: Key, message: str) -> DocumentError:
        """Return the error of a key of the task."""
        return self.source.error((*self.path, *((key,) if isinstance(key, str) else key)), message)

    def row_error(self, key: Key, message: str) -> DocumentError:
        """Return the error of a key that the present row causes."""
        return self.error(key, f"{message} (row {self.number} of {self.origin})")
