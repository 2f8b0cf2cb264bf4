"""Tables and pictures of money: they fit a terminal, say what is simulated, and are written where asked."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console, RenderableType

from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.tco import Tco, tco
from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.errors import ResultsError
from gapbench.formatting import format_short_usd
from gapbench.pricing.cross_check import find_disagreements
from gapbench.pricing.listing import list_prices
from gapbench.report import cost_plots, cost_tables
from gapbench.report.advice import advice_lines, tiers_table
from gapbench.suite.tco_fields import OwnDocument, TcoDocument


@pytest.fixture(scope="module")
def answer() -> Tco:
    """The defaults at two billion tokens a month."""
    return tco(build_scenario(at=date(2026, 11, 24)), 2_000.0, draws=200)


def printed(shown: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(shown)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_total_cost_in_a_terminal(answer: Tco) -> None:
    """Three legs, the break-evens, and no line wider than 80 columns."""
    text = printed(cost_tables.tco_table(answer))

    assert all(
        name in text for name in ("closed API", "hosted open model", "self-hosted open model", "Break-even")
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "SIMULATED" not in text


def test_total_cost_shows_medians_and_the_mix(answer: Tco) -> None:
    """Not the cost at the inputs' values, which is low among the draws; the token mix has a row of its own."""
    text = printed(cost_tables.tco_table(answer))
    own = answer.legs.set_index("leg").loc["self"]

    assert "median" in text
    assert format_short_usd(own["usd_p50"]) in text
    assert "token mix" in text


def test_advice_in_a_terminal(answer: Tco) -> None:
    """Reasons, conditions, the five questions and the pilot; no line wider than 80 columns."""
    text = printed(advice_lines(advise(Situation(), answer)))

    for part in (
        "Recommendation: closed API (provisional)",
        "Before you follow it",
        "speed-to-market",
        "5. Migration",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_simulated_capacity_is_said(answer: Tco) -> None:
    """On the table and in the JSON."""
    marked = dataclasses.replace(answer, scenario=dataclasses.replace(answer.scenario, simulated=True))

    assert "SIMULATED" in printed(cost_tables.tco_table(marked), 120)
    assert marked.to_json()["simulated"]


def test_prices_in_a_terminal() -> None:
    """The batch factor, the source, and what differs."""
    shown = printed(
        cost_tables.price_table(list_prices("claude-opus-4-6", datetime(2026, 2, 12, tzinfo=UTC)))
    )
    rows, compared = find_disagreements(date(2026, 1, 10))

    assert "x 0.5" in shown
    assert "above 200,000 tokens" in shown
    assert "+162 %" in printed(cost_tables.disagreement_table(rows, compared))
    assert "0 differ" in printed(cost_tables.disagreement_table([], 3))


def test_no_what_if_without_bought_tokens() -> None:
    """A sentence in place of an empty table."""
    assert "no model here is bought" in printed(cost_tables.what_if_table(pd.DataFrame(), simulated=False))


@pytest.mark.parametrize(
    ("value", "said"), [(25_375, "$25.4K"), (-3.1e6, "-$3.10M"), (750, "$750"), (None, "–")]
)
def test_dollars_in_short(value: float | None, said: str) -> None:
    """Three digits and a letter."""
    assert said == format_short_usd(value)


def test_pictures_are_written(answer: Tco, tmp_path: Path) -> None:
    """Two pictures, two formats; equal inputs give equal files."""
    first, second = (cost_plots.save_cost_plots(answer, tmp_path / name) for name in ("a", "b"))

    assert ["cost_volume.svg", "cost_volume.png", "price_utilisation.svg", "price_utilisation.png"] == [
        path.name for path in first
    ]
    assert first[0].read_bytes() == second[0].read_bytes()
    assert "closed API" in first[0].read_text(encoding="utf-8")


def test_ticks_have_the_form_of_dollars_in_tables(answer: Tco) -> None:
    """Without the zeros after the point."""
    axis = cost_plots.plot_cost_volume(answer).axes[0].yaxis
    shown = [
        axis.get_major_formatter()(value, 0) for value in (0.01, 0.25, 1, 10, 1_000, 10_000, 2_500_000, 1e9)
    ]

    assert [rf"\${text}" for text in ("0.01", "0.25", "1", "10", "1K", "10K", "2.5M", "1B")] == shown


def test_pictures_of_bought_servers(tmp_path: Path) -> None:
    """No rent, so no line of GPUs alone."""
    block = TcoDocument(own=OwnDocument(capex_usd=100_000, power_kw=3))
    owned = tco(build_scenario(block, at=date(2026, 11, 24)), 2_000.0, draws=100)

    assert "GPUs alone" not in cost_plots.save_cost_plots(owned, tmp_path)[2].read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written(answer: Tco, tmp_path: Path) -> None:
    """One line, with what would do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ResultsError, match="choose another place"):
        cost_plots.save_cost_plots(answer, tmp_path / "file")


def test_tiers_start_with_what_routing_is_worth(run: Path) -> None:
    """The sentence comes before the tables, and 80 columns hold a table of policies, not a block for each."""
    lines = printed(tiers_table(evaluate_tiers([run], draws=200))).splitlines()
    title = next(number for number, line in enumerate(lines) if line.startswith("Tiers of"))

    assert title > 1
    assert lines[0]
    assert any(line.startswith("policy") and "APGR" in line for line in lines)
