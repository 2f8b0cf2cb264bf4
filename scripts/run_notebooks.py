"""Executes every notebook on the reference run and writes its outputs back; fails when a cell does.

Run with ``make notebooks``. ``--check`` writes nothing and fails if the texts that a notebook prints differ from those
committed. With BENCH_RESULTS set to other results nothing is written either.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]
_TAG = re.compile(r"<[^>]*>")


def main() -> None:
    """Run them in order of name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a printed text differs")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all")
    options = parser.parse_args()
    is_own = "BENCH_RESULTS" not in os.environ
    notebooks = options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    failed = 0
    for path in notebooks:
        began_s = time.monotonic()
        notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        before = list(printed_texts(notebook))
        try:
            execute(notebook, path.parent)
        except CellExecutionError as exc:
            failed += 1
            print(f"{path.name}: failed\n{exc}")
            continue
        print(f"{path.name}: ran in {time.monotonic() - began_s:.1f} s")
        if options.check and is_own and before != list(printed_texts(notebook)):
            failed += 1
            print(f"{path.name}: its outputs are out of date; run `make notebooks`")
        elif is_own and not options.check:
            nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    print(f"{len(notebooks) - failed} of {len(notebooks)} notebooks ran")
    sys.exit(1 if failed or not notebooks else 0)


def execute(notebook: Any, folder: Path) -> None:
    """Execute a notebook in place and remove what differs from one machine or time to the next.

    Raises:
        CellExecutionError: A cell failed.
    """
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=600, startup_timeout=600, kernel_name="python3", resources=resources
    ).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            # Each output has one form that GitHub shows: a table as HTML, a chart as SVG, else plain text.
            for better in ("text/html", "image/svg+xml"):
                if better in output.get("data", {}):
                    output["data"] = {better: output["data"][better]}


def printed_texts(notebook: Any) -> Iterator[str]:
    """Yield what the outputs of a notebook say, without layout and pictures."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text") or data.get("text/html") or data.get("text/plain") or ""
            yield " ".join(_TAG.sub(" ", "".join(text)).split())


if __name__ == "__main__":
    main()
