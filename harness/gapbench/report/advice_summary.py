"""A recommendation that fits one screen of the terminal: the answer, its cost, and the first reasons."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.economics.advice import Advice
from gapbench.report.advice import advice_head, option_table

MAX_LINES = 29
"""Lines of the summary on a terminal of 80 columns or more; with the line that names the run they are 30."""


def advice_summary(advice: Advice, console: Console) -> RenderableType:
    """Return the recommendation with what fits :data:`MAX_LINES`, and how much more there is.

    No sentence is cut. The sections take turns, so that each shows its most important sentences.

    Args:
        advice: The recommendation.
        console: Its width decides how many lines a sentence takes.
    """
    head: list[RenderableType] = [*advice_head(advice), option_table(advice)]
    sections = {
        "Because": advice.because,
        "Before you follow it": advice.conditions,
        "What would change it": advice.would_change,
    }
    room = MAX_LINES - 1 - sum(_count_lines(part, console) for part in head)
    shown = _choose_sentences(list(sections.values()), room, console)
    parts = head
    for title, sentences in zip(sections, shown, strict=True):
        if sentences:
            parts.append(Text(title, "bold"))
            parts += [_sentence(text) for text in sentences]
    left = sum(map(len, sections.values())) - sum(map(len, shown))
    more = f"{formatting.count_of(left, 'more sentence')}, " if left else ""
    rest = f"More: {more}strategic questions, pilot and assumptions with --full"
    return Group(*parts, Text(rest, "dim", overflow="ellipsis", no_wrap=True))


def _choose_sentences(sections: Sequence[Sequence[str]], room: int, console: Console) -> list[list[str]]:
    """Return the sentences of each section that fit, in their order; the sections take turns."""
    shown: list[list[str]] = [[] for _ in sections]
    for turn in range(max(map(len, sections), default=0)):
        for place, sentences in enumerate(sections):
            if turn >= len(sentences):
                continue
            lines = _count_lines(_sentence(sentences[turn]), console) + (not shown[place])
            if lines <= room:
                room -= lines
                shown[place].append(sentences[turn])
    return shown


def _sentence(text: str) -> Text:
    return Text(f"  {formatting.strip_controls(text)}")


def _count_lines(part: RenderableType, console: Console) -> int:
    return len(console.render_lines(part, pad=False))
