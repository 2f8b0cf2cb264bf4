"""One page for someone who decides and was not part of the work: question, answer, how sure, monthly cost, what would change it.

:func:`make_brief` collects the content; Markdown and HTML are rendered here, PDF in :mod:`gapbench.report.brief_pdf`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gapbench import formatting
from gapbench.analysis.economics.advice import OPTION_NAMES, Advice
from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.option_costs import OptionCost
from gapbench.analysis.quality.answer import Answer, answer_of
from gapbench.report.answer import describe_answer
from gapbench.report.html import page_environment
from gapbench.report.markdown_tables import escape
from gapbench.report.results import ResultTables
from gapbench.report.table import cell_lines
from gapbench.report.tables.models import models_table

MAX_LINES = 4
"""Sentences of a section; with more the page would not stay one page."""
MAX_CHARS = 260
"""Characters of a sentence."""
MAX_MODELS = 6
COST_NOTE = (
    "A month of self-hosting pays for reserved GPUs, idle time, staff and overhead; the cost of 1,000 tasks above counts the "
    "GPU time of the run alone."
)


@dataclass(frozen=True, slots=True)
class BriefTable:
    """A small table: headings, rows of text, and for each column whether it holds figures."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_figure: tuple[bool, ...]


@dataclass(frozen=True)
class Brief:
    """The content of the page, as plain text. Names in it are not escaped.

    Attributes:
        title: What it is about.
        simulated: Whether a simulated provider is behind a figure.
        question: The question, as a sentence.
        answer: Label and text of quality, speed and cost: the lines that every output starts with.
        recommendation: What to use; "" if nothing could be recommended.
        how_sure: What the certainty rests on.
        costs_title: Heading of the monthly cost.
        costs: The cost of each option in a month. None: unknown.
        compared: Each model.
        compared_notes: Tasks, runs and dates.
        conditions: What must be settled before the recommendation is followed.
        would_change: What would change the answer.
    """

    title: str
    simulated: bool
    question: str
    answer: tuple[tuple[str, str], ...]
    recommendation: str
    how_sure: tuple[str, ...]
    costs_title: str
    costs: BriefTable | None
    compared: BriefTable
    compared_notes: tuple[str, ...] = field(default=())
    conditions: tuple[str, ...] = field(default=())
    would_change: tuple[str, ...] = field(default=())

    def sections(self) -> list[tuple[str, BriefTable | None, tuple[str, ...]]]:
        """Return heading, table and sentences of each section, in their order."""
        found = [
            ("How sure is that?", None, self.how_sure),
            (self.costs_title, self.costs, (COST_NOTE,) if self.costs is not None else ()),
            ("What was compared", self.compared, self.compared_notes),
            ("Before you follow it", None, self.conditions),
            ("What would change the answer", None, self.would_change),
        ]
        return [section for section in found if section[1] is not None or section[2]]


def make_brief(
    results: ResultTables, advice: Advice | None = None, volume_mtok: float = 0.0, requests: float = 0.0
) -> Brief:
    """Return the content of the page.

    Args:
        results: The results.
        advice: The recommendation for these runs. None: there is no closed or no open model to compare.
        volume_mtok: Million tokens in a month, for the monthly cost.
        requests: The same volume in requests.
    """
    answer = answer_of(results.gap)
    text = describe_answer(answer)
    manifests = results.runs.manifests
    suites = ", ".join(dict.fromkeys(str(manifest.suite) for manifest in manifests))
    title = f"{suites}: open or closed model?"
    volume = f"{format_mtok(volume_mtok)} tokens, about {formatting.format_number(requests)} requests"
    recommendation = ""
    if advice is not None:
        provisional = ", provisional" if advice.provisional else ""
        recommendation = f"{advice.choice}{provisional}"
    return Brief(
        title,
        answer.simulated,
        _question(answer, suites),
        tuple(text.lines()[:3]),
        recommendation,
        _short(_how_sure(answer, results.gap.margin_points)),
        f"Cost of a month at {volume}",
        None if advice is None else _costs(advice.costs),
        _compared(results),
        _short(_compared_notes(results, answer)),
        _short(advice.conditions if advice else ()),
        _short(advice.would_change if advice else ()),
    )


def _question(answer: Answer, suites: str) -> str:
    if not answer.closed_model or not answer.open_model:
        model = answer.closed_model or answer.open_model or "no model"
        return f"How good, fast and expensive is {model} on the tasks of {suites}?"
    return (
        f"Is {answer.open_model} (open weights) good enough, fast enough and cheaper than {answer.closed_model} (closed) "
        f"on the tasks of {suites}?"
    )


