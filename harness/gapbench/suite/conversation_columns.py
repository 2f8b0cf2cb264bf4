"""What `bench init` proposes for a column of recorded conversations: whether it can be read, and the task's keys for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gapbench.suite.tasks.conversations import (
    ConversationError,
    MediaReader,
    RecordedConversation,
    last_turn,
    read_conversation,
)
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.template import find_column, quoted_placeholder
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError, read_tools
from gapbench.values import Image

_TOOL_COLUMNS = ("tools", "functions")
_SYSTEM_COLUMNS = ("system", "system_prompt")


class ConversationColumn(NamedTuple):
    """A column of conversations that a task can send.

    Attributes:
        column: Its name.
        tools: The column with the tools. None: there is none, or the conversations hold them.
        system: The column with the system prompt. None: there is none, or the conversations hold it.
        has_answers: Whether each row has a recorded answer to the user's last turn.
        has_calls: Whether tools are called or declared.
    """

    column: str
    tools: str | None
    system: str | None
    has_answers: bool
    has_calls: bool

    def task_lines(self) -> list[str]:
        """Return the lines of the task."""
        lines = [] if self.system is None else [f"    system: {quoted_placeholder(self.system)}"]
        lines.append(f"    messages: {quoted_placeholder(self.column)}")
        lines.append(
            "    messages_mode: last          # or forced: each turn, given the recorded history; free: the model's own answers stay"
        )
        lines += [] if self.tools is None else [f"    tools: {quoted_placeholder(self.tools)}"]
        if not self.has_answers:
            return [
                *lines,
                "    # scorer: some conversations end without an answer to compare with, so replies are timed and not scored",
            ]
        if self.has_calls:
            return [*lines, "    scorer: tool_calls           # the recorded calls are what is expected"]
        return [
            *lines,
            "    scorer: rouge                # compares with the recorded answers; a judge may suit better",
        ]


def find_conversation_column(
    rows: Sequence[Row], columns: Sequence[str]
) -> tuple[ConversationColumn | None, str]:
    """Return the first column whose conversations can be sent, or None and why the first of them cannot.

    Args:
        rows: The first rows of the data.
        columns: Columns that look like conversations.
    """
    problem = ""
    for column in columns:
        try:
            return _read_column(rows, column), ""
        except (ConversationError, ToolDeclarationError) as exc:
            problem = problem or f"column {column!r} holds conversations that cannot be sent: {exc}"
    return None, problem


def _read_column(rows: Sequence[Row], column: str) -> ConversationColumn:
    found = [read_conversation(row[column], MediaReader(_any_image)) for row in rows]
    tools = next((name for name in _TOOL_COLUMNS if _are_tools(rows, name)), None)
    system = find_column("system", rows[0]) or next(
        (name for name in _SYSTEM_COLUMNS if name in rows[0]), None
    )
    has_system = any(message.role == "system" for one in found for message in one.messages)
    return ConversationColumn(
        column,
        tools,
        None if has_system else system,
        all(last_turn(one).answer is not None for one in found),
        tools is not None or any(map(_has_calls, found)),
    )


def _has_calls(conversation: RecordedConversation) -> bool:
    return bool(conversation.tools) or any(message.tool_calls for message in conversation.messages)


def _are_tools(rows: Sequence[Row], column: str) -> bool:
    try:
        return any(read_tools(row.get(column)) for row in rows)
    except ToolDeclarationError:
        return False


def _any_image(given: object, detail: str | None) -> Image:
    """Return a stand-in: whether the images can be read is told when the suite is."""
    del given
    return Image("image/png", b"", detail)
