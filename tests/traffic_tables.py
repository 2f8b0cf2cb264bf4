"""Traffic tables for the tests of replays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.store.schema import derive_schema
from gapbench.suite.loads.schema import LoadDocument
from gapbench.suite.replay import Replay, open_replay
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION, TrafficRecord

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def logged(at_s: float | None, **changes: Any) -> dict[str, Any]:
    """Return a row of a traffic table: 100 tokens in, 10 out in half a second, without text."""
    row: dict[str, Any] = dict.fromkeys(field.name for field in fields(TrafficRecord))
    row |= {
        "time": None if at_s is None else START + timedelta(seconds=at_s),
        "route": "chat",
        "input_tokens": 100,
    }
    row |= {
        "output_tokens": 10,
        "response_s": 0.5,
        "form": "map",
        "file": "log.jsonl",
        "line": 1,
        "simulated": False,
    }
    messages = changes.pop("messages", None)
    return {**row, **changes, "messages": json.dumps(messages) if isinstance(messages, list) else messages}


def chat(*texts: str) -> list[dict[str, Any]]:
    """Return messages of the user and the assistant by turns."""
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def write_table(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write a traffic table; rows with ``prefix_blocks`` give it that column and ``prefix_block_tokens``."""
    schema = derive_schema(TrafficRecord).with_metadata({"traffic_schema": str(TRAFFIC_SCHEMA_VERSION)})
    if any("prefix_blocks" in row for row in rows):
        schema = schema.append(pa.field("prefix_blocks", pa.list_(pa.string())))
        schema = schema.append(pa.field("prefix_block_tokens", pa.int32()))
    pq.write_table(pa.Table.from_pylist(list(rows), schema), file)
    return file


def replay_of(folder: Path, rows: Sequence[dict[str, Any]], seed: int = 0, **settings: Any) -> Replay:
    """Return the replay of rows; ``settings`` are the keys of ``replay``."""
    write_table(folder / "traffic.parquet", rows)
    document = LoadDocument.model_validate({"replay": {"traffic": "traffic.parquet", **settings}})
    return open_replay(document, folder, seed)
