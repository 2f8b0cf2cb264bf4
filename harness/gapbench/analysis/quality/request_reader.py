"""Reads the measured requests of every model, with codes that mean the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from gapbench.analysis.answer_keys import target_codes
from gapbench.analysis.cost.answer_costs import share_weights, spread_usd
from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.column_store import ColumnStore
from gapbench.analysis.quality.first_seen import FirstSeen
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.analysis.quality.request_contexts import KEYS, RequestContexts
from gapbench.analysis.quality.request_rows import TIMES, Rows, fetch_rows
from gapbench.analysis.sample_design import SampleDesigns, designs_of_samples
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.stats import Ints, dense_codes

MAX_HELD_BYTES = 2**30
"""Bytes of requests that are held in memory; those of further models are read from a temporary folder."""
_LEAST_HELD_BYTES = 2**28
"""The same where a model has so many rows that reading them takes the memory."""
_MANY_ROWS = 5_000_000
"""With more rows of one model, models are read and sorted one by one: 16 million take 1.2 GB while they are read."""
_THREADS = 2
_LAST = 2**62
"""Added to the number of an attempt that does not count, so that those that do come first."""
_SPARSE = 8
"""A table of all codes is worth its memory if there are at most so many for each row."""
_MAX_FLAGS = 2**27
"""Codes, at most, of which a table of a byte each is made."""


class RequestsByModel(Mapping[str, ModelRequests]):
    """The measured requests of each model, read when one is first asked for.

    If a model was measured in several runs, its further answers to an item count as further repeats. The probes of a load
    search are left out, unless there is nothing else: a search tries other rates for each model.

    Args:
        runs: The runs.
        account: Their bill. A request's cost is that of :func:`gapbench.analysis.cost.answer_costs.usd_per_answer`.

    Attributes:
        categories: Code of each category.
    """

    def __init__(self, runs: Runs, account: Bill) -> None:
        self._runs = runs
        self._account = account
        self._contexts = RequestContexts(runs, account)
        self.categories = self._contexts.categories
        self._samples = FirstSeen()
        self._clusters = FirstSeen()
        self._prompts: dict[str, str] = {}
        self._store = ColumnStore(MAX_HELD_BYTES if self._is_small else _LEAST_HELD_BYTES)

    def __iter__(self) -> Iterator[str]:
        return iter(self._contexts.models)

    def __len__(self) -> int:
        return len(self._contexts.models)

    def __getitem__(self, model_id: str) -> ModelRequests:
        return self._requests[model_id]

    @property
    def prompt_fingerprints(self) -> Mapping[str, str]:
        """For each model 64 bits of all its prompts: equal for two that were sent the same ones, each as often, in any order."""
        _ = self._requests
        return self._prompts

    @cached_property
    def _requests(self) -> dict[str, ModelRequests]:
        names = self._contexts.models
        # A code tells when its sample was first seen in all models, so no model's requests can be sorted before all are read.
        for name, rows in self._read_models():
            for column, values in self._describe(name, rows).items():
                self._store.put(f"{name}\x1fread {column}", values)
        with ThreadPoolExecutor(_THREADS if self._is_small else 1) as pool:
            return dict(zip(names, pool.map(self._sort, names), strict=True))

    @property
    def _is_small(self) -> bool:
        """Whether the rows of two models are in memory at once."""
        tally = self._runs.tally
        return bool((tally["n"].groupby(tally["model_id"]).sum() <= _MANY_ROWS).all())

    def _read_models(self) -> Iterator[tuple[str, Rows]]:
        """Yield each model with its rows, while those of the next are read."""
        names = self._contexts.models
        if len(names) < 2 or not self._is_small:
            yield from ((name, self._fetch(name)) for name in names)
            return
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(self._fetch, names[0])
            for name, following in zip(names, [*names[1:], None], strict=True):
                rows = pending.result()
                if following is not None:
                    pending = pool.submit(self._fetch, following)
                yield name, rows

    def _fetch(self, model_id: str) -> Rows:
        return fetch_rows(self._runs, self._account, self._contexts, model_id)

    @cached_property
    def _targets(self) -> tuple[Ints, Ints] | None:
        """Numbers of rows, ascending, and the codes of their targets. None: no target is needed."""
        return target_codes(self._runs)

    @cached_property
    def _designs(self) -> SampleDesigns | None:
        return designs_of_samples(self._runs)

    def _describe(self, model_id: str, rows: Rows) -> Rows:
        """Return a model's attempts with the dollars of their requests, and codes of samples and clusters."""
        contexts, at = self._contexts, rows["context"]
        counted = contexts.lookup("counted", bool).take(at)
        numbers = rows["ord"]
        seen = numbers if counted.all() else np.where(counted, numbers, numbers + _LAST)
        rows["sample"] = self._samples.add(model_id, rows["sample"], seen)
        rows["cluster"] = self._clusters.add(model_id, rows["cluster"], seen, rows["sample"])
        del seen
        if self._designs is not None:
            found = self._designs.of(self._samples.keys(model_id))
            rows |= {name: values[rows["sample"]] for name, values in zip(DESIGN_COLUMNS, found, strict=True)}
        if self._targets is not None:
            rows["key target"] = _matched(self._targets, numbers)
        final = contexts.lookup("final", bool)
        # Integers wrap at 64 bits.
        self._prompts[model_id] = f"{rows['prompt'][final.take(at)].sum(dtype=np.uint64):016x}"
        answered = (final & ~contexts.lookup("infra", bool)).take(at)
        cell = np.zeros(len(contexts.table), dtype=np.int64)
        of_model = contexts.of_model(model_id)
        cell[of_model] = dense_codes(contexts.lookup("cell", np.int64)[of_model])
        request = _request_codes(cell[at], rows["sample"], rows["repeat"], final[at], contexts.repeats)
        groups = [cell[at], (contexts.lookup("category_code", np.int64) + 1)[at]]
        weight = None
        if self._designs is not None:
            weight = share_weights(rows[DESIGN_COLUMNS[0]], rows["sample"], answered, final[at])
        everything = np.ones(len(at), dtype=bool)
        rows["usd"] = spread_usd(request, groups, everything, answered, rows["usd"], weight)
        return {**rows, "context": at.astype(np.min_scalar_type(-max(1, len(contexts.table))))}

    def _sort(self, model_id: str) -> ModelRequests:
        """Put a model's requests, of each the last attempt, in the order of their items."""

        def take(name: str) -> np.ndarray[Any, Any]:
            return self._store.take(f"{model_id}\x1fread {name}")

        def put(name: str, values: np.ndarray[Any, Any]) -> None:
            self._store.put(f"{model_id}\x1f{name}", values)

        contexts = self._contexts
        at, sample = take("context"), self._samples.ranks(model_id).take(take("sample"))
        samples, repeats = len(self._samples), contexts.repeats
        of_load = contexts.lookup("load_code", np.int32).take(at)
        # Requests at one load are neighbours, so that taking them copies nothing.
        sample += of_load * np.int32(samples)
        span = samples * len(contexts.loads) * repeats
        item = sample * np.int64(repeats) + take("repeat")
        counted = contexts.lookup("counted", bool).take(at)
        chosen = None if counted.all() else np.flatnonzero(counted)
        numbers = take("ord")
        if chosen is None:
            order, item = _sorted_items(item, numbers, span)
        else:
            order, item = _sorted_items(item[chosen], numbers[chosen], span)
            order = chosen[order]  # of a slice too
        put("item", item.astype(np.int32 if not len(item) or item[-1] < 2**31 else np.int64))
        if isinstance(order, slice):
            order = np.arange(len(at), dtype=np.int32)
        put("sample", sample.take(order))
        put("cluster", self._clusters.ranks(model_id).take(take("cluster").take(order)))
        at = at.take(order)
        put("context", at)
        infra = contexts.lookup("infra", bool).take(at)
        for name in TIMES:
            put(name, np.where(infra, np.nan, take(name).take(order)))
        is_scored = contexts.lookup("scored", bool) & ~contexts.lookup("picked", bool)
        put("score", np.where(is_scored.take(at), take("score").take(order), np.nan))
        further = [*(DESIGN_COLUMNS if self._designs is not None else ())]
        further += [] if self._targets is None else ["key target"]
        for name in ("prompt", "usd", *further):
            put(name, take(name).take(order))
        return self._view(model_id)

    def _view(self, model_id: str) -> ModelRequests:
        tables = {
            **{name: self._contexts.lookup(f"{name}_code", np.int16) for name in ("category", "task", "load")},
            **{
                name: self._contexts.lookup(source, bool)
                for name, source in (
                    ("infra", "infra"), ("is_picked", "picked"), ("correct", "correct"), ("is_scored", "scored"),
                    ("is_episode", "turns"),
                )
            },
            **{f"key {name}": self._contexts.lookup(f"key {name}", np.int16) for name in KEYS},
        }  # fmt: skip
        if self._targets is None:
            tables["key target"] = np.full(len(self._contexts.table), -1, np.int16)
        arrays = _Stored(self._store, model_id, tables)
        return ModelRequests(
            arrays,
            _Prefixed(arrays, "key ", (*KEYS, "target")),
            {"task": self._contexts.tasks, "load": self._contexts.loads},
            _Columns(arrays),
            samples=len(self._samples),
            is_weighted=self._designs is not None,
        )


