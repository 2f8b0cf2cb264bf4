"""What each answer was judged by: the task's version, the scorer, its options, and the target.

Two answers to one item compare only if all of these are equal. They can differ if the two models were measured in
different runs, between which someone changed the task.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Runs, group_codes
from gapbench.errors import ResultsError
from gapbench.stats import Ints
from gapbench.store import read_payload
from gapbench.store.attempt_frame import read_frame
from gapbench.values import ATTEMPT_KEY

KEY_COLUMNS = ("run_id", "task", "task_sha256", "scorer", "runner", *ATTEMPT_KEY)
"""Columns of the runs' frame that :func:`answer_keys` uses."""
_TARGET_IS_KEY = frozenset(
    (
        "anls", "choice", "contains", "exact", "f1", "json", "judge", "math", "none", "numeric", "regex", "relaxed",
        "rouge", "tool_call", "verdict",
    )
)  # fmt: skip
"""Scorers that read nothing of the sample but its target, which is stored with the answer. Others read columns that are
not stored (such as hidden tests), so only an equal task shows that those are equal."""


def context_keys(runs: Runs, contexts: pd.DataFrame) -> dict[str, Ints]:
    """Return codes of the task's version, the scorer and its options for rows with ``run_id``, ``task`` and ``scorer``.

    A negative code is unknown.
    """
    facts = {
        (str(manifest.run_id), task.name): task for manifest in runs.manifests for task in manifest.tasks
    }
    keys = zip(contexts["run_id"].astype(str), contexts["task"].astype(str), strict=True)
    entries = [facts.get(key) for key in keys]
    versions = [None if task is None or task.version is None else str(task.version) for task in entries]
    return {
        "version": _codes(versions),
        "scorer": _codes(contexts["scorer"]),
        "scorer options": _codes([None if task is None else task.scorer_sha256 for task in entries]),
    }


def target_codes(runs: Runs) -> tuple[Ints, Ints] | None:
    """Return the numbers of the measured requests whose targets must be compared, ascending, and the codes of these.

    None: all runs have the same tasks, so that each sample has one target.
    """
    tally = runs.tally
    finals = tally[(tally["final"] & (tally["phase"] == "measure")).to_numpy(dtype=bool)]
    changed = _changed_tasks(finals)
    if not changed and not finals["runner"].str.startswith("import:").any():
        return None
    frame = read_frame(
        runs.attempts,
        ["ord", *dict.fromkeys(KEY_COLUMNS)],
        where="a.final AND a.phase = 'measure' AND (list_contains($tasks, a.task) OR starts_with(a.runner, 'import:'))",
        where_columns=("final", "phase", "task", "runner"),
        values={"tasks": sorted(changed)},
    )
    return frame["ord"].to_numpy(), _target_codes(
        runs, frame, np.full(len(frame), -1, dtype=np.int32), changed
    )


def _changed_tasks(rows: pd.DataFrame) -> set[str]:
    """Return the tasks that have more than one hash of document and data."""
    hashes = rows[["task", "task_sha256"]].astype(str).drop_duplicates()
    return set(hashes["task"][hashes["task"].duplicated(keep=False)])


def answer_keys(runs: Runs, places: Ints) -> dict[str, Ints]:
    """Return codes of what each of some attempts was judged by. A negative code is unknown.

    Keys are ``version``, ``scorer``, ``scorer options`` and ``target``. A task whose document and data have one hash in all
    runs has one target for each sample, so no texts are read. A task that changed may still have the same sample: then the
    stored targets are compared.

    Args:
        runs: The runs.
        places: Rows of the runs' frame.
    """
    unknown = np.full(len(places), -1, dtype=np.int32)
    frame = runs.frame[list(dict.fromkeys(KEY_COLUMNS))].iloc[places]
    # There are few runs, tasks and scorers, so each combination is looked up once.
    by = ["run_id", "task", "scorer"]
    code = group_codes(frame, by)
    first = np.unique(code, return_index=True)[1]
    keys = context_keys(runs, frame[by].iloc[first])
    return {
        **{name: codes[code] for name, codes in keys.items()},
        "target": _target_codes(runs, frame, unknown, _changed_tasks(frame)),
    }


def _codes(values: Any) -> Ints:
    code: Ints = pd.factorize(np.asarray(values, dtype=object))[0].astype(np.int32)
    return code


def _target_codes(runs: Runs, frame: pd.DataFrame, unknown: Ints, changed: set[str]) -> Ints:
    """Return the code of each target, and unknown where all runs have the same task."""
    # The hash of another harness's task covers its name and version, not its data.
    imported = frame["runner"].astype(str).str.startswith("import:")
    wanted = (frame["task"].astype(str).isin(changed) | imported).to_numpy()
    if not wanted.any():
        return unknown
    part = frame[wanted]
    targets = _stored_targets(runs, part)
    stored = part["scorer"].astype(object).isin(_TARGET_IS_KEY).to_numpy() | imported.to_numpy()[wanted]
    whole = ("task " + part["task_sha256"].astype(str)).to_numpy()
    codes = unknown.copy()
    codes[wanted] = _codes(np.where(stored & (targets != None), targets, whole))  # noqa: E711 - element by element
    return codes


def _stored_targets(runs: Runs, part: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return the stored target of each attempt as JSON, "null" if it has none, and None if its texts are gone."""
    key = list(ATTEMPT_KEY)
    names = set(part["run_id"].astype(str))
    folders = [folder for folder in runs.folders if folder.name in names]
    missing = np.full(len(part), None, dtype=object)
    try:
        texts = read_payload(folders, [*key, "target"])
    except (OSError, ResultsError):
        return missing
    plain = {"run_id": str, "cell_id": str, "sample_id": str}
    texts = texts.astype(plain).assign(
        target=texts["target"].astype(object).where(texts["target"].notna(), "null")
    )
    found = part[key].astype(plain).merge(texts, on=key, how="left")["target"].astype(object)
    return found.where(found.notna(), None).to_numpy()
