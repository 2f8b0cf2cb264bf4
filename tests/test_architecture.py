"""Rules of the code that import-linter does not hold; the layers are in pyproject.toml, `lint-imports` checks them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_only_those_that_read_or_write_parquet_import_pyarrow(path: Path) -> None:
    """Arrow types live in one place; two modules of the suite read the Parquet files that a suite names."""
    of_users = {"gapbench.suite.tasks.arrow_rows", "gapbench.suite.replay.logged_requests"}
    if room_of(name_of(path)) == "gapbench.store" or name_of(path) in of_users:
        return
    assert not [module for module in imports(path) if module.split(".")[0] == "pyarrow"]


@pytest.mark.parametrize("path", [*modules("harness"), *modules("runners")], ids=name_of)
def test_no_file_is_over_400_lines(path: Path) -> None:
    """A file holds one noun."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [*modules("harness"), *modules("runners")], ids=name_of)
def test_no_duration_is_taken_from_the_wall_clock(path: Path) -> None:
    """A step of the wall clock would be a latency."""
    assert "time.time()" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_only_the_cli_prints_and_exits(path: Path) -> None:
    """Everything else returns or raises."""
    if name_of(path).startswith(("gapbench.cli", "gapbench.commands", "gapbench.sandbox.guest")):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert not called & {"print", "sys.exit", "exit", "quit"}
