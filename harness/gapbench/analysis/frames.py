"""Runs as one pandas frame: the stored attempt rows plus derived columns.

Derived columns, in seconds unless the name says otherwise. NaN means that one of the instants did not happen:

=================== =====================================================================================
``queue_s``          sent minus scheduled: waiting in this client
``ttft_s``           first text of any channel minus sent
``answer_ttft_s``    first text of the answer channel minus sent
``latency_s``        done minus sent
``response_s``       done minus scheduled: what a user waits, including the client's queue; of the last row of an episode
                     the time of the whole episode
``answer_chars_per_s`` answer characters over latency: a speed that does not depend on tokenizer or chunk size; of the
                     last row of an episode over all its replies
``complete_call_s``  last byte of the first tool call minus sent
``tpot_s``           time per output token, known only if the server counted tokens at each chunk
``load``             last part of the cell's name: ``c16`` (in flight), ``r4`` (per second), or the load's name
``scored``           whether the score counts towards an accuracy: final, measured, neither ``infra`` nor ``unscored``, and
                     not of a task that is asked adaptively (:mod:`gapbench.analysis.adaptive_tasks`)
``timed``            whether the row has the times of a measured reply: final, or a reply within an episode
``retried``          whether the attempt failed and was made again; a reply within an episode was not
``has_cached_reply`` whether our own cache gave the reply or, in the last row of an episode, any of its replies
=================== =====================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.adaptive_tasks import adaptive_tasks
from gapbench.analysis.column_names import check_columns
from gapbench.analysis.continued_runs import CountedRuns, find_runs
from gapbench.analysis.model_frames import REQUEST_IN_CELL, ModelFrames
from gapbench.analysis.run_folders import judging_runs
from gapbench.analysis.tally import Tally, count_attempts, score_outside
from gapbench.analysis.weighting import (
    DESIGN_COLUMNS,
    AppliedWeights,
    Weighting,
    apply_weights,
    limited_tasks,
)
from gapbench.errors import ResultsError
from gapbench.formatting import count_of
from gapbench.stats import Floats, Ints, dense_codes
from gapbench.store import read_manifest
from gapbench.store.attempt_frame import read_frame
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.store.derived_columns import DERIVED
from gapbench.store.manifest import CellEntry, ModelEntry, RunManifest
from gapbench.store.schema import ATTEMPT_SCHEMA

COLUMNS = (
    "run_id", "cell_id", "task", "task_sha256", "category", "sample_id", "cluster_id", "repeat", "attempt", "final",
    "phase", "model_id", "runner", "model_asked", "model_served", "weights", "simulated", "prompt_sha256",
    "params_asked", "params_sent", "params_changes", "image_count", "image_bytes", "image_detail", "load_kind",
    "load_value", "worker", "transport", "service_tier", "started_at", "scheduled_s", "sent_s", "first_token_s",
    "first_answer_s", "last_token_s", "done_s", "input_tokens", "cached_input_tokens", "cache_write_tokens",
    "cache_write_1h_tokens", "output_tokens", "reasoning_tokens", "reasoning_disclosure", "output_chars", "outcome",
    "failure_kind", "http_status", "from_cache", "scorer", "score", "partial", "trajectory_id", "turn", "tool_calls",
    "rung", "complexity",
)  # fmt: skip
"""Columns that the tables need, read unless others are named: all except texts, reply ids and the lists of chunks."""
_CHUNKS = ("chunk_s", "chunk_tokens")
_CODED = (
    "sample_id", "cluster_id", "prompt_sha256", "params_asked", "params_sent", "params_changes", "trajectory_id",
)  # fmt: skip
Folders = str | Path | Sequence[str | Path]
"""A run folder, a folder that holds runs, or several of either."""


@dataclass(frozen=True, repr=False)
class Runs:
    """Runs read once.

    Attributes:
        folders: The run folders.
        manifests: ``run.json`` of each.
        attempts: Their rows, with the derived columns, as a relation: what asks for sums and single models reads these.
        columns: The columns of ``frame``.
        judgings: ``run.json`` of each judging run inside these runs. Their models (the judges) are not compared.
        notes: What a reader of any figure must know: other prices than those of the runs, and named runs that do not count,
            or only in part, because a newer run continues them; see :mod:`gapbench.analysis.continued_runs`.
        replaced: Cells that do not count for that reason, by run id. Their rows are not in ``frame``.
        weighting: What figures are to count. None: the traffic if every item has a weight, else each request once.
    """

    folders: tuple[Path, ...]
    manifests: tuple[RunManifest, ...]
    attempts: AttemptRelation
    columns: tuple[str, ...]
    judgings: tuple[RunManifest, ...] = ()
    notes: tuple[str, ...] = ()
    replaced: Mapping[str, frozenset[str]] = field(default_factory=dict)
    weighting: Weighting | None = None
    _model_frames: ModelFrames = field(init=False, default_factory=ModelFrames, compare=False)

    def __repr__(self) -> str:
        counts = ((len(self.folders), "run"), (len(self.models), "model"), (self.attempts.rows, "attempt"))
        return f"<Runs: {', '.join(count_of(count, noun) for count, noun in counts)}>"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each attempt, in the order written, with the derived columns. Calls of judges have phase ``judge``.

        Raises:
            ResultsError: A part cannot be read, or a score is not within 0 to 1.
        """
        columns = [*self.columns, *(name for name in self._design_columns if name not in self.columns)]
        frame = read_frame(self.attempts, columns, [name for name in _CODED if name in columns])
        if "score" in frame.columns:
            _refuse_scores_outside_0_to_1(frame)
        return frame

    @property
    def tally(self) -> pd.DataFrame:
        """The attempts counted by their labels; see :mod:`gapbench.analysis.tally`.

        Runs, models and tasks come in the order of their suites: models that are asked side by side finish in any order.

        Raises:
            ResultsError: A part cannot be read, or a score is not within 0 to 1.
        """
        return self.counted.rows

    @cached_property
    def counted(self) -> Tally:
        """The tally, and which of its rows each attempt belongs to."""
        counted = count_attempts(self.attempts)
        models: dict[tuple[str, str], int] = {}
        tasks: dict[tuple[str, str], int] = {}
        for manifest in self.manifests:
            for model in manifest.models:
                models.setdefault((manifest.run_id, model.id), len(models))
            for task in manifest.tasks:
                tasks.setdefault((manifest.run_id, task.name), len(tasks))
        runs = counted.rows["run_id"].astype(str)
        places = [
            [known.get(key, len(known)) for key in zip(runs, counted.rows[label].astype(str), strict=True)]
            for label, known in (("task", tasks), ("model_id", models))
        ]
        return counted.sorted_by(np.lexsort(places))

    def model_frame(self, model_id: str, further: Collection[str] = ()) -> pd.DataFrame:
        """Return the attempts of one model in the order written, with a few columns; see :mod:`gapbench.analysis.model_frames`.

        Args:
            model_id: The model.
            further: Further stored columns.

        Raises:
            ResultsError: A part cannot be read, a score is not within 0 to 1, or rows were added while they were read.
        """
        _ = self.tally  # It refuses scores that are none.
        has_requests = self.applied_weights.has_design or self.attempts.may_have("turn")
        own = (*self._design_columns, *(REQUEST_IN_CELL if has_requests else ()))
        return self._model_frames.read(self.attempts, model_id, [*own, *further])

    @cached_property
    def applied_weights(self) -> AppliedWeights:
        """What figures count.

        Raises:
            ResultsError: The traffic is asked for and is not known; see :func:`apply_weights`.
        """
        return apply_weights(self.attempts, self.weighting, limited_tasks(self.manifests))

    def without_weights(self, what: str) -> tuple[Runs, list[str]]:
        """Return the runs with each item counted once, and a sentence where other tables of them count the traffic.

        Args:
            what: See :meth:`AppliedWeights.counts_items`.
        """
        return replace(self, weighting="equal"), self.applied_weights.counts_items(what)

    @property
    def _design_columns(self) -> tuple[str, ...]:
        return DESIGN_COLUMNS if self.applied_weights.has_design else ()

    @property
    def has_probes_beside_others(self) -> bool:
        """Whether the probes of a load search are left out, since there are other rows; see :func:`without_search_probes`."""
        # Calls of judges and of played users are no other load.
        probes = self._final_tally["load_kind"] == "search"
        return bool(probes.any() and not probes.all())

    @property
    def _final_tally(self) -> pd.DataFrame:
        rows = self.tally
        return rows[(rows["final"] & (rows["phase"] == "measure")).to_numpy(dtype=bool)]

    @property
    def measured_tally(self) -> pd.DataFrame:
        """The rows of ``tally`` that count the attempts of ``measured_attempts``."""
        return without_search_probes(self._final_tally)

    @cached_property
    def measured_attempts(self) -> pd.DataFrame:
        """The final attempts of the measured phase: one row for each request; see :func:`without_search_probes`."""
        frame = self.frame
        return without_search_probes(frame[frame["final"] & (frame["phase"] == "measure")])

    @cached_property
    def measured_replies(self) -> pd.DataFrame:
        """The rows with the times of measured replies: those of ``measured_attempts``, and all turns of episodes."""
        return without_search_probes(self.frame[self.frame["timed"].to_numpy()])

    @cached_property
    def batched(self) -> frozenset[tuple[str, str]]:
        """The models that were asked in batches, as (run id, model id): their answers have no times, and belong to no load."""
        return frozenset(
            (manifest.run_id, model.id)
            for manifest in self.manifests
            for model in manifest.models
            if model.batch
        )

    def without_batches(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of models that were asked live. ``run_id`` and ``model_id`` must be among the columns."""
        if not self.batched:
            return frame
        keys = pd.MultiIndex.from_arrays([frame["run_id"].astype(str), frame["model_id"].astype(str)])
        return frame[~keys.isin(list(self.batched))]

    @property
    def simulated(self) -> bool:
        """Whether any row or model is simulated."""
        declared = any(model.simulated for manifest in self.manifests for model in manifest.models)
        rows = self.frame if "frame" in self.__dict__ and "simulated" in self.columns else self.tally
        return bool(declared or rows["simulated"].any())

    @property
    def models(self) -> list[str]:
        """Model ids, in the order of the suites."""
        ids = [model.id for manifest in self.manifests for model in manifest.models]
        return list(dict.fromkeys(ids))

    def model(self, model_id: str) -> ModelEntry:
        """Return a model's entry in the newest manifest that has it.

        Raises:
            ResultsError: No run has the model.
        """
        for manifest in (*reversed(self.manifests), *self.judgings):
            for model in manifest.models:
                if model.id == model_id:
                    return model
        msg = f"no run here has a model {model_id!r}; they have: {', '.join(self.models)}"
        raise ResultsError(msg)

    @property
    def categories(self) -> list[str]:
        """Categories, in the order of the suites."""
        return list(dict.fromkeys(cell.category for _, cell in self.cells))

    @property
    def cells(self) -> list[tuple[str, CellEntry]]:
        """The cells of all manifests that count, each after its run's id."""
        return [
            (manifest.run_id, cell)
            for manifest in self.manifests
            for cell in manifest.cells
            if cell.cell_id not in self.replaced.get(manifest.run_id, ())
        ]


def load_runs(
    runs: Runs | CountedRuns | Folders,
    *,
    chunks: bool = False,
    columns: Collection[str] | None = None,
    keep_replaced: bool = False,
) -> Runs:
    """Return runs as one frame. Runs that are already loaded are returned unchanged.

    Args:
        runs: A run folder, a folder that holds runs (oldest first), a pattern, an address, or several of them.
        chunks: Also read the arrival time of each chunk, for ``tpot_s``. Takes several times the memory.
        columns: Columns that will be used: any of the attempt row, and derived ones. With millions of rows each costs
            about a second. None means :data:`COLUMNS` and the derived ones.
        keep_replaced: Whether cells count that a newer run among them continues, to compare the two.

    Raises:
        InputError: A column is not known.
        ResultsError: There is no run, a folder is not a run, or a newer gapbench wrote it.
    """
    if isinstance(runs, Runs):
        return runs
    check_columns(columns or (), [*ATTEMPT_SCHEMA.names, *DERIVED])
    if not isinstance(runs, CountedRuns):
        names = [runs] if isinstance(runs, str | Path) else runs
        runs = find_runs(names, keep_replaced=keep_replaced)
    judging = [folder for run in runs.folders for folder in judging_runs(run)]
    wanted = {*columns, "run_id", "phase", "simulated"} if columns else {*COLUMNS, *DERIVED} - {"tpot_s"}
    if chunks:
        wanted |= {*_CHUNKS, "tpot_s"}
    judgings = tuple(read_manifest(folder) for folder in judging)
    attempts = AttemptRelation(runs.folders, judging, runs.replaced, adaptive_tasks(runs.manifests))
    ordered = tuple(name for name in (*ATTEMPT_SCHEMA.names, *DERIVED) if name in wanted)
    return Runs(runs.folders, runs.manifests, attempts, ordered, judgings, runs.notes, runs.replaced)


def read_columns(runs: Runs, columns: Sequence[str]) -> pd.DataFrame:
    """Return stored columns that ``runs.frame`` does not hold, with the same rows in the same order.

    The rows of judges are left out; they are the last rows of ``runs.frame``.
    """
    return read_frame(AttemptRelation(runs.folders, replaced=runs.replaced), columns)


def _refuse_scores_outside_0_to_1(frame: pd.DataFrame) -> None:
    scores = as_floats(frame["score"])
    outside = np.flatnonzero((scores < 0) | (scores > 1))
    if not len(outside):
        return
    names = [name for name in ("run_id", "sample_id", "task") if name in frame.columns]
    row = frame[names].iloc[int(outside[0])]
    where = f"sample {row['sample_id']} of {row['task']}" if len(names) == 3 else "a sample"
    raise score_outside(str(row["run_id"]), where, float(scores[outside[0]]))


def shared_models(first: Runs, second: Runs) -> list[str]:
    """Return the model ids that both runs have, in the order of the first.

    Raises:
        ResultsError: They have no model in common.
    """
    shared = [name for name in first.models if name in second.models]
    if not shared:
        raise ResultsError(
            f"the runs share no model: {', '.join(first.models)} against {', '.join(second.models)}; "
            "compare runs of one suite"
        )
    return shared


def without_search_probes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to compare: without the probes of a load search, unless there are no other rows.

    A search overloads the server on purpose, and does so at different rates for each model.
    """
    probes = (frame["load_kind"] == "search").to_numpy()
    return frame[~probes] if probes.any() and not probes.all() else frame


def load_of_cell(cell_id: str) -> str:
    """Return the load in a cell's name: ``c16`` for ``model|task|c16``."""
    return cell_id.rsplit("|", 1)[-1]


def group_codes(frame: pd.DataFrame, columns: Sequence[str]) -> Ints:
    """Return one dense integer for each distinct combination of ``columns``, sorted by the first of them, then the next."""
    combined: Ints = np.zeros(len(frame), dtype=np.int32)
    for column in columns:
        code, kinds = _codes(frame[column])
        if kinds == 1 and code.min(initial=0) == 0:
            continue  # A constant column does not distinguish rows.
        reach = (int(combined.max(initial=0)) + 1) * (kinds + 1)
        wide: Ints = combined.astype(np.int32 if reach < 2**31 else np.int64)
        wide *= kinds + 1
        wide += code
        combined = dense_codes(wide)
    return combined


def _codes(values: pd.Series[Any]) -> tuple[Ints, int]:
    """Return a code of each value, -1 where it is unknown, and one more than the largest may be."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values.cat.codes), len(values.cat.categories)
    if len(values) and values.dtype.kind in "iufM" and bool((values == values.iloc[0]).all()):
        return np.zeros(len(values), dtype=np.int8), 1  # A tenth of the time of numbering.
    code, kinds = pd.factorize(values)
    return code.astype(np.int64, copy=False), len(kinds)


def as_floats(series: pd.Series[Any]) -> Floats:
    """Return a column as 64-bit floats, with NaN for unknown values; they are not to be written to."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiu":
        return series.to_numpy(dtype=np.float64)
    values: Floats = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def group_rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[Ints]:
    """Return the row numbers of each distinct combination of ``columns``. Unknown values form groups too."""
    if frame.empty:
        return []
    code = group_codes(frame, columns)
    if not code.any():
        return [np.arange(len(frame))]
    # A small number sorts in one pass.
    order = np.argsort(code.astype(np.int16) if code.max() < 2**15 else code, kind="stable")
    return list(np.split(order, np.flatnonzero(np.diff(code[order])) + 1))
