"""`bench article` and `bench evidence`: what was published, and how the article's figures stand against it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import json_option
from gapbench.commands.storage_paths import RunPath

book_option = click.option(
    "--book",
    type=click.Path(path_type=Path, file_okay=False),
    help="Another folder of evidence.csv and evidence_sources.csv.  [default: the packaged one]",
)


@click.command(
    "article",
    epilog="""\b
Examples:
  bench article                         the table, every gap behind it, the errors, the rule
  bench article --brief                 the table alone
  bench article --run results/RUN       your own gaps beside the figures of 2026
  bench article --json                  for a script""",
)
@click.option("--run", "runs", type=RunPath(), multiple=True, help="A run to set beside it.")
@click.option("--brief", is_flag=True, help="The table alone.")
@book_option
@json_option
def article_command(runs: tuple[Path, ...], book: Path | None, *, brief: bool, as_json: bool) -> None:
    """The article's eight figures against published evidence, with a verdict by a written rule."""
    from gapbench.analysis.article.article import check_article
    from gapbench.analysis.article.evidence import read_evidence
    from gapbench.commands.run_folders import resolve_run_folders

    found = check_article(resolve_run_folders(runs) if runs else (), read_evidence(book))
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    from rich.console import Console

    from gapbench.report import article as drawn

    console = Console()
    console.print(drawn.article_table(found))
    if not brief:
        console.print(drawn.article_details(found), highlight=False)


@click.group(
    "evidence",
    epilog="Examples: bench evidence check; bench evidence add --help",
)
def evidence_command() -> None:
    """Published figures with their sources: check them, or add one."""


@evidence_command.command(
    "check", epilog="Examples: bench evidence check; bench evidence check --book my-evidence --json"
)
@book_option
@json_option
def check_command(book: Path | None, *, as_json: bool) -> int:
    """Hold every figure against the rules: source, flag, duplicates, one list for each gap; exit 2 on a fault."""
    from gapbench.analysis.article.evidence import read_evidence
    from gapbench.analysis.article.evidence_rules import rule_violations
    from gapbench.analysis.article.published_gaps import published_gaps

    evidence = read_evidence(book)
    found = rule_violations(evidence)
    gaps = published_gaps(evidence)
    if as_json:
        counts = {"figures": len(evidence.figures), "sources": len(evidence.sources), "gaps": len(gaps)}
        click.echo(json.dumps({"schema": 1, **counts, "faults": found}))
    else:
        for said in found:
            click.echo(said)
        state = f"{len(found)} faults" if found else "good"
        click.echo(
            f"{evidence.location}: {state}: {len(evidence.figures)} figures of {len(evidence.sources)} sources, "
            f"{len(gaps)} gaps"
        )
    return 2 if found else 0


@evidence_command.command(
    "add",
    epilog="""\b
Examples:
  bench evidence add --book my-evidence source=board@0a1b2c3 kind=leaderboard \\
      citation=owner/repo/board.csv@0a1b2c3d4e5f category=coding benchmark="My board" \\
      snapshot=2026-11-01 model=glm-5 weights=open score=71.2 unit=percent
  bench evidence add --book my-evidence --from rows.csv""",
)
@click.argument("cells", nargs=-1, metavar="[COLUMN=VALUE]...")
@click.option("--from", "rows", type=click.Path(path_type=Path, dir_okay=False), help="A CSV of figures.")
@click.option(
    "--book",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of evidence.csv and evidence_sources.csv; begun where it is not there.",
)
def add_command(cells: tuple[str, ...], rows: Path | None, book: Path) -> None:
    """Add a figure to a book, and its source with kind= and citation= where that is new; nothing on a fault."""
    from gapbench.analysis.article.evidence_entry import add_figures, parse_entry

    if bool(cells) == bool(rows):
        raise click.UsageError("give either COLUMN=VALUE cells or --from a CSV")
    added = add_figures(book, [parse_entry(cells)] if rows is None else rows)
    click.echo(f"{book}: {added} added")
