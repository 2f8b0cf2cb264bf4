"""The DuckDB and Polars snippets of the documents run as they stand, on the files of a run."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA
from tests.run_folders import make_answers, make_attempt, write_run

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("how-to/python.md", "reference/columns.md")


def snippets(library: str) -> list[Any]:
    """Return each Python snippet of the pages that imports a library."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
        found += [pytest.param(block, id=page) for block in blocks if f"import {library}" in block]
    return found


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`results/RUN` with three measured answers, and one of the warm-up."""
    monkeypatch.chdir(tmp_path)
    rows = [*make_answers("closed-a", 2, 3), make_attempt(sample_id="w", phase="warmup")]
    write_run(tmp_path / "results" / "RUN", rows)


def executed(code: str) -> tuple[dict[str, Any], Any]:
    """Run a snippet, and return its names and the value of its last expression, None if it ends otherwise."""
    tree = ast.parse(code)
    names: dict[str, Any] = {}
    last = tree.body[-1]
    value = last.value if isinstance(last, ast.Expr) else None
    if value is not None:
        tree.body.pop()
    exec(compile(tree, "snippet", "exec"), names)
    return names, None if value is None else eval(compile(ast.Expression(value), "snippet", "eval"), names)


def test_both_libraries_have_a_snippet() -> None:
    """One of DuckDB in Python, one of Polars on each page; the DuckDB of the reference is SQL, which another test runs."""
    assert (1, 2) == (len(snippets("duckdb")), len(snippets("polars")))


@pytest.mark.parametrize("code", snippets("duckdb"))
def test_duckdb_joins_attempts_and_texts(code: str) -> None:
    """Finding 39: a row for each of the three measured answers, with its text."""
    _, frame = executed(code)

    assert ["0", "1", "2"] == sorted(frame["sample_id"])
    assert ["4", "4", "4"] == list(frame["reply"])


@pytest.mark.parametrize("code", snippets("polars"))
def test_polars_joins_attempts_and_texts(code: str) -> None:
    """Finding 39: the same rows."""
    pytest.importorskip(
        "polars", reason="polars is not installed (pip install polars); the columns are checked below"
    )
    names, _ = executed(code)

    assert ["0", "1", "2"] == sorted(names["rows"]["sample_id"])
    assert ["4", "4", "4"] == list(names["rows"]["reply"])


@pytest.mark.parametrize("code", snippets("polars"))
def test_every_column_of_a_polars_snippet_exists(code: str) -> None:
    """Also where polars is not installed: it parses, the key is in both files, and filters name columns of the attempts."""
    tree = ast.parse(code)
    (key,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "key"
    ]
    columns = re.findall(r'pl\.col\("(\w+)"\)', code)

    assert set(key) <= set(ATTEMPT_SCHEMA.names) & set(PAYLOAD_SCHEMA.names)
    assert columns
    assert set(columns) <= set(ATTEMPT_SCHEMA.names)
