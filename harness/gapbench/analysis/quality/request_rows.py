"""The measured attempts of one model as arrays, with what each cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.cost.token_prices import TOKENS, price_tokens
from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.request_contexts import RequestContexts
from gapbench.errors import ResultsError
from gapbench.stats import Floats, Ints

TIMES = ("response_s", "answer_chars_per_s")
Rows = dict[str, np.ndarray[Any, Any]]
_KINDS: dict[str, Any] = {
    "ord": np.int64, "context": np.int32, "sample": np.uint64, "cluster": np.uint64, "repeat": np.int32, "prompt": np.uint64,
    **dict.fromkeys(("score", *TIMES, "usd"), np.float64),
}  # fmt: skip


def fetch_rows(
    runs: Runs, account: Bill, contexts: RequestContexts, model_id: str, tasks: Collection[str] | None
) -> Rows:
    """Return the measured attempts of a model, in any order.

    Args:
        runs: The runs.
        account: Their bill.
        contexts: The kinds of their attempts.
        model_id: The model.
        tasks: Some of its tasks, which the footers of the parts tell. None: all.

    Returns:
        Arrays by name: ``ord`` (which orders them as written), ``context`` (number of the kind), ``sample``, ``cluster`` and ``prompt`` (hashes), ``repeat``,
        ``score``, ``response_s``, ``answer_chars_per_s`` and ``usd``. NaN means unknown.

    Raises:
        ResultsError: A part cannot be read, or rows were added while it was read.
    """
    counted = runs.counted
    is_read = ((counted.rows["model_id"] == model_id) & (counted.rows["phase"] == "measure")).to_numpy()
    attempts = runs.attempts
    if tasks is not None:
        attempts = attempts.with_label("task", tasks)
        is_read = is_read & counted.rows["task"].isin(tasks).to_numpy()
    count = int(counted.rows["n"][is_read].sum())
    tokens: list[str] = []
    if (contexts.lookup("quote")[contexts.of_model(model_id)] >= 0).any():
        tokens = [name for name in TOKENS if attempts.may_have(name)]
    shown = ", ".join(
        [
            "a.ord", "c.context", "xor(hash(a.sample_id), c.seed) AS sample", "xor(hash(a.cluster_id), c.seed) AS cluster",
            "a.repeat", "hash(a.prompt_sha256) AS prompt", *(f"a.{name}" for name in ("score", *TIMES, *tokens)),
        ]
    )  # fmt: skip
    found = {name: np.empty(count, kind) for name, kind in _KINDS.items()}

    def fill(batches: Iterable[Any]) -> int:
        start = 0
        for batch in batches:
            stop = start + int(batch.num_rows)
            if stop > count:
                return stop
            for name in _KINDS:
                if name != "usd":
                    found[name][start:stop] = batch[name].to_numpy(zero_copy_only=False)
            context = found["context"][start:stop]
            found["usd"][start:stop] = _price(batch, context, contexts, account, model_id, tokens)
            start = stop
        return start

    rows = attempts.read_batches(
        f"SELECT {shown} FROM attempts a JOIN places c ON c.code = {counted.code_of('a')}",
        [*counted.columns, "sample_id", "cluster_id", "repeat", "prompt_sha256", "score", *TIMES, *tokens],
        fill,
        tables={"places": contexts.places(model_id)},
        model_id=model_id,
    )
    if rows != count:
        raise ResultsError(f"{model_id}: its rows changed while they were read; read the runs again")
    return found


def _price(
    batch: Any, context: Ints, contexts: RequestContexts, account: Bill, model_id: str, tokens: Sequence[str]
) -> Floats:
    """Return the dollars of a batch of attempts; NaN means unknown."""
    of_model = contexts.of_model(model_id)
    is_gpu = contexts.lookup("is_gpu", bool)
    usd = np.where(is_gpu, contexts.lookup("gpu_usd", np.float64), np.nan)
    if not tokens:
        return usd[context]
    frame = pd.DataFrame(
        {name: batch[name].to_numpy(zero_copy_only=False).astype(np.float64, copy=False) for name in tokens},
        copy=False,
    )
    outcomes = pd.Categorical(contexts.table["outcome"])
    frame["outcome"] = pd.Categorical.from_codes(outcomes.codes[context], dtype=outcomes.dtype)
    place = np.where(is_gpu, -1, contexts.lookup("quote", np.int32))
    numbers = np.unique(place[of_model])
    if len(numbers) == 1:
        return price_tokens(frame, account.prices.units[int(numbers[0])])
    found: Floats = usd[context]
    place = place[context]
    for number in numbers[numbers >= 0]:
        rows = place == number
        found[rows] = price_tokens(frame[rows], account.prices.units[int(number)])
    return found
