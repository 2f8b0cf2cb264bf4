"""Writes imported logs as a run: a manifest, and an attempt row for each reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gapbench.errors import InputError
from gapbench.store import RunManifest, RunWriter
from gapbench.store import provenance as manifests
from gapbench.store.importers.sample_log import SampleLog, SampleResult
from gapbench.store.manifest import CellEntry, ModelEntry, TaskEntry
from gapbench.store.schema import SCHEMA_VERSION
from gapbench.values import Attempt, Payload, canonical_json, messages_as_json, prompt_sha256, sha256

Weights = Literal["open", "closed"]
LOAD_KIND = "imported"


def resolve_weights(
    logs: Sequence[SampleLog], by_model: Mapping[str, Weights], default: Weights | None
) -> dict[str, Weights]:
    """Return each model's weights.

    Raises:
        InputError: They are unknown for a model: no log states them, and the gap table needs them.
    """
    models = list(dict.fromkeys(log.model for log in logs))
    unknown = [name for name in by_model if name not in models]
    if unknown:
        raise InputError(f"--weights names {unknown[0]!r}, which no log has; they have: {', '.join(models)}")
    silent = [name for name in models if name not in by_model and default is None]
    if silent:
        raise InputError(
            f"no log states whether weights are open or closed: give --weights '{silent[0]}=open' (or =closed) for "
            f"{', '.join(silent)}"
        )
    return {name: by_model.get(name) or default or "open" for name in models}


def write_run(
    logs: Sequence[SampleLog],
    out: Path,
    weights: Mapping[str, Weights],
    category: str,
    name: str,
    margin_points: float,
) -> Path:
    """Write logs as one run and return its folder.

    Args:
        logs: What to write; a model and task may be in one of them only.
        out: The results folder.
        weights: By model.
        category: Row of the gap table.
        name: Name of the suite in the run.
        margin_points: Gap in percentage points that makes no difference.

    Raises:
        InputError: A model and task are in two logs.
        ResultsError: The folder cannot be written.
    """
    seen: dict[str, Path] = {}
    for log in logs:
        cell = _cell_id(log)
        if cell in seen:
            raise InputError(
                f"{log.file} and {seen[cell]} are both {log.model} on {log.task}; import them separately"
            )
        seen[cell] = log.file
    digest = sha256(canonical_json([_digest_fields(log) for log in logs]))
    run_id = manifests.new_run_id(name, datetime.now(UTC))
    with RunWriter(out / run_id) as writer:
        for log in logs:
            for item in log.items:
                row = _attempt_row(log, item, run_id, name, digest, weights[log.model], category)
                writer.add(row, _payload_row(row, item))
        writer.write_manifest(_manifest(logs, run_id, name, digest, weights, category, margin_points))
    return out / run_id


def _attempt_row(
    log: SampleLog, item: SampleResult, run_id: str, suite: str, digest: str, weights: Weights, category: str
) -> Attempt:
    has_usage = item.usage.input_tokens is not None or item.usage.output_tokens is not None
    return Attempt(
        run_id=run_id, cell_id=_cell_id(log), suite=suite, suite_sha256=digest, task=log.task,
        task_sha256=sha256(canonical_json([log.harness, log.task, log.version])), category=category,
        sample_id=item.sample_id, cluster_id=item.sample_id, repeat=item.repeat, attempt=1, final=True,
        phase="measure", model_id=log.model, runner=f"import:{log.harness}", model_asked=log.model,
        model_served=None, weights=weights, simulated=False, prompt_sha256=_prompt_hash(log, item),
        params_asked=canonical_json(log.params), params_sent=canonical_json(log.params), params_changes=(),
        image_count=0, image_bytes=0, image_detail=None, load_kind=LOAD_KIND, load_value=0.0, worker=0, transport=None,
        response_id=None, system_fingerprint=None, service_tier=None, started_at=_created_at(log), scheduled_s=None,
        sent_s=None, first_byte_s=None, first_token_s=None, first_answer_s=None, last_token_s=None, done_s=None,
        chunk_s=(), chunk_tokens=None, loop_lag_s=None, in_flight=None,
        input_tokens=item.usage.input_tokens, cached_input_tokens=item.usage.cached_input_tokens,
        cache_write_tokens=item.usage.cache_write_tokens, cache_write_1h_tokens=None,
        output_tokens=item.usage.output_tokens, reasoning_tokens=item.usage.reasoning_tokens,
        usage_source="provider" if has_usage else "none", reasoning_disclosure=item.disclosure,
        input_chars=sum(len(message.text) for message in item.messages), output_chars=len(item.reply),
        reasoning_chars=0, outcome=item.outcome, failure_kind="runner" if item.outcome == "infra" else None,
        http_status=None, retry_after_s=None, finish_reason=item.finish[0] if item.finish else None,
        finish_raw=item.finish[1] if item.finish else None, from_cache=False,
        scorer=f"{log.harness}: {log.metric}" if log.metric else None, score=item.score, answer=item.answer,
        isolation=None,
    )  # fmt: skip


def _payload_row(row: Attempt, item: SampleResult) -> Payload:
    return Payload(
        run_id=row.run_id,
        cell_id=row.cell_id,
        sample_id=row.sample_id,
        repeat=row.repeat,
        attempt=row.attempt,
        messages=canonical_json(messages_as_json(item.messages)),
        reply=item.reply,
        reasoning=None,
        target=None if item.target is None else canonical_json(item.target),
        reason=item.reason,
        error=item.error,
    )


def _prompt_hash(log: SampleLog, item: SampleResult) -> str:
    """Return the prompt's hash; that of an unknown prompt is unique, so that no two count as the same prompt."""
    if item.messages:
        return prompt_sha256(item.messages)
    return sha256(canonical_json(["unknown", log.harness, log.model, log.task, item.sample_id]))


