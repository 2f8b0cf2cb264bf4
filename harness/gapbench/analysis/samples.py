"""The data of the sample browser: every measured request with the answers of all models.

This and the examples of failures are the only analyses that read the payload (texts); all others use the attempt table.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gapbench.analysis.frames import Folders, Runs, group_codes, load_runs
from gapbench.store import read_attempts, read_payload
from gapbench.values import ATTEMPT_KEY

_KEY = list(ATTEMPT_KEY)
_ITEM = ["task", "sample_id", "repeat", "load_kind", "load_value"]
_TEXTS = ["messages", "reply", "reasoning", "target", "reason", "error"]
MAX_ITEMS = 20_000


@dataclass(frozen=True)
class Samples:
    """Requests and the answer of each model.

    Attributes:
        items: One row for each request, indexed by ``item``: ``task``, ``category``, ``sample_id``, ``repeat``,
            ``load`` (``c16`` in flight, ``r4`` per second), ``messages`` and ``target`` (JSON; those of the first model).
        answers: One row for each final measured attempt, sorted by ``item``: ``item``, ``model_id``, ``outcome``,
            ``failure_kind``, ``finish_reason``, ``score``, ``answer``, ``input_tokens``, ``output_tokens``, ``ttft_s``,
            ``response_s``, ``prompt_sha256``, ``messages``, ``reply``, ``reasoning``, ``target``, ``reason``, ``error``.
        models: Model ids, in the order of the suites.
        total: Number of requests in the runs; more than ``len(items)`` if the table was cut.
    """

    items: pd.DataFrame
    answers: pd.DataFrame
    models: tuple[str, ...]
    total: int


def collect_samples(runs: Runs | Folders, max_items: int = MAX_ITEMS) -> Samples:
    """Return the first ``max_items`` requests of runs with every model's answer.

    If a model was measured in several runs, its newest answer to a request is used.

    Args:
        runs: Run folders, or runs already loaded.
        max_items: Requests to keep, in the order in which they were first answered.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    frame = read_runs.measured_attempts
    frame = frame.assign(item=group_codes(frame, _ITEM)).drop_duplicates(["item", "model_id"], keep="last")
    order = {item: place for place, item in enumerate(pd.unique(frame["item"]))}
    frame = frame.assign(item=frame["item"].map(order))
    total = len(order)
    frame = frame[frame["item"] < max_items]
    # No other analysis needs the extracted answer and the finish reason, so the shared frame does not have them.
    shown = set(frame["sample_id"].astype(str)) if total > max_items else None
    named = read_attempts(read_runs.folders, [*_KEY, "answer", "finish_reason"], sample_ids=shown)
    texts = read_payload(read_runs.folders, [*_KEY, *_TEXTS], shown)
    joined = (
        _string_keys(frame)
        .merge(_string_keys(named), on=_KEY, how="left")
        .merge(_string_keys(texts), on=_KEY, how="left")
    )
    joined = joined.sort_values("item", kind="stable").reset_index(drop=True)
    columns = ["task", "category", "sample_id", "repeat", "load", "messages", "target"]
    items = joined.groupby("item", sort=True)[columns].first()
    kept = [
        "item", "model_id", "outcome", "failure_kind", "finish_reason", "score", "answer", "input_tokens", "output_tokens",
        "ttft_s", "response_s", "prompt_sha256", *_TEXTS,
    ]  # fmt: skip
    present = set(joined["model_id"].astype(str))
    models = tuple(name for name in read_runs.models if name in present)
    return Samples(items, joined[kept], models, total)


def _string_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with plain strings as keys, since categoricals of two tables do not join."""
    return frame.astype({"run_id": str, "cell_id": str})
