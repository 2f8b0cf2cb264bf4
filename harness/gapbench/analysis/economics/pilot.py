"""The five steps of a pilot: from picking a use case to moving the traffic, with the command of each."""

from __future__ import annotations

from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.measured_quality import MeasuredQuality


def pilot_steps(quality: MeasuredQuality | None, volume_mtok: float) -> list[str]:
    """Return the steps of a pilot.

    Args:
        quality: What was measured of the models. None if nothing was.
        volume_mtok: Million tokens a month.
    """
    closed, other = (
        ("the closed model", "the open model")
        if quality is None
        else (quality.closed_model, quality.open_model)
    )
    margin = "your margin" if quality is None else f"{quality.margin_points:g} points"
    needed = f" ({quality.pairs_needed})" if quality is not None and quality.pairs_needed else ""
    return [
        "1. Use case: pick one with answers that can be checked, and write its tasks from real requests: `bench init`",
        (
            f"2. Benchmark: ask both models the same tasks until it is shown that {other} is no worse by {margin}{needed}: "
            "`bench run suite.yaml`, `bench gap RUN`"
        ),
        f"3. Cost: price every way at your volume and mix: `bench tco --run RUN --volume {format_mtok(volume_mtok)}`",
        (
            f"4. Parallel run: for two weeks or more, send a sample of live requests to {closed}, which still answers, and to "
            f"{other}; score both each night with fresh tasks: `bench run`, then `bench compare BASE RUN`"
        ),
        (
            f"5. Migration: move 5 %, 25 % and 100 % of the traffic while quality, failures and latency hold in each step "
            f"(`bench compare` as a gate); keep {closed} ready until a month has passed, and go back when a gate fails"
        ),
    ]
