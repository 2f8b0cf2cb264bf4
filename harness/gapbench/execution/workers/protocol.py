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

from gapbench.execution.attempts.attempt_row import Circumstance
from gapbench.execution.attempts.request_sender import Rules
from gapbench.execution.limits.admission import Entry
from gapbench.suite.plan import Cell
from gapbench.values import Failure, Model, Response, Usage

_SIZE_BYTES = 4
READ_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Open:
    """Parent to worker, once: get a runner ready.

    Attributes:
        worker: Its number.
        model: As the worker must name it, with the address of a server that the parent owns.
        log_dir: For the runner.
        connections: Most requests that this worker will have in flight.
        connect_s: Deadline for a connection.
        read_s: Longest silence on an open stream.
        rules: See :class:`gapbench.execution.attempts.request_sender.Rules`.
    """

    worker: int
    model: Model
    log_dir: Path
    connections: int
    connect_s: float
    read_s: float
    rules: Rules


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker to parent: the runner is open, or why it is not."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Parent to worker: its share of a cell.

    Attributes:
        cell: The cell; its requests are expanded here again, to the same ones.
        places: Requests to keep in flight, of the cell's number. Of no matter under a schedule.
        todo: Number of each request in the cell, and the attempts already made at it.
        zero_s: When the cell begins, on the clock that all processes of a machine share.
        first_due_s: Where in the schedule it begins; above 0 for a resumed cell.
        seed: Of the back-off's jitter.
        is_free: Whether requests pass the gate without asking.
    """

    cell: Cell
    places: int
    todo: tuple[tuple[int, int], ...]
    zero_s: float
    first_due_s: float
    seed: int
    is_free: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """Parent to worker: send nothing new."""

    reason: str


@dataclass(frozen=True, slots=True)
class Free:
    """Parent to worker: whether requests pass the gate without asking has changed."""

    is_free: bool


@dataclass(frozen=True, slots=True)
class Enter:
    """Worker to parent: may this request be sent? See :meth:`gapbench.execution.limits.admission.Gate.enter`."""

    number: int
    input_chars: int
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class Settle:
    """Worker to parent: this is how a request ended; what follows?

    Attributes:
        number: Of the question. None: no answer is waited for.
        entry: With which it was sent.
        failure: How it failed. None: it brought an answer.
        usage: Tokens by the provider's count.
        tries: Attempts at it in this session.
    """

    number: int | None
    entry: Entry
    failure: Failure | None
    usage: Usage
    tries: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Parent to worker: what the question of this number has brought.

    Attributes:
        number: Of the question.
        value: To :class:`Enter` an entry, or None; to :class:`Settle` whether it stands, and whether another follows.
    """

    number: int
    value: Entry | tuple[bool, bool] | None


@dataclass(frozen=True, slots=True)
class Ended:
    """Worker to parent: one attempt. The request goes by its number, the call without its body."""

    number: int
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...]
    response: Response
    how: Circumstance


@dataclass(frozen=True, slots=True)
class Report:
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
class Done:
    """Worker to parent: the job is done; or it broke, and the report is of what came before."""

    report: Report
    problem: str | None = None


Batch = list[Ended]


def frame(message: object) -> bytes:
    """Return a message as it goes through the pipe."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_SIZE_BYTES) + body


async def read(reader: asyncio.StreamReader) -> Any:
    """Return the next message. None: the other end has gone."""
    try:
        size = int.from_bytes(await reader.readexactly(_SIZE_BYTES))
        return pickle.loads(await reader.readexactly(size))  # noqa: S301 - see the module: both ends are ours
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
