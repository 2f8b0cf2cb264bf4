"""Tables of the page, as HTML. On a phone a row becomes a card, or the table scrolls; see ``fits_phone`` of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from gapbench.report.page_sentences import render_sentence
from gapbench.report.table import Column, Row, Span, Table, Tone, cell_lines

_CLASSES: Mapping[Tone, str] = {"closed": "closed-ink", "open": "open-ink", "warning": "invalid", "dim": "soft"}  # fmt: skip


def render_table(table: Table) -> Markup:
    """Return a table without its title and notes. Markup("") if it has no rows."""
    if not table.rows:
        return Markup("")
    columns = table.columns_in("page", details=table.sections is None)
    body = Markup("")
    for rows in table.row_groups():
        if table.sections is not None:
            body += _section_row(table, columns, rows[0])
        body += Markup("").join(
            _row(columns, row, in_section=table.sections is not None, as_card=table.fits_phone)
            for row in rows
        )
    opening = (
        '<div class="scroll"><table class="stack">'
        if table.fits_phone
        else '<div class="box" tabindex="0"><table class="kept">'
    )
    return (
        Markup(opening)  # noqa: S704 - one of the two literals above
        + Markup("<thead><tr>{}</tr></thead>\n<tbody>\n").format(
            Markup("").join(_header(column) for column in columns)
        )
        + body
        + Markup("</tbody></table></div>")
    )


def _header(column: Column) -> Markup:
    return Markup("<th{}>{}</th>").format(_class(_alignment(column)), column.heading)


def _section_row(table: Table, columns: Sequence[Column], first: Row) -> Markup:
    """Return the heading of a section: its name, which a scrolling table keeps in view, and its details."""
    name = Markup("").join(_span(span) for span in table.heading(first))
    details = [line for column in table.details_in("page") for line in cell_lines(column, first)]
    if table.fits_phone and not details:
        return Markup('<tr class="block"><td colspan="{}">{}</td></tr>\n').format(len(columns), name)
    return Markup(
        '<tr class="block"><td>{}</td><td class="price" colspan="{}"><span>{}</span></td></tr>\n'
    ).format(name, len(columns) - 1, render_sentence(" ".join(details)))


def _row(columns: Sequence[Column], row: Row, *, in_section: bool, as_card: bool) -> Markup:
    cells = Markup("")
    for number, column in enumerate(columns):
        label = Markup("")
        classes = _alignment(column)
        if as_card and (column.is_text or not number):
            classes += ["full"]
        elif as_card:
            label = Markup(' data-l="{}"').format(column.heading)
        content = column.drawing(row) if column.drawing else _content(column, row, in_section=in_section)
        if label and not column.drawing:  # On a phone a figure is not broken, and goes below its label.
            content = Markup('<span class="value">{}</span>').format(content)
        cells += Markup("<td{}{}>{}</td>").format(_class(classes), label, content)
    return Markup("<tr>{}</tr>\n").format(cells)


def _content(column: Column, row: Row, *, in_section: bool) -> Markup:
    """Return a cell: whose value it is if no section shows it, the value, and its interval or remarks below."""
    first, *more = cell_lines(column, row)
    if not column.is_text:
        # An interval on the same line, "92.7 (89.5-95.0)", goes below the figure: the page's columns are narrow.
        first, *intervals = first.replace(" (", "\n(").split("\n")
        more = [*intervals, *more]
    tone, owner = column.tone(row), Markup("")
    if column.owner is not None:
        owner = Markup("") if in_section else _span((column.owner(row), tone)) + Markup("<br>")
        tone = ""
    value = render_sentence(first)
    content = Markup("<b>{}</b>").format(value) if column.is_strong(row) else value
    if tone in _CLASSES:
        content = Markup('<span class="{}">{}</span>').format(_CLASSES[tone], content)
    for line in more:
        below = line.removeprefix("(").removesuffix(")")
        content += Markup("<br>") + _span((below, "warning" if below == "invalid" else "dim"))
    return owner + content


def _alignment(column: Column) -> list[str]:
    classes = [] if column.is_text else ["num"]
    if column.is_text and (column.is_detail or column.key == "verdict"):
        classes.append("words")
    if not column.on_phone:
        classes.append("wide")
    return classes


def _class(names: Sequence[str]) -> Markup:
    return Markup(' class="{}"').format(" ".join(names)) if names else Markup("")


def _span(span: Span) -> Markup:
    text, tone = span
    return Markup("<span{}>{}</span>").format(
        _class([_CLASSES[tone]] if tone in _CLASSES else []), render_sentence(text)
    )
