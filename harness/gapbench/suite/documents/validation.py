"""Translate pydantic's errors into the terms of the document: what was found, where, and what is allowed."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from gapbench.errors import DocumentError
from gapbench.suite.documents.reader import Document, KeyPath
from gapbench.suite.documents.strict_model import PATTERN_DESCRIPTIONS

_M = TypeVar("_M", bound=BaseModel)


class FaultsError(DocumentError):
    """A document with several errors; its line is that of the first.

    Attributes:
        others: The messages of the other errors.
    """

    def __init__(self, first: DocumentError, others: Sequence[DocumentError]) -> None:
        """Return the first message and the number of the others."""
        more = f" (and {len(others)} more)"
        super().__init__(first.problem + more, file=first.file, line=first.line, key=first.key)
        self.others = tuple(others)


def validate_document(document: Document, model: type[_M], value: Any = None, path: KeyPath = ()) -> _M:
    """Return the document, or a part of it, as a checked model.

    Args:
        document: The document.
        model: The model to validate against.
        value: A part of the document. None: all of it.
        path: Path of the part.

    Raises:
        DocumentError: The first error; a :class:`FaultsError` if there are several.
    """
    given = document.value if value is None else value
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        found = [_Fault.from_pydantic(error, given) for error in exc.errors(include_url=False)]
        faults: dict[KeyPath, str] = {}
        # A misspelled key is the most likely cause of a missing one: report it first.
        for fault in sorted(_resolve_unions(found), key=lambda fault: fault.kind != "extra_forbidden"):
            faults.setdefault(fault.path, _describe_fault(fault, model))
        first, *others = [document.error((*path, *at), message) for at, message in faults.items()]
        raise (FaultsError(first, others) if others else first) from exc


class _Fault(NamedTuple):
    """One of pydantic's errors.

    Attributes:
        location: Its location; steps that name a branch of a union, not a key of the file, are in tuples of one.
        kind: Pydantic's name of the error.
        given: The value.
        expected: What is allowed, in words. "": the message states it.
        message: The message of our own validator. "": it was not ours.
    """

    location: tuple[str | int | tuple[str], ...]
    kind: str
    given: Any
    expected: str
    message: str = ""

    @classmethod
    def from_pydantic(cls, error: Any, document: Any) -> _Fault:
        """Return an error whose location separates branches of unions from keys, by walking the value."""
        steps: list[str | int | tuple[str]] = []
        here, kind = document, error["type"]
        location = error["loc"]
        for index, step in enumerate(location):
            is_last = index == len(location) - 1
            if (isinstance(here, Mapping) and step in here) or (
                isinstance(here, list) and isinstance(step, int) and step < len(here)
            ):
                here = here[step]
            elif not (is_last and kind in {"missing", "extra_forbidden"}):
                steps.append((str(step),))
                continue
            steps.append(step)
        context = error.get("ctx", {})
        message = str(context.get("error", "")) if kind == "value_error" else ""
        return cls(tuple(steps), kind, error.get("input"), _describe_expected(kind, context), message)

    @property
    def path(self) -> KeyPath:
        """The keys alone."""
        return tuple(step for step in self.location if not isinstance(step, tuple))


def _resolve_unions(found: Sequence[_Fault]) -> Iterator[_Fault]:
    """Yield one error for each union: that of the branch the user most likely meant, or one that lists all of them."""
    unions: dict[tuple[Any, ...], dict[str, list[_Fault]]] = {}
    for fault in found:
        at = next((index for index, step in enumerate(fault.location) if isinstance(step, tuple)), None)
        if at is None:
            yield fault
            continue
        branch = fault.location[at]
        assert isinstance(branch, tuple)
        rest = fault._replace(location=(*fault.location[:at], *fault.location[at + 1 :]))
        unions.setdefault(fault.location[:at], {}).setdefault(branch[0], []).append(rest)
    for prefix, branches in unions.items():
        # The errors of the branch whose type fits are deeper in the value, or are not about the type.
        meant = [
            faults
            for faults in branches.values()
            if any(len(fault.path) > len(prefix) or not _is_type_error(fault.kind) for fault in faults)
        ]
        if meant:
            yield from _resolve_unions(min(meant, key=len))
        else:
            every = [fault for faults in branches.values() for fault in faults]
            words = list(dict.fromkeys(fault.expected for fault in every))
            if "a number" in words and "a whole number" in words:
                words.remove("a whole number")
            yield every[0]._replace(kind="union", expected=", or ".join(words))


def _is_type_error(kind: str) -> bool:
    return kind.endswith(("_type", "_parsing")) or kind == "literal_error"


_EXPECTED_BY_KIND = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "literal_error": "one of {expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}


def _describe_expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return PATTERN_DESCRIPTIONS.get(context["pattern"], "another form")
    plain = _EXPECTED_BY_KIND.get(kind, "another kind of value; `bench schema suite` describes it")
    return plain.format(**context) if "{" in plain else plain


def _describe_fault(fault: _Fault, model: type[BaseModel]) -> str:
    """Return what was found and what is allowed."""
    if fault.kind == "extra_forbidden":
        return _describe_unknown_key(str(fault.path[-1]), list(_models_at(model, fault.path[:-1])))
    if fault.kind == "missing":
        key = str(fault.path[-1])
        fields = [
            kind.model_fields[key] for kind in _models_at(model, fault.path[:-1]) if key in kind.model_fields
        ]
        what = next((field.description for field in fields if field.description), None)
        return f"missing; it must be given: {what}" if what else "missing; it must be given"
    if fault.message:
        return fault.message
    return f"found {describe_value(fault.given)}; expected {fault.expected}{_yaml_hint(fault)}"


def _describe_unknown_key(key: str, models: Sequence[type[BaseModel]]) -> str:
    known = list(dict.fromkeys(name for model in models for name in model.model_fields))
    listed = f"known: {', '.join(known)}" if known else "remove it"
    for model in models:
        for name, field in model.model_fields.items():
            if any(key in inner.model_fields for inner in _model_types(field.annotation)):
                return f"unknown key {key!r} here; it goes under {name!r}. {listed}"
    near = difflib.get_close_matches(key, known, 1, 0.7)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key {key!r}; {hint}{listed}"


def _yaml_hint(fault: _Fault) -> str:
    """Return a hint about YAML syntax; "" if there is none."""
    given, expected = fault.given, fault.expected
    if "text" in expected and isinstance(given, dict) and list(given.values()) == [None]:
        return f': put a template in quotes, "{{{next(iter(given))}}}"'
    if "text" in expected and isinstance(given, (int, float)):
        return ": put it in quotes"
    if "number" in expected and isinstance(given, str) and re.fullmatch(r"[-+]?[\d.]+", given):
        return " without quotes" if not given.startswith("0") else " without leading zeros or quotes"
    if fault.kind == "literal_error" and isinstance(given, str):
        near = difflib.get_close_matches(given, re.findall(r"'([^']*)'", expected), 1)
        return f"; did you mean {near[0]!r}?" if near else ""
    return ""


def _models_at(model: type[BaseModel], path: KeyPath) -> Iterator[type[BaseModel]]:
    """Yield the models that are allowed at a path."""
    kinds: list[Any] = [model]
    for step in path:
        kinds = [inner for kind in kinds for inner in _types_within(kind, step)]
    for kind in kinds:
        yield from _model_types(kind)


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield the types in ``X | Y`` and ``Annotated[X, …]``."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        yield from _alternatives(typing.get_args(kind)[0])
    elif origin in {typing.Union, types.UnionType}:
        for part in typing.get_args(kind):
            yield from _alternatives(part)
    else:
        yield kind


def _model_types(kind: Any) -> Iterator[type[BaseModel]]:
    for part in _alternatives(kind):
        if isinstance(part, type) and typing.get_origin(part) is None and issubclass(part, BaseModel):
            yield part


def _types_within(kind: Any, step: str | int) -> Iterator[Any]:
    if isinstance(step, int):
        for part in _alternatives(kind):
            if typing.get_origin(part) is list:
                yield typing.get_args(part)[0]
    else:
        for model in _model_types(kind):
            if step in model.model_fields:
                yield model.model_fields[step].annotation


def describe_value(value: Any) -> str:
    """Return a short one-line form of a value that the user recognizes."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "…" + said[0]
