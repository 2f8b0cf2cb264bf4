"""One model's measured requests as columns, sorted by item, which are taken from their store when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gapbench.stats import Design, Floats, Ints

Bools = np.ndarray[Any, np.dtype[np.bool_]]
Arrays = Mapping[str, np.ndarray[Any, Any]]


class ModelRequests:
    """One model's measured requests.

    Attributes:
        item: Code of (load, task, sample, repeat), unique within a model, ascending.
        prompt: Code of the prompt's hash.
        cluster: Code of (task, cluster).
        sample: Code of (load, task, sample), the same in each repeat.
        category: Code of the category.
        task: Code of the task.
        load: Code of the load.
        keys: Codes of what answers are judged by; see :func:`gapbench.analysis.answer_keys.context_keys`.
        names: Names of the tasks and of the loads, by code.
        columns: Columns by name. NaN means unknown.
        infra: Whether the request got no answer.
        is_episode: Whether the request is an episode.
        is_picked: Whether an adaptive run picked the question, so that the other model may not have been asked it.

    Args:
        codes: The arrays above, by name; with weights also ``weight`` and ``stratum``.
        keys: See above.
        names: See above.
        columns: See above.
        samples: Number of samples of all models, from which codes of the same sample at two loads differ.
        is_weighted: Whether the weights of the items are used.
    """

    def __init__(
        self,
        codes: Arrays,
        keys: Arrays,
        names: Mapping[str, Sequence[str]],
        columns: Mapping[str, Floats],
        *,
        samples: int,
        is_weighted: bool = False,
    ) -> None:
        self.samples = samples
        self.is_weighted = is_weighted
        self.codes = codes
        self.keys = keys
        self.names = names
        self.columns = columns

    item = property(lambda self: self.codes["item"])
    prompt = property(lambda self: self.codes["prompt"])
    cluster = property(lambda self: self.codes["cluster"])
    sample = property(lambda self: self.codes["sample"])
    category = property(lambda self: self.codes["category"])
    task = property(lambda self: self.codes["task"])
    load = property(lambda self: self.codes["load"])
    infra = property(lambda self: self.codes["infra"])
    is_episode = property(lambda self: self.codes["is_episode"])
    is_picked = property(lambda self: self.codes["is_picked"])

    @property
    def design(self) -> Design | None:
        """How the items of these requests were drawn. None: each request counts once."""
        if not self.is_weighted:
            return None
        # The same item at another load is no other part of the traffic.
        return Design(self.codes["weight"], self.codes["stratum"]).shared_by(self.sample % self.samples)

    def select(self, *names: str) -> ModelRequests:
        """Return the requests with only the named columns."""
        return self.with_columns(_Some(self.columns, names))

    def with_columns(self, columns: Mapping[str, Floats]) -> ModelRequests:
        """Return the requests with other columns."""
        return ModelRequests(
            self.codes, self.keys, self.names, columns, samples=self.samples, is_weighted=self.is_weighted
        )

    def filter(self, chosen: np.ndarray[Any, Any] | slice) -> ModelRequests:
        """Return the rows that a mask, an index array or a slice selects. Each array is taken when it is asked for.

        Neighbouring rows, as a slice, are not copied.
        """
        if isinstance(chosen, slice):
            rows: Ints | slice = chosen
        else:
            rows = np.flatnonzero(chosen).astype(np.int32) if chosen.dtype == np.bool_ else chosen
        return ModelRequests(
            _take(self.codes, rows),
            _take(self.keys, rows),
            self.names,
            _take(self.columns, rows),
            samples=self.samples,
            is_weighted=self.is_weighted,
        )


@dataclass(frozen=True)
class _Taken(Mapping[str, Any]):
    """Some rows of arrays: a slice has a start and a stop, and no step."""

    arrays: Mapping[str, Any]
    rows: Ints | slice

    def __getitem__(self, name: str) -> Any:
        found = self.arrays[name]
        # Half the time of an index in brackets.
        return found[self.rows] if isinstance(self.rows, slice) else found.take(self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def _take(arrays: Mapping[str, Any], rows: Ints | slice) -> _Taken:
    """Return rows of arrays, or rows of some of their rows."""
    if not isinstance(arrays, _Taken):
        return _Taken(arrays, rows)
    if not isinstance(arrays.rows, slice):
        return _Taken(arrays.arrays, arrays.rows[rows] if isinstance(rows, slice) else arrays.rows.take(rows))
    start = arrays.rows.start
    if isinstance(rows, slice):
        return _Taken(arrays.arrays, slice(start + rows.start, start + rows.stop))
    return _Taken(arrays.arrays, rows + start if start else rows)


@dataclass(frozen=True)
class _Some(Mapping[str, Any]):
    """Some of several arrays."""

    arrays: Mapping[str, Any]
    names: Sequence[str]

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
