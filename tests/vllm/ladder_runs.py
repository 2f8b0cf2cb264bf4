"""Runs of `reasoning/arithmetic` on the model that learnt its lowest rungs: each rung alike, and adaptively."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from gapbench.analysis.quality.ladders import Ladder, LadderModel, RungAccuracy, summarize_ladders

PARAMS = {"temperature": 0, "max_tokens": 160}
ITEM_SEED = 2027
"""Neither a seed of the training nor that of the model's held-out questions."""
PER_RUNG = 25
FORMS: Mapping[str, Mapping[str, Any]] = {
    "fixed": {"rungs": "1-4", "per_rung": PER_RUNG},
    "adaptive": {"rungs": "1-6", "per_rung": 40, "adaptive": {"items": 60}},
}


def run_ladder(url: str, folder: Path, form: str) -> Path:
    """Ask the served model, and return the folder of the finished run.

    Args:
        url: Address of the server, without `/v1`.
        folder: Where the suite and the run are written.
        form: A key of :data:`FORMS`.
    """
    task = {"task": "reasoning/arithmetic", "seed": ITEM_SEED, "params": PARAMS, **FORMS[form]}
    model = {"id": "tiny", "runner": "vllm", "weights": "open", "model": "tiny", "base_url": f"{url}/v1"}
    suite = {"name": form, "tasks": [task], "loads": [{"concurrency": 8}], "models": [model]}
    path = folder / f"{form}.yaml"
    path.write_text(yaml.safe_dump(suite))
    command = [
        sys.executable,
        "-m",
        "gapbench.cli",
        "run",
        str(path),
        "--yes",
        "--quiet",
        "--out",
        str(folder / form),
    ]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Path(ended.stdout.strip().splitlines()[-1])


def read_ladder(run: Path) -> tuple[Ladder, LadderModel]:
    """Return the ladder of a run, and its model on it."""
    (ladder,) = summarize_ladders([run])
    return ladder, ladder.model("tiny")


def half_right_at(curve: Sequence[RungAccuracy]) -> float:
    """Return where a curve, taken as straight between its rungs, first falls through one half.

    Raises:
        ValueError: It does not.
    """
    for above, below in pairwise(curve):
        if above.accuracy >= 0.5 > below.accuracy:
            share = (above.accuracy - 0.5) / (above.accuracy - below.accuracy)
            return above.rung + share * (below.rung - above.rung)
    shares = ", ".join(f"{point.rung}: {point.accuracy:.2f}" for point in curve)
    raise ValueError(f"the curve does not fall through one half; it is {shares}")
