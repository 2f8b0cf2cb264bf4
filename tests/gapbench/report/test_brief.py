"""The page for someone who decides: one sheet of A4 in each format, whatever the names and however long the texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gapbench.commands.brief import build_brief
from gapbench.commands.price_options import PriceOptions
from gapbench.report.brief import MAX_LINES, Brief, brief_html, brief_markdown, make_brief
from gapbench.report.brief_pdf import brief_pdf
from gapbench.report.results import load_results
from gapbench.values import Attempt
from tests.two_models import command_output

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
HOSTILE = "<script>alert(1)</script> & <b>|`*_\x1b[31m"


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.fixture(name="brief")
def _brief(run: Path) -> Brief:
    """Return the page of the simulated run at 200,000 requests a month."""
    return build_brief(load_results([run]), "200k-requests", PriceOptions())


def test_it_has_question_answer_certainty_month_and_change(brief: Brief) -> None:
    """The parts that a decision needs (finding 26)."""
    said = brief_markdown(brief)

    assert "Is open-b (open weights) good enough, fast enough and cheaper than closed-a (closed)" in said
    assert "about 200,000 requests" in said
    assert re.search(r"\*\*Recommendation\*\*: \w", said)
    for heading in (
        "How sure is that?",
        "Cost of a month",
        "What was compared",
        "What would change the answer",
    ):
        assert f"## {heading}" in said


@pytest.mark.parametrize(
    ("kind", "start"), [("html", b"<!doctype html>"), ("md", b"# unit"), ("pdf", b"%PDF-")]
)
def test_the_command_writes_each_format(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, start: bytes
) -> None:
    """The ending of the name chooses."""
    path = tmp_path / f"lead.{kind}"
    said = command_output(capsys, "report", str(run), "--brief", str(path), "--volume", "80M")

    assert f"{path}\n" == said
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    "arguments", [("--brief", "lead.docx"), ("--volume", "80M"), ("--brief", "lead.md", "--volume", "lots")]
)
def test_wrong_input_is_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """An ending that is unknown, a volume without a page, and a volume that is none."""
    assert arguments[-1] in command_output(capsys, "report", str(run), *arguments, code=2)


def test_the_pdf_is_one_page(brief: Brief) -> None:
    """A usual page, and one with longer texts than there can be."""
    line = "a sentence of many words that goes on " * 20
    longest = replace(
        brief,
        question=line * 3,
        how_sure=(line,) * MAX_LINES,
        compared=replace(brief.compared, rows=brief.compared.rows * 12),
        would_change=(line,) * MAX_LINES,
    )

    assert (1, 1) == (pages_of(brief_pdf(brief)), pages_of(brief_pdf(longest)))


def test_the_same_content_gives_the_same_bytes(brief: Brief) -> None:
    """The PDF has no date of its own."""
    assert brief_pdf(brief) == brief_pdf(brief)


def test_names_are_text_in_every_format(brief: Brief) -> None:
    """Markup in a name is neither HTML nor Markdown, and does not break the PDF."""
    hostile = replace(brief, title=HOSTILE, question=HOSTILE, how_sure=(HOSTILE,))
    said = brief_markdown(hostile) + brief_html(hostile)

    assert "<script>" not in said
    assert "\x1b" not in said
    assert 1 == pages_of(brief_pdf(hostile))


def test_commands_in_a_sentence_are_code_in_the_pdf(brief: Brief) -> None:
    """They have a font of their own, in place of backticks."""
    plain = replace(
        brief,
        answer=(("Quality", "equal"),),
        recommendation="",
        question="?",
        would_change=(),
        how_sure=("Run it.",),
    )

    assert b"DejaVuSansMono" not in brief_pdf(plain)
    assert b"DejaVuSansMono" in brief_pdf(replace(plain, how_sure=("Run `bench gap`.",)))


def test_one_side_has_a_page_without_a_month(make_run: Make, answers: Answers) -> None:
    """Nothing is compared, so nothing is recommended; what was measured is there: 30 of 60."""
    brief = build_brief(load_results([make_run(answers("closed-a", 30, 60))]), None, PriceOptions())

    assert ("", None) == (brief.recommendation, brief.costs)
    assert "50.0 %" in brief_markdown(brief)
    assert 1 == pages_of(brief_pdf(brief))


def test_the_month_is_that_of_advise(run: Path, capsys: pytest.CaptureFixture[str], brief: Brief) -> None:
    """The page and `bench advise` show the same dollars for the same volume."""
    said = " ".join(command_output(capsys, "advise", "--run", str(run), "--volume", "200k-requests").split())
    assert brief.costs is not None
    amounts = [row[1] for row in brief.costs.rows if row[1].startswith("$")]

    assert amounts
    assert [amount for amount in amounts if amount not in said] == []


def test_no_section_is_longer_than_the_page_allows(run: Path) -> None:
    """A section has at most four sentences; one that has more says how many are left out."""
    brief = make_brief(load_results([run]))

    assert max(len(lines) for _, _, lines in brief.sections()) <= MAX_LINES


def test_what_an_option_pays_for_is_told_in_whole_clauses(brief: Brief) -> None:
    """What does not fit is left out from the end, not cut in the middle of a figure."""
    assert brief.costs is not None
    told = [row[2] for row in brief.costs.rows]

    assert any(";" in line for line in told)
    assert not [line for line in told if line.endswith("…")]


def test_an_option_without_dollars_says_why(brief: Brief) -> None:
    """A dash alone, next to the name of a policy, would leave the reader to guess."""
    assert brief.costs is not None
    unknown = {row[0]: row[2] for row in brief.costs.rows if row[1] == "–"}

    assert unknown["open tier before the closed API"].endswith(
        "the open model has no option that is both possible here (requirements, people) and priced"
    )
