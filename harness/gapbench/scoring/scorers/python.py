"""The scorer ``python``."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.scorers.none import EMPTY_REPLY
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Python:
    """Lets a function of yours judge; it runs in this process with your rights, so only with ``--allow-code``.

    The function takes the reply and the sample's row, and returns a number from 0 to 1, True or False, or a
    mapping with ``score`` and, as it likes, ``answer`` and ``reason``; None: it cannot judge. What it
    raises leaves the answer unscored.

    Attributes:
        function: ``module:function``; the module is installed, or a .py beside the suite or task.
        options: Keyword arguments that the function is given as well.
        folder: Where else modules are looked for; set by the task.
    """

    function: str
    options: dict = field(default_factory=dict)  # type: ignore[type-arg] # checked at run time by isinstance
    folder: str = ""
    is_slow: ClassVar[bool] = True
    judge: Callable[..., Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Import the function."""
        module, _, name = self.function.partition(":")
        if not (module and name):
            raise InputError(f"scorer 'python': {self.function!r} names no function; write module:function")
        if self.folder and self.folder not in sys.path:
            sys.path.append(self.folder)
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except Exception as exc:  # the user's module may raise anything
            raise InputError(
                f"scorer 'python': {self.function!r} cannot be had: {type(exc).__name__}: {shorten(str(exc), 200)}"
            ) from exc
        if not callable(found):
            raise InputError(f"scorer 'python': {self.function!r} is no function")
        object.__setattr__(self, "judge", found)

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - only the function knows what it needs
        """Return nothing: what a sample needs is the function's own affair."""
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return what the function says."""
        if not reply.strip():
            return EMPTY_REPLY
        row = {**sample.columns, "target": sample.target, "sample_id": sample.sample_id}
        try:
            said = self.judge(reply, row, **self.options)
        except Exception as exc:  # noqa: BLE001 - a bug in one answer's judging must not end the run
            return Score(
                None, "unscored", reason=f"{self.function} raised {type(exc).__name__}: {shorten(str(exc))}"
            )
        answer, reason = None, ""
        if isinstance(said, Mapping):
            answer = None if said.get("answer") is None else shorten(str(said["answer"]), 500)
            reason, said = shorten(str(said.get("reason") or ""), 300), said.get("score")
        if said is None:
            return Score(None, "unscored", answer, reason or f"{self.function} could not judge")
        if not isinstance(said, (bool, int, float)) or not (math.isfinite(said) and 0 <= said <= 1):
            return Score(
                None, "unscored", answer, f"{self.function} returned {shorten(repr(said))}; it takes 0 to 1"
            )
        value = float(said)
        return Score(
            value, "correct" if value == 1 else "wrong", answer, reason or f"{self.function} says {value:g}"
        )
