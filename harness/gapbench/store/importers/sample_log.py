"""The common form of all imported logs: one model's replies to one task's samples, each with its score."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.values import Disclosure, FinishReason, Message, Outcome, Text, Usage

MAX_BYTES = 512 * 2**20
"""Largest file, or member of a zip, that is read."""


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One reply.

    Attributes:
        sample_id: Id of the item within its task.
        repeat: Number of the reply to it, from 0.
        messages: The prompt. (): the log does not hold it.
        target: What the reply was compared with. None: unknown.
        reply: The answer as received.
        score: 0 to 1. None: the log holds no metric in this range.
        outcome: The outcome of the score and the finish reason.
        answer: The answer as extracted. None: unknown.
        reason: The metric, as the harness names it.
        usage: Token counts, as far as the log has them.
        finish: Why the reply ended, and the log's own word for it. None: unknown.
        disclosure: How much reasoning was shown.
        error: Why there is no answer. None: there is one.
    """

    sample_id: str
    repeat: int
    messages: tuple[Message, ...]
    target: Any
    reply: str
    score: float | None
    outcome: Outcome
    answer: str | None = None
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    finish: tuple[FinishReason, str] | None = None
    disclosure: Disclosure = "unknown"
    error: str | None = None


@dataclass(frozen=True)
class SampleLog:
    """One model's replies to one task.

    Attributes:
        harness: ``lm-eval``, ``inspect`` or ``helm``.
        file: The file.
        model: The model's name in it.
        task: The task's name in it.
        version: The task's version. None: unknown.
        created_at: When the log was made. None: unknown.
        metric: The metric that is the score. None: none is.
        params: Generation parameters, as far as the log has them.
        items: The replies.
        aggregates: The harness's own figures, as :mod:`gapbench.report.tables.lm_eval` shows them. None: it has none.
    """

    harness: str
    file: Path
    model: str
    task: str
    version: str | None
    created_at: datetime | None
    metric: str | None
    params: Mapping[str, Any]
    items: Sequence[SampleResult]
    aggregates: Mapping[str, Any] | None = None


LogReader = Callable[[Path, str | None, str | None], Iterable[SampleLog]]
"""Reads a file: the file, the name of the model (None: as in the log), the metric (None: the reader's choice)."""


@dataclass(frozen=True)
class LogImporter:
    """One log format.

    Attributes:
        name: Its name, such as ``lm-eval``.
        description: One line: the files that it reads.
        patterns: The names of its logs within a folder, as globs.
        suffixes: Suffixes, such as ``.eval``, of files that no other format has. A file with another suffix is read as
            JSON and given to ``accepts``.
        accepts: Returns whether a JSON value is a log of this format.
        read: Yields the logs of a file. ``KeyError``, ``TypeError``, ``AttributeError``, ``ValueError`` and
            ``IndexError`` are reported as a damaged file.
    """

    name: str
    description: str
    patterns: tuple[str, ...]
    accepts: Callable[[Any], bool]
    read: LogReader
    suffixes: tuple[str, ...] = ()


def outcome_of_score(score: float | None, finish: FinishReason | None = None) -> Outcome:
    """Return the outcome of a score, by the same rules as for our own rows."""
    if finish == "refusal":
        return "refused"
    if score is None:
        return "unscored"
    if score >= 1:
        return "correct"
    return "truncated" if finish == "length" else "wrong"


def unit_score(value: Any) -> float | None:
    """Return a metric's value as a score, or None if it is not a number in [0, 1]."""
    if isinstance(value, bool):
        return float(value)
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else None


def message_of_turn(role: Any, text: Any) -> Message:
    """Return a turn of a log as a message; a tool's turn becomes the user's."""
    known: Any = role if role in {"system", "user", "assistant"} else "user"
    return Message(known, (Text(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)),))


def read_json_file(file: Path) -> Any:
    """Return a JSON file.

    Raises:
        InputError: It cannot be read, is too large, or is not JSON.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{file}: larger than {MAX_BYTES} bytes; import its parts one by one")
        return json.loads(file.read_bytes())
    except OSError as exc:
        raise InputError(f"{file}: cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{file}: is not JSON: {exc}") from exc


def token_count(value: Any) -> int | None:
    """Return a token count, or None if the value is not one."""
    return (
        int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
    )
