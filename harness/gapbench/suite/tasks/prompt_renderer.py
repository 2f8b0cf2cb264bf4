"""How rows become samples: the templates of a task's document, filled from one row at a time."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapbench.errors import DocumentError
from gapbench.suite.documents import Document, Path_
from gapbench.suite.tasks.dataset import ImageError, Row, read_image
from gapbench.suite.tasks.template import MissingColumnError, TemplateError, column_or_value, filled, value_of
from gapbench.values import Image, Message, Part, Sample, Text

if TYPE_CHECKING:
    from gapbench.suite.tasks.schema import TaskDocument


class Renderer:
    """Turns rows into samples by one task's templates.

    Args:
        task: The checked document.
        source: The file it stands in.
        path: Where in the file it stands.
        base: Folder that image paths are relative to.
        origin: What the rows are from, for messages.
    """

    def __init__(self, task: TaskDocument, source: Document, path: Path_, base: Path, origin: str) -> None:
        """Start without an image."""
        self.task = task
        self.source = source
        self.path = path
        self.base = base
        self.origin = origin
        self._number = 0
        self._images: dict[str, Image] = {}
        self._digests: set[str] = set()

    def image_digests(self) -> list[str]:
        """Return the hashes of all images seen, sorted."""
        return sorted(self._digests)

    def sample(self, row: Row, number: int) -> Sample:
        """Return one row as a sample.

        Raises:
            DocumentError: A template names no column of the row, or an image cannot be read.
        """
        task = self.task
        self._number = number
        sample_id = str(number) if task.id is None else self._text("id", task.id, row)
        if not sample_id.strip():
            raise self._wrong("id", f"row {number} of {self.origin} has an empty id; each row needs its own")
        return Sample(
            sample_id=sample_id,
            messages=self._messages(row),
            target=None if task.target is None else self._fill("target", task.target, row, column_or_value),
            cluster_id=None if task.cluster is None else self._text("cluster", task.cluster, row),
            tags=tuple(self._text("tags", tag, row) for tag in task.tags),
            columns=row,
            reference=None if task.reference is None else self._text("reference", task.reference, row),
            decoy=None if task.decoy is None else self._text("decoy", task.decoy, row),
        )

    def _messages(self, row: Row) -> tuple[Message, ...]:
        task = self.task
        messages: list[Message] = []
        if task.system is not None:
            messages.append(Message("system", (Text(self._text("system", task.system, row)),)))
        for shot in task.few_shot:
            messages.append(Message("user", (Text(self._text("few_shot", shot.user, row)),)))
            messages.append(Message("assistant", (Text(self._text("few_shot", shot.assistant, row)),)))
        if isinstance(task.prompt, str):
            messages.append(Message("user", self._parts("prompt", task.prompt, task.images, row)))
        else:
            messages += [
                Message(turn.role, self._parts("prompt", turn.text, turn.images, row)) for turn in task.prompt
            ]
        return tuple(messages)

    def _parts(self, key: str, text: str, images: Sequence[str], row: Row) -> tuple[Part, ...]:
        given = [self._fill("images", template, row, value_of) for template in images]
        parts: list[Part] = [self._image(value) for value in given if value not in ("", None)]
        filled_text = self._text(key, text, row)
        return (*parts, Text(filled_text)) if filled_text or not parts else tuple(parts)

    def _text(self, key: str, template: str, row: Row) -> str:
        return str(self._fill(key, template, row, filled))

    def _fill(self, key: str, template: str, row: Row, how: Callable[[str, Row], Any]) -> Any:
        try:
            return how(template, row)
        except MissingColumnError as exc:
            near = difflib.get_close_matches(exc.column, list(row), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise self._wrong(key, f"{exc}{hint} (row {self._number} of {self.origin})") from exc
        except TemplateError as exc:
            raise self._wrong(key, str(exc)) from exc

    def _image(self, given: Any) -> Image:
        cached = self._images.get(given) if isinstance(given, str) else None
        if cached is not None:
            return cached
        try:
            kind, data = read_image(given, self.base, fetched=self.task.image_urls)
        except ImageError as exc:
            raise self._wrong("images", f"{exc} (row {self._number} of {self.origin})") from exc
        image = Image(kind, data, self.task.image_detail)
        self._digests.add(image.sha256)
        if isinstance(given, str):
            self._images[given] = image
        return image

    def _wrong(self, key: str, message: str) -> DocumentError:
        return self.source.error((*self.path, key), message)
