"""YAML at the door: safe, bounded, with line numbers, and every fault told in one line.

The file is composed to nodes first, so that a fault can name the line of the very value; then it is
made plain and checked by pydantic, whose findings are said again in the words of the suite.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from harness.errors import DocumentError

MAX_BYTES = 4 * 2**20
MAX_NODES = 200_000
"""Nodes after aliases are followed: ten aliases of ten aliases … make a small file vast."""

Path_ = tuple[str | int, ...]
_M = TypeVar("_M", bound=BaseModel)
_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "map", "seq"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document:
    """A YAML file as plain values, and the line on which each of them stands.

    Attributes:
        file: As the user named it.
        value: The top-level mapping.
    """

    def __init__(self, file: Path, value: dict[str, Any], lines: Mapping[Path_, int]) -> None:
        """Keep what :func:`read_document` found."""
        self.file = file
        self.value = value
        self._lines = lines

    def line(self, path: Path_) -> int | None:
        """Return the line of a value, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None

    def error(self, path: Path_, message: str) -> DocumentError:
        """Return the error for one value."""
        return DocumentError(message, file=self.file, line=self.line(path), key=dotted(path) or None)


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as users write it: ``models[0].runner``."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else str(step)
    return out


def read_document(file: Path) -> Document:
    """Return a YAML file whose top level is a mapping.

    Raises:
        DocumentError: Missing, too large, not YAML, not a mapping, a tag, or a key given twice.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError as exc:
        raise DocumentError(
            "no such file; `bench init` writes a suite, `bench list suites` names the built-in ones",
            file=file,
        ) from exc
    except OSError as exc:
        raise DocumentError(f"cannot be read: {exc.strerror}", file=file) from exc
    if len(data) > MAX_BYTES:
        raise DocumentError(
            f"{len(data)} bytes; a suite has at most {MAX_BYTES}: put data into a file of its own", file=file
        )
    return parse_document(data, file)


def parse_document(data: bytes | str, file: Path) -> Document:
    """Return a YAML text as a document. See :func:`read_document`."""
    loader = None
    try:
        loader = _Loader(data)
        node = loader.get_single_node()
        if node is None:
            raise DocumentError("the file is empty; `bench init` writes a suite to start from", file=file)
        lines: dict[Path_, int] = {}
        value = _plain(loader, node, (), lines, file, [0])
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        problem = getattr(exc, "problem", None) or str(exc).splitlines()[0]
        raise DocumentError(f"not YAML: {problem}", file=file, line=mark.line + 1 if mark else None) from exc
    except (UnicodeDecodeError, ValueError, RecursionError) as exc:
        raise DocumentError(f"not YAML: {str(exc).splitlines()[0] or type(exc).__name__}", file=file) from exc
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(value, dict):
        raise DocumentError(
            f"the top level is {_kind(value)}; it must be a mapping such as `name: …`", file=file, line=1
        )
    return Document(file, value, lines)


def _plain(
    loader: Any, node: yaml.Node, path: Path_, lines: dict[Path_, int], file: Path, count: list[int]
) -> Any:
    count[0] += 1
    line = node.start_mark.line + 1
    if count[0] > MAX_NODES:
        raise DocumentError(
            f"more than {MAX_NODES} values once its aliases are followed", file=file, line=line
        )
    lines.setdefault(path, line)
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
        raise DocumentError(
            f"the tag {node.tag!r} is not allowed", file=file, line=line, key=dotted(path) or None
        )
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise DocumentError(
                    "a key must be plain text", file=file, line=key_line, key=dotted(path) or None
                )
            if key in mapping:
                raise DocumentError(
                    "this key is given twice; keep one", file=file, line=key_line, key=dotted((*path, key))
                )
            lines[(*path, key)] = key_line
            mapping[key] = _plain(loader, value_node, (*path, key), lines, file, count)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(loader, item, (*path, index), lines, file, count) for index, item in enumerate(node.value)
        ]
    if node.tag == "tag:yaml.org,2002:bool" and node.value.lower() not in {"true", "false"}:
        # YAML 1.1 reads `off`, `no`, `on` and `yes` as booleans; `reasoning: off` means the word.
        return node.value
    if node.tag == "tag:yaml.org,2002:timestamp":
        return node.value
    return loader.construct_object(node)


def check(document: Document, model: type[_M], value: Any = None, path: Path_ = ()) -> _M:
    """Return the document, or a part of it, as a checked model.

    Args:
        document: Where the value stands.
        model: What it must be.
        value: The part; None: the whole.
        path: Where the part stands.

    Raises:
        DocumentError: The first fault, with the number of others.
    """
    try:
        return model.model_validate(document.value if value is None else value)
    except ValidationError as exc:
        found = exc.errors(include_url=False)
        # A misspelt key is the likeliest cause of a missing one: say it first.
        first = next((error for error in found if error["type"] == "extra_forbidden"), found[0])
        at, message = _said(first, model)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise document.error((*path, *at), message + more) from exc


def _said(error: Any, model: type[BaseModel]) -> tuple[Path_, str]:
    """Return where and what, in the words of the suite."""
    location: Path_ = tuple(step for step in error["loc"] if not _is_branch(step))
    kind, given, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        key = str(location[-1])
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}? known keys: " if near else "known keys: "
        return location, f"unknown key; {hint}{', '.join(known)}"
    if kind == "missing":
        return location, "missing; it must be given"
    if kind == "value_error":
        return location, str(context.get("error", error["msg"]))
    expected = _EXPECTED.get(kind)
    if expected is None:
        expected = error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    elif "{" in expected:
        expected = expected.format(**context)
    return location, f"found {_short(given)}; expected {expected}"


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "literal_error": "one of {expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "at least {min_length} characters",
    "too_short": "at least {min_length} of them",
    "date_from_datetime_parsing": "a day such as 2026-02-12",
    "date_parsing": "a day such as 2026-02-12",
    "date_type": "a day such as 2026-02-12",
}


def _is_branch(step: Any) -> bool:
    """Say whether a step of pydantic's location names a branch of a union and no key of the file."""
    return isinstance(step, str) and (
        step[:1].isupper() or step in {"str", "int", "float", "bool"} or "[" in step
    )


def _keys_at(model: type[BaseModel], path: Path_) -> list[str]:
    """Return the keys that the model allows at a path; [] where it does not say."""
    found: Any = model
    for step in path:
        if isinstance(step, int):
            found = _inside(found)
        elif isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(step)
            found = field.annotation if field else None
        found = _bare(found)
    return list(found.model_fields) if isinstance(found, type) and issubclass(found, BaseModel) else []


def _bare(kind: Any) -> Any:
    """Return the model within ``X | None`` or ``Annotated[X, …]``."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if origin in {typing.Union, types.UnionType}:
        parts = [_bare(part) for part in typing.get_args(kind)]
        return next(
            (part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), parts[0]
        )
    return kind


def _inside(kind: Any) -> Any:
    arguments = typing.get_args(_bare(kind))
    return _bare(arguments[0]) if arguments else None


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}.get(
        type(value), f"{value!r}"
    )


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return _kind(value)
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "…'"
