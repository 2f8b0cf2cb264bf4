"""Problems written by hand: a feature of a core is off, and the question asks for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from .catalog import CATALOGS
from .repository import make_repository, repository_files
from .source_text import read_sources, with_features


class Feature(NamedTuple):
    """A change to ask for.

    Attributes:
        rung: Its place on the ladder, from 1.
        name: Name of its sections in the core.
        distance: Calls between where it shows and the nearest place that must change.
        question: What is asked, all rules included.
        calls: Expressions over the modules in ``LOADS`` of the file; the hidden tests hold them to what the solution gives.
        script: Makes one more expression from a Random; None: ``calls`` are all.
        repository: Key of ``catalog.CATALOGS``; set when the file is read.
        loads: Modules by the names that the expressions use; set when the file is read.
        common: Makes one expression about what was there before; set when the file is read.
        odd: Expressions about wrong or rare input; set when the file is read.
    """

    rung: int
    name: str
    distance: int
    question: str
    calls: tuple[str, ...] = ()
    script: Callable[[Random], str] | None = None
    repository: str = ""
    loads: Mapping[str, str] = {}
    common: Callable[[Random], str] | None = None
    odd: tuple[str, ...] = ()


def read_features(folder: Path) -> list[Feature]:
    """Return the features of all repositories.

    A file ``features/NAME.py`` has ``LOADS``, ``common``, ``odd_calls`` and ``features(Feature)``.
    """
    found = []
    for name in CATALOGS:
        file = folder / "features" / f"{name}.py"
        if not file.is_file():
            continue
        spec = importlib.util.spec_from_file_location(f"repo_change_features_{name}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [
            feature._replace(
                repository=name, loads=module.LOADS, common=module.common, odd=tuple(module.odd_calls())
            )
            for feature in module.features(Feature)
        ]
    return found


def core_files(folder: Path, feature: Feature, state: str) -> dict[str, str]:
    """Return the core of a feature's repository with the feature in a state."""
    catalog = CATALOGS[feature.repository]
    files = with_features(read_sources(folder / "repositories" / feature.repository), {feature.name: state})
    return {
        **files,
        f"{catalog.package}/{catalog.area}/__init__.py": "def find(name):\n    raise KeyError(name)\n",
    }


def make_feature_problem(
    folder: Path, feature: Feature, modules: int, seed: str, cases: Iterable[tuple[str, Any]]
) -> dict[str, Any]:
    """Return what a row needs: files before, after and nearly right, the question and the hidden cases."""
    repository = make_repository(folder, feature.repository, f"{seed}/{feature.name}", modules)
    files = {
        key: repository_files(repository, {feature.name: state})
        for key, state in (("before", "off"), ("after", "on"), ("slip", "slip"))
    }
    return {
        "kind": "change", "name": feature.name, "repository": feature.repository, "rung": feature.rung, "question": feature.question, **files,
        "cases": list(cases), "loads": dict(feature.loads), "distance": feature.distance, "near": [],
    }  # fmt: skip
