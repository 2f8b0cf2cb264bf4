"""The measured attempts of a model with what they cost: counts and sums of each category, and the sums of clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.cost.attempt_costs import Bill, price_places, price_rows, usd_of_rows
from gapbench.analysis.cost.gpu_token_cost import RequestShape, has_shapes, request_shapes
from gapbench.analysis.cost.price_lines import PriceLine, price_lines
from gapbench.analysis.cost.token_prices import BilledTokens, billed_tokens
from gapbench.analysis.frames import Runs, as_floats, group_codes
from gapbench.analysis.model_frames import REQUEST_IN_CELL
from gapbench.analysis.row_groups import RowGroups
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.pricing import GpuPrice
from gapbench.stats import Floats, Ints

TOKEN_SUMS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
_COUNTS = ("attempts", "requests", "tasks", "correct", "replies", "uncounted")
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class ClusterSums(NamedTuple):
    """Sums of each cluster: dollars without our own cache (NaN: not known), tasks, right tasks, and input and output tokens."""

    usd: Floats
    tasks: Floats
    correct: Floats
    tokens: Floats


@dataclass(frozen=True, eq=False)
class PaidAttempts:
    """Measured attempts of a model, in a category or in all.

    Attributes:
        attempts: Number of them.
        requests: Those that are final.
        tasks: Final ones with an answer.
        correct: How many of these are right.
        replies: Answers, each of an episode's replies counted.
        uncounted: Those of the replies whose token counts are missing or impossible.
        tokens: Sums by the names of :data:`TOKEN_SUMS`. None: no attempt reports them.
        of_clusters: Sums of each cluster.
    """

    attempts: int
    requests: int
    tasks: int
    correct: int
    replies: int
    uncounted: int
    tokens: Mapping[str, int | None]
    of_clusters: ClusterSums


@dataclass(frozen=True, eq=False)
class PaidModel:
    """The measured attempts of a model.

    Attributes:
        runs: The runs.
        account: Their bill.
        model_id: The model.
    """

    runs: Runs
    account: Bill
    model_id: str

    @cached_property
    def _figures(self) -> tuple[dict[str | None, PaidAttempts], list[PriceLine]]:
        frame = self.runs.model_frame(self.model_id)
        billed, places = billed_tokens(frame), price_places(self.account, frame)
        lines = price_lines(frame, billed, places, self.account.prices)
        return _parts_of(self.account, frame, billed, places), lines

    @cached_property
    def shapes(self) -> list[RequestShape]:
        """The sizes of its requests with their GPU time; see :func:`gapbench.analysis.cost.gpu_token_cost.request_shapes`."""
        return request_shapes(self.runs, self.model_id)

    def frame(self) -> pd.DataFrame:
        """Return the frame of the model with the columns of :meth:`read`."""
        quote = self.account.quotes.get(self.model_id)
        return self.runs.model_frame(self.model_id, ["sent_s"] if isinstance(quote, GpuPrice) else [])

    def read(self) -> None:
        """Compute what the cost table asks for, while the frame of the model is in memory; once."""
        if "_figures" in vars(self):
            return
        quote = self.account.quotes.get(self.model_id)
        frame = self.frame()
        if isinstance(quote, GpuPrice):
            self.account.busy_s(self.model_id)
        if has_shapes(self.runs, self.model_id, quote):
            _ = self.shapes
        _ = self._figures
        del frame  # Until here it was not read again, however few are kept.

    @property
    def lines(self) -> list[PriceLine]:
        """What all attempts of the model cost that are paid by tokens, measured or not."""
        return self._figures[1]

    def in_category(self, category: str | None) -> PaidAttempts:
        """Return the attempts in a category. None: all of them."""
        return self._figures[0].get(category, _NONE)

    def unscored_in(self, category: str | None) -> int:
        """Return how many answers in a category have no score. None: in all of them."""
        tally = self.runs.tally
        is_wanted = (tally["model_id"] == self.model_id) & (tally["phase"] == "measure") & tally["final"]
        is_wanted &= tally["outcome"] == "unscored"
        if category is not None:
            is_wanted &= tally["category"] == category
        return int(tally["n"][is_wanted.to_numpy(dtype=bool)].sum())

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The attempts one by one, with ``billed_usd``, ``answer_usd`` (see :func:`usd_per_answer`) and ``cluster``.

        Few runs need them: those with weights, or with costs that are not known.
        """
        frame = self.runs.model_frame(self.model_id, REQUEST_IN_CELL)
        usd = price_rows(self.account, frame)
        design = [name for name in DESIGN_COLUMNS if name in frame.columns]
        needed = [
            "run_id",
            "cell_id",
            "task",
            "sample_id",
            "category",
            "final",
            "timed",
            "outcome",
            *TOKEN_SUMS,
            *design,
        ]
        rows = frame[needed].assign(
            billed_usd=usd,
            answer_usd=usd_per_answer(frame, usd),
            cluster=group_codes(frame, ["task", "cluster_id"]),
        )
        return rows[(frame["phase"] == "measure").to_numpy()]

    def rows_in(self, category: str | None) -> pd.DataFrame:
        """Return the attempts in a category one by one. None: all of them."""
        return self.rows if category is None else self.rows[(self.rows["category"] == category).to_numpy()]


