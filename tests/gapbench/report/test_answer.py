"""The answer in three lines: the same in every output, at most 80 columns wide."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from gapbench import formatting
from gapbench.analysis.quality.answer import Answer, TwoSides, answer_of
from gapbench.analysis.quality.gap import gap
from gapbench.commands.run_results import print_answer, print_results, report_run
from gapbench.report.answer import WIDTH, answer_text, describe_answer
from gapbench.report.brief import brief_html, brief_markdown, make_brief
from gapbench.report.html import html_report
from gapbench.report.markdown import markdown_report
from gapbench.report.results import load_results
from gapbench.report.tables.gap import accuracy_gap_table
from gapbench.report.tables.models import models_table
from gapbench.store import read_manifest
from gapbench.values import Attempt
from tests.run_folders import change_first_cell, make_attempt
from tests.two_models import command_output

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
LABELS = ("Quality", "Speed", "Cost")
TASKS = ("reasoning/sums", "coding/f", "multimodal/charts")
NAMES = (
    "closed-a",
    "open-b",
    "closed-org/a-model-with-a-rather-long-name-70b",
    "open-c",
    "closed-d",
    "open-e",
)


def random_run(make_run: Make, seed: int) -> Path:
    """Return a run of two to six models over one to three tasks, with every outcome, and prices for most models."""
    shape = random.Random(seed)
    models = list(NAMES[: shape.choice([2, 2, 2, 3, 4, 6])])
    tasks, count = TASKS[: shape.randint(1, 3)], shape.randint(5, 40)
    rows: list[Attempt] = []
    prices: dict[str, Any] = {}
    for model in models:
        skill, speed = shape.random(), 10 ** shape.uniform(-2, 1.5)
        for task in tasks:
            for k in range(count):
                draw = shape.random()
                outcome = (
                    "correct"
                    if draw < skill
                    else shape.choice(["wrong", "wrong", "unparsed", "refused", "infra"])
                )
                took_s = speed * (0.5 + shape.random())
                rows.append(
                    make_attempt(
                        model_id=model, task=task, sample_id=f"{k}", outcome=outcome, simulated=seed % 3 == 0,
                        done_s=0.5 + took_s, output_tokens=None if outcome == "infra" else shape.randint(1, 4000),
                    )
                )  # fmt: skip
        if shape.random() < 0.9:
            priced = {
                "input_usd_per_mtok": 10 ** shape.uniform(-3, 2),
                "output_usd_per_mtok": 10 ** shape.uniform(-3, 2),
            }
            prices[model.replace("-", "_")] = {"cost": priced}
    return make_run(rows, f"run-{seed}", **prices)


def first_lines(printed: str) -> list[str]:
    return printed.splitlines()[:3]


def lines_of_page(page: str) -> list[str]:
    found = re.findall(
        r"<dt>(\w+)</dt><dd>(.*?)</dd>", page.partition('<dl class="answer')[2].partition("</dl>")[0]
    )
    plain = ((label, text.replace("<code>", "`").replace("</code>", "`")) for label, text in found)
    return [f"{label:<8}{unescape(text)}" for label, text in plain][:3]


def lines_of_markdown(text: str) -> list[str]:
    found = re.findall(r"^- \*\*(\w+)\*\*: (.*)$", text, re.MULTILINE)
    return [f"{label:<8}{line.replace(chr(92), '')}" for label, line in found][:3]


@pytest.mark.parametrize("tens", range(5))
def test_every_output_starts_with_the_same_three_lines(
    make_run: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tens: int
) -> None:
    """50 random runs: what `bench run` prints, `bench gap`, the page, Markdown and both briefs, at 80 columns (findings 7, 8)."""
    monkeypatch.setenv("COLUMNS", "80")
    for seed in range(tens * 10, tens * 10 + 10):
        run = random_run(make_run, seed)
        results = load_results([run])
        terminal = io.StringIO()
        print_answer(results, run, Console(file=terminal, width=80))
        expected = first_lines(terminal.getvalue())
        brief = make_brief(results)

        assert LABELS == tuple(line.split()[0] for line in expected), seed
        assert max(map(len, expected)) <= WIDTH, expected
        assert expected == first_lines(command_output(capsys, "gap", str(run)))
        assert expected == lines_of_page(html_report(results, most_samples=0))
        assert expected == lines_of_markdown(markdown_report(results))
        assert expected == lines_of_page(brief_html(brief))
        assert expected == lines_of_markdown(brief_markdown(brief))
        assert_figures_of_the_gap_table(results.gap.main_rows(), expected)


def assert_figures_of_the_gap_table(frame: pd.DataFrame, lines: list[str]) -> None:
    """Each figure of the lines is that of the overall rows of the gap table, in its formatting."""
    scope = (
        formatting.OVERALL if (frame["category"] == formatting.OVERALL).any() else frame["category"].iloc[0]
    )
    row = {str(line["metric"]): line for line in frame[frame["category"] == scope].to_dict("records")}
    quality, speed, cost = lines
    if formatting.is_known(row["accuracy"]["gap_points"]):
        assert f"gap {formatting.format_gap('points', row['accuracy']['gap_points'])} points" in quality
        assert (
            formatting.format_interval("points", row["accuracy"]["ci_low"], row["accuracy"]["ci_high"])
            in quality
        )
    for side in ("closed", "open"):
        if formatting.is_known(value := row["response_p50_s"][f"{side}_value"]):
            assert f"{side} {formatting.format_seconds(value)}" in speed
        for metric in ("usd_per_task", "usd_per_correct"):
            if formatting.is_known(value := row[metric][f"{side}_value"]):
                assert formatting.format_usd_per_1000(value) in cost


def test_json_has_the_figures_and_the_lines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """105 and 80 of 120 are right; the words are those of the terminal, and both commands have the same figures."""
    document = json.loads(command_output(capsys, "report", str(run), "--json"))["answer"]
    of_gap = json.loads(command_output(capsys, "gap", str(run), "--json"))["answer"]

    assert {"closed": 105 / 120, "open": 80 / 120} == document["accuracy"]
    assert document["lines"]["quality"] == answer_text(gap([run])).quality
    assert of_gap == {key: value for key, value in document.items() if key != "lines"}


def test_the_ratio_is_the_larger_over_the_smaller() -> None:
    """$3 against $0.5 is six times, whichever side it is."""
    assert 6.0 == TwoSides(3.0, 0.5).ratio == TwoSides(0.5, 3.0).ratio
    assert None is TwoSides(3.0, 0.0).ratio is TwoSides(3.0, None).ratio


def test_the_widest_figures_fit() -> None:
    """Long amounts and times shorten the words, never the figures."""
    widest = Answer(
        "c", "o", gap_points=-100.0, ci_low=-100.0, ci_high=-99.9, verdict="equivalent within 1.75 points",
        response_p50_s=TwoSides(1234.0, 0.0123), response_p95_s=TwoSides(2345.0, 1234.5), load="r12.5",
        usd_per_task=TwoSides(0.12345, 0.98765), usd_per_correct=TwoSides(0.12345, 0.98765), are_times_invalid=True,
    )  # fmt: skip
    text = describe_answer(widest)

    assert max(map(len, text.plain_lines()[:3])) <= WIDTH, text.plain_lines()
    for figure in ("-100.0 to -99.9", "1,234 s", "12.3 ms", "$123.45", "$987.65"):
        assert any(figure in line for line in text.plain_lines()[:3]), figure


def test_one_side_alone_has_its_figures(make_run: Make, answers: Answers) -> None:
    """Without an open model there is no gap, but what the closed one does: 30 of 60 right, each 1,000 tokens at $1 per million."""
    run = make_run(
        answers("closed-a", 30, 60), closed_a={"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 0}}
    )
    text = answer_text(gap([run]))

    assert "no gap without an open model; the best closed model: 50.0 %" == text.quality
    assert text.speed.startswith("closed 2.53 s median wait")
    assert "closed $1.00 per 1,000 tasks; $2.00 per 1,000 correct" == text.cost


def test_overall_says_how_it_is_weighted(make_run: Make, answers: Answers) -> None:
    """Each request counts once, so 60 tickets outweigh 8 screenshots: the line gives both counts (finding 12)."""
    run = make_run(
        [
            *answers("closed-a", 50, 60), *answers("open-b", 40, 60),
            *answers("closed-a", 8, 8, task="multimodal/shots"), *answers("open-b", 2, 8, task="multimodal/shots"),
        ]
    )  # fmt: skip

    assert (
        "68 shared requests (60 reasoning, 8 multimodal; each request counts once)"
        in answer_text(gap([run])).models
    )


def test_caveats_are_on_one_line(make_run: Make, answers: Answers) -> None:
    """Simulated, unparsed and refused answers stand together, with their counts."""
    rows = [
        *answers("closed-a", 20, 30, simulated=True),
        *answers("open-b", 20, 27, simulated=True),
        *(
            make_attempt(model_id="open-b", sample_id=f"{k}", outcome="unparsed", simulated=True)
            for k in (27, 28)
        ),
        make_attempt(model_id="open-b", sample_id="29", outcome="refused", simulated=True),
    ]
    said = answer_text(gap([make_run(rows)])).caveats

    assert "SIMULATED" in said
    assert "2 unparsed, 1 refused of 60 answers" in said


NO_TIMES: dict[str, Any] = dict.fromkeys(
    ("scheduled_s", "sent_s", "first_byte_s", "first_token_s", "first_answer_s", "last_token_s", "done_s")
) | {"chunk_s": ()}
GPU: dict[str, Any] = {"cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 3.0}}


def test_gpu_dollars_have_a_caveat(make_run: Make, answers: Answers) -> None:
    """A month of own GPUs costs more than the seconds of a run, and the three lines speak of the seconds alone."""
    run = make_run([*answers("closed-a", 20, 30), *answers("open-b", 20, 30)], open_b=GPU)

    assert "GPU cost covers the run's time alone" in answer_text(gap([run])).caveats


def test_without_gpus_there_is_no_such_caveat(make_run: Make, answers: Answers) -> None:
    """An API's price has no idle time."""
    priced = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 0}}
    run = make_run([*answers("closed-a", 20, 30), *answers("open-b", 20, 30)], open_b=priced)

    assert "GPU" not in answer_text(gap([run])).caveats


