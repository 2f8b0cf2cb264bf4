"""Everything that a report shows of some runs, computed once and shared by all outputs.

:data:`TABLES` lists the tables of a report. To add one, declare it in a module of :mod:`gapbench.report.tables` and list it
there; the terminal, Markdown, the page and JSON then have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.cost.cost import CostTable, cost
from gapbench.analysis.cost.paid_attempts import PaidModels
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.analysis.quality.failures import failures
from gapbench.analysis.quality.gap import GapTable, gap
from gapbench.analysis.quality.pass_at_k import PassAtK, summarize_pass_at_k
from gapbench.analysis.quality.summary import LEVELS, Summary, summarize, summary_figures
from gapbench.analysis.quality.trajectories import TrajectoryTable, summarize_trajectories
from gapbench.report.answer import AnswerText, answer_json, answer_text
from gapbench.report.table import Table
from gapbench.report.tables.cost import cost_table, legs_table
from gapbench.report.tables.gap import gap_table
from gapbench.report.tables.ladders import ladder_table
from gapbench.report.tables.lm_eval import lm_eval_table
from gapbench.report.tables.pass_at_k import pass_at_k_table
from gapbench.report.tables.summary import summary_table
from gapbench.report.tables.trajectories import trajectory_table

SHOWN_LEVELS = ("model", "category")
"""Levels of the summary that the tables of a report show."""


@dataclass(frozen=True)
class ResultTables:
    """The analyses of some runs. Each is computed when an output first asks for it, and kept.

    Attributes:
        runs: The rows and manifests, read once.
        more_tables: Declarations of further tables, for programs that use gapbench as a library.
    """

    runs: Runs
    more_tables: tuple[Declaration, ...] = ()

    @cached_property
    def billed(self) -> Bill:
        """What each attempt cost."""
        return bill(self.runs)

    @cached_property
    def cost(self) -> CostTable:
        """Cost per task and per correct task."""
        return cost(self.runs, self.billed, self._paid)

    @cached_property
    def _paid(self) -> PaidModels:
        return PaidModels(self.runs, self.billed)

    @cached_property
    def summary(self) -> Summary:
        """Accuracy, coverage, times and cost of each model, by category, task and cell."""
        return self._summarize(tuple(LEVELS))

    @cached_property
    def shown_summary(self) -> Summary:
        """The models and categories of it, which the tables of a report show: over many rows the rest takes as long again."""
        return self.summary if "summary" in self.__dict__ else self._summarize(SHOWN_LEVELS)

    def _summarize(self, levels: tuple[str, ...]) -> Summary:
        # Before the cost, which then reads no row again.
        figures = summary_figures(self.runs, levels, self._paid)
        return summarize(self.runs, self.cost, levels, figures)

    @cached_property
    def gap(self) -> GapTable:
        """The gap between closed and open models."""
        return gap(self.runs, billed=self.billed)

    @cached_property
    def answer(self) -> AnswerText:
        """The answer in words: quality, speed and cost, one line each."""
        return answer_text(self.gap, rest=())

    @cached_property
    def pass_at_k(self) -> PassAtK:
        """pass@k over repeats."""
        return summarize_pass_at_k(self.runs)

    @cached_property
    def trajectories(self) -> TrajectoryTable:
        """Episodes by model and task."""
        return summarize_trajectories(self.runs, self.billed)

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The tables of a report by key, in the order of the terminal."""
        declared = (declare(self) for declare in (*TABLES, *self.more_tables))
        return {table.key: table for table in declared if table is not None}

    @cached_property
    def warnings(self) -> list[str]:
        """The warnings of the summary and of the gap, each once."""
        return list(dict.fromkeys([*self.shown_summary.warnings, *self.gap.warnings]))

    def compute(self, *, whole_summary: bool = False) -> ResultTables:
        """Compute what is shown now and was not computed yet, the gap in a second thread, and return ``self``.

        Sorting and resampling release the interpreter lock, so over a million rows the gap adds no time.

        Args:
            whole_summary: Also tasks and cells.
        """
        with ThreadPoolExecutor(1) as pool:
            pending = None if "gap" in self.__dict__ else pool.submit(gap, self.runs, billed=self.billed)
            _ = self.summary if whole_summary else self.shown_summary
            _ = self.pass_at_k
            if pending is not None:
                # What the property would store; computing it there instead could run it twice.
                self.__dict__["gap"] = pending.result()
        return self

    def unanswered_models(self) -> dict[str, str]:
        """Return each model that answered no request, with why: the kinds of failure, and what the most frequent said."""
        tally = self.runs.tally
        tally = tally[(tally["final"] & ~tally["phase"].isin(["judge", "user"])).to_numpy(dtype=bool)]
        answered = set(tally["model_id"][(tally["outcome"] != "infra").to_numpy()])
        silent = [name for name in dict.fromkeys(tally["model_id"]) if name not in answered]
        if not silent:
            return {}
        failed = failures(self.runs)
        final = failed[(failed["final"] > 0).to_numpy(dtype=bool)]
        kinds = {
            name: ", ".join(
                sorted(set(final["failure_kind"][(final["model_id"] == name).to_numpy()].astype(str)))
            )
            for name in silent
        }
        table = failed.dropna(subset=["example"]).drop_duplicates("model_id")
        said = dict(zip(table["model_id"].astype(str), table["example"].astype(str), strict=True))
        return {
            model: f"{found}: {said[model]}" if model in said else found for model, found in kinds.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``bench report --json``."""
        # The tables with their own layout: here, and in `bench gap --json` and `bench cost --json`.
        own_shape = {"summary", "episodes", "passes", "gap", "cost", "ways"}
        summary = self.compute(whole_summary=True).summary.to_json()
        tables = {
            key: table.to_json()
            for key, table in self.tables.items()
            if key not in own_shape and "json" in table.outputs
        }
        return summary | {
            "answer": answer_json(self.gap),
            "passes": self.pass_at_k.to_json(),
            "episodes": self.trajectories.to_json(),
            "tables": tables,
        }


Declaration = Callable[[ResultTables], Table | None]
"""Returns a table of some results. None: they have nothing to show in it."""
TABLES: tuple[Declaration, ...] = (
    lambda results: summary_table(results.shown_summary),
    lambda results: trajectory_table(results.trajectories),
    lambda results: ladder_table(results.gap.ladders, results.gap.weights),
    lambda results: pass_at_k_table(results.pass_at_k),
    lambda results: gap_table(results.gap),
    lambda results: cost_table(results.cost),
    lambda results: legs_table(results.cost),
    lambda results: lm_eval_table(results.runs.manifests),
)
"""Every table of a report, in the order of the terminal."""


Results = ResultTables | Runs | Folders
"""Results, or what they can be computed from."""


def load_results(runs: Results, *, more_tables: tuple[Declaration, ...] = ()) -> ResultTables:
    """Return the results of runs; what has been read or computed already is used as it is.

    Args:
        runs: Run folders, what was read from them, or their results.
        more_tables: See :class:`ResultTables`; not used where results are given.

    Raises:
        ResultsError: A folder is not a run.
    """
    if isinstance(runs, ResultTables):
        return runs
    return ResultTables(load_runs(runs), more_tables)
