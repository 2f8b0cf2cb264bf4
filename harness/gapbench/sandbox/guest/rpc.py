"""Calls functions with plain values between the test runner and the program under test, over one socket.

Only plain values cross: numbers, text, bytes, None, lists, tuples, sets, dicts, dates, exact numbers. What a
program returns is therefore compared as a value that the test runner built, without any ``__eq__`` of the
program. Other objects stay where they are and cross as a number (:class:`RemoteObject`); their attributes and
calls go back over the socket. The program can call only functions that a test passed to it as arguments.

A message is four bytes of length, then JSON. JSON objects are always ``{tag: value}``.
"""

from __future__ import annotations

import builtins
import itertools
import json
import socket
import struct
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

MAX_MESSAGE_BYTES = 16 * 2**20
EXACT_NUMBER_TYPES = {"Decimal": "decimal", "Fraction": "fractions"}
MAX_PLAIN_INT = 2**63


class BrokenRpcError(Exception):
    """The other process ended, or sent an invalid message."""


class ProgramExitError(Exception):
    """The program called ``exit`` or raised something other than an ``Exception``."""


class RemoteObject:
    """Stands for an object of the program in the test runner, or for a test's function in the program."""

    def __init__(self, peer: Peer, handle: int) -> None:
        self._peer = peer
        self._handle = handle

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in the other process; changes of lists, dicts and sets in ``args`` are copied back."""
        return self._peer.call(self._handle, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        """Read an attribute in the other process."""
        return self._peer.get_attribute(self._handle, name)

    def _special(self, name: str, *args: Any) -> Any:
        try:
            method = self._peer.get_attribute(self._handle, name)
        except AttributeError as exc:  # as Python reports an object without the method
            raise TypeError(str(exc)) from exc
        return method(*args)

    def __iter__(self) -> Any:
        return self._special("__iter__")

    def __next__(self) -> Any:
        return self._special("__next__")

    def __len__(self) -> int:
        return int(self._special("__len__"))

    def __getitem__(self, key: Any) -> Any:
        return self._special("__getitem__", key)

    def __contains__(self, item: Any) -> bool:
        return bool(self._special("__contains__", item))

    def __str__(self) -> str:
        return str(self._special("__str__"))

    def __bool__(self) -> bool:
        return True

    def __hash__(self) -> int:
        return self._handle

    def __eq__(self, other: object) -> bool:
        """Compare two objects of the program in the program; with a plain value they are never equal."""
        if not isinstance(other, RemoteObject):
            return False
        return self._handle == other._handle or self._special("__eq__", other) is True


class Peer:
    """One end of the connection.

    Args:
        sock: Connected stream socket.
        allows_attribute_access: True in the program, whose attributes may be read; False in the test runner.
    """

    def __init__(self, sock: socket.socket, *, allows_attribute_access: bool) -> None:
        self.sock = sock
        self.allows_attribute_access = allows_attribute_access
        self.objects: list[Any] = []

    def send(self, message: list[Any]) -> None:
        """Send one message."""
        data = json.dumps(message).encode()
        if len(data) > MAX_MESSAGE_BYTES:
            raise ValueError(f"a value of {len(data)} bytes is too large to transfer")
        try:
            self.sock.sendall(struct.pack(">I", len(data)) + data)
        except OSError as exc:
            raise BrokenRpcError("the program ended") from exc

    def receive(self) -> list[Any]:
        """Wait for one message."""
        size = struct.unpack(">I", self._read_exactly(4))[0]
        if size > MAX_MESSAGE_BYTES:
            raise BrokenRpcError("the program sent an invalid message")
        try:
            message = json.loads(self._read_exactly(size))
        except (ValueError, RecursionError) as exc:
            raise BrokenRpcError("the program sent an invalid message") from exc
        if not isinstance(message, list) or not message:
            raise BrokenRpcError("the program sent an invalid message")
        return message

    def _read_exactly(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                part = self.sock.recv(min(size, 2**20))
            except OSError as exc:
                raise BrokenRpcError("the program ended") from exc
            if not part:
                raise BrokenRpcError("the program ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def get_attribute(self, handle: int, name: str) -> Any:
        """Return an attribute of the other side's object."""
        self.send(["get", handle, name])
        return self._wait_for_answer(())

    def call(self, handle: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call the other side's object and copy its changes of mutable arguments back."""
        self.send(["call", handle, [self.encode(a) for a in args], {"d": self.encode(dict(kwargs))}])
        return self._wait_for_answer(args)

    def _wait_for_answer(self, args: tuple[Any, ...]) -> Any:
        while True:
            kind, *rest = self.receive()
            try:
                if kind == "return":
                    for index, changed in rest[1]:
                        _replace_content(args[index], self.decode(changed))
                    return self.decode(rest[0])
                if kind == "raise":
                    raise rebuild_exception(rest[0], rest[1])
                if kind not in {"call", "get"}:
                    raise BrokenRpcError("the program sent an invalid message")
            except (IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as exc:
                if kind == "raise":
                    raise
                raise BrokenRpcError("the program sent an invalid value") from exc
            self.handle_request(kind, rest)

    def handle_request(self, kind: str, rest: list[Any]) -> None:
        """Handle a request of the other side and send back the value or the exception."""
        try:
            if kind == "get":
                answer: list[Any] = ["return", self.encode(self._read_attribute(*rest)), []]
            else:
                handle, given, named = rest
                args = [self.decode(a) for a in given]
                value = self.objects[handle](*args, **self.decode(named["d"]))
                seen = [
                    (i, self.encode(a)) for i, a in enumerate(args) if type(a) in {list, dict, set, bytearray}
                ]
                answer = ["return", self.encode(value), [[i, a] for i, a in seen if a != given[i]]]
            self.send(answer)
        except BrokenRpcError:
            raise
        except BaseException as exc:  # noqa: BLE001 - any exception of a program is its result
            self.send(["raise", [c.__name__ for c in type(exc).__mro__], _short_message(exc)])

    def _read_attribute(self, handle: int, name: str) -> Any:
        if not self.allows_attribute_access:
            raise PermissionError("the tests cannot be read")
        return getattr(self.objects[handle], name)

    def encode(self, value: Any) -> Any:
        """Return ``value`` as JSON values; an object that is not plain is stored here and sent as its number."""
        if value is None or isinstance(value, (bool, str)):
            return value if type(value) in {bool, type(None)} else str.__str__(value)
        if isinstance(value, int):
            number = int(value)
            return number if abs(number) < MAX_PLAIN_INT else {"n": hex(number)}
        if isinstance(value, float):
            return float(value)
        if isinstance(value, RemoteObject) and value._peer is self:  # noqa: SLF001 - it returns to its owner
            return {"home": value._handle}  # noqa: SLF001
        if isinstance(value, dict):
            return {"d": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        for kind, tag in SEQUENCE_TAGS:
            if isinstance(value, kind):
                items = [self.encode(item) for item in value]
                return items if tag == "l" else {tag: items}
        if isinstance(value, (bytes, bytearray)):
            return {"b" if isinstance(value, bytes) else "ba": value.hex()}
        if isinstance(value, complex):
            return {"c": [value.real, value.imag]}
        if isinstance(value, range):
            return {"r": [self.encode(n) for n in (value.start, value.stop, value.step)]}
        if isinstance(value, (datetime, date, time)):
            return {type(value).__name__: value.isoformat()}
        if isinstance(value, timedelta):
            return {"timedelta": [value.days, value.seconds, value.microseconds]}
        name = type(value).__name__
        if EXACT_NUMBER_TYPES.get(name) == type(value).__module__:
            return {name: str(value)}
        if len(self.objects) >= 100_000:
            raise MemoryError("too many objects passed on")
        self.objects.append(value)
        return {"there": len(self.objects) - 1}

    def decode(self, value: Any) -> Any:
        """Return the value that :meth:`encode` got."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        ((tag, body),) = value.items()
        if tag == "d":
            return {self.decode(k): self.decode(v) for k, v in body}
        if tag in SEQUENCE_BY_TAG:
            return SEQUENCE_BY_TAG[tag](self.decode(item) for item in body)
        if tag == "there":
            return RemoteObject(self, int(body))
        if tag == "home":
            return self.objects[body]
        return _decode_leaf(tag, body)


SEQUENCE_TAGS: tuple[tuple[Any, str], ...] = ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "f"))
SEQUENCE_BY_TAG: dict[str, Any] = {"t": tuple, "s": set, "f": frozenset}


def _decode_leaf(tag: str, body: Any) -> Any:
    if tag == "n":
        return int(body, 16)
    if tag in {"b", "ba"}:
        return bytes.fromhex(body) if tag == "b" else bytearray.fromhex(body)
    if tag == "c":
        return complex(*body)
    if tag == "r":
        return range(*(int(n, 16) if isinstance(n, str) else int(n) for n in body))
    if tag in {"datetime", "date", "time"}:
        return {"datetime": datetime, "date": date, "time": time}[tag].fromisoformat(body)  # type: ignore[attr-defined]
    if tag == "timedelta":
        return timedelta(*body)
    if tag == "Decimal":
        from decimal import Decimal  # noqa: PLC0415 - rarely needed, and it would slow every start

        return Decimal(body)
    if tag == "Fraction":
        from fractions import Fraction  # noqa: PLC0415 - as above

        return Fraction(body)
    raise ValueError(f"no such value: {tag!r}")


def _replace_content(old: Any, new: Any) -> None:
    """Replace the content of a mutable argument."""
    if isinstance(old, (list, bytearray)):
        old[:] = new
    elif isinstance(old, (dict, set)):
        old.clear()
        old.update(new)


def _short_message(exc: BaseException) -> str:
    try:
        return str(exc)[:300]
    except Exception:  # noqa: BLE001 - a program's own __str__ may do anything
        return ""


def rebuild_exception(names: list[str], message: str) -> Exception:
    """Return an exception of the first built-in class in ``names``, the classes of the original in their order."""
    for name in itertools.islice((n for n in names if isinstance(n, str)), 50):
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                return kind(message)
            except TypeError:  # UnicodeDecodeError and its like take five arguments
                continue
    return ProgramExitError(f"{names[0] if names else 'nothing'}: {message}")
