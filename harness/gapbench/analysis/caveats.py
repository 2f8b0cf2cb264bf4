"""What limits the answer that runs give, counted: unfinished runs, failed models, and answers that could not be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.frames import Runs
from gapbench.analysis.unscorable_answers import has_no_right_answer
from gapbench.pricing import GpuPrice
from gapbench.values.batches import BATCH_TRANSPORT
from gapbench.values.cache_place import CACHE_TRANSPORT

LOST_OUTCOMES = ("unparsed", "refused", "truncated", "infra", "unscored")
"""Outcomes that a reader must know of before the score, in the order in which they are named."""


@dataclass(frozen=True)
class Caveats:
    """What limits the answer of some runs.

    Attributes:
        run_ids: The runs.
        suite: Name of the newest run's suite, or the file that it was read from; "" if unknown.
        unfinished: The runs that are not complete.
        failed_models: Models that a run gave up or could not open.
        lost: By outcome of :data:`LOST_OUTCOMES`, the number of measured requests that ended so; zeros are left out, and so
            are the unscored answers to replayed traffic and to made-up prompts of a trace, which no scorer was meant for,
            and those that wait for a judge.
        requests: Number of measured requests.
        requests_by_category: Measured requests of the model that has most, by category.
        batched: Models all of whose measured answers came from a batch, and so have no times.
        cached: Models some of whose measured answers came from the response cache, without times.
        gpu_priced: Models whose dollars are the time of GPUs during the run.
        to_judge: Number of measured answers that wait for ``bench judge``.
    """

    run_ids: tuple[str, ...] = ()
    suite: str = ""
    unfinished: tuple[str, ...] = ()
    failed_models: tuple[str, ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    requests_by_category: Mapping[str, int] = field(default_factory=dict)
    batched: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    gpu_priced: tuple[str, ...] = ()
    to_judge: int = 0


def find_caveats(runs: Runs, account: Bill) -> Caveats:
    """Return what limits the answer of runs, whose costs are ``account``."""
    rows = runs.measured_tally
    judged = rows[~(has_no_right_answer(rows, runs) & (rows["outcome"] == "unscored"))]
    graded_later = [
        task.name for manifest in runs.manifests for task in manifest.tasks if task.scorer == "judge"
    ]
    waits = (judged["outcome"] == "unscored") & judged["task"].isin(graded_later)
    counts = judged[~waits].groupby("outcome")["n"].sum()
    by_model = rows.groupby(["category", "model_id"])["n"].sum()
    most: dict[str, int] = {}
    counted: dict[tuple[Any, Any], Any] = dict(by_model.items())  # type: ignore[arg-type]  # pandas types no index of two levels
    for key, count in counted.items():
        name = str(key[0])
        most[name] = max(most.get(name, 0), int(count))
    is_cached = (rows["transport"].astype(str) == CACHE_TRANSPORT) | (rows["partly_cached"] > 0)
    cached = set(rows.loc[is_cached, "model_id"])
    live = set(rows.loc[rows["transport"].astype(str) != BATCH_TRANSPORT, "model_id"])
    return Caveats(
        tuple(str(manifest.run_id) for manifest in runs.manifests),
        str(runs.manifests[-1].selection.get("suite") or ""),
        tuple(str(manifest.run_id) for manifest in runs.manifests if manifest.state != "complete"),
        tuple(
            dict.fromkeys(failure.model_id for manifest in runs.manifests for failure in manifest.failures)
        ),
        {kind: int(counts[kind]) for kind in LOST_OUTCOMES if counts.get(kind, 0)},
        int(rows["n"].sum()),
        {category: most[category] for category in runs.categories if category in most},
        tuple(model for model in runs.models if model in set(rows["model_id"]) and model not in live),
        tuple(model for model in runs.models if model in cached),
        tuple(model for model, quote in account.quotes.items() if isinstance(quote, GpuPrice)),
        int(judged.loc[waits, "n"].sum()),
    )
