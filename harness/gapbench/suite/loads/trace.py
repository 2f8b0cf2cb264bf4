"""A recorded trace of requests, to be sent again as it was: our own JSON lines and Mooncake's.

Ours: ``{"at_s": 0.25, "sample_id": "s17", "input_tokens": 512, "output_tokens": 64}``, of which only ``at_s`` is
needed. Mooncake's (github.com/kvcache-ai/Mooncake, FAST25 release): ``{"timestamp": 250, "input_length": 512,
"output_length": 64, "hash_ids": [0, 1]}``, milliseconds, and one id for each block of 512 prompt tokens; two requests
with the same leading ids share that much of their prompt.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError
from gapbench.suite.documents.json_text import JsonError, parse_json
from gapbench.values import Message, Sample, Text

BLOCK_TOKENS = 512
"""Prompt tokens to a hash id in Mooncake's traces."""
MAX_ARRIVALS = 5_000_000
_NATIVE_KEYS = {"at_s", "sample_id", "input_tokens", "output_tokens"}
_MOONCAKE_KEYS = {"timestamp", "input_length", "output_length", "hash_ids"}
# Common words that are one token, with the space before them, in the vocabularies of GPT-2 to Llama 3 and Qwen.
FILLER_WORDS = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
    "student",
    "group",
    "country",
    "problem",
    "hand",
    "part",
    "place",
    "case",
    "week",
    "company",
    "system",
    "program",
    "question",
    "work",
    "government",
    "number",
    "night",
    "point",
    "home",
    "water",
    "room",
    "mother",
    "area",
    "money",
    "story",
    "fact",
    "month",
    "lot",
    "right",
    "study",
    "book",
    "eye",
    "job",
    "word",
    "business",
    "issue",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "father",
    "power",
    "hour",
    "game",
    "line",
    "end",
    "member",
    "law",
    "car",
    "city",
    "community",
    "name",
    "president",
    "team",
    "minute",
    "idea",
    "body",
    "information",
    "back",
    "parent",
    "face",
    "others",
    "level",
    "office",
    "door",
    "health",
    "person",
    "art",
    "war",
    "history",
    "party",
    "result",
    "change",
    "morning",
    "reason",
    "research",
    "girl",
    "guy",
    "moment",
    "air",
    "teacher",
    "force",
    "education",
]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a trace.

    Attributes:
        at_s: When it was sent, from the first.
        sample_id: Which sample of the task. None: the next in the task's order, or a made-up prompt.
        input_tokens: Length of the prompt to be made up. None: the sample's own prompt is sent.
        output_tokens: Budget of the reply. None: the suite's.
        blocks: Ids of the prompt's blocks; equal leading ids are equal text. (): no block is shared.
        session: Requests of one session follow each other: none is sent before the one before it is answered. None: it
            waits for no other.
        think_s: Seconds from that answer to this request, at speed 1. None: unknown, or the first of its session; then it
            is sent at ``at_s``, or when the answer is there.
    """

    at_s: float
    sample_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    blocks: tuple[int, ...] = ()
    session: str | None = None
    think_s: float | None = None


def read_trace(file: Path) -> tuple[Arrival, ...]:
    """Return a trace in the order of time, its first request at 0.

    Raises:
        DocumentError: The file cannot be read, or a line is none of the two forms.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise DocumentError(f"cannot be read: {said}", file=file) from exc
    arrivals = [
        _parse_arrival(line, file, number)
        for number, line in enumerate(lines[:MAX_ARRIVALS], 1)
        if line.strip()
    ]
    if not arrivals:
        raise DocumentError(
            'contains no request; expected one JSON object a line, such as {"at_s": 0.25}', file=file
        )
    arrivals.sort(key=lambda arrival: arrival.at_s)
    zero_s = arrivals[0].at_s
    return tuple(
        Arrival(a.at_s - zero_s, a.sample_id, a.input_tokens, a.output_tokens, a.blocks) for a in arrivals
    )


def _parse_arrival(line: str, file: Path, number: int) -> Arrival:
    def wrong(message: str, key: str | None = None) -> DocumentError:
        return DocumentError(message, file=file, line=number, key=key)

    try:
        given = parse_json(line)
    except JsonError as exc:
        raise wrong(exc.problem, exc.key) from exc
    if not isinstance(given, dict):
        raise wrong('expected a JSON object such as {"at_s": 0.25}')
    known = _MOONCAKE_KEYS if "timestamp" in given else _NATIVE_KEYS
    unknown = sorted(set(given) - known)
    if unknown:
        raise wrong(f"unknown key; known keys: {', '.join(sorted(known))}", unknown[0])
    if known is _NATIVE_KEYS:
        sample_id = given.get("sample_id")
        if sample_id is not None and not isinstance(sample_id, str):
            raise wrong(f"found {sample_id!r}; expected a sample's id in quotes", "sample_id")
        return Arrival(
            _read_number(given, "at_s", wrong), sample_id, _read_count(given, "input_tokens", wrong),
            _read_count(given, "output_tokens", wrong),
        )  # fmt: skip
    blocks = given.get("hash_ids", [])
    if not isinstance(blocks, list) or not all(type(block) is int for block in blocks):
        raise wrong("expected a list of whole numbers", "hash_ids")
    if given.get("input_length") is None:
        raise wrong("missing; expected the prompt's length in tokens", "input_length")
    return Arrival(
        _read_number(given, "timestamp", wrong) / 1_000, None, _read_count(given, "input_length", wrong),
        _read_count(given, "output_length", wrong), tuple(blocks),
    )  # fmt: skip


def _read_number(record: Mapping[str, Any], key: str, make_error: Any) -> float:
    value = record.get(key)
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise make_error(f"found {value!r}; expected a number of at least 0", key)
    return float(value)


def _read_count(record: Mapping[str, Any], key: str, make_error: Any) -> int | None:
    value = record.get(key)
    if value is not None and (type(value) is not int or not 1 <= value <= 10_000_000):
        raise make_error(f"found {value!r}; expected a whole number of at least 1", key)
    return value


def make_synthetic_sample(arrival: Arrival, number: int, seed: int) -> Sample:
    """Return a prompt of about ``arrival.input_tokens`` tokens for a traced request; it has no right answer.

    Words of one token each, drawn by the block's id, so that requests with the same leading ids share a prefix as they
    did when the trace was recorded; a request without ids shares nothing. The length is within a few percent on the
    usual vocabularies; the row holds the count that the server reports.
    """
    assert arrival.input_tokens is not None, "asked only for requests with a length"
    wanted = arrival.input_tokens
    text: list[str] = []
    for place in range(math.ceil(wanted / BLOCK_TOKENS)):
        block: object = arrival.blocks[place] if place < len(arrival.blocks) else f"{number}.{place}"
        draw = random.Random(f"{seed}:{block}")  # noqa: S311 - filler text, not a secret
        text += draw.choices(FILLER_WORDS, k=min(BLOCK_TOKENS, wanted - len(text)))
    return Sample(f"trace-{number:06d}", (Message("user", (Text(" ".join(text)),)),))
