"""Logged prompts: checked once, kept in a temporary file, and read again one by one, so that memory holds few texts."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from gapbench.errors import DocumentError
from gapbench.suite.prompt_size import count_prompt_chars, count_tool_chars
from gapbench.suite.replay.logged_requests import Ints
from gapbench.suite.tasks.conversations import ConversationError, MediaReader, read_conversation
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError, read_tools
from gapbench.values import Image, Message, Tool, ToolSet

_MEDIA_TYPES = frozenset(
    {
        "image",
        "image_url",
        "input_image",
        "audio",
        "input_audio",
        "file",
        "input_file",
        "document",
        "video",
        "video_url",
    }
)
IMAGES_AND_FILES = "images and files, whose bytes the table does not have"
TOOLS = "tools that only one vendor has, or whose declaration cannot be read"


class LoggedPrompts:
    """The texts of a replay, in a temporary file that is removed with it.

    Args:
        path: The file.
        places: Where the text of each request starts; -1: it has none.
        sizes: Its bytes.
        chars: Characters of its messages, and of the declaration of its tools, in two rows.
        owned: Whether to remove the file at the end.
    """

    def __init__(self, path: str, places: Ints, sizes: Ints, chars: Ints, *, owned: bool) -> None:
        self._path = path
        self._chars = chars
        self._places = places
        self._sizes = sizes
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        if owned:
            weakref.finalize(self, _remove, path)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._path, self._places, self._sizes, self._chars)

    def has_text(self, number: int) -> bool:
        """Return whether the log has the prompt of a request."""
        return bool(self._places[number] >= 0)

    def chars(self, number: int) -> tuple[int, int]:
        """Return the characters of the prompt of a request, and of the declaration of its tools."""
        return int(self._chars[0, number]), int(self._chars[1, number])

    def read(self, number: int) -> tuple[tuple[Message, ...], ToolSet | None]:
        """Return the prompt of a request and the tools that it offers; None: it offers none."""
        data = os.pread(self._file, int(self._sizes[number]), int(self._places[number]))
        kept = orjson.loads(data)
        return _build(kept["messages"], kept["tools"])


def _reopen(path: str, places: Ints, sizes: Ints, chars: Ints) -> LoggedPrompts:
    return LoggedPrompts(path, places, sizes, chars, owned=False)


def _remove(path: str) -> None:
    if os.path.exists(path):  # noqa: PTH110 - at the end of the process, when modules go
        os.unlink(path)  # noqa: PTH108 - as above


class PromptFile:
    """Writes the texts of a replay to its temporary file.

    Args:
        count: Number of requests.
    """

    def __init__(self, count: int) -> None:
        self.left_out: Counter[str] = Counter()
        self.first_problem: str | None = None
        self._places = np.full(count, -1, dtype=np.int64)
        self._sizes = np.zeros(count, dtype=np.int64)
        self._chars = np.zeros((2, count), dtype=np.int64)
        self._end = 0
        descriptor, self._path = tempfile.mkstemp(prefix="gapbench-replay-")
        self._file = os.fdopen(descriptor, "wb")

    def add(self, number: int, messages: str, tools: str | None) -> bool:
        """Add a prompt. Returns whether it can be sent."""
        try:
            kept = _clean(messages, tools, self.left_out)
            built, declared = _build(kept["messages"], kept["tools"])
            self._chars[:, number] = count_prompt_chars(built), count_tool_chars(declared)
        except (
            ConversationError,
            ToolDeclarationError,
            DocumentError,
            ValueError,
            TypeError,
            AttributeError,
        ) as exc:
            self.first_problem = self.first_problem or str(exc)
            return False
        data = orjson.dumps(kept)
        self._file.write(data)
        self._places[number], self._sizes[number] = self._end, len(data)
        self._end += len(data)
        return True

    def finish(self, chosen: Any) -> LoggedPrompts:
        """Return the texts of the requests that are chosen."""
        self._file.close()
        return LoggedPrompts(
            self._path, self._places[chosen], self._sizes[chosen], self._chars[:, chosen], owned=True
        )

    def discard(self) -> None:
        """Remove the file after an error."""
        self._file.close()
        _remove(self._path)


def _clean(messages: str, tools: str | None, left_out: Counter[str]) -> dict[str, Any]:
    """Return a prompt without what cannot be sent; what is left out is counted."""
    found = orjson.loads(messages)
    if isinstance(found, str):
        found = [{"role": "user", "content": found}]
    if not isinstance(found, list):
        raise ConversationError(f"found {type(found).__name__}; expected a list of messages")
    cleaned: list[Any] = []
    for message in found:
        if not isinstance(message, Mapping):
            raise ConversationError(
                f"found {type(message).__name__}; expected a message with role and content"
            )
        removed = Counter[str]()
        content = _without_media(message.get("content"), removed)
        left_out.update(removed)
        if removed and content == []:
            continue
        cleaned.append({**message, "content": content} if "content" in message else dict(message))
    kept: list[Any] = []
    for declaration in _declarations(tools):
        try:
            read_tools([*kept, declaration])
        except ToolDeclarationError:
            left_out[TOOLS] += 1
            continue
        kept.append(declaration)
    return {"messages": cleaned, "tools": kept}


def _without_media(content: Any, removed: Counter[str]) -> Any:
    """Return content without images and files, also inside the results of tools."""
    if not isinstance(content, list):
        return content
    kept = []
    for part in content:
        if isinstance(part, Mapping) and (
            part.get("type") in _MEDIA_TYPES or part.get("modality") == "image"
        ):
            removed[IMAGES_AND_FILES] += 1
            continue
        if isinstance(part, Mapping) and isinstance(part.get("content"), list):
            kept.append({**part, "content": _without_media(part["content"], removed)})
        else:
            kept.append(part)
    return kept


def _declarations(tools: str | None) -> list[Any]:
    if tools is None:
        return []
    try:
        found = orjson.loads(tools)
    except orjson.JSONDecodeError:
        return [tools]
    return found if isinstance(found, list) else [found]


def _build(messages: list[Any], tools: list[Any]) -> tuple[tuple[Message, ...], ToolSet | None]:
    conversation = read_conversation(messages, MediaReader(_refuse_image))
    declared: tuple[Tool, ...] = read_tools(tools) if tools else ()
    return conversation.messages, ToolSet(declared) if declared else None


def _refuse_image(value: Any, detail: str | None) -> Image:  # noqa: ARG001 - the form of a reader of images
    raise ConversationError("an image without its bytes")
