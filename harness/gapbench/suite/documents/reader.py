"""Read YAML into plain values, with size limits, and keep the line of every key and item.

The file is parsed into nodes first, so that an error can name the line of the value. Scalars follow YAML 1.2: `off` is
text, `1e-3` is a number, `12:30` and `010` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gapbench.errors import DocumentError

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 40
MAX_NODES = 200_000
"""Maximum number of nodes with aliases expanded: nested aliases can make a small file huge."""

KeyPath = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "map", "seq"}
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document:
    """A YAML file as plain values, with the line of each value.

    Attributes:
        file: Path as the user gave it.
        value: The top-level mapping.
        unquoted_booleans: Places of `yes`, `no`, `on` or `off` without quotes; YAML 1.1 readers take them for booleans.
    """

    def __init__(
        self,
        file: Path,
        value: dict[str, Any],
        lines: Mapping[KeyPath, int],
        unquoted_booleans: Sequence[KeyPath] = (),
    ) -> None:
        """Keep what :func:`read_document` found."""
        self.file = file
        self.value = value
        self.unquoted_booleans = tuple(unquoted_booleans)
        self._lines = lines

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a value, or of the closest parent that has one."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None

    def error(self, path: KeyPath, message: str) -> DocumentError:
        """Return the error for one value."""
        return DocumentError(message, file=self.file, line=self.line(path), key=format_path(path) or None)

    def location(self, path: KeyPath) -> str:
        """Return the place of a value as error messages state it: file, line and key."""
        return str(self.error(path, "")).removesuffix(": ")


def format_path(path: Sequence[str | int]) -> str:
    """Return a path as users write it, in one line: ``models[0].runner``."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{_format_key(step)}" if out else _format_key(step)
    return out


def _format_key(key: str) -> str:
    short = key if len(key) <= 60 else f"{key[:57]}…"
    return short if short.isprintable() and short else repr(short)


