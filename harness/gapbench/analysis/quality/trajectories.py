"""Episodes by model and task: success, turns, calls, where the time went, tokens and dollars per solved task.

Columns of :attr:`TrajectoryTable.frame`, one row for each model and task with episodes; null means unknown. An episode
counts if it is measured, and a load search's probes are left out. Where items have weights, shares, means, quantiles and
dollars per episode are those of the traffic; counts and totals are those of the run.

======================= ===================================================================================
``model_id`` ``weights`` ``simulated`` ``category`` ``task``
``episodes``            measured episodes that ended
``done`` ``max_turns`` ``budget`` ``context_overflow`` ``infra``  how many of these ended so
``scored``              episodes with a score; those that ended as ``infra`` have none
``solved``              episodes that are all right (score 1)
``success``             ``solved`` / ``scored``, with ``success_low`` and ``success_high`` (95 %, clustered Wilson)
``score``               mean score, 0 to 1
``partial``             mean share of the assertions that hold; null where none are counted
``turns`` ``calls``     means per episode
``calls_invalid``       share of all calls that name no known tool or break its schema
``calls_failed``        share of all calls whose result is an error, the invalid ones included
``retries``             attempts that failed and were made again, or episodes that were started again, in total
``wall_s``              mean time of an episode, the sum of the next four, with ``wall_p50_s`` and ``wall_p95_s``; of
                        episodes without ``infra``, and without a reply from our own cache
``model_s`` ``tool_s`` ``user_s`` ``queue_s``  means of its parts: the model, tools, the user, and the client with its limits
``ttft_p50_s`` ``ttft_p95_s``  first text of a reply, over all replies
``complete_call_p50_s`` ``complete_call_p95_s``  last byte of a reply's first call, over replies with one
``input_tokens`` ``cached_input_tokens`` ``cache_write_tokens`` ``output_tokens`` ``reasoning_tokens``  means per episode
                        over those that report them
``cached_share``        cached over input tokens, of episodes that report both
``usd``                 dollars spent on the model: all attempts of measured requests, retries and lost episodes included
``usd_per_episode``     what an episode without ``infra`` costs: ``usd``, and what replies of our own cache would have cost
``usd_per_solved``      the same over ``solved``, without episodes that have no score, with ``usd_per_solved_low`` and ``usd_per_solved_high`` (95 %, clustered)
``usd_user``            dollars spent on the model that played the users, in no other column; null: scripted, or unknown
``usd_judge``           dollars of judges for these episodes; null: none judged them
======================= ===================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import orjson
import pandas as pd

from gapbench.analysis.continued_runs import drop_replaced_rows
from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.cost.user_costs import user_usd
from gapbench.analysis.frames import Folders, Runs, as_floats, group_codes, load_runs
from gapbench.analysis.sample_design import design_of, design_of_replies
from gapbench.analysis.weighting import DESIGN_COLUMNS, AppliedWeights
from gapbench.pricing import GpuPrice
from gapbench.stats import mean_interval, ratio_interval, weighted_mean, weighted_quantile
from gapbench.store.json_records import records
from gapbench.store.trajectories import read_trajectories
from gapbench.values import ATTEMPT_KEY, Termination

TERMINATIONS: tuple[Termination, ...] = get_args(Termination)
TIME_PARTS = ("model_s", "tool_s", "user_s", "queue_s")
"""The parts of an episode's wall time; they add up to it."""
TOKENS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True)
class TrajectoryTable:
    """Episodes by model and task.

    Attributes:
        frame: See the module's docstring. Empty if the runs have no episode.
        simulated: Whether any row is simulated.
        weights: What means, shares and quantiles count.
    """

    frame: pd.DataFrame
    simulated: bool
    weights: AppliedWeights = field(default_factory=AppliedWeights)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rows of ``bench report --json``."""
        return records(self.frame)


def summarize_trajectories(runs: Runs | Folders, billed: Bill | None = None) -> TrajectoryTable:
    """Return the episodes of runs by model and task.

    Args:
        runs: Run folders, or runs already loaded.
        billed: Result of :func:`bill`, if it was already computed.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    if not read_runs.attempts.has_episodes or read_runs.frame["trajectory_id"].isna().all():
        return TrajectoryTable(pd.DataFrame(), read_runs.simulated, read_runs.applied_weights)
    frame = read_runs.frame
    account = bill(read_runs) if billed is None else billed
    episodes = _measured_episodes(read_runs)
    of_judges = _judge_usd(read_runs, account)
    of_users = {
        (model_id, task): usd
        for (model_id, _, task), usd in user_usd(read_runs, account).items()
        if not np.isnan(usd)
    }
    attempts = frame.assign(usd=account.usd, answer_usd=usd_per_answer(frame, account.usd))
    attempts = attempts[((frame["phase"] == "measure") & frame["turn"].notna()).to_numpy()]
    by = ["model_id", "category", "task"]
    rows = []
    for names, part in episodes.groupby(by, sort=False):
        model_id, category, task = map(str, names)
        of_both = (attempts["model_id"] == model_id) & (attempts["task"] == task)
        model = read_runs.model(model_id)
        rows.append(
            {
                "model_id": model_id,
                "weights": model.weights,
                "simulated": model.simulated,
                "category": category,
                "task": task,
                **_quality(part),
                **_work(part),
                **_times(part, attempts[(of_both & attempts["timed"]).to_numpy()]),
                **_tokens(part),
                **_money(
                    attempts[of_both.to_numpy()], by_hour=isinstance(account.quotes.get(model_id), GpuPrice)
                ),
                "usd_user": of_users.get((model_id, task)),
                "usd_judge": of_judges.get((model_id, task)),
            }
        )
    return TrajectoryTable(pd.DataFrame(rows), read_runs.simulated, read_runs.applied_weights)


