"""Runs in the sandbox: reads how an eval of ``inspect_evals`` is made, and turns rows of its data set into samples.

Nothing of gapbench can be imported here. ``inspect_ai`` and what else the package imports are stood in for. An eval is
read by calling its own function: it must give a ``Task`` of one data set of the hub, ``multiple_choice`` and ``choice``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ROOT = "inspect_evals"
REPLACED = ("inspect_ai", "inspect_evals_utils", f"{ROOT}.utils", f"{ROOT}.metadata", f"{ROOT}.constants")
HUB_SETTINGS = frozenset({"path", "name", "split", "revision", "sample_fields", "shuffle", "seed", "auto_id"})
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# inspect_ai/solver/_multiple_choice.py of inspect_ai 0.3.285: the templates for one right answer.
SINGLE_ANSWER = (
    "Answer the following multiple choice question. The entire content of your response should be of the following format: "
    "'ANSWER: $LETTER' (without quotes) where LETTER is one of {letters}.\n\n{question}\n\n{choices}"
)
SINGLE_ANSWER_COT = (
    "Answer the following multiple choice question. The last line of your response should be of the following format: "
    "'ANSWER: $LETTER' (without quotes) where LETTER is one of {letters}. Think step by step before answering.\n\n"
    "{question}\n\n{choices}"
)


class RefusedError(Exception):
    """The eval is of another kind; the message says what it does."""


class Recorded:
    """In place of anything of ``inspect_ai``: it keeps how it was called, and what it is called with later.

    Args:
        name: Of what it stands for.
        arguments: Of the call.
        settings: Keyword arguments of the call.
    """

    def __init__(
        self, name: str, arguments: Sequence[Any] = (), settings: Mapping[str, Any] | None = None
    ) -> None:
        """Keep them."""
        self.recorded_name, self.arguments, self.settings = name, tuple(arguments), dict(settings or {})

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Return the function itself where this decorates one, else the call."""
        if len(arguments) == 1 and not settings and isinstance(arguments[0], (types.FunctionType, type)):
            return arguments[0]
        return Recorded(self.recorded_name, arguments, settings)

    def __getattr__(self, name: str) -> Any:
        """Return a part of it, for annotations and the like."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Recorded(name)

    def __getitem__(self, _: Any) -> Any:
        """Return itself: a type with parameters."""
        return self

    def __or__(self, _: Any) -> Any:
        """Return itself: one of several types."""
        return self

    __ror__ = __or__

    def __truediv__(self, _: Any) -> Any:
        """Return itself: a path below a folder."""
        return self

    def _refuse(self, *_: Any) -> Any:
        raise RefusedError(f"it needs {self.recorded_name} of Inspect already when it is made")

    __iter__ = __len__ = __int__ = __float__ = __add__ = __radd__ = _refuse

    def __mro_entries__(self, _: Any) -> tuple[type, ...]:
        """Return no base: a class derived from it stands alone."""
        return ()


@dataclass
class Sample:
    """In place of Inspect's class."""

    input: Any = ""
    choices: list[str] | None = None
    target: Any = ""
    id: Any = None
    metadata: dict[str, Any] | None = None
    sandbox: Any = None
    files: Any = None
    setup: Any = None


@dataclass
class HubDataset:
    """A data set of the hub, as the eval asks for it."""

    settings: dict[str, Any]
    keeps: list[Callable[[Sample], bool]] = field(default_factory=list)

    def filter(self, keep: Callable[[Sample], bool], *_: Any, **__: Any) -> HubDataset:
        """Return the data set with fewer samples."""
        return HubDataset(self.settings, [*self.keeps, keep])

    def shuffle(self, *_: Any, **__: Any) -> None:
        """Nothing: a run has an order of its own."""

    def __getattr__(self, name: str) -> Any:
        """Refuse what else is done with it."""
        raise RefusedError(f"it changes or reads its data set when it is made ({name})")

    def __iter__(self) -> Any:
        """Refuse to read it: there are no data here."""
        raise RefusedError("it reads its data set when it is made, as for worked examples")


def hf_dataset(path: str, **settings: Any) -> HubDataset:
    """Return what an eval asks the hub for."""
    if unknown := sorted(settings.keys() - HUB_SETTINGS):
        raise RefusedError(f"it loads its data set with {', '.join(unknown)}")
    return HubDataset({"path": path, **settings})


def create_stable_id(*parts: Any, prefix: str = "", **_: Any) -> str:
    """Return an id made of a sample's content."""
    return f"{prefix}_{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


KNOWN = {"Sample": Sample, "hf_dataset": hf_dataset, "create_stable_id": create_stable_id}


