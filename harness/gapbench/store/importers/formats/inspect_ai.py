"""Reads Inspect's logs: ``.json``, and ``.eval``, a zip of ``header.json`` and ``samples/*.json``.

The format is Inspect's ``EvalLog`` (UKGovernmentBEIS/inspect_ai, ``src/inspect_ai/log/_log.py``; its
documentation, "Log Files"). A sample's first score is its score, or the one that ``--metric`` names.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
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
    token_count,
    unit_score,
)
from gapbench.store.importers.zstd import decompress_zstd
from gapbench.values import FinishReason, Message, Usage

# inspect_ai.scorer: CORRECT, INCORRECT, PARTIAL, NOANSWER, as value_to_float takes them.
SCORE_LETTERS: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
    "tool_calls": "tool",
}


def is_inspect_log(value: Any) -> bool:
    """Return whether a JSON value is an Inspect log."""
    return isinstance(value, Mapping) and isinstance(value.get("eval"), Mapping) and "task" in value["eval"]


def read_inspect_logs(file: Path, model: str | None, metric: str | None) -> Iterator[SampleLog]:
    """Yield the one log of a file.

    Args:
        file: A ``.json`` or ``.eval``.
        model: The model's name, over the file's own.
        metric: The scorer whose score counts. None: a sample's first.

    Raises:
        InputError: It is not a log, or holds no samples.
    """
    header, samples = _read_eval_archive(file) if file.suffix == ".eval" else _read_json_log(file)
    if not samples:
        raise InputError(f"{file}: contains no samples, only a header; it cannot be imported")
    about = header["eval"]
    scorers = next((list(sample["scores"]) for sample in samples if sample.get("scores")), [])
    chosen = metric or (scorers[0] if scorers else None)
    yield SampleLog(
        harness="inspect",
        file=file,
        model=str(model or about["model"]),
        task=str(about["task"]),
        version=None if about.get("task_version") is None else str(about["task_version"]),
        created_at=_parse_instant(about.get("created")),
        metric=chosen,
        params=(header.get("plan") or {}).get("config") or {},
        items=[_parse_item(sample, chosen) for sample in samples],
    )


def _read_json_log(file: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    log = read_json_file(file)
    return log, list(log.get("samples") or [])


def _read_eval_archive(file: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if sum(info.file_size for info in members) > MAX_BYTES:
                raise InputError(f"{file}: unpacks to more than {MAX_BYTES} bytes")
            header = json.loads(_read_member(archive, archive.getinfo("header.json")))
            samples = [
                json.loads(_read_member(archive, info))
                for info in members
                if info.filename.startswith("samples/") and info.filename.endswith(".json")
            ]
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, struct.error) as exc:
        raise InputError(f"{file}: is not a finished Inspect log: {exc}") from exc
    if not is_inspect_log(header):
        raise InputError(f"{file}: header.json names no task")
    return header, samples


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes; Inspect packs them with zstandard, which zipfile reads from Python 3.14 on."""
    if info.compress_type != _ZSTANDARD:
        return archive.read(info)
    assert archive.fp is not None, "open"
    archive.fp.seek(info.header_offset)
    # Local file header (PKWARE APPNOTE 6.3.10, 4.3.7): 30 bytes, then a name and an extra field.
    name_bytes, extra_bytes = struct.unpack("<26x2H", archive.fp.read(30))
    archive.fp.seek(name_bytes + extra_bytes, os.SEEK_CUR)
    return decompress_zstd(archive.fp.read(info.compress_size), info.file_size)


_ZSTANDARD = 93


def _parse_item(sample: Mapping[str, Any], metric: str | None) -> SampleResult:
    output = sample.get("output") or {}
    choices = output.get("choices") or [{}]
    raw = choices[0].get("stop_reason")
    finish = (FINISH_REASONS.get(raw, "other"), str(raw)) if raw else None
    found = (sample.get("scores") or {}).get(metric) or {}
    value = _score_value(found.get("value"))
    error = (sample.get("error") or {}).get("message") if isinstance(sample.get("error"), Mapping) else None
    answer = found.get("answer")
    outcome = "infra" if error else outcome_of_score(value, finish[0] if finish else None)
    if found.get("value") == "N" and outcome == "wrong":
        outcome = "unparsed"
    return SampleResult(
        sample_id=str(sample.get("id")),
        repeat=int(sample.get("epoch") or 1) - 1,
        messages=_prompt_messages(sample),
        target=sample.get("target"),
        reply=_content_text((choices[0].get("message") or {}).get("content")),
        score=None if error else value,
        outcome=outcome,
        answer=None if answer is None else str(answer),
        reason=f"inspect {metric}: {found.get('value')}" if found else "inspect: no score",
        usage=_parse_usage(output.get("usage")),
        finish=finish,
        error=None if error is None else str(error),
    )


def _score_value(value: Any) -> float | None:
    return SCORE_LETTERS.get(value) if isinstance(value, str) else unit_score(value)


def _prompt_messages(sample: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return what the model was asked first: the turns before its first own one, else the sample's input."""
    turns = []
    for turn in sample.get("messages") or []:
        if turn.get("role") == "assistant" and turn.get("source") != "input":
            break
        turns.append(message_of_turn(turn.get("role"), _content_text(turn.get("content"))))
    if turns:
        return tuple(turns)
    given = sample.get("input")
    if isinstance(given, list):
        return tuple(message_of_turn(turn.get("role"), _content_text(turn.get("content"))) for turn in given)
    return (message_of_turn("user", _content_text(given)),)


def _content_text(content: Any) -> str:
    """Return a turn's text: a string, or the text parts of a list; other parts become the name of their kind."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            str(part.get("text", f"<{part.get('type')}>"))
            for part in content
            if isinstance(part, Mapping) and part.get("type") != "reasoning"
        )
    return str(content)


def _parse_usage(usage: Any) -> Usage:
    """Return Inspect's counts; its input leaves cache reads and writes out (``ModelUsage``)."""
    if not isinstance(usage, Mapping):
        return Usage()
    read, written = (
        token_count(usage.get("input_tokens_cache_read")),
        token_count(usage.get("input_tokens_cache_write")),
    )
    fresh = token_count(usage.get("input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=token_count(usage.get("output_tokens")),
        reasoning_tokens=token_count(usage.get("reasoning_tokens")),
    )


def _parse_instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


IMPORTER = LogImporter(
    name="inspect",
    description="a log of Inspect, .eval or .json",
    patterns=("*.eval",),
    suffixes=(".eval",),
    accepts=is_inspect_log,
    read=read_inspect_logs,
)
