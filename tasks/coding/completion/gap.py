"""One module with a function missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """A function to write in its place.

    Attributes:
        tier: ``easy``, ``medium`` or ``hard``.
        family: Problems of one kind; the cluster of the sample.
        name: The missing function.
        entry_point: The function or class that the tests begin with.
        task: What the texts around it do not say, edge cases included.
        before: The module down to the missing function.
        head: Its signature and docstring, at its indentation.
        body: A right body, at no indentation.
        slip: A plausible wrong one.
        after: The rest of the module.
        cases: Expressions over the whole module.
    """

    tier: str
    family: str
    name: str
    entry_point: str
    task: str
    before: str
    head: str
    body: str
    slip: str
    after: str
    cases: tuple[str, ...]
