"""Streams of the four protocols, put together to the body that the same reply has without a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gapbench.errors import RunnerError
from gapbench.traffic.draft import as_mapping, parse_json
from gapbench.traffic.recording.protocols import Protocol
from gapbench.transport import EventParser

SHAPE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a body of another shape than documented may cause."""

_CONTENT_KEYS = ("reasoning_content", "reasoning", "refusal", "tool_calls", "function_call")
_REPEATED_KEYS = frozenset(
    {"id", "object", "created", "model", "choices", "system_fingerprint", "obfuscation"}
)
"""Keys of which each chunk of a stream repeats the value, or that tell nothing."""


class StreamedReply:
    """A reply that arrives event by event.

    Attributes:
        body: What is known so far, as the unstreamed reply would have it.
        is_complete: Whether the reply ended as its protocol wants.
    """

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.is_complete = False

    def add(self, event: dict[str, Any]) -> bool:
        """Add an event; return whether it holds something that the model generated."""
        raise NotImplementedError

    def finish(self) -> dict[str, Any]:
        """Return the body."""
        return self.body


class ChatReply(StreamedReply):
    """Chat Completions: deltas of the first choice (platform.openai.com/docs/api-reference/chat-streaming)."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[str, list[str]] = {"content": [], "refusal": []}
        self._calls: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._finish_reason: Any = None

    def add(self, event: dict[str, Any]) -> bool:
        """See :class:`StreamedReply`."""
        # Azure starts with a chunk about the prompt, whose id and model are empty.
        if event.keys() - _REPEATED_KEYS or not self.body.get("model"):
            for key in ("id", "created", "model", "service_tier", "usage", "provider", "error"):
                if event.get(key) not in (None, ""):
                    self.body[key] = event[key]
        has_content = False
        for choice in event.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            if choice.get("finish_reason") is not None:
                self._finish_reason = choice["finish_reason"]
                self.is_complete = True
            delta = as_mapping(choice.get("delta"))
            content = delta.get("content")
            if isinstance(content, str) and content:
                self._texts["content"].append(content)
                has_content = True
            if len(delta) > 1 or not has_content:
                has_content = self._add_other(delta) or has_content
        return has_content

    def _add_other(self, delta: dict[str, Any]) -> bool:
        """Add what of a delta is not its text; return whether the model generated something of it."""
        if isinstance(delta.get("refusal"), str):
            self._texts["refusal"].append(delta["refusal"])
        for call in delta.get("tool_calls") or ():
            self._add_call(call)
        return any(delta.get(key) for key in _CONTENT_KEYS)

    def _add_call(self, piece: dict[str, Any]) -> None:
        index = piece.get("index", len(self._calls))
        call = self._calls.setdefault(index, {"function": {}})
        for key in ("id", "type"):
            if piece.get(key):
                call[key] = piece[key]
        function = as_mapping(piece.get("function"))
        if function.get("name"):
            call["function"]["name"] = function["name"]
        arguments = function.get("arguments")
        if arguments:
            text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
            self._arguments.setdefault(index, []).append(text)

    def finish(self) -> dict[str, Any]:
        """See :class:`StreamedReply`."""
        message: dict[str, Any] = {key: "".join(texts) for key, texts in self._texts.items() if texts}
        if self._calls:
            message["tool_calls"] = [
                {
                    **call,
                    "function": {**call["function"], "arguments": "".join(self._arguments.get(index, ()))},
                }
                for index, call in self._calls.items()
            ]
        return {**self.body, "choices": [{"message": message, "finish_reason": self._finish_reason}]}


class ResponsesReply(StreamedReply):
    """Responses: the last event has the whole reply (platform.openai.com/docs/api-reference/responses-streaming)."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []
        self._items: list[Any] = []

    def add(self, event: dict[str, Any]) -> bool:
        """See :class:`StreamedReply`."""
        kind = str(event.get("type"))
        if isinstance(event.get("response"), dict):
            self.body = event["response"]
            self.is_complete = kind in {"response.completed", "response.incomplete", "response.failed"}
        elif kind == "error":
            self.body = {**self.body, "error": event.get("error") or event}
        elif kind == "response.output_item.done":
            self._items.append(event.get("item"))
        elif kind == "response.output_text.delta" and isinstance(event.get("delta"), str):
            self._texts.append(event["delta"])
        return kind.endswith(".delta") and bool(event.get("delta"))

    def finish(self) -> dict[str, Any]:
        """See :class:`StreamedReply`."""
        if self.is_complete and self.body.get("output"):
            return self.body
        items = self._items
        if self._texts and not any(as_mapping(item).get("type") == "message" for item in items):
            items = [*items, {"type": "message", "content": [{"text": "".join(self._texts)}]}]
        return {**self.body, "output": items}


