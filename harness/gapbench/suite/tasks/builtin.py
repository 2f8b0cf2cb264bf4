"""Where the built-in tasks and suites are: in the wheel, or in the checkout around this package."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache
def builtin_folder() -> Path:
    """Return the folder of the built-in tasks; the suites are in its folder ``suites``."""
    package = Path(__file__).parents[2]
    packaged = package / "builtin_tasks"
    return packaged if packaged.is_dir() else package.parents[1] / "tasks"
