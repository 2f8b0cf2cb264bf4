"""Add up the chunks of one reply into a response: texts, tool calls, instants, token counts and facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gapbench import credentials, transport
from gapbench.errors import RunnerError
from gapbench.values import (
    Chunk,
    Disclosure,
    Failure,
    FinishReason,
    Model,
    Part,
    ReasoningState,
    Response,
    Text,
    Timing,
    Usage,
)
from gapbench.values.pieces import Pieces
from gapbench.values.thinking import ThinkingSplit, thinking_rules_for
from gapbench.values.token_counts import check_usage, is_count, merge_usages, to_count
from gapbench.values.tool_calls import ToolCallAccumulator


class ReplyAccumulator:
    """Adds up the chunks of one reply.

    Args:
        model: The model; its name and ``thinking_in_text`` decide which marks of thinking are looked for.
        max_tokens: Output tokens that were asked for. None: no bound.
    """

    def __init__(self, model: Model, max_tokens: int | None = None) -> None:
        self.chunk_s: list[float] = []
        self._model = model
        self._max_tokens = max_tokens
        self._answer: list[str] = []
        self._reasoning: list[str] = []
        self._chunk_tokens: list[object] = []
        # Places in chunk_s of chunks without text of the answer.
        self._other_chunks: list[int] = []
        self._tool_calls = ToolCallAccumulator()
        self._first_tool_call_s: float | None = None
        self._first_complete_call_s: float | None = None
        # Pieces of the answer before each tool call and each reasoning state: (pieces, call's position or state).
        self._places: list[tuple[int, int | ReasoningState]] = []
        self._known_facts: dict[str, Any] = {}
        self._last_fact_values: tuple[object, ...] = _NO_FACTS
        self._usages: list[Usage] = []

    def add_chunk(self, chunk: Chunk) -> None:
        """Add one chunk: text is appended, other fields replace earlier ones.

        Raises:
            RunnerError: ``garbage`` if a text is not a string.
        """
        if chunk.pieces is not None:
            self._add_pieces(chunk.pieces)
            return
        text, channel, received_s, usage, *_ = chunk
        if text:
            if not isinstance(text, str):
                raise _garbage_error("a text", text)
            if channel == "answer":
                self._answer.append(text)
            else:
                self._other_chunks.append(len(self.chunk_s))
                self._reasoning.append(text)
            # The two lines of _add_instant, without the call: this runs once for each token.
            self.chunk_s.append(transport.now() if received_s is None else received_s)
            self._chunk_tokens.append(usage.output_tokens if usage else None)
        if usage is not None:
            self._usages.append(usage)
        fact_values = tuple.__getitem__(chunk, _FACT_FIELDS)
        if fact_values not in (_NO_FACTS, self._last_fact_values):
            self._last_fact_values = fact_values
            self._add_facts(chunk)

    def _add_pieces(self, pieces: Pieces) -> None:
        self._answer += pieces.texts
        self.chunk_s += pieces.received_s
        self._chunk_tokens += [None] * len(pieces.texts)

    def _add_instant(self, received_s: float | None, usage: Usage | None) -> None:
        self.chunk_s.append(transport.now() if received_s is None else received_s)
        self._chunk_tokens.append(usage.output_tokens if usage else None)

    def _add_facts(self, chunk: Chunk) -> None:
        if chunk.tool_call is not None:
            self._other_chunks.append(len(self.chunk_s))
            self._add_instant(chunk.received_s, chunk.usage)
            if self._first_tool_call_s is None:
                self._first_tool_call_s = self.chunk_s[-1]
            known = len(self._tool_calls)
            position = self._tool_calls.add(chunk.tool_call)
            if len(self._tool_calls) > known:
                self._places.append((len(self._answer), position))
            if position == 0:
                self._first_complete_call_s = self.chunk_s[-1]
            # The next piece may be equal to this one.
            self._last_fact_values = _NO_FACTS
        if chunk.reasoning_state is not None:
            self._places.append((len(self._answer), chunk.reasoning_state))
        for name, value in zip(_FACT_NAMES, tuple.__getitem__(chunk, _FACT_FIELDS), strict=True):
            if value is None or name in _APPENDED:
                continue
            if not isinstance(value, str):
                raise _garbage_error(name, value)
            if name == "finish_reason" and self._known_facts.get(name) == "refusal":
                # A gateway may end a filtered reply with a second, ordinary reason.
                continue
            self._known_facts[name] = value

    def build_response(
        self, record: transport.ExchangeRecord, began_s: float, done_s: float, failure: Failure | None
    ) -> Response:
        """Return the response."""
        text = "".join(self._answer)
        facts = Chunk(**self._known_facts)
        rules = thinking_rules_for(self._model.name, self._model.thinking_in_text)
        split = rules.split(
            text,
            is_cut=failure is not None or facts.finish_reason == "length",
            has_reasoning=bool(self._reasoning),
        )
        usage, dropped = check_usage(merge_usages(self._usages) if self._usages else Usage())
        notes = [note for note in (facts.usage_note, dropped) if note]
        timing = Timing(
            sent_s=began_s if record.sent_s is None and record.transport is None else record.sent_s,
            first_byte_s=record.first_byte_s,
            first_token_s=self.chunk_s[0] if self.chunk_s else None,
            first_answer_s=self._first_answer_s(split),
            last_token_s=self.chunk_s[-1] if self.chunk_s else None,
            done_s=done_s,
            chunk_s=tuple(self.chunk_s),
            chunk_tokens=_all_or_none(self._chunk_tokens),
            first_tool_call_s=self._first_tool_call_s,
            first_complete_call_s=self._first_complete_call_s,
        )
        # A server may echo what it was sent. No code after this line sees a key.
        answer = credentials.redact(self._join_answer(text if split is None else split.answer))
        return Response(
            answer=answer,
            reasoning=credentials.redact(self._join_reasoning(split)),
            timing=timing,
            usage=usage,
            finish_reason=self._finish_reason(facts.finish_reason, split, usage),
            finish_raw=_redact_if_given(facts.finish_raw),
            disclosure=self._disclosure(facts.disclosure, split, usage),
            model_served=_redact_if_given(facts.model_served),
            response_id=_redact_if_given(facts.response_id),
            system_fingerprint=_redact_if_given(facts.system_fingerprint),
            service_tier=_redact_if_given(facts.service_tier),
            http_status=record.status if failure is None else failure.http_status,
            transport=record.transport,
            failure=failure,
            thinking_rule=None if split is None else split.rule,
            usage_note=credentials.redact("; ".join(notes)) if notes else None,
            parts=self._parts(split, answer),
            replica=record.replica,
        )

    def _parts(self, split: ThinkingSplit | None, answer: str) -> tuple[Part, ...]:
        """Return text, tool calls and reasoning state in the order in which they came."""
        if not self._places:
            return (Text(answer),) if answer else ()
        if split is not None:
            # Its text is not that of the pieces; calls come after it, as in the answer.
            text: tuple[Part, ...] = (Text(credentials.redact(split.answer)),) if split.answer else ()
            return (*text, *(self._part_at(place) for _, place in self._places))
        parts: list[Part] = []
        done = 0
        for pieces, place in [*self._places, (len(self._answer), None)]:
            if text_before := "".join(self._answer[done:pieces]):
                parts.append(Text(credentials.redact(text_before)))
            done = pieces
            if place is not None:
                parts.append(self._part_at(place))
        return tuple(parts)

    def _part_at(self, place: int | ReasoningState) -> Part:
        if isinstance(place, ReasoningState):
            return place
        call = self._tool_calls.calls()[place]
        return replace(call, arguments_json=credentials.redact(call.arguments_json))

    def _join_answer(self, text: str) -> str:
        calls = self._tool_calls.to_json()
        if calls is None:
            return text
        return f"{text}\n{calls}" if text.strip() else calls

    def _join_reasoning(self, split: ThinkingSplit | None) -> str:
        shown = "".join(self._reasoning)
        if split is None or not split.reasoning:
            return shown
        return f"{shown}\n\n{split.reasoning}" if shown.strip() else split.reasoning

    def _finish_reason(
        self, reason: FinishReason | None, split: ThinkingSplit | None, usage: Usage
    ) -> FinishReason | None:
        """Return why generation ended: ``length`` also for a reply that used all tokens, or ends in its thinking."""
        if reason in {None, "refusal"}:
            return reason
        has_used_all = (
            self._max_tokens is not None
            and usage.output_tokens is not None
            and usage.output_tokens >= self._max_tokens
        )
        return "length" if has_used_all or (split is not None and split.is_cut) else reason

    def _first_answer_s(self, split: ThinkingSplit | None) -> float | None:
        """Return when the first text of the answer arrived that is more than white space, or the first tool call."""
        if split is not None and not split.answer:
            return self._first_tool_call_s
        start = 0 if split is None else split.answer_start
        place = self._place_of_answer(start)
        if place is None:
            return self._first_tool_call_s
        for other in self._other_chunks:
            if other > place:
                break
            place += 1
        first_s = self.chunk_s[place]
        return first_s if self._first_tool_call_s is None else min(first_s, self._first_tool_call_s)

    def _place_of_answer(self, start: int) -> int | None:
        """Return which piece of the text has the first character after ``start`` that is not white space. None: none."""
        end = 0
        for place, piece in enumerate(self._answer):
            end += len(piece)
            if end > start and piece[max(0, start - end + len(piece)) :].strip():
                return place
        return None

    def _disclosure(
        self, reported: Disclosure | None, split: ThinkingSplit | None, usage: Usage
    ) -> Disclosure:
        """Return how much of the reasoning was shown: as the runner reports it, else as the reply implies."""
        if self._reasoning:
            return reported or "unknown"
        if split is not None and split.reasoning:
            return "verbatim"
        if usage.reasoning_tokens is None:
            return reported or "unknown"
        return "hidden" if usage.reasoning_tokens > 0 else "none"


# The fields between usage and pieces: the facts.
_FACT_FIELDS = slice(4, -1)
_FACT_NAMES = Chunk._fields[_FACT_FIELDS]
# Facts that add to what came before; the last value of every other one wins.
_APPENDED = frozenset({"tool_call", "reasoning_state"})
_NO_FACTS = tuple.__getitem__(Chunk(), _FACT_FIELDS)


def _garbage_error(expected: str, found: object) -> RunnerError:
    return RunnerError("garbage", f"expected {expected}, got {repr(found)[:80]}")


def _redact_if_given(text: str | None) -> str | None:
    return None if text is None else credentials.redact(text)


def _all_or_none(counts: list[object]) -> tuple[int, ...] | None:
    if not counts or None in counts:
        return None
    known = tuple(count for given in counts if is_count(count := to_count(given)))
    return known if len(known) == len(counts) else None
