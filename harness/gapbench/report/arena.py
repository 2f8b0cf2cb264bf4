"""Arena ratings, for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.quality.arena import ArenaRatings
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn

_STYLES = {"closed": "blue", "open": "green"}


def arena_table(arena: ArenaRatings) -> RenderableType:
    """Return the gap as Elo and as a win rate, the ratings, and the effects that were removed from them."""
    how = (
        f"judged by {', '.join(map(formatting.strip_controls, arena.judges))}"
        if arena.preference == "judge"
        else "the higher score wins"
    )
    heads = [
        TerminalColumn("model", is_text=True, min_width=16),
        *map(TerminalColumn, ("Elo", "95 %", "won %", "won / tied / lost")),
    ]
    table = ResponsiveTable(f"Arena: {how}", heads, simulated=arena.simulated)
    for row in arena.frame.to_dict(orient="records"):
        table.add_row(
            Text(formatting.strip_controls(row["model_id"]), style=_STYLES.get(str(row["weights"]), "")),
            f"{row['elo']:.0f}",
            f"{row['elo_low']:.0f} to {row['elo_high']:.0f}",
            f"{row['win_rate'] * 100:.1f}",
            f"{row['wins']} / {row['ties']} / {row['losses']}",
        )
    parts: list[RenderableType] = [table]
    if arena.gap is not None:
        gap, mark = arena.gap, f" [{formatting.SIMULATED}]" if arena.simulated else ""
        parts.insert(
            0,
            Text(
                f"{gap['closed']} (closed) against {gap['open']} (open): {gap['elo']:+.0f} Elo, 95 % interval "
                f"{gap['elo_low']:+.0f} to {gap['elo_high']:+.0f}, a win rate of {formatting.format_percent(gap['win_rate'])}.{mark}\n",
                style="bold",
            ),
        )
    effects = (("being shown first", arena.first_elo), ("length", arena.length_elo))
    removed = [f"{elo:+.0f} Elo for {name}" for name, elo in effects if elo is not None]
    if removed:
        parts.append(Text(f"Removed from the ratings: {', '.join(removed)}.", style="dim"))
    if arena.contradicted_share is not None:
        parts.append(
            Text(
                f"The judge contradicted itself on {formatting.format_percent(arena.contradicted_share)} of the pairs when the order was reversed.",
                style="dim",
            )
        )
    if arena.unreadable_verdicts:
        parts.append(
            Text(
                f"{formatting.format_count(arena.unreadable_verdicts)} verdicts could not be read or never came.",
                style="yellow",
            )
        )
    parts += [Text(f"Note: {warning}", style="dim") for warning in arena.warnings]
    return Group(*parts)
