"""Give the requests of a chain their earlier turns and one session, once all files of an import are read."""

from __future__ import annotations

import os
import shutil
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from gapbench.store.table_file import iterate_rows, rewrite_rows
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.record import TrafficRecord
from gapbench.traffic.response_chains import GAP_TEXTS, Gap, ResponseChains

LACKS_TURNS = "earlier turns"
"""What the column ``prompt_lacks`` says of a request whose chain is not whole."""
MAX_PROMPT_BYTES = 16 * 2**20
"""Of a prompt with its earlier turns; more than any model reads."""
_READ = ("messages", "reply", "reply_tool_calls", "image_count", "session_hash", "prompt_lacks")


class FollowedTurns(NamedTuple):
    """What was found of chains.

    Attributes:
        rebuilt: Requests whose prompt has its earlier turns now.
        gaps: Requests with a prompt that lacks them: the reason, how many, and FILE:LINE of the first.
    """

    rebuilt: int
    gaps: list[tuple[str, int, str]]


def add_earlier_turns(
    table: IO[bytes], chains: ResponseChains, hasher: IdentityHasher, *, keep_texts: bool
) -> FollowedTurns:
    """Rewrite a traffic table: its chained requests get the session of their chain and, where it is whole, its turns.

    Args:
        table: The table as it was imported, opened for writing and complete. The new one replaces it.
        chains: The links of all requests.
        hasher: Makes the session of a chain without one.
        keep_texts: Whether the table has texts.

    Raises:
        OSError: There is no room for the texts or for the new table.
    """
    table.flush()
    path = Path(table.name)
    chains.resolve()
    with tempfile.TemporaryFile(dir=path.parent) as spool, tempfile.TemporaryFile(dir=path.parent) as again:
        turns = _Turns(path, chains, spool, keep_texts=keep_texts)
        sessions = _Sessions(chains, turns.sessions, hasher)
        changes = _Changes(chains, turns, sessions, keep_texts=keep_texts)
        rewrite_rows(path, again, TrafficRecord, iter(changes))
        found = FollowedTurns(changes.rebuilt, list(_places(path, changes)))
        again.seek(0)
        table.seek(0)
        table.truncate()
        shutil.copyfileobj(again, table, 2**20)
    return found


def _places(table: Path, changes: _Changes) -> Iterator[tuple[str, int, str]]:
    rows = {row: gap for gap, row in changes.first_rows.items()}
    for row, values in enumerate(iterate_rows(table, ("file", "line")) if rows else ()):
        if row in rows:
            gap = rows[row]
            yield GAP_TEXTS[gap], changes.gaps[gap], f"{values['file']}:{values['line']}"


class _Turns:
    """The texts of the turns of chains, in a file on disk: of each its instructions, its new messages, and its reply."""

    def __init__(self, table: Path, chains: ResponseChains, spool: IO[bytes], *, keep_texts: bool) -> None:
        count = len(chains.rows)
        self.sessions: dict[int, str] = {}
        self.images = array("q", bytes(8 * count))
        self.lacks: dict[int, str] = {}
        self.unreadable: set[int] = set()
        self._places = array("q", bytes(8 * 4 * count))
        self._end = 0
        self._file = spool.fileno()
        waiting = iter(chains.linked())
        turn = next(waiting, None)
        for row, values in enumerate(iterate_rows(table, _READ)):
            if turn is None:
                break
            if row < chains.rows[turn]:
                continue
            if values["session_hash"] is not None:
                self.sessions[turn] = values["session_hash"]
            if values["prompt_lacks"] is not None:
                self.lacks[turn] = values["prompt_lacks"]
            self.images[turn] = values["image_count"] or 0
            if keep_texts and not self._add(turn, values, spool, has_head=chains.has_instructions(turn)):
                chains.forget_texts(turn)
                self.unreadable.add(turn)
            turn = next(waiting, None)
        chains.resolve()
        spool.flush()

    def _add(self, turn: int, values: dict[str, Any], spool: IO[bytes], *, has_head: bool) -> bool:
        """Keep the texts of a turn; return whether its messages could be read."""
        try:
            messages = orjson.loads(values["messages"] or "[]")
            reply = _reply_items(values["reply"], values["reply_tool_calls"])
        except orjson.JSONDecodeError:
            return False
        if not isinstance(messages, list):
            return False
        head, new, answer = (
            orjson.dumps(part)[1:-1] for part in (messages[:has_head], messages[has_head:], reply)
        )
        comma = b"," if new and answer else b""
        sizes = (0, len(head), len(new), len(comma) + len(answer))
        for at, size in enumerate(sizes):
            self._end += size
            self._places[4 * turn + at] = self._end
        spool.write(head + new + comma + answer)
        return True

    def size(self, turn: int) -> int:
        """Return the bytes of a turn's messages and its reply."""
        return self._places[4 * turn + 3] - self._places[4 * turn + 1]

    def instructions(self, turn: int) -> bytes:
        """Return the instructions of a turn as the inside of a JSON list, and so below."""
        return self._read(turn, 0, 1)

    def messages(self, turn: int) -> bytes:
        """Return the new messages of a turn."""
        return self._read(turn, 1, 2)

    def messages_and_reply(self, turn: int) -> bytes:
        """Return the new messages of a turn and its reply."""
        return self._read(turn, 1, 3)

    def _read(self, turn: int, first: int, last: int) -> bytes:
        start, end = self._places[4 * turn + first], self._places[4 * turn + last]
        return os.pread(self._file, end - start, start)


