"""Inspect's logs: ``.json``, and ``.eval``, a zip of ``header.json`` and ``samples/*.json``.

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
from gapbench.store.importers.sample_log import MAX_BYTES, Item, Log, count, judged, read_json, said, share
from gapbench.store.importers.zstd import unpacked
from gapbench.values import FinishReason, Message, Usage

# inspect_ai.scorer: CORRECT, INCORRECT, PARTIAL, NOANSWER, as value_to_float takes them.
LETTERS: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
STOPS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
    "tool_calls": "tool",
}


def is_log(value: Any) -> bool:
    """Say whether a JSON value is an Inspect log."""
    return isinstance(value, Mapping) and isinstance(value.get("eval"), Mapping) and "task" in value["eval"]


def logs(file: Path, model: str | None, metric: str | None) -> Iterator[Log]:
    """Yield the one log of a file.

    Args:
        file: A ``.json`` or ``.eval``.
        model: The model's name, over the file's own.
        metric: The scorer whose score counts. None: a sample's first.

    Raises:
        InputError: It is none, or holds no samples.
    """
    header, samples = _zipped(file) if file.suffix == ".eval" else _plain(file)
    if not samples:
        raise InputError(f"{file}: holds no samples, only a header; it cannot be imported")
    about = header["eval"]
    scorers = next((list(sample["scores"]) for sample in samples if sample.get("scores")), [])
    chosen = metric or (scorers[0] if scorers else None)
    yield Log(
        harness="inspect",
        file=file,
        model=str(model or about["model"]),
        task=str(about["task"]),
        version=None if about.get("task_version") is None else str(about["task_version"]),
        created=_instant(about.get("created")),
        metric=chosen,
        params=(header.get("plan") or {}).get("config") or {},
        items=[_item(sample, chosen) for sample in samples],
    )


def _plain(file: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    log = read_json(file)
    return log, list(log.get("samples") or [])


def _zipped(file: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if sum(info.file_size for info in members) > MAX_BYTES:
                raise InputError(f"{file}: unpacks to more than {MAX_BYTES} bytes")
            header = json.loads(_member(archive, archive.getinfo("header.json")))
            samples = [
                json.loads(_member(archive, info))
                for info in members
                if info.filename.startswith("samples/") and info.filename.endswith(".json")
            ]
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, struct.error) as exc:
        raise InputError(f"{file}: is no finished Inspect log: {exc}") from exc
    if not is_log(header):
        raise InputError(f"{file}: header.json says nothing of a task")
    return header, samples


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes; Inspect packs them with zstandard, which zipfile reads from Python 3.14 on."""
    if info.compress_type != _ZSTANDARD:
        return archive.read(info)
    assert archive.fp is not None, "open"
    archive.fp.seek(info.header_offset)
    # Local file header (PKWARE APPNOTE 6.3.10, 4.3.7): 30 bytes, then a name and an extra field.
    name_bytes, extra_bytes = struct.unpack("<26x2H", archive.fp.read(30))
    archive.fp.seek(name_bytes + extra_bytes, os.SEEK_CUR)
    return unpacked(archive.fp.read(info.compress_size), info.file_size)


_ZSTANDARD = 93


def _item(sample: Mapping[str, Any], metric: str | None) -> Item:
    output = sample.get("output") or {}
    choices = output.get("choices") or [{}]
    raw = choices[0].get("stop_reason")
    finish = (STOPS.get(raw, "other"), str(raw)) if raw else None
    found = (sample.get("scores") or {}).get(metric) or {}
    value = _value(found.get("value"))
    error = (sample.get("error") or {}).get("message") if isinstance(sample.get("error"), Mapping) else None
    answer = found.get("answer")
    outcome = "infra" if error else judged(value, finish[0] if finish else None)
    if found.get("value") == "N" and outcome == "wrong":
        outcome = "unparsed"
    return Item(
        sample_id=str(sample.get("id")),
        repeat=int(sample.get("epoch") or 1) - 1,
        messages=_messages(sample),
        target=sample.get("target"),
        reply=_text((choices[0].get("message") or {}).get("content")),
        score=None if error else value,
        outcome=outcome,
        answer=None if answer is None else str(answer),
        reason=f"inspect {metric}: {found.get('value')}" if found else "inspect: no score",
        usage=_usage(output.get("usage")),
        finish=finish,
        error=None if error is None else str(error),
    )


def _value(value: Any) -> float | None:
    return LETTERS.get(value) if isinstance(value, str) else share(value)


def _messages(sample: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return what the model was asked first: the turns before its first own one, else the sample's input."""
    turns = []
    for turn in sample.get("messages") or []:
        if turn.get("role") == "assistant" and turn.get("source") != "input":
            break
        turns.append(said(turn.get("role"), _text(turn.get("content"))))
    if turns:
        return tuple(turns)
    given = sample.get("input")
    if isinstance(given, list):
        return tuple(said(turn.get("role"), _text(turn.get("content"))) for turn in given)
    return (said("user", _text(given)),)


def _text(content: Any) -> str:
    """Return a turn's text: a string, or the text parts of a list; other parts stand as their kind."""
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


def _usage(usage: Any) -> Usage:
    """Return Inspect's counts; its input leaves cache reads and writes out (``ModelUsage``)."""
    if not isinstance(usage, Mapping):
        return Usage()
    read, written = count(usage.get("input_tokens_cache_read")), count(usage.get("input_tokens_cache_write"))
    fresh = count(usage.get("input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=count(usage.get("output_tokens")),
        reasoning_tokens=count(usage.get("reasoning_tokens")),
    )


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