def test_a_batch_alone_says_why_it_has_no_times(make_run: Make, answers: Answers) -> None:
    """No fairness line names it, because there is no other side; too few answers are not the reason."""
    rows = [replace(row, transport="batch", **NO_TIMES) for row in answers("closed-a", 20, 30)]

    assert "no times: answers of a batch have none" == answer_text(gap([make_run(rows)])).speed


def test_a_batch_on_own_gpus_says_why_it_has_no_cost(make_run: Make, answers: Answers) -> None:
    """The suite has a price; what is unknown is the time of the GPUs."""
    rows = [replace(row, transport="batch", **NO_TIMES) for row in answers("open-b", 20, 30)]
    run = change_first_cell(make_run([*rows, *answers("closed-a", 20, 30)], open_b=GPU), wall_s=None)

    assert "unknown: answers of a batch have no GPU time (open-b)" == answer_text(gap([run])).cost


def two_loads(answers: Answers) -> list[Attempt]:
    """Return 20 requests at 4 in flight, and 40 at 8."""
    return [
        row
        for model in ("closed-a", "open-b")
        for load, count in ((4.0, 20), (8.0, 40))
        for row in answers(model, 10, count, load_value=load)
    ]


def test_cost_and_speed_name_their_load(make_run: Make, answers: Answers) -> None:
    """Times and dollars are those of the load with most pairs; `bench cost` has the dollars of all loads."""
    text = answer_text(gap([make_run(two_loads(answers), open_b=GPU)]))

    assert "at c8" in text.speed
    assert "at c8" in text.cost


