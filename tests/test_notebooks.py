"""The notebooks are stored with small outputs, read results only, and run over any run."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 300_000


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def source(path: Path) -> str:
    lines = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code").splitlines()
    return "\n".join(line for line in lines if not line.startswith("%"))


def test_there_are_four() -> None:
    """First look, gap, cost, and a plot of one's own."""
    names = ["01_first_look", "02_gap_and_significance", "03_cost", "04_your_own_plot"]

    assert names == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_small_outputs(path: Path) -> None:
    """Finding 37: GitHub shows them. `make notebooks` makes them, from the first cell to the last, without an error."""
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kinds = {output.output_type for cell in code for output in cell.outputs}

    assert notebook.cells[0].cell_type == "markdown"
    assert list(range(1, len(code) + 1)) == [cell.execution_count for cell in code]
    assert all(cell.outputs for cell in code)
    assert kinds <= {"stream", "execute_result", "display_data"}
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_name_no_place_of_a_machine(path: Path) -> None:
    """No absolute path, no address of an object."""
    outputs = str([cell.get("outputs") for cell in read(path).cells])

    assert not re.findall(
        r"(?<![\w.<])/(?:home|root|work|tmp|Users|usr|private|mnt)/[^\s'\"]*| at 0x[0-9a-f]+", outputs
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_simulated_figures_are_marked(path: Path) -> None:
    """The reference run is simulated; a frame of one's own says so in a column."""
    assert "simulated" in str([cell.get("outputs") for cell in read(path).cells]).lower()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_the_python_api(path: Path) -> None:
    """And of other modules only the statistics."""
    names = [
        node.module
        for node in ast.walk(ast.parse(source(path)))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gapbench")
    ]

    assert "import gapbench as gb\n" in source(path)
    assert all(name.split(".")[1] == "stats" for name in names)
