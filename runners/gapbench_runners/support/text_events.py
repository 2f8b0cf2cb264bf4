"""Recognize the events that carry only a piece of text, most of every stream, without parsing each of them.

In one reply the JSON of these events differs only in the text. Once one of them has been parsed, what comes before and
after its text is known. An event with the same bytes around a JSON string is read by reading that string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from gapbench.transport import Event, EventBatch, EventBlock
from gapbench.values import Chunk
from gapbench.values.pieces import Pieces

_FIRST_FORMS = 2
_EVENTS_PER_FORM = 16
"""A further form is looked for only after so many events of known ones: some servers change every event."""


class TextEvents:
    """The form of a reply's events with a piece of text, as far as it is known.

    Args:
        place: Keys and positions that lead to the text in the JSON of such an event.
    """

    def __init__(self, *place: str | int) -> None:
        self._place = place
        # What comes before and after the text, its quotes included.
        self._before = self._after = b""
        self._forms_tried = 0
        self._read_count = 0
        self._texts: list[str] = []
        self._received_s: list[float] = []

    def learn(self, data: bytes, body: Any, text: Any) -> None:
        """Remember the form of an event that carries only a piece of text.

        Args:
            data: The event.
            body: Its JSON.
            text: What is at its place; only a text has a form.
        """
        if (
            not isinstance(text, str)
            or self._forms_tried >= _FIRST_FORMS + self._read_count // _EVENTS_PER_FORM
        ):
            return
        self._forms_tried += 1
        self.forget()
        string = orjson.dumps(text)
        before, found, after = data.partition(string)
        if not found:
            return
        # What was found is the text if another string in its place changes the text and nothing else.
        other = orjson.loads(b'%s%sx"%s' % (before, string[:-1], after))
        holder, key = other, self._place[-1]
        for step in self._place[:-1]:
            holder = holder[step]
        if key in holder and holder[key] == f"{text}x":
            holder[key] = text
            if other == body:
                self._before, self._after = before + b'"', b'"' + after

    def forget(self) -> None:
        """Recognize no event until a form has been learned again."""
        self._before = self._after = b""

    def separate(self, batch: Iterable[Event]) -> Iterator[Chunk | Event]:
        """Yield the text of events of the known form, those in a row as one chunk, and every other event as it is.

        Args:
            batch: Events.
        """
        for part in batch.parts if isinstance(batch, EventBatch) else batch:
            if not isinstance(part, EventBlock):
                yield from self._separate([part.data], part.name, part.received_s)
            elif self._before and self._read_block(part):
                continue
            elif (datas := part.datas()) is not None:
                yield from self._separate(datas, "", part.received_s)
            else:
                for event in part.events():
                    yield from self._separate([event.data], event.name, event.received_s)
        if self._texts:
            yield self._take_chunk()

    def _separate(self, datas: Sequence[bytes], name: str, received_s: float) -> Iterator[Chunk | Event]:
        """Keep the text of events of the known form; yield what was kept, and then the event, at every other one."""
        at = 0
        while at < len(datas):
            if self._before:
                at = self._read(datas, at, received_s)
                if at == len(datas):
                    break
            if self._texts:
                yield self._take_chunk()
            yield Event(received_s, name, datas[at])
            at += 1

    def _read_block(self, block: EventBlock) -> bool:
        """Read the texts of a block whose events all have the known form; return whether they have."""
        before, after, text = self._before, self._after, block.text
        start, end = 6 + len(before), -2 - len(after)
        if len(text) < start - end or not (text.startswith(before, 6) and text.endswith(after, 0, -2)):
            return False
        strings = text[start:end].split(b"%s\n\ndata: %s" % (after, before))
        texts = _read_strings(strings)
        if len(texts) < len(strings):
            return False
        self._add(texts, block.received_s)
        return True

    def _read(self, datas: Sequence[bytes], start: int, received_s: float) -> int:
        """Read events of the known form, beginning with number ``start``; return the number of the first other event."""
        before, after = self._before, self._after
        first, last = len(before), -len(after)
        strings: list[bytes] = []
        for data in datas[start:] if start else datas:
            if len(data) < first - last or not (data.startswith(before) and data.endswith(after)):
                break
            strings.append(data[first:last])
        texts = _read_strings(strings)
        self._add(texts, received_s)
        return start + len(texts)

    def _add(self, texts: list[str], received_s: float) -> None:
        self._read_count += len(texts)
        if "" in texts:
            texts = [text for text in texts if text]
        self._texts += texts
        self._received_s += [received_s] * len(texts)

    def _take_chunk(self) -> Chunk:
        """Return the texts that were read as one chunk."""
        texts, received_s = self._texts, self._received_s
        self._texts, self._received_s = [], []
        if len(texts) == 1:
            return Chunk(texts[0], "answer", received_s[0])
        return Chunk("".join(texts), "answer", received_s[0], pieces=Pieces(texts, received_s))


def _read_strings(strings: Sequence[bytes]) -> list[str]:
    """Return the values of JSON strings, given without their quotes. Stops at the first that is not valid JSON."""
    joined = b'","'.join(strings)
    # Without another quote or a backslash, no string can end elsewhere.
    if b"\\" not in joined and joined.count(b'"') == 2 * len(strings) - 2:
        try:
            return list(orjson.loads(b'["%s"]' % joined))
        except orjson.JSONDecodeError:
            pass
    texts: list[str] = []
    for string in strings:
        try:
            texts.append(orjson.loads(b'"%s"' % string))
        except orjson.JSONDecodeError:
            break
    return texts
