"""Every measured request beside its answers, model by model: what the sample browser shows.

The only analysis that opens the payload; every other figure is computed from the narrow table.
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
    """Requests and what each model answered.

    Attributes:
        items: One row for each request, indexed by ``item``: ``task``, ``category``, ``sample_id``, ``repeat``,
            ``load`` (``c16`` in flight, ``r4`` per second), ``messages`` and ``target`` (JSON; the first model's).
        answers: One row for each final measured attempt, sorted by ``item``: ``item``, ``model_id``, ``outcome``,
            ``failure_kind``, ``finish_reason``, ``score``, ``answer``, ``input_tokens``, ``output_tokens``, ``ttft_s``,
            ``response_s``, ``prompt_sha256``, ``messages``, ``reply``, ``reasoning``, ``target``, ``reason``, ``error``.
        models: Model ids, in the order of the suites.
        total: Requests there are; more than ``len(items)`` where the table was cut.
    """

    items: pd.DataFrame
    answers: pd.DataFrame
    models: tuple[str, ...]
    total: int


def collect_samples(runs: Runs | Folders, max_items: int = MAX_ITEMS) -> Samples:
    """Return the first ``max_items`` requests of runs with every model's answer.

    A model measured in several runs keeps its newest answer to a request.

    Args:
        runs: Run folders, or what was read from them.
        max_items: Requests to keep, in the order in which they were first answered.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    frame = read_runs.measured_attempts
    frame = frame.assign(item=group_codes(frame, _ITEM)).drop_duplicates(["item", "model_id"], keep="last")
    order = {item: place for place, item in enumerate(pd.unique(frame["item"]))}
    frame = frame.assign(item=frame["item"].map(order))
    total = len(order)
    frame = frame[frame["item"] < max_items]
    # The extracted answer and the finish are text that no figure needs, so the shared frame leaves them out.
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
    there = set(joined["model_id"].astype(str))
    models = tuple(name for name in read_runs.models if name in there)
    return Samples(items, joined[kept], models, total)


def _string_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose keys are plain strings: dictionaries of two tables do not join."""
    return frame.astype({"run_id": str, "cell_id": str})
