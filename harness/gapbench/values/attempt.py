"""The stored values: a score, the attempt row, and the payload row with its texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gapbench.values.requests import Disclosure, Weights

Phase = Literal["warmup", "measure", "judge"]
Outcome = Literal["correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored"]


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one answer.

    Attributes:
        value: 0 to 1. None: the scorer could not score the answer. For code it is 1 or 0 unless the scorer's option
            ``partial`` is set, so that its mean is pass@1.
        outcome: ``correct``, ``wrong``, ``unparsed`` or ``refused``; ``unscored`` without a scorer.
        answer: The answer as extracted. None: none was found.
        reason: One line a reader can check.
        isolation: Sandbox level at which code was run. None: no code was run.
        partial: Share of the hidden tests that passed, 0 to 1, stored separately from ``value``. None: no hidden tests.
    """

    value: float | None
    outcome: Outcome
    answer: str | None = None
    reason: str = ""
    isolation: str | None = None
    partial: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of ``attempts-*.parquet``: one attempt at one request. Frozen; see docs/design.md.

    ``gapbench.store.schema.ATTEMPT_SCHEMA`` is the same list in Arrow types, and a test holds the two together.
    Times ending in ``_s`` count from the start of the cell (``started_at``), on one monotonic clock.
    """

    # who and what
    run_id: str
    cell_id: str
    suite: str
    suite_sha256: str
    task: str
    task_sha256: str
    category: str
    sample_id: str
    cluster_id: str
    repeat: int
    attempt: int
    final: bool
    phase: Phase
    model_id: str
    runner: str
    model_asked: str
    model_served: str | None
    weights: Weights
    simulated: bool
    prompt_sha256: str
    params_asked: str
    params_sent: str
    params_changes: tuple[str, ...]
    image_count: int
    image_bytes: int
    image_detail: str | None
    load_kind: str
    load_value: float
    worker: int
    transport: str | None
    response_id: str | None
    system_fingerprint: str | None
    service_tier: str | None
    # when
    started_at: datetime
    scheduled_s: float | None
    sent_s: float | None
    first_byte_s: float | None
    first_token_s: float | None
    first_answer_s: float | None
    last_token_s: float | None
    done_s: float | None
    chunk_s: tuple[float, ...]
    chunk_tokens: tuple[int, ...] | None
    loop_lag_s: float | None
    in_flight: int | None
    # how much
    input_tokens: int | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    cache_write_1h_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    usage_source: Literal["provider", "estimated", "none"]
    reasoning_disclosure: Disclosure
    input_chars: int
    output_chars: int
    reasoning_chars: int
    # how it ended
    outcome: Outcome
    failure_kind: str | None
    http_status: int | None
    retry_after_s: float | None
    finish_reason: str | None
    finish_raw: str | None
    from_cache: bool
    # how good
    scorer: str | None
    score: float | None
    answer: str | None
    isolation: str | None
    partial: float | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """One row of ``payload-*.parquet``: the texts of an attempt, stored apart from the narrow table.

    Attributes:
        messages: The prompt as :func:`messages_as_json` gives it, in JSON.
        reply: The complete answer channel as received.
        reasoning: The reasoning channel as received. None: none was disclosed.
        target: The sample's target in JSON. None: no target.
        reason: Explanation of the score.
        error: The failure's message. None: no failure.
    """

    run_id: str
    cell_id: str
    sample_id: str
    repeat: int
    attempt: int
    messages: str
    reply: str
    reasoning: str | None
    target: str | None
    reason: str
    error: str | None
