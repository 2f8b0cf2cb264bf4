"""The built-in tasks and the scripts that write them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import tasks
from gapbench.suite.tasks.loader import find_builtin_task, load_task, read_task
from gapbench.suite.tasks.task import Task

ROOT = Path(tasks.__path__[0])


def task(name: str) -> Task:
    document, source = read_task(find_builtin_task(name))
    return load_task(document, source, None)


def script(name: str) -> dict[str, Any]:
    """Return the names that a task's make_samples.py defines."""
    folder = ROOT / name
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        return runpy.run_path(str(folder / "make_samples.py"))
    finally:
        sys.path.remove(str(folder))
        for module in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[module], "__file__", "")):
                del sys.modules[module]
