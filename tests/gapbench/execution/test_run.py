"""The conductor: every planned request ends in exactly one final row, whatever happens."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from gapbench import transport
from gapbench.errors import RunnerError, SetupError
from gapbench.execution import cell_run
from gapbench.execution.attempts.attempt_row import CellClock
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.monitoring.live_view import PlainView
from gapbench.execution.monitoring.run_exporter import MetricsObserver
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunManifest, RunWriter, read_attempts, read_manifest, read_payload
from gapbench.suite.plan import Cell, Load, Plan
from gapbench.values import Attempt, Call, Chunk, Image, Message, Model, Session, Text, Usage
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.makers import ScriptedRunner, model, plan, sample

FAST = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)))
ANSWERS = {f"What is {n} + 1?": [f"Answer: {n + 1}"] for n in range(100)}


class Watch:
    """Keeps what it is told; halts a run after so many attempts."""

    def __init__(self, halt: StopSignal | None = None, after: int | None = None) -> None:
        self.halt = halt
        self.after = after
        self.rows: list[Attempt] = []
        self.lines: list[str] = []
        self.kept: dict[str, int] = {}

    def model_opening(self, model: Model) -> None: ...

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        self.kept[cell.cell_id] = already_done

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        self.rows.append(row)
        if self.halt is not None and len(self.rows) == self.after:
            self.halt.set("interrupted")

    def cell_ended(self, cell: Cell) -> None: ...

    def notify(self, line: str) -> None:
        self.lines.append(line)


def go(
    folder: Path,
    made: Plan,
    runners: dict[str, ScriptedRunner],
    settings: RunSettings = FAST,
    *,
    halt_after: int | None = None,
    resume: bool = False,
) -> tuple[RunManifest, Watch]:
    """Run a plan and return its manifest and what the watcher saw."""

    async def main() -> tuple[RunManifest, Watch]:
        halt = StopSignal()
        watch = Watch(halt, halt_after)
        resumed = read_manifest(folder) if resume else None
        with RunWriter(folder) as writer:
            return await run(made, runners, writer, settings, watch, halt, resumed_manifest=resumed), watch

    return asyncio.run(main())


def frame(folder: Path) -> pd.DataFrame:
    return read_attempts([folder])


def test_a_run_is_scored_row_by_row(tmp_path: Path) -> None:
    """Four sums, all right: outcome, score, extracted answer and the prompt's hash."""
    manifest, _ = go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)})
    rows = frame(tmp_path)

    assert "complete" == manifest.state
    assert ["correct"] * 4 == list(rows["outcome"])
    assert {"1", "2", "3", "4"} == set(rows["answer"])
    assert 4 == rows["prompt_sha256"].nunique()


def test_a_failure_is_retried_and_each_attempt_is_a_row(tmp_path: Path) -> None:
    """One 500, then an answer: two rows, the second final."""
    script: dict[str, list[Any]] = {
        **ANSWERS,
        "What is 0 + 1?": [RunnerError("server", "oops", http_status=500), "Answer: 1"],
    }
    go(tmp_path, plan(count=1), {"m": ScriptedRunner(model(), script)})
    rows = frame(tmp_path).sort_values("attempt")

    assert [("infra", False), ("correct", True)] == list(zip(rows["outcome"], rows["final"], strict=True))
    assert ["server", None] == [None if pd.isna(kind) else kind for kind in rows["failure_kind"]]


def test_infra_is_never_a_wrong_answer(tmp_path: Path) -> None:
    """A dead endpoint has rows without a score, and the partial text is kept."""
    script = {"*": [[Chunk("The answer is 9"), RunnerError("cut_stream", "gone")]]}
    go(tmp_path, plan(count=1), {"m": ScriptedRunner(model(), script)})
    rows = frame(tmp_path)

    assert ["infra"] * 3 == list(rows["outcome"])
    assert rows["score"].isna().all()
    assert [False, False, True] == list(rows.sort_values("attempt")["final"])
    assert {"The answer is 9"} == set(read_payload([tmp_path])["reply"])


