"""Runs a plan whose answers come from batches, and reads what it left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.run import RunSettings
from gapbench.store import RunManifest, read_attempts
from gapbench.suite.plan import Plan
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.batch_provider import BatchProvider, BatchRunner
from tests.gapbench.execution.test_run import ANSWERS, Watch, go
from tests.makers import model, plan

QUICK = BatchSettings(poll_s=0.0, max_poll_s=0.0, settle_s=0.0)
FAST = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)), batches=QUICK)
BATCHED = model(batch=True)


def settings(**changes: Any) -> RunSettings:
    return replace(FAST, batches=replace(QUICK, **changes))


def run_batched(
    folder: Path, provider: BatchProvider, given: RunSettings = FAST, made: Plan | None = None, **how: Any
) -> tuple[RunManifest, Watch]:
    return go(folder, made or plan(BATCHED), {"m": BatchRunner(BATCHED, provider, ANSWERS)}, given, **how)


def finals(folder: Path) -> pd.DataFrame:
    rows = read_attempts([folder])
    return rows[rows["final"]].sort_values("sample_id")
