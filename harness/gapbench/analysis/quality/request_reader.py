"""Reads the measured requests of one model at a time, with codes that mean the same for every model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.adaptive_tasks import adaptive_tasks, is_adaptive
from gapbench.analysis.answer_keys import context_keys, target_codes
from gapbench.analysis.cost.answer_costs import share_weights, spread_usd
from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.cost.quotes import QUOTE_COLUMNS
from gapbench.analysis.cost.token_prices import TOKENS, price_tokens
from gapbench.analysis.frames import Runs, group_codes
from gapbench.analysis.quality.column_store import ColumnStore
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.analysis.sample_design import designs_of_samples
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.errors import ResultsError
from gapbench.stats import Floats, Ints

MAX_HELD_BYTES = 2**30
"""Bytes of requests that are held in memory; those of further models are read from a temporary folder."""
TIMES = ("response_s", "answer_chars_per_s")
_CONTEXT = list(
    dict.fromkeys(
        (
            "run_id", "cell_id", "task", "task_sha256", "category", "scorer", "outcome", "final", "load_kind", "from_cache",
            *QUOTE_COLUMNS,
        )
    )
)  # fmt: skip
"""Labels that a request's codes, keys and price follow from."""
_ANSWER = ("phase", "sample_id", "cluster_id", "repeat", "prompt_sha256", "turn", "score")
_SAMPLES = """
SELECT hash(task, sample_id, cluster_id) AS code, min(first) OVER (PARTITION BY task, sample_id) AS sample,
  min(first) OVER (PARTITION BY task, cluster_id) AS cluster
FROM (
  SELECT task, sample_id, cluster_id,
    coalesce(min(ord) FILTER (final AND ($probes OR load_kind <> 'search')), $last + min(ord)) AS first
  FROM attempts WHERE phase = 'measure' GROUP BY task, sample_id, cluster_id
)
"""
"""Each sample and cluster by its first row, as no two have the same one."""
_LAST = 2**62


