"""Asks for advice with and without runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.advice import Advice
from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.measured_inputs import throughput_at_load
from gapbench.analysis.economics.measured_legs import measured_legs
from gapbench.analysis.economics.measured_quality import measured_quality
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.tco import Tco, tco
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.suite.tco_fields import LegDocument, TcoDocument
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
DAY = date(2026, 11, 24)
OPEN = {"runner": "openai", "cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}}


def answer(volume_mtok: float, hosted_usd: float = 0.7, **block: Any) -> Tco:
    """Return the defaults with a hosted price of one's own."""
    hosted = LegDocument(input_usd_per_mtok=hosted_usd, output_usd_per_mtok=hosted_usd)
    return tco(build_scenario(TcoDocument(hosted=hosted, **block), at=DAY), volume_mtok, draws=200)


def advice_of(
    run: Path, situation: Situation | None = None, block: TcoDocument | None = None, volume: float = 5000.0
) -> Advice:
    """Return the advice of `bench advise --run RUN`."""
    runs = load_runs([run])
    account = bill(runs)
    table = cost(runs, account)
    quality = measured_quality(runs, gap(runs, billed=account), table)
    legs = measured_legs(
        runs, table, account, closed_model=quality.closed_model, open_model=quality.open_model,
        throughput=throughput_at_load(runs, account, quality.open_model),
    )  # fmt: skip
    return advise(
        situation or Situation(), tco(build_scenario(block, at=DAY, run=legs), volume, draws=200), quality
    )
