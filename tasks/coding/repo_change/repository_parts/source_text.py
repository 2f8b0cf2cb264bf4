"""Files of a repository with features that can be on, off or nearly right.

A file of ``repositories/`` may hold sections::

    #+ name     lines that stand there when the feature is on
    #- name     lines instead when it is off
    #~ name     lines instead in the plausible solution that falls short; without this part, as when it is on
    #= name     the end

A part may be missing or empty, and sections may stand inside each other. What no problem turns off is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SIGNS = {"#+": "on", "#-": "off", "#~": "slip"}
SUFFIX = ".txt"


def read_sources(folder: Path) -> dict[str, str]:
    """Return the files of a repository, with their sections, by path."""
    return {
        file.relative_to(folder).as_posix().removesuffix(SUFFIX): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob(f"*{SUFFIX}"))
    }


def with_features(sources: Mapping[str, str], states: Mapping[str, str]) -> dict[str, str]:
    """Return the files with features in their states; one that is not named is ``on``. An empty file is left out.

    Args:
        sources: Files with sections.
        states: ``off`` or ``slip`` by feature.
    """
    files = {path: resolve(text, states, path) for path, text in sources.items()}
    return {path: text for path, text in files.items() if text or path.endswith("__init__.py")}


def resolve(text: str, states: Mapping[str, str], path: str) -> str:
    """Return a text with its sections resolved.

    Raises:
        ValueError: A section does not end, or a part belongs to none.
    """
    if "#+ " not in text and "#- " not in text:
        return text
    lines = text.splitlines(keepends=True)
    slips = {line.split()[1] for line in lines if line.lstrip().startswith("#~ ")}
    open_parts: list[tuple[str, str]] = []
    kept = []
    for number, line in enumerate(lines, 1):
        sign, _, name = line.strip().partition(" ")
        if sign in SIGNS and name:
            if sign != "#+" and open_parts and open_parts[-1][0] == name:
                open_parts.pop()
            elif sign == "#~":
                raise ValueError(f"{path}, line {number}: {line.strip()!r} belongs to no section")
            open_parts.append((name, SIGNS[sign]))
        elif sign == "#=":
            if not open_parts or open_parts.pop()[0] != name:
                raise ValueError(f"{path}, line {number}: {line.strip()!r} ends no section")
        elif all(is_shown(part, states.get(feature, "on"), has_slip=has_slip_here(lines, number, feature, slips)) for feature, part in open_parts):
            kept.append(line)
    if open_parts:
        raise ValueError(f"{path}: the section {open_parts[-1][0]!r} does not end")
    return "".join(kept)


def is_shown(part: str, state: str, *, has_slip: bool) -> bool:
    """Say whether a part of a section stands in the text; a section without a slip is right in the slip too."""
    return part == (state if state != "slip" or has_slip else "on")


def has_slip_here(lines: list[str], number: int, feature: str, slips: set[str]) -> bool:
    """Say whether the section around line ``number`` has a part for the plausible solution that falls short."""
    if feature not in slips:
        return False
    end = next(at for at in range(number - 1, len(lines)) if lines[at].strip() == f"#= {feature}")
    start = max(at for at in range(end) if lines[at].strip() in {f"#+ {feature}", f"#= {feature}"} or at == 0)
    return any(line.strip() == f"#~ {feature}" for line in lines[start:end])
