"""A repository of one size: its hand-written core, its drawn modules, and the tests that it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from .catalog import CATALOGS, Catalog
from .library import Library, Rule, closure, make_library, module_texts
from .source_text import read_sources, with_features

TEST_IMPORT = re.compile(r"from ([\w.]+) import (\w+)")
TEST_NAME = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
RULE_TESTS = 10
PAIRS = ((0, 0), (1, 1), (7, 3), (25, 9), (64, 12), (119, 30), (240, 17), (300, 40))


class Repository(NamedTuple):
    """A repository that problems are made of.

    Attributes:
        name: Key of ``catalog.CATALOGS``.
        catalog: Its package and words.
        core: Files of the core, with sections.
        library: Drawn functions.
    """

    name: str
    catalog: Catalog
    core: dict[str, str]
    library: Library


def make_repository(folder: Path, name: str, seed: str, modules: int) -> Repository:
    """Return a repository with ``modules`` drawn modules."""
    catalog = CATALOGS[name]
    r = Random(f"{name}/{seed}/{modules}")
    library = make_library(
        f"{name}/{seed}/{modules}/rules", sorted(r.sample(catalog.modules, modules)), catalog.words
    )
    return Repository(name, catalog, read_sources(folder / "repositories" / name), library)


def repository_files(
    repository: Repository, states: Mapping[str, str], faulty: Iterable[str] = (), unsure: Iterable[str] = ()
) -> dict[str, str]:
    """Return all files of a repository.

    Args:
        repository: The repository.
        states: Features of the core that are not on.
        faulty: Drawn functions that have their fault.
        unsure: Drawn functions that no existing test may reach.
    """
    catalog, library = repository.catalog, repository.library
    files = with_features(repository.core, states)
    folder = f"{catalog.package}/{catalog.area}"
    texts = module_texts(library, f"{catalog.package}.{catalog.area}", faulty)
    files |= {f"{folder}/{module}.py": text for module, text in texts.items()}
    files[f"{folder}/__init__.py"] = registry_text(repository)
    files[f"tests/test_{catalog.area}.py"] = rule_tests(repository, set(unsure))
    return dict(sorted(files.items()))


def registry_text(repository: Repository) -> str:
    """Return the text of the module that finds a drawn function by its name."""
    package = f"{repository.catalog.package}.{repository.catalog.area}"
    names = "".join(f"    {module!r},\n" for module in repository.library.others)
    return f'''"""All {repository.catalog.area}: modules are imported when one of their functions is first asked for."""

import importlib

MODULES = [
{names}]


def find(name):
    """Return the function called ``name``; KeyError where no module has it."""
    for module in MODULES:
        loaded = importlib.import_module(f"{package}.{{module}}")
        if not name.startswith("_") and hasattr(loaded, name):
            return getattr(loaded, name)
    raise KeyError(name)


def names():
    """Return the names of all functions, in order."""
    found = set()
    for module in MODULES:
        loaded = importlib.import_module(f"{package}.{{module}}")
        found.update(name for name, value in vars(loaded).items() if type(value).__name__ == "function")
    return sorted(found)
'''


def rule_space(library: Library, names: Iterable[str], faulty: Iterable[str] = ()) -> dict[str, Any]:
    """Return number functions and all that they call, ready to be called.

    Args:
        library: The functions.
        names: Those to be called.
        faulty: Those that have their fault.
    """
    broken = set(faulty)
    sources = [
        library.rules[name].faulty if name in broken else library.rules[name].source
        for name in closure(library, names)
    ]
    space: dict[str, Any] = {}
    exec("\n\n".join(sources), space)  # noqa: S102 - this package's own text
    return space


def rule_tests(repository: Repository, unsure: set[str]) -> str:
    """Return existing tests of drawn functions, none of which reaches an unsure one."""
    library, catalog = repository.library, repository.catalog
    shallow = [rule for rule in library.rules.values() if rule.depth <= 2]
    chosen: list[Rule] = []
    for rule in shallow:
        if not unsure & set(closure(library, [rule.name])) and rule.module not in {
            one.module for one in chosen
        }:
            chosen.append(rule)
    chosen = chosen[:RULE_TESTS]
    space = rule_space(library, [rule.name for rule in chosen])
    imports = "".join(
        f"from {catalog.package}.{catalog.area} import {module}\n"
        for module in sorted({rule.module for rule in chosen})
    )
    parts = [f'"""Tests of {catalog.area}."""\n\n' + imports]
    for rule in chosen:
        function = space[rule.name]
        lines = [f"    assert {rule.module}.{rule.name}({x}, {y}) == {function(x, y)}" for x, y in PAIRS[1:5]]
        parts.append(f'def test_{rule.name}():\n    """Four values."""\n' + "\n".join(lines) + "\n")
    return "\n\n".join(parts)


def test_function(number: int, text: str, files: Mapping[str, str]) -> str:
    """Return an existing test file as one function that takes the repository: imports become loads.

    The tests then run where the hidden ones do, outside the reach of the changed program.
    """
    lines = [f"def existing_{number}(repository):"]
    for line in text.splitlines():
        found = TEST_IMPORT.fullmatch(line)
        if found is None:
            lines.append(f"    {line}" if line else "")
            continue
        module, name = found.groups()
        inner = f"{module}.{name}"
        is_module = (
            f"{inner.replace('.', '/')}.py" in files or f"{inner.replace('.', '/')}/__init__.py" in files
        )
        loaded = f"repository.load({inner!r})" if is_module else f"repository.load({module!r}).{name}"
        lines.append(f"    {name} = {loaded}")
    lines += [f"    {name}()" for name in TEST_NAME.findall(text)]
    return "\n".join(lines) + "\n"
