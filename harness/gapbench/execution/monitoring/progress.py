"""Progress of a cell for the live view, updated row by row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from gapbench import formatting
from gapbench.values import Attempt, is_reply_within_episode

_LOG_BUCKET_WIDTH = math.log(1.02)
"""Width of the buckets for first-token times. The median shown is within 1 % of the true one, and memory does not grow
with the number of requests."""


@dataclass
class CellProgress:
    """Running figures of one cell.

    Attributes:
        total: Requests of the cell.
        already_done: Requests that an earlier session finished; they count as done but not towards the rate.
        started_s: When this session started the cell.
        task: Name of its task.
        is_batched: Whether batches answer it, which end when their provider likes: its pace says nothing about the time left.
        done: Requests with their final attempt, including ``already_done``.
        retried: Attempts that failed and were made again.
        turns: Replies of episodes that went on after them.
        infra: Final attempts that brought no answer.
        scored: Measured answers of this session that have a score.
        waiting: Answers of this session that have come and wait for their score.
        waited: Answers of this session that came and waited for their score, with those that have it by now.
        ended_s: When the last answer had come, or the cell was stopped. None: it is under way.
        scored_s: When the last score had come too. None: some are missing.
        usd: US dollars spent in all sessions. None: no attempt had a price so far.
    """

    total: int
    already_done: int
    started_s: float
    task: str = ""
    is_batched: bool = False
    done: int = 0
    retried: int = 0
    turns: int = 0
    infra: int = 0
    scored: int = 0
    usd: Decimal | None = None
    waiting: int = 0
    waited: int = 0
    ended_s: float | None = None
    scored_s: float | None = None
    _score_sum: float = 0.0
    _first_token_buckets: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Start from what an earlier session finished."""
        self.done = self.already_done

    def record(self, row: Attempt, usd: Decimal | None) -> None:
        """Count one attempt."""
        self.record_spending(usd)
        if not row.final:
            if is_reply_within_episode(row):
                self.turns += 1
                self._count_first_token(row)
            else:
                self.retried += 1
            return
        self.done += 1
        # Of the answers that wait one has its row now. Without any, this one was scored at once.
        self.waiting = max(0, self.waiting - 1)
        self.infra += row.outcome == "infra"
        if row.phase != "measure":
            return
        if row.score is not None:
            self._score_sum += row.score
            self.scored += 1
        self._count_first_token(row)

    def record_spending(self, usd: Decimal | None) -> None:
        """Count dollars of the cell, its users' included. None: unknown."""
        if usd is not None:
            self.usd = (self.usd or Decimal(0)) + usd

    def _count_first_token(self, row: Attempt) -> None:
        if row.phase == "measure" and row.first_token_s is not None and row.sent_s is not None:
            self._first_token_buckets[
                round(math.log(max(row.first_token_s - row.sent_s, 1e-6)) / _LOG_BUCKET_WIDTH)
            ] += 1

    def record_waiting(self) -> None:
        """Count an answer whose score comes later."""
        self.waiting += 1
        self.waited += 1

    def end(self, at_s: float) -> None:
        """Note when the cell ended; a later call changes nothing."""
        if self.ended_s is None:
            self.ended_s = at_s

    def end_scoring(self, at_s: float) -> None:
        """Note when the last score had come."""
        self.end(at_s)
        self.scored_s = at_s

    @property
    def answered(self) -> int:
        """Requests that are done, or whose answer waits for its score."""
        return self.done + self.waiting

    @property
    def accuracy(self) -> float | None:
        """Mean score of this session's scored answers; None before the first."""
        return self._score_sum / self.scored if self.scored else None

    @property
    def first_token_p50_s(self) -> float | None:
        """Median time to the first token of this session, within 1 %; None before the first."""
        left = self._first_token_buckets.total() // 2
        for step in sorted(self._first_token_buckets):
            if left < self._first_token_buckets[step]:
                return math.exp(step * _LOG_BUCKET_WIDTH)
            left -= self._first_token_buckets[step]
        return None

    def rate_rps(self, at_s: float) -> float | None:
        """Return answered requests per second of this session; it stays as it is once the cell ended.

        None: nothing was answered yet, or batches answer the cell.
        """
        if self.is_batched:
            return None
        until_s = at_s if self.ended_s is None else self.ended_s
        new, elapsed_s = self.answered - self.already_done, until_s - self.started_s
        return new / elapsed_s if new and elapsed_s > 0 else None

    def sending_s(self, at_s: float) -> float:
        """Return the seconds in which this session has sent requests."""
        return (at_s if self.ended_s is None else self.ended_s) - self.started_s

    def scoring_s(self, at_s: float) -> float:
        """Return the seconds in which only scores were missing."""
        if self.ended_s is None or not self.waited:
            return 0.0
        return (at_s if self.scored_s is None else self.scored_s) - self.ended_s

    def eta_s(self, at_s: float) -> float | None:
        """Return the seconds until the cell is done at the current rate. None: the rate is unknown."""
        rate = self.rate_rps(at_s)
        return None if rate is None else (self.total - self.answered) / rate


