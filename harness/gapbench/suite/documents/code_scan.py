"""Programs that a suite names to serve its models: code of whoever wrote it, as a scorer in Python is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gapbench.suite.documents.reader import Document, KeyPath

CODE_PATH_VARIABLE = re.compile(r"(?:LD|DYLD)_\w+|PATH|PYTHON(?:PATH|HOME|USERBASE)|(?:BASH_)?ENV")
"""Variables that say where a program finds its code."""


def refuse_programs(document: Document) -> None:
    """Refuse a suite that names the program which serves a model, or where that finds its code.

    Raises:
        DocumentError: It does.
    """
    for path in _program_paths(document.value):
        raise document.error(
            path, "this names code, which would run with your rights: read it, then add --allow-code"
        )


def _program_paths(suite: dict[str, Any]) -> Iterator[KeyPath]:
    for where in ("models", "judges"):
        for index, model in enumerate(suite.get(where) or []):
            for at in (("serve",), ("options", "serve")):
                serve: Any = model
                for key in at:
                    serve = serve.get(key) if isinstance(serve, dict) else None
                if isinstance(serve, dict):
                    here = (where, index, *at)
                    yield from ((*here, key) for key in ("command", "python") if key in serve)
                    environment = serve.get("env")
                    names = environment if isinstance(environment, dict) else {}
                    yield from (
                        (*here, "env", name) for name in names if CODE_PATH_VARIABLE.fullmatch(str(name))
                    )
