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
    # Wheels for Linux have the libraries that they bring in a folder beside the package, such as numpy.libs.
    paths += [libraries for path in paths if (libraries := path.with_name(f"{path.name}.libs")).is_dir()]
    return {path.name: os.path.realpath(path) for path in paths}


def _find_package(name: str) -> Path:
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except ValueError:  # a module that was made by hand
        spec = None
    if spec is None:
        raise SetupError(f"the tools need the package {name!r}, which is not installed; install it")
    path = Path(spec.origin or "")
    if path.stem.partition(".")[0] == "__init__":  # six, once imported, is a file that says it is a package
        path = path.parent
    if not spec.has_location or not path.exists():
        raise SetupError(
            f"the tools need the package {name!r}, which is not a folder or file; install it as one"
        )
    return path
