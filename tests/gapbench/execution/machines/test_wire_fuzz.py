"""Whatever JSON a peer sends, it is a message or it is refused; nothing else comes out of the codecs."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.execution.machines import messages
from gapbench.execution.machines.frames import FrameChannel
from gapbench.execution.machines.wire import Codec, WireError

CODECS = {
    "first to conductor": messages.TO_CONDUCTOR_FIRST,
    "first to machine": messages.TO_MACHINE_FIRST,
    "to conductor": messages.TO_CONDUCTOR,
    "to machine": messages.TO_MACHINE,
    "from worker": messages.FROM_WORKER,
    "to worker": messages.TO_WORKER,
}
ANY = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4),
        st.sampled_from(["\ud800", "é", "Text", "PythonTools", 10**400, [[[]]], {"@": []}, {"@": {}}]),
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["@", "a", "\ud800"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=3),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    bytes: st.just("AA=="),
    date: st.just("2026-01-02"),
    Any: ANY,
    Path: st.just("/etc"),
}


@cache
def shapes(of: Any, *, named: bool = False) -> st.SearchStrategy[Any]:
    """Return JSON of a type, as the codecs expect it."""
    origin, arguments = get_origin(of), get_args(of)
    if of in SIMPLE:
        return SIMPLE[of]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in {Union, types.UnionType}:
        return st.one_of([shapes(argument, named=True) for argument in arguments])
    if origin is tuple and Ellipsis not in arguments:
        return st.tuples(*map(shapes, arguments)).map(list)
    if origin in {tuple, list, Sequence}:
        return st.lists(shapes(arguments[0]), max_size=1)
    if origin in {dict, Mapping}:
        return st.dictionaries(st.text(max_size=2), shapes(arguments[1]), max_size=1)
    hints = get_type_hints(of)
    names = getattr(of, "_fields", None) or [field.name for field in dataclasses.fields(of) if field.init]
    parts = {name: shapes(hints[name]) for name in names}
    return st.fixed_dictionaries({"@": st.just(of.__name__), **parts} if named else parts)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every list and dictionary of a value, with each key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@pytest.mark.parametrize("direction", CODECS)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_json_is_a_message_or_is_refused(direction: str, data: st.DataObject) -> None:
    """A message in which up to three values were exchanged for any others, read by both JSON readers."""
    codec = CODECS[direction]
    cls = data.draw(st.sampled_from(list(codec._classes.values())))
    sent = copy.deepcopy(data.draw(shapes(cls, named=True)))
    for _ in range(data.draw(st.integers(0, 3))):
        container, key = data.draw(st.sampled_from(places(sent)))
        container[key] = copy.deepcopy(data.draw(ANY))
    for first in (b"o", b"j"):
        try:
            found = codec.decode(first + json.dumps(sent).encode())
        except WireError:
            continue
        assert type(found) in codec._classes.values()


class Line:
    """The writer of a connection that notes whether it was ended."""

    def __init__(self) -> None:
        self.transport = self
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int) -> None: ...

    def abort(self) -> None:
        self.is_aborted = True


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        (messages.FROM_WORKER, b'o{"@": "RunnerReady", "problem": {"@": []}}'),
        (messages.TO_CONDUCTOR, b'j{"@": "ClockPong", "sent_s": 1, "received_s": NaN, "answered_s": 1}'),
        (messages.FROM_WORKER, b'o{"@": "Notice", "text": ' + b"[" * 1000 + b"]" * 1000 + b"}"),
    ],
)
def test_what_is_no_message_ends_that_connection(codec: Codec, body: bytes) -> None:
    """It reads as a connection that has ended, with the reason: its machine is lost, and the cell goes on."""

    async def main() -> tuple[object, str | None, bool]:
        reader, line = asyncio.StreamReader(), Line()
        reader.feed_data(len(body).to_bytes(4) + body)
        channel = FrameChannel(reader, line, codec, codec)  # type: ignore[arg-type]  # a line by hand
        return await channel.read(), channel.problem, line.is_aborted

    message, problem, is_aborted = asyncio.run(main())

    assert (None, True) == (message, is_aborted)
    assert "it sent what gapbench does not: " in str(problem)


@dataclasses.dataclass
class Times:
    at_s: float
    chunk_s: tuple[float, ...] = ()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ['"at_s": {}, "chunk_s": []', '"at_s": 1.0, "chunk_s": [1.0, {}]'])
@pytest.mark.parametrize("first", ["o", "j"])
def test_a_number_that_is_not_finite_is_refused(number: str, place: str, first: str) -> None:
    """Alone and in a list, by both JSON readers: a clock or a time that is NaN would spoil all that is computed from it."""
    text = first + '{"@": "Times", ' + place.format(number) + "}"

    with pytest.raises(WireError):
        Codec([Times]).decode(text.encode())


@pytest.mark.parametrize("text", ["plain", "\ud800"])
def test_a_number_that_is_not_finite_is_written_as_null(text: str) -> None:
    """A model's call may hold one in its arguments; both JSON writers leave it out, and the machine is not lost for it."""
    codec = Codec([Free])

    assert Free({"x": None, "text": text}) == codec.decode(
        codec.encode(Free({"x": float("inf"), "text": text}))
    )


@dataclasses.dataclass
class Free:
    arguments: Mapping[str, Any]