class RequestsByModel(Mapping[str, ModelRequests]):
    """The measured requests of each model, read when a model is first asked for.

    If a model was measured in several runs, its further answers to an item count as further repeats. The probes of a load
    search are left out, unless there is nothing else: a search tries other rates for each model.

    Args:
        runs: The runs.
        account: Their bill. A request's cost is that of :func:`gapbench.analysis.cost.answer_costs.usd_per_answer`.
    """

    def __init__(self, runs: Runs, account: Bill) -> None:
        self._runs = runs
        self._account = account
        tally = runs.tally
        measured = tally[(tally["phase"] == "measure").to_numpy()]
        finals = measured[measured["final"].to_numpy(dtype=bool)]
        compared = finals[(finals["load_kind"] != "search").to_numpy()]
        self._with_probes = compared.empty
        self._counted = finals if compared.empty else compared
        self._names = [str(name) for name in self._counted["model_id"].unique()]
        self.categories = {str(name): code for code, name in enumerate(self._counted["category"].unique())}
        self._tasks = [str(name) for name in self._counted["task"].unique()]
        self._loads = [str(name) for name in self._counted["load"].unique()]
        self._contexts = self._describe(measured)
        self._repeats = 1 + int(measured["high_repeat"].max() if len(measured) else 0)
        self._store = ColumnStore(MAX_HELD_BYTES)
        self._read: dict[str, ModelRequests] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, model_id: str) -> ModelRequests:
        if model_id not in self._names:
            raise KeyError(model_id)
        if model_id not in self._read:
            self._read[model_id] = self._load(model_id)
        return self._read[model_id]

    def _describe(self, measured: pd.DataFrame) -> pd.DataFrame:
        """Return the distinct labels of measured attempts with the codes that follow from them."""
        runs = self._runs
        places = pd.Series(self._account.prices.places, index=runs.tally.index)[measured.index]
        table = measured[[*_CONTEXT, "load", "turns"]].assign(quote=places)
        table = table.drop_duplicates(_CONTEXT).reset_index(drop=True)
        shares = [
            self._account.shares.get(key) for key in zip(table["run_id"], table["cell_id"], strict=True)
        ]
        finals = table["final"].to_numpy(dtype=bool)
        infra = (table["outcome"] == "infra").to_numpy()
        pays = [
            share is not None and (share.by_all or not failed)
            for share, failed in zip(shares, infra, strict=True)
        ]
        known = {
            "category": [self.categories.get(str(name), -1) for name in table["category"]],
            "task": [_place(self._tasks, name) for name in table["task"]],
            "load": [_place(self._loads, name) for name in table["load"]],
        }
        return table.assign(
            **{f"{name}_code": np.array(codes, dtype=np.int16) for name, codes in known.items()},
            **{f"key {name}": codes for name, codes in context_keys(runs, table).items()},
            cell=group_codes(table, ["run_id", "cell_id"]),
            infra=infra,
            correct=(table["outcome"] == "correct").to_numpy(),
            scored=finals & ~table["outcome"].isin(["infra", "unscored"]).to_numpy(),
            picked=is_adaptive(table, adaptive_tasks(runs.manifests)),
            counted=finals & (self._with_probes | (table["load_kind"] != "search").to_numpy()),
            is_gpu=[share is not None for share in shares],
            gpu_usd=[
                share.usd if share is not None and paid and final else 0.0
                for share, paid, final in zip(shares, pays, finals, strict=True)
            ],
        )

    @cached_property
    def _samples(self) -> pd.DataFrame:
        """A code of each sample and of each cluster, in the order of their first request."""
        found = self._runs.attempts.table(
            _SAMPLES,
            ["task", "sample_id", "cluster_id", "final", "load_kind", "phase"],
            values={"probes": self._with_probes, "last": _LAST},
        )
        _refuse_shared_codes(found["code"].to_numpy())
        ranks = {
            name: np.unique(found[name].to_numpy(), return_inverse=True)[1].astype(np.int32)
            for name in ("sample", "cluster")
        }
        return pd.DataFrame({"code": found["code"].to_numpy(), **ranks})

    @cached_property
    def _targets(self) -> tuple[Ints, Ints] | None:
        """Numbers of rows, ascending, and the codes of their targets. None: no target is needed."""
        return target_codes(self._runs)

    @cached_property
    def _designs(self) -> tuple[Floats, Ints] | None:
        return designs_of_samples(self._runs, self._samples)

    def _load(self, model_id: str) -> ModelRequests:
        contexts = self._contexts[(self._contexts["model_id"] == model_id).to_numpy()].reset_index(drop=True)
        rows = self._fetch(model_id, contexts)
        at = rows["context"]

        def label(name: str, kind: Any = None) -> np.ndarray[Any, Any]:
            found: np.ndarray[Any, Any] = contexts[name].to_numpy(dtype=kind)[at]
            return found

        failed, final = contexts["infra"].to_numpy(dtype=bool), contexts["final"].to_numpy(dtype=bool)
        answered = (final & ~failed)[at]
        repeat = rows.pop("repeat").astype(np.int64)
        request = _request_codes(label("cell", np.int64), rows["sample"], repeat, final[at], self._repeats)
        groups = [label("cell", np.int64), label("category_code", np.int64) + 1]
        weight = None
        if self._designs is not None:
            weight = share_weights(self._designs[0][rows["sample"]], rows["sample"], answered, final[at])
        whole = spread_usd(request, groups, np.ones(len(at), dtype=bool), answered, rows.pop("usd"), weight)
        del request, groups, answered
        item = (rows["sample"].astype(np.int64) * len(self._loads) + label("load_code")) * self._repeats
        item += repeat
        del repeat
        chosen = np.flatnonzero(contexts["counted"].to_numpy(dtype=bool)[at]).astype(np.int32)
        span = (int(self._samples["sample"].to_numpy().max(initial=0)) + 1) * len(self._loads) * self._repeats
        order, item = _sorted_items(item[chosen], rows["ord"], chosen, span)
        chosen = chosen[order]
        at = at[chosen]
        put = self._keep(model_id)
        small = np.int32 if span < 2**31 and (not len(item) or item[-1] < 2**31) else np.int64
        put("item", item.astype(small))
        sample = rows.pop("sample")[chosen]
        for name, values in zip(DESIGN_COLUMNS, self._designs or (), strict=False):
            put(name, values[sample])
        put("sample", sample * np.int32(len(self._loads)) + label("load_code"))
        put("prompt", rows.pop("prompt")[chosen])
        put("cluster", rows.pop("cluster")[chosen])
        for name in ("category", "task", "load"):
            put(name, label(f"{name}_code", np.int16))
        for name, source in (
            ("infra", "infra"),
            ("is_picked", "picked"),
            ("correct", "correct"),
            ("scored", "scored"),
        ):
            put(name, label(source, bool))
        put("is_episode", rows.pop("turns")[chosen])
        for name in _KEYS:
            put(f"key {name}", label(f"key {name}", np.int32).astype(np.int16))
        targets = self._targets
        numbers = rows.pop("ord")[chosen]
        put("key target", np.full(len(at), -1, np.int8) if targets is None else _matched(targets, numbers))
        infra = failed[at]
        for name in TIMES:
            put(name, np.where(infra, np.nan, rows.pop(name)[chosen]))
        put(
            "score",
            np.where(
                contexts["scored"].to_numpy(dtype=bool)[at] & ~contexts["picked"].to_numpy(dtype=bool)[at],
                rows.pop("score")[chosen],
                np.nan,
            ),
        )
        put("usd", whole[chosen])
        return self._view(model_id)

    def _keep(self, model_id: str) -> Any:
        return lambda name, array: self._store.put(f"{model_id}\x1f{name}", array)

    def _view(self, model_id: str) -> ModelRequests:
        arrays = _Stored(self._store, model_id)
        return ModelRequests(
            arrays,
            _Stored(self._store, model_id, "key ", (*_KEYS, "target")),
            {"task": self._tasks, "load": self._loads},
            _Columns(arrays),
            is_weighted=self._designs is not None,
        )

    def _fetch(self, model_id: str, contexts: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
        """Return the columns of a model's measured attempts, one row each."""
        attempts = self._runs.attempts
        quotes = contexts["quote"].to_numpy(np.int32)
        tokens = [*TOKENS] if (quotes >= 0).any() else []
        labels = contexts[_CONTEXT].assign(context=np.arange(len(contexts), dtype=np.int32))
        names = ", ".join(_CONTEXT)
        shown = ", ".join(
            [
                "a.ord", "c.context", "q.sample", "q.cluster", "a.repeat", "hash(a.prompt_sha256) AS prompt",
                "a.turn IS NOT NULL AS turns", *(f"a.{name}" for name in ("score", *TIMES, *tokens)),
            ]
        )  # fmt: skip
        rows = int(self._rows_of(model_id))
        kinds: dict[str, Any] = {
            "ord": np.int64, "context": np.int32, "sample": np.int32, "cluster": np.int32, "repeat": np.int32,
            "prompt": np.uint64, "turns": np.bool_, **dict.fromkeys(("score", *TIMES, "usd"), np.float64),
        }  # fmt: skip
        found = {name: np.empty(rows, kind) for name, kind in kinds.items()}
        start = 0
        for batch in attempts.batches(
            f"SELECT {shown} FROM attempts a"
            f" JOIN (SELECT context, hash({names}) AS code FROM contexts) c ON c.code = hash({', '.join(f'a.{name}' for name in _CONTEXT)})"
            " JOIN samples q ON q.code = hash(a.task, a.sample_id, a.cluster_id) WHERE a.phase = 'measure'",
            [*_CONTEXT, *_ANSWER, *TIMES, *tokens],
            tables={"contexts": labels, "samples": self._samples},
            model_id=model_id,
        ):
            stop = start + batch.num_rows
            for name, kind in kinds.items():
                if name != "usd":
                    found[name][start:stop] = _numbers(batch[name], kind)
            found["usd"][start:stop] = self._price(batch, found["context"][start:stop], contexts, tokens)
            start = stop
        if start != rows:
            raise ResultsError(f"{model_id}: its rows changed while they were read; read the runs again")
        return found

    def _rows_of(self, model_id: str) -> int:
        tally = self._runs.tally
        return int(
            tally["n"][((tally["model_id"] == model_id) & (tally["phase"] == "measure")).to_numpy()].sum()
        )

    def _price(self, batch: Any, context: Ints, contexts: pd.DataFrame, tokens: Sequence[str]) -> Floats:
        """Return the dollars of a batch of attempts; NaN means unknown."""
        is_gpu = contexts["is_gpu"].to_numpy(dtype=bool)[context]
        usd = np.where(is_gpu, contexts["gpu_usd"].to_numpy(np.float64)[context], np.nan)
        if not tokens:
            return usd
        place = np.where(is_gpu, -1, contexts["quote"].to_numpy(np.int32)[context])
        frame = pd.DataFrame({name: _numbers(batch[name], np.float64) for name in tokens}, copy=False)
        outcomes = pd.Categorical(contexts["outcome"])
        frame["outcome"] = pd.Categorical.from_codes(outcomes.codes[context], dtype=outcomes.dtype)
        frame["from_cache"] = contexts["from_cache"].to_numpy(dtype=bool)[context]
        for number in np.unique(place[place >= 0]):
            rows = place == number
            quote = self._account.prices.units[int(number)]
            if rows.all():
                return price_tokens(frame, quote)
            usd[rows] = price_tokens(frame[rows], quote)
        return usd


_KEYS = ("version", "scorer", "scorer options")


class _Stored(Mapping[str, Any]):
    """The arrays of one model in a store."""

    def __init__(
        self, store: ColumnStore, model_id: str, prefix: str = "", names: Sequence[str] = ()
    ) -> None:
        self._store = store
        self._prefix = f"{model_id}\x1f{prefix}"
        self._names = names

    def __getitem__(self, name: str) -> Any:
        return self._store.get(f"{self._prefix}{name}")

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
        # Dollars per right answer mean nothing where harder questions were picked for a model that is right more often.
        return np.where(self._arrays["is_picked"], np.nan, self._arrays["correct"])

    def __iter__(self) -> Iterator[str]:
        return iter(("score", "correct", *TIMES, "usd"))

    def __len__(self) -> int:
        return 3 + len(TIMES)


def _place(names: Sequence[str], name: Any) -> int:
    return names.index(str(name)) if str(name) in names else -1


def _numbers(column: Any, kind: Any) -> np.ndarray[Any, Any]:
    """Return a column of a batch as numbers, NaN where it is null."""
    found = column.to_numpy(zero_copy_only=False)
    return found if kind is None else np.asarray(found, dtype=kind)


def _refuse_shared_codes(codes: Any) -> None:
    if len(pd.unique(codes)) < len(codes):
        raise ResultsError("two samples have one code of 64 bits; read fewer runs at once")


def _request_codes(cell: Ints, sample: Ints, repeat: Ints, final: Any, repeats: int) -> Ints:
    """Return a code for each request. Few requests have several attempts, so only those are looked up."""
    found = np.arange(len(cell), dtype=np.int64)
    if final.all():
        return found
    key = (cell * (int(sample.max()) + 1) + sample) * repeats + repeat
    shared = np.unique(key[~final])
    place = np.searchsorted(shared, key)
    place[place == len(shared)] = 0
    again = shared[place] == key
    found[again] = len(cell) + place[again]
    return found


def _sorted_items(item: Any, numbers: Any, chosen: Ints, span: int) -> tuple[Any, Any]:
    """Return the order of items, and their ascending codes: a further answer to an item gets a code of a new repeat."""
    if len(item) < 2 or (item[1:] > item[:-1]).all():
        return slice(None), item
    order = np.argsort(item)
    found = item[order]
    if (found[1:] > found[:-1]).all():
        return order, found
    order = np.lexsort((numbers[chosen], item))
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
    place = np.minimum(np.searchsorted(rows, numbers), max(len(rows) - 1, 0))
    return (
        np.where(rows[place] == numbers, codes[place], -1).astype(np.int32)
        if len(rows)
        else np.full(len(numbers), -1, np.int32)
    )
