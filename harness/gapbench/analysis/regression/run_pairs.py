"""Requests of one model paired across two runs, and the requests that only one run has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.answer_keys import KEY_COLUMNS, answer_keys
from gapbench.analysis.cost.answer_costs import unpriced_share, usd_per_answer
from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.frames import Runs, as_floats, group_codes, load_runs, without_search_probes
from gapbench.analysis.performance.client_limits import client_limits
from gapbench.analysis.sample_design import design_of
from gapbench.analysis.turns import episode_ttft_s
from gapbench.errors import ResultsError
from gapbench.pricing import GpuPrice
from gapbench.stats import Design, Floats, Ints
from gapbench.values import ATTEMPT_KEY

_REQUEST = ["task", "load", "sample_id", "repeat"]
_JUDGED_BY = "judged by "
"""Prefix of the columns that hold the codes of what an answer was judged by."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that could not be checked.

    Attributes:
        where: The new run, a model with a task and load, or a model and a rule.
        reason: Why it could not be checked.
    """

    where: str
    reason: str


@dataclass(frozen=True)
class RunRequests:
    """One run's measured requests.

    Attributes:
        by_model: Requests by model, with the dollars of each (retries included) in ``whole_usd``, those of each answer and
            its part of what lost requests took in ``answer_usd`` (see :func:`usd_per_answer`), and whether this client was
            the limit, so that the times are not the server's, in ``is_time_invalid``. ``ttft_s`` of an episode is the mean
            over its replies.
        hosted: Models that are paid by the hour.
    """

    by_model: Mapping[str, pd.DataFrame]
    hosted: frozenset[str]

    def with_keys(self, keys: pd.DataFrame) -> RunRequests:
        """Return the requests with the columns of :func:`attempt_keys`."""
        joined = {
            model: part.assign(
                **keys.reindex(_attempt_index(part)).fillna(-1).reset_index(drop=True).set_index(part.index)
            )
            for model, part in self.by_model.items()
        }
        return RunRequests(joined, self.hosted)

    @classmethod
    def from_runs(cls, runs: Runs) -> RunRequests:
        """Return the requests of loaded runs."""
        frame = runs.frame
        account = bill(runs)
        usd = np.asarray(account.usd, dtype=np.float64)
        request = group_codes(frame, ["run_id", "cell_id", "sample_id", "repeat", "phase"])
        request_usd = np.bincount(request, weights=usd)[request] if len(frame) else usd
        mask = (frame["final"] & (frame["phase"] == "measure")).to_numpy()
        ttft_s = episode_ttft_s(frame, request)
        limited = _is_limited(runs, frame)
        rows = without_search_probes(
            frame[mask].assign(
                whole_usd=request_usd[mask],
                answer_usd=usd_per_answer(frame, usd)[mask],
                ttft_s=ttft_s[mask],
                is_time_invalid=limited[mask],
            )
        )
        rows = rows.drop_duplicates(["model_id", *_REQUEST], keep="last")
        hosted = [model for model, quote in account.quotes.items() if isinstance(quote, GpuPrice)]
        by_model = {str(model): part for model, part in rows.groupby("model_id", observed=True)}
        return cls(by_model, frozenset(hosted))


@dataclass(frozen=True)
class RunPairs:
    """The requests of a model that both runs have, in the same order.

    Attributes:
        base: Rows of the baseline.
        new: Rows of the new run.
        clusters: Codes of the clusters, which are resampled as a whole.
        hosted: Whether the model is paid by the hour in either run.
        missing_pairs: Each task and load of the baseline that has no pair.
        warnings: What else was left out.
        reason: Why there is no pair, in case there is none.
    """

    base: pd.DataFrame
    new: pd.DataFrame
    clusters: Ints
    hosted: bool
    missing_pairs: list[Unchecked]
    warnings: list[str]
    reason: str

    def design(self, mask: np.ndarray[Any, np.dtype[np.bool_]] | None = None) -> Design | None:
        """Return how the items of the pairs, or of some of them, were drawn. None: weights are not used."""
        return design_of(self.base if mask is None else self.base[mask])

    @property
    def unpriced_share(self) -> float | None:
        """Which share of the pairs that were answered in both runs, by weight, has no known cost in one; None: there is none."""
        answered = ((self.base["outcome"] != "infra").to_numpy()) & (
            (self.new["outcome"] != "infra").to_numpy()
        )
        usd = as_floats(self.base["whole_usd"]) + as_floats(self.new["whole_usd"])
        return unpriced_share(usd[answered], self.design(answered))

    @classmethod
    def pair_requests(cls, base: RunRequests, new: RunRequests, model_id: str) -> RunPairs:
        """Return the pairs of a model."""
        left, right = base.by_model.get(model_id), new.by_model.get(model_id)
        if left is None or right is None:
            nothing = pd.DataFrame()
            side = "baseline" if left is None else "new run"
            reason = f"the {side} has no measured request of this model"
            return cls(nothing, nothing, np.zeros(0, dtype=np.int64), False, [], [], reason)
        # Code both runs together as plain values, since categoricals of two runs are not comparable.
        n, columns = len(left), [*_REQUEST, "prompt_sha256"]
        both = pd.concat([side[columns].astype(object) for side in (left, right)], ignore_index=True)
        request, prompt = group_codes(both, _REQUEST), group_codes(both, ["prompt_sha256"])
        _, base_rows, new_rows = np.intersect1d(
            request[:n], request[n:], assume_unique=True, return_indices=True
        )
        same = prompt[base_rows] == prompt[n + new_rows]
        one, other = left.iloc[base_rows[same]], right.iloc[new_rows[same]]
        alike = _judged_alike(one, other)
        changed = one[~alike]
        one, other = one[alike], other[alike]
        _refuse_unlike_weights(one, other)
        missing, warnings = _unpaired_requests(model_id, left, right, one, changed)
        hosted = model_id in base.hosted | new.hosted
        clusters = group_codes(one, ["task", "cluster_id"])
        reason = "no request of the two runs is the same: task and its version, scorer, target, load, sample, repeat and prompt"
        return cls(one, other, clusters, hosted, missing, warnings, reason)

    def known_mask(self, *columns: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return a mask of the rows in which every column is known (not NaN)."""
        mask = np.ones(len(self.base), dtype=bool)
        for column in columns:
            mask &= ~np.isnan(column)
        return mask

    def lost_cells_reason(self, base: Floats, new: Floats, state: str) -> str | None:
        """Return which tasks and loads lost all pairs because values are unknown, or None if none did.

        Args:
            base: The value of each of the baseline's requests. NaN means unknown.
            new: The same for the new run.
            state: What a request with a value is called, such as ``scored``.
        """
        cells = group_codes(self.base, ["task", "load"])
        lost = np.setdiff1d(cells[~np.isnan(base)], cells[self.known_mask(base, new)])
        if not len(lost):
            return None
        return f"no request of {_name_cells(self.base[np.isin(cells, lost)])} is {state} in both runs"

    def invalid_times_reason(self) -> str | None:
        """Return where this client was the limit, so that times are not the server's; None: nowhere."""
        cells = {
            name: _name_cells(side[limited])
            for name, side in (("baseline", self.base), ("new run", self.new))
            if (limited := side["is_time_invalid"].to_numpy(dtype=bool)).any()
        }
        if not cells:
            return None
        if len(cells) == 2 and len(set(cells.values())) == 1:
            said = f"the times of {cells['new run']} are invalid in both runs"
        else:
            said = " and ".join(f"the {name}'s times of {which} are invalid" for name, which in cells.items())
        return f"{said}, this client was the limit; run again on a quiet machine"


