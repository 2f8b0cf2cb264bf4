"""Requests of a made-up log, and the lines of its audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gapbench.analysis.traffic import audit_traffic, read_requests
from gapbench.report.traffic import answer_lines
from tests.traffic_logs import import_files

MONDAY = pd.Timestamp("2026-01-05", tz="UTC")


def request(at: pd.Timestamp, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a logged pair: 1,000 tokens in, 400 of them cached, 50 out, one second, half a dollar."""
    record = {
        "timestamp": at.isoformat(), "latency_ms": 1000, "ttft_ms": 200, "cost_usd": "0.5", "provider": "openai",
        "route": "support",
        "request": {"model": "gpt-5.2", "messages": [{"role": "user", "content": f"question {number} {at}"}]},
        "response": {
            "id": f"r-{number}-{at.isoformat()}", "model": "gpt-5.2-2025-12-11",
            "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 400}},
        },
    }  # fmt: skip
    return {**record, **changes}


def frame_of(folder: Path, *records: dict[str, Any]) -> pd.DataFrame:
    import_files(folder, {"log.jsonl": records})
    return read_requests([folder / "traffic.parquet"])


def lines_of(folder: Path, *records: dict[str, Any]) -> str:
    """Return the sentences that an audit starts with."""
    return "\n".join(answer_lines(audit_traffic(frame_of(folder, *records))))


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}
