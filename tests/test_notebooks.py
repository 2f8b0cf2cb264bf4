"""The notebooks run over any run, and touch results only."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def source(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells  # type: ignore[no-untyped-call]
    lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    return "\n".join(line for line in lines if not line.startswith("%"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_kept_without_outputs(path: Path) -> None:
    """Outputs would go stale; CI makes them."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)

    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    assert notebook.cells[0].cell_type == "markdown"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_results_only(path: Path) -> None:
    """Through the Python API, and analysis, report and stats."""
    names = [
        node.module
        for node in ast.walk(ast.parse(source(path)))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gapbench")
    ]

    assert "import gapbench\n" in source(path)
    assert all(name.split(".")[1] in {"analysis", "report", "stats"} for name in names)
