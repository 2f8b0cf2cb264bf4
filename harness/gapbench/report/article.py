"""The article's claims, for the terminal: what was claimed, what was published, the gap of your run, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.article import claim_power
from gapbench.analysis.article.article import RULE, Article, ArticleRow, Reading
from gapbench.analysis.article.published_gaps import PublishedGap
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn

_STYLE = {
    "supported": "bold green",
    "partly": "bold yellow",
    "contradicted": "bold red",
    "not testable": "dim",
}
_SHORT = {"not distinguishable": "undecided"}
_COLUMNS = (
    TerminalColumn("figure", is_text=True, min_width=10), TerminalColumn("claim"), TerminalColumn("at", is_text=True, min_width=11), TerminalColumn("n"),
    TerminalColumn("points (range)"), TerminalColumn("% of closed"), TerminalColumn("verdict", is_text=True, min_width=14),
)  # fmt: skip


class _ClaimTable:
    """The eight claims. On a narrow terminal the range goes below the median instead of to its right."""

    def __init__(self, article: Article) -> None:
        self._article = article

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        on_one_line = self._render(" ")
        yield on_one_line if on_one_line.fits(options.max_width) else self._render("\n")

    def _render(self, separator: str) -> ResponsiveTable:
        table = ResponsiveTable(
            "The article's figures against published evidence: the gap, closed minus open", _COLUMNS
        )
        last = None
        for row in self._article.rows:
            if row.claim.metric != last:
                table.add_section()
            last = row.claim.metric
            _add_claim_row(table, row, separator)
        return table


def article_table(article: Article) -> RenderableType:
    """Return the eight figures with medians, ranges and verdicts."""
    lines = [
        Text(f"Snapshot matters: {line}", "dim") for line in map(_describe_snapshots, article.rows) if line
    ]
    lines.append(
        Text("Green meets the claim, yellow is near it; a percentage of an Elo score has no meaning.", "dim")
    )
    lines += [Text(line) for line in map(_describe_power, article.rows) if line]
    lines += [Text(f"Note: {formatting.strip_controls(line)}", "dim") for line in article.warnings]
    return Group(_ClaimTable(article), *lines)


def article_details(article: Article) -> RenderableType:
    """Return each gap behind the table, the economic claims, every statement, the errors, and the rule."""
    parts: list[RenderableType] = []
    for row in article.rows:
        parts += [_evidence(row), Text("")]
    if article.claims:
        parts += [_claims(article), Text("")]
    if article.statements:
        parts += [_statements(article), Text("")]
    parts.append(Text("What the article gets wrong", "bold"))
    for error in article.errors:
        parts.append(Text.assemble(("  article: ", "dim"), formatting.strip_controls(error["said"])))
        parts.append(Text.assemble(("  found: ", "dim"), formatting.strip_controls(error["found"])))
        parts += [Text(f"    {formatting.strip_controls(source)}", "dim") for source in error["sources"]]
    parts += [Text(""), Text.assemble(("Rule: ", "bold"), RULE)]
    return Group(*parts)


def _add_claim_row(table: ResponsiveTable, row: ArticleRow, separator: str) -> None:
    claim = row.claim
    heads = [
        f"{claim.category.capitalize()} {claim.year}",
        f"{claim.claim:g} {'Elo' if claim.unit == 'elo' else '%'}",
    ]
    verdict = Text(row.verdict, _STYLE[row.verdict])
    for moment in dict.fromkeys(one.moment for one in row.readings):
        here = {one.reading: one for one in row.readings if one.moment == moment}
        points, percent = here["points"], here.get("percent of closed")
        table.add_row(
            *heads,
            moment,
            str(points.gaps),
            _format_range(points, separator),
            _format_range(percent, separator),
            verdict,
        )
        heads, verdict = ["", ""], Text("")
    if not row.readings:
        table.add_row(*heads, "", "", "", "", verdict)
    if row.measured is not None and row.measured["gap_points"] is not None:
        mine = row.measured
        table.add_row(
            formatting.SIMULATED if mine["simulated"] else "",
            "",
            "your run",
            "",
            f"{mine['gap_points']:.1f}{separator}({mine['ci_low']:.1f}, {mine['ci_high']:.1f})",
            f"{mine['gap_percent_of_closed']:.1f}"
            if formatting.is_known(mine["gap_percent_of_closed"])
            else "",
            Text(
                "equivalent"
                if mine["verdict"].startswith("equivalent")
                else _SHORT.get(mine["verdict"], mine["verdict"]),
                "dim",
            ),
        )


def _format_range(reading: Reading | None, separator: str) -> Text:
    if reading is None:
        return Text("")
    text = f"{reading.median:.1f}{separator}({reading.low:.1f}–{reading.high:.1f})"
    return Text(text, "green" if reading.meets else "yellow" if reading.near else "")


def _describe_power(row: ArticleRow) -> str:
    """Return whether your run could have detected a claim, and whether its interval contains it; "" without a run."""
    power = "" if row.measured is None else claim_power.describe(row.claim.claim, row.measured)
    return f"Your run, {row.claim.category} {row.claim.year}: {power}." if power else ""


def _describe_snapshots(row: ArticleRow) -> str:
    if row.arena is None:
        return ""
    low, high = row.arena["narrowest"], row.arena["widest"]
    return (
        f"the Arena gap of {row.claim.year} was {low['gap_points']:g} Elo on {low['date']} and "
        f"{high['gap_points']:g} on {high['date']} ({row.arena['snapshots']} snapshots)."
    )


def _evidence(row: ArticleRow) -> Table:
    claim = row.claim
    head = f"{claim.metric} {claim.year}: {claim.claim:g} {'Elo' if claim.unit == 'elo' else '%'}"
    if claim.unit == "elo":
        rate = row.to_json()["claim_win_rate"]
        head += f" (a win rate of {100 * rate:.1f} %; a percentage of an Elo means nothing)"
    table = _table(f"{head}: {row.verdict}")
    table.add_column("as of", no_wrap=True)
    table.add_column("list; best closed against best open", overflow="fold")
    table.add_column("gap", justify="right", no_wrap=True)
    table.add_column("95 %", justify="right", no_wrap=True)
    table.add_column("top 3", justify="right", no_wrap=True)
    for one in row.evidence:
        table.add_row(
            one.as_of.isoformat(),
            Text.assemble(
                formatting.strip_controls(one.benchmark)
                + ("" if row.is_counted(one) else " (does not count)"),
                f"\n{formatting.strip_controls(one.closed.model)} {one.closed.score:g}, {formatting.strip_controls(one.open.model)} {one.open.score:g}",
                (f"\n{formatting.strip_controls(_describe_origin(one))}", "dim"),
            ),
            _format_gap(one),
            formatting.NOTHING if one.ci_low is None else f"{one.ci_low:+.1f} to {one.ci_high:+.1f}",
            f"{one.top3_gap_points:+.1f}",
        )
    return table


def _format_gap(gap: PublishedGap) -> str:
    if gap.win_rate_closed is not None:
        return f"{gap.gap_points:+g} Elo\nwin {100 * gap.win_rate_closed:.1f} %"
    return f"{gap.gap_points:+.1f} pts\n{gap.gap_percent_of_closed:+.1f} %"


def _describe_origin(gap: PublishedGap) -> str:
    source = gap.sources[0] if gap.sources else "source unknown"
    path, _, commit = source.partition("@")
    return path + (f"@{commit[:7]}" if commit else "")


def _claims(article: Article) -> Table:
    table = _table("Economic claims")
    for name in ("id", "claim", "result", "verdict", "holds when"):
        table.add_column(name, overflow="fold")
    for claim in article.claims:
        verdict = formatting.strip_controls(claim["verdict"])
        table.add_row(
            formatting.strip_controls(claim["id"]),
            formatting.strip_controls(claim["claim"]),
            formatting.strip_controls(claim["result"]),
            Text(verdict, _STYLE.get(verdict, "")),
            formatting.strip_controls(claim["holds_when"] or formatting.NOTHING),
        )
    return table


def _statements(article: Article) -> Table:
    """Return every statement with its verdict; the finding of those in another table is a reference to it."""
    table = _table("Every statement of the article")
    for name in ("statement", "finding", "verdict"):
        table.add_column(name, overflow="fold")
    last = None
    for one in article.statements:
        if one.topic != last:
            table.add_row(Text(one.topic, "bold"), "", "")
        last = one.topic
        found = f"see {one.table}" if one.table else formatting.strip_controls(one.found)
        table.add_row(
            formatting.strip_controls(one.claim), found, Text(one.verdict, _STYLE.get(one.verdict, ""))
        )
    return table


def _table(title: str) -> Table:
    return Table(
        title=Text(title, "bold"),
        title_justify="left",
        header_style="dim",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
