"""What a prompt shows of a repository: the names of all files, and the texts of some."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from random import Random

CHARS_PER_TOKEN = 4
IMPORT = re.compile(r"^from ([\w.]+) import (\w+)", re.MULTILINE)


def file_tree(files: Mapping[str, str]) -> str:
    """Return all paths with their numbers of lines."""
    return "\n".join(f"{path} ({text.count(chr(10))} lines)" for path, text in files.items())


def imported_files(path: str, files: Mapping[str, str]) -> set[str]:
    """Return the files of the repository that a file imports."""
    found = set()
    for module, name in IMPORT.findall(files[path]):
        for dotted in (f"{module}.{name}", module):
            for candidate in (f"{dotted.replace('.', '/')}.py", f"{dotted.replace('.', '/')}/__init__.py"):
                if candidate in files:
                    found.add(candidate)
                    break
            else:
                continue
            break
    return found


def choose_files(files: Mapping[str, str], needed: Iterable[str], tokens: int, seed: str) -> list[str]:
    """Return the paths to show: those needed, then those next to them by imports, then others, up to a length.

    Args:
        files: All files.
        needed: Paths that are shown however long they are.
        tokens: Length to fill, at four characters a token.
        seed: Decides among files that are equally near.
    """
    r = Random(seed)
    links: dict[str, set[str]] = {path: set() for path in files}
    for path in files:
        for other in imported_files(path, files):
            links[path].add(other)
            links[other].add(path)
    chosen = sorted(set(needed) & files.keys())
    length = sum(len(files[path]) for path in chosen)
    # The readme and the core come before drawn modules; within a distance the order is drawn.
    reached, edge = set(chosen), set(chosen)
    while True:
        edge = {other for path in edge for other in links[path]} - reached
        rest = sorted(edge) if edge else sorted(files.keys() - reached)
        if not rest:
            return sorted(chosen)
        r.shuffle(rest)
        for path in rest:
            reached.add(path)
            if length + len(files[path]) <= tokens * CHARS_PER_TOKEN:
                chosen.append(path)
                length += len(files[path])


def file_listing(files: Mapping[str, str], paths: Iterable[str]) -> str:
    """Return files under their paths, each in a fence; empty ones are left out."""
    return "\n\n".join(
        f"{path}\n```{'python' if path.endswith('.py') else ''}\n{files[path]}```"
        for path in paths
        if files[path].strip()
    )
