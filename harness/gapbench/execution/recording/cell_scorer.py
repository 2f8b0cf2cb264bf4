"""Score the responses of one cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gapbench.scoring import Scorer
from gapbench.scoring.sandboxed import SandboxedScorer
from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.store import read_attempts, read_payload
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.suite.tasks.grader import ExternalScorer, StoredReply
from gapbench.values import ATTEMPT_KEY_IN_RUN, Sample, Score, Transcript

_KEY = list(ATTEMPT_KEY_IN_RUN)


class ScoreReply(Protocol):
    """Scores one reply, or one episode."""

    def __call__(self, answer: str, planned: PlannedRequest, transcript: Transcript, /) -> Score:
        """Return the score of an answer to a request."""


@dataclass(frozen=True)
class CellScorer:
    """Scores the replies of one cell, with a scorer or with the task's external scorer.

    Attributes:
        score: Returns the score of an answer to a request; of an episode, the answer is the model's last text, and the
            transcript is the whole.
        is_slow: Whether a call takes more than a few milliseconds and may run in a thread.
        needs_core: Whether it runs programs that take a core of their own; then it starts after the load.
        score_without_core: Returns the score of an answer without a program. None: a program must run.
    """

    score: ScoreReply
    is_slow: bool
    needs_core: bool = False
    score_without_core: Callable[[str, PlannedRequest], Score | None] = lambda _answer, _planned: None


def make_cell_scorer(cell: Cell, run_folder: Path) -> CellScorer | None:
    """Return the scorer of a cell. None: its replies are only timed.

    Args:
        cell: The cell.
        run_folder: The run's folder; an external scorer that needs several replies reads those of earlier sessions there.
    """
    task = cell.task
    if task.external_scorer is not None:
        grader = task.external_scorer.cell_scorer(
            task.name, read_replies(run_folder, [cell.cell_id])[cell.cell_id]
        )
        return CellScorer(
            lambda text, planned, _: grader(
                StoredReply(planned.sample.sample_id, planned.repeat, text), planned.sample
            ),
            grader.is_slow,
        )
    scorer = make_task_scorer(task)
    if isinstance(scorer, SandboxedScorer):
        return CellScorer(
            lambda text, planned, transcript: score_with(scorer, text, planned.sample, transcript),
            scorer.is_slow,
            needs_core=True,
            score_without_core=lambda text, planned: scorer.score_without_sandbox(text, planned.sample),
        )
    if scorer is not None:
        return CellScorer(
            lambda text, planned, transcript: score_with(scorer, text, planned.sample, transcript),
            scorer.is_slow,
        )
    return None


def score_with(scorer: Scorer, answer: str, sample: Sample, transcript: Transcript) -> Score:
    """Return the score of an answer, or of a whole transcript if that is what the scorer reads."""
    if getattr(scorer, "reads_transcript", False):
        reader: Any = scorer
        score: Score = reader.score_transcript(transcript, sample)
        return score
    return scorer(answer, sample)


def read_replies(run_folder: Path, cell_ids: Iterable[str]) -> dict[str, list[StoredReply]]:
    """Return the final answers to measured requests by cell id; [] for a cell without any."""
    found: dict[str, list[StoredReply]] = {cell_id: [] for cell_id in cell_ids}
    rows = read_attempts([run_folder], [*_KEY, "final", "phase", "outcome"])
    rows = rows[rows["final"] & (rows["phase"] == "measure") & (rows["outcome"] != "infra")]
    rows = rows[rows["cell_id"].isin(list(found))]
    if len(rows):
        texts = read_payload([run_folder], [*_KEY, "reply"])
        for row in rows.astype({"cell_id": str}).merge(texts.astype({"cell_id": str}), on=_KEY).itertuples():
            found[str(row.cell_id)].append(StoredReply(str(row.sample_id), int(row.repeat), str(row.reply)))  # type: ignore[arg-type]  # pandas types no named tuple
    return found


def task_metrics(cells: Iterable[Cell], run_folder: Path) -> list[dict[str, Any]]:
    """Return the aggregate metrics of the external scorers of one model's cells, with model id and load."""
    panels: dict[tuple[int, str], tuple[ExternalScorer, list[Cell]]] = {}
    for cell in cells:
        if cell.task.external_scorer is not None:
            key = (id(cell.task.external_scorer), cell.load.label)
            panels.setdefault(key, (cell.task.external_scorer, []))[1].append(cell)
    replies: Mapping[str, list[StoredReply]] = {}
    if panels:
        replies = read_replies(run_folder, [cell.cell_id for _, judged in panels.values() for cell in judged])
    return [
        {"model_id": judged[0].model.id, "load": label, **figures}
        for (_, label), (grader, judged) in panels.items()
        for figures in grader.aggregate_metrics({cell.task.name: replies[cell.cell_id] for cell in judged})
    ]