@pytest.mark.parametrize("load", [None, "c8", "r12.5#3", "replay-traffic"])
@pytest.mark.parametrize("usd", [1e-7, 0.00131, 9.99, 12345.6])
def test_the_cost_line_fits_with_any_load(load: str | None, usd: float) -> None:
    """80 columns with the label, from a fraction of a cent to millions of dollars for 1,000 tasks."""
    dear, cheap = TwoSides(usd, usd / 7_777), TwoSides(usd * 1.7, usd / 6_666)
    text = describe_answer(
        Answer(closed_model="a", open_model="b", usd_per_task=dear, usd_per_correct=cheap, load=load)
    )

    assert len(text.plain_lines()[2]) <= WIDTH
    assert (load or "") in text.cost


def test_times_are_marked_by_the_load_that_is_shown(make_run: Make, answers: Answers) -> None:
    """The client was late at 4 in flight. The answer and the models' table show the times at 8, which are valid."""
    run = change_first_cell(make_run(two_loads(answers)), lag_p99_s=0.5)
    results = load_results([run])
    table = models_table(results.gap, results.summary)

    assert "invalid" not in answer_text(results.gap).speed
    assert [False, False] == [row["are_times_invalid"] for row in table.rows]


def test_a_corrected_gap_is_explained_where_it_stands(make_run: Make, answers: Answers) -> None:
    """With two closed models the gap is less than the difference of the accuracies beside it; each table says why."""
    rows = [*answers("closed-a", 31, 60), *answers("closed-b", 30, 60), *answers("open-c", 20, 60)]
    results = load_results([make_run(rows)])
    row = results.gap.frame.iloc[0]
    note = results.gap.selection_note

    assert f"up to {row['selection_points']:.1f} points off closed minus open" in note
    assert (f"Note: {note}", "dim") in models_table(results.gap, results.summary).notes
    assert note[1:] in accuracy_gap_table(results.gap).lead
    assert any(note[1:] in line for line in make_brief(results).compared_notes)


