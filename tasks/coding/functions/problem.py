"""One coding problem: its words, a solution, a plausible wrong one, and the arguments it is tested with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """A function to write.

    Attributes:
        tier: ``easy``, ``medium`` or ``hard``.
        family: Problems of one kind; the cluster of the sample.
        signature: As the model is to write it.
        task: What the function returns, edge cases included.
        body: The solution's body.
        slip: The body of a solution that is right on the first case and wrong on another.
        cases: Arguments of each call, one tuple a call; the first is the example in the prompt.
    """

    tier: str
    family: str
    signature: str
    task: str
    body: str
    slip: str
    cases: tuple[tuple[Any, ...], ...]

    @property
    def entry_point(self) -> str:
        """The function's name."""
        return self.signature.partition("(")[0]

    def code(self, body: str) -> str:
        """Return the function with ``body``."""
        lines = "\n".join(f"    {line}" if line else "" for line in body.strip("\n").split("\n"))
        return f"def {self.signature}:\n{lines}\n"

    def function(self, body: str) -> Any:
        """Return the function with ``body``, ready to call."""
        space: dict[str, Any] = {}
        exec(self.code(body), space)  # noqa: S102 - this file's own text
        return space[self.entry_point]
