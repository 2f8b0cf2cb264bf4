"""Dollars and tokens of a request of the traffic, where the weights of its items are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats
from gapbench.analysis.sample_design import design_of
from gapbench.stats import Floats, ratio_interval


def weighted_units(part: pd.DataFrame, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return dollars per task, per right answer and per million tokens as they are in the traffic, and tokens per task.

    What is not known of the file stays unknown. Totals are not weighted: they are what the run cost.

    Args:
        part: A model's measured attempts with their dollars; see :func:`gapbench.analysis.cost.cost.cost`.
        row: The figures of the file.

    Returns:
        {} where weights are not used.
    """
    answered = (part["final"] & (part["outcome"] != "infra")).to_numpy(dtype=bool)
    answers = part[answered]
    usd = answers["answer_usd"].to_numpy(dtype=np.float64)
    known = ~np.isnan(usd)
    answers, usd = answers[known], usd[known]
    design = design_of(answers)
    if design is None or not len(answers):
        return {}
    clusters = answers["cluster"].to_numpy()
    found: dict[str, Any] = {}
    below = {
        "usd_per_task": np.ones(len(answers)),
        "usd_per_correct": (answers["outcome"] == "correct").to_numpy(dtype=np.float64),
    }
    for name, count in below.items():
        total = float(design.weights @ count)
        if row[name] is None or not total:
            continue
        found[name] = float(design.weights @ usd) / total
        if row[f"{name}_low"] is not None:
            low, high = ratio_interval(usd, count, clusters, design=design)
            found[f"{name}_low"], found[f"{name}_high"] = low, high
    return found | _weighted_tokens(part, row)


def _weighted_tokens(part: pd.DataFrame, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of tokens, over all attempts: those of failed ones are paid for too."""
    if row["tokens_per_task"] is None:
        return {}
    tokens: Floats = np.nan_to_num(as_floats(part["input_tokens"])) + np.nan_to_num(
        as_floats(part["output_tokens"])
    )
    answered = (part["final"] & (part["outcome"] != "infra")).to_numpy(dtype=bool)
    design = design_of(part, answered)
    if design is None:
        return {}
    total, tasks = float(design.weights @ tokens), float(design.weights @ answered)
    found: dict[str, Any] = {"tokens_per_task": total / tasks}
    if row["usd_per_mtok"] is not None and total:
        usd = part["billed_usd"].to_numpy(dtype=np.float64)
        found["usd_per_mtok"] = float(design.weights @ usd) / total * 1e6
        low, high = ratio_interval(usd, tokens / 1e6, part["cluster"].to_numpy(), design=design)
        found["usd_per_mtok_low"], found["usd_per_mtok_high"] = low, high
    return found
