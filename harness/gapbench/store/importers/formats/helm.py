"""Reads HELM's ``per_instance_stats.json``, with ``run_spec.json`` and ``scenario_state.json`` in the same folder.

The format is what ``src/helm/benchmark/runner.py`` writes (stanford-crfm/helm): a list of instance, trial and
``Stat`` objects, a stat's ``mean`` being its value for that instance. Perturbed copies are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.store.importers.sample_log import (
    LogImporter,
    SampleLog,
    SampleResult,
    message_of_turn,
    outcome_of_score,
    read_json_file,
    token_count,
    unit_score,
)
from gapbench.values import FinishReason, Usage

SCORE_METRICS = (
    "exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match", "math_equiv_chain_of_thought",
    "math_equiv", "final_number_exact_match", "exact_match_indicator", "chain_of_thought_correctness", "code_eval_acc",
    "pass", "ifeval_strict_accuracy", "f1_score", "rouge_l", "bleu_4",
)  # fmt: skip
"""HELM's metrics that are a share of 1, the first that a log holds being the score (src/helm/benchmark/metrics)."""

FINISH_REASONS: Mapping[str, FinishReason] = {"length": "length", "endoftext": "stop", "stop": "stop"}


def is_helm_stats(value: Any) -> bool:
    """Return whether a JSON value is HELM's list of per-instance statistics."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], Mapping)
        and {"instance_id", "stats"} <= value[0].keys()
    )


def read_helm_logs(file: Path, model: str | None, metric: str | None) -> Iterator[SampleLog]:
    """Yield the one log of a run's folder.

    Args:
        file: ``per_instance_stats.json``.
        model: The model's name, over the run's own.
        metric: The statistic that is the score. None: the first of ``SCORE_METRICS`` that is there.

    Raises:
        InputError: It is not a log, the model's name is missing, or no statistic is a score.
    """
    rows = [row for row in read_json_file(file) if row.get("perturbation") is None]
    spec = _read_sibling(file, "run_spec.json") or {}
    state = _read_sibling(file, "scenario_state.json") or {}
    adapter = spec.get("adapter_spec") or state.get("adapter_spec") or {}
    name = model or adapter.get("model")
    if not name:
        raise InputError(f"{file}: no run_spec.json in its folder names the model; name it with --model")
    stats: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        key = (str(row["instance_id"]), int(row.get("train_trial_index") or 0))
        for stat in row.get("stats") or []:
            named = stat.get("name") or {}
            if named.get("perturbation") is None and stat.get("mean") is not None:
                stats.setdefault(key, {})[str(named.get("name"))] = stat["mean"]
    there = {one for values in stats.values() for one in values}
    chosen = metric or next((one for one in SCORE_METRICS if one in there), None)
    if chosen is None or chosen not in there:
        raise InputError(
            f"{file}: no statistic {chosen or 'that is a known score'!r}; name one with --metric: {', '.join(sorted(there))}"
        )
    asked = {
        _instance_key(given): given
        for given in reversed(state.get("request_states") or [])
        if _is_original(given)
    }
    yield SampleLog(
        harness="helm",
        file=file,
        model=str(name),
        task=_task_name(spec, file),
        version=None,
        created_at=_created_at(asked),
        metric=chosen,
        params={
            key: adapter[key] for key in ("temperature", "max_tokens", "stop_sequences") if key in adapter
        },
        items=[_parse_item(key, values, chosen, asked.get(key) or {}) for key, values in stats.items()],
    )


def _parse_item(
    key: tuple[str, int], values: Mapping[str, float], metric: str, request_state: Mapping[str, Any]
) -> SampleResult:
    request, result = request_state.get("request") or {}, request_state.get("result") or {}
    completion = (result.get("completions") or [{}])[0]
    failed = result.get("success") is False
    raw = (completion.get("finish_reason") or {}).get("reason")
    finish = (FINISH_REASONS.get(raw, "other"), str(raw)) if raw and raw != "unknown" else None
    score = unit_score(values.get(metric))
    mapping = request_state.get("output_mapping") or {}
    text = str(completion.get("text") or "")
    prompt = request.get("messages") or (
        [{"role": "user", "content": request["prompt"]}] if request.get("prompt") else []
    )
    return SampleResult(
        sample_id=key[0],
        repeat=key[1],
        messages=tuple(message_of_turn(turn.get("role"), turn.get("content")) for turn in prompt),
        target=_targets(request_state),
        reply=text,
        score=None if failed else score,
        outcome="infra" if failed else outcome_of_score(score, finish[0] if finish else None),
        answer=mapping.get(text.strip()),
        reason=f"helm {metric}: {values.get(metric)}",
        usage=Usage(
            input_tokens=token_count(values.get("num_prompt_tokens")),
            output_tokens=token_count(values.get("num_output_tokens", values.get("num_completion_tokens"))),
        ),
        finish=finish,
        error=str(result.get("error") or "the request failed") if failed else None,
    )


def _is_original(request_state: Mapping[str, Any]) -> bool:
    return (request_state.get("instance") or {}).get("perturbation") is None and request_state.get(
        "request_mode"
    ) != "calibration"


def _instance_key(request_state: Mapping[str, Any]) -> tuple[str, int]:
    return str((request_state.get("instance") or {}).get("id")), int(
        request_state.get("train_trial_index") or 0
    )


def _targets(request_state: Mapping[str, Any]) -> list[str] | None:
    """Return the texts of the references marked correct. None: unknown."""
    references = (request_state.get("instance") or {}).get("references") or []
    right = [one for one in references if "correct" in (one.get("tags") or [])]
    return [str((one.get("output") or {}).get("text", one.get("output"))) for one in right] or None


def _task_name(spec: Mapping[str, Any], file: Path) -> str:
    """Return the run's name without its model, so that two models' runs are of one task."""
    name = str(spec.get("name") or file.parent.name)
    scenario, _, arguments = name.partition(":")
    kept = [one for one in arguments.split(",") if one and not one.startswith("model=")]
    return f"{scenario}:{','.join(kept)}" if kept else scenario


def _created_at(request_states: Mapping[Any, Mapping[str, Any]]) -> datetime | None:
    times = [
        at
        for given in request_states.values()
        if (at := (given.get("result") or {}).get("request_datetime")) is not None
    ]
    return datetime.fromtimestamp(min(times), UTC) if times else None


def _read_sibling(file: Path, name: str) -> Any:
    other = file.with_name(name)
    return read_json_file(other) if other.is_file() else None


IMPORTER = LogImporter(
    name="helm",
    description="per_instance_stats.json",
    patterns=("per_instance_stats.json",),
    suffixes=(),
    accepts=is_helm_stats,
    read=read_helm_logs,
)
