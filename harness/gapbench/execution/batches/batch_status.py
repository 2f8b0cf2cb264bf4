"""What `bench batch status` shows of each batch, and how a provider is asked about a run's batches."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from gapbench import credentials
from gapbench.errors import BenchError, RunnerError, SetupError
from gapbench.execution.model_sessions import log_folder_of
from gapbench.runner import BatchClient, Runner
from gapbench.store.batch_journal import BatchRecord
from gapbench.store.provenance import format_utc
from gapbench.values import Model
from gapbench.values.batches import Batch
from gapbench.values.policies import RunPolicies

GONE = "the provider has no such batch any more"


@dataclass(frozen=True)
class BatchStatus:
    """One batch as it is now.

    Attributes:
        label: Our name of it.
        model_id: The model that it asks.
        runner: The runner of the model, which names the provider.
        batch_id: The provider's id. None: not confirmed.
        state: The provider's word for its state; ``read``, ``refused`` or ``lost`` for a batch that is closed here.
        is_out: Whether its results are still to be read.
        total: Requests in it.
        succeeded: Requests answered so far. None: unknown.
        failed: Requests that failed so far. None: unknown.
        submitted_at: When the provider accepted it, else when it was submitted.
        expires_at: When the provider gives up on it. None: unknown.
        bound_usd: The most that it can cost. None: unknown.
        problem: What is wrong with it, in one line. None: nothing.
    """

    label: str
    model_id: str
    runner: str
    batch_id: str | None
    state: str
    is_out: bool
    total: int
    succeeded: int | None
    failed: int | None
    submitted_at: datetime
    expires_at: datetime | None
    bound_usd: Decimal | None
    problem: str | None

    @property
    def age_s(self) -> float:
        """Seconds since it was submitted."""
        return (datetime.now(UTC) - self.submitted_at).total_seconds()

    @property
    def expires_in_s(self) -> float | None:
        """Seconds until the provider gives up on it; below 0 if it has. None: unknown."""
        return None if self.expires_at is None else (self.expires_at - datetime.now(UTC)).total_seconds()

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``bench batch status --json``."""
        return {
            "label": self.label,
            "model": self.model_id,
            "runner": self.runner,
            "batch_id": self.batch_id,
            "state": self.state,
            "is_out": self.is_out,
            "total": self.total,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "submitted_at": format_utc(self.submitted_at),
            "age_s": self.age_s,
            "expires_at": None if self.expires_at is None else format_utc(self.expires_at),
            "expires_in_s": self.expires_in_s,
            "usd_max": None if self.bound_usd is None else str(self.bound_usd),
            "problem": self.problem,
        }


def describe_batch(
    record: BatchRecord, runner: str, batch: Batch | None = None, problem: str | None = None
) -> BatchStatus:
    """Return the status of a batch.

    Args:
        record: What the journal says.
        runner: The runner of its model.
        batch: What the provider says. None: it was not asked.
        problem: Why the provider could not be asked. None: it was, or need not be.
    """
    problem = None if problem is None else credentials.redact(problem)
    state = "read" if record.closed_by == "collected" else record.closed_by or record.state or "not confirmed"
    seen = (record.succeeded, record.failed)
    expires_at = record.expires_at
    if batch is not None:
        state, seen = batch.state_raw, (batch.succeeded, batch.failed)
        expires_at = batch.expires_at or expires_at
        problem = problem or (None if batch.problem is None else credentials.redact(batch.problem))
    return BatchStatus(
        record.label,
        record.model_id,
        runner,
        record.batch_id,
        state,
        record.is_out,
        len(record.attempts),
        *seen,
        record.created_at or record.intended_at,
        expires_at,
        record.bound_usd,
        problem or record.problem,
    )


async def read_statuses(
    records: Sequence[BatchRecord], models: dict[str, Model], runners: dict[str, Runner], folder: Path
) -> list[BatchStatus]:
    """Ask the providers for the batches that are out, and return all of them. What cannot be asked says why.

    Args:
        records: The run's batches.
        models: The models to ask, by id.
        runners: Their runners, not open yet; a model without one is not asked.
        folder: The run folder.
    """
    found: dict[str, BatchStatus] = {}
    for model_id in dict.fromkeys(record.model_id for record in records):
        own = [record for record in records if record.model_id == model_id]
        name = models[model_id].runner if model_id in models else ""
        found |= {record.label: describe_batch(record, name) for record in own}
        out = [record for record in own if record.is_out and record.batch_id is not None]
        if not out or model_id not in runners:
            continue
        try:
            async with open_batch_client(models[model_id], runners[model_id], folder) as client:
                for record in out:
                    found[record.label] = await _read_one(client, record, name)
        except BenchError as exc:
            said = credentials.redact(str(exc))
            found |= {record.label: describe_batch(record, name, None, said) for record in out}
    return [found[record.label] for record in records]


async def _read_one(client: BatchClient, record: BatchRecord, runner: str) -> BatchStatus:
    assert record.batch_id is not None
    try:
        return describe_batch(record, runner, await client.read(record.batch_id))
    except RunnerError as exc:
        said = GONE if exc.kind == "not_found" else credentials.redact(str(exc))
        return describe_batch(record, runner, None, said)


@contextlib.asynccontextmanager
async def open_batch_client(model: Model, runner: Runner, folder: Path) -> AsyncIterator[BatchClient]:
    """Open a runner for the duration of the block and yield its batch API.

    Args:
        model: The model.
        runner: Its runner.
        folder: The run folder, which has the logs of the model; a runner may keep its batches beside them.

    Raises:
        SetupError: The runner cannot be made ready, or its provider has no batch API.
    """
    log_dir = log_folder_of(folder, model)
    log_dir.mkdir(parents=True, exist_ok=True)
    try:
        await runner.open(RunPolicies().make_session(model, log_dir, 1))
        client = runner.batch_client()
        if client is None:
            raise SetupError(f"the provider of model {model.id!r} has no batch API at this address")
        yield client
    finally:
        await runner.close()
        credentials.redact_files_in(log_dir)
