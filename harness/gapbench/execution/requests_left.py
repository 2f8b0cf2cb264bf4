"""Which requests of a run need not be sent again when it is resumed."""

from __future__ import annotations

from pathlib import Path

from gapbench.errors import LostManifestError
from gapbench.execution.carry_over import final_rows_still_valid
from gapbench.execution.earlier_sessions import RequestKey
from gapbench.store import read_attempt_values, read_attempts, read_pending_answers
from gapbench.store.batch_journal import batches_out
from gapbench.suite.plan import Plan
from gapbench.values.failure_kinds import is_asked_again_on_resume

_COLUMNS = ["cell_id", "sample_id", "repeat", "final", "failure_kind"]


def finished_requests(folder: Path) -> frozenset[RequestKey]:
    """Return the requests of a run that have an answer, or a failure that another attempt would not cure.

    Args:
        folder: The run folder.

    Raises:
        ResultsError: The rows cannot be read.
    """
    try:
        rows = read_attempts([folder], _COLUMNS)
    except LostManifestError:
        values = read_attempt_values(folder)
        answered = [row for row in values if row.final and not is_asked_again_on_resume(row.failure_kind)]
        return frozenset((row.cell_id, row.sample_id, row.repeat) for row in answered)
    rows = rows[rows["final"].astype(bool)].astype({"cell_id": str, "sample_id": str})
    finished = {
        (cell_id, sample_id, int(repeat))
        for cell_id, sample_id, repeat, kind in zip(
            rows["cell_id"],
            rows["sample_id"],
            rows["repeat"],
            rows["failure_kind"].astype(object),
            strict=True,
        )
        if not is_asked_again_on_resume(kind if isinstance(kind, str) else None)
    }
    pending = read_pending_answers(folder, [])
    rows_left = [answer.attempt for answer in pending if answer.attempt.final]
    return frozenset(finished | {(row.cell_id, row.sample_id, row.repeat) for row in rows_left})


def requests_in_batches(folder: Path) -> frozenset[RequestKey]:
    """Return the requests of a run that batches which are out will answer.

    Args:
        folder: The run folder.

    Raises:
        ResultsError: The journal of its batches is damaged.
    """
    attempts = (one for record in batches_out(folder) for one in record.attempts.values())
    return frozenset((one.cell_id, one.sample_id, one.repeat) for one in attempts)


def requests_carried_over(old: Path, plan: Plan) -> frozenset[RequestKey]:
    """Return the requests of a new plan that the rows of an old run answer.

    Args:
        old: Folder of the old run.
        plan: The plan of the edited suite.

    Raises:
        ResultsError: The old run cannot be read.
    """
    return frozenset(
        (row.cell_id, row.sample_id, row.repeat)
        for row in final_rows_still_valid(old, plan)
        if not is_asked_again_on_resume(row.failure_kind)
    )