def _measured_episodes(runs: Runs) -> pd.DataFrame:
    """Return the trajectory rows that count, with their clusters and whether a reply came from our own cache."""
    found = drop_replaced_rows(read_trajectories(runs.folders), runs.replaced)
    names = ["run_id", "cell_id", "task", "category", "model_id", "trajectory_id"]
    found = found.astype(dict.fromkeys(names, str))
    found = found[(found["phase"] == "measure").to_numpy()]
    probes = {(run_id, cell.cell_id) for run_id, cell in runs.cells if cell.load_kind == "search"}
    is_probe = np.array(
        [key in probes for key in zip(found["run_id"], found["cell_id"], strict=True)], dtype=bool
    )
    if not is_probe.all():
        found = found[~is_probe]
    is_cached = (
        runs.frame["has_cached_reply"].to_numpy(dtype=bool) & runs.frame["trajectory_id"].notna().to_numpy()
    )
    cached = runs.frame.loc[is_cached, "trajectory_id"]
    return (
        _with_design(found, runs)
        .assign(
            cluster=group_codes(found, ["task", "cluster_id"]),
            has_times=(found["outcome"] != "infra") & ~found["trajectory_id"].isin(set(cached.astype(str))),
        )
        .reset_index(drop=True)
    )


def _with_design(episodes: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    """Return episodes with the weight and stratum of their items, where these are used."""
    if not runs.applied_weights.has_design:
        return episodes
    by = ["task", "sample_id"]
    rows = runs.frame.loc[runs.frame["weight"].notna().to_numpy(), [*by, *DESIGN_COLUMNS]]
    items = rows.drop_duplicates(by).astype(dict.fromkeys(by, str))
    return episodes.astype({"sample_id": str}).merge(items, on=by, how="left")


def _quality(part: pd.DataFrame) -> dict[str, Any]:
    scored = part[part["score"].notna()]
    success = as_floats(scored["success"].astype(float))
    design = design_of(scored)
    low, high = mean_interval(success, scored["cluster"].to_numpy(), design=design)
    ended = part["termination"].value_counts()
    return {
        "episodes": len(part),
        **{name: int(ended.get(name, 0)) for name in TERMINATIONS},
        "scored": len(scored),
        "solved": int(success.sum()),
        "success": weighted_mean(success, design) if len(scored) else None,
        "success_low": low,
        "success_high": high,
        "score": _mean(scored, "score"),
        "partial": _mean(scored, "partial"),
    }


def _work(part: pd.DataFrame) -> dict[str, Any]:
    return {
        "turns": _mean(part, "turns"),
        "calls": _mean(part, "calls"),
        **{name: _ratio(part, name, "calls") for name in ("calls_invalid", "calls_failed")},
        "retries": int(part["retries"].sum()),
    }


def _times(part: pd.DataFrame, replies: pd.DataFrame) -> dict[str, Any]:
    timed = part[part["has_times"].to_numpy(dtype=bool)]
    answered = replies[(replies["outcome"] != "infra").to_numpy()]
    row: dict[str, Any] = {name: _mean(timed, name) for name in ("wall_s", *TIME_PARTS)}
    for name, rows in (("wall", timed), ("ttft", answered), ("complete_call", answered)):
        row |= {f"{name}_p{share * 100:.0f}_s": _quantile(rows, f"{name}_s", share) for share in (0.5, 0.95)}
    return row


def _tokens(part: pd.DataFrame) -> dict[str, Any]:
    return {
        **{name: _mean(part, name) for name in TOKENS},
        "cached_share": _ratio(part, "cached_input_tokens", "input_tokens"),
    }


def _money(attempts: pd.DataFrame, *, by_hour: bool) -> dict[str, Any]:
    """Return dollars of the model; unknown if the cost of any attempt is. The total is what the run cost, without weights.

    Args:
        attempts: Its attempts, with their dollars.
        by_hour: Whether its GPUs are paid by the hour: then the episodes without a cached reply took all that was spent.
    """
    usd = as_floats(attempts["usd"])
    names = ("usd", "usd_per_episode", "usd_per_solved", "usd_per_solved_low", "usd_per_solved_high")
    if np.isnan(usd).any() or not len(attempts):
        return dict.fromkeys(names)
    is_cached = attempts["has_cached_reply" if by_hour else "from_cache"].to_numpy(dtype=bool)
    spent = float(usd[~is_cached].sum())
    ended = attempts[attempts["final"].to_numpy(dtype=bool) & (attempts["outcome"] != "infra").to_numpy()]
    is_scored = (ended["outcome"] != "unscored").to_numpy()
    scored = ended[is_scored]
    solved = (scored["outcome"] == "correct").to_numpy().astype(np.float64)
    answer_usd, design = as_floats(ended["answer_usd"]), design_of(ended)
    low, high = ratio_interval(
        answer_usd[is_scored], solved, group_codes(scored, ["task", "cluster_id"]), design=design_of(scored)
    )
    each = np.ones(len(ended)) if design is None else design.weights
    total = float(usd.sum()) if design is None else float(each @ answer_usd)
    judged = total - float(each[~is_scored] @ answer_usd[~is_scored])
    per_unit = (
        above / below if below else None
        for above, below in ((total, float(each.sum())), (judged, float(each[is_scored] @ solved)))
    )
    return dict(zip(names, (spent, *per_unit, low, high), strict=True))


def _judge_usd(runs: Runs, account: Bill) -> Mapping[tuple[str, str], float]:
    """Return the dollars of judges by the model and task that they judged; a question's id is the answer's key.

    A question whose id has another form is left out here; the table of costs still counts its dollars.
    """
    is_judge = (runs.frame["phase"] == "judge").to_numpy()
    cells: dict[tuple[str, str] | None, tuple[str, str]] = {
        (run_id, cell.cell_id): (cell.model_id, cell.task) for run_id, cell in runs.cells
    }
    found: dict[tuple[str, str], float] = {}
    for sample_id, usd in zip(runs.frame.loc[is_judge, "sample_id"], account.usd[is_judge], strict=True):
        judged = cells.get(_judged_cell(str(sample_id)))
        if judged is not None:
            found[judged] = found.get(judged, 0.0) + float(usd)
    return {judged: usd for judged, usd in found.items() if not np.isnan(usd)}


def _judged_cell(question_id: str) -> tuple[str, str] | None:
    """Return the run id and cell id of the answer that a judge was asked about. None: the id is not an answer's key."""
    try:
        key = orjson.loads(question_id)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(key, list) or len(key) != len(ATTEMPT_KEY):
        return None
    return str(key[0]), str(key[1])


def _mean(part: pd.DataFrame, column: str) -> float | None:
    """Return the mean of a column over the episodes in which it is known; None: there are none."""
    known = part[part[column].notna().to_numpy()]
    return weighted_mean(as_floats(known[column]), design_of(known)) if len(known) else None


def _ratio(part: pd.DataFrame, above: str, below: str) -> float | None:
    """Return the total of a column over that of another, over the episodes in which both are known; None: it is 0."""
    known = part[(part[above].notna() & part[below].notna()).to_numpy()]
    design = design_of(known)
    each = np.ones(len(known)) if design is None else design.weights
    total = float(each @ as_floats(known[below]))
    return float(each @ as_floats(known[above])) / total if total else None


def _quantile(rows: pd.DataFrame, column: str, share: float) -> float | None:
    """Return a quantile of a column of episodes or of replies where it is known; None: nowhere."""
    known = rows[rows[column].notna().to_numpy()]
    return (
        weighted_quantile(as_floats(known[column]), share, design_of_replies(known)) if len(known) else None
    )
