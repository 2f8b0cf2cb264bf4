"""The article's table for the terminal: claim, what was published, one's own gap, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.article.article import RULE, Article, Reading, Row
from gapbench.analysis.article.published_gaps import PublishedGap
from gapbench.report.terminal_table import Column, Fitted

_STYLE = {
    "supported": "bold green",
    "partly": "bold yellow",
    "contradicted": "bold red",
    "not testable": "dim",
}
_SHORT = {"not distinguishable": "not told apart"}
_COLUMNS = (
    Column("figure", words=True, least=10), Column("claim"), Column("at", words=True, least=11), Column("n"),
    Column("points (range)"), Column("% of closed"), Column("verdict", words=True, least=14),
)  # fmt: skip


class _Figures:
    """The eight figures; where a terminal is too narrow for it beside its median, a range goes under it."""

    def __init__(self, article: Article) -> None:
        """Keep what to draw."""
        self._article = article

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        beside = self._drawn(" ")
        yield beside if beside.fits(options.max_width) else self._drawn("\n")

    def _drawn(self, between: str) -> Fitted:
        table = Fitted(
            "The article's figures against published evidence: the gap, closed minus open", _COLUMNS
        )
        last = None
        for row in self._article.rows:
            if row.claim.metric != last:
                table.section()
            last = row.claim.metric
            _add(table, row, between)
        return table


def article_table(article: Article) -> RenderableType:
    """Return the eight figures with medians, ranges and verdicts."""
    lines = [Text(f"Snapshot matters: {said}", "dim") for said in map(_arena, article.rows) if said]
    lines.append(
        Text("Green meets the claim, yellow is near it; a percentage of an Elo score has no meaning.", "dim")
    )
    lines += [Text(f"Note: {formatting.clean(line)}", "dim") for line in article.warnings]
    return Group(_Figures(article), *lines)


def article_details(article: Article) -> RenderableType:
    """Return each gap behind the table, the economic claims, the errors with their sources, and the rule."""
    parts: list[RenderableType] = []
    for row in article.rows:
        parts += [_evidence(row), Text("")]
    if article.claims:
        parts += [_claims(article), Text("")]
    parts.append(Text("What the article gets wrong", "bold"))
    for error in article.errors:
        parts.append(Text.assemble(("  said: ", "dim"), formatting.clean(error["said"])))
        parts.append(Text.assemble(("  found: ", "dim"), formatting.clean(error["found"])))
        parts += [Text(f"    {formatting.clean(source)}", "dim") for source in error["sources"]]
    parts += [Text(""), Text.assemble(("Rule: ", "bold"), RULE)]
    return Group(*parts)


def _add(table: Fitted, row: Row, between: str) -> None:
    claim = row.claim
    heads = [
        f"{claim.category.capitalize()} {claim.year}",
        f"{claim.claim:g} {'Elo' if claim.unit == 'elo' else '%'}",
    ]
    verdict = Text(row.verdict, _STYLE[row.verdict])
    for moment in dict.fromkeys(one.moment for one in row.readings):
        here = {one.reading: one for one in row.readings if one.moment == moment}
        points, percent = here["points"], here.get("percent of closed")
        table.row(
            *heads,
            moment,
            str(points.gaps),
            _spread(points, between),
            _spread(percent, between),
            verdict,
        )
        heads, verdict = ["", ""], Text("")
    if not row.readings:
        table.row(*heads, "", "", "", "", verdict)
    if row.measured is not None and row.measured["gap_points"] is not None:
        mine = row.measured
        table.row(
            formatting.SIMULATED if mine["simulated"] else "",
            "",
            "your run",
            "",
            f"{mine['gap_points']:.1f}{between}({mine['ci_low']:.1f}, {mine['ci_high']:.1f})",
            f"{mine['gap_percent_of_closed']:.1f}" if formatting.known(mine["gap_percent_of_closed"]) else "",
            Text(
                "equivalent"
                if mine["verdict"].startswith("equivalent")
                else _SHORT.get(mine["verdict"], mine["verdict"]),
                "dim",
            ),
        )


def _spread(reading: Reading | None, between: str) -> Text:
    if reading is None:
        return Text("")
    said = f"{reading.median:.1f}{between}({reading.low:.1f}–{reading.high:.1f})"
    return Text(said, "green" if reading.meets else "yellow" if reading.near else "")


def _arena(row: Row) -> str:
    if row.arena is None:
        return ""
    low, high = row.arena["narrowest"], row.arena["widest"]
    return (
        f"the Arena gap of {row.claim.year} was {low['gap_points']:g} Elo on {low['date']} and "
        f"{high['gap_points']:g} on {high['date']} ({row.arena['snapshots']} snapshots)."
    )


def _evidence(row: Row) -> Table:
    claim = row.claim
    head = f"{claim.metric} {claim.year}: {claim.claim:g} {'Elo' if claim.unit == 'elo' else '%'}"
    if claim.unit == "elo":
        rate = row.to_json()["claim_win_rate"]
        head += f" (a win rate of {rate:.1%}; a percentage of an Elo means nothing)"
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
                formatting.clean(one.benchmark) + ("" if row.counted(one) else " (does not count)"),
                f"\n{formatting.clean(one.closed.model)} {one.closed.score:g}, {formatting.clean(one.open.model)} {one.open.score:g}",
                (f"\n{formatting.clean(_origin(one))}", "dim"),
            ),
            _gap(one),
            formatting.NOTHING if one.ci_low is None else f"{one.ci_low:+.1f} to {one.ci_high:+.1f}",
            f"{one.top3_gap_points:+.1f}",
        )
    return table


def _gap(one: PublishedGap) -> str:
    if one.win_rate_closed is not None:
        return f"{one.gap_points:+g} Elo\nwin {one.win_rate_closed:.1%}"
    return f"{one.gap_points:+.1f} pts\n{one.gap_percent_of_closed:+.1f} %"


def _origin(one: PublishedGap) -> str:
    source = one.sources[0] if one.sources else "source unknown"
    path, _, commit = source.partition("@")
    return path + (f"@{commit[:7]}" if commit else "")


def _claims(article: Article) -> Table:
    table = _table("Economic claims")
    for name in ("claim", "result", "verdict", "holds when"):
        table.add_column(name, overflow="fold")
    for claim in article.claims:
        verdict = formatting.clean(claim["verdict"])
        table.add_row(
            formatting.clean(claim["claim"]),
            formatting.clean(claim["result"]),
            Text(verdict, _STYLE.get(verdict, "")),
            formatting.clean(claim["holds_when"] or formatting.NOTHING),
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
