"""Refuse suites that name a program to start for a model: it would run with the user's rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gapbench.suite.documents.reader import Document, KeyPath

CODE_PATH_VARIABLE = re.compile(r"(?:LD|DYLD)_\w+|PATH|PYTHON(?:PATH|HOME|USERBASE)|(?:BASH_)?ENV")
"""Environment variables that tell a program where its code is."""


def refuse_programs(document: Document) -> None:
    """Refuse a suite that names a program for a model, or an environment variable that tells where code is.

    Every runner's settings are searched for the keys ``command``, ``python`` and ``env``.

    Raises:
        DocumentError: The suite names one; the error has file and line.
    """
    for path in _program_paths(document.value):
        raise document.error(
            path, "this names code, which would run with your permissions: read it, then add --allow-code"
        )


def _program_paths(suite: dict[str, Any]) -> Iterator[KeyPath]:
    for section in ("models", "judges", "users"):
        for index, model in enumerate(suite.get(section) or []):
            for at, settings in _runner_settings(model):
                here = (section, index, *at)
                yield from ((*here, key) for key in ("command", "python") if key in settings)
                environment = settings.get("env")
                names = environment if isinstance(environment, dict) else {}
                yield from ((*here, "env", name) for name in names if CODE_PATH_VARIABLE.fullmatch(str(name)))


def _runner_settings(model: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield every mapping of settings that a model's runner may get, such as ``serve`` or ``options.serve``."""
    if not isinstance(model, dict):
        return
    options = model.get("options")
    for at, mapping in (((), model), (("options",), options if isinstance(options, dict) else {})):
        for key, settings in mapping.items():
            if isinstance(settings, dict):
                yield (*at, key), settings
