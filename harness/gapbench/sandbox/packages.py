"""Installed packages that the tools of an episode may import: each is mounted read-only, and nothing beside it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from gapbench.errors import SetupError


def find_packages(names: Iterable[str]) -> dict[str, str]:
    """Return where packages are installed: the name that each has in a folder of packages, and its path.

    The packages are not imported. What they import themselves is not found: each package is named.

    Args:
        names: What ``import`` takes, such as ``yaml``; not ``a.b``.

    Raises:
        SetupError: One is not installed, or is not a folder or file of its own.
    """
    paths = [_find_package(name) for name in dict.fromkeys(names)]
    return {path.name: os.path.realpath(path) for path in paths}


def _find_package(name: str) -> Path:
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except ValueError:  # a module that was made by hand
        spec = None
    if spec is None:
        raise SetupError(f"the tools need the package {name!r}, which is not installed; install it")
    path = Path(spec.origin or "")
    if spec.submodule_search_locations is not None and spec.origin is not None:
        path = path.parent
    if not spec.has_location or not path.exists():
        raise SetupError(
            f"the tools need the package {name!r}, which is not a folder or file; install it as one"
        )
    return path
