"""Tables on the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.quality.failures import failures
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.report.table import Table
from gapbench.report.tables.cost import cost_table
from gapbench.report.tables.failures import failure_table
from gapbench.report.tables.gap import gap_table
from gapbench.report.tables.summary import summary_table
from gapbench.report.terminal import render_table
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


def printed(table: Table, width: int = 140) -> str:
    file = StringIO()
    Console(file=file, width=width).print(render_table(table))
    return file.getvalue()


def test_the_gap_table_says_gap_and_verdict(run: Path) -> None:
    """The reader sees both values, the gap, the verdict and the fairness line."""
    said = printed(gap_table(gap([run])))

    assert "83.3 %" in said
    assert "+33.3 (+40 %)" in said
    assert "closed ahead" in said
    assert "Fairness:" in said


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140])
@pytest.mark.parametrize("model", ["closed-a", "closed-org/a-model-with-a-rather-long-name-70b"])
def test_no_name_and_no_figure_is_cut_at_any_width(
    make_run: Make, answers: Callable[..., list[Attempt]], model: str, width: int
) -> None:
    """Who, how good, how much of it, and the price stand whole; what is left out is named."""
    rows = [*answers(model, 90, 120), *answers("open-b", 80, 120)]
    run = make_run(
        rows, **{model.replace("-", "_"): {"cost": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 0}}}
    )
    said = printed(summary_table(summarize([run])), width)

    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    assert model in said or model in "".join(line.split(" ")[0] for line in said.splitlines())
    assert re.search(r"75\.0 \(\d\d\.\d-\d\d\.\d\) +100\.0 %", said)
    # A long name leaves no room for it at 60 columns.
    assert "$13.3" in said or (width == 60 and "$/1k correct; a wider" in said)
    left_out = " ".join(said.partition("Left out at")[2].split())
    assert ("tokens/s" in said.splitlines()[2]) is not ("tokens/s" in left_out)


def test_the_least_terminal_has_one_block_a_row(run: Path) -> None:
    """The gap's figures do not fit 60 columns side by side: each stands with its name."""
    said = " ".join(printed(gap_table(gap([run])), 60).split())

    assert "closed 83.3 %, open 50.0 %, gap +33.3 (+40 %), 95 % interval" in said


def test_a_closed_value_is_left_out_with_the_open_one(run: Path) -> None:
    """One of the two alone would say nothing."""
    heads = printed(gap_table(gap([run])), 70).splitlines()

    assert not {"closed", "open"} & set(next(line for line in heads if "metric" in line).split())
    assert any("Left out at 70 columns: closed, open, p (Holm), pairs" in line for line in heads)


def test_a_verdict_is_whole_at_120_columns(run: Path) -> None:
    """Names, interval and verdict fit a usual terminal."""
    table = gap([run])
    table.frame["verdict"] = "not distinguishable"

    assert "not distinguishable" in printed(gap_table(table), 120)


def test_the_summary_prints_coverage_beside_accuracy(run: Path) -> None:
    """An accuracy never stands without its interval and its coverage."""
    said = printed(summary_table(summarize([run])))

    assert re.search(r"50\.0 \(3\d\.\d-6\d\.\d\) +100\.0 %", said)
    assert "100.0 %" in said


def test_the_cost_table_names_the_source(run: Path) -> None:
    """Each price comes with where it is from."""
    said = printed(cost_table(cost([run])))

    assert "$1.75 in, $0.175 cached, $14 out per million tokens (book)" in said
    assert "1 x H100-80GB at $3.6 an hour (the suite)" in said


@pytest.mark.parametrize("width", [60, 80, 112, 200])
def test_every_title_says_simulated_at_any_width(run: Path, width: int) -> None:
    """No table of a simulated run goes without it, and no line is wider than the terminal."""
    for table in (
        summary_table(summarize([run])),
        gap_table(gap([run])),
        cost_table(cost([run])),
    ):
        said = printed(table, width)

        assert "SIMULATED" in said
        assert max(map(len, said.splitlines())) <= width


def test_a_real_run_is_not_called_simulated(make_run: Make, attempt: Attempts) -> None:
    """The word stands only where it is true."""
    assert "SIMULATED" not in printed(summary_table(summarize([make_run([attempt()])])))


def test_failures_show_an_example(make_run: Make, attempt: Attempts) -> None:
    """Kind, status, how many and the provider's words; or that there is none."""
    assert "the server broke" in printed(failure_table(failures([make_run([attempt(outcome="infra")])])))
    assert "No attempt failed" in printed(failure_table(failures([make_run([attempt()], name="run-2")])))


def test_markup_in_a_name_is_text(make_run: Make, attempt: Attempts) -> None:
    """A model called [red] is printed so."""
    said = printed(summary_table(summarize([make_run([attempt(model_id="closed-[red]x[/red]")])])))

    assert "closed-[red]x[/red]" in said


def test_one_side_alone_says_why(make_run: Make, attempt: Attempts) -> None:
    """No pair, one sentence."""
    assert "no open model" in printed(gap_table(gap([make_run([attempt()])])))
