"""The nightly job with a real vLLM on the CPU that bench starts and stops itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gapbench.store import read_attempts, read_manifest
from tests.vllm.real import ROOT, VLLM_PYTHON


@pytest.mark.vllm
def test_the_nightly_script_runs_on_a_cpu(tmp_path: Path) -> None:
    """`make nightly CPU=1`: the server is owned, 120 requests are answered, the run becomes the baseline.

    The model is right often and wrong often, so that the gate can say no, and it does when answers are cut short.
    """
    done = subprocess.run(
        [str(ROOT / "scripts" / "nightly.sh")],
        cwd=ROOT,
        env={
            **os.environ, "CPU": "1", "OUT": str(tmp_path), "VLLM_PYTHON": str(VLLM_PYTHON),
            "BENCH": str(Path(sys.executable).parent / "bench"),
        },
        capture_output=True, text=True, check=False, timeout=580,
    )  # fmt: skip
    run = next(tmp_path.glob("nightly-cpu-*"))
    manifest = read_manifest(run)
    scores = read_attempts([run], ["score"])["score"]

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "complete" == manifest.state
    assert (120, True) == (len(scores), 0.6 < scores.mean() < 0.95)
    assert "The gate says no" in (ROOT / "nightly" / "summary.md").read_text()
    assert "vllm" in json.dumps(manifest.models[0].facts)
    assert "nightly-cpu" in json.loads((tmp_path / "baselines.json").read_text())
