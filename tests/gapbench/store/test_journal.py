"""A journal's rows are written at once and synced by a thread; who adds them waits for no disk."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import DiskError
from gapbench.execution.attempts.attempt_row import AttemptContext, CellClock
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.recording.scoring_executors import ScoringExecutors
from gapbench.execution.recording.scoring_queue import ScoringQueue
from gapbench.execution.run import run
from gapbench.store import RunWriter, read_attempts
from gapbench.store.journal import SYNC_ROWS, Journal, JournalSettings
from gapbench.values import (
    Attempt,
    Call,
    Chunk,
    Image,
    Message,
    Payload,
    Response,
    Score,
    Text,
    Timing,
    Trajectory,
    Usage,
)
from tests.gapbench.execution.test_run import ANSWERS, FAST, Watch, go
from tests.makers import ScriptedRunner, attempt, model, payload, plan, sample
from tests.run_folders import empty_manifest


class Disk:
    """A disk that syncs only while it may, and counts."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.began = threading.Event()
        self.syncs = 0
        self.threads: set[int] = set()
        self.failure: OSError | None = None

    def settings(self, **changes: Any) -> JournalSettings:
        return JournalSettings(sync_file=self.sync, **changes)

    def sync(self, number: int) -> None:
        self.threads.add(threading.get_ident())
        self.began.set()
        self.may.wait()
        self.syncs += 1
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.may.set()


def fill(writer: RunWriter, count: int) -> None:
    for number in range(count):
        row = attempt(sample_id=f"s{number}")
        writer.add(row, payload(row))


def test_a_disk_that_hangs_holds_up_no_row(tmp_path: Path, disk: Disk) -> None:
    """999 rows are written and read while the first sync does not return."""
    with RunWriter(tmp_path, journal_settings=disk.settings()) as writer:
        writer.write_manifest(empty_manifest())
        fill(writer, 2 * SYNC_ROWS - 1)
        disk.began.wait()

        assert (0, False) == (disk.syncs, writer.is_behind)
        assert 999 == len(read_attempts([tmp_path]))
        disk.may.set()


def test_two_batches_that_wait_are_too_many(tmp_path: Path, disk: Disk) -> None:
    """1,000 rows not on the disk: behind; once it has taken them, no more."""
    with RunWriter(tmp_path, journal_settings=disk.settings()) as writer:
        fill(writer, 2 * SYNC_ROWS)
        behind = writer.is_behind
        disk.may.set()
        writer.catch_up()

        assert (True, False) == (behind, writer.is_behind)
        assert threading.get_ident() not in disk.threads


def test_a_sync_waits_for_every_row(tmp_path: Path, disk: Disk) -> None:
    """Three rows and no batch is full: they are synced all the same, once."""
    disk.may.set()
    with RunWriter(tmp_path, journal_settings=disk.settings()) as writer:
        fill(writer, 3)
        writer.sync()
        assert 1 == disk.syncs
        writer.sync()
        assert 1 == disk.syncs


def test_a_sync_that_fails_is_said(tmp_path: Path, disk: Disk) -> None:
    """Rows that the disk did not take are no rows on disk; and nothing more is written."""
    disk.failure = OSError(errno.EIO, os.strerror(errno.EIO))
    disk.may.set()
    writer = RunWriter(tmp_path, journal_settings=disk.settings()).open()
    fill(writer, 1)

    with pytest.raises(DiskError, match=os.strerror(errno.EIO)):
        writer.sync()
    with pytest.raises(DiskError, match=os.strerror(errno.EIO)):
        fill(writer, 1)
    writer.close()


