"""Turn a draft into a row: one definition for tokens, UTC for times, hashes for ids, no secret in any text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any

import orjson

from gapbench.traffic.amounts import (
    AmountError,
    is_null,
    read_cents,
    read_count,
    read_flag,
    read_seconds,
    read_usd,
)
from gapbench.traffic.draft import Draft, LineError, TokenCounts, as_mapping
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.odd_counts import OddCounts
from gapbench.traffic.private_ids import HiddenId, can_hold_id, find_ids, hide_ids
from gapbench.traffic.requests import select_parameters, take_images
from gapbench.traffic.secrets import remove_secrets, start_of
from gapbench.traffic.times import TimeError, read_time
from gapbench.traffic.wordless import error_kind, has_words, shorten_label, strip_words

MAX_ERROR_CHARS = 500
MAX_LABEL_CHARS = 300
_ROOM = 1_000
"""Characters after a cut that are looked through, so that a key or an id at the cut is found whole."""
_MAX_REMEMBERED = 100_000
_UNKNOWN = (None, "")
_NO_ERROR: tuple[Any, ...] = (False, 0, [], {}, "false", "False", "FALSE", "0", "none")
"""How logs say that there was no error, besides none at all."""
_COUNT_COLUMNS = (
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "total_tokens",
)  # fmt: skip
"""Of the first values of :class:`gapbench.traffic.draft.TokenCounts`."""
_INT32_MAX = 2**31 - 1
Row = tuple[Any, ...]


class RowBuilder:
    """Builds the rows of one import, and counts what it had to change.

    Args:
        hasher: Hashes the ids of users and sessions.
        zone: The zone of times without one.
        keep_texts: Whether prompts, replies, tools and their calls are stored; False stores only counts, times and names,
            and of the rest what has no words (see :mod:`gapbench.traffic.wordless`).

    Attributes:
        problems: How often a value of a column was left out, by (column, problem), with the place of the first.
        secrets: How many secrets were removed.
        naive_times: How many rows had a time without a zone.
        odd_counts: What is odd about their tokens.
    """

    def __init__(self, hasher: IdentityHasher, zone: tzinfo = UTC, *, keep_texts: bool = True) -> None:
        self.problems: Counter[tuple[str, str]] = Counter()
        self.first_places: dict[tuple[str, str], str] = {}
        self.secrets = 0
        self.naive_times = 0
        self.odd_counts = OddCounts()
        self._hasher = hasher
        self._zone = zone
        self._keep_texts = keep_texts
        self._labels: dict[str, tuple[str, bool]] = {}
        self._ids: tuple[HiddenId, ...] = ()  # of the row that is being built

    def build(self, draft: Draft, form: str, file: str, line: int) -> Row:
        """Return the row of a draft, in the order of :class:`gapbench.traffic.record.TrafficRecord`; a time is in microseconds.

        Raises:
            LineError: The draft holds nothing of a request, or an impossible time.
        """
        get = draft.get
        place = (file, line)
        user, session = get("user"), get("session")
        user = None if user is None or is_null(user) else user
        session = None if session is None or is_null(session) else session
        self._ids = find_ids(user, session)
        time_us = self._time(get("time"), "time", is_sent=True)
        response_s, first_token_s = self._durations(draft, time_us, place)
        counts = get("counts")
        tokens = self._tokens(counts, place) if counts is not None else _NO_TOKENS
        messages, images = self._messages(draft, place)
        label = self._label
        asked, served = label(get("model_asked")), label(get("model_served"))
        known = (asked, served, messages, tokens[0], tokens[4])
        error = self._error(get("error"))
        request_id = self._request_id(draft)
        is_named = request_id is not None and (time_us is not None or error is not None)
        if not is_named and all(value is None for value in known):
            raise LineError(
                "has no model, no messages and no token counts, nor an id with a time or an error"
            )
        provider = label(get("provider"))
        for column, problem in get("problems", ()):
            self._count(column, problem, place)
        texts = self._keep_texts
        return (
            time_us,
            request_id,
            label(get("route")),
            label(get("user_hash")) or self._hasher.hash_user(user),
            label(get("session_hash")) or self._hasher.hash_session(session),
            provider.lower() if provider else None,
            asked,
            served,
            label(get("endpoint")),
            label(get("service_tier")),
            read_flag(get("is_stream")),
            messages if texts else None,
            self._json(get("tools")) if texts else None,
            self._parameters(get("parameters")),
            self._text(_text_of_parts(get("reply"))) if texts else None,
            self._json(get("reply_tool_calls")) if texts else None,
            *tokens,
            images,
            self._cost(draft, place),
            response_s,
            first_token_s,
            label(get("finish_reason")),
            error,
            self._status(get("http_status"), place),
            read_flag(get("from_cache")),
            form,
            file,
            line,
            get("simulated") is True,
            self._shape(get("text_shape")),
            label(get("prompt_lacks")),
        )

    def _count(self, column: str, problem: str, place: tuple[str, int]) -> None:
        self.problems[column, problem] += 1
        self.first_places.setdefault((column, problem), f"{place[0]}:{place[1]}")

    def _amount(self, read: Callable[[Any], Any], value: Any, column: str, place: tuple[str, int]) -> Any:
        """Return a value as its column holds it; None, and a count of the problem, if it cannot."""
        try:
            return read(value)
        except AmountError as exc:
            self._count(column, str(exc), place)
            return None

    def _time(self, value: Any, name: str, *, is_sent: bool = False) -> int | None:
        try:
            found, is_naive = read_time(value, self._zone)
        except (TimeError, OverflowError, ValueError) as exc:
            shown = f"{name} {start_of(value, 40)!r}" if self._keep_texts else name
            raise LineError(f"{shown}: {exc}") from exc
        if is_sent and is_naive:
            self.naive_times += 1
        return found

    def _durations(
        self, draft: Draft, time_us: int | None, place: tuple[str, int]
    ) -> tuple[float | None, float | None]:
        found: list[float | None] = []
        for column, end, milliseconds in (
            ("response_s", "ended_at", "latency_ms"),
            ("first_token_s", "first_token_at", "first_token_ms"),
        ):
            value = draft.get(column)
            if value is None and draft.get(milliseconds) not in _UNKNOWN:
                value = self._amount(read_seconds, draft[milliseconds], column, place)
                value = None if value is None else value / 1000
            elif value is not None:
                value = self._amount(read_seconds, value, column, place)
            elif time_us is not None and draft.get(end) not in _UNKNOWN:
                end_us = self._time(draft[end], end)
                value = None if end_us is None else (end_us - time_us) / 1e6
                if value is not None and value < 0:
                    self._count(column, "ends before the request was sent", place)
                    value = None
            found.append(value)
        response_s, first_token_s = found
        if response_s is not None and first_token_s is not None and first_token_s > response_s:
            self._count("first_token_s", "later than the end of the reply", place)
            first_token_s = None
        return response_s, first_token_s

    def _tokens(self, counts: TokenCounts, place: tuple[str, int]) -> Row:
        values: list[int | None] = list(counts[:7])
        for at, value in enumerate(values):
            if value is not None and not (type(value) is int and 0 <= value < _INT32_MAX):
                values[at] = self._amount(read_count, value, _COUNT_COLUMNS[at], place)
        prompt, output, cached, written, lasting, reasoning, total = values
        notes = []
        known = (cached or 0) + (written or 0)
        if total and prompt is not None and output is not None:
            self.odd_counts.see_total(place, total - prompt - output, known, reasoning)
        if prompt is not None and known:
            is_apart = counts.is_cache_apart
            if is_apart is None:
                is_apart = known > prompt or (total is not None and total == prompt + (output or 0) + known)
                is_told = total is not None and total == prompt + (output or 0)
                self.odd_counts.see_cache(place, is_apart=is_apart, is_told=is_told)
            if is_apart:
                prompt += known
                notes.append("cache reads and writes were added to the input")
        if reasoning and output is not None:
            is_apart = counts.is_reasoning_apart
            if is_apart is None:
                is_apart = reasoning > output or (
                    total is not None and prompt is not None and total == prompt + output + reasoning
                )
            if is_apart:
                output += reasoning
                notes.append("the reasoning was added to the output")
        if prompt is not None and known > prompt:
            self._count("cached_input_tokens", "cache reads and writes are more than the input", place)
            cached = written = lasting = None
        if lasting is not None and lasting > (written or 0):
            self._count("cache_write_1h_tokens", "more than cache_write_tokens", place)
            lasting = None
        if reasoning is not None and output is not None and reasoning > output:
            self._count("reasoning_tokens", "more than the output", place)
            reasoning = None
        return prompt, cached, written, lasting, output, reasoning, "; ".join(notes) or None

    def _messages(self, draft: Draft, place: tuple[str, int]) -> tuple[str | None, int | None]:
        messages = draft.get("messages")
        images = self._amount(read_count, draft.get("image_count"), "image_count", place)
        images = None if images is None else min(images, _INT32_MAX)
        if messages is None:
            return None, images
        messages, counted = take_images(messages)
        found = max(counted, images or 0)
        return self._json(messages), found

    def _cost(self, draft: Draft, place: tuple[str, int]) -> Decimal | None:
        cents = draft.get("cost_cents")
        if cents not in _UNKNOWN:
            amount: Decimal | None = self._amount(read_cents, cents, "cost_usd", place)
            return amount
        cost = draft.get("cost_usd")
        found: Decimal | None = None if cost is None else self._amount(read_usd, cost, "cost_usd", place)
        return found

    def _status(self, value: Any, place: tuple[str, int]) -> int | None:
        status: int | None = None if value is None else self._amount(read_count, value, "http_status", place)
        if status is not None and not 100 <= status <= 999:
            self._count("http_status", "no HTTP status", place)
            return None
        return status

    def _json(self, value: Any) -> str | None:
        """Return a value as JSON without secrets. None: it is unknown or empty."""
        if value in (None, "", [], {}):
            return None
        if isinstance(value, str):
            return self._text(value)
        try:
            text = orjson.dumps(value, default=str).decode()
        except TypeError:  # a lone surrogate, or an integer over 64 bits
            text = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
        return hide_ids(self._without_secrets(text), self._ids, is_json=True)

    def _shape(self, value: Any) -> str | None:
        """Return lengths and hashes as JSON; a number among them is no id."""
        return self._without_secrets(orjson.dumps(value).decode()) if value else None

    def _text(self, value: Any) -> str | None:
        """Return a text without secrets, ids and lone surrogates. None: it is unknown or empty."""
        if value is None or value == "":
            return None
        if isinstance(value, (dict, list)):
            return self._json(value)
        clean = hide_ids(self._without_secrets(str(value)), self._ids)
        return clean if clean.isascii() else clean.encode("utf-8", "replace").decode()

    def _without_secrets(self, text: str) -> str:
        clean, count = remove_secrets(text)
        self.secrets += count
        return clean

    def _request_id(self, draft: Draft) -> str | None:
        """Return the id of a request; what it has of the id of a user or a session is hashed, and so it stays unique."""
        given = draft.get("request_id")
        if is_null(given):
            return None
        text = given if isinstance(given, str) else str(given)
        for hidden in self._ids:
            if hidden.text in text:
                text = text.replace(hidden.text, self._hasher.hash_label(hidden.text))
        if text in (draft.get("user"), draft.get("session")):  # a short one too
            text = self._hasher.hash_label(text)
        text = self._text(text) or ""
        return text if self._keep_texts or not has_words(text) else self._hasher.hash_label(text)

    def _parameters(self, value: Any) -> str | None:
        """Return the parameters of the call as JSON, and nothing else that was logged beside them."""
        found = select_parameters(as_mapping(value))
        if not self._keep_texts:
            stripped = {name: strip_words(one) for name, one in found.items()}
            found = {name: one for name, one in stripped.items() if one is not None}
        return self._json(found)

    def _error(self, value: Any) -> str | None:
        if value is None or value in _NO_ERROR or is_null(value):
            return None
        # What is cut through is no longer known as a key or an id, so the cut comes last.
        text = (self._text(str(value)[: MAX_ERROR_CHARS + _ROOM]) or "")[:MAX_ERROR_CHARS]
        return text if self._keep_texts else error_kind(text)

    def _label(self, value: Any) -> str | None:
        """Return a short text without the ids of the row."""
        if value is None or value == "":
            return None
        found, may_hold_id = self._known_label(value)
        if may_hold_id and self._ids:
            found = hide_ids(found, self._ids)
        return (found if len(found) <= MAX_LABEL_CHARS else found[:MAX_LABEL_CHARS]) or None

    def _known_label(self, value: Any) -> tuple[str, bool]:
        """Return a short text, the same object for the same text, and whether an id can be in it."""
        if not isinstance(value, str):
            value = (
                orjson.dumps(value, default=str).decode() if isinstance(value, (dict, list)) else str(value)
            )
        known = self._labels.get(value)
        if known is None:
            text = "" if is_null(value) else self._without_secrets(value.strip()[: MAX_LABEL_CHARS + _ROOM])
            text = text if text.isascii() else text.encode("utf-8", "replace").decode()
            if not self._keep_texts:
                text = shorten_label(text, self._hasher.hash_label(text))
            known = text, can_hold_id(text)
            if len(self._labels) >= _MAX_REMEMBERED:
                self._labels.clear()
            if len(value) <= MAX_LABEL_CHARS:
                self._labels[value] = known
        return known


_NO_TOKENS: Row = (None,) * 7


def _text_of_parts(reply: Any) -> Any:
    """Return the text of a reply that is a list of parts, as the vendors' messages have them; any other value as it is."""
    if not isinstance(reply, list):
        return reply
    texts = [
        part["text"]
        for part in reply
        if isinstance(part, dict)
        and isinstance(part.get("text"), str)
        and part.get("type") in {None, "text", "output_text"}
    ]
    return "".join(texts) if texts else reply
