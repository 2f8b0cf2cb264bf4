"""The file of a recording after trouble."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gapbench.errors import ResultsError
from gapbench.traffic.recording.record_file import RecordFile

LINE = b'{"gapbench_record":1,"x":"a"}\n'


@pytest.mark.parametrize(
    ("content", "expected", "cut"),
    [
        (b"", b"", 0),
        (LINE, LINE, 0),
        (LINE + LINE[:-9], LINE, len(LINE) - 9),
        (LINE + LINE[:-1], LINE + LINE, 0),
        (LINE[:-1], LINE, 0),
        (LINE + b'{"gapbench_record":1,"y":"' + b"z" * 600_000, LINE, 600_026),
    ],
    ids=["empty", "whole", "torn", "no newline", "only line", "long torn line"],
)
def test_a_torn_end_is_repaired(tmp_path: Path, content: bytes, expected: bytes, cut: int) -> None:
    """What is no line is cut off, and the next line starts at its own place."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)

    with RecordFile(path) as file:
        file.append(LINE)
        assert cut == file.cut_bytes
    assert expected + LINE == path.read_bytes()


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """It would be cut, or could not be imported."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"mine": 1}')

    with pytest.raises(ResultsError, match="is not a recording"):
        RecordFile(path)
    assert b'{"mine": 1}' == path.read_bytes()


def test_one_process_records_into_a_file(tmp_path: Path) -> None:
    """The second is refused while the first has it open."""
    path = tmp_path / "t.jsonl"
    with RecordFile(path), pytest.raises(ResultsError, match="another process"):
        RecordFile(path)
    RecordFile(path).close()


def test_only_this_user_reads_a_new_file(tmp_path: Path) -> None:
    """It has prompts."""
    RecordFile(tmp_path / "t.jsonl").close()

    assert 0o600 == (tmp_path / "t.jsonl").stat().st_mode & 0o777


def test_a_full_disk_leaves_whole_lines() -> None:
    """/dev/full takes nothing; the error is the caller's to report."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with RecordFile(Path("/dev/full")) as file, pytest.raises(OSError, match="No space"):
        file.append(LINE)


def test_a_file_system_without_locks_is_not_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems have none."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)

    with pytest.raises(ResultsError, match=r"cannot lock .*: No locks available"):
        RecordFile(tmp_path / "t.jsonl")
