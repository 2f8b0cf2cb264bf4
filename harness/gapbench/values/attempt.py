"""The stored values: a score, the attempt row and the texts of an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

from gapbench.values.requests import Disclosure, Weights

Phase = Literal["warmup", "measure", "judge", "user"]
Outcome = Literal["correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored"]


class Packing(Enum):
    """How a column is stored where its Python type alone does not say it."""

    LABEL = "label"
    INT32 = "int32"


Label = Annotated[str, Packing.LABEL]
"""A text with few distinct values: the file holds each once, and the rows refer to it."""
Int32 = Annotated[int, Packing.INT32]
"""An integer that fits into 32 bits."""


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
    """One row of ``attempts-*.parquet``: one attempt at one request.

    Each field states its meaning, and :mod:`gapbench.store.schema` derives the Arrow column from it. A new field goes
    to the end, with a default. Fields ending in ``_s`` are seconds; times count from the start of the cell
    (``started_at``), on one monotonic clock.
    """

    # who and what
    run_id: Annotated[Label, "the run's folder name"]
    cell_id: Annotated[Label, "model, task and load: one line of the summary"]
    suite: Annotated[Label, "name of the suite"]
    suite_sha256: Annotated[Label, "hash of the suite's content"]
    task: Annotated[Label, "name of the task"]
    task_sha256: Annotated[Label, "hash of the task's document and data"]
    category: Annotated[Label, "coding, reasoning, multimodal or the user's own word"]
    sample_id: Annotated[str, "item of the task, the same in every run"]
    cluster_id: Annotated[str, "items that share a source; the sample's own id if it shares none"]
    repeat: Annotated[Int32, "which repetition of the item, from 0"]
    attempt: Annotated[Int32, "number of the attempt at this request, from 1; each retry is a separate row"]
    final: Annotated[
        bool,
        "the last attempt of the request, or the last of an episode's turns, which counts; exactly one each",
    ]
    phase: Annotated[
        Phase, "warmup, measure, judge, or user: a model that plays the user of an episode was asked"
    ]
    model_id: Annotated[Label, "the suite's name of the model"]
    runner: Annotated[Label, "the runner that sent the request"]
    model_asked: Annotated[Label, "the model id that was sent"]
    model_served: Annotated[Label | None, "the model id in the reply"]
    weights: Annotated[Weights, "open or closed"]
    simulated: Annotated[bool, "true when a simulated provider answered"]
    prompt_sha256: Annotated[
        str, "hash of the messages and image bytes, without salt; of an episode, of its first prompt"
    ]
    params_asked: Annotated[Label, "parameters of the suite, JSON"]
    params_sent: Annotated[Label, "parameters as sent under the provider's names, JSON"]
    params_changes: Annotated[tuple[str, ...], "what the rules dropped, renamed or changed"]
    image_count: Annotated[Int32, "images in the prompt"]
    image_bytes: Annotated[int, "their encoded size"]
    image_detail: Annotated[Label | None, "the image detail that was requested"]
    load_kind: Annotated[
        Label, "concurrency, adaptive, rate, ramp, replay or search; imported for rows of another harness"
    ]
    load_value: Annotated[
        float,
        "requests in flight, or requests per second (of a ramp and a replay the mean); 0 for imported rows",
    ]
    worker: Annotated[Int32, "the worker process, from 0"]
    transport: Annotated[Label | None, "how the reply arrived: lean, httpx2, in-process, batch or cache"]
    response_id: Annotated[str | None, "the provider's id of the reply"]
    system_fingerprint: Annotated[Label | None, "the provider's mark of its serving configuration"]
    service_tier: Annotated[Label | None, "the tier the provider says it used"]
    # when
    started_at: Annotated[datetime, "UTC time at which the cell's clock read zero"]
    scheduled_s: Annotated[float | None, "when the load meant to send; null for an imported row"]
    sent_s: Annotated[float | None, "first byte of the request to the socket"]
    first_byte_s: Annotated[float | None, "first byte of the reply"]
    first_token_s: Annotated[float | None, "first text of any channel"]
    first_answer_s: Annotated[float | None, "first text of the answer channel"]
    last_token_s: Annotated[float | None, "last text of any channel"]
    done_s: Annotated[float | None, "reply complete, or failure known; null for an imported row"]
    chunk_s: Annotated[tuple[float, ...], "arrival of each chunk with text; a chunk is not a token"]
    chunk_tokens: Annotated[tuple[int, ...] | None, "output tokens so far at each chunk, where reported"]
    loop_lag_s: Annotated[float | None, "largest event-loop lag seen during the attempt"]
    in_flight: Annotated[
        Int32 | None, "requests of the cell in flight when this one was sent, itself included"
    ]
    # how much
    input_tokens: Annotated[int | None, "prompt tokens, cache reads and writes included"]
    cached_input_tokens: Annotated[int | None, "part of input_tokens read from a cache"]
    cache_write_tokens: Annotated[int | None, "part of input_tokens written to a cache"]
    cache_write_1h_tokens: Annotated[int | None, "part of cache_write_tokens kept for an hour"]
    output_tokens: Annotated[int | None, "generated tokens, reasoning included"]
    reasoning_tokens: Annotated[int | None, "part of output_tokens spent on reasoning"]
    usage_source: Annotated[Literal["provider", "estimated", "none"], "provider, estimated or none"]
    reasoning_disclosure: Annotated[Disclosure, "verbatim, summary, hidden, none or unknown"]
    input_chars: Annotated[int, "characters of the prompt's text"]
    output_chars: Annotated[int, "characters of the answer"]
    reasoning_chars: Annotated[int, "characters of the disclosed reasoning"]
    # how it ended
    outcome: Annotated[Outcome, "correct, wrong, unparsed, truncated, refused, infra or unscored"]
    failure_kind: Annotated[Label | None, "why there is no answer; null unless infra"]
    http_status: Annotated[Int32 | None, "status of the reply"]
    retry_after_s: Annotated[float | None, "seconds the provider asked to wait"]
    finish_reason: Annotated[Label | None, "stop, length, refusal, tool or other"]
    finish_raw: Annotated[Label | None, "the provider's own finish reason"]
    from_cache: Annotated[
        bool, "answered by our own cache: no timing, nothing paid; tokens of the reply that was bought"
    ]
    # how good
    scorer: Annotated[Label | None, "the scorer's name"]
    score: Annotated[float | None, "0 to 1, partial credit included"]
    answer: Annotated[str | None, "the answer as extracted"]
    isolation: Annotated[Label | None, "sandbox level of a code score"]
    partial: Annotated[float | None, "share of the hidden tests that passed, 0 to 1"] = None
    thinking_rule: Annotated[
        Label | None, "the rule that moved thinking from the text to the reasoning; null: none applied"
    ] = None
    usage_note: Annotated[
        Label | None, "which token counts were dropped or corrected, and why; null: none"
    ] = None
    trajectory_id: Annotated[
        str | None, "the episode of which this is a turn; null: not part of an episode"
    ] = None
    turn: Annotated[Int32 | None, "which reply of the episode, from 0; null: not part of an episode"] = None
    tool_calls: Annotated[
        Int32 | None, "tool calls in the reply; null: no tools were declared, or there is no whole reply"
    ] = None
    tool_calls_invalid: Annotated[
        Int32 | None,
        "tool calls without a known tool or with arguments that break its schema; null: as tool_calls",
    ] = None
    first_tool_call_s: Annotated[float | None, "first byte of a tool call"] = None
    first_complete_call_s: Annotated[
        float | None, "last byte of the first tool call; comparable where first_tool_call_s is not"
    ] = None
    tool_wait_s: Annotated[
        float | None, "seconds that the tools of this reply took, ours and not the model's; null: none ran"
    ] = None
    rung: Annotated[
        Int32 | None, "difficulty of the item on its task's ladder, from 1; null: the task is not a ladder"
    ] = None
    complexity: Annotated[
        float | None, "difficulty on the ladder's own measure, such as the number of steps; null: not known"
    ] = None
    replica: Annotated[
        Label | None,
        "address of the replica that the request went to; null: the model has one address, or the answer was cached",
    ] = None
    weight: Annotated[
        float | None, "requests of the traffic that the item stands for; null: the task gives no weights"
    ] = None
    stratum: Annotated[
        Label | None, "part of the traffic that the item was drawn from; null: not drawn by strata"
    ] = None
    route: Annotated[
        Label | None,
        "feature of the application that sent the replayed request; null: not a replay, or not known",
    ] = None
    logged_input_tokens: Annotated[
        Int32 | None,
        "input tokens of the replayed request in its log, to compare with `input_tokens`; null: not a replay, or not known",
    ] = None


def is_reply_within_episode(row: Attempt) -> bool:
    """Return whether an attempt is a reply after which its episode went on: neither the end of a request nor a retry."""
    return not row.final and row.turn is not None and row.outcome != "infra"


ATTEMPT_KEY = ("run_id", "cell_id", "sample_id", "repeat", "attempt")
"""The fields that identify an attempt, in every table."""
ATTEMPT_KEY_IN_RUN = ATTEMPT_KEY[1:]
"""The fields that identify an attempt among those of one run."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One row of ``payload-*.parquet``: the texts of an attempt, stored apart from the narrow table."""

    run_id: Annotated[Label, "as in the attempt row"]
    cell_id: Annotated[Label, "as in the attempt row"]
    sample_id: Annotated[str, "as in the attempt row"]
    repeat: Annotated[Int32, "as in the attempt row"]
    attempt: Annotated[Int32, "as in the attempt row"]
    messages: Annotated[
        str,
        "the prompt, JSON; media by hash, see media/; of a later turn only what was added since the turn before",
    ]
    reply: Annotated[str, "the answer channel, whole; partial after a failure"]
    reasoning: Annotated[str | None, "the reasoning channel as disclosed"]
    target: Annotated[str | None, "the sample's target, JSON"]
    reason: Annotated[str, "why the score is what it is"]
    error: Annotated[str | None, "the failure's message"]
    calls: Annotated[
        str | None, "the reply's tool calls with the results of those that ran, JSON; null: none"
    ] = None
    state_changes: Annotated[
        str | None, "how the tools of this turn changed the state, JSON Patch (RFC 6902); null: no state"
    ] = None
