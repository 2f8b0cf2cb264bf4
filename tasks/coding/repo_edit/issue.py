"""One issue on a small repository."""

from __future__ import annotations

from dataclasses import dataclass

Edit = tuple[str, str, str]
"""Path, old text, new text; an old text of "" makes the file."""


@dataclass(frozen=True)
class Issue:
    """A change to make.

    Attributes:
        tier: ``easy``, ``medium`` or ``hard``.
        repository: Key of ``repositories.REPOSITORIES``; the cluster of the sample.
        text: What is asked, edge cases included.
        edits: A solution, edit by edit.
        slip: A plausible solution that falls short.
        cases: Expressions over the modules named in ``repositories.MODULES``; those that hold before the change too show that nothing
            else broke.
    """

    tier: str
    repository: str
    text: str
    edits: tuple[Edit, ...]
    slip: tuple[Edit, ...]
    cases: tuple[str, ...]