class HalfFullFile(io.FileIO):
    """A file on a disk that, after one line, takes half of what it is given."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "ab")

    def write(self, data: Any) -> int:
        return super().write(data[: len(data) // 2] if self.tell() else data)


def test_nothing_follows_half_a_line(tmp_path: Path) -> None:
    """A short line might fit where a long one did not, and would be lost with it."""
    journal = Journal.open(tmp_path / "journal", JournalSettings(open_file=HalfFullFile))
    journal.add(b"[1]\n")
    for line in (b"[2, 2]\n", b"[3]\n"):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            journal.add(line)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        journal.close()

    assert b"[1]\n[2," == (tmp_path / "journal").read_bytes()


def test_a_run_goes_on_while_its_journal_is_synced(tmp_path: Path, disk: Disk) -> None:
    """The disk answers only after the fourth row was reported: on the event loop this would never end."""

    class Freeing(Watch):
        def attempt_done(self, *seen: Any) -> None:
            super().attempt_done(*seen)
            if len(self.rows) == 4:
                disk.may.set()

    async def main() -> Freeing:
        watch = Freeing()
        with RunWriter(tmp_path, journal_settings=disk.settings(sync_s=0)) as writer:
            fill(writer, 1)
            await run(plan(), {"m": ScriptedRunner(model(), ANSWERS)}, writer, FAST, watch, StopSignal())
        return watch

    assert 4 == len(asyncio.run(main()).rows)


def test_senders_wait_while_the_disk_is_behind(tmp_path: Path, disk: Disk) -> None:
    """Two batches of two rows: of 20 requests, two at a time, five are written until the disk takes some."""
    seen: list[int] = []

    class Letting(RunWriter):
        def catch_up(self) -> None:
            seen.append(len(watch.rows))
            disk.may.set()
            super().catch_up()

    watch = Watch()

    async def main() -> None:
        with Letting(tmp_path, journal_settings=disk.settings(sync_rows=2)) as writer:
            await run(
                plan(count=20), {"m": ScriptedRunner(model(), ANSWERS)}, writer, FAST, watch, StopSignal()
            )

    asyncio.run(main())

    assert 4 <= seen[0] <= 4 + 1
    assert 20 == len(watch.rows)


def test_an_image_is_on_disk_before_it_is_asked_about(tmp_path: Path) -> None:
    """And written by a thread, before the cell's clock starts."""
    image = Image("image/png", b"\x89PNG bytes", "low")
    shown = sample(0, messages=(Message("user", (image, Text("What is 0 + 1?"))),))
    there: list[bool] = []

    class Looking(ScriptedRunner):
        def stream(self, call: Call) -> AsyncIterator[Chunk]:
            there.append((tmp_path / "media" / image.sha256).exists())
            return super().stream(call)

    go(tmp_path, plan(samples=(shown,)), {"m": Looking(model(), ANSWERS)})

    assert [True] == there


def test_a_slow_score_that_cannot_be_kept_stops_the_asking(tmp_path: Path) -> None:
    """Its error must not wait for the end of the cell: every answer until then would be paid for and lost."""
    cell = plan().cells[0]
    response = Response("Answer: 1", "", Timing(None, None, None, None, None, 1.0), Usage(), "stop")
    sent = CompletedAttempt(cell.requests[0], Call({}, {}), response, AttemptContext(1, True, 0.0, None, 1))
    slow = CellScorer(lambda answer, planned, transcript: Score(1.0, "correct"), is_slow=True)
    asked: list[str] = []

    class Full(RunWriter):
        def add(self, attempt: Attempt, payload: Payload, trajectory: Trajectory | None = None) -> None:
            asked.append(attempt.sample_id)
            raise DiskError("full")

    async def main() -> None:
        clock = CellClock(0.0, attempt().started_at)
        with ThreadPoolExecutor(1) as threads, Full(tmp_path) as writer:
            shelf = AttemptRecorder(writer, FAST.price_attempt, FAST.max_usd, Watch(), StopSignal())
            aside = ScoringExecutors(threads, threads)
            marking = ScoringQueue("run", ("s", "h"), cell, clock, aside, shelf, scorer=slow, simulated=True)
            await marking.submit(sent)
            for last_word in (marking.wait_until_scored(), marking.submit(sent)):
                with pytest.raises(DiskError):
                    await last_word

    asyncio.run(main())

    assert 1 == len(asked)


def test_a_sync_does_not_wait_for_what_others_write_meanwhile(tmp_path: Path) -> None:
    """A second row is written while the first is synced; its own sync ends only after the caller of the first went on."""
    went_on = threading.Event()
    waits: list[bool] = []

    def sync(number: int) -> None:
        if not waits:
            while not journal._wanted_lines:  # the caller waits for its one row
                os.sched_yield()
            journal.add(b"{}\n")
            waits.append(True)
        else:
            waits.append(went_on.wait(5))

    journal = Journal.open(tmp_path / "journal", JournalSettings(sync_file=sync, sync_rows=1))
    journal.add(b"{}\n")
    journal.sync()
    went_on.set()
    journal.close()

    assert [True, True] == waits


def test_cells_that_start_together_open_one_journal(tmp_path: Path) -> None:
    """Whoever opens the file waits for a second one to do so too; none comes."""
    opened: list[Path] = []
    both = threading.Barrier(2)

    def open_file(path: Path) -> io.FileIO:
        opened.append(path)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.1)
        return io.FileIO(path, "ab")

    settings = JournalSettings(open_file=open_file)
    with RunWriter(tmp_path, journal_settings=settings) as writer, ThreadPoolExecutor(2) as threads:
        for started in [threads.submit(writer.open_journals, for_waiting=False) for _ in range(2)]:
            started.result()

    assert 1 == len(opened)
