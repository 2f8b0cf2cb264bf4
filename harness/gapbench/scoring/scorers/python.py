"""The scorer ``python``: a function of the user's own."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score


@dataclass(frozen=True)
class Python(ReplyScorer):
    """Calls your function; it runs in this process with your rights, so only with ``--allow-code``.

    The function takes the reply and the sample's row. It returns a number from 0 to 1, True or False, or a
    mapping with ``score`` and optionally ``answer`` and ``reason``; None means that it cannot score the reply.
    If it raises an exception, the answer is unscored.

    Attributes:
        function: ``module:function``; the module is installed, or a .py file next to the suite or task.
        options: More keyword arguments for the function.
        folder: Another folder to import from; set by the task.
    """

    name: ClassVar[str] = "python"
    description: ClassVar[str] = "your function, as module:function; needs --allow-code"
    is_slow: ClassVar[bool] = True

    function: str
    options: dict = field(default_factory=dict)  # type: ignore[type-arg] # checked at run time by isinstance
    folder: str = ""
    call: Callable[..., Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Import the function."""
        module, _, name = self.function.partition(":")
        if not (module and name):
            raise InputError(f"scorer 'python': {self.function!r} is not module:function")
        if self.folder and self.folder not in sys.path:
            sys.path.append(self.folder)
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except Exception as exc:  # the user's module may raise anything
            raise InputError(
                f"scorer 'python': {self.function!r} cannot be imported: {type(exc).__name__}: {shorten(str(exc), 200)}"
            ) from exc
        if not callable(found):
            raise InputError(f"scorer 'python': {self.function!r} is not a function")
        object.__setattr__(self, "call", found)

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - only the function knows what it needs
        """Return None: only the function knows what it needs of a sample."""
        return None

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the function's score."""
        row = {**sample.columns, "target": sample.target, "sample_id": sample.sample_id}
        try:
            returned = self.call(reply, row, **self.options)
        except Exception as exc:  # noqa: BLE001 - a bug in one call must not end the run
            return Score(
                None, "unscored", reason=f"{self.function} raised {type(exc).__name__}: {shorten(str(exc))}"
            )
        answer, reason = None, ""
        if isinstance(returned, Mapping):
            answer = None if returned.get("answer") is None else shorten(str(returned["answer"]), 500)
            reason, returned = shorten(str(returned.get("reason") or ""), 300), returned.get("score")
        if returned is None:
            return Score(None, "unscored", answer, reason or f"{self.function} could not score the reply")
        if not isinstance(returned, (bool, int, float)) or not (
            math.isfinite(returned) and 0 <= returned <= 1
        ):
            return Score(
                None,
                "unscored",
                answer,
                f"{self.function} returned {shorten(repr(returned))}; expected 0 to 1",
            )
        value = float(returned)
        return Score(
            value, "correct" if value == 1 else "wrong", answer, reason or f"{self.function} says {value:g}"
        )
