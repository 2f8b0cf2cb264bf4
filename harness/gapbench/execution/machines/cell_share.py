"""A cell as it travels to a worker, and the same cell rebuilt there.

What only scorers need stays here: targets, reference answers and source columns. Both ends expand the cell to its
requests by themselves and compare a hash, so a machine that would send other requests sends none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gapbench.errors import InputError
from gapbench.execution.attempts.session_order import deal_sessions
from gapbench.execution.machines.messages import AddTask, CellShare, StartCell
from gapbench.execution.workers import protocol
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.suite.tasks.task import Task
from gapbench.values import Model, Sample, canonical_json, sha256
from gapbench.values.trajectory import McpTools, PythonTools


def refuse_local_tools(task: Task) -> None:
    """Refuse a task whose tools run where its requests are sent.

    Raises:
        InputError: It has such tools.
    """
    for sample in task.samples:
        if sample.episode is not None and isinstance(sample.episode.tools, PythonTools | McpTools):
            raise InputError(
                f"{task.source or task.name}: sample {sample.sample_id!r} has tools that run on the machine that sends, so "
                "it cannot be sent from other machines; run it without --machines"
            )


def pack_task(number: int, cell: Cell) -> AddTask:
    """Return a cell's task as workers need it.

    Args:
        number: Number of the task on the connection.
        cell: The cell.
    """
    return AddTask(number, cell.task.name, tuple(map(_bare, cell.task.ordered_samples(cell.seed))))


def _bare(sample: Sample) -> Sample:
    return Sample(
        sample.sample_id,
        sample.messages,
        cluster_id=sample.cluster_id,
        needs_logprobs=sample.needs_logprobs,
        tools=sample.tools,
        response_schema=sample.response_schema,
        episode=sample.episode,
        described_tools=sample.described_tools,
        rung=sample.rung,
        complexity=sample.complexity,
        route=sample.route,
        logged_input_tokens=sample.logged_input_tokens,
    )


def requests_sha256(cell: Cell) -> str:
    """Return the hash of a cell's requests: what is sent, in which order, and when it is due."""
    rows = [
        [
            request.sample.sample_id,
            request.repeat,
            request.phase,
            request.due_s,
            request.max_tokens,
            request.session,
            request.think_s,
        ]
        for request in cell.requests
    ]
    return sha256(canonical_json([cell.task.name, cell.load.label, rows]))


def rebuild_cell(share: CellShare, task: AddTask, model: Model) -> Cell:
    """Return the cell that a share is part of.

    Raises:
        InputError: It has other requests here than at the conductor.
    """
    order = tuple(range(len(task.samples)))
    rebuilt = Task(task.name, "", 1, "", task.samples, None, working_order=order)
    cell = Cell(model, rebuilt, share.load, share.params, share.repeats, share.seed)
    if requests_sha256(cell) != share.requests_sha256:
        raise InputError(
            f"{cell.cell_id} has other requests on this machine than at the conductor; install the same versions of Python "
            "and gapbench on both"
        )
    return cell


def to_job(share: CellShare, cell: Cell, start: StartCell) -> protocol.CellJob:
    """Return what a worker runs.

    Args:
        share: The share.
        cell: The cell, rebuilt.
        start: When and how it starts.
    """
    return protocol.CellJob(
        cell,
        share.concurrency,
        share.remaining,
        start.start_s,
        share.first_due_s,
        share.jitter_seed,
        start.is_unrestricted,
    )


def deal(
    remaining: Mapping[int, int], hands: int, requests: Sequence[PlannedRequest] = ()
) -> list[dict[int, int]]:
    """Deal requests in turn, as cards, and return each hand; those of one session go to one hand.

    Args:
        remaining: By number of the request, the attempts already made at it.
        hands: How many to deal to.
        requests: The cell's requests. (): none is of a session.
    """
    dealt: list[dict[int, int]] = [{} for _ in range(hands)]
    for number, hand in deal_sessions(sorted(remaining), hands, requests):
        dealt[hand][number] = remaining[number]
    return dealt
