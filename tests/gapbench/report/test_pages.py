"""The page, Markdown, plots and files of a run."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.transforms import Bbox
from rich.console import Console

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.quality.summary import summarize
from gapbench.errors import InputError, ResultsError
from gapbench.report import export, html, markdown, plots
from gapbench.report.results import load_results
from gapbench.report.tables.cost import cost_table
from gapbench.report.tables.summary import summary_table
from gapbench.report.terminal import render_table
from gapbench.values import Attempt
from tests.run_folders import make_attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


class Balanced(HTMLParser):
    """Counts what is open, and keeps every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "br", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_alone(run: Path) -> None:
    """Every tag is closed, nothing is fetched, and the only script is the sample browser."""
    page = html.html_report([run])
    parsed = Balanced()
    parsed.feed(page)

    assert parsed.open == []
    assert not {"link", "img", "iframe", "object"} & set(parsed.tags)
    assert not any(name == "src" or name.startswith("on") for name, _ in parsed.attributes)
    assert all(str(value).startswith("#") for name, value in parsed.attributes if name == "href")
    assert page.count("<script>") == 1
    assert "url(" not in page
    assert "@import" not in page


def test_no_table_and_no_page_needs_a_frame_of_all_rows(make_run: Make, attempt: Attempts) -> None:
    """Which would take the most memory of a long run. A model that answered nothing is named too."""
    run = make_run([attempt(model_id="closed-a", outcome="infra"), attempt(model_id="open-b")])
    results = load_results([run])

    page = html.html_report(results)
    unanswered = results.unanswered_models()

    assert "open-b" in page
    assert ["closed-a"] == list(unanswered)
    assert "frame" not in vars(results.runs)


def test_the_page_says_what_a_lead_asks(run: Path) -> None:
    """Verdict, gap, fairness, cost, outcomes and environment."""
    page = html.html_report([run])

    for said in (
        "closed ahead",
        "Is the comparison fair?",
        "$/1k correct",
        "Outcomes",
        "seed and repeats",
    ):
        assert said in page


def test_every_section_of_a_simulated_page_says_so(run: Path) -> None:
    """The banner, the title, and each heading over figures."""
    page = html.html_report([run])

    assert "(SIMULATED)</title>" in page
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert all("SIMULATED" in heading for heading in headings if heading != "Notes")


def test_the_page_has_the_three_ways_as_the_terminal_has(run: Path) -> None:
    """100 s of a GPU at $3.6 an hour over 2 tasks of 60: 1,000 * 2 * $0.1 / 120; nobody is known to host the open model."""
    section = html.html_report([run]).partition('<section id="ways">')[2].partition("</section>")[0]
    names = re.findall(r"<b>(.*?)</b>", section)

    assert ["closed API, closed-a", "hosted open model, open-b", "self-hosted open model, open-b"] == names
    assert "$1.67" in section
    assert "the price book has no provider of" in section


def test_both_colour_schemes_have_every_colour(run: Path) -> None:
    """No colour is defined for light alone."""
    light, dark = re.findall(r":root \{(.*?)\}", html.html_report([run]), re.DOTALL)

    assert set(re.findall(r"--\w+", light)) == set(re.findall(r"--\w+", dark))


def test_a_hostile_name_stays_text(make_run: Make, attempt: Attempts) -> None:
    """A model id with markup runs nothing on the page and breaks no Markdown table."""
    run = make_run([attempt(model_id="closed-<script>alert(1)</script>|x")])

    assert "<script>alert" not in html.html_report([run])
    assert "&lt;script&gt;alert(1)" in html.html_report([run])
    assert "\\<script\\>" in markdown.markdown_report([run])
    assert "\\|x" in markdown.markdown_report([run])


def test_a_run_without_answers_has_a_page(make_run: Make, attempt: Attempts) -> None:
    """All failed: dashes, no division, no traceback."""
    run = make_run([attempt(model_id=model, outcome="infra") for model in ("closed-a", "open-b")])

    assert "no shared scored requests" in html.html_report([run])
    assert "no shared scored requests" in markdown.markdown_report([run])


