"""How rows become samples: the templates of a task's document, filled from one row at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapbench.ladder import MOST_RUNGS
from gapbench.suite.documents import Document, KeyPath
from gapbench.suite.tasks.conversations import (
    AskedTurn,
    ConversationError,
    MediaReader,
    RecordedConversation,
    forced_turns,
    free_conversation,
    last_turn,
    read_conversation,
)
from gapbench.suite.tasks.image_reader import ImageError, list_images, read_image
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.prompted_tools import as_prompted
from gapbench.suite.tasks.reference_turns import (
    ReferenceTurnsError,
    calls_as_target,
    read_reference_turns,
    scores_calls,
    with_references,
)
from gapbench.suite.tasks.row_templates import RowTemplates
from gapbench.suite.tasks.sample_order import Labels
from gapbench.suite.tasks.template import column_or_template_value, columns_named, find_column
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError
from gapbench.suite.tasks.tool_renderer import ToolRenderer
from gapbench.values import Episode, EpisodeLimits, Image, Message, Part, Sample, Text, Tool

if TYPE_CHECKING:
    from gapbench.suite.tasks.schema import TaskDocument

_MOST_REQUESTS = 1e15
"""Above it a weight is no count of requests."""


class Renderer:
    """Turns rows into samples by one task's templates.

    Args:
        task: The checked document.
        source: The file that contains it.
        path: Its place in the file.
        base: Folder that image paths are relative to.
        origin: What the rows are from, for messages.
        allow_code: Whether Python that the task names may run.

    Raises:
        DocumentError: What no row can change is wrong: tools, files of tools, code that is not allowed.
    """

    def __init__(
        self,
        task: TaskDocument,
        source: Document,
        path: KeyPath,
        base: Path,
        origin: str,
        *,
        allow_code: bool = False,
    ) -> None:
        """Start without an image."""
        self.task = task
        self.base = base
        self._templates = RowTemplates(source, path, origin)
        self._tools = ToolRenderer(task, self._templates, allow_code=allow_code)
        self._compares_calls = scores_calls(task.scorer)
        self._images: dict[tuple[str, str | None], Image] = {}
        self._digests: set[str] = set()

    def image_digests(self) -> list[str]:
        """Return the hashes of all images seen, sorted."""
        return sorted(self._digests)

    def file_digests(self) -> list[str]:
        """Return the hashes of the files that the task names beside its data: tools, state, schema."""
        return self._tools.file_digests()

    def read_labels(self, row: Row, number: int) -> Labels:
        """Return a row's tags and its cluster without rendering the rest.

        Raises:
            DocumentError: A template names no column of the row.
        """
        self._templates.number = number
        return (*self._render_tags(row), self._render_cluster(row))

    def label_columns(self) -> frozenset[str]:
        """Return the columns that :meth:`read_labels` needs."""
        templates = [*self.task.tags, *([] if self.task.cluster is None else [self.task.cluster])]
        return frozenset(name for template in templates for name in columns_named(template))

    def _render_tags(self, row: Row) -> tuple[str, ...]:
        return tuple(self._templates.fill_text("tags", tag, row) for tag in self.task.tags)

    def _render_cluster(self, row: Row) -> str | None:
        return (
            None
            if self.task.cluster is None
            else self._templates.fill_text("cluster", self.task.cluster, row)
        )

    def has_rung_of(self, rungs: Collection[int]) -> Callable[[Row, int], bool]:
        """Return whether a row is on one of some rungs, as a function of the row and its number.

        Raises:
            DocumentError: The row has no rung.
        """

        def has_rung(row: Row, number: int) -> bool:
            self._templates.number = number
            return self._render_rung(row) in rungs

        return has_rung

    def _render_rung(self, row: Row) -> int | None:
        """Return a row's rung. None: the task is not a ladder."""
        template = self.task.rung or (None if self.task.ladder is None else "{rung}")
        if template is None:
            return None
        value = self._templates.fill_value("rung", template, row)
        text = str(value)
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MOST_RUNGS:
            raise self._templates.row_error(
                "rung", f"found {text[:40]!r}; expected a whole number from 1 to {MOST_RUNGS}"
            )
        return int(text)

    def _render_complexity(self, row: Row) -> float | None:
        """Return a row's difficulty on its ladder's measure. None: not known."""
        template = self.task.complexity or (None if self.task.ladder is None else "{complexity}")
        if template is None:
            return None
        value = self._templates.fill_value("complexity", template, row)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self._templates.row_error("complexity", f"found {str(value)[:40]!r}; expected a number")
        return number

    def _render_weight(self, row: Row) -> float | None:
        """Return how many requests of the traffic a row stands for. None: the task gives no weights."""
        if self.task.weight is None:
            return None
        value = self._templates.fill_value("weight", self.task.weight, row)
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0 < number < _MOST_REQUESTS:
            raise self._templates.row_error(
                "weight",
                f"found {str(value)[:40]!r}; expected how many requests the row stands for, a number above 0",
            )
        return number

    def render_samples(self, row: Row, number: int) -> tuple[Sample, ...]:
        """Return a row's samples: one, or one for each turn of the assistant with ``messages_mode: forced``.

        Raises:
            DocumentError: A template names no column of the row, an image cannot be read, or a conversation cannot be sent.
        """
        task = self.task
        self._templates.number = number
        sample_id = str(number) if task.id is None else self._templates.fill_text("id", task.id, row)
        if not sample_id.strip():
            raise self._templates.error(
                "id", f"row {number} of {self._templates.origin} has an empty id; each row needs its own"
            )
        if task.messages is None:
            messages = self._render_messages(row)
            return (self._make_sample(sample_id, row, messages, (), self._tools.render_episode(row)),)
        return self._render_conversation(sample_id, row, task.messages)

    def _make_sample(
        self,
        sample_id: str,
        row: Row,
        messages: tuple[Message, ...],
        recorded_tools: Sequence[Tool],
        episode: Episode | None = None,
        answers: Sequence[Message] | None = None,
    ) -> Sample:
        """Return a sample.

        Args:
            sample_id: Its id.
            row: Its row.
            messages: Its prompt, with native calls and results.
            recorded_tools: Tools that its conversation declares.
            episode: How it goes on.
            answers: The recorded messages of the assistant in place of which it is asked. None: the task has no recording.
        """
        task = self.task
        tools = self._tools.render_tools(row, recorded_tools)
        is_described = tools is not None and task.tools_as == "prompt"
        if is_described:
            assert tools is not None
            messages = as_prompted(messages, tools)
        columns = row if answers is None else {**_recorded_columns(answers), **row}
        recorded = tuple(answers or ())
        return with_references(
            Sample(
                sample_id=sample_id,
                messages=messages,
                target=self._render_target(columns, recorded),
                cluster_id=self._render_cluster(row),
                tags=self._render_tags(row),
                columns=columns,
                reference=self._optional_text("reference", task.reference, columns),
                decoy=self._optional_text("decoy", task.decoy, columns),
                tools=None if is_described else tools,
                described_tools=tools if is_described else None,
                response_schema=self._tools.render_response_schema(row),
                reference_turns=self._render_turns("reference_turns", task.reference_turns, row)
                or (recorded if task.reference is None else ()),
                decoy_turns=self._render_turns("decoy_turns", task.decoy_turns, row),
                episode=episode,
                rung=self._render_rung(row),
                complexity=self._render_complexity(row),
                weight=self._render_weight(row),
                stratum=self._optional_text("stratum", task.stratum, row),
            ),
            compares_calls=self._compares_calls,
        )

    def _render_target(self, columns: Row, recorded: tuple[Message, ...]) -> Any:
        """Return the target: the template's value, else what was recorded, as the scorer compares it."""
        if self.task.target is not None:
            return self._templates.fill("target", self.task.target, columns, column_or_template_value)
        if not recorded:
            return None
        return calls_as_target(recorded) if self._compares_calls else recorded[-1].text or None

    def _optional_text(self, key: str, template: str | None, row: Row) -> str | None:
        return None if template is None else self._templates.fill_text(key, template, row)

    def _render_turns(self, key: str, template: str | None, row: Row) -> tuple[Message, ...]:
        if template is None:
            return ()
        column = find_column(template, row)
        value = row[column] if column is not None else self._templates.fill_value(key, template, row)
        try:
            return read_reference_turns(value)
        except ReferenceTurnsError as exc:
            raise self._templates.row_error(key, str(exc)) from exc

    def _render_conversation(self, sample_id: str, row: Row, template: str) -> tuple[Sample, ...]:
        conversation = self._read_conversation(row, template)
        tools = conversation.tools
        mode = self.task.messages_mode
        try:
            if mode == "free":
                free = free_conversation(conversation)
                episode = Episode(tools=free.tools, user=free.user, limits=_free_limits(conversation))
                return (self._make_sample(sample_id, row, free.messages, tools, episode, free.answers),)
            if mode == "last":
                asked = last_turn(conversation)
                answers = () if asked.answer is None else (asked.answer,)
                episode_or_none = self._tools.render_episode(row)
                return (self._make_sample(sample_id, row, asked.messages, tools, episode_or_none, answers),)
            turns = forced_turns(conversation)
        except ConversationError as exc:
            raise self._templates.row_error("messages", str(exc)) from exc
        return tuple(self._forced_sample(sample_id, row, tools, turn) for turn in turns)

    def _forced_sample(self, sample_id: str, row: Row, tools: Sequence[Tool], turn: AskedTurn) -> Sample:
        assert turn.answer is not None
        sample = self._make_sample(
            f"{sample_id}#{turn.number}",
            row if "turn" in row else {**row, "turn": turn.number},
            turn.messages,
            tools,
            answers=(turn.answer,),
        )
        # The turns of one conversation are not independent.
        return sample if sample.cluster_id is not None else replace(sample, cluster_id=sample_id)

    def _read_conversation(self, row: Row, template: str) -> RecordedConversation:
        column = find_column(template, row)
        value = row[column] if column is not None else self._templates.fill_value("messages", template, row)
        try:
            conversation = read_conversation(
                value, MediaReader(self._load_recorded_image), self.task.messages_form
            )
        except ConversationError as exc:
            raise self._templates.row_error("messages", str(exc)) from exc
        except ToolDeclarationError as exc:
            raise self._templates.row_error("messages", f"its tools: {exc}") from exc
        if self.task.system is None:
            return conversation
        system = self._templates.fill_text("system", self.task.system, row)
        if not system:
            return conversation
        rest = tuple(message for message in conversation.messages if message.role != "system")
        return replace(conversation, messages=(Message("system", (Text(system),)), *rest))

    def _render_messages(self, row: Row) -> tuple[Message, ...]:
        task = self.task
        fill = self._templates.fill_text
        messages: list[Message] = []
        if task.system is not None:
            messages.append(Message("system", (Text(fill("system", task.system, row)),)))
        for shot in task.few_shot:
            messages.append(Message("user", (Text(fill("few_shot", shot.user, row)),)))
            messages.append(Message("assistant", (Text(fill("few_shot", shot.assistant, row)),)))
        if isinstance(task.prompt, str):
            messages.append(Message("user", self._render_parts("prompt", task.prompt, task.images, row)))
        else:
            messages += [
                Message(turn.role, self._render_parts("prompt", turn.text, turn.images, row))
                for turn in task.prompt or ()
            ]
        return tuple(messages)

    def _render_parts(self, key: str, text: str, images: Sequence[str], row: Row) -> tuple[Part, ...]:
        given = [self._templates.fill_value("images", template, row) for template in images]
        parts: list[Part] = [
            self._load_image("images", image, self.task.image_detail)
            for value in given
            for image in list_images(value)
        ]
        filled_text = self._templates.fill_text(key, text, row)
        return (*parts, Text(filled_text)) if filled_text or not parts else tuple(parts)

    def _load_recorded_image(self, given: Any, detail: str | None) -> Image:
        if not isinstance(given, str) or not given:
            raise ConversationError("an image without its bytes; put base64 or a data URI in its place")
        kept = detail if detail in {"low", "high", "auto"} else None
        return self._load_image("messages", given, self.task.image_detail or kept)

    def _load_image(self, key: str, given: Any, detail: str | None) -> Image:
        cached = self._images.get((given, detail)) if isinstance(given, str) else None
        if cached is not None:
            return cached
        try:
            kind, data = read_image(given, self.base, allow_urls=self.task.image_urls)
        except ImageError as exc:
            raise self._templates.row_error(key, str(exc)) from exc
        image = Image(kind, data, detail)
        self._digests.add(image.sha256)
        if isinstance(given, str):
            self._images[given, detail] = image
        return image


def _recorded_columns(answers: Sequence[Message]) -> Row:
    """Return the columns that templates may name beside those of the row: what the assistant said and called there."""
    return {
        "recorded_text": answers[-1].text if answers else None,
        "recorded_calls": calls_as_target(answers) if answers else None,
    }


def _free_limits(conversation: RecordedConversation) -> EpisodeLimits:
    """Return the limits of a conversation that is led again: some more turns than it had."""
    recorded = sum(message.role == "assistant" for message in conversation.messages)
    return EpisodeLimits(turns=max(EpisodeLimits().turns, 2 * recorded))