class _Stored(Mapping[str, Any]):
    """The arrays of one model: those in a store, and those that follow from the kind of each request."""

    def __init__(self, store: ColumnStore, model_id: str, tables: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._store = store
        self._model = model_id
        self._tables = tables

    def __getitem__(self, name: str) -> Any:
        if name in self._tables:
            return self._tables[name].take(self["context"])
        return self._store.get(f"{self._model}\x1f{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


class _Prefixed(Mapping[str, Any]):
    """Arrays whose names begin alike."""

    def __init__(self, arrays: Mapping[str, Any], prefix: str, names: Sequence[str]) -> None:
        self._arrays = arrays
        self._prefix = prefix
        self._names = names

    def __getitem__(self, name: str) -> Any:
        return self._arrays[f"{self._prefix}{name}"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Columns(Mapping[str, Any]):
    """The values of requests that are compared."""

    def __init__(self, arrays: _Stored) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Any:
        if name != "correct":
            return self._arrays[name]
        # Dollars per right answer mean nothing where harder questions were picked for a model that is right more often, and
        # an answer without a score is neither right nor wrong.
        is_judged = self._arrays["is_scored"] & ~self._arrays["is_picked"]
        return np.where(is_judged, self._arrays["correct"], np.nan)

    def __iter__(self) -> Iterator[str]:
        return iter(("score", "correct", *TIMES, "usd"))

    def __len__(self) -> int:
        return 3 + len(TIMES)


def _request_codes(cell: Ints, sample: Ints, repeat: Ints, final: Any, repeats: int) -> Ints:
    """Return a code for each request. Few requests have several attempts, so only those are looked up."""
    found = np.arange(len(cell), dtype=np.int64)
    if final.all():
        return found
    key = (cell * (int(sample.max()) + 1) + sample) * repeats + repeat
    shared = np.unique(key[~final])
    reach = int(key.max()) + 1
    if reach <= max(_SPARSE * len(key), _MAX_FLAGS):
        is_shared = np.zeros(reach, dtype=bool)
        is_shared[shared] = True
        again = np.flatnonzero(is_shared[key])
    else:
        again = np.flatnonzero(np.isin(key, shared))
    found[again] = len(cell) + np.searchsorted(shared, key[again])
    return found


def _sorted_items(item: Ints, numbers: Ints, span: int) -> tuple[Any, Any]:
    """Return the order of items, and their ascending codes: a further answer to an item gets a code of a new repeat.

    Args:
        item: Code of each request's item, below ``span``.
        numbers: What orders the requests as they were written.
        span: Codes of one repeat more than any is away.
    """
    if len(item) < 2 or (item[1:] > item[:-1]).all():
        return slice(None), item
    if span <= _SPARSE * len(item):
        table = np.full(span, -1, dtype=np.int32)
        table[item] = np.arange(len(item), dtype=np.int32)
        at = table[table >= 0]
        if len(at) == len(item):
            return at, item[at]
    order = np.lexsort((numbers, item))
    found = item[order]
    first = np.ones(len(found), dtype=bool)
    first[1:] = found[1:] != found[:-1]
    places = np.arange(len(found))
    found = found + (places - np.maximum.accumulate(np.where(first, places, 0))) * span
    again = np.argsort(found, kind="stable")
    return order[again], found[again]


def _matched(targets: tuple[Ints, Ints], numbers: Any) -> Ints:
    """Return the codes of the targets of rows by their numbers; -1: not known."""
    rows, codes = targets
    if not len(rows):
        return np.full(len(numbers), -1, np.int32)
    place = np.minimum(np.searchsorted(rows, numbers), len(rows) - 1)
    return np.where(rows[place] == numbers, codes[place], -1).astype(np.int32)
