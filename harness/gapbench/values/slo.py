"""A service level objective: limits on one request, and the share of requests that must meet them.

The rate search and the result tables use the same code, so that they cannot disagree about what was met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gapbench.values import Attempt

LIMIT_FIELDS = ("ttft_s", "answer_ttft_s", "inter_chunk_s", "response_s", "task_s")


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits on one request, and the share of requests that must meet all of them.

    Times count from the schedule, as a user waits: the delay of a request that the client sent late counts too. Of an
    episode each reply must meet the limits on a reply, and the whole must meet ``task_s``.

    Attributes:
        ttft_s: Longest time to the first text of any channel. None: no limit.
        answer_ttft_s: Longest time to the first text of the answer channel. None: no limit.
        inter_chunk_s: Longest gap between two chunks, at ``percentile`` of the request's own gaps. None: no limit.
        response_s: Longest time to the complete reply. None: no limit.
        task_s: Longest time to the end of the episode, tools and user included; of a single request to the complete reply.
            None: no limit.
        percentile: Percentile of a request's gaps that must meet ``inter_chunk_s``: 0.95 lets one gap in twenty be longer.
        attainment: Share of all requests sent that must meet every limit. A failure, a time-out and a request that
            needed another attempt are misses.
    """

    ttft_s: float | None = None
    answer_ttft_s: float | None = None
    inter_chunk_s: float | None = None
    response_s: float | None = None
    task_s: float | None = None
    percentile: float = 0.95
    attainment: float = 0.95

    def is_met_by(self, row: Attempt) -> bool:
        """Return whether an attempt met every limit on a reply. Retried requests and turns always miss.

        A turn does not show how long its episode takes; see :meth:`is_task_met`.
        """
        if row.outcome == "infra" or row.attempt > 1 + (row.turn or 0):
            return False
        instants = (
            (self.ttft_s, row.first_token_s),
            (self.answer_ttft_s, row.first_answer_s),
            (self.response_s, row.done_s),
            (self.task_s if row.turn is None else None, row.done_s),
        )
        for limit_s, at_s in instants:
            if limit_s is None:
                continue
            if at_s is None or row.scheduled_s is None or at_s - row.scheduled_s > limit_s:
                return False
        return (
            self.inter_chunk_s is None or gap_quantile_s(row.chunk_s, self.percentile) <= self.inter_chunk_s
        )

    def is_task_met(self, start_s: float | None, end_s: float | None) -> bool:
        """Return whether an episode met the limit on its time.

        Args:
            start_s: When its first request was due.
            end_s: When it ended.
        """
        if self.task_s is None:
            return True
        return start_s is not None and end_s is not None and end_s - start_s <= self.task_s

    def as_json(self) -> dict[str, Any]:
        """Return the limits that are set, for ``run.json``."""
        limits = {name: value for name in LIMIT_FIELDS if (value := getattr(self, name)) is not None}
        return {**limits, "percentile": self.percentile, "attainment": self.attainment}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Slo:
        """Return the service level that ``run.json`` holds."""
        return cls(**value)

    def __str__(self) -> str:
        """Return it as one line, such as ``ttft_s <= 0.5, inter_chunk_s <= 0.05 (p95), 95 % of requests``."""
        words = [
            f"{name} <= {value:g}"
            + (f" (p{self.percentile * 100:g} of its gaps)" if name == "inter_chunk_s" else "")
            for name in LIMIT_FIELDS
            if (value := getattr(self, name)) is not None
        ]
        return f"{', '.join(words)}, {self.attainment * 100:g} % of requests"


def gap_quantile_s(times: Sequence[float], quantile: float) -> float:
    """Return a quantile of one reply's gaps, interpolated linearly; 0 if the reply came in one piece."""
    gaps = sorted(after - before for before, after in pairwise(times))
    if not gaps:
        return 0.0
    place = quantile * (len(gaps) - 1)
    low = int(place)
    high = min(low + 1, len(gaps) - 1)
    return gaps[low] + (place - low) * (gaps[high] - gaps[low])
