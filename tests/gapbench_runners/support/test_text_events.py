"""Events with a piece of text are recognized by the bytes around it, and say what parsing them says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.transport import Event, EventBatch, EventParser
from gapbench.values import Chunk
from gapbench_runners.support.text_events import TextEvents

FIRST = "Say"


def event(text: str, *, is_ascii: bool = False, **more: Any) -> bytes:
    """Return an event of Chat Completions with a piece of the answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return json.dumps({"id": "c-1", "choices": [choice], **more}, ensure_ascii=is_ascii).encode()


def text_of(data: bytes) -> str:
    """Return what parsing the whole event says."""
    return str(orjson.loads(data)["choices"][0]["delta"]["content"])


def learned(first: bytes) -> TextEvents:
    """Return the form of an event."""
    found = TextEvents("choices", 0, "delta", "content")
    found.learn(first, orjson.loads(first), text_of(first))
    return found


def separated(datas: list[bytes], found: TextEvents) -> tuple[list[tuple[float, str]], list[bytes]]:
    """Return the texts that were recognized, each with the number of its event, and the other events."""
    return _separated([Event(float(number), "", data) for number, data in enumerate(datas)], found)


def blocks(datas: list[bytes]) -> EventBatch:
    """Return events as one block, if they can be one, else as a block or an event each."""
    parser = EventParser()
    block = parser.feed_block(b"".join(b"data: %s\n\n" % data for data in datas), 0.0)
    if block is not None and block.datas() == datas:
        return EventBatch([block])
    singles = [(parser.feed_block(b"data: %s\n\n" % data, 0.0), data) for data in datas]
    return EventBatch(
        [block if block and block.datas() == [data] else Event(0.0, "", data) for block, data in singles]
    )


def _separated(batch: Iterable[Event], found: TextEvents) -> tuple[list[tuple[float, str]], list[bytes]]:
    pieces: list[tuple[float, str]] = []
    others: list[bytes] = []
    for item in found.separate(batch):
        if not isinstance(item, Chunk):
            others.append(item.data)
        elif item.pieces is None:
            assert item.received_s is not None
            pieces.append((item.received_s, item.text))
        else:
            assert "".join(item.pieces.texts) == item.text
            pieces += zip(item.pieces.received_s, item.pieces.texts, strict=True)
    return pieces, others


@given(st.lists(st.tuples(st.text(), st.booleans()), max_size=20))
def test_every_text_is_read_as_json_says(given: list[tuple[str, bool]]) -> None:
    """Quotes, backslashes, line breaks and other scripts included; an empty piece is left out."""
    given = [(text.encode("utf-8", "replace").decode(), is_ascii) for text, is_ascii in given]
    datas = [event(text, is_ascii=is_ascii) for text, is_ascii in given]

    expected = [(float(number), text) for number, (text, _) in enumerate(given) if text]
    assert (expected, []) == separated(datas, learned(event(FIRST)))
    texts = [(0.0, text) for text, _ in given if text]
    assert (texts, []) == _separated(blocks(datas), learned(event(FIRST)))


@given(st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=3)), min_size=1, max_size=4))
def test_a_damaged_event_is_never_read_as_another_text(changes: list[tuple[int, bytes]]) -> None:
    """It is parsed as JSON, unless that gives the same text and no other change."""
    whole = event('a "b"')
    datas = [whole[:place] + change + whole[place + len(change) :] for place, change in changes]
    pieces, others = separated(datas, learned(event(FIRST)))
    of_blocks = _separated(blocks(datas), learned(event(FIRST)))

    assert ([text for _, text in pieces], others) == ([text for _, text in of_blocks[0]], of_blocks[1])
    read = {int(place): text for place, text in pieces}
    left = [data for place, data in enumerate(datas) if place not in read]
    assert [data for data in left if data != event("")] == others
    for place, text in read.items():
        assert orjson.loads(event(text)) == orjson.loads(datas[place])


@pytest.mark.parametrize(
    "other",
    [
        event(" more", usage={"prompt_tokens": 1}),
        event(" more", id="c-2"),
        event(" more").replace(b"null", b'"stop"'),
        event(" more").replace(b'"content": "', b'"content": '),
        event(" more").replace(b" more", b'","role": "x'),
        event(" more").replace(b'" more"', b'"'),
        event(" more").replace(b" more", b"\x01"),
        event(" more").replace(b" more", b"\xff"),
        event(" more").replace(b" more", b"\\ud800"),
        b"[DONE]",
    ],
)
def test_another_event_is_passed_on_as_it_is(other: bytes) -> None:
    """What comes before and after it in the batch is recognized."""
    datas = [event("a"), event("b"), other, event("c")]

    assert ([(0.0, "a"), (1.0, "b"), (3.0, "c")], [other]) == separated(datas, learned(event(FIRST)))
    texts = [(0.0, "a"), (0.0, "b"), (0.0, "c")]
    assert (texts, [other]) == _separated(blocks(datas), learned(event(FIRST)))


@pytest.mark.parametrize("first", [event("c-1"), event("content"), event("id")])
def test_a_text_that_is_elsewhere_in_the_event_has_no_form(first: bytes) -> None:
    """The id, or the name of a key, is not the place of the text."""
    assert ([], [event("a")]) == separated([event("a")], learned(first))


def test_events_that_all_differ_are_tried_twice() -> None:
    """OpenAI pads each event with another text; looking for its form again and again would cost more than it saves."""
    found = TextEvents("choices", 0, "delta", "content")
    for number in range(3):
        data = event("a", obfuscation=str(number))
        found.learn(data, orjson.loads(data), "a")

    assert [event("b", obfuscation="2")] == separated([event("b", obfuscation="2")], found)[1]
    assert [(0.0, "b")] == separated([event("b", obfuscation="1")], found)[0]


def test_a_form_that_was_forgotten_is_learned_again() -> None:
    """The reader forgets it when a fact that every event repeats has changed."""
    found = learned(event("a"))
    found.forget()
    assert [event("b")] == separated([event("b")], found)[1]

    found.learn(event("b"), orjson.loads(event("b")), "b")
    assert [(0.0, "c")] == separated([event("c")], found)[0]
