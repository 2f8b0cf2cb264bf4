"""Rows that a Python file makes: for data too long to keep, such as prompts of 128 000 tokens."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError
from gapbench.suite.tasks.dataset import Choose
from gapbench.suite.tasks.plain_values import Row, UnstorableValueError, plain_row
from gapbench.values import canonical_json, sha256


def generate_rows(file: Path, arguments: Mapping[str, Any], choose: Choose | None) -> tuple[list[Row], str]:
    """Return the chosen rows of those that ``rows(**arguments)`` of a file gives, and the hash of all of them.

    The file is run in this process: call it only for one that is trusted.

    Args:
        file: A ``.py`` with a function ``rows`` that gives mappings, the same ones every time.
        arguments: Its keyword arguments.
        choose: See :data:`gapbench.suite.tasks.dataset.Choose`. None: all rows.

    Raises:
        DocumentError: The file or its rows are not what they should be.
    """
    spec = importlib.util.spec_from_file_location(f"bench_rows_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise DocumentError("is not a Python file; a generator is a .py with a function `rows`", file=file)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        made: Iterable[Any] = module.rows(**arguments)
        rows = list(made)
    except Exception as exc:  # the file's code may raise anything
        raise DocumentError(
            f"rows({_format_arguments(arguments)}) raised {type(exc).__name__}: {exc}", file=file
        ) from exc
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DocumentError("rows(…) gives no rows, or something other than mappings", file=file)
    plain = []
    for number, row in enumerate(rows, 1):
        try:
            plain.append(plain_row(row))
        except UnstorableValueError as exc:
            raise DocumentError(f"row {number} of rows(…): {exc}", file=file) from exc
    chosen = range(len(plain)) if choose is None else sorted(choose(plain))
    return [plain[place] for place in chosen], sha256(canonical_json(plain))


def _format_arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