def attempt_keys(before: Runs, after: Runs) -> pd.DataFrame:
    """Return what each attempt of two runs was judged by, as codes that compare over both; see :func:`answer_keys`."""
    both = load_runs([*before.folders, *after.folders], columns=KEY_COLUMNS, keep_replaced=True)
    keys = answer_keys(both, np.arange(len(both.frame), dtype=np.int32))
    table = pd.DataFrame(
        {f"{_JUDGED_BY}{name}": codes for name, codes in keys.items()}, index=_attempt_index(both.frame)
    )
    return table[~table.index.duplicated()]


def _attempt_index(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[list(ATTEMPT_KEY)].astype(str))


def _judged_alike(base: pd.DataFrame, new: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which pairs were judged by the same key. A negative code is unknown and differs from nothing."""
    alike = np.ones(len(base), dtype=bool)
    for name in base.columns:
        if str(name).startswith(_JUDGED_BY):
            first, second = base[name].to_numpy(), new[name].to_numpy()
            alike &= ~((first != second) & (first >= 0) & (second >= 0))
    return alike


def _refuse_unlike_weights(base: pd.DataFrame, new: pd.DataFrame) -> None:
    """Raise ResultsError if an item has another weight in each run."""
    if "weight" not in base.columns or "weight" not in new.columns:
        return
    unlike = np.flatnonzero(base["weight"].to_numpy() != new["weight"].to_numpy())
    if len(unlike):
        row, other = base.iloc[int(unlike[0])], new.iloc[int(unlike[0])]
        raise ResultsError(
            f"sample {row['sample_id']} of {row['task']} has the weight {row['weight']:g} in one run and {other['weight']:g} in "
            "the other; compare runs of one sample, or use --weights equal"
        )


def _unpaired_requests(
    model_id: str, base: pd.DataFrame, new: pd.DataFrame, paired: pd.DataFrame, changed: pd.DataFrame
) -> tuple[list[Unchecked], list[str]]:
    """Return the baseline's tasks and loads without a pair, and warnings about other requests that only one run has."""
    before, after, both = (_request_counts(frame) for frame in (base, new, paired))
    missing: list[Unchecked] = []
    warnings: list[str] = []
    left_out = 0
    unequal = _request_counts(changed)
    for cell in dict.fromkeys([*before, *after]):
        task, kind, load = cell
        where = f"{model_id} {task} {load}"
        if cell in both or kind == "search":
            # A load search tries different rates in each run.
            left_out += (
                before.get(cell, 0) + after.get(cell, 0) - 2 * (both.get(cell, 0) + unequal.get(cell, 0))
            )
        elif cell not in before:
            warnings.append(f"{where} is in the new run only and is not judged")
        elif cell in unequal:
            missing.append(
                Unchecked(where, "the task, its scorer or its targets changed between the two runs")
            )
        elif cell in after:
            missing.append(
                Unchecked(where, "no request of the two runs has the same sample, repeat and prompt")
            )
        else:
            missing.append(Unchecked(where, "the new run has no request of this task and load"))
    if left_out:
        warnings.append(f"{model_id}: {left_out} requests are in one run only, or have another prompt")
    if len(changed):
        tasks = ", ".join(dict.fromkeys(task for task, _, _ in unequal))
        warnings.append(
            f"{model_id}: {len(changed)} shared requests of {tasks} were judged by another version of the task, scorer or "
            "target and are left out"
        )
    # If there is no pair at all, every rule already reports it.
    return missing if len(paired) else [], warnings


def _is_limited(runs: Runs, frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return of which rows this client was the limit."""
    limits = client_limits(runs)
    if not limits:
        return np.zeros(len(frame), dtype=bool)
    cells = frame[["run_id", "cell_id"]].astype(str)
    return pd.MultiIndex.from_frame(cells).isin(list(limits))


def _name_cells(frame: pd.DataFrame) -> str:
    """Return the first three tasks and loads of requests, and how many more there are."""
    names = list(_request_counts(frame))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"{task} {load}" for task, _, load in names[:3]) + more


def _request_counts(frame: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    """Return the number of requests by task, kind of load and load."""
    by = ["task", "load_kind", "load"]
    sizes = frame.groupby(by, observed=True, sort=False).size().reset_index(name="n")
    names = sizes[by].astype(str).itertuples(index=False, name=None)
    return dict(zip(names, map(int, sizes["n"]), strict=True))