def describe_total(
    cells: Iterable[CellProgress],
    planned: Mapping[str, int],
    max_usd: Decimal | None,
    at_s: float,
    spent_usd: Decimal | None = None,
) -> str:
    """Return the progress of a run as a line: requests done of all, dollars of the budget, and the time left.

    Args:
        cells: The cells that have started.
        planned: By task, the requests of all cells, including those that have not started.
        max_usd: US dollars at which the run stops. None: no limit.
        at_s: The time now.
        spent_usd: US dollars that count towards the limit: those of all sessions, first calls included. None: what the
            cells have spent.
    """
    started = list(cells)
    answered = sum(cell.answered for cell in started)
    total = max(sum(planned.values()), answered)
    parts = [f"{answered:,} of {total:,} requests"]
    of_cells = [cell.usd for cell in started if cell.usd is not None]
    if spent_usd is None:
        spent_usd = sum(of_cells, Decimal(0))
    if of_cells or spent_usd or max_usd is not None:
        limit = "" if max_usd is None else f" of {formatting.format_usd(max_usd)}"
        parts.append(f"{formatting.format_usd(spent_usd)}{limit}")
    left_s = estimate_left_s(started, planned, at_s)
    if left_s:
        parts.append(f"{formatting.format_duration(left_s)} left")
    return ", ".join(parts)


def estimate_left_s(cells: Sequence[CellProgress], planned: Mapping[str, int], at_s: float) -> float | None:
    """Return the seconds until all is answered and scored; see :func:`describe_total` for the arguments.

    A request of a task takes as long as those that were sent, and its score as long as those that were computed after
    the load. A task that has not started sends like all others together, and its scores take no time. What passed
    between the cells, such as the start of a server, is added to each request.

    Returns:
        None: nothing was answered yet, so the pace is unknown, or batches are to answer more.
    """
    batched = [cell for cell in cells if cell.is_batched]
    if any(cell.answered < cell.total for cell in batched):
        return None
    if batched:
        cells = [cell for cell in cells if not cell.is_batched]
        planned = Counter(planned)
        for cell in batched:
            planned[cell.task] -= cell.total
    new = sum(cell.answered - cell.already_done for cell in cells)
    if new <= 0:
        return None
    sending_s = sum(cell.sending_s(at_s) for cell in cells)
    scoring_s = sum(cell.scoring_s(at_s) for cell in cells)
    elapsed_s = at_s - min(cell.started_s for cell in cells)
    between_s = max(0.0, elapsed_s - sending_s - scoring_s)
    # Cells that ran side by side took more time together than has passed; the rest is assumed to do so too.
    overlap = max(1.0, (sending_s + scoring_s) / elapsed_s) if elapsed_s > 0 else 1.0
    left_s = 0.0
    for task in {*planned, *(cell.task for cell in cells)}:
        own = [cell for cell in cells if cell.task == task]
        own_new = sum(cell.answered - cell.already_done for cell in own)
        own_waited = sum(cell.waited for cell in own)
        waiting = sum(cell.waiting for cell in own)
        unanswered = max(0, planned.get(task, 0) - sum(cell.answered for cell in own))
        pace_s = sum(cell.sending_s(at_s) for cell in own) / own_new if own_new else sending_s / new
        left_s += unanswered * (pace_s + between_s / new)
        if own_waited > waiting:
            score_s = sum(cell.scoring_s(at_s) for cell in own) / (own_waited - waiting)
            left_s += score_s * (waiting + unanswered * own_waited / own_new)
    return left_s / overlap
