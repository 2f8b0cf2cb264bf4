"""lm-eval's tasks by log-probability on real vLLM: the same figures from `bench run` and from lm-eval itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.store import read_manifest
from tests.harness.lm_eval.conftest import TASKS
from tests.harness.lm_eval.test_same_metric import by_lm_eval, numbers

pytestmark = pytest.mark.vllm


@pytest.mark.parametrize("name", ["choices", "pairs", "cloze", "rolling"])
def test_real_log_probabilities_give_the_same_figures(
    name: str, vllm_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request at a time on both sides, so that the server adds up in the same order."""
    suite = tmp_path / "suite.yaml"
    model = {"id": "m", "runner": "vllm", "model": "tiny", "weights": "open", "base_url": f"{vllm_url}/v1"}
    entry = {"lm_eval": str(TASKS / f"{name}.yaml")}
    suite.write_text(
        json.dumps({"name": "s", "models": [model], "tasks": [entry], "loads": [{"concurrency": 1}]})
    )

    assert 0 == invoke(["run", str(suite), "--yes", "--quiet", "--out", str(tmp_path / "results")])
    (folder,) = (path.parent for path in (tmp_path / "results").glob("*/run.json"))
    (graded,) = read_manifest(folder).graded
    monkeypatch.chdir(TASKS)
    theirs = by_lm_eval(name, vllm_url, chat=False, model="tiny")

    assert numbers(theirs["results"]) == pytest.approx(numbers(graded["results"]), rel=1e-6)
    assert len(numbers(graded["results"])) > 1
