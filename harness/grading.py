"""Who judges a cell's replies as they come, and what a task's own judge makes of them all together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import scoring
from harness.errors import InputError
from harness.grader import Grader, Reply
from harness.plan import Cell, Planned
from harness.scoring import Scorer
from harness.store import read_attempts, read_payload
from harness.task import Task
from harness.values import Sample, Score

KEY = ["cell_id", "sample_id", "repeat", "attempt"]


@dataclass(frozen=True)
class Judge:
    """Judges one cell's replies: its scorer, or the task's own judge.

    Attributes:
        score: Takes an answer and the request that it answers.
        slow: Whether a call takes more than a few milliseconds and may run in a thread.
    """

    score: Callable[[str, Planned], Score]
    slow: bool


def judge_of(cell: Cell, run: Path) -> Judge | None:
    """Return who judges a cell's replies. None: nobody, they are only timed.

    Args:
        cell: The cell.
        run: The run's folder; a judge that needs several replies finds there what an earlier session left.
    """
    task = cell.task
    if task.grader is not None:
        grader = task.grader.cell(task.name, replies_of(run, [cell.cell_id])[cell.cell_id])
        return Judge(
            lambda text, planned: grader(
                Reply(planned.sample.sample_id, planned.repeat, text), planned.sample
            ),
            grader.slow,
        )
    scorer = scorer_of(task)
    if scorer is not None:
        return Judge(lambda text, planned: scorer(text, planned.sample), scorer.slow)
    return None


def scorer_of(task: Task) -> Scorer | None:
    """Return what judges one reply to a task alone. None: nothing does.

    A judge that needs several replies to a document leaves one alone ``unscored``.

    Raises:
        InputError: No such scorer or option, or it cannot be had on this machine; names the place.
    """
    if task.grader is not None:
        return _Alone(task.grader, task.name)
    if not task.scorer_name:
        return None
    try:
        return scoring.make(task.scorer_name, task.scorer_options)
    except InputError as exc:
        raise type(exc)(f"{task.scorer_place or task.name}: {exc}") from exc


def unscorable(task: Task) -> tuple[int, str]:
    """Return to how many samples no reply could be scored, by the scorer's own rule, and a sentence on the first."""
    scorer = scorer_of(task)
    if scorer is None:
        return 0, ""
    faults = [
        (row, sample.sample_id, said)
        for row, sample in enumerate(task.samples, 1)
        if (said := scorer.fault(sample))
    ]
    if not faults:
        return 0, ""
    row, sample_id, said = faults[0]
    return len(faults), (
        f"{task.scorer_place}: scorer {task.scorer_name!r} cannot score {len(faults)} of {len(task.samples)} samples; "
        f"the first is {sample_id!r}, row {row} of {task.origin}: {said}"
    )


class _Alone:
    """A task's own judge, asked about one reply at a time."""

    def __init__(self, grader: Grader, task: str) -> None:
        """Judge a new cell for each reply."""
        self._grader = grader
        self._task = task
        self.slow = True

    def fault(self, sample: Sample) -> str | None:  # noqa: ARG002 - what it needs is its own affair
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:
        return self._grader.cell(self._task, ())(Reply(sample.sample_id, 0, reply), sample)


def replies_of(run: Path, cell_ids: Iterable[str]) -> dict[str, list[Reply]]:
    """Return the answers that stand for measured requests, by cell id; [] for a cell without any."""
    found: dict[str, list[Reply]] = {cell_id: [] for cell_id in cell_ids}
    rows = read_attempts([run], [*KEY, "final", "phase", "outcome"])
    rows = rows[rows["final"] & (rows["phase"] == "measure") & (rows["outcome"] != "infra")]
    rows = rows[rows["cell_id"].isin(list(found))]
    if len(rows):
        texts = read_payload([run], [*KEY, "reply"])
        for row in rows.astype({"cell_id": str}).merge(texts.astype({"cell_id": str}), on=KEY).itertuples():
            found[str(row.cell_id)].append(Reply(str(row.sample_id), int(row.repeat), str(row.reply)))  # type: ignore[arg-type]  # pandas types no named tuple
    return found


def graded(cells: Iterable[Cell], run: Path) -> list[dict[str, Any]]:
    """Return the figures of every judge of one model's cells, each with the model and load it is of."""
    panels: dict[tuple[int, str], tuple[Grader, list[Cell]]] = {}
    for cell in cells:
        if cell.task.grader is not None:
            key = (id(cell.task.grader), cell.load.label)
            panels.setdefault(key, (cell.task.grader, []))[1].append(cell)
    replies: Mapping[str, list[Reply]] = {}
    if panels:
        replies = replies_of(run, [cell.cell_id for _, judged in panels.values() for cell in judged])
    return [
        {"model_id": judged[0].model.id, "load": label, **figures}
        for (_, label), (grader, judged) in panels.items()
        for figures in grader.results({cell.task.name: replies[cell.cell_id] for cell in judged})
    ]
