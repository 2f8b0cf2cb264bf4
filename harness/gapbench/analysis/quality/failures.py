"""Failed attempts by model and kind, with an example of each."""

from __future__ import annotations

import pandas as pd

from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.store import read_payload
from gapbench.store.attempt_frame import read_frame
from gapbench.values import ATTEMPT_KEY


def failures(runs: Runs | Folders) -> pd.DataFrame:
    """Return failed attempts by model and kind of failure, most frequent first, with one example of each.

    Columns: ``model_id``, ``failure_kind``, ``http_status``, ``attempts``, ``final`` (requests that failed for good
    with it), ``simulated``, ``example`` (the failure's message; null if none was stored).

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    key = list(ATTEMPT_KEY)
    failed = read_frame(
        read_runs.attempts,
        [*key, "model_id", "failure_kind", "http_status", "final", "simulated"],
        where="a.outcome = 'infra'",
        where_columns=["outcome"],
    )
    columns = ["model_id", "failure_kind", "http_status", "attempts", "final", "simulated", "example"]
    if failed.empty:
        return pd.DataFrame(columns=columns)
    texts = read_payload(read_runs.folders, [*key, "error"]).dropna(subset=["error"])
    for name in ("run_id", "cell_id"):
        texts[name] = texts[name].astype(str)
    joined = failed.assign(**{name: failed[name].astype(str) for name in ("run_id", "cell_id")})
    joined = joined.merge(texts, on=key, how="left")
    grouped = joined.groupby(
        ["model_id", "failure_kind", "http_status"], observed=True, dropna=False, sort=False
    )
    table = grouped.agg(
        attempts=("attempt", "size"),
        final=("final", "sum"),
        simulated=("simulated", "any"),
        example=("error", "first"),
    )
    return (
        table.reset_index()
        .sort_values("attempts", ascending=False, kind="stable")[columns]
        .reset_index(drop=True)
    )
