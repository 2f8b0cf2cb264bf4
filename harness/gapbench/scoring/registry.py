"""Finds scorers by name: the modules of ``scorers/``, then the entry-point group ``bench.scorers``.

A module is imported only when its scorer is used, because some scorers import slow libraries. Options are checked
against the fields of the scorer's dataclass.
"""

from __future__ import annotations

import dataclasses
import difflib
import pkgutil
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from math import inf
from pathlib import Path
from typing import Any

from gapbench.errors import InputError, SetupError
from gapbench.scoring.scorer import Scorer

ENTRY_POINT_GROUP = "bench.scorers"
SCORERS_PACKAGE = "gapbench.scoring.scorers"


def scorer_descriptions() -> dict[str, str]:
    """Return all scorers by name, each with one line on what it accepts. Imports every scorer.

    An installed scorer that cannot be imported is listed with the error.
    """
    found = {name: _description(find_scorer_class(name)) for name in _built_in_names()}
    for name in sorted(_entry_points().keys() - found.keys()):
        try:
            found[name] = _description(find_scorer_class(name))
        except (InputError, SetupError) as exc:
            found[name] = f"not usable: {exc}"
    return found


def make_scorer(name: str, options: Mapping[str, Any]) -> Scorer:
    """Return the scorer ``name`` with ``options``.

    Raises:
        InputError: No such scorer or option, or an option has a value that it does not take.
        SetupError: The scorer's package cannot be imported, or the scorer runs code and this machine has no
            sandbox for it.
    """
    kind = find_scorer_class(name)
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
    missing = [key for key, field in known.items() if key not in options and _is_required(field)]
    if missing:
        form = ", ".join(f"{key}: …" for key in missing)
        raise InputError(f"scorer {name!r} needs {', '.join(missing)}; write {{name: {name}, {form}}}")
    scorer: Scorer = kind(**options)
    return scorer


def find_scorer_class(name: str) -> Any:
    """Return the scorer's class, a dataclass that makes a :class:`~gapbench.scoring.Scorer`.

    A built-in scorer cannot be replaced: its name is never looked up among the entry points.

    Raises:
        InputError: No scorer has this name, or two installed packages have one.
        SetupError: The entry point cannot be imported or is not a scorer.
    """
    if name in _built_in_names():
        return _class_in_module(name)
    points = _entry_points()
    if name not in points:
        names = [*_built_in_names(), *sorted(points.keys() - set(_built_in_names()))]
        raise InputError(
            f"no scorer {name!r}; {_closest_name_hint(name, names)}there are: {', '.join(names)}"
        )
    if len(points[name]) > 1:
        owners = " and ".join(map(_owner, points[name]))
        raise InputError(f"scorer {name!r} is registered by {owners}; uninstall one of them")
    return _load_entry_point(points[name][0])


@cache
def _built_in_names() -> tuple[str, ...]:
    """Return the names of the modules in ``scorers/``, without importing them."""
    return tuple(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent / "scorers")]))


def _class_in_module(name: str) -> Any:
    module = import_module(f"{SCORERS_PACKAGE}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and getattr(value, "name", None) == name
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__}: {len(found)} classes with name = {name!r}; it must define one")
    return found[0]


def _entry_points() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _load_entry_point(point: EntryPoint) -> Any:
    try:
        kind = point.load()
    except Exception as exc:  # another package's module may raise anything
        raise SetupError(
            f"scorer {point.name!r} of {_owner(point)}: cannot import {point.value}: {type(exc).__name__}: {exc}"
        ) from exc
    needed = ("unscorable_reason", "is_slow")
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind) and callable(kind)) or any(
        not hasattr(kind, attribute) for attribute in needed
    ):
        raise SetupError(
            f"scorer {point.name!r} of {_owner(point)}: {point.value} is not a scorer; "
            "it must be a dataclass derived from gapbench.scoring.ReplyScorer"
        )
    return kind


def _owner(point: EntryPoint) -> str:
    return f"package {point.dist.name} {point.dist.version}" if point.dist else "an unknown package"


def _description(kind: Any) -> str:
    """Return the class's ``description``, or the first sentence of its docstring."""
    stated = getattr(kind, "description", None)
    return str(stated) if stated else (kind.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _closest_name_hint(name: str, known: Iterable[str]) -> str:
    close_matches = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {close_matches[0]!r}? " if close_matches else ""


def _check_type(name: str, key: str, value: Any, hint: Any) -> None:
    kinds: tuple[Any, ...] = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            # Tolerances, thresholds and seconds: NaN equals nothing, and a negative one accepts nothing.
            if not 0 <= value < inf:
                raise InputError(
                    f"scorer {name!r}: option {key!r} is {value!r}; expected a number of 0 or more"
                )
            return
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return
    wanted = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in kinds)
    raise InputError(f"scorer {name!r}: option {key!r} is {value!r}; expected {wanted}")