def read_document(file: Path) -> Document:
    """Return a YAML file whose top level is a mapping.

    Raises:
        DocumentError: The file is missing, too large, not YAML or not a mapping, or it has a tag or a duplicate key.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise DocumentError(
            "no such file; `bench init` writes a suite, `bench list suites` names the built-in ones",
            file=file,
        ) from exc
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        said = getattr(exc, "strerror", None) or str(exc)
        raise DocumentError(f"cannot be read: {said}; name a YAML file", file=file) from exc
    if len(data) > MAX_BYTES:
        raise DocumentError(
            f"more than {MAX_BYTES} bytes, the most that a document may have; put data into a separate file",
            file=file,
        )
    return parse_document(data, file)


def parse_document(data: bytes | str, file: Path) -> Document:
    """Return a YAML text as a document. See :func:`read_document`."""
    loader = None
    try:
        loader = _Loader(data)
        node = loader.get_single_node()
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        line, problem = _describe_yaml_error(exc, data)
        raise DocumentError(f"not YAML: {problem}", file=file, line=line) from exc
    except RecursionError as exc:  # only without libyaml, which bounds the depth itself
        raise DocumentError("nested too deep; a document needs only a few levels", file=file) from exc
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        raise DocumentError("the file is empty; `bench init` writes a suite to start from", file=file)
    reading = _NodeConverter(file)
    value = reading.convert(node, ())
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "one value"
        raise DocumentError(
            f"the top level is {kind}; it must be a mapping such as `name: my-suite`", file=file, line=1
        )
    return Document(file, value, reading.lines, reading.unquoted_booleans)


class _NodeConverter:
    """Converts the nodes of one file to plain values."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self.unquoted_booleans: list[KeyPath] = []
        self._node_count = 0

    def convert(self, node: yaml.Node, path: KeyPath) -> Any:
        """Return the value of a node; record its line and the lines of everything in it."""
        self._node_count += 1
        line = node.start_mark.line + 1
        if self._node_count > MAX_NODES:
            raise DocumentError(
                f"more than {MAX_NODES} values once its aliases are followed; write out what is meant",
                file=self.file,
                line=line,
            )
        if len(path) > MAX_DEPTH:
            raise DocumentError(
                f"nested deeper than {MAX_DEPTH} levels, or an alias that holds itself; a document needs only a few",
                file=self.file,
                line=line,
            )
        self.lines.setdefault(path, line)
        if not node.tag.startswith(_TAG) or node.tag.removeprefix(_TAG) not in _TAGS:
            raise self._error(f"the tag {node.tag!r} is not allowed; write the value without it", line, path)
        if isinstance(node, yaml.MappingNode):
            return self._convert_mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._convert_scalar(node, path, line)

    def _convert_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(
                    "a key must be plain text; put a template that begins with { in quotes", line, path
                )
            if key_node.tag == f"{_TAG}merge":
                merged = {**self._convert_merge(value_node, path, line), **merged}
                continue
            key = key_node.value
            at = (*path, key)
            if key in mapping:
                first = self.lines[at]
                raise self._error(f"this key is given twice, also on line {first}; keep one", line, at)
            self.lines[at] = line
            mapping[key] = self.convert(value_node, at)
        return {**merged, **mapping}

    def _convert_merge(self, node: yaml.Node, path: KeyPath, line: int) -> dict[str, Any]:
        """Return the keys merged by `<<: *other`. Keys of the mapping itself win, and earlier mappings win over later ones."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in sources:
            inner = _NodeConverter(self.file)
            inner._node_count = self._node_count
            value = inner.convert(source, path)
            self._node_count = inner._node_count
            if not isinstance(value, dict):
                raise self._error("`<<` takes a mapping, such as `<<: *common`", line, (*path, "<<"))
            # An error in a merged value is on the anchor's line, unless the mapping itself has the key.
            for at, found in inner.lines.items():
                self.lines.setdefault(at, found)
            self.unquoted_booleans += inner.unquoted_booleans
            merged = {**value, **merged}
        return merged

    def _convert_scalar(self, node: yaml.ScalarNode, path: KeyPath, line: int) -> Any:
        text: str = node.value
        tag = node.tag.removeprefix(_TAG)
        if tag == "null":
            return None
        if tag == "bool":
            if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            self.unquoted_booleans.append(path)
            return text
        if tag == "int":
            if not _INTEGER.fullmatch(text):  # 12:30 and 010 are numbers to YAML 1.1 alone
                return text
            try:
                return int(text.replace("_", ""), 10 if text.lstrip("+-").isdecimal() or "_" in text else 0)
            except ValueError as exc:
                raise self._error(f"a number of {len(text)} digits; no setting needs it", line, path) from exc
        if tag == "float" or (tag == "str" and not node.style and _EXPONENT.fullmatch(text)):
            if ":" in text:
                return text
            word = text.lower().replace("_", "")
            number = float(word.replace(".inf", "inf").replace(".nan", "nan"))
            if not math.isfinite(number):
                raise self._error(f"found {text}; expected a finite number", line, path)
            return number
        return text

    def _error(self, message: str, line: int, path: KeyPath) -> DocumentError:
        return DocumentError(message, file=self.file, line=line, key=format_path(path) or None)


_ADVICE = (
    (
        "cannot start any token",
        "put text that begins with @, %, ` or a tab in quotes, and indent with spaces",
    ),
    ("mapping values are not allowed", "put text that holds ': ' in quotes, and check the indentation"),
    ("another document", "a file has one document; remove the second `---`"),
    ("undefined alias", "put text that begins with * in quotes"),
    ("expected key", "put a template that begins with { in quotes, and check the indentation"),
    ("expected <block end>", "put a template that begins with { in quotes, and check the indentation"),
    ("expected ',' or", "close the bracket, or put text that begins with { or [ in quotes"),
    ("unexpected end of stream", "close the quotes or the bracket"),
    ("UTF-8", "save the file as UTF-8"),
    ("control characters", "remove the control character, or name a YAML file if this is another kind"),
    ("maximum nesting depth", "a document needs only a few levels"),
    ("end of directive", "put text that begins with % in quotes"),
)


def _describe_yaml_error(exc: Exception, data: bytes | str) -> tuple[int | None, str]:
    """Return the line and the message of a YAML error, with a suggestion."""
    mark = getattr(exc, "problem_mark", None)
    problem = getattr(exc, "problem", None) or str(exc).splitlines()[0]
    line = mark.line + 1 if mark else None
    position = getattr(exc, "position", None)
    if line is None and isinstance(position, int):
        line = data[:position].count(b"\n" if isinstance(data, bytes) else "\n") + 1  # type: ignore[arg-type]
    problem = str(problem).removeprefix("but ").strip()
    advice = next((said for sign, said in _ADVICE if sign in problem), "check quotes and indentation")
    return line, f"{problem}; {advice}"
