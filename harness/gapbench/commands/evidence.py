"""`bench evidence`: check the published figures and their sources, or add one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import book_option, json_option


@click.group(
    "evidence",
    cls=CommandGroup,
    epilog="Examples: bench evidence check; bench evidence add --help",
)
def evidence_command() -> None:
    """Check the published figures and their sources, or add a figure."""


@evidence_command.command(
    "check", epilog="Examples: bench evidence check; bench evidence check --book my-evidence --json"
)
@book_option
@json_option
def check_command(book: Path | None, *, as_json: bool) -> int:
    """Check every figure for its source, flags, duplicates and list membership; exit 2 if a check fails."""
    from gapbench.analysis.article.evidence import read_evidence
    from gapbench.analysis.article.evidence_rules import rule_violations, unproven
    from gapbench.analysis.article.published_gaps import published_gaps

    evidence = read_evidence(book)
    violations = rule_violations(evidence)
    gaps = published_gaps(evidence)
    if as_json:
        counts = {"figures": len(evidence.figures), "sources": len(evidence.sources), "gaps": len(gaps)}
        click.echo(json.dumps({"schema": 1, **counts, "faults": violations, "unproven": unproven(evidence)}))
    else:
        for violation in violations:
            click.echo(violation)
        state = f"{len(violations)} faults" if violations else "good"
        click.echo(
            f"{evidence.location}: {state}: {len(evidence.figures)} figures of {len(evidence.sources)} sources, "
            f"{len(gaps)} gaps"
        )
        for sentence in unproven(evidence):
            click.echo(f"not shown: {sentence}")
    return 2 if violations else 0


@evidence_command.command(
    "add",
    epilog="""\b
Examples:
  bench evidence add --book my-evidence source=board@0a1b2c3 kind=leaderboard \\
      citation=owner/repo/board.csv@0a1b2c3d4e5f accessed=2026-11-02 \\
      url=https://github.com/owner/repo/blob/0a1b2c3d4e5f/board.csv category=coding benchmark="My board" \\
      snapshot=2026-11-01 model=glm-5 weights=open score=71.2 unit=percent
  bench evidence add --book my-evidence --from rows.csv""",
)
@click.argument("cells", nargs=-1, metavar="[COLUMN=VALUE]...")
@click.option(
    "--from",
    "rows",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV file with the figures to add.",
)
@click.option(
    "--book",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder with evidence.csv and evidence_sources.csv; created if missing.",
)
def add_command(cells: tuple[str, ...], rows: Path | None, book: Path) -> None:
    """Add figures to a folder of evidence.

    A new source also needs kind=, citation=, url= and accessed=. If a check fails, nothing is added.
    """
    from gapbench.analysis.article.evidence_entry import add_figures, parse_entry

    if bool(cells) == bool(rows):
        raise click.UsageError("give either COLUMN=VALUE cells or --from a CSV")
    added = add_figures(book, [parse_entry(cells)] if rows is None else rows)
    click.echo(f"{book}: {added} added")
