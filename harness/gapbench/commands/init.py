"""`bench init`: write a commented suite to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "init",
    epilog="""\b
Examples:
  bench init my-suite.yaml
  bench init tickets.yaml --from tickets.jsonl
  bench init all.yaml --from tickets.jsonl --from shots.csv    one task for each file""",
)
@click.argument("suite", type=click.Path(path_type=Path), default=Path("suite.yaml"))
@click.option(
    "--from",
    "data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Your data as JSON, JSONL, CSV or Parquet, or a folder of such files. The roles of columns and the scorer are guessed. Repeatable.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init_command(suite: Path, data: tuple[Path, ...], *, force: bool) -> None:
    """Write a commented suite file to start from; with --from, over your own data."""
    from gapbench.errors import InputError
    from gapbench.suite.scaffold import suite_scaffold

    if suite.exists() and not force:
        raise InputError(f"{suite} already exists; choose another name, or overwrite it with --force")
    content = suite_scaffold(suite, data, _name_log)
    try:
        suite.parent.mkdir(parents=True, exist_ok=True)
        suite.write_text(content, encoding="utf-8")
    except OSError as exc:
        raise InputError(f"cannot write {suite}: {exc.strerror}; choose another place") from exc
    click.echo(f"{suite} written; next: bench validate {suite} && bench plan {suite}")


def _name_log(file: Path) -> str | None:
    """Return what log of requests a file is. None: it is no log, or the suite's own reader says what is wrong with it."""
    from gapbench.errors import DocumentError
    from gapbench.traffic import recognize_file

    try:
        form = recognize_file(file, str(file))
    except DocumentError:
        return None
    return None if form is None else form.about
