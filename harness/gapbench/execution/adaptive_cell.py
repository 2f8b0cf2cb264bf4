"""An adaptive cell: picks the rung of a model's next questions from its answers so far, until the threshold is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gapbench.stats.rung_threshold import ThresholdPosterior
from gapbench.suite.plan import Cell
from gapbench.values import AdaptiveItems, Attempt

MIN_BLOCK, MAX_BLOCK = 4, 16
"""Questions that are sent before the next are picked: as many as the load keeps in flight, between these bounds."""


@dataclass
class AdaptiveCell:
    """The state of one model on one ladder.

    The questions of a rung are asked in the order of the ladder, so that two models that meet a rung get the same ones.

    Attributes:
        cell: The cell; its task is adaptive.
    """

    cell: Cell
    _posterior: ThresholdPosterior = field(init=False)
    _places: dict[tuple[str, int], int] = field(init=False)
    _asked: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start without an answer."""
        self._posterior = ThresholdPosterior(self.cell.task.rungs or 1)
        self._places = {
            (request.sample.sample_id, request.repeat): place
            for place, request in enumerate(self.cell.requests)
            if request.phase == "measure"
        }

    @property
    def _limits(self) -> AdaptiveItems:
        assert self.cell.task.adaptive is not None, "only adaptive tasks pick their questions"
        return self.cell.task.adaptive

    @property
    def asked(self) -> int:
        """Questions with a final row."""
        return len(self._asked)

    @property
    def is_done(self) -> bool:
        """Whether the threshold is known well enough, or no more questions may be asked."""
        return self.asked >= min(self._limits.most_items, len(self._places)) or self._posterior.is_settled(
            self._limits.width_rungs
        )

    def record(self, row: Attempt) -> None:
        """Take in one row of the cell. A question that ended without a score counts as asked."""
        place = self._places.get((row.sample_id, row.repeat))
        if not row.final or row.cell_id != self.cell.cell_id or place is None or place in self._asked:
            return
        self._asked.add(place)
        if row.rung is not None and row.score is not None:
            self._posterior.record(row.rung, row.score)

    def next_requests(self, remaining: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the requests to send next: number and attempts made.

        Args:
            remaining: Those of the cell that earlier sessions left.
        """
        by_rung: dict[int, list[tuple[int, int]]] = {}
        for number, made in sorted(remaining, key=self._order):
            request = self.cell.requests[number]
            rung = request.sample.rung
            if number not in self._asked and rung is not None and request.phase == "measure":
                by_rung.setdefault(rung, []).append((number, made))
        block = max(MIN_BLOCK, min(int(self.cell.load.value), MAX_BLOCK))
        block = min(block, self._limits.most_items - self.asked)
        left = {rung: len(found) for rung, found in by_rung.items()}
        counts: Counter[int] = Counter()
        chosen: list[tuple[int, int]] = []
        for rung in self._posterior.next_rungs(block, left):
            chosen.append(by_rung[rung][counts[rung]])
            counts[rung] += 1
        return chosen

    def _order(self, entry: tuple[int, int]) -> str:
        return self.cell.requests[entry[0]].sample.sample_id

    @classmethod
    def of(cls, cell: Cell, rows: Sequence[Attempt]) -> AdaptiveCell:
        """Return the state that the rows of earlier sessions describe."""
        state = cls(cell)
        for row in rows:
            state.record(row)
        return state
