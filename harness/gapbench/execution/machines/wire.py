"""Messages as plain data: JSON that is written and checked by the types of dataclasses. Nothing of it is ever run.

A value of a union of dataclasses carries its class's name, and a whole message does so too. What arrives is checked
against the type of every field, so a peer can send wrong data but nothing else. Whole numbers of more than 64 bits and
broken surrogates take the standard library's JSON; all else is orjson's. A number that is not finite is written as null,
and refused when it arrives.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
import reprlib
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson

_ORJSON, _STDLIB = b"o", b"j"
_CLASS = "@"
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = 60
"""Shows what a peer sent, of any size and depth, in a few words."""
MAX_SHOWN_CHARS = 60
Convert = Callable[[Any], Any]


class WireError(ValueError):
    """What arrived is not a message of the agreed types."""


class Codec:
    """Writes and reads the messages of one direction.

    Args:
        classes: The dataclasses that may be sent.
    """

    def __init__(self, classes: Sequence[type]) -> None:
        self._classes = {cls.__name__: cls for cls in classes}

    def encode(self, message: object) -> bytes:
        """Return a message as bytes."""
        name = type(message).__name__
        assert self._classes.get(name) is type(message), f"{name} is not sent in this direction"
        value = {_CLASS: name, **_writer(self._classes[name])(message)}
        try:
            return _ORJSON + orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            return _STDLIB + _dump(value).encode()

    def decode(self, data: bytes) -> Any:
        """Return the message that bytes hold.

        Raises:
            WireError: They hold none; the message says where it is wrong.
        """
        try:
            value = orjson.loads(memoryview(data)[1:]) if data[:1] == _ORJSON else _load(data[1:])
        except (ValueError, RecursionError) as exc:
            raise WireError(f"not JSON: {exc}") from None
        name = value.get(_CLASS) if isinstance(value, dict) else None
        cls = self._classes.get(name) if isinstance(name, str) else None
        if cls is None:
            raise WireError(f"found {_shown(name)}; expected one of {', '.join(self._classes)}")
        return _reader(cls)(value)


def _dump(value: Any) -> str:
    """Return JSON of the standard library, with null for a number that is not finite, as orjson writes it."""
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
        return json.dumps(finite)


def _load(data: bytes) -> Any:
    """Return what JSON holds.

    Raises:
        ValueError: It is not JSON, which has no NaN and no Infinity, or a number in it is too large.
    """
    return json.loads(data, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MAX_SHOWN_CHARS]} is not a finite number")
    return number


def _is_dataclass(of: Any) -> bool:
    return isinstance(of, type) and dataclasses.is_dataclass(of)


@cache
def _writer(of: Any) -> Convert:
    """Return what turns a value of a type into JSON values."""
    origin, arguments = get_origin(of), get_args(of)
    if of is bytes:
        return lambda value: base64.b64encode(value).decode()
    if of is date:
        return lambda value: value.isoformat()
    if origin in {Union, types.UnionType}:
        return _union_writer(arguments)
    if origin in {tuple, list} or _is_sequence(origin):
        items = [_writer(argument) for argument in arguments if argument is not Ellipsis]
        if all(item is _same for item in items):
            return _same
        if len(items) == 1:
            return lambda value: [items[0](item) for item in value]
        return lambda value: [write(item) for write, item in zip(items, value, strict=True)]
    if _is_mapping(origin):
        write = _writer(arguments[1])
        return dict if write is _same else lambda value: {key: write(item) for key, item in value.items()}
    if _fields(of) is not None:
        pairs = [(name, _writer(hint)) for name, hint in (_fields(of) or {}).items()]
        return lambda value: {name: write(getattr(value, name)) for name, write in pairs}
    if of is Any or origin is Literal or of in {str, int, float, bool, type(None)}:
        return _same
    return _refuse


def _same(value: Any) -> Any:
    return value


def _refuse(value: Any) -> Any:
    raise WireError(f"a {type(value).__name__} of this machine means nothing on another one")


def _union_writer(members: Sequence[Any]) -> Convert:
    named = {member: _writer(member) for member in members if _is_dataclass(member)}
    others = [member for member in members if member is not type(None) and member not in named]
    other = _writer(others[0]) if len(others) == 1 else _same

    def write(value: Any) -> Any:
        if value is None:
            return None
        member = named.get(type(value))
        return other(value) if member is None else {_CLASS: type(value).__name__, **member(value)}

    return write


@cache
def _reader(of: Any) -> Convert:
    """Return what turns JSON values into a value of a type, or raises :class:`WireError`."""
    origin, arguments = get_origin(of), get_args(of)
    if of is Any:
        return _same
    if of in {str, bool, type(None)}:
        return lambda value: value if type(value) is of else _fail(of, value)
    if of is int:
        return lambda value: value if type(value) is int else _fail(of, value)
    if of is float:
        return _read_float
    if of is bytes:
        return _read_bytes
    if of is date:
        return lambda value: _parse(date.fromisoformat, value, "a day")
    if origin is Literal:
        return lambda value: value if value in arguments else _fail(of, value)
    if origin in {Union, types.UnionType}:
        return _union_reader(arguments)
    if origin in {tuple, list} or _is_sequence(origin):
        return _sequence_reader(origin, arguments)
    if _is_mapping(origin):
        read = _reader(arguments[1])

        def read_mapping(value: Any) -> Any:
            if not isinstance(value, dict):
                return _fail(of, value)
            return value if read is _same else {key: read(item) for key, item in value.items()}

        return read_mapping
    if _fields(of) is not None:
        return _class_reader(of)
    return lambda value: _fail(of, value)


def _sequence_reader(origin: Any, arguments: Sequence[Any]) -> Convert:
    make = list if origin is list else tuple
    items = [_reader(argument) for argument in arguments if argument is not Ellipsis]
    fixed = origin is tuple and Ellipsis not in arguments
    simple = arguments[0] if not fixed and arguments[0] in {str, float, int} else None
    of = f"{make.__name__} of finite numbers" if simple is float else make

    def read(value: Any) -> Any:
        if not isinstance(value, list) or (fixed and len(value) != len(items)):
            return _fail(make, value)
        if fixed:
            return make(reader(item) for reader, item in zip(items, value, strict=True))
        if simple is not None and all(type(item) is simple for item in value):
            return make(value) if simple is not float or all(map(math.isfinite, value)) else _fail(of, value)
        return make(map(items[0], value))

    return read


def _union_reader(members: Sequence[Any]) -> Convert:
    named = {member.__name__: member for member in members if _is_dataclass(member)}
    others = [_reader(member) for member in members if member is type(None) or member not in named.values()]

    def read(value: Any) -> Any:
        name = value.get(_CLASS) if isinstance(value, dict) else None
        if isinstance(name, str) and name in named:
            return _reader(named[name])(value)
        for reader in others:
            try:
                return reader(value)
            except WireError:
                continue
        return _fail(" or ".join(str(getattr(member, "__name__", member)) for member in members), value)

    return read


def _class_reader(of: Any) -> Convert:
    pairs = [(name, _reader(hint)) for name, hint in (_fields(of) or {}).items()]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return _fail(of, value)
        fields = {}
        for name, reader in pairs:
            if name not in value:
                raise WireError(f"{of.__name__}: {name} is missing")
            try:
                fields[name] = reader(value[name])
            except WireError as exc:
                raise WireError(f"{of.__name__}.{name}: {exc}") from None
        return of(**fields)

    return read


@cache
def _fields(of: Any) -> Mapping[str, Any] | None:
    """Return the types of a class's fields by name. None: it is neither a dataclass nor a named tuple."""
    if not isinstance(of, type):
        return None
    hints = get_type_hints(of)
    if _is_dataclass(of):
        return {field.name: hints[field.name] for field in dataclasses.fields(of) if field.init}
    names = getattr(of, "_fields", None)
    return None if names is None else {name: hints[name] for name in names}


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_sequence(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Sequence) and origin is not tuple


def _read_float(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and abs(value) < 2**63:
        return float(value)
    # orjson writes a number that is not finite as null; no float field of ours may be null without saying so.
    found: float = _fail(float, value)
    return found


def _read_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise WireError("expected bytes in base64") from None


def _parse(parse: Callable[[str], Any], value: Any, what: str) -> Any:
    try:
        return parse(value) if isinstance(value, str) else _fail(what, value)
    except ValueError:
        return _fail(what, value)


def _fail(expected: Any, value: Any) -> Any:
    raise WireError(f"found {_shown(value)}; expected {getattr(expected, '__name__', str(expected))}")


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    return _SHOWN.repr(value)[:MAX_SHOWN_CHARS]
