"""A table of its own: what is in memory at a time is bounded in rows and in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import pytest

from gapbench.store import table_file
from gapbench.store.table_file import TableWriter, iterate_frames, iterate_rows
from gapbench.values.attempt import Label

KIB = 2**10


@dataclass
class Line:
    number: Annotated[int, "its number"]
    label: Annotated[Label | None, "a short text"]
    text: Annotated[str | None, "a long text"]


def write_lines(path: Path, count: int, size: int, **bounds: int) -> None:
    """Write rows with texts of a size that do not repeat."""
    with path.open("wb") as file, TableWriter(file, Line, {}, **bounds) as writer:
        for number in range(count):
            writer.append((number, None, f"{number:08d}" * (size // 8)))
        writer.close({})


def test_a_row_group_is_written_when_its_texts_reach_the_bound(tmp_path: Path) -> None:
    """Texts of 10 KiB and a bound of 64 KiB: seven are over it, so 20 rows are 7 + 7 + 6."""
    write_lines(tmp_path / "t.parquet", 20, 10 * KIB, max_text_bytes=64 * KIB)
    groups = pq.read_metadata(tmp_path / "t.parquet")

    assert [7, 7, 6] == [groups.row_group(at).num_rows for at in range(groups.num_row_groups)]
    assert list(range(20)) == [row["number"] for row in iterate_rows(tmp_path / "t.parquet")]


def test_the_bound_is_64_mib() -> None:
    """Of the rows that wait in memory; a prompt may have 40 MB."""
    assert 64 * 2**20 == table_file.MAX_TEXT_BYTES


def test_large_rows_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of about 10 KiB and a bound of 64 KiB: at most six in a batch, however large the row group is."""
    write_lines(tmp_path / "t.parquet", 50, 10 * KIB)
    monkeypatch.setattr(table_file, "MAX_TEXT_BYTES", 64 * KIB)
    frames = list(iterate_frames(tmp_path / "t.parquet", ["number", "text"]))

    assert 1 == pq.read_metadata(tmp_path / "t.parquet").num_row_groups
    assert 6 >= max(len(frame) for frame in frames)
    assert list(range(50)) == [number for frame in frames for number in frame["number"]]
