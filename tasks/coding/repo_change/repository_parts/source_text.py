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
from functools import cache
from pathlib import Path

SIGNS = {"#+": "on", "#-": "off", "#~": "slip"}
SUFFIX = ".txt"


@cache
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


class Section:
    """A section that is open: its feature, and whether it has a part for the plausible solution that falls short."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_slip = False

    def shows(self, part: str, states: Mapping[str, str]) -> bool:
        """Say whether a part stands in the text; a section without a slip is as when the feature is on."""
        state = states.get(self.name, "on")
        return part == ("on" if state == "slip" and not self.has_slip else state)


def resolve(text: str, states: Mapping[str, str], path: str) -> str:
    """Return a text with its sections resolved.

    Raises:
        ValueError: A section does not end, or a part belongs to none.
    """
    if "#+ " not in text and "#- " not in text:
        return text
    return "".join(
        line
        for line, around in parse_sections(text, path)
        if all(section.shows(part, states) for section, part in around)
    )


@cache
def parse_sections(text: str, path: str) -> list[tuple[str, tuple[tuple[Section, str], ...]]]:
    """Return the lines of a text that are no signs, each with the sections around it and its part in each."""
    around: list[tuple[Section, str]] = []
    parsed = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        sign, _, name = line.strip().partition(" ")
        if sign in SIGNS and name:
            part = SIGNS[sign]
            if part != "on" and around and around[-1][0].name == name:
                section, _ = around.pop()
            elif part == "slip":
                raise ValueError(f"{path}, line {number}: {line.strip()!r} belongs to no section")
            else:
                section = Section(name)
            section.has_slip = section.has_slip or part == "slip"
            around.append((section, part))
        elif sign == "#=":
            if not around or around.pop()[0].name != name:
                raise ValueError(f"{path}, line {number}: {line.strip()!r} ends no section")
        else:
            parsed.append((line, tuple(around)))
    if around:
        raise ValueError(f"{path}: the section {around[-1][0].name!r} does not end")
    return parsed