def test_the_next_command_follows_from_the_trouble(make_run: Make, answers: Answers) -> None:
    """Nothing could be read: look at one answer. Nothing came: why. All well: a page for the lead."""
    lost = [
        make_attempt(model_id=name, sample_id=f"{k}", outcome="unparsed")
        for name in ("closed-a", "open-b")
        for k in range(9)
    ]
    failed = [
        make_attempt(model_id=name, sample_id=f"{k}", outcome="infra")
        for name in ("closed-a", "open-b")
        for k in range(9)
    ]
    well = [*answers("closed-a", 8, 9), *answers("open-b", 7, 9)]
    said = {
        name: answer_text(gap([make_run(rows, name)])).next
        for name, rows in (("lost", lost), ("failed", failed), ("well", well))
    }

    assert said["lost"].startswith("bench try")
    assert said["failed"].endswith("--errors")
    assert said["well"].endswith("--brief lead.pdf")


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (("bench gap", "bench cost"), "bench gap, bench cost; one page: "),
        (("bench cost",), "bench cost; one page: "),
        ((), "one page: "),
    ],
)
def test_no_command_names_itself_as_the_next(
    make_run: Make, answers: Answers, rest: tuple[str, ...], said: str
) -> None:
    """`bench gap` and the report name only what they do not show."""
    table = gap([make_run([*answers("closed-a", 8, 9), *answers("open-b", 7, 9)])])

    assert f"{said}bench report --brief lead.pdf" == answer_text(table, (), rest).next


def test_a_run_of_three_models_and_tasks_fits_a_screen(make_run: Make, answers: Answers) -> None:
    """At most 40 lines at 80 columns, and no model is missing from its table (findings 7 and 10)."""
    rows = [
        row
        for model, right in (("closed-a", 50), ("closed-b", 40), ("open-c", 30))
        for task in TASKS
        for row in answers(model, right, 60, task=task)
    ]
    run, terminal = make_run(rows), io.StringIO()
    print_results(read_manifest(run), run, Console(file=terminal, width=80), quiet=False)
    said = terminal.getvalue()
    table = said.partition("Each model")[2]

    assert len(said.splitlines()) <= 40
    assert len(table.partition("Parquet")[0].splitlines()) <= 25
    assert [name for name in ("closed-a", "closed-b", "open-c") if re.search(rf"^{name} ", table, re.MULTILINE)] == [
        "closed-a", "closed-b", "open-c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("failed", "answered", "has_table"),
    [(["closed-a"], [], False), (["closed-a", "open-b"], [], False), (["closed-a"], ["open-b"], True)],
)
def test_a_run_without_answers_shows_no_table_of_models(
    make_run: Make, answers: Answers, failed: list[str], answered: list[str], *, has_table: bool
) -> None:
    """One line in place of a table of dashes; with one model that answered there is a table."""
    rows = [row for model in answered for row in answers(model, 6, 9)]
    for model in failed:
        row = answers(model, 0, 1)[0]
        rows.append(replace(row, outcome="infra", score=None, failure_kind="connect"))
    terminal = io.StringIO()
    report_run(make_run(rows), Console(file=terminal, width=100))
    said = terminal.getvalue()

    assert (has_table, not has_table) == (
        "Each model" in said,
        "No request was answered, so there is no table of models." in said,
    )


def test_the_models_table_has_the_figures_of_the_answer(run: Path) -> None:
    """The rows of the two best models repeat the accuracy, the gap and the costs of the three lines."""
    terminal = io.StringIO()
    report_run(run, Console(file=terminal, width=120))
    said, answer = terminal.getvalue(), answer_of(gap([run]))
    line = next(row for row in said.splitlines() if row.startswith("closed-a "))

    assert formatting.format_percent(answer.accuracy.closed) in line
    assert formatting.format_gap("points", answer.gap_points) in line
    assert formatting.format_usd_per_1000(answer.usd_per_task.closed) in line
    assert formatting.format_usd_per_1000(answer.usd_per_correct.closed) in line


def test_a_run_without_an_answer_asks_for_no_price() -> None:
    """A price would not help: no model answered."""
    text = describe_answer(Answer())

    assert ("no times: no model answered", "unknown: no model answered") == (text.speed, text.cost)


def test_answers_that_wait_for_a_judge_name_it_as_the_next(make_run: Make, answers: Answers) -> None:
    """They are no failure of a scorer: nothing is lost, and the judge comes before any other look."""
    waiting = [
        make_attempt(model_id=name, task="support/replies", sample_id=f"{k}", outcome="unscored", score=None)
        for name in ("closed-a", "open-b")
        for k in range(20)
    ]
    rows = [*answers("closed-a", 8, 9), *answers("open-b", 7, 9), *waiting]
    run = make_run(rows)
    path = run / "run.json"
    stored = json.loads(path.read_text())
    for task in stored["tasks"]:
        task["scorer"] = "judge" if task["name"] == "support/replies" else "choice"
    path.write_text(json.dumps(stored))
    text = answer_text(gap([run]))

    assert "40 of 58 answers wait for a judge and have no score" in text.caveats
    assert "unscored" not in text.caveats
    assert f"bench judge {run.name}" == text.next
