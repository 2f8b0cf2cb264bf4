"""The order in which a run works through a task's samples, and the choice of the first N of them.

Every prefix of the order is a small copy of the task: each tier, each other tag and each cluster has its share of it, to
within one sample at each level. So ``--limit 20`` contains hard items too, its samples are among those of
``--limit 50``, and a run that is stopped early has asked a fair part of the task. The order depends on the seed, the
task and its data, never on the model or on the limit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gapbench.values import Sample

Labels = tuple[str | None, ...]
"""The tags of a sample, then its cluster. None: it has no such label."""


def order_by_labels(labels: Sequence[Labels], seed: str) -> list[int]:
    """Return the positions of the samples in working order.

    Systematic sampling within strata (Cochran, Sampling Techniques, 3rd ed. 1977, section 8.8): the samples are grouped
    by the label with the fewest different values, each group again by the next label, and the groups are merged so that
    each advances evenly from a random start. Samples with equal labels are shuffled.

    Args:
        labels: One entry for each sample, in file order. Shorter entries count as padded with None.
        seed: Equal seeds give equal orders.
    """
    width = max(map(len, labels), default=0)
    columns = [[entry[at] if at < len(entry) else None for entry in labels] for at in range(width)]
    values = [len(set(column)) for column in columns]
    coarse_first = [columns[at] for at in sorted(range(width), key=lambda at: values[at]) if values[at] > 1]
    return _spread(list(range(len(labels))), coarse_first, random.Random(seed))  # noqa: S311 - an order, not a secret


def _spread(places: list[int], columns: Sequence[Sequence[str | None]], draw: random.Random) -> list[int]:
    """Return ``places`` with each value of the first column spread evenly, and so on for the other columns."""
    if not columns:
        draw.shuffle(places)
        return places
    groups: dict[str | None, list[int]] = {}
    for place in places:
        groups.setdefault(columns[0][place], []).append(place)
    if len(groups) == len(places):  # as many values as samples: there is nothing to spread
        draw.shuffle(places)
        return places
    due: list[tuple[float, float, int]] = []
    for group in groups.values():
        size, start, tie_break = len(group), draw.random(), draw.random()
        due += [
            ((rank + start) / size, tie_break, place)
            for rank, place in enumerate(_spread(group, columns[1:], draw))
        ]
    due.sort(key=lambda entry: entry[:2])
    return [place for *_, place in due]


def labels_of(sample: Sample) -> Labels:
    """Return the labels by which a sample is spread."""
    return (*sample.tags, sample.cluster_id)


def order_seed(seed: int, task: str) -> str:
    """Return the seed of a task's order. It is the same for every model, load and limit."""
    return f"{seed}:{task}"


@dataclass
class RowChoice:
    """Chooses the first rows of the working order, before the rows are rendered.

    Attributes:
        limit: Number of rows. None: all.
        seed: See :func:`order_by_labels`.
        read_labels: Returns the labels of a row, given the row and its number from 1.
        columns: The columns that ``read_labels`` needs.
        in_file_order: Whether to take the first rows of the file instead, as gapbench 0.1 did.
        keep: Returns whether a row may be chosen, given the row and its number from 1. None: each may.
        places: Positions of the chosen rows in the data, in working order. Empty before :meth:`choose` is called.
    """

    limit: int | None
    seed: str
    read_labels: Callable[[dict[str, Any], int], Labels]
    columns: frozenset[str]
    in_file_order: bool = False
    keep: Callable[[dict[str, Any], int], bool] | None = None
    places: list[int] = field(default_factory=list)

    @property
    def is_all(self) -> bool:
        """Whether every row is chosen."""
        return self.limit is None and self.keep is None

    def choose(self, rows: Iterable[dict[str, Any]]) -> set[int]:
        """Return the positions of the chosen rows, from 0. Reads every row once and keeps only its labels."""
        kept = (
            (number - 1, row)
            for number, row in enumerate(rows, 1)
            if self.keep is None or self.keep(row, number)
        )
        if self.in_file_order:
            self.places = [place for place, _ in islice(kept, self.limit)]
        else:
            labels = {place: self.read_labels(row, place + 1) for place, row in kept}
            places = list(labels)
            order = order_by_labels(list(labels.values()), self.seed)[: self.limit]
            self.places = [places[at] for at in order]
        return set(self.places)

    def working_order(self) -> tuple[int, ...]:
        """Return the working order as positions among the chosen rows, which are kept in file order.

        () with ``in_file_order``: the order then follows from the samples.
        """
        if self.in_file_order:
            return ()
        rank = {place: position for position, place in enumerate(sorted(self.places))}
        return tuple(rank[place] for place in self.places)
