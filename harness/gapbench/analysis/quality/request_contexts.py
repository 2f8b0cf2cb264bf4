"""The kinds of measured attempts: what their labels lead to, once for each combination instead of once for each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.adaptive_tasks import adaptive_tasks, is_adaptive
from gapbench.analysis.answer_keys import context_keys
from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.cost.quotes import QUOTE_COLUMNS
from gapbench.analysis.frames import Runs, group_codes
from gapbench.analysis.sample_design import task_seed
from gapbench.stats import Ints

_LABELS = list(
    dict.fromkeys(
        (
            "run_id", "cell_id", "task", "task_sha256", "category", "scorer", "outcome", "final", "load_kind", "from_cache",
            "turns", *QUOTE_COLUMNS,
        )
    )
)  # fmt: skip
"""Labels that a request's codes, keys and price follow from."""
KEYS = ("version", "scorer", "scorer options")
"""What answers are judged by, as far as labels tell."""


class RequestContexts:
    """The kinds of measured attempts of some runs.

    The probes of a load search do not count, unless there is nothing else.

    Args:
        runs: The runs.
        account: Their bill.

    Attributes:
        table: One row for each kind: its labels, ``load``, ``quote`` (place of its price, -1: none), ``category_code``,
            ``task_code``, ``load_code``, a code of each of :data:`KEYS` (``key version``), ``cell`` (code of the cell),
            ``run`` (place of the run), and whether an attempt is ``infra``, ``correct``, ``scored``, ``picked`` (by an adaptive run) and ``counted``;
            ``is_gpu`` and ``gpu_usd`` are what it costs by the hour.
        models: Models with requests that count.
        categories: Code of each category.
        tasks: Names of the tasks, by code.
        loads: Names of the loads, by code.
        repeats: Number of repetitions of an item, at most.
    """

    def __init__(self, runs: Runs, account: Bill) -> None:
        tally = runs.tally
        is_measured = (tally["phase"] == "measure").to_numpy()
        measured = tally[is_measured]
        finals = measured[measured["final"].to_numpy(dtype=bool)]
        compared = finals[(finals["load_kind"] != "search").to_numpy()]
        with_probes = compared.empty
        counted = finals if with_probes else compared
        self.models = [str(name) for name in counted["model_id"].unique()]
        self.categories = {str(name): code for code, name in enumerate(counted["category"].unique())}
        self.tasks = [str(name) for name in counted["task"].unique()]
        self.loads = [str(name) for name in counted["load"].unique()]
        self.repeats = 1 + int(measured["high_repeat"].max() if len(measured) else 0)
        codes = group_codes(measured, _LABELS)
        # Codes are in no order that matters; a kind is the first row that has its code.
        kinds, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
        self._of_row = np.full(len(tally), -1, dtype=np.int32)
        self._of_row[is_measured] = of_row
        self._counted = runs.counted
        places = account.prices.places[is_measured][first]
        table = measured[[*_LABELS, "load"]].iloc[first].assign(quote=places).reset_index(drop=True)
        self.table = self._describe(runs, account, table, with_probes=with_probes)
        assert len(self.table) == len(kinds)

    def _describe(self, runs: Runs, account: Bill, table: pd.DataFrame, *, with_probes: bool) -> pd.DataFrame:
        shares = [account.shares.get(key) for key in zip(table["run_id"], table["cell_id"], strict=True)]
        finals = table["final"].to_numpy(dtype=bool)
        infra = (table["outcome"] == "infra").to_numpy()
        run_ids = [manifest.run_id for manifest in runs.manifests]
        known = {
            "category": [self.categories.get(str(name), -1) for name in table["category"]],
            "task": [_place(self.tasks, name) for name in table["task"]],
            "load": [_place(self.loads, name) for name in table["load"]],
        }
        return table.assign(
            **{f"{name}_code": np.array(codes, dtype=np.int16) for name, codes in known.items()},
            **{f"key {name}": codes for name, codes in context_keys(runs, table).items()},
            cell=group_codes(table, ["run_id", "cell_id"]),
            run=[run_ids.index(str(name)) for name in table["run_id"]],
            infra=infra,
            correct=(table["outcome"] == "correct").to_numpy(),
            scored=finals & ~table["outcome"].isin(["infra", "unscored"]).to_numpy(),
            picked=is_adaptive(table, adaptive_tasks(runs.manifests)),
            counted=finals & (with_probes | (table["load_kind"] != "search").to_numpy()),
            is_gpu=[share is not None for share in shares],
            gpu_usd=[
                0.0 if share is None else float(share.usd_of(is_final, not failed))
                for share, is_final, failed in zip(shares, finals, infra, strict=True)
            ],
        )

    def of_model(self, model_id: str) -> Ints:
        """Return the numbers of a model's kinds."""
        found: Ints = np.flatnonzero((self.table["model_id"] == model_id).to_numpy())
        return found

    def places(self, model_id: str) -> pd.DataFrame:
        """Return where the attempts of a model's kinds are.

        Returns:
            ``code``: that of :meth:`gapbench.analysis.tally.Tally.code_of`, ``context``: the number of the kind, ``seed``:
            what the hashes of its samples' ids are combined with, so that samples of two tasks differ.
        """
        contexts = self._of_row[self._counted.numbers]
        is_wanted = np.isin(contexts, self.of_model(model_id))
        contexts = contexts[is_wanted]
        seeds = np.array([task_seed(str(name)) for name in self.table["task"]], dtype=np.uint64)
        return pd.DataFrame(
            {"code": self._counted.codes[is_wanted], "context": contexts, "seed": seeds[contexts]}
        )

    def lookup(self, name: str, kind: Any = None) -> np.ndarray[Any, Any]:
        """Return a column of ``table``, to be indexed by the number of a kind."""
        found: np.ndarray[Any, Any] = self.table[name].to_numpy(dtype=kind)
        return found


def _place(names: Sequence[str], name: Any) -> int:
    return names.index(str(name)) if str(name) in names else -1
