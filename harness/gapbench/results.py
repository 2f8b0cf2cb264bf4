"""The results of finished runs: what :func:`gapbench.read` and :func:`gapbench.run` return.

Every figure comes from the functions that the command line uses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd

from gapbench import formatting
from gapbench.analysis.continued_runs import CountedRuns
from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.cost.price_changes import PriceSetting, change_prices
from gapbench.analysis.episode_turns import join_messages
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.notebook_html import table_html
from gapbench.analysis.performance.distributions import latency_quantiles
from gapbench.analysis.quality.gap import GapTable, gap
from gapbench.analysis.quality.ladders import Ladder
from gapbench.analysis.quality.summary import Summary
from gapbench.analysis.samples import collect_samples
from gapbench.analysis.weighting import Weighting
from gapbench.errors import InputError
from gapbench.report import plots
from gapbench.report.answer import answer_text
from gapbench.report.chart_files import Chart
from gapbench.report.results import ResultTables, load_results
from gapbench.store import RunManifest
from gapbench.store.json_records import records

_SHOWN_RUNS = 10


class Results:
    """The results of one run, or of several read together.

    Rows are read when a table first needs them, and kept. Make one with :func:`gapbench.read` or :func:`gapbench.run`.

    Attributes:
        folders: The run folders, in the order given.
        notes: One sentence for each run that does not count, or only in part, because a newer one continues it.
    """

    def __init__(
        self,
        counted: CountedRuns,
        prices: Sequence[PriceSetting] = (),
        suite: Path | None = None,
        weighting: Weighting | None = None,
    ) -> None:
        self._prices = tuple(prices)
        self._suite = suite
        self._weighting = weighting
        self.folders: tuple[Path, ...] = counted.folders
        self.notes: tuple[str, ...] = counted.notes
        self._counted = counted

    @property
    def models(self) -> list[str]:
        """Model ids, in the order of the suites."""
        ids = (model.id for manifest in self._manifests for model in manifest.models)
        return list(dict.fromkeys(ids))

    @property
    def tasks(self) -> list[str]:
        """Task names, in the order of the suites."""
        names = (task.name for manifest in self._manifests for task in manifest.tasks)
        return list(dict.fromkeys(names))

    @property
    def simulated(self) -> bool:
        """Whether any model is simulated, so that its figures say nothing of a real one."""
        return any(model.simulated for manifest in self._manifests for model in manifest.models)

    @property
    def state(self) -> str:
        """``complete``, or why the first run that is not complete ended early, such as ``stopped`` or ``interrupted``."""
        states = (manifest.state for manifest in self._manifests)
        return next((state for state in states if state != "complete"), "complete")

    @property
    def failures(self) -> dict[str, str]:
        """Message by model id, for each model that could not be run."""
        return {
            failure.model_id: failure.message for manifest in self._manifests for failure in manifest.failures
        }

    def with_prices(
        self, prices: Mapping[str, float | str] | None = None, *, suite: str | os.PathLike[str] | None = None
    ) -> Results:
        """Return the same results at other prices; no request is sent again.

        Args:
            prices: Value by ``MODEL.key``, as ``--price`` of the command line takes them, such as
                ``{"llama-70b.usd_per_gpu_hour": 2.35}``. None: none.
            suite: A suite file whose ``cost`` of each model replaces that of the run. None: the run's own.

        Raises:
            InputError: A key is not known, or a value is no price. That a model or the suite is wrong is found when a
                table is asked for.
        """
        settings = [PriceSetting.from_entry(key, value) for key, value in (prices or {}).items()]
        return Results(
            self._counted,
            [*self._prices, *settings],
            self._suite if suite is None else Path(suite),
            self._weighting,
        )

    def with_weights(self, weights: Literal["traffic", "equal"]) -> Results:
        """Return the same results with other weights, as ``--weights`` of the command line has them.

        Args:
            weights: ``traffic``: figures count the requests that the items stand for, as they do by default if all items
                have weights. ``equal``: each item once.

        Raises:
            InputError: ``weights`` is neither. That an item has no weight is found when a table is asked for.
        """
        if weights not in {"traffic", "equal"}:
            raise InputError(f'found with_weights({weights!r}); write "traffic" or "equal"')
        return Results(self._counted, self._prices, self._suite, weights)

    def answer(self) -> str:
        """Return the answer in words, as ``bench run`` prints it: lines on quality, speed and cost, and what limits them."""
        return "\n".join(answer_text(self.gap(), [str(folder) for folder in self.folders]).plain_lines())

    def gap(
        self, *, margin_points: float | None = None, all_pairs: bool = False, against: str | None = None
    ) -> GapTable:
        """Compare closed and open models on the requests that both answered, as ``bench gap`` does.

        Args:
            margin_points: Gap that makes no difference, in percentage points of accuracy. None: the margin of the suite.
            all_pairs: Compare every closed model with every open one, in every category.
            against: Compare every other model, of either side, with this one.

        Returns:
            The table. Its ``frame`` has one row per metric and category: both values, the gap with its 95 % interval,
            and a verdict. Its ``headline()`` is one sentence.

        Raises:
            InputError: Both ``all_pairs`` and ``against`` are given.
            ResultsError: ``against`` is no model with a measured request.
        """
        if all_pairs and against is not None:
            raise InputError(f"found all_pairs and against={against!r}; give one of them")
        if margin_points is None and not all_pairs and against is None:
            return self._tables.gap
        return gap(
            self._runs,
            margin_points=margin_points,
            all_pairs=all_pairs,
            billed=self._tables.billed,
            against=against,
        )

    def cost(self) -> CostTable:
        """Compute what each model cost, in US dollars, as ``bench cost`` does.

        API calls are priced with today's price book unless the suite gives a price; own GPUs are priced by the hour.

        Returns:
            The table. Its ``frame`` has one row per model and category: dollars in total, per task, per correct answer
            and per million tokens. An unknown price is null, never 0.
        """
        return self._tables.cost

    def ladders(self) -> list[Ladder]:
        """Return each ladder: accuracy by rung, the rung at which each model is right half of the time, and the gap in rungs.

        Returns:
            One for each task that is a ladder; [] if there is none. ``to_json()`` gives plain values.
        """
        return list(self._tables.gap.ladders)

    def summary(self) -> Summary:
        """Summarize each model, as ``bench report`` does.

        Returns:
            The summary. Its ``frame`` has one row per cell, task, category and model: accuracy with its interval, coverage,
            counts of outcomes, times in seconds and cost. ``level("model")`` selects one level.
        """
        return self._tables.summary

    def attempts(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return one row for each attempt: each request, each retry, each warm-up request and each call of a judge.

        Args:
            columns: Any columns of the attempt row, which ``bench schema`` lists, and any derived ones, such as ``ttft_s``;
                :mod:`gapbench.analysis.frames` lists these. With a million rows each column takes about a second.
                None: those that the tables use, without texts and chunks.

        Returns:
            The rows, those of a run together, in the order in which they were written.

        Raises:
            InputError: A column is not known; the message has the nearest names.
        """
        if columns is None:
            return self._runs.frame.copy(deep=False)
        if isinstance(columns, str):
            columns = [columns]
        if not columns:
            return self._runs.frame[[]].copy()
        return load_runs(self._counted, columns=columns).frame[list(columns)]

    def samples(self, limit: int = 1_000) -> pd.DataFrame:
        """Return the answers of all models to each request, with prompt, target, reply and why the score is what it is.

        Args:
            limit: Requests to return, in the order in which they were first answered. Texts take memory.

        Returns:
            One row for each request and model: ``item`` (number of the request), ``task``, ``category``, ``sample_id``,
            ``repeat``, ``load``, ``model_id``, ``outcome``, ``score``, ``answer``, ``target``, ``reply``, ``reasoning``,
            ``reason``, ``error``, ``messages``, and counts and times. ``target`` and ``messages`` are JSON. Of an episode
            ``messages`` is the conversation up to the last reply, and times and tokens are those of that reply. If several
            runs have an answer of a model to a request, the newest is returned.
        """
        found = collect_samples(self._runs, limit)
        episodes = {
            name: join_messages(records(turns))
            for name, turns in found.turns.groupby("trajectory_id", sort=False)
        }
        of_item = ["task", "category", "sample_id", "repeat", "load"]
        rows = found.answers.join(found.items[of_item], on="item")
        whole = rows["trajectory_id"].astype(object).map(episodes)
        rows["messages"] = whole.where(whole.notna(), rows["messages"])
        first = [
            "item", *of_item, "model_id", "outcome", "score", "answer", "target", "reply", "reasoning", "reason", "error",
            "messages",
        ]  # fmt: skip
        return rows[[*first, *(name for name in rows.columns if name not in first)]]

    def plot_gap(self, *, title: str = "", size_in: tuple[float, float] | None = None) -> Chart:
        """Draw each accuracy gap with its 95 % interval, the zero line and the band of the margin.

        Args:
            title: Title above the chart. "": none.
            size_in: Width and height in inches. None: as much as the rows need.
        """
        return plots.plot_gap_intervals(self.gap(), title, size_in)

    def plot_rungs(self, task: str, *, title: str = "", size_in: tuple[float, float] | None = None) -> Chart:
        """Draw the accuracy of each model over the rungs of a ladder; see :class:`gapbench.report.chart_files.Chart`.

        Args:
            task: Name of the ladder.
            title: Title above the chart. "": none.
            size_in: Width and height in inches. None: the chart's own.

        Raises:
            ResultsError: No task of that name is a ladder.
        """
        return plots.plot_rung_curves(self._tables.gap, task, title, size_in)

    def plot_cost(self, *, title: str = "", size_in: tuple[float, float] | None = None) -> Chart:
        """Draw accuracy over cost per correct answer; the models that none beats in both are ringed.

        Args:
            title: Title above the chart. "": none.
            size_in: Width and height in inches. None: 6.4 by 3.4.
        """
        return plots.plot_accuracy_cost(self.summary(), title, size_in)

    def plot_latency(
        self,
        metric: Literal["response_s", "ttft_s"] = "response_s",
        *,
        title: str = "",
        size_in: tuple[float, float] | None = None,
    ) -> Chart:
        """Draw the distribution of each model's times over its measured requests.

        Args:
            metric: ``response_s``, what a user waits, or ``ttft_s``, the time to the first text.
            title: Title above the chart. "": none.
            size_in: Width and height in inches. None: as much as the rows need.
        """
        return plots.plot_latency(self.summary(), latency_quantiles(self._runs), metric, title, size_in)

    def plot_accuracy(self, *, title: str = "", size_in: tuple[float, float] | None = None) -> Chart:
        """Draw each model's accuracy in each task, with its 95 % interval.

        Args:
            title: Title above the chart. "": none.
            size_in: Width and height in inches. None: as much as the rows need.
        """
        return plots.plot_task_accuracy(self.summary(), title, size_in)

    def __repr__(self) -> str:
        mark = f", {formatting.SIMULATED}" if self.simulated else ""
        planned = sum(cell.planned for manifest in self._manifests for cell in manifest.cells)
        counts = (
            (len(self.folders), "run"),
            (len(self.models), "model"),
            (len(self.tasks), "task"),
            (planned, "request"),
        )
        found = ", ".join(formatting.count_of(count, noun) for count, noun in counts)
        return f"<gapbench.Results: {found}, {self.state}{mark}>"

    def _repr_html_(self) -> str:
        rows = [
            {
                "run": manifest.run_id,
                "started": manifest.started_at[:16].replace("T", " "),
                "state": manifest.state,
                "models": ", ".join(model.id for model in manifest.models),
                "tasks": len(manifest.tasks),
                "requests": sum(cell.planned for cell in manifest.cells),
            }
            for manifest in self._manifests[-_SHOWN_RUNS:]
        ]
        more = len(self._manifests) - len(rows)
        lines = [*([f"{more} earlier runs are not shown"] if more else []), *self.notes]
        frame = pd.DataFrame(rows)
        return table_html("Results", frame, frame.columns, lines, simulated=self.simulated)

    @property
    def _manifests(self) -> tuple[RunManifest, ...]:
        return self._counted.manifests

    @cached_property
    def _runs(self) -> Runs:
        runs = change_prices(load_runs(self._counted), self._prices, self._suite)
        return replace(runs, weighting=self._weighting)

    @cached_property
    def _tables(self) -> ResultTables:
        return load_results(self._runs)
