"""The columns of a run's two tables in Arrow types: what is frozen, and what each column means.

The dataclasses ``Attempt`` and ``Payload`` of :mod:`gapbench.values` are the same lists in Python types; a
test holds the two together. ``bench schema`` prints this module.
"""

from __future__ import annotations

import pyarrow as pa

SCHEMA_VERSION = 1
"""Version of the row and of ``run.json``; a column may be added under the same number, never changed."""

_text = pa.string()
_label = pa.dictionary(pa.int32(), pa.string())
_float = pa.float64()
_count = pa.int64()
_instant = pa.timestamp("us", tz="UTC")


def _column(name: str, kind: pa.DataType, doc: str, *, null: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=null, metadata={"doc": doc})


ATTEMPT_SCHEMA = pa.schema(
    [
        _column("run_id", _label, "the run's folder name"),
        _column("cell_id", _label, "model, task and load: one line of the summary"),
        _column("suite", _label, "name of the suite"),
        _column("suite_sha256", _label, "hash of the suite's content"),
        _column("task", _label, "name of the task"),
        _column("task_sha256", _label, "hash of the task's document and data"),
        _column("category", _label, "coding, reasoning, multimodal or the user's own word"),
        _column("sample_id", _text, "item of the task, the same in every run"),
        _column("cluster_id", _text, "items that share a source; the sample's own id when it stands alone"),
        _column("repeat", pa.int32(), "which repetition of the item, from 0"),
        _column("attempt", pa.int32(), "which try at this request, from 1; a retry is a row of its own"),
        _column("final", pa.bool_(), "the attempt that stands for the request; exactly one each"),
        _column("phase", _label, "warmup, measure or judge"),
        _column("model_id", _label, "the suite's name of the model"),
        _column("runner", _label, "the runner that spoke"),
        _column("model_asked", _label, "the model id that was sent"),
        _column("model_served", _label, "the model id in the reply", null=True),
        _column("weights", _label, "open or closed"),
        _column("simulated", pa.bool_(), "true when a simulated provider answered"),
        _column("prompt_sha256", _text, "hash of the messages and image bytes, without salt"),
        _column("params_asked", _label, "parameters of the suite, JSON"),
        _column("params_sent", _label, "parameters as sent under the provider's names, JSON"),
        _column("params_changes", pa.list_(pa.string()), "what the rules dropped, renamed or changed"),
        _column("image_count", pa.int32(), "images in the prompt"),
        _column("image_bytes", _count, "their encoded size"),
        _column("image_detail", _label, "the fidelity setting asked for", null=True),
        _column(
            "load_kind",
            _label,
            "concurrency, adaptive, rate, ramp, replay or search; imported for rows of another harness",
        ),
        _column(
            "load_value",
            _float,
            "requests in flight, or requests per second (of a ramp and a replay the mean); 0 for imported rows",
        ),
        _column("worker", pa.int32(), "the worker process, from 0"),
        _column("transport", _label, "which code moved the bytes", null=True),
        _column("response_id", _text, "the provider's id of the reply", null=True),
        _column("system_fingerprint", _label, "the provider's mark of its serving configuration", null=True),
        _column("service_tier", _label, "the tier the provider says it used", null=True),
        _column("started_at", _instant, "UTC time at which the cell's clock read zero"),
        _column("scheduled_s", _float, "when the load meant to send; null for an imported row", null=True),
        _column("sent_s", _float, "first byte of the request to the socket", null=True),
        _column("first_byte_s", _float, "first byte of the reply", null=True),
        _column("first_token_s", _float, "first text of any channel", null=True),
        _column("first_answer_s", _float, "first text of the answer channel", null=True),
        _column("last_token_s", _float, "last text of any channel", null=True),
        _column("done_s", _float, "reply complete, or failure known; null for an imported row", null=True),
        _column("chunk_s", pa.list_(_float), "arrival of each chunk with text; a chunk is not a token"),
        _column(
            "chunk_tokens", pa.list_(_count), "output tokens so far at each chunk, where told", null=True
        ),
        _column("loop_lag_s", _float, "largest event-loop lag seen during the attempt", null=True),
        _column(
            "in_flight",
            pa.int32(),
            "requests of the cell in flight when this one was sent, itself included",
            null=True,
        ),
        _column("input_tokens", _count, "prompt tokens, cache reads and writes included", null=True),
        _column("cached_input_tokens", _count, "part of input_tokens read from a cache", null=True),
        _column("cache_write_tokens", _count, "part of input_tokens written to a cache", null=True),
        _column("cache_write_1h_tokens", _count, "part of cache_write_tokens kept for an hour", null=True),
        _column("output_tokens", _count, "generated tokens, reasoning included", null=True),
        _column("reasoning_tokens", _count, "part of output_tokens spent on reasoning", null=True),
        _column("usage_source", _label, "provider, estimated or none"),
        _column("reasoning_disclosure", _label, "verbatim, summary, hidden, none or unknown"),
        _column("input_chars", _count, "characters of the prompt's text"),
        _column("output_chars", _count, "characters of the answer"),
        _column("reasoning_chars", _count, "characters of the disclosed reasoning"),
        _column("outcome", _label, "correct, wrong, unparsed, truncated, refused, infra or unscored"),
        _column("failure_kind", _label, "why there is no answer; null unless infra", null=True),
        _column("http_status", pa.int32(), "status of the reply", null=True),
        _column("retry_after_s", _float, "seconds the provider asked to wait", null=True),
        _column("finish_reason", _label, "stop, length, refusal, tool or other", null=True),
        _column("finish_raw", _label, "the same in the provider's words", null=True),
        _column("from_cache", pa.bool_(), "answered by our own cache: no timing, no cost"),
        _column("scorer", _label, "the scorer's name", null=True),
        _column("score", _float, "0 to 1, partial credit included", null=True),
        _column("answer", _text, "the answer as extracted", null=True),
        _column("isolation", _label, "sandbox level of a code score", null=True),
        _column("partial", _float, "share of the hidden tests that held, 0 to 1", null=True),
    ]
)
"""The attempt row: the fields of :class:`gapbench.values.Attempt`, in order."""

