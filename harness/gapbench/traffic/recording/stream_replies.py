"""Streams of the four protocols, put together to the body that the same reply has without a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.traffic.draft import as_mapping
from gapbench.traffic.recording.protocols import Protocol

_CONTENT_KEYS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call")


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
        self._finish_reason: Any = None

    def add(self, event: dict[str, Any]) -> bool:
        """See :class:`StreamedReply`."""
        for key in ("id", "model", "service_tier", "usage", "provider", "error"):
            if event.get(key) is not None:
                self.body[key] = event[key]
        has_content = False
        for choice in event.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            delta = as_mapping(choice.get("delta"))
            has_content = has_content or any(delta.get(key) for key in _CONTENT_KEYS)
            for key, texts in self._texts.items():
                if isinstance(delta.get(key), str):
                    texts.append(delta[key])
            for call in delta.get("tool_calls") or ():
                self._add_call(call)
            if choice.get("finish_reason") is not None:
                self._finish_reason = choice["finish_reason"]
                self.is_complete = True
        return has_content

    def _add_call(self, piece: dict[str, Any]) -> None:
        index = piece.get("index", len(self._calls))
        call = self._calls.setdefault(index, {"function": {"arguments": ""}})
        for key in ("id", "type"):
            if piece.get(key):
                call[key] = piece[key]
        function = as_mapping(piece.get("function"))
        if function.get("name"):
            call["function"]["name"] = function["name"]
        call["function"]["arguments"] += function.get("arguments") or ""

    def finish(self) -> dict[str, Any]:
        """See :class:`StreamedReply`."""
        message: dict[str, Any] = {key: "".join(texts) for key, texts in self._texts.items() if texts}
        if self._calls:
            message["tool_calls"] = list(self._calls.values())
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