class MessagesReply(StreamedReply):
    """Messages: blocks with deltas (docs.anthropic.com/en/docs/build-with-claude/streaming)."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[int, list[str]] = {}

    def add(self, event: dict[str, Any]) -> bool:
        """See :class:`StreamedReply`."""
        kind = event.get("type")
        if kind == "message_start":
            self.body = dict(as_mapping(event.get("message")))
        elif kind == "content_block_start":
            self._blocks[event.get("index", 0)] = dict(as_mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            delta = as_mapping(event.get("delta"))
            text = delta.get("text") or delta.get("partial_json")
            if isinstance(text, str):
                self._texts.setdefault(event.get("index", 0), []).append(text)
            return bool(text or delta.get("thinking"))
        elif kind == "message_delta":
            self.body.update(as_mapping(event.get("delta")))
            known = as_mapping(self.body.get("usage"))
            given = {key: value for key, value in as_mapping(event.get("usage")).items() if value is not None}
            self.body["usage"] = {**known, **given}
        elif kind == "message_stop":
            self.is_complete = True
        elif kind == "error":
            self.body["error"] = event.get("error")
        return False

    def finish(self) -> dict[str, Any]:
        """See :class:`StreamedReply`."""
        blocks = []
        for index, block in self._blocks.items():
            text = "".join(self._texts.get(index, ()))
            key = "text" if block.get("type") == "text" else "input"
            if text:
                block = {**block, key: (block.get("text") or "") + text if key == "text" else text}  # noqa: PLW2901
            blocks.append(block)
        return {**self.body, "type": "message", "content": blocks}


class GoogleReply(StreamedReply):
    """generateContent: each event is a reply with the next parts (ai.google.dev/api/generate-content)."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Any] = []
        self._finish_reason: Any = None

    def add(self, event: dict[str, Any]) -> bool:
        """See :class:`StreamedReply`."""
        for key in ("modelVersion", "responseId", "promptFeedback", "error"):
            if event.get(key):
                self.body[key] = event[key]
        usage = as_mapping(event.get("usageMetadata"))
        if usage:
            self.body["usageMetadata"] = {**as_mapping(self.body.get("usageMetadata")), **usage}
        if as_mapping(event.get("promptFeedback")).get("blockReason"):
            self.is_complete = True
        has_content = False
        for candidate in (event.get("candidates") or ())[:1]:
            parts = as_mapping(candidate.get("content")).get("parts") or ()
            self._parts += parts
            has_content = any(part.get("text") or part.get("functionCall") for part in parts)
            if candidate.get("finishReason"):
                self._finish_reason = candidate["finishReason"]
                self.is_complete = True
        return has_content

    def finish(self) -> dict[str, Any]:
        """See :class:`StreamedReply`."""
        if not self._parts and self._finish_reason is None:
            return self.body
        return {
            **self.body,
            "candidates": [{"content": {"parts": self._parts}, "finishReason": self._finish_reason}],
        }


STREAMED_REPLIES: Mapping[Protocol, type[StreamedReply]] = {
    Protocol.CHAT: ChatReply,
    Protocol.RESPONSES: ResponsesReply,
    Protocol.MESSAGES: MessagesReply,
    Protocol.GOOGLE: GoogleReply,
}


class StreamReading:
    """Reads a stream while it passes, so that little is left to do at its end.

    Args:
        protocol: The protocol of its events.

    Attributes:
        reply: What was read.
        first_s: When the first piece with something generated came. None: there was none, or its time is not known.
        problem: Why the rest cannot be read. None: all was.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._parser = EventParser()
        self._has_content = False
        self.reply = STREAMED_REPLIES[protocol]()
        self.first_s: float | None = None
        self.problem: Exception | None = None

    def feed(self, at_s: float | None, piece: bytes) -> None:
        """Read a piece; after a problem nothing is read."""
        if self.problem is not None:
            return
        try:
            for event in self._parser.feed(piece, at_s or 0.0):
                self._add(event.data, at_s)
        except (RunnerError, *SHAPE_ERRORS) as exc:
            self.problem = exc

    def forget(self) -> None:
        """Forget what was read, but not when the first piece came."""
        self._parser = EventParser()
        self.reply = type(self.reply)()

    def finish(self) -> dict[str, Any]:
        """Return the body that the reply would have without a stream.

        Raises:
            ValueError: What came has another shape than documented; so may others of :data:`SHAPE_ERRORS`.
        """
        last = self._parser.finish(0.0)
        if last is not None and self.problem is None:
            self._add(last.data, None)
        return self.reply.finish()

    def _add(self, data: bytes, at_s: float | None) -> None:
        if data.strip() == b"[DONE]":
            return
        event = parse_json(data)
        if isinstance(event, dict) and self.reply.add(event) and not self._has_content:
            self._has_content, self.first_s = True, at_s
