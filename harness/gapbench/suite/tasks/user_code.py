"""Python of the user's own that a task names to judge replies: whether it may run, and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gapbench.suite.documents import Document, KeyPath
from gapbench.values import sha256

ALLOW_CODE_HINT = "it would run with your permissions: read it, then add --allow-code"


def resolve_scorer_entry(
    entry: str | Mapping[str, Any] | None, source: Document, path: KeyPath, *, allow_code: bool
) -> tuple[str | None, dict[str, Any]]:
    """Return a scorer's name and options; a function of the user's own is the scorer ``python``.

    Args:
        entry: As the task has it.
        source: The task's file.
        path: Place of the task in the file.
        allow_code: Whether code may run.

    Raises:
        DocumentError: It is code, and may not run, or is not named.
    """
    named = dict(entry) if isinstance(entry, Mapping) else {"name": entry}
    if "python" in named or named["name"] == "python":
        function = named.pop("python", None) or named.get("function")
        if not function:
            raise source.error((*path, "scorer"), "names no function; write {python: module:function}")
        if not allow_code:
            raise source.error(
                (*path, "scorer"), f"{function} is code that judges the replies; {ALLOW_CODE_HINT}"
            )
        named |= {"name": "python", "function": function, "folder": str(source.file.parent.resolve())}
    return named.pop("name"), named


def code_file_digests(scorer_options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the hash of the file next to a task whose function scores replies.

    What that file imports has no hash here, and neither has what is installed: raise the task's ``version`` with it.
    """
    function, folder = scorer_options.get("function"), scorer_options.get("folder")
    if isinstance(function, str) and isinstance(folder, str):
        module = Path(folder, *function.partition(":")[0].split("."))
        for file in (module.parent / f"{module.name}.py", module / "__init__.py"):
            with suppress(OSError, ValueError):
                yield sha256(file.read_bytes())
