"""Read a stream of OpenAI's Responses API, and of compatible servers, into chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import Chunk, Disclosure, FinishReason, ReasoningState
from gapbench_runners.support.finish_reasons import gave_up_error
from gapbench_runners.support.stream_errors import (
    cut_stream_error,
    decode_event,
    duplicate_event_error,
    error_from_event,
    raise_error_event,
    refusal_or_raise,
)
from gapbench_runners.support.tool_pieces import make_piece
from gapbench_runners.support.usage import responses_usage

_END_EVENTS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
_REASONING_PARTS = frozenset({"reasoning_text", "summary_text"})
_PART_EVENTS = frozenset({"response.output_text.done", "response.refusal.done", "response.content_part.done"})
# A response that has one of these at its end was never generated, unless its text has come.
_UNFINISHED = frozenset({"queued", "in_progress"})
_REASONING: Mapping[str, Disclosure] = {
    "response.reasoning_text.delta": "verbatim",
    "response.reasoning_summary_text.delta": "summary",
}


async def read_responses_stream(batches: AsyncIterator[Iterable[transport.Event]]) -> AsyncIterator[Chunk]:
    """Read a Responses stream; it is complete at the event with the whole response, whose ``status`` decides."""
    output = _Output()
    ended = False
    async for batch in batches:
        for received_s, name, data in batch:
            if data.strip() == b"[DONE]":
                continue
            body = decode_event(data, name)
            kind = body.get("type") or name
            if kind in _END_EVENTS:
                if ended:
                    raise duplicate_event_error(kind)
                ended = True
                for chunk in output.end(kind, body.get("response") or {}, received_s):
                    yield chunk
            elif kind == "error":
                ended = True
                yield refusal_or_raise(body.get("error") or body)
            else:
                for chunk in output.read(kind, body, received_s):
                    yield chunk
    if not ended:
        raise cut_stream_error("response.completed")


class _Output:
    """The output items of one response as far as they have arrived."""

    def __init__(self) -> None:
        self._refused = False
        self._has_answer = self._has_text = False
        self._calls_with_arguments: set[Any] = set()
        self._calls: set[Any] = set()
        self._has_state = self._has_reasoning = False
        # By the item's id, its place in the output: some events name one, some the other.
        self._places: dict[Any, Any] = {}
        # What servers that stream no deltas say in their other events.
        self._items: dict[Any, Mapping[str, Any]] = {}
        self._parts: dict[Any, Mapping[str, Any]] = {}

    def read(self, kind: str, body: Mapping[str, Any], received_s: float) -> Iterator[Chunk]:
        """Yield the chunks of one event."""
        if kind in {"response.output_text.delta", "response.refusal.delta"}:
            self._refused = self._refused or kind == "response.refusal.delta"
            self._has_answer = self._has_text = True
            yield Chunk(body["delta"], "answer", received_s)
        elif kind in _REASONING:
            self._has_reasoning = True
            yield Chunk(body["delta"], "reasoning", received_s, disclosure=_REASONING[kind])
        elif kind in {"response.output_item.added", "response.output_item.done"}:
            item = body.get("item") or {}
            key = self._key(body, item)
            if item.get("type") == "function_call":
                yield from self._item(key, item, received_s, done=kind.endswith("done"))
            if kind.endswith("done"):
                self._items[key] = item
                yield from self._state(item)
        elif kind in _PART_EVENTS:
            part = body.get("part") or body
            if part.get("type") not in _REASONING_PARTS:
                self._parts[self._key(body), body.get("content_index")] = part
        elif kind == "response.function_call_arguments.delta":
            key = self._key(body)
            self._calls_with_arguments.add(key)
            yield self._piece(key, None, None, body["delta"], received_s)
        elif kind == "response.function_call_arguments.done":
            key = self._key(body)
            if key not in self._calls_with_arguments and body.get("arguments"):
                self._calls_with_arguments.add(key)
                yield self._piece(key, None, body.get("name"), body["arguments"], received_s)
        else:
            _raise_reported_error(kind, body)

    def _state(self, item: Mapping[str, Any]) -> Iterator[Chunk]:
        """Yield a whole item that the model needs back: reasoning that the server can read again, or a phase.

        Reasoning can be read if it is encrypted or shows its text; a message with a ``phase`` has to keep it
        (openai 3.57 types/responses/response_output_message_param.py).
        """
        kind = item.get("type")
        is_readable = kind == "reasoning" and (item.get("encrypted_content") or item.get("content"))
        if is_readable or (kind == "message" and item.get("phase")):
            self._has_state = True
            yield Chunk(reasoning_state=ReasoningState("responses", item))

    def _key(self, body: Mapping[str, Any], item: Mapping[str, Any] | None = None) -> Any:
        """Return which item an event belongs to: its place in the output, or its id."""
        identity = body.get("item_id") or (item or {}).get("id")
        index = body.get("output_index")
        if index is None:
            return self._places.get(identity, identity)
        if identity is not None:
            self._places[identity] = index
        return index

    def _item(self, key: Any, item: Mapping[str, Any], received_s: float, *, done: bool) -> Iterator[Chunk]:
        """Yield what an item of a function call brings that was not there before."""
        arguments = None
        if done and key not in self._calls_with_arguments:
            self._calls_with_arguments.add(key)
            arguments = item.get("arguments")
        if key not in self._calls or arguments:
            self._calls.add(key)
            yield self._piece(key, item.get("call_id"), item.get("name"), arguments, received_s)

    def _piece(self, key: Any, identity: Any, name: Any, arguments: Any, received_s: float) -> Chunk:
        self._has_answer = True
        return Chunk(received_s=received_s, tool_call=make_piece(key, identity, name, arguments))

    def end(self, kind: str, response: Mapping[str, Any], received_s: float) -> Iterator[Chunk]:
        """Yield what the whole response says at the end.

        Raises:
            RunnerError: The response failed.
        """
        error = response.get("error")
        status = response.get("status") or kind.removeprefix("response.")
        usage, note = responses_usage(response.get("usage"))
        details = response.get("incomplete_details")
        why = details.get("reason") if isinstance(details, Mapping) else details
        is_complete = not error and gave_up_error(status) is None
        if is_complete:
            yield from self._whole(response.get("output") or list(self._items.values()), received_s)
        if is_complete and status in _UNFINISHED and not self._has_answer:
            raise RunnerError("cut_stream", f"the response ended with the status {status}")
        yield Chunk(
            finish_reason=_finish_reason(status, why, refused=self._refused) if is_complete else None,
            finish_raw=why or status,
            usage=usage,
            usage_note=note,
            model_served=response.get("model"),
            response_id=response.get("id"),
            service_tier=response.get("service_tier"),
        )
        if error:
            yield refusal_or_raise(error)
            return
        failure = gave_up_error(status) or gave_up_error(why)
        if failure is not None:
            raise RunnerError(failure.kind, f"the response ended as {why or status}, without an error")

    def _whole(self, output: Sequence[Mapping[str, Any]], received_s: float) -> Iterator[Chunk]:
        """Yield what the whole output has and no delta brought; some servers stream no deltas, or not all of them.

        A response that was not streamed comes whole from here.
        """
        had_text, had_calls, had_state = self._has_text, bool(self._calls), self._has_state
        had_reasoning = self._has_reasoning
        if not any(item.get("type") == "message" for item in output):
            yield from self._part_texts(self._parts.values(), received_s, had_text=had_text)
        for place, item in enumerate(output):
            kind = item.get("type")
            if kind == "message":
                yield from self._part_texts(item.get("content") or (), received_s, had_text=had_text)
            elif kind == "reasoning" and not had_reasoning:
                yield from self._reasoning_texts(item, received_s)
            if not had_state:
                yield from self._state(item)
            if kind == "function_call" and not had_calls:
                yield from self._item(place, item, received_s, done=True)

    def _part_texts(
        self, parts: Iterable[Mapping[str, Any]], received_s: float, *, had_text: bool
    ) -> Iterator[Chunk]:
        """Yield the texts of a message, and note a refusal among them."""
        for part in parts:
            self._refused = self._refused or bool(part.get("refusal"))
            text = part.get("text") or part.get("refusal")
            if text and not had_text:
                self._has_answer = True
                yield Chunk(text, "answer", received_s)

    @staticmethod
    def _reasoning_texts(item: Mapping[str, Any], received_s: float) -> Iterator[Chunk]:
        """Yield the texts of a whole item of reasoning."""
        for part in (*(item.get("summary") or ()), *(item.get("content") or ())):
            shown: Disclosure = "summary" if part.get("type") == "summary_text" else "verbatim"
            if part.get("text"):
                yield Chunk(part["text"], "reasoning", received_s, disclosure=shown)


def _raise_reported_error(kind: str, body: Mapping[str, Any]) -> None:
    """Raise the failure of an event that is no part of the reply, if it reports one."""
    response = body.get("response")
    if isinstance(response, Mapping) and response.get("error"):
        raise error_from_event(response["error"])
    if body.get("error") or not kind.startswith("response."):
        raise_error_event(body, kind)


def _finish_reason(status: str, why: str | None, *, refused: bool) -> FinishReason:
    if refused or why == "content_filter":
        return "refusal"
    if why in {"max_output_tokens", "max_tokens"}:
        return "length"
    if why is not None:
        return "other"
    # Some servers give no reason; an incomplete reply has no other known one.
    return "length" if status == "incomplete" else "stop"
