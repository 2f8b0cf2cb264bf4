"""What the models that play users cost, by the model under test whose episodes they took part in."""

from __future__ import annotations

from gapbench.analysis.cost.attempt_costs import BILL_COLUMNS, Bill, price_rows
from gapbench.analysis.frames import Runs
from gapbench.store.attempt_frame import read_frame
from gapbench.values.played_user import cell_of_user


def user_usd(runs: Runs, account: Bill) -> dict[tuple[str, str, str], float]:
    """Return the dollars by model under test, category and task; NaN where a part is unknown.

    Warm-up requests, whose repeats count down from -1, are left out.

    Args:
        runs: The runs.
        account: Their bill.
    """
    if not (runs.tally["phase"] == "user").any():
        return {}
    frame = read_frame(
        runs.attempts,
        list(BILL_COLUMNS),
        where="a.phase = 'user' AND a.repeat >= 0",
        where_columns=("phase", "repeat"),
    )
    cells = {(run_id, cell.cell_id): (cell.model_id, cell.category, cell.task) for run_id, cell in runs.cells}
    found: dict[tuple[str, str, str], float] = {}
    names = zip(frame["run_id"], frame["cell_id"], strict=True)
    for (run_id, cell_id), usd in zip(names, price_rows(account, frame), strict=True):
        played = cells.get((str(run_id), cell_of_user(str(cell_id))))
        if played is not None:
            found[played] = found.get(played, 0.0) + float(usd)
    return found
