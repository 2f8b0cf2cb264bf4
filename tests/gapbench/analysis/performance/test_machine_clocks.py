"""Figures that need one clock for several machines are refused where the clocks are too far apart; others stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.machine_clocks import clock_refusals, machine_notes, widest_bound_s
from gapbench.analysis.performance.steady_state import steady_throughput
from gapbench.analysis.quality.summary import summarize
from gapbench.store.machine_entry import MachineEntry
from tests.run_folders import make_attempt

Make = Callable[..., Path]


def machine(
    name: str, bound_s: float, started_at: str = "2026-02-12T00:00:00.000Z", **more: Any
) -> MachineEntry:
    return MachineEntry(
        name=name, workers=[0], started_at=started_at, clock_offset_s=0.0, clock_bound_s=bound_s, **more
    )


def sent_by(make_run: Make, *machines: MachineEntry) -> Path:
    """Return a run of 200 requests, one every 0.1 s, sent 1 ms late and with a first token after 0.1 s."""
    run = make_run(
        [
            make_attempt(
                cell_id="open-b|reasoning/sums|r10", model_id="open-b", load_kind="rate", load_value=10.0,
                sample_id=str(k), scheduled_s=k * 0.1, sent_s=k * 0.1 + 0.001, first_byte_s=k * 0.1 + 0.101,
                first_token_s=k * 0.1 + 0.101, last_token_s=k * 0.1 + 0.2, done_s=k * 0.1 + 0.2,
                chunk_s=(k * 0.1 + 0.101, k * 0.1 + 0.2),
            )
            for k in range(200)
        ]
    )  # fmt: skip
    manifest = json.loads((run / "run.json").read_text())
    manifest["cells"][0]["machines"] = [entry.model_dump(mode="json") for entry in machines]
    (run / "run.json").write_text(json.dumps(manifest))
    return run


def row_of(run: Path) -> tuple[Any, list[str]]:
    """Return the row of a run's only cell, and the summary's warnings."""
    summary = summarize([run], levels=["cell"])
    return summary.frame.iloc[0], summary.warnings


def test_clocks_that_agree_hide_nothing(make_run: Make) -> None:
    """Within 1 ms in all: lateness needs 10 ms, and a window of 19.9 s needs 199 ms."""
    row, warnings = row_of(sent_by(make_run, machine("a", 0.0005), machine("b", 0.0005)))

    assert row["queue_p95_s"] == pytest.approx(0.001)
    assert row["window_s"] == pytest.approx(19.9)
    assert not any("clocks" in line for line in warnings)


def test_lateness_is_refused_where_the_bound_is_wider(make_run: Make) -> None:
    """8 ms and 8 ms: two instants may be 16 ms apart wrongly, and lateness needs 10 ms; the window needs 199 ms."""
    row, warnings = row_of(sent_by(make_run, machine("a", 0.008), machine("b", 0.008)))

    assert row["queue_p95_s"] is None or row["queue_p95_s"] != row["queue_p95_s"]
    assert row["ttft_p50_s"] == pytest.approx(0.1)
    assert row["window_s"] == pytest.approx(19.9)
    assert any(
        "how late requests left is not shown: the machines' clocks agree within 16 ms, and lateness needs 10 ms"
        in line
        for line in warnings
    )


def test_a_window_is_refused_where_the_bound_is_wider(make_run: Make) -> None:
    """0.2 s in all, 199 ms are allowed: no window and no throughput; first-token times stay."""
    row, warnings = row_of(sent_by(make_run, machine("a", 0.1), machine("b", 0.1)))

    assert row[["window_s", "completed_rps", "output_tokens_per_s"]].isna().all()
    assert row["ttft_p50_s"] == pytest.approx(0.1)
    assert any("throughput is not shown; first-token times are exact" in line for line in warnings)


def test_one_machine_has_one_clock(make_run: Make) -> None:
    """Alone in each session, however wrong its clock is: nothing is compared with another."""
    row, _ = row_of(sent_by(make_run, machine("a", 5.0), machine("b", 5.0, "2026-02-12T01:00:00.000Z")))

    assert row["queue_p95_s"] == pytest.approx(0.001)


def test_the_two_widest_bounds_add_up(make_run: Make) -> None:
    """1, 2 and 4 ms: two instants are at most 6 ms wrong."""
    runs = load_runs([sent_by(make_run, machine("a", 0.001), machine("b", 0.002), machine("c", 0.004))])

    assert widest_bound_s(runs.cells[0][1]) == pytest.approx(0.006)


def test_a_lost_machine_is_told(make_run: Make) -> None:
    """What it did not send is missing from the load."""
    run = sent_by(make_run, machine("a", 0.0), machine("b", 0.0, lost="gone", not_sent=7))
    runs = load_runs([run], chunks=True)
    refusals = clock_refusals(runs, steady_throughput(runs.frame, runs.attempts))

    assert [
        "open-b on reasoning/sums at r10: the load was lower than planned: b was lost, and 7 requests of its share not sent"
    ] == (machine_notes(runs, refusals))
