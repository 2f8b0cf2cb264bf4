"""The one-page brief as PDF: what does not fit the sheet at its usual size is made smaller, never a second page."""

from __future__ import annotations

import html
import io
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import KeepInFrame, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from gapbench import formatting
from gapbench.report.brief import Brief, BriefTable
from gapbench.report.page_sentences import split_code

MARGIN = 14 * mm
_WIDTH, _HEIGHT = A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN
_PADDING = 12
"""Points that the frame of the page keeps free, both sides together."""
_LABEL_WIDTH = 18 * mm
_CODE_FONT = "Brief-Code"
_INK, _SOFT, _WARN = colors.HexColor("#1d2430"), colors.HexColor("#4a5361"), colors.HexColor("#a1163c")


def brief_pdf(brief: Brief) -> bytes:
    """Return the page as a PDF of one A4 page, the same bytes for the same content."""
    regular, bold = _fonts()
    text = ParagraphStyle(
        "text", fontName=regular, fontSize=9, leading=12, textColor=_INK, splitLongWords=True
    )
    strong = ParagraphStyle("strong", text, fontName=bold)
    small = ParagraphStyle("small", text, fontSize=8, leading=10)
    head = ParagraphStyle("head", strong, fontSize=14, leading=18)
    section = ParagraphStyle("section", strong, fontSize=10.5, leading=13, spaceBefore=7, spaceAfter=2)
    warning = ParagraphStyle("warning", strong, textColor=_WARN)
    label = ParagraphStyle("label", strong, textColor=_SOFT)

    story: list[Any] = [_paragraph(brief.title, head)]
    if brief.simulated:
        story.append(
            _paragraph(
                f"{formatting.SIMULATED}: a simulated provider answered. Nothing here says anything about a real model.",
                warning,
            )
        )
    story += [_paragraph(brief.question, text), Spacer(0, 4)]
    answer = [[_paragraph(name, label), _sentence(line, strong)] for name, line in brief.answer]
    story.append(
        Table(
            answer,
            colWidths=[_LABEL_WIDTH, _WIDTH - _LABEL_WIDTH - _PADDING],
            style=TableStyle([("BACKGROUND", (0, 0), (-1, -1), colors.HexColor("#f4f2ea")), *_TIGHT]),
        )
    )
    if brief.recommendation:
        story += [Spacer(0, 4), _sentence(f"Recommendation: {brief.recommendation}", strong)]
    for heading, table, lines in brief.sections():
        story.append(_paragraph(heading, section))
        if table is not None:
            story.append(_table(table, small, ParagraphStyle("th", small, fontName=bold, textColor=_SOFT)))
        story += [_sentence(f"•  {line}", text) for line in lines]

    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=formatting.strip_controls(brief.title),
        invariant=1,
    )
    document.build([KeepInFrame(_WIDTH - _PADDING, _HEIGHT - _PADDING, story, mode="shrink")])
    return file.getvalue()


_TIGHT = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
]


@cache
def _fonts() -> tuple[str, str]:
    """Register matplotlib's DejaVu fonts, which have far more characters than PDF's own, and return the text's two weights."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    files = (
        ("Brief", "DejaVuSans.ttf"),
        ("Brief-Bold", "DejaVuSans-Bold.ttf"),
        (_CODE_FONT, "DejaVuSansMono.ttf"),
    )
    for name, file in files:
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))
    return "Brief", "Brief-Bold"


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Return text as it is: names hold no markup."""
    return Paragraph(html.escape(formatting.strip_controls(text), quote=False), style)


def _sentence(text: str, style: ParagraphStyle) -> Paragraph:
    """Return a sentence with its commands and keys in a font of their own."""
    parts = [(html.escape(part, quote=False), is_code) for part, is_code in split_code(text)]
    marked = [f'<font name="{_CODE_FONT}">{part}</font>' if is_code else part for part, is_code in parts]
    return Paragraph("".join(marked), style)


def _table(table: BriefTable, cell: ParagraphStyle, head: ParagraphStyle) -> Table:
    """Return a table whose columns share the width by their longest text, each at least as wide as its heading."""
    longest = [
        max(len(text) for text in (heading, *(row[place] for row in table.rows)))
        for place, heading in enumerate(table.headings)
    ]
    shares = [min(48, max(8, length)) for length in longest]
    widths = [(_WIDTH - _PADDING) * share / sum(shares) for share in shares]
    aligned = [
        (ParagraphStyle("h", head, alignment=2), ParagraphStyle("c", cell, alignment=2))
        if figure
        else (head, cell)
        for figure in table.is_figure
    ]
    rows = [[_paragraph(text, aligned[k][0]) for k, text in enumerate(table.headings)]]
    rows += [[_paragraph(text, aligned[k][1]) for k, text in enumerate(row)] for row in table.rows]
    lines = [("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#e0dccf"))]
    return Table(rows, colWidths=widths, style=TableStyle([*_TIGHT, *lines]))
