"""Scorers by name: one reply and one sample in, one :class:`gapbench.values.Score` out.

A scorer is a frozen dataclass whose fields are its options. It is pure, never raises whatever the reply
says, and sees the answer channel only. Truncated, refused and failed replies never reach one.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from importlib import import_module
from math import inf  # by name: the scorer `math` is a module of this package
from typing import Any, Protocol

from gapbench.errors import InputError
from gapbench.values import Sample, Score


class Scorer(Protocol):
    """Judges replies.

    Attributes:
        is_slow: True when a call takes more than a few milliseconds and belongs in a thread.
    """

    @property
    def is_slow(self) -> bool:
        """Whether a call takes more than a few milliseconds."""

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why no reply to ``sample`` could be scored, such as a target of another kind. None: one can be."""

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return what ``reply`` is worth against ``sample``."""


SCORERS: dict[str, tuple[str, str]] = {
    "anls": ("Anls", "text read off a document, by edit distance (DocVQA)"),
    "choice": ("Choice", "a letter of a multiple choice, however it is stated"),
    "code": ("Code", "Python run against the sample's hidden tests in a sandbox"),
    "constraints": ("Constraints", "instructions that a program can check: counts, words, case, form"),
    "contains": ("Contains", "the target is somewhere in the reply"),
    "exact": ("Exact", "the reply, or the final answer it states, is the target"),
    "f1": ("F1", "the words that a short answer shares with the target (SQuAD)"),
    "judge": ("Judge", "a judge model's grade against a rubric, given after the run"),
    "json": ("Json", "a JSON object equal to the target, field by field"),
    "json_schema": (
        "JsonSchema",
        "JSON that a JSON Schema allows, and equal to the target where there is one",
    ),
    "math": ("Math", "mathematically equal: LaTeX, fractions, intervals, sets, matrices"),
    "none": ("Unscored", "no score: the reply is only timed"),
    "patch": ("Patch", "an edit of a small repository, by diff or whole files, run against hidden tests"),
    "numeric": ("Numeric", "the final number, within a tolerance"),
    "python": ("Python", "a function of yours, by module:function; needs --allow-code"),
    "regex": ("Regex", "a pattern found in the reply, or its group equal to the target"),
    "relaxed": ("Relaxed", "a number within five percent, or the same text (ChartQA)"),
    "rouge": ("Rouge", "what a summary shares with the target: ROUGE-1, -2 or -L"),
    "verdict": ("JudgeReply", "what a judge said: a grade or a winner; used by bench judge and bench arena"),
    "tool_call": ("ToolCall", "the right calls with the right arguments, as JSON"),
    "sql": ("Sql", "a query whose result on SQLite equals that of the target query"),
}
"""Name to (class in the module of that name, one line). Modules are imported when asked for."""
MODULES = {"judge": "llm_judge", "verdict": "judge_reply"}
"""Scorers whose module has another name."""


def scorer_descriptions() -> dict[str, str]:
    """Return the scorers, each with one line of what it accepts."""
    return {name: line for name, (_, line) in SCORERS.items()}


def make_scorer(name: str, options: Mapping[str, Any]) -> Scorer:
    """Return the scorer ``name`` with ``options``.

    Raises:
        InputError: No such scorer or option, or an option's value cannot be.
        SetupError: The scorer runs code and this machine has no sandbox for it.
    """
    if name not in SCORERS:
        raise InputError(
            f"no scorer {name!r}; {_closest_name_hint(name, SCORERS)}there are: {', '.join(SCORERS)}"
        )
    kind = getattr(import_module(f"gapbench.scoring.scorers.{MODULES.get(name, name)}"), SCORERS[name][0])
    known = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key in options:
        if key not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise InputError(
                f"scorer {name!r} has no option {key!r}; {_closest_name_hint(str(key), known)}its options: {listed}"
            )
    hints = typing.get_type_hints(kind)
    for key, value in options.items():
        _check_type(name, key, value, hints[key])
    lacking = [key for key, field in known.items() if key not in options and _is_required(field)]
    if lacking:
        form = ", ".join(f"{key}: …" for key in lacking)
        raise InputError(f"scorer {name!r} needs {', '.join(lacking)}; write {{name: {name}, {form}}}")
    scorer: Scorer = kind(**options)
    return scorer


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _closest_name_hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}? " if near else ""


def _check_type(name: str, key: str, value: Any, hint: Any) -> None:
    kinds: tuple[Any, ...] = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            # Tolerances, thresholds, seconds: nan compares with nothing, and a negative one lets nothing through.
            if not 0 <= value < inf:
                raise InputError(f"scorer {name!r}: option {key!r} is {value!r}; it takes a number from 0")
            return
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return
    wanted = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in kinds)
    raise InputError(f"scorer {name!r}: option {key!r} is {value!r}; it takes {wanted}")
