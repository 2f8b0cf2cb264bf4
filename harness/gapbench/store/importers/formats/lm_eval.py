"""Reads lm-eval's ``results_*.json`` and ``samples_TASK_*.jsonl`` (``lm_eval run --log_samples --output_path``).

The format is what ``lm_eval/loggers/evaluation_tracker.py`` writes (EleutherAI/lm-evaluation-harness 0.4.13):
one line for each document and filter, with the metrics' values under their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.store.importers.sample_log import (
    MAX_BYTES,
    LogImporter,
    SampleLog,
    SampleResult,
    message_of_turn,
    outcome_of_score,
    read_json_file,
    unit_score,
)
from gapbench.values import Message

INVALID_ANSWER = "[invalid]"
_CONVERSATION_KEYS = frozenset({"messages", "conversations", "contents", "input", "traceId", "resourceSpans"})
"""Keys of chats and of the logs of gateways and tracing tools."""


def is_lm_eval_results(value: Any) -> bool:
    """Return whether a JSON value is lm-eval's file of aggregated results."""
    return isinstance(value, Mapping) and {"results", "configs", "n-shot"} <= value.keys()


def read_lm_eval_logs(file: Path, model: str | None, metric: str | None) -> Iterator[SampleLog]:
    """Yield the logs of a results file, or of one file of samples.

    Args:
        file: Either; samples and results are looked for in the same folder.
        model: The model's name, over the file's own.
        metric: The metric that is the score. None: the first in each document that is a share.

    Raises:
        InputError: No samples were logged, a line is not one, or the model's name is missing.
    """
    if file.suffix == ".jsonl":
        # Before the model's name is asked for: another file of JSON lines must not be called a log without a name.
        next(_read_lines(file))
        stamp = _file_timestamp(file, "samples_", ".jsonl")
        results = file.with_name(f"results_{stamp}.json")
        aggregated = read_json_file(results) if stamp and results.is_file() else {}
        parts = [file]
    else:
        aggregated = read_json_file(file)
        stamp = _file_timestamp(file, "results_", ".json")
        parts = sorted(file.parent.glob(f"samples_*_{stamp}.jsonl")) if stamp else []
        if not parts:
            raise InputError(
                f"{file}: there are no samples_*_{stamp}.jsonl in its folder; run lm_eval again with --log_samples"
            )
    config = aggregated.get("config") or {}
    arguments = config.get("model_args")
    stated = aggregated.get("model_name") or (arguments.get("model") if isinstance(arguments, dict) else None)
    name = model or stated or aggregated.get("model_source") or config.get("model")
    if not name:
        raise InputError(f"{file}: no results file in its folder names the model; name it with --model")
    for part in parts:
        yield _read_log(part, str(name), metric, aggregated, stamp)


def _read_log(
    file: Path, model: str, metric: str | None, aggregated: Mapping[str, Any], stamp: str
) -> SampleLog:
    task = file.name.removeprefix("samples_").removesuffix(".jsonl").removesuffix(f"_{stamp}")
    lines = list(_read_lines(file))
    first = lines[0].get("filter")
    items: list[SampleResult] = []
    chosen: str | None = metric
    for line in lines:
        # A document has one line for each filter; the first filter's value is the score.
        if line.get("filter") != first:
            continue
        values = {key: unit_score(line.get(key)) for key in line.get("metrics") or _metric_names(line)}
        chosen = chosen or next((key for key, value in values.items() if value is not None), None)
        items.append(_parse_item(line, chosen, values.get(chosen) if chosen else None))
    created = aggregated.get("date")
    figures = {
        key: aggregated.get(key) or {}
        for key in ("results", "groups", "versions", "n-shot", "higher_is_better", "n-samples")
    }
    versions = aggregated.get("versions") or {}
    return SampleLog(
        harness="lm-eval",
        file=file,
        model=model,
        task=task,
        version=str(versions[task]) if task in versions else None,
        created_at=datetime.fromtimestamp(created, UTC) if isinstance(created, (int, float)) else None,
        metric=f"{chosen}, {first}" if chosen and first else chosen,
        params=((aggregated.get("configs") or {}).get(task) or {}).get("generation_kwargs") or {},
        items=items,
        aggregates={
            key: {task: value[task]} if key == "results" and task in value else {}
            for key, value in figures.items()
            if key in {"results", "groups"}
        },
    )