PAYLOAD_SCHEMA = pa.schema(
    [
        _column("run_id", _label, "as in the attempt row"),
        _column("cell_id", _label, "as in the attempt row"),
        _column("sample_id", _text, "as in the attempt row"),
        _column("repeat", pa.int32(), "as in the attempt row"),
        _column("attempt", pa.int32(), "as in the attempt row"),
        _column("messages", _text, "the prompt, JSON; images by hash, see media/"),
        _column("reply", _text, "the answer channel, whole; partial after a failure"),
        _column("reasoning", _text, "the reasoning channel as disclosed", null=True),
        _column("target", _text, "the sample's target, JSON", null=True),
        _column("reason", _text, "why the score is what it is"),
        _column("error", _text, "the failure's message", null=True),
    ]
)
"""The payload row: the fields of :class:`gapbench.values.Payload`, in order."""

TELEMETRY_SCHEMA = pa.schema(
    [
        _column("cell_id", _label, "the cell under way"),
        _column("at_s", _float, "seconds since the cell's start"),
        _column("gpu", pa.int32(), "index of the GPU"),
        _column("power_w", _float, "power drawn, watts"),
        _column("memory_used_bytes", _count, "memory in use"),
        _column("utilization", _float, "share of the last period with a kernel running"),
        _column("sm_clock_mhz", _count, "clock of the multiprocessors, MHz"),
    ]
)
"""One GPU sample."""


SCORE_SCHEMA = pa.schema(
    [
        _column("run_id", _label, "as in the attempt row"),
        _column("cell_id", _label, "as in the attempt row"),
        _column("sample_id", _text, "as in the attempt row"),
        _column("repeat", pa.int32(), "as in the attempt row"),
        _column("attempt", pa.int32(), "as in the attempt row"),
        _column("scorer", _label, "the scorer's name"),
        _column("outcome", _label, "as in the attempt row"),
        _column("score", _float, "0 to 1, partial credit included", null=True),
        _column("answer", _text, "the answer as extracted", null=True),
        _column("isolation", _label, "sandbox level of a code score", null=True),
        _column("reason", _text, "why the score is what it is"),
        _column("judge_model", _label, "the model that judged", null=True),
        _column("judge_sha256", _label, "hash of the judge's instructions and rubric", null=True),
    ]
)
"""A score given after the run: laid over the attempt's own when it is read. The newest stands."""


def describe_columns(kind: str) -> list[tuple[str, str, bool, str]]:
    """Return name, type, nullability and meaning of each column of ``attempts`` or ``payload``."""
    schema = ATTEMPT_SCHEMA if kind == "attempts" else PAYLOAD_SCHEMA
    return [
        (field.name, _plain_type(field.type), field.nullable, field.metadata[b"doc"].decode())
        for field in schema
    ]


def _plain_type(kind: pa.DataType) -> str:
    """Return a type without how it is packed: a dictionary of strings reads as a string."""
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind).replace("list<item: ", "list<")
