"""A draft: what a form reads from one request of a log, before it is checked and becomes a row.

A draft is a dict with some of the columns of :class:`gapbench.traffic.record.TrafficRecord`, values as logged, and

- ``user``, ``session``: ids in the clear, which the row holds as hashes; ``user_hash`` and ``session_hash`` are taken as
  they are;
- ``ended_at``, ``first_token_at``: times from which the durations follow;
- ``latency_ms``, ``first_token_ms``, ``cost_cents``: amounts in other units than their columns;
- ``counts``: a :class:`TokenCounts`, whose definition is brought to the table's;
- ``has_local_id``: True if ``request_id`` is unique in its file only, such as the ``custom_id`` of a batch;
- ``response_id``, ``previous_response_id``: the provider's ids of this reply and of the one before it, which chain turns;
- ``has_instructions``: whether the first message is the request's ``instructions``, which the next turn does not repeat;
- ``problems``: a list of (column, problem) that the form met.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import orjson

Draft = dict[str, Any]


class LineError(ValueError):
    """A line of which no row can be made; the message says why."""


class TokenCounts(NamedTuple):
    """Token counts of a request as logged; each may be a text, and None is unknown.

    Attributes:
        prompt: Prompt tokens.
        output: Generated tokens.
        cached: Tokens read from the provider's cache.
        written: Tokens written to the provider's cache.
        written_1h: The part of ``written`` kept for an hour.
        reasoning: Tokens of reasoning.
        total: All tokens.
        is_cache_apart: Whether ``prompt`` leaves out ``cached`` and ``written``. None: the log does not define it.
        is_reasoning_apart: Whether ``output`` leaves out ``reasoning``. None: as above.
    """

    prompt: Any = None
    output: Any = None
    cached: Any = None
    written: Any = None
    written_1h: Any = None
    reasoning: Any = None
    total: Any = None
    is_cache_apart: bool | None = None
    is_reasoning_apart: bool | None = None


def as_mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object, also from its text as cells of CSV files hold it; {} if it is none."""
    if isinstance(value, dict):
        return value
    if isinstance(value, (str, bytes)) and value[:1] in ("{", b"{"):
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}
    return {}


def parse_json(data: bytes) -> Any:
    """Return the value of JSON, also with what other languages write and JSON lacks: NaN, and half of an emoji.

    Raises:
        orjson.JSONDecodeError: It is no JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise exc from None


def as_list(value: Any) -> list[Any]:
    """Return a JSON array, also from its text; [] if it is none."""
    found = parse_json_text(value)
    return found if isinstance(found, list) else []


def parse_json_text(value: Any) -> Any:
    """Return the value of a text that is a JSON object or array; any other value as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def first_of(item: dict[str, Any], *names: str) -> Any:
    """Return the first of some keys that has a value other than null and an empty text."""
    for name in names:
        value = item.get(name)
        if value is not None and value != "":
            return value
    return None


def find_path(item: Any, path: str) -> Any:
    """Return the value at a dotted path, such as ``usage.prompt_tokens``; the whole path may be a key too."""
    if isinstance(item, dict) and path in item:
        return item[path]
    for step in path.split("."):
        if isinstance(item, str):
            item = parse_json_text(item)
        if isinstance(item, list) and step.isdecimal():
            item = item[int(step)] if int(step) < len(item) else None
        elif isinstance(item, dict):
            item = item.get(step)
        else:
            return None
    return item
