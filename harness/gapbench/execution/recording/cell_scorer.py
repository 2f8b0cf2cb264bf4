"""Score the responses of one cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench.scoring.task_scorer import scorer_of
from gapbench.store import read_attempts, read_payload
from gapbench.suite.plan import Cell, Planned
from gapbench.suite.tasks.grader import Grader, Reply
from gapbench.values import Score

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