class PaidModels:
    """The measured attempts of each model, read once.

    Args:
        runs: The runs.
        account: Their bill.
    """

    def __init__(self, runs: Runs, account: Bill) -> None:
        # The suite's models, then judges and models that play users that are not among them.
        names = dict.fromkeys([*runs.models, *map(str, runs.tally["model_id"].unique())])
        self._found = {name: PaidModel(runs, account, name) for name in names}

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __getitem__(self, model_id: str) -> PaidModel:
        return self._found[model_id]


_NOTHING: Floats = np.zeros(0)
_NONE = PaidAttempts(
    0, 0, 0, 0, 0, 0, dict.fromkeys(TOKEN_SUMS), ClusterSums(_NOTHING, _NOTHING, _NOTHING, _NOTHING)
)


def _parts_of(
    account: Bill, frame: pd.DataFrame, billed: BilledTokens, places: Ints
) -> dict[str | None, PaidAttempts]:
    """Return the measured attempts among a model's by category, and all of them at None."""
    usd = usd_of_rows(account, frame, billed, places)
    measured = (frame["phase"] == "measure").to_numpy()
    if not measured.all():
        rows = np.flatnonzero(measured)
        frame, usd, billed = frame.iloc[rows], usd.take(rows), billed.take(rows)
    category = frame["category"].astype("category").cat
    place: Ints = np.asarray(category.codes, dtype=np.int16)
    size = len(category.categories)
    by_category = RowGroups(place, size)
    final = frame["final"].to_numpy(dtype=bool)
    answered = (frame["outcome"] != "infra").to_numpy(dtype=bool)
    tasks, replies = final & answered, frame["timed"].to_numpy(dtype=bool) & answered
    correct = final & (frame["outcome"] == "correct").to_numpy(dtype=bool)
    tokens = {name: as_floats(frame[name]) for name in TOKEN_SUMS}
    uncounted = replies & ~(billed.is_possible & billed.has_counts)
    every = np.ones(len(frame), dtype=bool)
    counts = [by_category.counts(kind) for kind in (every, final, tasks, correct, replies, uncounted)]
    known = {name: by_category.counts(~np.isnan(values)) for name, values in tokens.items()}
    # Whole numbers up to 2**53 are summed exactly. Unknown and impossible counts add nothing.
    sums = {name: by_category.sums(np.fmax(values, 0.0)) for name, values in tokens.items()}
    group, cluster, of_group = _groups(frame, place)
    both = sum(
        np.where(np.isnan(tokens[name]), 0.0, tokens[name]) for name in ("input_tokens", "output_tokens")
    )
    by_group = [np.bincount(group, values) for values in (usd, tasks, correct, both)]

    def part(chosen: list[int], groups: Bools, code: Ints) -> PaidAttempts:
        of_clusters = [
            np.bincount(code, values[groups]).astype(np.float64, copy=False) for values in by_group
        ]
        return PaidAttempts(
            **{name: int(count[chosen].sum()) for name, count in zip(_COUNTS, counts, strict=True)},
            tokens={
                name: int(sums[name][chosen].sum()) if known[name][chosen].any() else None
                for name in TOKEN_SUMS
            },
            of_clusters=ClusterSums(*of_clusters),
        )

    found: dict[str | None, PaidAttempts] = {
        None: part([*range(size)], np.ones(len(of_group), bool), cluster)
    }
    for number, name in enumerate(category.categories):
        groups = of_group == number
        found[str(name)] = part([number], groups, np.arange(int(groups.sum())))
    return found


def _groups(frame: pd.DataFrame, place: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the code of each attempt's category and cluster, and of each such group the codes of its cluster and category."""
    group = group_codes(frame, ["category", "task", "cluster_id"])
    first = RowGroups(group).rows
    cluster = group_codes(frame[["task", "cluster_id"]].iloc[first], ["task", "cluster_id"])
    return group, cluster, place[first]
