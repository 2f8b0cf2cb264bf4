"""Installed packages that a program or the tools of an episode may import: each is mounted read-only, and nothing beside it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Mapping
from functools import cache
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


def find_with_requirements(names: Iterable[str]) -> dict[str, str]:
    """Return where packages are installed, and all that they need: as :func:`find_packages`, with their own metadata.

    What a package needs is what its distribution requires, without extras. A name that is not installed is left out.

    Args:
        names: What ``import`` takes, such as ``yaml``; not ``a.b``.
    """
    by_module = _distributions_by_module()
    wanted = {distribution for name in names for distribution in by_module.get(name, ())}
    needed = frozenset(one for distribution in wanted for one in _with_required(distribution))
    found: dict[str, str] = {}
    for module, distributions in by_module.items():
        if module.isidentifier() and needed & {_plain_name(one) for one in distributions}:
            for path in _module_paths(module):
                found[path.name] = os.path.realpath(path)
                libraries = path.with_name(f"{path.name}.libs")
                if libraries.is_dir():
                    found[libraries.name] = os.path.realpath(libraries)
    return found | {path.name: os.path.realpath(path) for path in map(_metadata_folder, needed) if path}


@cache
def _distributions_by_module() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@cache
def _with_required(distribution: str) -> frozenset[str]:
    """Return a distribution and those that it requires here, directly or through others, by their plain names."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - only where programs import packages

    found: set[str] = set()
    waiting = [_plain_name(distribution)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            said = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        requirements = [Requirement(text) for text in said]
        waiting += [
            _plain_name(one.name)
            for one in requirements
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return frozenset(found)


def _plain_name(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


def _module_paths(module: str) -> list[Path]:
    """Return the file or folder of a module; the folders of one that several distributions share, such as google."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
    if spec is None or spec.origin in ("built-in", "frozen"):
        return []
    if spec.submodule_search_locations:
        return [Path(folder) for folder in spec.submodule_search_locations if Path(folder).is_dir()][:1]
    return [Path(spec.origin)] if spec.has_location and spec.origin else []


@cache
def _metadata_folder(distribution: str) -> Path | None:
    """Return the folder with a distribution's version, which some packages look up when they are imported."""
    files = importlib.metadata.files(distribution) or []
    named = next((file for file in files if file.name == "METADATA"), None)
    return None if named is None else Path(str(named.locate())).parent
