"""What arrived in the steady window of a cell, whichever way the chunks at its edges are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.steady_state import steady_throughput
from gapbench.store import RunWriter
from gapbench.values import Attempt
from tests.makers import payload
from tests.run_folders import make_attempt, write_run


def long_replies(rng: np.random.Generator, model: str) -> list[Attempt]:
    """Return 30 requests a second apart, the first 5 for warm-up, whose text arrives for up to 6 s; some have no counts."""
    rows: list[Attempt] = []
    for k in range(30):
        at_s = k + 0.2 + np.sort(rng.random(4) * 6)
        counts = np.cumsum(rng.integers(1, 9, 4))
        rows.append(
            make_attempt(
                run_id="run", model_id=model, sample_id=str(k), load_kind="rate", load_value=1.0,
                cell_id=f"{model}|reasoning/sums|r1", phase="warmup" if k < 5 else "measure", scheduled_s=float(k),
                sent_s=float(k), first_token_s=float(at_s[0]), last_token_s=float(at_s[-1]), done_s=float(at_s[-1]),
                output_tokens=int(counts[-1]), chunk_s=tuple(at_s.tolist()),
                chunk_tokens=tuple(counts.tolist()) if rng.random() < 0.7 else None,
            )
        )  # fmt: skip
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_chunks_of_the_requests_at_the_edges_are_enough(tmp_path: Path, seed: int) -> None:
    """Two models in parts of seven rows: as with the chunks of all requests."""
    rng = np.random.default_rng(seed)
    rows = [*long_replies(rng, "closed-a"), *long_replies(rng, "open-b")]
    run = write_run(tmp_path / "run", rows[:7])
    for start in range(7, len(rows), 7):
        with RunWriter(run) as writer:
            for row in rows[start : start + 7]:
                writer.add(replace(row, run_id="run"), payload(row))
    whole, runs = load_runs([run], chunks=True), load_runs([run])

    expected = steady_throughput(whole.frame, whole.attempts)
    found = pd.concat(
        [steady_throughput(runs.model_frame(name), runs.attempts) for name in ("closed-a", "open-b")]
    )

    pd.testing.assert_frame_equal(expected, found)
    assert (found["output_tokens"] % 1 != 0).any()
