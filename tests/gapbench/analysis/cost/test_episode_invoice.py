"""An episode of twenty turns with cache reads and writes costs what its invoice says, to the cent, at each provider."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.measured_legs import measured_legs
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.trajectories import summarize_trajectories
from gapbench.values import Attempt
from tests.run_folders import make_episode, write_run

TURNS = range(20)
SYSTEM_TOKENS, TURN_TOKENS, REPLY_TOKENS = 12_000, 3_000, 400
"""The first prompt, what each turn adds to it, and each reply."""


class Vendor(NamedTuple):
    """A provider and its list prices, US dollars per million tokens, as its price page had them on 1 November 2026.

    Attributes:
        runner: The runner.
        model: The model.
        fresh: Prompt tokens that no cache holds.
        read: Prompt tokens read from the cache.
        written: Prompt tokens written to the cache for five minutes. None: writes are not billed apart.
        output: Generated tokens.
        long_prompt: Factors of input and output above 200,000 prompt tokens. None: there is one price.
    """

    runner: str
    model: str
    fresh: str
    read: str
    written: str | None
    output: str
    long_prompt: tuple[Decimal, Decimal] | None = None


OPENAI = Vendor("openai", "gpt-5.2", "1.75", "0.175", None, "14")
ANTHROPIC = Vendor("anthropic", "claude-sonnet-4-5", "3", "0.30", "3.75", "15", (Decimal(2), Decimal("1.5")))
GOOGLE = Vendor("google", "gemini-2.5-pro", "1.25", "0.125", None, "10", (Decimal(2), Decimal("1.5")))
VENDORS = pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC, GOOGLE], ids=lambda vendor: vendor.runner)


def tokens_of(turn: int, vendor: Vendor, system: int) -> dict[str, int]:
    """Return the counts of a turn: what the turn before sent is read from the cache, and what is new is written."""
    prompt = system + TURN_TOKENS * turn
    read = 0 if turn == 0 else system + TURN_TOKENS * (turn - 1)
    counts = {"input_tokens": prompt, "cached_input_tokens": read, "output_tokens": REPLY_TOKENS}
    return counts | ({} if vendor.written is None else {"cache_write_tokens": prompt - read})


def episode(vendor: Vendor, system: int = SYSTEM_TOKENS) -> list[Attempt]:
    rows = make_episode(len(TURNS), model_id="closed-a", runner=vendor.runner, model_asked=vendor.model)
    return [
        dataclasses.replace(row, **tokens_of(turn, vendor, system))  # type: ignore[arg-type]  # fields by name
        for turn, row in enumerate(rows)
    ]


def invoice(vendor: Vendor, system: int = SYSTEM_TOKENS) -> Decimal:
    """Return the dollars of the episode, line by line."""
    total = Decimal(0)
    for turn in TURNS:
        counts = tokens_of(turn, vendor, system)
        is_long = vendor.long_prompt is not None and counts["input_tokens"] > 200_000
        of_input, of_output = (
            vendor.long_prompt if is_long and vendor.long_prompt else (Decimal(1), Decimal(1))
        )
        new = counts["input_tokens"] - counts["cached_input_tokens"]
        total += counts["cached_input_tokens"] * Decimal(vendor.read) * of_input
        total += new * Decimal(vendor.written or vendor.fresh) * of_input
        total += counts["output_tokens"] * Decimal(vendor.output) * of_output
    return total / 1_000_000


def run_of(tmp_path: Path, vendor: Vendor, rows: list[Attempt]) -> Path:
    entry: dict[str, Any] = {"runner": vendor.runner, "name": vendor.model}
    return write_run(tmp_path / "run", rows, closed_a=entry)


@VENDORS
def test_twenty_turns_cost_their_invoice(vendor: Vendor, tmp_path: Path) -> None:
    """Every turn reads what the one before it wrote."""
    run = run_of(tmp_path, vendor, episode(vendor))

    assert cost([run]).exact_usd["closed-a"] == invoice(vendor)
    assert summarize_trajectories(run).frame.iloc[0]["usd_per_solved"] == pytest.approx(
        float(invoice(vendor))
    )


def test_the_invoice_of_openai_by_hand(tmp_path: Path) -> None:
    """Sent: 20 x 12,000 + 3,000 x 190 = 810,000, of which 19 x 12,000 + 3,000 x 171 = 741,000 were read.

    69,000 x 1.75 + 741,000 x 0.175 + 8,000 x 14, per million: $0.12075 + $0.129675 + $0.112 = $0.36.
    """
    run = run_of(tmp_path, OPENAI, episode(OPENAI))

    assert cost([run]).exact_usd["closed-a"] == Decimal("0.12075") + Decimal("0.129675") + Decimal("0.112")


@pytest.mark.parametrize("vendor", [ANTHROPIC, GOOGLE], ids=lambda vendor: vendor.runner)
def test_turns_above_the_long_prompt_threshold_cost_more(vendor: Vendor, tmp_path: Path) -> None:
    """From 160,000 tokens on the fifteenth turn passes 200,000; only the turns above it have the other price."""
    run = run_of(tmp_path, vendor, episode(vendor, 160_000))

    assert cost([run]).exact_usd["closed-a"] == invoice(vendor, 160_000)


@VENDORS
def test_the_cache_share_of_later_turns_reaches_the_economics(vendor: Vendor, tmp_path: Path) -> None:
    """741,000 of 810,000 prompt tokens were read, and a task has all of its turns' tokens."""
    runs = load_runs(run_of(tmp_path, vendor, episode(vendor)))
    inputs = measured_legs(runs, cost(runs), bill(runs), closed_model="closed-a", open_model=None).inputs

    assert inputs["closed_cached_share"].value == pytest.approx(741_000 / 810_000)
    assert inputs["input_tokens"].value == 810_000


@pytest.mark.parametrize("vendor", [OPENAI, GOOGLE], ids=lambda vendor: vendor.runner)
def test_the_price_band_is_that_of_a_reply_and_not_of_a_task(vendor: Vendor, tmp_path: Path) -> None:
    """A task reads 810,000 tokens, but no prompt has 200,000: what was billed is the list price of the tokens."""
    runs = load_runs(run_of(tmp_path, vendor, episode(vendor)))
    inputs = measured_legs(runs, cost(runs), bill(runs), closed_model="closed-a", open_model=None).inputs

    assert inputs["closed_billed_factor"].value == pytest.approx(1.0)
