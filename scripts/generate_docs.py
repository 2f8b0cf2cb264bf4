"""Writes the generated parts of README.md and docs/design.md: help, runners, scorers, tasks, columns.

Each part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``. ``make docs`` writes them;
``--check`` only says which are stale (a test does that).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from click.testing import CliRunner

from gapbench.cli import bench
from gapbench.commands.list_doctor import _rows
from gapbench.store.schema import describe_columns

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "design.md")
PART = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def help_of(*arguments: str) -> str:
    """Return a help page as printed 100 columns wide."""
    result = CliRunner().invoke(bench, [*arguments, "--help"], terminal_width=100, prog_name="bench")
    return f"```text\n{result.output.strip()}\n```\n"


def listed(kind: str) -> str:
    """Return what `bench list KIND` prints, as a table."""
    rows = "".join(f"| `{name}` | {line} |\n" for name, line in _rows(kind, None))
    return f"| {kind.removesuffix('s')} | |\n| --- | --- |\n{rows}"


def columns(kind: str) -> str:
    """Return the columns of a Parquet table."""
    rows = "".join(
        f"| `{name}` | {type_}{'?' if null else ''} | {meaning} |\n"
        for name, type_, null, meaning in describe_columns(kind)
    )
    return f"| column | type | meaning |\n| --- | --- | --- |\n{rows}"


PARTS = {
    "help": help_of,
    "run-help": lambda: help_of("run"),
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
    stale = False
    for document in DOCUMENTS:
        before = document.read_text(encoding="utf-8")
        after = fresh(before)
        if before == after:
            print(f"{document.name} is fresh")
        elif options.check:
            stale = True
            print(f"{document.name} is stale; run `make docs`")
        else:
            document.write_text(after, encoding="utf-8")
            print(f"{document.name} written anew")
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