def _parse_item(line: Mapping[str, Any], metric: str | None, value: float | None) -> SampleResult:
    """Return a document as one item: its score is one, however many requests and repeats made it."""
    requests = line.get("arguments") or {}
    given = list(requests.values()) if isinstance(requests, Mapping) else list(requests)
    replies = line.get("resps") or [[]]
    alone = len(replies) == 1 and len(replies[0]) == 1 and isinstance(replies[0][0], str)
    answer = _first_leaf(line.get("filtered_resps") or []) if len(replies) == 1 else None
    found = answer if isinstance(answer, str) else None
    outcome = outcome_of_score(value)
    if found == INVALID_ANSWER and outcome == "wrong":
        found, outcome = None, "unparsed"
    return SampleResult(
        sample_id=str(line["doc_id"]),
        repeat=0,
        messages=_prompt_messages(given),
        target=line.get("target"),
        reply=replies[0][0] if alone else json.dumps(replies, ensure_ascii=False),
        score=value,
        outcome=outcome,
        answer=found,
        reason=f"lm-eval {metric}: {value:g}" if value is not None else "lm-eval: no metric is a share of 1",
    )


def _prompt_messages(requests: list[Any]) -> tuple[Message, ...]:
    """Return the first request's prompt; a chat's is the JSON that lm-eval sent."""
    if not requests:
        return ()
    prompt = requests[0].get("arg_0") if isinstance(requests[0], Mapping) else requests[0][0]
    if isinstance(prompt, list) and len(prompt) == 1:  # a named tuple in JSON
        prompt = prompt[0]
    if isinstance(prompt, str) and prompt.startswith('[{"role"'):
        try:
            return tuple(message_of_turn(turn["role"], turn["content"]) for turn in json.loads(prompt))
        except (ValueError, KeyError, TypeError):
            pass
    return (message_of_turn("user", prompt),)


def _read_lines(file: Path) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        with file.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                line = json.loads(text)
                if len(text) > MAX_BYTES:
                    raise InputError(f"{file}:{number}: is longer than {MAX_BYTES >> 20} MiB")
                if not isinstance(line, dict) or "doc_id" not in line:
                    raise InputError(f"{file}:{number}: {_describe_other_line(line)}")
                yield line
    except OSError as exc:
        raise InputError(f"{file}: cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise InputError(f"{file}:{number}: is not JSON: {exc}") from exc
    if number == 0:
        raise InputError(f"{file}: is empty")


def _describe_other_line(line: Any) -> str:
    """Return what a line that is no sample of lm-eval holds, and what can be done with it."""
    keys = list(line) if isinstance(line, dict) else []
    held = (
        f"it holds {', '.join(map(repr, keys[:6]))}{', …' if len(keys) > 6 else ''}, and"
        if keys
        else "it has"
    )
    text = f"is not a sample of lm-eval: {held} no doc_id; `bench import` reads scored logs of lm-eval, Inspect and HELM"
    if any(key in _CONVERSATION_KEYS for key in keys):
        return f"{text}, and these are conversations without scores"
    return text


def _metric_names(line: Mapping[str, Any]) -> list[str]:
    """Return the metrics of a line of an older lm-eval, which did not list them."""
    known = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    return [key for key in line if key not in known and not key.endswith("_hash")]


def _first_leaf(value: Any) -> Any:
    while isinstance(value, list):
        if not value:
            return None
        value = value[0]
    return value


def _file_timestamp(file: Path, prefix: str, suffix: str) -> str:
    """Return the time in a file's name, which a run's files share; "" if there is none."""
    name = file.name
    if not (name.startswith(prefix) and name.endswith(suffix)):
        return ""
    return name.removesuffix(suffix).rsplit("_", 1)[-1]


IMPORTER = LogImporter(
    name="lm-eval",
    description="results_*.json with samples_*.jsonl, or one samples_*.jsonl",
    patterns=("results_*.json",),
    suffixes=(".jsonl",),
    accepts=is_lm_eval_results,
    read=read_lm_eval_logs,
)