def _short(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the first sentences, shortened, and how many are left out."""
    listed = [
        textwrap.shorten(formatting.strip_controls(line), MAX_CHARS, placeholder=" …") for line in lines
    ]
    if len(listed) <= MAX_LINES:
        return tuple(listed)
    return (*listed[: MAX_LINES - 1], f"… and {len(listed) - MAX_LINES + 1} more; see the full report")


def _how_sure(answer: Answer, margin_points: float) -> list[str]:
    lines = []
    if formatting.is_known(answer.ci_low) and formatting.is_known(answer.ci_high):
        interval = formatting.format_interval("points", answer.ci_low, answer.ci_high)
        lines.append(
            f"With 95 % confidence the gap (closed minus open) is {interval} points. A gap below {margin_points:g} points "
            "would make no difference to you."
        )
    lines.append(describe_answer(answer).models or answer.missing)
    caveats = describe_answer(answer).caveats
    lines.append(f"Caveats: {caveats}." if caveats else "No condition of a fair comparison was found broken.")
    if answer.fairness:
        more = f" (and {len(answer.fairness) - 1} more)" if len(answer.fairness) > 1 else ""
        lines.append(f"Not equal: {answer.fairness[0].rstrip('.')}{more}.")
    return [line for line in lines if line]


def _first_clauses(text: str, max_chars: int) -> str:
    """Return as many whole clauses of a text as fit; the first is cut only if it is longer by itself."""
    first, *more = text.split("; ")
    kept = textwrap.shorten(first, max_chars, placeholder=" …")
    for clause in more:
        if len(kept) + len(clause) + 2 > max_chars:
            break
        kept += f"; {clause}"
    return kept


def _paid_for(cost: OptionCost) -> str:
    """Return who is paid for what, or why the dollars are unknown."""
    if cost.usd is not None:
        return cost.label
    return ": ".join(part for part in (cost.label, cost.missing) if part)


def _costs(costs: Sequence[OptionCost]) -> BriefTable:
    rows = [
        (
            OPTION_NAMES[cost.leg],
            cost.words if cost.usd is not None else formatting.NOTHING,
            _first_clauses(formatting.strip_controls(_paid_for(cost)), 170),
        )
        for cost in costs
    ]
    return BriefTable(
        ("option", "a month (90 % range)", "what is paid for"), tuple(rows), (False, True, False)
    )


def _compared(results: ResultTables) -> BriefTable:
    table = models_table(results.gap, results.shown_summary)
    columns = [column for column in table.columns if column.key != "usd_per_correct"]
    rows = [
        tuple(_on_one_line(cell_lines(column, row)) for column in columns) for row in table.rows[:MAX_MODELS]
    ]
    return BriefTable(
        tuple(column.heading for column in columns),
        tuple(rows),
        tuple(not column.is_text for column in columns),
    )


def _on_one_line(lines: Sequence[str]) -> str:
    first, *more = lines
    return " ".join([first, *(f"({line})" for line in more)])


def _compared_notes(results: ResultTables, answer: Answer) -> list[str]:
    lines = []
    models = len(results.shown_summary.level("model"))
    if models > MAX_MODELS:
        lines.append(f"{models - MAX_MODELS} more models are in the full report.")
    for manifest in results.runs.manifests:
        tasks = ", ".join(f"{task.name} ({task.samples} samples)" for task in manifest.tasks)
        lines.append(f"Run {manifest.run_id}, {str(manifest.started_at)[:10]}: {tasks}.")
    if results.gap.selection_note:
        lines.append(f"{results.gap.selection_note[0].upper()}{results.gap.selection_note[1:]}.")
    if answer.pairs_by_category and len(answer.pairs_by_category) > 1:
        lines.append("All requests count equally, whatever their task.")
    return lines


def brief_markdown(brief: Brief) -> str:
    """Return the page as Markdown."""
    mark = f" ({formatting.SIMULATED})" if brief.simulated else ""
    parts = [f"# {escape(brief.title)}{mark}", escape(brief.question)]
    parts.append("\n".join(f"- **{label}**: {escape(text)}" for label, text in brief.answer))
    if brief.recommendation:
        parts.append(f"**Recommendation**: {escape(brief.recommendation)}")
    for heading, table, lines in brief.sections():
        parts.append(f"## {escape(heading)}")
        if table is not None:
            parts.append(_markdown_table(table))
        if lines:
            parts.append("\n".join(f"- {escape(line)}" for line in lines))
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: BriefTable) -> str:
    head = "| " + " | ".join(map(escape, table.headings)) + " |"
    rule = "|" + "|".join("---:" if figure else "---" for figure in table.is_figure) + "|"
    rows = ["| " + " | ".join(map(escape, row)) + " |" for row in table.rows]
    return "\n".join([head, rule, *rows])


def brief_html(brief: Brief) -> str:
    """Return the page as HTML that prints on one sheet of A4 and loads nothing."""
    return (
        page_environment().get_template("brief.html.j2").render(brief=brief, print_pt=_print_size_pt(brief))
    )


def _print_size_pt(brief: Brief) -> float:
    """Return the font size in points at which the page fits one sheet, by a cautious count of its lines.

    A smaller size makes lines lower and longer, so their number at 9 points falls with the square of the size.
    """
    lines = 8.0 + _lines(brief.title) + _lines(brief.question)
    for _, table, texts in brief.sections():
        lines += 2 + sum(map(_lines, texts))
        if table is not None:
            # A column has its share of the width, and a row is a little higher than a line.
            share = _CHARS_AT_9_PT / len(table.headings)
            lines += 1.3 * sum(
                max(math.ceil(len(text) / share) for text in row) for row in (table.headings, *table.rows)
            )
    return round(min(9.0, 9.0 * math.sqrt(_LINES_AT_9_PT / lines)), 1)


_CHARS_AT_9_PT, _LINES_AT_9_PT = 92, 70
"""What a sheet holds at 9 points in a wide font such as DejaVu Sans."""


def _lines(text: str) -> int:
    return math.ceil(len(text) / _CHARS_AT_9_PT)
