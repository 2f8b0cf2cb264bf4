"""Recorded conversations: the forms in which people store them, read to messages, and what to ask of one."""

from gapbench.suite.tasks.conversations.forms import detect_form, read_conversation
from gapbench.suite.tasks.conversations.modes import (
    AskedTurn,
    FreeConversation,
    forced_turns,
    free_conversation,
    last_turn,
)
from gapbench.suite.tasks.conversations.recorded import (
    ConversationError,
    MediaReader,
    RecordedConversation,
)

__all__ = [
    "AskedTurn",
    "ConversationError",
    "FreeConversation",
    "MediaReader",
    "RecordedConversation",
    "detect_form",
    "forced_turns",
    "free_conversation",
    "last_turn",
    "read_conversation",
]
