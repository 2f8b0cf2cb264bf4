"""Read a stream of Anthropic's Messages, and of compatible servers, into chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from gapbench import transport
from gapbench.values import Chunk, Disclosure, ReasoningState
from gapbench_runners.support.finish_reasons import gave_up_error, normalize_finish
from gapbench_runners.support.stream_errors import (
    cut_stream_error,
    decode_event,
    duplicate_event_error,
    raise_error_event,
)
from gapbench_runners.support.text_events import TextEvents
from gapbench_runners.support.tool_pieces import make_piece
from gapbench_runners.support.usage import anthropic_usage, merge_anthropic_counts


async def read_anthropic_stream(
    batches: AsyncIterator[Iterable[transport.Event]], disclosure: Disclosure
) -> AsyncIterator[Chunk]:
    """Read a Messages stream; it is complete after a stop reason, when its body has ended.

    Args:
        batches: Events, as the transport yields them.
        disclosure: How much of its thinking this model shows.
    """
    counts: dict[str, Any] = {}
    blocks = _Blocks(disclosure)
    finish_raw: Any = None
    stopped = False
    texts = TextEvents("delta", "text")
    async for batch in batches:
        for found in texts.separate(batch):
            if isinstance(found, Chunk):
                yield found
                continue
            received_s, name, data = found
            body = decode_event(data, name)
            kind = body.get("type") or name
            if kind == "content_block_delta" and (text := body["delta"].get("text")):
                # By far the most common event.
                yield Chunk(text, "answer", received_s)
                texts.learn(data, body, text if "type" in body else None)
            elif kind in _BLOCK_EVENTS:
                for chunk in blocks.read(kind, body, received_s):
                    yield chunk
            elif kind == "message_start":
                message = body["message"]
                merge_anthropic_counts(counts, message.get("usage"))
                yield Chunk(
                    usage=anthropic_usage(counts),
                    model_served=message.get("model"),
                    response_id=message.get("id"),
                    service_tier=(message.get("usage") or {}).get("service_tier"),
                )
            elif kind == "message_delta":
                merge_anthropic_counts(counts, body.get("usage"))
                raw = (body.get("delta") or {}).get("stop_reason")
                finish_raw = raw or finish_raw
                # docs.anthropic.com/en/api/handling-stop-reasons
                yield Chunk(
                    finish_reason=normalize_finish(raw) if raw else None,
                    finish_raw=raw,
                    usage=anthropic_usage(counts),
                )
            elif kind == "message_stop":
                if stopped:
                    raise duplicate_event_error(kind)
                stopped = True
            elif kind != "ping":
                raise_error_event(body, kind)
    for chunk in blocks.rest():
        yield chunk
    if finish_raw is None:
        raise cut_stream_error("a stop reason")
    failure = gave_up_error(finish_raw)
    if failure is not None:
        raise failure


_BLOCK_EVENTS = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})


class _Thinking:
    """A block of thinking as far as it has come; Messages wants it back unchanged."""

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._block = dict(block)
        self._texts: list[str] = [str(block.get("thinking") or "")]
        self._signatures: list[str] = [str(block.get("signature") or "")]

    def add(self, delta: Mapping[str, Any]) -> None:
        """Add a delta of its text or of its signature."""
        self._texts.append(delta.get("thinking") or "")
        self._signatures.append(delta.get("signature") or "")

    def state(self) -> ReasoningState | None:
        """Return the whole block. None: a compatible server's, which is not signed and so not taken back."""
        if self._block.get("type") == "redacted_thinking":
            return ReasoningState("messages", self._block)
        signature = "".join(self._signatures)
        if not signature:
            return None
        item = {**self._block, "thinking": "".join(self._texts), "signature": signature}
        return ReasoningState("messages", item)


class _Blocks:
    """The content blocks of one message: text, thinking and tool calls."""

    def __init__(self, disclosure: Disclosure) -> None:
        self._disclosure = disclosure
        # Inputs that came with the start of a tool call; pieces replace them.
        self._inputs: dict[Any, Any] = {}
        # Places of the provider's own tools, such as a search: their calls are not the model's answer.
        self._own_tools: set[Any] = set()
        self._thinking: dict[Any, _Thinking] = {}

    def read(self, kind: str, body: Mapping[str, Any], received_s: float) -> Iterator[Chunk]:
        """Yield the chunks of one event."""
        index = body.get("index")
        if kind == "content_block_delta":
            yield from self._delta(body["delta"], index, received_s)
        elif kind == "content_block_start":
            yield from self._start(body["content_block"], index, received_s)
        elif index in self._thinking:
            yield from self._state(index)
        elif self._inputs.get(index):
            piece = make_piece(index, None, None, self._inputs.pop(index))
            yield Chunk(received_s=received_s, tool_call=piece)

    def rest(self) -> Iterator[Chunk]:
        """Yield thinking and inputs of tool calls whose end never came; some servers leave it out."""
        for index in list(self._thinking):
            yield from self._state(index)
        for index, given in self._inputs.items():
            if given:
                yield Chunk(tool_call=make_piece(index, None, None, given))

    def _state(self, index: Any) -> Iterator[Chunk]:
        state = self._thinking.pop(index).state()
        if state is not None:
            yield Chunk(reasoning_state=state)

    def _delta(self, delta: Mapping[str, Any], index: Any, received_s: float) -> Iterator[Chunk]:
        if index in self._thinking:
            self._thinking[index].add(delta)
        if delta.get("thinking"):
            yield Chunk(delta["thinking"], "reasoning", received_s, disclosure=self._disclosure)
        elif delta.get("partial_json") and index not in self._own_tools:
            self._inputs.pop(index, None)
            piece = make_piece(index, None, None, delta["partial_json"])
            yield Chunk(received_s=received_s, tool_call=piece)

    def _start(self, block: Mapping[str, Any], index: Any, received_s: float) -> Iterator[Chunk]:
        kind = block.get("type")
        if kind in {"thinking", "redacted_thinking"}:
            self._thinking[index] = _Thinking(block)
        if kind == "tool_use":
            self._inputs[index] = block.get("input")
            piece = make_piece(index, block.get("id"), block.get("name"), None)
            yield Chunk(received_s=received_s, tool_call=piece)
        elif kind in {"server_tool_use", "mcp_tool_use"}:
            self._own_tools.add(index)
        elif kind == "redacted_thinking":
            yield Chunk(disclosure="hidden")
        elif block.get("text"):
            yield Chunk(block["text"], "answer", received_s)
        elif block.get("thinking"):
            yield Chunk(block["thinking"], "reasoning", received_s, disclosure=self._disclosure)
