"""Runs a plan of episodes into a folder, and reads what it left there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gapbench.errors import RunnerError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunManifest, RunWriter, read_attempts, read_payload
from gapbench.suite.plan import Plan, PlannedRequest
from gapbench.values import Score, Transcript
from tests.episodes import Conversations, TurnRunner, adding, saying
from tests.gapbench.execution.test_run import FAST, Watch

# Two calls that bring the sum to 3, then the answer.
SOLVED: list[Any] = [[adding(1)], [adding(2)], [saying("The sum is 3.")]]
OVERFLOW = RunnerError("bad_request", "This model's maximum context length is 10 tokens", http_status=400)


def score_state(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
    """Return 1 for a final sum of 3, and note the last text."""
    right = transcript.final_state == {"sum": 3}
    return Score(float(right), "correct" if right else "wrong", answer=answer, partial=0.5 + right / 2)


def by_state(settings: RunSettings = FAST, *, is_slow: bool = False) -> RunSettings:
    return replace(settings, make_scorer=lambda cell, folder: CellScorer(score_state, is_slow))


def go(
    folder: Path,
    made: Plan,
    runner: TurnRunner,
    opened: Conversations | None = None,
    settings: RunSettings | None = None,
    *,
    halt_after: int | None = None,
    resumed: RunManifest | None = None,
) -> RunManifest:
    async def main() -> RunManifest:
        halt = StopSignal()
        given = replace(settings or by_state(), open_conversation=opened or Conversations())
        with RunWriter(folder) as writer:
            watch = Watch(halt, halt_after)
            return await run(made, {"m": runner}, writer, given, watch, halt, resumed_manifest=resumed)

    return asyncio.run(main())


def rows(folder: Path, *columns: str) -> list[tuple[Any, ...]]:
    found = read_attempts([folder]).sort_values(["sample_id", "attempt"])[list(columns)].astype(object)
    return list(found.where(found.notna(), None).itertuples(index=False, name=None))


def texts(folder: Path) -> pd.DataFrame:
    return read_payload([folder]).sort_values(["sample_id", "attempt"])
