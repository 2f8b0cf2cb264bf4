"""Import logs that a test writes, and return the rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gapbench.store.table_file import iterate_rows
from gapbench.traffic import ImportOptions, import_traffic
from gapbench.traffic.import_report import ImportReport

Content = str | bytes | Sequence[Any]


def lines(*records: Any) -> str:
    """Return JSON lines; a text is a line as it is."""
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records)


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a CSV file; objects and lists are JSON in their cells."""
    rows = list(rows)
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        writer.writerow([json.dumps(cell) if isinstance(cell, (dict, list)) else cell for cell in cells])
    return text.getvalue()


def import_files(
    folder: Path, files: Mapping[str, Content], **options: Any
) -> tuple[list[dict[str, Any]], ImportReport]:
    """Write files, import them, and return the rows of the table and the report."""
    names = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, (str, bytes)) else lines(*content)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        names.append(str(path))
    out = folder / "traffic.parquet"
    report = import_traffic(names, out, ImportOptions(overwrite=True, **options))
    return list(iterate_rows(out)), report


def import_row(folder: Path, *records: Any, name: str = "log.jsonl", **options: Any) -> dict[str, Any]:
    """Import one file with one request, and return its row without what is null, and without file and line."""
    (row,), _ = import_files(folder, {name: records}, **options)
    return shown(row)


def spend(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a row of LiteLLM's spend log."""
    return {
        "request_id": f"r-{number}", "spend": 0.25, "startTime": f"2026-01-31T12:00:{number:02d}Z", "model": "gpt-5.2",
        "prompt_tokens": 100, "completion_tokens": 30, **changes,
    }  # fmt: skip


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without nulls, hashes, place and mark."""
    left_out = {"file", "line", "user_hash", "session_hash", "simulated"}
    return {key: value for key, value in row.items() if value is not None and key not in left_out}


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOON_S = 1_769_860_800
HELLO = [{"role": "user", "content": "Hello"}]


def messages(*records: dict[str, Any]) -> str:
    return json.dumps(list(records), separators=(",", ":"), ensure_ascii=False)


CHAT_REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": NOON_S,
    "model": "gpt-5.2-2025-12-11",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
}
CLAUDE_REPLY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-6",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 10,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens": 30,
    },
}
