"""What the models that play users cost, by the model under test whose episodes they took part in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gapbench.analysis.cost.attempt_costs import BILL_COLUMNS, Bill, price_rows
from gapbench.analysis.frames import Runs
from gapbench.store.attempt_frame import read_frame
from gapbench.values.played_user import cell_of_user


def user_usd(runs: Runs, account: Bill) -> dict[tuple[str, str, str], float]:
    """Return the dollars spent by model under test, category and task; NaN where a part is unknown.

    Warm-up requests, whose repeats count down from -1, are left out.

    Args:
        runs: The runs.
        account: Their bill.
    """
    found = user_usd_by_item(runs, account)
    by = ["model_id", "category", "task"]
    sums = {tuple(map(str, key)): part["usd_spent"] for key, part in found.groupby(by, sort=False)}
    return {key: float(np.sum(usd.to_numpy())) for key, usd in sums.items()}  # type: ignore[misc] # the key has the three parts of `by`


def user_usd_by_item(runs: Runs, account: Bill) -> pd.DataFrame:
    """Return the dollars of users by item: ``model_id`` (under test), ``category``, ``task``, ``sample_id``, ``usd``, ``usd_spent``.

    There may be several rows for an item. A cost that is not known is NaN. ``usd`` is without our own response cache, and
    ``usd_spent`` with it.

    Args:
        runs: The runs.
        account: Their bill.
    """
    columns = ["model_id", "category", "task", "sample_id", "usd", "usd_spent"]
    if not (runs.tally["phase"] == "user").any():
        return pd.DataFrame(columns=columns)
    frame = read_frame(
        runs.attempts,
        list(dict.fromkeys((*BILL_COLUMNS, "sample_id"))),
        where="a.phase = 'user' AND a.repeat >= 0",
        where_columns=("phase", "repeat"),
    )
    cells = {(run_id, cell.cell_id): (cell.model_id, cell.category, cell.task) for run_id, cell in runs.cells}
    rows: list[tuple[str, str, str, str, float, float]] = []
    names = zip(frame["run_id"], frame["cell_id"], frame["sample_id"], frame["from_cache"], strict=True)
    for (run_id, cell_id, sample_id, is_free), usd in zip(names, price_rows(account, frame), strict=True):
        played = cells.get((str(run_id), cell_of_user(str(cell_id))))
        if played is not None:
            rows.append((*played, str(sample_id), float(usd), 0.0 if is_free else float(usd)))
    return pd.DataFrame(rows, columns=columns)
