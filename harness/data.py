"""Rows of a task's data: JSONL, CSV, Parquet, or a Hugging Face data set."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from harness.errors import DocumentError, SetupError
from harness.values import canonical_json, sha256

Row = dict[str, Any]
FORMATS = (".jsonl", ".csv", ".parquet")


def read_rows(file: Path, limit: int | None) -> tuple[list[Row], str]:
    """Return the first ``limit`` rows of a file and the hash of its bytes.

    Args:
        file: JSONL, CSV with a header, or Parquet.
        limit: None: all.

    Raises:
        DocumentError: Missing, of another format, damaged, or without rows.
    """
    if file.suffix not in FORMATS:
        raise DocumentError(
            f"cannot read {file.suffix or 'a file without ending'}; expected {', '.join(FORMATS)}", file=file
        )
    try:
        data = file.read_bytes()
    except OSError as exc:
        raise DocumentError(f"cannot be read: {exc.strerror}", file=file) from exc
    reader = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[file.suffix]
    rows = list(islice(reader(data, file), limit))
    if not rows:
        raise DocumentError("no rows; a task needs at least one", file=file)
    return rows, sha256(data)


def _text(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise DocumentError(
            f"byte {exc.object[exc.start]:#x} is not UTF-8; save the file as UTF-8", file=file, line=line
        ) from exc


def _jsonl(data: bytes, file: Path) -> Iterator[Row]:
    for number, line in enumerate(_text(data, file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as exc:
            said = exc.msg if isinstance(exc, json.JSONDecodeError) else "nested too deep"
            raise DocumentError(
                f"not JSON: {said}; each line is one JSON object", file=file, line=number
            ) from exc
        if not isinstance(row, dict):
            raise DocumentError(f"found {line[:40]!r}; each line is one JSON object", file=file, line=number)
        yield row


def _csv(data: bytes, file: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(data, file), newline=""), strict=True)
    try:
        for row in reader:
            if None in row:
                raise DocumentError("more fields than the header names", file=file, line=reader.line_num)
            yield dict(row)
    except csv.Error as exc:
        raise DocumentError(f"not CSV: {exc}", file=file, line=reader.line_num) from exc


def _parquet(data: bytes, file: Path) -> Iterator[Row]:
    import pyarrow as pa  # noqa: PLC0415 - costs a tenth of a second that other formats need not pay
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table = pq.ParquetFile(io.BytesIO(data))
        for batch in table.iter_batches(batch_size=1_024):
            yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as exc:
        raise DocumentError(f"not Parquet: {str(exc).splitlines()[0]}", file=file) from exc


def read_hugging_face(source: Mapping[str, Any], limit: int | None) -> tuple[list[Row], str]:
    """Return the first rows of a Hugging Face data set and a hash of its name, revision and content mark.

    Args:
        source: ``hf`` (name), and ``config``, ``split``, ``revision`` where given.
        limit: None: all.

    Raises:
        SetupError: It cannot be had: no network, no such set, no package.
    """
    try:
        from datasets import load_dataset  # noqa: PLC0415 - a second of imports
    except ImportError as exc:
        raise SetupError(
            f"data set {source['hf']!r}: the package `datasets` is missing; pip install datasets"
        ) from exc
    try:
        dataset = load_dataset(
            source["hf"],
            source.get("config"),
            split=source.get("split", "test"),
            revision=source.get("revision"),
        )
    except Exception as exc:  # the hub's client raises over a dozen unrelated classes
        said = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise SetupError(
            f"data set {source['hf']!r} cannot be had: {said}; check the name, the split and the network, or bring a file"
        ) from exc
    count = len(dataset) if limit is None else min(limit, len(dataset))
    rows = [dict(dataset[index]) for index in range(count)]
    return rows, sha256(canonical_json({**source, "fingerprint": dataset._fingerprint}))  # noqa: SLF001 - the only content mark it has
