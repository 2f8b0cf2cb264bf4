"""The messages between a conductor and its machines. :mod:`gapbench.execution.machines.wire` writes and checks them.

Each machine has one *control* connection, for its clock, its heartbeat and the start of workers, and one connection for
each worker. Instants are seconds on the clock of the machine that is named with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from gapbench.execution.limits.admission import Permit
from gapbench.execution.machines.wire import Codec
from gapbench.execution.workers import protocol
from gapbench.suite.loads.load import Load
from gapbench.values import Model, Params, Sample
from gapbench.values.policies import RunPolicies

Role = Literal["machine", "worker"]


@dataclass(frozen=True, slots=True)
class Hello:
    """Machine to conductor, first.

    Attributes:
        version: Version of gapbench.
        role: ``machine`` for the control connection, ``worker`` for that of a worker.
        nonce: Random text, new for each connection.
    """

    version: str
    role: Role
    nonce: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """Conductor to machine: its version of gapbench, and random text of its own."""

    version: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Machine to conductor: that it knows the token, and what it is.

    Attributes:
        proof: See :func:`gapbench.execution.machines.handshake.prove`.
        name: Its name in messages and in ``run.json``.
        cores: Usable CPUs.
        facts: Its hardware, as :func:`gapbench.store.provenance.machine_info` gives it.
        suite_sha256: Hash of the only suite that it works for. None: any.
        machine: Of a worker: what :class:`Welcome` called its machine. "": a control connection.
        pool: Of a worker: as in :class:`StartWorkers`.
        number: Of a worker: its number.
    """

    proof: str
    name: str
    cores: int
    facts: dict[str, Any] = field(default_factory=dict)
    suite_sha256: str | None = None
    machine: str = ""
    pool: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Welcome:
    """Conductor to machine: that it knows the token too, and what is run.

    Attributes:
        proof: See :func:`gapbench.execution.machines.handshake.prove`.
        machine: The machine's id in this run.
        suite: Name of the suite.
        suite_sha256: Hash of the suite.
    """

    proof: str
    machine: str
    suite: str
    suite_sha256: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Conductor to machine: it may not join, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class StartWorkers:
    """Conductor to machine: start workers; each connects by itself.

    Attributes:
        pool: Number of the set of workers in this run.
        numbers: Number of each worker.
    """

    pool: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkerEnded:
    """Machine to conductor: a worker process has ended.

    Attributes:
        pool: As in :class:`StartWorkers`.
        number: Its number.
        code: Its exit code; negative: the signal that ended it.
        last_line: The last line that it logged. "": none.
    """

    pool: int
    number: int
    code: int
    last_line: str


@dataclass(frozen=True, slots=True)
class ClockPing:
    """Conductor to machine: what time is it? Also the conductor's heartbeat."""

    sent_s: float


@dataclass(frozen=True, slots=True)
class ClockPong:
    """Machine to conductor: the answer at once. Also the machine's heartbeat.

    Attributes:
        sent_s: As in the question, on the conductor's clock.
        received_s: When the question arrived, on the machine's clock.
        answered_s: When the answer left, on the machine's clock.
    """

    sent_s: float
    received_s: float
    answered_s: float


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Conductor to machine: the run has ended."""

    reason: str


@dataclass(frozen=True, slots=True)
class OpenModel:
    """Conductor to worker, once: open a runner. See :class:`gapbench.execution.workers.protocol.OpenRunner`."""

    worker: int
    model: Model
    connections: int
    policies: RunPolicies


@dataclass(frozen=True, slots=True)
class AddTask:
    """Conductor to worker: a task's samples, in working order and without what only scorers need; sent once.

    Attributes:
        number: Number of the task on this connection.
        name: Its name.
        samples: Its samples.
    """

    number: int
    name: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class CellShare:
    """Conductor to worker: its share of a cell, to prepare. It starts with :class:`StartCell`.

    Attributes:
        task: Number of the task on this connection.
        load: The cell's load.
        params: The cell's parameters.
        repeats: Repeats of each sample.
        seed: Seed of the order and of the schedule.
        requests_sha256: :func:`gapbench.execution.machines.cell_share.requests_sha256` of the cell's requests.
        concurrency: As in :class:`gapbench.execution.workers.protocol.CellJob`.
        remaining: As in ``CellJob``.
        first_due_s: As in ``CellJob``.
        jitter_seed: Seed of the back-off's jitter.
    """

    task: int
    load: Load
    params: Params
    repeats: int
    seed: int
    requests_sha256: str
    concurrency: int
    remaining: tuple[tuple[int, int], ...]
    first_due_s: float
    jitter_seed: int


@dataclass(frozen=True, slots=True)
class ShareReady:
    """Worker to conductor: the share is prepared, or ``problem`` says why it is not."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class StartCell:
    """Conductor to worker: start the share that was prepared.

    Attributes:
        start_s: The cell's start on the worker's clock.
        is_unrestricted: Whether requests may be sent without a permit.
        prefetch: Permits that the worker may hold in advance.
    """

    start_s: float
    is_unrestricted: bool
    prefetch: int


@dataclass(frozen=True, slots=True)
class PermitDemand:
    """Worker to conductor: how many permits it wants in all of this cell.

    Attributes:
        needed: Permits that were used, and requests that wait for one.
        wanted: The same, and those that it would hold in advance.
        input_chars: Characters of the last request's prompt.
        max_tokens: Output limit of the last request. None: none.
    """

    needed: int
    wanted: int
    input_chars: int
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class PermitGrant:
    """Conductor to worker: permits, each for one request.

    Attributes:
        permits: The permits.
        lifetime_s: They end so many seconds after they arrive; the worker returns those that are left.
        is_refusal: Nothing more is sent: the model was given up, or the run stops.
    """

    permits: tuple[Permit, ...]
    lifetime_s: float
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class PermitReturn:
    """Worker to conductor: permits that were not used."""

    permits: tuple[Permit, ...]


TO_CONDUCTOR_FIRST = Codec([Hello, Proof])
TO_MACHINE_FIRST = Codec([Challenge, Welcome, Refused])
TO_CONDUCTOR = Codec([ClockPong, WorkerEnded])
TO_MACHINE = Codec([ClockPing, StartWorkers, Goodbye])
FROM_WORKER = Codec(
    [
        protocol.RunnerReady,
        ShareReady,
        protocol.AttemptBatch,
        protocol.CellDone,
        protocol.FinishRequest,
        protocol.UserQuestion,
        protocol.Notice,
        PermitDemand,
        PermitReturn,
    ]
)
TO_WORKER = Codec(
    [
        OpenModel,
        AddTask,
        CellShare,
        StartCell,
        protocol.StopSending,
        protocol.AdmissionChanged,
        protocol.AdmissionReply,
        protocol.UserAnswer,
        PermitGrant,
    ]
)
