"""One bug: a right module, the change that broke it, a wrong fix, and expressions that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """A module to repair.

    Attributes:
        tier: ``easy``, ``medium`` or ``hard``.
        family: Problems of one kind; the cluster of the sample.
        entry_point: The function or class that the tests use.
        task: What the module does, edge cases included.
        code: The right module.
        bug: (right, broken): the text of ``code`` that was broken.
        slip: (right, wrong): a fix that repairs the shown test and not all.
        cases: Expressions; the first is the failing test that is shown.
    """

    tier: str
    family: str
    entry_point: str
    task: str
    code: str
    bug: tuple[str, str]
    slip: tuple[str, str]
    cases: tuple[str, ...]
