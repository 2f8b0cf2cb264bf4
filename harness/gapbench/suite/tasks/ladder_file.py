"""The file of a ladder: the object ``LADDER`` of a Python file, and the rows that a suite asks it for."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gapbench.errors import DocumentError
from gapbench.ladder import MOST_RUNGS, Ladder
from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.plain_values import Row, UnstorableValueError, plain_row
from gapbench.values import canonical_json, sha256

BUILTIN_PACKAGE = "gapbench.builtin_tasks"


def load_ladder(file: Path) -> Ladder:
    """Return the ladder of a file.

    The file is run in this process: call it only for one that is trusted.

    Args:
        file: A ``.py`` with an object ``LADDER``.

    Raises:
        DocumentError: The file cannot be run, or has no such object, or its ladder has too many rungs.
    """
    try:
        module = _import(file)
    except Exception as exc:  # the file's code may raise anything
        raise DocumentError(f"cannot be run: {type(exc).__name__}: {exc}", file=file) from exc
    ladder = getattr(module, "LADDER", None)
    if not isinstance(ladder, Ladder):
        raise DocumentError("has no ladder; define LADDER = gapbench.ladder.Ladder(…)", file=file)
    if not 1 <= len(ladder.rungs) <= MOST_RUNGS:
        raise DocumentError(f"its ladder has {len(ladder.rungs)} rungs; give it 1 to {MOST_RUNGS}", file=file)
    return ladder


def draw_rows(
    ladder: Ladder, file: Path, *, seed: int, rungs: Sequence[int] | None, per_rung: int
) -> tuple[list[Row], str]:
    """Return rows of a ladder, and their hash.

    Args:
        ladder: The ladder.
        file: The file that it is from, for errors.
        seed: See :meth:`Ladder.rows`.
        rungs: See :meth:`Ladder.rows`.
        per_rung: See :meth:`Ladder.rows`.

    Raises:
        DocumentError: The ladder has no such rung, or fails, or gives rows that cannot be stored.
    """
    try:
        made: list[dict[str, Any]] = ladder.rows(seed=seed, rungs=rungs, per_rung=per_rung)
        rows = [plain_row(row) for row in made]
    except UnstorableValueError as exc:
        raise DocumentError(f"a row of its ladder: {exc}", file=file) from exc
    except Exception as exc:  # the file's code may raise anything
        raise DocumentError(f"its ladder raised {type(exc).__name__}: {exc}", file=file) from exc
    if not rows:
        raise DocumentError("its ladder gives no rows", file=file)
    return rows, sha256(canonical_json(rows))


def _import(file: Path) -> ModuleType:
    """Import a file: one of ours as a module of its package, so that it can import its neighbors; another alone."""
    root = builtin_folder().resolve()
    resolved = file.resolve()
    if resolved.is_relative_to(root):
        _register_builtin_package(root)
        dotted = ".".join(resolved.relative_to(root).with_suffix("").parts)
        return importlib.import_module(f"{BUILTIN_PACKAGE}.{dotted}")
    spec = importlib.util.spec_from_file_location(f"bench_ladder_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _register_builtin_package(root: Path) -> None:
    """Make the built-in tasks importable as one package, also in a checkout, where they lie outside of gapbench."""
    if BUILTIN_PACKAGE in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        BUILTIN_PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[BUILTIN_PACKAGE] = module
    spec.loader.exec_module(module)