@pytest.mark.parametrize(
    ("turn", "outcome", "score"),
    [
        ([Chunk("Answer: 1"), Chunk(finish_reason="stop")], "correct", 1.0),
        ([Chunk("Answer: 7"), Chunk(finish_reason="stop")], "wrong", 0.0),
        ([Chunk("no idea"), Chunk(finish_reason="stop")], "unparsed", 0.0),
        ([Chunk("Let me"), Chunk(finish_reason="length")], "truncated", 0.0),
        ([Chunk(finish_reason="length")], "truncated", 0.0),
        ([Chunk("Answer: 1"), Chunk(finish_reason="length")], "correct", 1.0),
        ([Chunk("I can't."), Chunk(finish_reason="refusal")], "refused", 0.0),
    ],
)
def test_outcomes(tmp_path: Path, turn: list[Chunk], outcome: str, score: float) -> None:
    """Truncated, refused and unparsed are outcomes of their own; they score 0 and are told apart."""
    go(tmp_path, plan(count=1), {"m": ScriptedRunner(model(), {"*": [turn]})})
    row = frame(tmp_path).iloc[0]

    assert (outcome, score) == (row["outcome"], row["score"])


def test_a_task_without_scorer_is_unscored(tmp_path: Path) -> None:
    """Timed, and neither right nor wrong."""
    go(tmp_path, plan(count=1, scorer_name=None), {"m": ScriptedRunner(model())})
    row = frame(tmp_path).iloc[0]

    assert "unscored" == row["outcome"]
    assert pd.isna(row["score"])


@pytest.mark.parametrize("stop_after", [1, 3, 7])
def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path, stop_after: int) -> None:
    """12 requests in two sessions: one final row each, none sent twice."""
    made = plan(count=12)
    first, second = ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)
    manifest, _ = go(tmp_path, made, {"m": first}, halt_after=stop_after)
    assert "interrupted" == manifest.state
    done = len(frame(tmp_path))
    manifest, watch = go(tmp_path, made, {"m": second}, resume=True)
    rows = frame(tmp_path)

    assert "complete" == manifest.state
    assert 12 == len(rows) == rows["sample_id"].nunique() == rows["final"].sum()
    assert not set(first.calls) & set(second.calls)
    assert {"m|sums|c2": done} == watch.kept


def test_a_finished_run_resumed_sends_nothing(tmp_path: Path) -> None:
    """Nor does it open the runner."""
    go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)})
    again = ScriptedRunner(model(), ANSWERS)
    manifest, _ = go(tmp_path, plan(), {"m": again}, resume=True)

    assert ("complete", [], 0) == (manifest.state, again.calls, again.open_count)


def test_the_budget_stops_the_run_cleanly(tmp_path: Path) -> None:
    """A dollar a call, three dollars: at most the two in flight come on top, and the rest can be resumed."""
    settings = RunSettings(FAST.policies, max_usd=Decimal(3), price_attempt=lambda _: Decimal(1))
    manifest, watch = go(tmp_path, plan(count=20), {"m": ScriptedRunner(model(), ANSWERS)}, settings)

    assert "stopped" == manifest.state
    assert "--max-usd 3 reached" in str(manifest.reason)
    assert 3 <= len(watch.rows) <= 3 + 1


def test_the_budget_counts_earlier_sessions(tmp_path: Path) -> None:
    """A resumed run does not get a new budget."""
    settings = RunSettings(FAST.policies, max_usd=Decimal(3), price_attempt=lambda _: Decimal(1))
    go(tmp_path, plan(count=20), {"m": ScriptedRunner(model(), ANSWERS)}, settings)
    _, watch = go(tmp_path, plan(count=20), {"m": ScriptedRunner(model(), ANSWERS)}, settings, resume=True)

    assert 0 == len(watch.rows)


@pytest.mark.parametrize("with_metrics", [False, True])
def test_the_progress_of_a_resumed_run_shows_what_all_sessions_spent(
    tmp_path: Path, with_metrics: bool
) -> None:
    """A dollar a call: three in the first session, the other two in the second, of ten that may be spent."""
    settings = RunSettings(FAST.policies, max_usd=Decimal(10), price_attempt=lambda _: Decimal(1))
    go(tmp_path, plan(count=5), {"m": ScriptedRunner(model(), ANSWERS)}, settings, halt_after=3)
    before = len(frame(tmp_path))
    file = io.StringIO()
    view = PlainView(Console(file=file, width=200), planned={"sums": 10}, max_usd=10)
    watch = MetricsObserver(view, "suite", "run") if with_metrics else view

    async def resume() -> None:
        with RunWriter(tmp_path) as writer:
            manifest, runner = read_manifest(tmp_path), ScriptedRunner(model(), ANSWERS)
            await run(
                plan(count=5), {"m": runner}, writer, settings, watch, StopSignal(), resumed_manifest=manifest
            )

    asyncio.run(resume())

    assert 3 <= before < 5
    assert "spent $5.0000" in file.getvalue()
    assert "all: 5 of 10 requests, $5.00 of $10.00" in file.getvalue()


