"""What the models that play users cost, by the model under test whose episodes they took part in."""

from __future__ import annotations

from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.frames import Runs
from gapbench.values.played_user import cell_of_user


def user_usd(runs: Runs, account: Bill) -> dict[tuple[str, str, str], float]:
    """Return the dollars by model under test, category and task; NaN where a part is unknown.

    Warm-up requests, whose repeats count down from -1, are left out.

    Args:
        runs: The runs.
        account: Their bill.
    """
    frame = runs.frame
    chosen = ((frame["phase"] == "user") & (frame["repeat"] >= 0)).to_numpy()
    cells = {(run_id, cell.cell_id): (cell.model_id, cell.category, cell.task) for run_id, cell in runs.cells}
    found: dict[tuple[str, str, str], float] = {}
    names = zip(frame.loc[chosen, "run_id"], frame.loc[chosen, "cell_id"], strict=True)
    for (run_id, cell_id), usd in zip(names, account.usd[chosen], strict=True):
        played = cells.get((str(run_id), cell_of_user(str(cell_id))))
        if played is not None:
            found[played] = found.get(played, 0.0) + float(usd)
    return found
