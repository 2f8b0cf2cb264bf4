"""Reads the measured requests of every model, with codes that mean the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np

from gapbench.analysis.answer_keys import target_codes
from gapbench.analysis.cost.answer_costs import LostUsd, answer_usd, share_usd, share_weights
from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.column_store import ColumnStore
from gapbench.analysis.quality.first_seen import FirstSeen
from gapbench.analysis.quality.item_order import request_codes, sorted_items
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.analysis.quality.request_contexts import KEYS, RequestContexts
from gapbench.analysis.quality.request_rows import TIMES, Rows, fetch_rows
from gapbench.analysis.sample_design import SampleDesigns, designs_of_samples
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.stats import Ints, dense_codes
from gapbench.store.free_memory import release_memory

MAX_HELD_BYTES = 2**30
"""Bytes of requests that are held in memory; those of further models are read from a temporary folder."""
_LEAST_HELD_BYTES = 2**28
"""The same where a model has so many rows that comparing them takes the memory."""
LOT_ROWS = 2_000_000
"""Rows that are read at once, if those of more tasks can be read later: two lots take 0.3 GB."""
_MANY_ROWS = 5_000_000
"""With more rows in a lot, nothing is read beside it."""
_THREADS = 2
_LAST = 2**62
"""Added to the number of an attempt that does not count, so that those that do come first."""


class RequestsByModel(Mapping[str, ModelRequests]):
    """The measured requests of each model, read when one is first asked for.

    If a model was measured in several runs, its further answers to an item count as further repeats. The probes of a load
    search are left out, unless there is nothing else: a search tries other rates for each model.

    Args:
        runs: The runs.
        account: Their bill. A request's cost is that of :func:`gapbench.analysis.cost.answer_costs.usd_per_answer`.

        lot_rows: Rows of a model that are read at once, about.

    Attributes:
        categories: Code of each category.
    """

    def __init__(self, runs: Runs, account: Bill, *, lot_rows: int = LOT_ROWS) -> None:
        self._runs = runs
        self._account = account
        self._contexts = RequestContexts(runs, account)
        self.categories = self._contexts.categories
        self._samples = FirstSeen()
        self._clusters = FirstSeen()
        self._prompts: dict[str, int] = {}
        self._lost_usd = {name: LostUsd(1 + len(self.categories)) for name in self._contexts.models}
        self._lots = [
            _Lot(model_id, number, tasks, rows)
            for model_id in self._contexts.models
            for number, (tasks, rows) in enumerate(self._lots_of(model_id, lot_rows))
        ]
        is_large = any(lot.rows > _MANY_ROWS or lot.number for lot in self._lots)
        self._store = ColumnStore(_LEAST_HELD_BYTES if is_large else MAX_HELD_BYTES)
        self._is_large = is_large

    def __iter__(self) -> Iterator[str]:
        return iter(self._contexts.models)

    def __len__(self) -> int:
        return len(self._contexts.models)

    def __getitem__(self, model_id: str) -> ModelRequests:
        return self._requests[model_id]

    def lots(self, model_id: str) -> int:
        """Return in how many lots of tasks a model's attempts are read."""
        return sum(lot.model_id == model_id for lot in self._lots)

    @property
    def prompt_fingerprints(self) -> Mapping[str, str]:
        """For each model 64 bits of all its prompts: equal for two that were sent the same ones, each as often, in any order."""
        _ = self._requests
        # Integers wrap at 64 bits.
        return {name: f"{total % 2**64:016x}" for name, total in self._prompts.items()}

    @cached_property
    def _requests(self) -> dict[str, ModelRequests]:
        # A code tells when its sample was first seen in all models, so no model's requests can be sorted before all are read.
        for lot, rows in self._read_lots():
            for column, values in self._describe(lot, rows).items():
                self._store.put(f"{lot.name}\x1fread {column}", values)
        names = self._contexts.models
        if self._is_large:
            release_memory()
        with ThreadPoolExecutor(_THREADS) as pool:
            found = dict(zip(names, pool.map(self._sort, names), strict=True))
        if self._is_large:
            release_memory()
        return found

    def _lots_of(self, model_id: str, most_rows: int) -> list[tuple[tuple[str, ...] | None, int]]:
        """Return the tasks that are read together, with their rows. None: all tasks of the model."""
        tally = self._runs.tally
        rows = tally["n"][tally["model_id"] == model_id].groupby(tally["task"], sort=False).sum()
        total = int(rows.sum())
        if total <= most_rows or not self._runs.attempts.is_in_footers("task", model_id):
            return [(None, total)]
        found: list[tuple[tuple[str, ...] | None, int]] = []
        tasks: tuple[str, ...] = ()
        size = 0
        for task, count in rows.items():
            if tasks and size + count > most_rows:
                found.append((tasks, size))
                tasks, size = (), 0
            tasks, size = (*tasks, str(task)), size + int(count)
        return [*found, (tasks, size)]

    def _read_lots(self) -> Iterator[tuple[_Lot, Rows]]:
        """Yield each lot with its rows, while those of the next are read."""
        if not self._lots or any(lot.rows > _MANY_ROWS for lot in self._lots):
            yield from ((lot, self._fetch(lot)) for lot in self._lots)
            return
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(self._fetch, self._lots[0])
            for lot, following in zip_longest(self._lots, self._lots[1:]):
                rows = pending.result()
                if following is not None:
                    pending = pool.submit(self._fetch, following)
                yield lot, rows

    def _fetch(self, lot: _Lot) -> Rows:
        return fetch_rows(self._runs, self._account, self._contexts, lot.model_id, lot.tasks)

    @cached_property
    def _targets(self) -> tuple[Ints, Ints] | None:
        """Numbers of rows, ascending, and the codes of their targets. None: no target is needed."""
        return target_codes(self._runs)

    @cached_property
    def _designs(self) -> SampleDesigns | None:
        return designs_of_samples(self._runs)

    def _describe(self, lot: _Lot, rows: Rows) -> Rows:
        """Return the attempts of a lot with the dollars of their requests, and codes of samples and clusters."""
        contexts, at = self._contexts, rows["context"]
        counted = contexts.lookup("counted", bool).take(at)
        numbers = rows["ord"]
        seen = numbers if counted.all() else np.where(counted, numbers, numbers + _LAST)
        rows["sample"] = self._samples.add(lot.name, rows["sample"], seen)
        rows["cluster"] = self._clusters.add(lot.name, rows["cluster"], seen, rows["sample"])
        del seen
        if self._designs is not None:
            found = self._designs.of(self._samples.keys(lot.name))
            rows |= {name: values[rows["sample"]] for name, values in zip(DESIGN_COLUMNS, found, strict=True)}
        if self._targets is not None:
            rows["key target"] = _matched(self._targets, numbers)
        infra, final = contexts.lookup("infra", bool), contexts.lookup("final", bool)
        is_scored = contexts.lookup("scored", bool) & ~contexts.lookup("picked", bool)
        for name, is_known in {**dict.fromkeys(TIMES, ~infra), "score": is_scored}.items():
            rows[name][~is_known.take(at)] = np.nan
        prompts = rows["prompt"][final.take(at)].sum(dtype=np.uint64)
        self._prompts[lot.model_id] = self._prompts.get(lot.model_id, 0) + int(prompts)
        answered = (final & ~infra).take(at)
        cell = np.zeros(len(contexts.table), dtype=np.int64)
        of_model = contexts.of_model(lot.model_id)
        cell[of_model] = dense_codes(contexts.lookup("cell", np.int64)[of_model])
        request = request_codes(cell[at], rows["sample"], rows["repeat"], final[at], contexts.repeats)
        usd, left, is_known = answer_usd(request, np.ones(len(at), dtype=bool), answered, rows["usd"])
        weight = None
        if self._designs is not None:
            weights, is_final = rows[DESIGN_COLUMNS[0]], final[at] & is_known
            weight = share_weights(weights, rows["sample"], answered & is_known, is_final)
            left *= np.nan_to_num(weight)
        del is_known
        share_usd(usd, left, cell[at], weight)
        # Answers of all tasks of a category share the dollars of a cell without one.
        category = contexts.lookup("category_code", np.int64)[at] + 1
        self._lost_usd[lot.model_id].add(usd, left, category, weight)
        rows["usd"] = usd
        rows["context"] = at.astype(np.min_scalar_type(-max(1, len(contexts.table))))
        return rows

    def _sort(self, model_id: str) -> ModelRequests:
        """Put a model's requests, of each the last attempt, in the order of their items."""
        lots = [lot.name for lot in self._lots if lot.model_id == model_id]

        def take_lots(name: str) -> list[np.ndarray[Any, Any]]:
            return [self._store.take(f"{lot}\x1fread {name}") for lot in lots]

        def take(name: str) -> np.ndarray[Any, Any]:
            found = take_lots(name)
            return found[0] if len(found) == 1 else np.concatenate(found)

        def take_ranks(codes: FirstSeen, name: str) -> Ints:
            found = [codes.ranks(lot).take(of_lot) for lot, of_lot in zip(lots, take_lots(name), strict=True)]
            return found[0] if len(found) == 1 else np.concatenate(found)

        def put(name: str, values: np.ndarray[Any, Any]) -> None:
            self._store.put(f"{model_id}\x1f{name}", values)

        contexts = self._contexts
        at, sample = take("context"), take_ranks(self._samples, "sample")
        samples, repeats = len(self._samples), contexts.repeats
        # Requests at one load are neighbours, so that taking them copies nothing.
        sample += contexts.lookup("load_code", np.int32).take(at) * np.int32(samples)
        span = samples * len(contexts.loads) * repeats
        run = contexts.lookup("run", np.int16).take(at)
        item: Ints = sample.astype(np.int32 if span < 2**31 else np.int64)
        item *= repeats
        item += take("repeat")
        counted = contexts.lookup("counted", bool).take(at)
        chosen = None if counted.all() else np.flatnonzero(counted)
        if chosen is None:
            order, item = sorted_items(item, run, lambda: take("ord"), span)
        else:
            item, run = item.take(chosen), run.take(chosen)
            order, item = sorted_items(item, run, lambda: take("ord")[chosen], span)
            order = chosen[order]  # of a slice too
        del counted, run

        def put_sorted(name: str, values: np.ndarray[Any, Any]) -> None:
            put(name, values if isinstance(order, slice) else values.take(order))

        put("item", item.astype(np.int32 if not len(item) or item[-1] < 2**31 else np.int64))
        del item
        put_sorted("sample", sample)
        del sample
        put_sorted("cluster", take_ranks(self._clusters, "cluster"))
        put_sorted("context", at)
        lost_usd = self._lost_usd[model_id].usd_per_answer
        category = contexts.lookup("category_code", np.int64) + 1
        usd = take("usd")
        put_sorted("usd", usd + lost_usd[category].take(at) if lost_usd.any() else usd)
        del at, usd
        further = [*(DESIGN_COLUMNS if self._designs is not None else ())]
        further += [] if self._targets is None else ["key target"]
        for name in ("prompt", "score", *TIMES, *further):
            put_sorted(name, take(name))
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


@dataclass(frozen=True)
class _Lot:
    """Attempts of a model that are read together.

    Attributes:
        model_id: The model.
        number: Place among the model's lots.
        tasks: Their tasks. None: all of the model's.
        rows: Number of attempts.
    """

    model_id: str
    number: int
    tasks: tuple[str, ...] | None
    rows: int

    @property
    def name(self) -> str:
        """A name that no other lot has."""
        return f"{self.model_id}\x1f{self.number}"


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


def _matched(targets: tuple[Ints, Ints], numbers: Any) -> Ints:
    """Return the codes of the targets of rows by their numbers; -1: not known."""
    rows, codes = targets
    if not len(rows):
        return np.full(len(numbers), -1, np.int32)
    place = np.minimum(np.searchsorted(rows, numbers), len(rows) - 1)
    return np.where(rows[place] == numbers, codes[place], -1).astype(np.int32)