def test_a_model_that_cannot_be_had_does_not_cost_the_others(tmp_path: Path) -> None:
    """Its failure stands in the manifest; the other model's rows are there."""

    class Dead(ScriptedRunner):
        async def open(self, session: Session) -> None:
            raise SetupError("no GPU")

    made = plan(model("dead"), model("m"))
    manifest, watch = go(tmp_path, made, {"dead": Dead(model("dead")), "m": ScriptedRunner(model(), ANSWERS)})

    assert ("failed", [("dead", "no GPU")]) == (
        manifest.state,
        [(failure.model_id, failure.message) for failure in manifest.failures],
    )
    assert ["dead: no GPU"] == watch.lines
    assert {"m"} == set(frame(tmp_path)["model_id"])


def test_a_runner_is_closed_even_when_it_did_not_open(tmp_path: Path) -> None:
    """Half a server must not stay behind."""

    class Half(ScriptedRunner):
        async def open(self, session: Session) -> None:
            raise SetupError("no")

    runner = Half(model())
    go(tmp_path, plan(), {"m": runner})

    assert 1 == runner.close_count


def test_counters_are_read_before_and_after_each_cell(tmp_path: Path) -> None:
    """The scripted server counts its calls: 0 and 4."""
    manifest, _ = go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)})
    cell = manifest.cells[0]

    assert ({"requests": 0.0}, {"requests": 4.0}) == (cell.counters_before, cell.counters_after)
    assert (cell.wall_s or 0) > 0


def test_times_count_from_the_cells_start(tmp_path: Path) -> None:
    """Every instant of a cell that has just begun is small and in order."""
    before_s = transport.now()
    go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)})
    took_s = transport.now() - before_s
    rows = frame(tmp_path)

    assert ((rows["scheduled_s"] >= 0) & (rows["done_s"] <= took_s)).all()
    assert (rows["done_s"] >= rows["first_token_s"]).all()


def test_a_client_is_warmed_up_before_the_cells_clock_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first of four requests, once; a client that cannot be warmed up still sends."""
    events: list[str] = []

    class Lazy(ScriptedRunner):
        async def warm_up(self, call: Call) -> None:
            events.append("warm-up")
            raise TypeError(call.body["text"])

        def stream(self, call: Call) -> AsyncIterator[Chunk]:
            events.append("request")
            return super().stream(call)

    def start_clock(start_s: float, started_at: datetime) -> CellClock:
        events.append("clock")
        return CellClock(start_s, started_at)

    monkeypatch.setattr(cell_run, "CellClock", start_clock)
    go(tmp_path, plan(), {"m": Lazy(model(), ANSWERS)})

    assert ["warm-up", "clock", *["request"] * 4] == events


def test_warm_up_rows_say_so(tmp_path: Path) -> None:
    """Two warm-up requests beside the four measured."""
    made = plan(load=Load("concurrency", 2, warmup_requests=2))
    go(tmp_path, made, {"m": ScriptedRunner(model(), ANSWERS)})

    assert {"warmup": 2, "measure": 4} == frame(tmp_path)["phase"].value_counts().to_dict()


def test_images_are_kept_by_hash_and_counted(tmp_path: Path) -> None:
    """The payload names the image, media/ holds it once."""
    image = Image("image/png", b"\x89PNG bytes", "low")
    shown = sample(0, messages=(Message("user", (image, Text("What is 0 + 1?"))),))
    go(tmp_path, plan(samples=(shown,)), {"m": ScriptedRunner(model(), ANSWERS)})
    row = frame(tmp_path).iloc[0]

    assert (1, 10, "low") == (row["image_count"], row["image_bytes"], row["image_detail"])
    assert image.data == (tmp_path / "media" / image.sha256).read_bytes()
    assert image.sha256 in read_payload([tmp_path])["messages"][0]


def test_tokens_are_as_the_provider_said(tmp_path: Path) -> None:
    """And who counted is told; silence is null, not 0."""
    told = [Chunk("Answer: 1"), Chunk(finish_reason="stop", usage=Usage(10, 4, None, None, 7, 2))]
    script = {"What is 0 + 1?": [told], "What is 1 + 1?": [[Chunk("Answer: 2"), Chunk(finish_reason="stop")]]}
    go(tmp_path, plan(count=2), {"m": ScriptedRunner(model(), script)})
    rows = frame(tmp_path).set_index("sample_id")

    assert (10, 4, 7, 2) == tuple(
        rows.loc["s0", ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"]]
    )
    assert rows["input_tokens"].isna()["s1"]
    assert ["provider", "none"] == list(rows.loc[["s0", "s1"], "usage_source"])
