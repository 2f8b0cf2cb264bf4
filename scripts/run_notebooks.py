"""Executes every notebook on the reference run and fails when a cell does; nothing is written back.

Run with ``make notebooks``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run them in order of name."""
    os.environ.setdefault("BENCH_RESULTS", str(ROOT / "results" / "reference"))
    failed = 0
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in notebooks:
        began_s = time.monotonic()
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
        )
        try:
            client.execute()
        except CellExecutionError as exc:
            failed += 1
            print(f"{path.name}: failed\n{exc}")
        else:
            print(f"{path.name}: ran in {time.monotonic() - began_s:.1f} s")
    print(f"{len(notebooks) - failed} of {len(notebooks)} notebooks ran")
    sys.exit(1 if failed or not notebooks else 0)


if __name__ == "__main__":
    main()
