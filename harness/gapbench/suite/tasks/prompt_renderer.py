"""How rows become samples: the templates of a task's document, filled from one row at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapbench.errors import DocumentError
from gapbench.suite.documents import Document, KeyPath
from gapbench.suite.tasks.image_reader import ImageError, list_images, read_image
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.sample_order import Labels
from gapbench.suite.tasks.template import (
    ColumnError,
    TemplateError,
    column_or_template_value,
    columns_named,
    fill_template,
    template_value,
)
from gapbench.values import Image, Message, Part, Sample, Text

if TYPE_CHECKING:
    from gapbench.suite.tasks.schema import TaskDocument


class Renderer:
    """Turns rows into samples by one task's templates.

    Args:
        task: The checked document.
        source: The file that contains it.
        path: Its place in the file.
        base: Folder that image paths are relative to.
        origin: What the rows are from, for messages.
    """

    def __init__(self, task: TaskDocument, source: Document, path: KeyPath, base: Path, origin: str) -> None:
        """Start without an image."""
        self.task = task
        self.source = source
        self.path = path
        self.base = base
        self.origin = origin
        self._row_number = 0
        self._images: dict[str, Image] = {}
        self._digests: set[str] = set()

    def image_digests(self) -> list[str]:
        """Return the hashes of all images seen, sorted."""
        return sorted(self._digests)

    def read_labels(self, row: Row, number: int) -> Labels:
        """Return a row's tags and its cluster without rendering the rest.

        Raises:
            DocumentError: A template names no column of the row.
        """
        self._row_number = number
        return (*self._render_tags(row), self._render_cluster(row))

    def label_columns(self) -> frozenset[str]:
        """Return the columns that :meth:`read_labels` needs."""
        templates = [*self.task.tags, *([] if self.task.cluster is None else [self.task.cluster])]
        return frozenset(name for template in templates for name in columns_named(template))

    def _render_tags(self, row: Row) -> tuple[str, ...]:
        return tuple(self._render_text("tags", tag, row) for tag in self.task.tags)

    def _render_cluster(self, row: Row) -> str | None:
        return None if self.task.cluster is None else self._render_text("cluster", self.task.cluster, row)

    def render_sample(self, row: Row, number: int) -> Sample:
        """Return one row as a sample.

        Raises:
            DocumentError: A template names no column of the row, or an image cannot be read.
        """
        task = self.task
        self._row_number = number
        sample_id = str(number) if task.id is None else self._render_text("id", task.id, row)
        if not sample_id.strip():
            raise self._error("id", f"row {number} of {self.origin} has an empty id; each row needs its own")
        return Sample(
            sample_id=sample_id,
            messages=self._render_messages(row),
            target=None
            if task.target is None
            else self._fill_template("target", task.target, row, column_or_template_value),
            cluster_id=self._render_cluster(row),
            tags=self._render_tags(row),
            columns=row,
            reference=None if task.reference is None else self._render_text("reference", task.reference, row),
            decoy=None if task.decoy is None else self._render_text("decoy", task.decoy, row),
        )

    def _render_messages(self, row: Row) -> tuple[Message, ...]:
        task = self.task
        messages: list[Message] = []
        if task.system is not None:
            messages.append(Message("system", (Text(self._render_text("system", task.system, row)),)))
        for shot in task.few_shot:
            messages.append(Message("user", (Text(self._render_text("few_shot", shot.user, row)),)))
            messages.append(Message("assistant", (Text(self._render_text("few_shot", shot.assistant, row)),)))
        if isinstance(task.prompt, str):
            messages.append(Message("user", self._render_parts("prompt", task.prompt, task.images, row)))
        else:
            messages += [
                Message(turn.role, self._render_parts("prompt", turn.text, turn.images, row))
                for turn in task.prompt
            ]
        return tuple(messages)

    def _render_parts(self, key: str, text: str, images: Sequence[str], row: Row) -> tuple[Part, ...]:
        given = [self._fill_template("images", template, row, template_value) for template in images]
        parts: list[Part] = [self._load_image(image) for value in given for image in list_images(value)]
        filled_text = self._render_text(key, text, row)
        return (*parts, Text(filled_text)) if filled_text or not parts else tuple(parts)

    def _render_text(self, key: str, template: str, row: Row) -> str:
        return str(self._fill_template(key, template, row, fill_template))

    def _fill_template(self, key: str, template: str, row: Row, fill: Callable[[str, Row], Any]) -> Any:
        try:
            return fill(template, row)
        except TemplateError as exc:
            where = f" (row {self._row_number} of {self.origin})" if isinstance(exc, ColumnError) else ""
            raise self._error(key, f"{exc}{where}") from exc

    def _load_image(self, given: Any) -> Image:
        cached = self._images.get(given) if isinstance(given, str) else None
        if cached is not None:
            return cached
        try:
            kind, data = read_image(given, self.base, allow_urls=self.task.image_urls)
        except ImageError as exc:
            raise self._error("images", f"{exc} (row {self._row_number} of {self.origin})") from exc
        image = Image(kind, data, self.task.image_detail)
        self._digests.add(image.sha256)
        if isinstance(given, str):
            self._images[given] = image
        return image

    def _error(self, key: str, message: str) -> DocumentError:
        return self.source.error((*self.path, key), message)
