"""What any harness's log comes down to: one model's replies to one task's samples, each with its score."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.values import Disclosure, FinishReason, Message, Outcome, Text, Usage

MAX_BYTES = 512 * 2**20
"""Of one file, or of one member of a zip: a log that is larger is split by its own harness."""


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One reply.

    Attributes:
        sample_id: Of the item within its task.
        repeat: Which reply to it, from 0.
        messages: The prompt. (): the log does not hold it.
        target: What the reply was compared with. None: not told.
        reply: The answer as received.
        score: 0 to 1. None: the log holds no metric of that kind.
        outcome: What the score and the end of the reply come to.
        answer: The answer as extracted. None: not told.
        reason: Which metric it is, in the other harness's words.
        usage: Tokens, as far as told.
        finish: Why the reply ended, and the same in the log's word. None: not told.
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
        file: Where it stands.
        model: The model's name there.
        task: The task's name there.
        version: The task's version there. None: not told.
        created_at: When it was made. None: not told.
        metric: The metric that is the score.
        params: Generation parameters as told.
        items: The replies.
        aggregates: The other harness's own figures, as :mod:`gapbench.report.tables.lm_eval` shows them. None: none.
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


def outcome_of_score(score: float | None, finish: FinishReason | None = None) -> Outcome:
    """Return what a score comes to, as for rows of our own."""
    if finish == "refusal":
        return "refused"
    if score is None:
        return "unscored"
    if score >= 1:
        return "correct"
    return "truncated" if finish == "length" else "wrong"


def unit_score(value: Any) -> float | None:
    """Return a metric's value as a share of 1. None: it is no number between 0 and 1."""
    if isinstance(value, bool):
        return float(value)
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else None


def message_of_turn(role: Any, text: Any) -> Message:
    """Return a turn of a log as a message; a tool's turn stands as the user's."""
    known: Any = role if role in {"system", "user", "assistant"} else "user"
    return Message(known, (Text(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)),))


def read_json_file(file: Path) -> Any:
    """Return a JSON file.

    Raises:
        InputError: It cannot be read, is too large, or is no JSON.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{file}: larger than {MAX_BYTES} bytes; import its parts one by one")
        return json.loads(file.read_bytes())
    except OSError as exc:
        raise InputError(f"{file}: cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{file}: is no JSON: {exc}") from exc


def token_count(value: Any) -> int | None:
    """Return a token count. None: it is none."""
    return (
        int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
    )
