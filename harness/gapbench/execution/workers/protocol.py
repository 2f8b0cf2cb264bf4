"""What the run's process and its workers say to each other: frames over a socket pair, pickled.

Both ends are this very code on this machine, and nobody else holds the socket, so a pickle is safe here; what a model
answered travels inside as plain strings.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.limits.admission import Permit
from gapbench.suite.plan import Cell
from gapbench.values import Failure, Model, Response, Usage
from gapbench.values.policies import RunPolicies

_LENGTH_PREFIX_BYTES = 4
READ_BUFFER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class OpenRunner:
    """Parent to worker, once: get a runner ready.

    Attributes:
        worker: Its number.
        model: As the worker must name it, with the address of a server that the parent owns.
        log_dir: For the runner.
        connections: Most requests that this worker will have in flight.
        policies: Of the run.
    """

    worker: int
    model: Model
    log_dir: Path
    connections: int
    policies: RunPolicies


@dataclass(frozen=True, slots=True)
class RunnerReady:
    """Worker to parent: the runner is open, or why it is not."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CellJob:
    """Parent to worker: its share of a cell.

    Attributes:
        cell: The cell; its requests are expanded here again, to the same ones.
        concurrency: Requests to keep in flight, of the cell's number. Of no matter under a schedule.
        remaining: Number of each request in the cell, and the attempts already made at it.
        cell_start_s: When the cell begins, on the clock that all processes of a machine share.
        first_due_s: Where in the schedule it begins; above 0 for a resumed cell.
        seed: Of the back-off's jitter.
        is_unrestricted: Whether requests pass the gate without asking.
    """

    cell: Cell
    concurrency: int
    remaining: tuple[tuple[int, int], ...]
    cell_start_s: float
    first_due_s: float
    seed: int
    is_unrestricted: bool


@dataclass(frozen=True, slots=True)
class StopSending:
    """Parent to worker: send nothing new."""

    reason: str


@dataclass(frozen=True, slots=True)
class AdmissionChanged:
    """Parent to worker: whether requests pass the gate without asking has changed."""

    is_unrestricted: bool


@dataclass(frozen=True, slots=True)
class AcquireRequest:
    """Worker to parent: may this request be sent? See :meth:`gapbench.execution.limits.admission.AdmissionControl.acquire`."""

    number: int
    input_chars: int
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class FinishRequest:
    """Worker to parent: this is how a request ended; what follows?

    Attributes:
        number: Of the question. None: no answer is waited for.
        permit: With which it was sent.
        failure: How it failed. None: it brought an answer.
        usage: Tokens by the provider's count.
        session_attempts: Attempts at it in this session.
    """

    number: int | None
    permit: Permit
    failure: Failure | None
    usage: Usage
    session_attempts: int


@dataclass(frozen=True, slots=True)
class AdmissionReply:
    """Parent to worker: what the question of this number has brought.

    Attributes:
        number: Of the question.
        value: To :class:`AcquireRequest` an entry, or None; to :class:`FinishRequest` whether it stands, and whether another follows.
    """

    number: int
    value: Permit | tuple[bool, bool] | None


@dataclass(frozen=True, slots=True)
class AttemptMessage:
    """Worker to parent: one attempt. The request goes by its number, the call without its body."""

    number: int
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...]
    response: Response
    context: AttemptContext


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """How a worker fared in a cell.

    Attributes:
        worker: Its number.
        requests: Attempts it made.
        cpu_share: Processor time over wall time: 1 is a whole core.
        lag_p99_s: Event-loop lag. None: the cell was too short to see any.
    """

    worker: int
    requests: int
    cpu_share: float
    lag_p99_s: float | None


@dataclass(frozen=True, slots=True)
class CellDone:
    """Worker to parent: the job is done; or it broke, and the report is of what came before."""

    report: WorkerReport
    problem: str | None = None


AttemptBatch = list[AttemptMessage]


def encode_message(message: object) -> bytes:
    """Return a message as it goes through the pipe."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_LENGTH_PREFIX_BYTES) + body


async def read_message(reader: asyncio.StreamReader) -> Any:
    """Return the next message. None: the other end has gone."""
    try:
        size = int.from_bytes(await reader.readexactly(_LENGTH_PREFIX_BYTES))
        return pickle.loads(await reader.readexactly(size))  # noqa: S301 - see the module: both ends are ours
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