class _Stand(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return KNOWN.get(name) or Recorded(name)


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for ``inspect_ai``, for the package's own helpers, and for packages that are not here."""

    def __init__(self, *, only_replaced: bool) -> None:
        self._only_replaced = only_replaced

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:  # noqa: ARG002
        """Return a specification for a module that is stood in for."""
        is_replaced = any(name == root or name.startswith(f"{root}.") for root in REPLACED)
        if is_replaced if self._only_replaced else name.partition(".")[0] != ROOT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return the module."""
        return _Stand(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is to be run."""


sys.meta_path.insert(0, _StandIns(only_replaced=True))
sys.meta_path.append(_StandIns(only_replaced=False))


def describe(state: Any, folder: str, name: str) -> dict[str, Any]:  # noqa: ARG001
    """Return what the eval loads from the hub, or ``{"refused": reason}``.

    Args:
        state: Not used.
        folder: The package's folder that has the eval.
        name: Its function.
    """
    try:
        dataset, _ = _read_task(folder, name)
    except RefusedError as exc:
        return {"refused": str(exc)}
    except Exception as exc:  # noqa: BLE001 - the package's code meets stand-ins
        return {
            "refused": f"it does more than ask a question of several choices ({type(exc).__name__}: {exc})"[
                :300
            ]
        }
    return {"hub": {key: dataset.settings.get(key) for key in ("path", "name", "split", "revision")}}


def convert(state: Any, folder: str, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG001
    """Return a sample for each row, null where the eval leaves it out, or ``{"refused": reason}``.

    Args:
        state: Not used.
        folder: The package's folder that has the eval.
        name: Its function.
        rows: Of the data set.
    """
    try:
        dataset, steps = _read_task(folder, name)
        return {"samples": [_convert_row(dataset, steps, row) for row in rows]}
    except RefusedError as exc:
        return {"refused": str(exc)}
    except Exception as exc:  # noqa: BLE001 - rows may be of another form than the package expects
        return {
            "refused": f"a row does not have the form that it expects ({type(exc).__name__}: {exc})"[:300]
        }


def _read_task(folder: str, name: str) -> tuple[HubDataset, list[Recorded]]:
    """Return the data set and the steps of an eval, or raise ``RefusedError``."""
    task = getattr(importlib.import_module(f"{ROOT}.{folder}"), name)()
    if not isinstance(task, Recorded) or task.recorded_name != "Task":
        raise RefusedError("it gives no Task")
    settings = task.settings
    if settings.get("sandbox") is not None:
        raise RefusedError("it needs a separate sandbox, such as Docker")
    for key in ("setup", "epochs", "tools", "approval"):
        if settings.get(key) is not None:
            raise RefusedError(f"it sets {key}")
    dataset = settings.get("dataset")
    if not isinstance(dataset, HubDataset):
        raise RefusedError("its data are not one data set of the hub")
    if not dataset.settings.get("revision") or not callable(dataset.settings.get("sample_fields")):
        raise RefusedError("its data set has no pinned revision, or no function that reads a row")
    solver = settings.get("solver")
    steps: list[Any] = list(solver) if isinstance(solver, (list, tuple)) else [solver]
    _check_steps(steps)
    scorer = settings.get("scorer")
    if not isinstance(scorer, Recorded) or scorer.recorded_name != "choice":
        said = getattr(scorer, "recorded_name", None) or "several, or a new one"
        raise RefusedError(f"its scorer is another than choice ({said})")
    return dataset, steps


def _check_steps(steps: list[Any]) -> None:
    for step in steps:
        if not isinstance(step, Recorded):
            raise RefusedError("it has a solver function in place of Inspect's")
        if step.recorded_name not in {"system_message", "multiple_choice"}:
            raise RefusedError(f"its solver has the step {step.recorded_name}")
        if step.recorded_name == "system_message" and (
            step.settings or len(step.arguments) != 1 or type(step.arguments[0]) is not str
        ):
            raise RefusedError("its system message is not a plain text")
    if [step.recorded_name for step in steps].count("multiple_choice") != 1 or steps[
        -1
    ].recorded_name != "multiple_choice":
        raise RefusedError("its solver does not end with multiple_choice")
    asked = steps[-1]
    template = asked.settings.get("template")
    if asked.arguments or asked.settings.get("multiple_correct") or asked.settings.get("shuffle"):
        raise RefusedError("several choices may be right, or they are shuffled")
    if template is not None and type(template) is not str:
        raise RefusedError("its template is not a plain text")


def _convert_row(dataset: HubDataset, steps: list[Recorded], row: dict[str, Any]) -> dict[str, Any] | None:
    sample = dataset.settings["sample_fields"](row)
    if not isinstance(sample, Sample):
        raise RefusedError("a row becomes several samples, or none")
    if sample.sandbox is not None or sample.files is not None or sample.setup is not None:
        raise RefusedError("its samples need a separate sandbox")
    if type(sample.input) is not str or not sample.choices or len(sample.choices) > len(LETTERS):
        raise RefusedError("its samples have another form than a text and up to 26 choices")
    if (
        type(sample.target) is not str
        or len(sample.target) != 1
        or sample.target not in LETTERS[: len(sample.choices)]
    ):
        raise RefusedError(f"its target {sample.target!r} is not the letter of one choice")
    if not all(keep(sample) for keep in dataset.keeps):
        return None
    template = steps[-1].settings.get("template") or (
        SINGLE_ANSWER_COT if steps[-1].settings.get("cot") else SINGLE_ANSWER
    )
    prompt = template.format(
        question=sample.input,
        choices="\n".join(
            f"{letter}) {choice}" for letter, choice in zip(LETTERS, sample.choices, strict=False)
        ),
        letters=",".join(LETTERS[: len(sample.choices)]),
    )
    return {
        "id": None if sample.id is None else str(sample.id),
        "system": [step.arguments[0] for step in steps[:-1]],
        "prompt": prompt,
        "target": sample.target,
        "choices": len(sample.choices),
    }
