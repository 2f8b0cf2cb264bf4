"""Messages between the parent process and its workers: pickled frames over a socket pair.

Both ends run the same code on the same machine and no other process has the socket, so pickle is safe here. Model
answers are carried as plain strings.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gapbench.agents import UserReply
from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.attempts.episode_turn import EpisodeTurn
from gapbench.execution.limits.admission import Permit
from gapbench.suite.plan import Cell
from gapbench.values import Failure, Message, Model, Response, Usage
from gapbench.values.policies import RunPolicies

_LENGTH_PREFIX_BYTES = 4
READ_BUFFER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class OpenRunner:
    """Parent to worker, once: open a runner.

    Attributes:
        worker: Number of the worker.
        model: The model as the worker must name it, with the address of a server that the parent owns.
        log_dir: Log directory of the runner.
        connections: Most requests that this worker will have in flight.
        policies: The run's policies.
    """

    worker: int
    model: Model
    log_dir: Path
    connections: int
    policies: RunPolicies


@dataclass(frozen=True, slots=True)
class RunnerReady:
    """Worker to parent: the runner is open, or ``problem`` says why it is not."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CellJob:
    """Parent to worker: its share of a cell.

    Attributes:
        cell: The cell; the worker expands it to the same requests.
        concurrency: Requests that this worker keeps in flight. Unused if the load has a schedule.
        remaining: Number of each request in the cell, and the attempts already made at it.
        cell_start_s: When the cell starts, on the clock that all processes of a machine share.
        first_due_s: Second of the schedule at which it starts; above 0 for a resumed cell.
        seed: Seed of the back-off's jitter.
        is_unrestricted: Whether requests may be sent without asking the parent.
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
    """Parent to worker: whether requests may be sent without asking has changed."""

    is_unrestricted: bool


@dataclass(frozen=True, slots=True)
class AcquireRequest:
    """Worker to parent: may this request be sent? See :meth:`gapbench.execution.limits.admission.AdmissionControl.acquire`."""

    number: int
    input_chars: int
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class FinishRequest:
    """Worker to parent: a request has ended; is it retried?

    Attributes:
        number: Number of the question. None: no reply is expected.
        permit: The permit with which it was sent.
        failure: How it failed. None: it brought an answer.
        usage: Token counts by the provider.
        session_attempts: Attempts at it in this session, without those that a quota refused.
        quota_waited_s: Sum of the waits that earlier refusals by a quota asked for.
    """

    number: int | None
    permit: Permit
    failure: Failure | None
    usage: Usage
    session_attempts: int
    quota_waited_s: float


@dataclass(frozen=True, slots=True)
class AdmissionReply:
    """Parent to worker: the reply to a question.

    Attributes:
        number: Number of the question.
        value: For :class:`AcquireRequest` a permit or None; for :class:`FinishRequest` whether the attempt is final, and
            whether another follows.
    """

    number: int
    value: Permit | tuple[bool, bool] | None


@dataclass(frozen=True, slots=True)
class UserQuestion:
    """Worker to parent: ask the model that plays the user of a request; the parent has its only client.

    Attributes:
        number: Number of the question.
        request: Number of the request in the cell.
        messages: The prompt.
    """

    number: int
    request: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """Parent to worker: what the user said.

    Attributes:
        number: Number of the question.
        reply: The reply. None: there is none.
        problem: Why the model failed for good. None: it did not, or it is not asked any more.
    """

    number: int
    reply: UserReply | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Worker to parent: one line for the user, who sees the same line of several workers once."""

    text: str


@dataclass(frozen=True, slots=True)
class AttemptMessage:
    """Worker to parent: one attempt. The request is given by its number, the call without its body."""

    number: int
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...]
    response: Response
    context: AttemptContext
    turn: EpisodeTurn | None = None


@dataclass(frozen=True, slots=True)
class AttemptBatch:
    """Worker to parent: what happened since the last batch.

    Attributes:
        attempts: Attempts that ended.
        started: Numbers of requests whose first attempt in this job began.
    """

    attempts: tuple[AttemptMessage, ...]
    started: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """Client-side figures of one worker in a cell.

    Attributes:
        worker: Number of the worker.
        requests: Attempts it made.
        cpu_share: CPU time divided by wall time: 1 is a whole core.
        lag_p99_s: 99th percentile of how long a byte that arrives at any time waits for the event loop. None: the cell was too short to measure it.
    """

    worker: int
    requests: int
    cpu_share: float
    lag_p99_s: float | None


@dataclass(frozen=True, slots=True)
class CellDone:
    """Worker to parent: the job is done. With a ``problem`` it failed, and the report covers what came before."""

    report: WorkerReport
    problem: str | None = None


class Channel(Protocol):
    """One end of a connection between a worker and its parent: a socket pair, or the network."""

    def send(self, message: object) -> None:
        """Send a message; if the other end has gone, reading says so."""

    async def drain(self) -> None:
        """Wait while too much waits to be sent."""

    async def read(self) -> Any:
        """Return the next message. None: the connection has ended."""

    def close(self) -> None:
        """Close the connection after what was sent."""


class SocketChannel:
    """One end of a socket pair.

    Args:
        reader: The socket's reader.
        writer: The socket's writer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: object) -> None:
        """Send a message; if the other end has gone, reading says so."""
        body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._writer.write(len(body).to_bytes(_LENGTH_PREFIX_BYTES) + body)

    async def drain(self) -> None:
        """Wait while too much waits to be sent."""
        await self._writer.drain()

    async def read(self) -> Any:
        """Return the next message. None: the other end has closed the socket."""
        try:
            size = int.from_bytes(await self._reader.readexactly(_LENGTH_PREFIX_BYTES))
            return pickle.loads(await self._reader.readexactly(size))  # noqa: S301 - see the module: both ends are ours
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Close the socket after what was sent."""
        self._writer.close()