def test_markdown_has_the_tables(run: Path) -> None:
    """A heading, the verdict in bold, and tables whose rows have as many cells as their head."""
    said = markdown.markdown_report([run])

    assert said.startswith("# unit: open against closed (SIMULATED)\n")
    for block in re.findall(r"(?:^\|.*\n)+", said, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_one_thing_has_one_name(run: Path) -> None:
    """The columns of the terminal are those of Markdown and of the page."""
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(
        render_table(summary_table(summarize([run]))), render_table(cost_table(cost([run])))
    )

    for said in (terminal.getvalue(), markdown.markdown_report([run]), html.html_report([run])):
        for name in (
            "TTFT p50",
            "response p50",
            "response p95",
            "chars/s",
            "$/1k correct",
            "$/1k tasks",
            "of it retries",
            "overall",
        ):
            assert name in said
        assert "answer p50" not in said
    assert "| all |" not in markdown.markdown_report([run])


def test_accuracy_and_fully_correct_are_two_columns(make_run: Make) -> None:
    """Finding 9: half a point for each of 20 answers is 50 % accuracy and nothing fully correct, in every output."""
    rows = [
        make_attempt(model_id=model, sample_id=str(k), score=0.5, partial=0.5, outcome="wrong")
        for model in ("closed-a", "open-b")
        for k in range(20)
    ]
    run = make_run(rows)
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(render_table(summary_table(summarize([run]))))

    for said in (terminal.getvalue(), markdown.markdown_report([run]), html.html_report([run])):
        assert "accuracy % (95 %)" in said
        assert "fully correct %" in said
        assert "ccuracy: the mean score, with partial credit" in said
    row = summarize([run]).to_json()["rows"][0]
    assert (row["accuracy"], row["all_right"]) == (0.5, 0.0)


def test_no_name_lies_over_an_interval(make_run: Make, answers: Callable[..., list[Attempt]]) -> None:
    """Two models of nearly one price: each name is clear of every bar and of the other names."""
    prices = {"closed_a": 10, "open_b": 11, "open_c": 60}
    run = make_run(
        [row for name in prices for row in answers(name.replace("_", "-"), 40, 60)],
        **{
            name: {"cost": {"input_usd_per_mtok": usd, "output_usd_per_mtok": 0}}
            for name, usd in prices.items()
        },
    )
    root = ET.fromstring(plots.plot_accuracy_cost(summarize([run])).svg)
    names = [name_box(text) for text in root.iter("text") if "name" in text.attrib["class"]]
    bars = [
        Bbox([[float(x1) - 1, float(y2)], [float(x1) + 1, float(y1)]])
        for line in root.iter("line")
        if line.attrib["class"] in {"closed", "open"}
        for x1, y1, y2 in [(line.attrib["x1"], line.attrib["y1"], line.attrib["y2"])]
    ]

    assert len(names) == len(bars) == 3
    assert not any(name.overlaps(bar) for name in names for bar in bars)
    assert not any(name.count_overlaps(names) > 1 for name in names)


def name_box(text: ET.Element) -> Bbox:
    """Return where a name is, at 13 px and 0.55 em for a character."""
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    width = 13 * 0.55 * len(text.text or "")
    left = x - width if "end" in text.attrib["class"] else x
    return Bbox([[left, y - 12], [left + width, y]])


def test_plots_are_written_and_repeat(run: Path, tmp_path: Path) -> None:
    """SVG and PNG of each plot, watermarked, the same for the same run."""
    first = plots.save_plots([run], tmp_path / "a", ("svg", "png"))
    second = plots.save_plots([run], tmp_path / "b", ("svg", "png"))

    names = [
        f"{name}.{kind}"
        for name in ("gap", "accuracy_cost", "latency", "accuracy_tasks")
        for kind in ("svg", "png")
    ]
    assert [path.name for path in first] == names
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    svg = first[0].read_text()
    ET.fromstring(svg)
    assert "SIMULATED" in svg
    assert "class=" not in svg
    assert first[1].read_bytes().startswith(b"\x89PNG")


def test_a_run_without_prices_has_plots(make_run: Make, attempt: Attempts, tmp_path: Path) -> None:
    """The cost chart says that there is no price; PDF is a format like the others."""
    run = make_run([attempt(model_id="closed-x")], closed_x={"name": "model-without-a-price"})
    svg, pdf = plots.save_plots([run], tmp_path / "plots", ("svg", "pdf"))[2:4]

    assert "no model has a known price" in svg.read_text()
    assert pdf.read_bytes().startswith(b"%PDF")


def test_an_unknown_plot_format_is_named(run: Path, tmp_path: Path) -> None:
    """What was found and what would do."""
    with pytest.raises(InputError, match="'bmp'; expected one of svg, png, pdf"):
        plots.save_plots([run], tmp_path, ("bmp",))


def test_files_read_back(run: Path, tmp_path: Path) -> None:
    """CSV and Parquet hold the summary's rows."""
    csv = pd.read_csv(export.write_csv([run], tmp_path / "s.csv"))
    parquet = pd.read_parquet(export.write_parquet([run], tmp_path / "deep" / "s.parquet"))

    assert len(csv) == len(parquet) == 14
    assert csv["accuracy"].tolist() == pytest.approx(parquet["accuracy"].tolist())


def test_csv_guards_formulas(make_run: Make, attempt: Attempts, tmp_path: Path) -> None:
    """A task named =cmd opens as text."""
    run = make_run([attempt(task="=cmd/x", category="=cmd")])

    assert ",'=cmd/x," in export.write_csv([run], tmp_path / "s.csv").read_text()


def test_an_unwritable_place_is_one_line(run: Path, tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ResultsError, match="choose another place"):
        export.write_csv([run], tmp_path / "file" / "s.csv")
    with pytest.raises(ResultsError, match="choose another place"):
        plots.save_plots([run], tmp_path / "file" / "plots")
