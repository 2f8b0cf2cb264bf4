"""Writes the generated parts of README.md: command help, runners, scorers, tasks and the Parquet columns.

Each part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``. ``make docs`` writes them;
``--check`` only says which are stale (a test does that).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import click
from click.testing import CliRunner

from harness.cli import COMMANDS, bench
from harness.commands.inspect import _rows
from harness.schema import described

README = Path(__file__).parents[1] / "README.md"
PART = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def command_help() -> str:
    """Return `bench --help` as printed 100 columns wide."""
    result = CliRunner().invoke(bench, ["--help"], terminal_width=100, prog_name="bench")
    return f"```text\n{result.output.strip()}\n```\n"


def run_help() -> str:
    """Return `bench run --help`."""
    command = bench.get_command(click.Context(bench), "run")
    assert command is not None
    result = CliRunner().invoke(command, ["--help"], terminal_width=100, prog_name="bench run")
    return f"```text\n{result.output.strip()}\n```\n"


def listed(kind: str) -> str:
    """Return what `bench list KIND` prints, as a table."""
    rows = "".join(f"| `{name}` | {line} |\n" for name, line in _rows(kind, None))
    return f"| {kind.removesuffix('s')} | |\n| --- | --- |\n{rows}"


def columns(kind: str) -> str:
    """Return the columns of a Parquet table."""
    rows = "".join(
        f"| `{name}` | {type_}{'?' if null else ''} | {meaning} |\n"
        for name, type_, null, meaning in described(kind)
    )
    return f"| column | type | meaning |\n| --- | --- | --- |\n{rows}"


PARTS = {
    "help": command_help,
    "run-help": run_help,
    "runners": lambda: listed("runners"),
    "scorers": lambda: listed("scorers"),
    "tasks": lambda: listed("tasks"),
    "attempts": lambda: columns("attempts"),
    "payload": lambda: columns("payload"),
}


def fresh(text: str) -> str:
    """Return a document with its generated parts made anew."""
    return PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}{match[4]}", text)


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a part is stale")
    options = parser.parse_args()
    before = README.read_text(encoding="utf-8")
    after = fresh(before)
    if before == after:
        print(f"{README.name} is fresh: {', '.join(COMMANDS)}")
        return
    if options.check:
        sys.exit(f"{README.name} is stale; run `make docs`")
    README.write_text(after, encoding="utf-8")
    print(f"{README.name} written anew")


if __name__ == "__main__":
    main()
