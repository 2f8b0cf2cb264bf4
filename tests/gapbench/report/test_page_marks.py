"""Marks and caveats are on the page as in the terminal."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.report import html, markdown
from gapbench.report.tables.gap import gap_table
from gapbench.report.tables.summary import summary_table
from gapbench.report.terminal import render_table
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]

PRICED = {"cost": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 0}}


def late_run(make_run: Make, answers: Callable[..., list[Attempt]]) -> Path:
    """Return a run in which the closed model's requests left late."""
    late = [dataclasses.replace(row, load_kind="rate") for row in answers("closed-a", 40, 60)]
    return make_run([*late, *answers("open-b", 40, 60)], closed_a=PRICED, open_b=PRICED)


def test_invalid_times_are_marked_everywhere(make_run: Make, answers: Callable[..., list[Attempt]]) -> None:
    """Times and speeds are called so on the terminal, in Markdown and on the page, and are a marked point of its chart (finding 47)."""
    run = late_run(make_run, answers)
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(render_table(summary_table(summarize([run]))))
    summary = html.html_report([run]).partition('<section id="models">')[2].partition("</section>")[0]

    assert len(re.findall(r"\binvalid(?= {2}|$)", terminal.getvalue(), re.MULTILINE)) == 5
    # TTFT p50, response p50 and p95, tokens/s and chars/s.
    assert markdown.markdown_report([run]).count(" (invalid) |") == 5
    assert summary.count('<span class="invalid">invalid</span>') == 5
    chart = html.html_report([run]).partition("Accuracy against response time")[2].partition("</section>")[0]
    assert ("closed-a (invalid)" in chart, "open-b" in chart, "open-b (invalid)" in chart) == (
        True,
        True,
        False,
    )
    assert 1 == chart.count('class="closed late"')
    assert 'class="open late"' not in chart


def test_a_level_that_the_client_held_back_is_marked_in_its_chart(
    make_run: Make, answers: Callable[..., list[Attempt]]
) -> None:
    """Two rates, both sent late: each point says so, and the text above says what the colour means."""
    rows = [
        row
        for rate in (1.0, 2.0)
        for row in answers(
            "closed-a",
            40,
            60,
            load_kind="rate",
            load_value=rate,
            cell_id=f"closed-a|reasoning/sums|r{rate:g}",
        )
    ]
    section = (
        html.html_report([make_run(rows)]).partition("Throughput under load")[2].partition("</section>")[0]
    )

    assert section.count("invalid: this client was the limit</title>") == 2
    assert "Ringed in orange" in section


def test_each_thing_against_the_times_is_said_once(
    make_run: Make, answers: Callable[..., list[Attempt]]
) -> None:
    """Summary and gap find the same; the page says it once."""
    run = late_run(make_run, answers)

    for said in (markdown.markdown_report([run]), html.html_report([run])):
        assert said.count("times are invalid, this client was the limit: requests left") == 1


def test_what_would_settle_a_gap_stands_in_markdown_and_on_the_page(
    make_run: Make, answers: Callable[..., list[Attempt]]
) -> None:
    """In the same words as on the terminal; never for times that are invalid."""
    run = make_run([*answers("closed-a", 45, 60), *answers("open-b", 41, 60)])

    assert re.search(
        r"\*\*not distinguishable\*\* \(needs about \d+ pairs\)",
        markdown.markdown_report([run]),
    )
    assert re.search(
        r"<b>not distinguishable</b>.*<br><span class=\"soft\">needs about \d+ pairs<",
        html.html_report([run]),
    )
    assert not re.search(
        r"client was the limit \(needs", markdown.markdown_report([late_run(make_run, answers)])
    )


def everywhere(run: Path) -> tuple[str, str, str]:
    """Return the gap on the terminal, in Markdown and on the page, on one line each."""
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(render_table(gap_table(gap([run]))))
    table, lines, page = terminal.getvalue(), markdown.markdown_report([run]), html.html_report([run])
    return (
        " ".join(table.split()),
        lines,
        page.partition('<section id="gap">')[2].partition("</section>")[0],
    )


def test_what_is_corrected_together_is_said(make_run: Make, answers: Callable[..., list[Attempt]]) -> None:
    """Six to none of 40 in one category is not significant among two, and is overall; the table names the families."""
    run = make_run(
        [
            row
            for model, right in (("closed-a", 36), ("open-b", 30))
            for row in (*answers(model, right, 40), *answers(model, 30, 40, task="coding/f"))
        ]
    )
    table, _, _ = everywhere(run)

    assert (
        "Overall quality is tested alone at 5 %. Corrected within each family (Holm), intervals included: "
        "quality by category, speed, cost."
    ) in table
    assert "once corrected" not in table


def test_too_few_sources_to_say_how_many_pairs_is_said(
    make_run: Make, answers: Callable[..., list[Attempt]]
) -> None:
    """Forty items of four documents: no number of pairs can be told of so few."""
    rows = [*answers("closed-a", 30, 40), *answers("open-b", 28, 40)]
    run = make_run([dataclasses.replace(row, cluster_id=str(int(row.sample_id) % 4)) for row in rows])

    for said in (*everywhere(run), gap([run]).headline()):
        assert "too few sources to estimate how many pairs it needs" in said


def test_retries_and_failures_are_counted_everywhere(
    make_run: Make, attempt: Attempts, answers: Callable[..., list[Attempt]]
) -> None:
    """The line under the terminal's summary stands in Markdown and on the page too."""
    rows = answers("closed-a", 40, 60)
    again = dataclasses.replace(rows[0], attempt=1, outcome="infra", final=False)
    run = make_run([again, dataclasses.replace(rows[0], attempt=2), *rows[1:]])
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(render_table(summary_table(summarize([run]))))

    for said in (terminal.getvalue(), markdown.markdown_report([run]), html.html_report([run])):
        assert "closed-a: 1 retries, of 60 requests" in said
