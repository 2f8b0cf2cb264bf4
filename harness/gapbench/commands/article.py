"""`bench article`: check the article's eight claims against published evidence."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import book_option, json_option
from gapbench.commands.storage_paths import RunPath


@click.command(
    "article",
    epilog="""\b
Examples:
  bench article                         the table, every gap in it, the errors, the rule
  bench article --brief                 only the table
  bench article --run results/RUN       your own gaps next to the figures of 2026
  bench article --json                  for scripts""",
)
@click.option("--run", "runs", type=RunPath(), multiple=True, metavar="RUN",
              help="Also show the gaps that this run measured. Repeatable.")  # fmt: skip
@click.option("--brief", is_flag=True, help="Print only the table.")
@book_option
@json_option
def article_command(runs: tuple[Path, ...], book: Path | None, *, brief: bool, as_json: bool) -> None:
    """Compare the article's eight figures with published evidence and give each a verdict by a written rule."""
    from gapbench.analysis.article.article import check_article
    from gapbench.analysis.article.evidence import read_evidence
    from gapbench.commands.run_folders import resolve_run_folders

    comparison = check_article(resolve_run_folders(runs) if runs else (), read_evidence(book))
    if as_json:
        click.echo(json.dumps(comparison.to_json()))
        return
    from rich.console import Console

    from gapbench.report import article as article_report

    console = Console()
    console.print(article_report.article_table(comparison))
    if not brief:
        console.print(article_report.article_details(comparison), highlight=False)
