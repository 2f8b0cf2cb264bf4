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
    """Return a scorer's name and options; a function of the user's own is the scorer ``python``, and a list the scorer ``all``.

    Args:
        entry: As the task has it.
        source: The task's file.
        path: Place of the task in the file.
        allow_code: Whether code may run.

    Raises:
        DocumentError: It is code, and may not run, or is not named.
    """
    named: dict[str, Any] = dict(entry) if isinstance(entry, Mapping) else {"name": entry}
    if "all" in named:
        named = {"name": "all", "scorers": named.pop("all"), **named}
    if named.get("name") == "all" and isinstance(named.get("scorers"), list):
        named["scorers"] = [
            _resolve_part(part, source, path, allow_code=allow_code) for part in named["scorers"]
        ]
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


def _resolve_part(part: Any, source: Document, path: KeyPath, *, allow_code: bool) -> dict[str, Any]:
    """Return one scorer of the scorer ``all`` as a mapping with its name and options."""
    is_named = isinstance(part, Mapping) and any(isinstance(part.get(key), str) for key in ("name", "python"))
    if not (isinstance(part, str) or is_named) or "all" in (part, is_named and part.get("name")):
        raise source.error(
            (*path, "scorer"),
            f"all: found {str(part)[:60]!r}; expected names of scorers, or {{name: …, options}}",
        )
    name, options = resolve_scorer_entry(part, source, path, allow_code=allow_code)
    return {"name": name, **options}


def without_folders(scorer_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scorer's options without the folders of this machine."""
    kept = {name: value for name, value in scorer_options.items() if name != "folder"}
    if isinstance(kept.get("scorers"), list):
        kept["scorers"] = [
            without_folders(part) if isinstance(part, Mapping) else part for part in kept["scorers"]
        ]
    return kept


def code_file_digests(scorer_options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the hash of the file next to a task whose function scores replies.

    What that file imports has no hash here, and neither has what is installed: raise the task's ``version`` with it.
    """
    for part in scorer_options.get("scorers") or ():
        if isinstance(part, Mapping):
            yield from code_file_digests(part)
    function, folder = scorer_options.get("function"), scorer_options.get("folder")
    if isinstance(function, str) and isinstance(folder, str):
        module = Path(folder, *function.partition(":")[0].split("."))
        for file in (module.parent / f"{module.name}.py", module / "__init__.py"):
            with suppress(OSError, ValueError):
                yield sha256(file.read_bytes())