def _created_at(log: SampleLog) -> datetime:
    """Return when a log was made: its own time, or else that of its file."""
    at = log.created_at or datetime.fromtimestamp(log.file.stat().st_mtime, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _cell_id(log: SampleLog) -> str:
    return f"{log.model}|{log.task}|{LOAD_KIND[0]}0"


def _digest_fields(log: SampleLog) -> list[Any]:
    return [
        log.harness,
        log.model,
        log.task,
        [[item.sample_id, item.repeat, item.score] for item in log.items],
    ]


def _manifest(
    logs: Sequence[SampleLog],
    run_id: str,
    name: str,
    digest: str,
    weights: Mapping[str, Weights],
    category: str,
    margin: float,
) -> RunManifest:
    tasks = {log.task: log for log in logs}
    models = {log.model: log for log in logs}
    now = manifests.format_utc(datetime.now(UTC))
    return RunManifest(
        schema=SCHEMA_VERSION,
        run_id=run_id,
        suite=name,
        suite_sha256=digest,
        selection={"imported": [log.file.name for log in logs]},
        seed=None,
        repeats=None,
        margin_points=margin,
        started_at=manifests.format_utc(min(_created_at(log) for log in logs)),
        ended_at=now,
        state="complete",
        reason=None,
        versions=manifests.package_versions(),
        # The logs do not name the machine that sent the requests.
        machine={"platform": None, "cpu": None, "cores": None, "memory_bytes": None},
        models=[
            ModelEntry(
                id=model, runner=f"import:{log.harness}", name=model, weights=weights[model], released=None, base_url=None,
                simulated=False, params=dict(log.params), options={}, cost=None, facts={"imported_from": log.harness},
            )
            for model, log in models.items()
        ],
        tasks=[
            TaskEntry(
                name=task, category=category, version=log.version,
                sha256=sha256(canonical_json([log.harness, log.task, log.version])),
                samples=len({item.sample_id for item in log.items}),
                scorer=f"{log.harness}: {log.metric}" if log.metric else None, license=None,
            )
            for task, log in tasks.items()
        ],
        cells=[
            CellEntry(
                cell_id=_cell_id(log), model_id=log.model, task=log.task, category=category, load_kind=LOAD_KIND,
                load_value=0.0, planned=len(log.items), started_at=None, wall_s=None, counters_before=None,
                counters_after=None, lag_p99_s=None,
            )
            for log in logs
        ],
        failures=[],
        graded=[
            {
                "model_id": log.model, "load": LOAD_KIND, "harness": log.harness, "version": None, "entry": log.task,
                "pass": 0, "documents_without_reply": {}, **log.aggregates,
            }
            for log in logs
            if log.aggregates
        ],
    )  # fmt: skip