def _reply_items(reply: str | None, calls: str | None) -> list[Any]:
    """Return a reply as the items that the next turn's input would have of it; reasoning stays with the provider."""
    items: list[Any] = []
    if reply:
        content = [{"type": "output_text", "text": reply}]
        items.append({"type": "message", "role": "assistant", "content": content})
    found = orjson.loads(calls or "[]")
    return items + (found if isinstance(found, list) else [found])


class _Sessions:
    """The session of each chained turn: its own, else that of the nearest turn before it, else one of its chain."""

    def __init__(self, chains: ResponseChains, given: dict[int, str], hasher: IdentityHasher) -> None:
        self._chains = chains
        self._given = given
        self._hasher = hasher
        self._of_chain: dict[int, str] = {}
        for turn, session in sorted(given.items()):
            self._of_chain.setdefault(chains.root_of(turn), session)

    def find(self, turn: int) -> str | None:
        """Return the session of a turn."""
        chains, root = self._chains, self._chains.root_of(turn)
        session = self._of_chain.get(root)
        if session is None:
            return self._hasher.hash_session(chains.chain_name(root))
        at: int | None = turn
        while at is not None and at not in self._given and chains.gap_of(at) is not Gap.LOOP:
            at = chains.parent_of(at)
        return session if at is None else self._given.get(at, session)


class _Changes:
    """The rows of chained turns that change, one by one, so that few prompts are in memory."""

    def __init__(
        self, chains: ResponseChains, turns: _Turns, sessions: _Sessions, *, keep_texts: bool
    ) -> None:
        self._chains = chains
        self._turns = turns
        self._sessions = sessions
        self._keep_texts = keep_texts
        self.rebuilt = 0
        self.gaps: Counter[Gap] = Counter()
        self.first_rows: dict[Gap, int] = {}

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for turn in self._chains.linked():
            values: dict[str, Any] = {"session_hash": self._sessions.find(turn)}
            if self._chains.follows(turn) and self._chains.has_prompt(turn) and turn not in self._turns.lacks:
                values |= self._prompt(turn)
            yield self._chains.rows[turn], values

    def _prompt(self, turn: int) -> dict[str, Any]:
        gap = self._chains.gap_of(turn)
        if gap is Gap.NO and turn in self._turns.unreadable:
            gap = Gap.NO_TEXT
        before: list[int] = []
        if gap is Gap.NO:
            at, size = self._chains.parent_of(turn), self._turns.size(turn)
            while at is not None and size <= MAX_PROMPT_BYTES:
                before.append(at)
                size += self._turns.size(at)
                at = self._chains.parent_of(at)
            if size > MAX_PROMPT_BYTES:
                gap = Gap.TOO_LONG
        if gap is not Gap.NO:
            self.gaps[gap] += 1
            self.first_rows.setdefault(gap, self._chains.rows[turn])
            return {"prompt_lacks": LACKS_TURNS}
        if not self._keep_texts:
            return {}
        self.rebuilt += 1
        turns = self._turns
        history = (turns.messages_and_reply(one) for one in reversed(before))
        parts = (turns.instructions(turn), *history, turns.messages(turn))
        images = sum(turns.images[one] for one in [*before, turn])
        text = b"[" + b",".join(part for part in parts if part) + b"]"
        return {"messages": text.decode(), "image_count": images}
