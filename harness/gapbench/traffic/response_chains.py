"""Chains of requests: which request continues which, where the provider keeps the earlier turns and the log has an id.

A request of OpenAI's Responses API with ``previous_response_id`` has only its new input items. The turns before it are the
input and the output of the request that got that id, and so on back. Its ``instructions`` replace theirs
(https://platform.openai.com/docs/guides/conversation-state, read November 2026).
"""

from __future__ import annotations

import base64
import binascii
from array import array
from enum import IntEnum
from hashlib import blake2b
from typing import Any

from gapbench.traffic.draft import Draft

_NONE = -1
_LITELLM = "litellm:"
_ID_KEY = "response_id:"


class Gap(IntEnum):
    """Why the earlier turns of a request are not known; the text of each is in :data:`GAP_TEXTS`."""

    NO = 0
    NOT_HERE = 1
    NO_TEXT = 2
    LOOP = 3
    TOO_LONG = 4


GAP_TEXTS = {
    Gap.NOT_HERE: "follow a response that is not in these files",
    Gap.NO_TEXT: "follow a turn whose whole prompt or reply the log lacks",
    Gap.LOOP: "follow themselves, in a loop of `previous_response_id`",
    Gap.TOO_LONG: "are over 16 MiB with their earlier turns",
}

LACK_TEXTS = {
    "conversation": "belong to a `conversation`, whose earlier turns the provider keeps",
    "stored prompt": "use a `prompt` that the provider keeps",
    "referenced items": "refer to items that the provider keeps",
    "cached content": "use content that the provider keeps in its cache",
    "earlier turns": "lack earlier turns, as their recording or table says",
}
"""Why a prompt is not whole, by the value of the column ``prompt_lacks``."""


class ResponseChains:
    """The links between the requests of an import. A request here is a *turn*, with a number in the order of reading.

    Turns may come in any order, several may follow one, and of two with the same id the one whose texts are known counts.

    Attributes:
        rows: Row of each turn in the table.
        links: How many turns follow another.
    """

    def __init__(self) -> None:
        self.rows = array("q")
        self.links = 0
        self._turn_of: dict[int, int] = {}  # by the hash of its id
        self._own = array("q")  # hash of an id; 0: it has none
        self._previous = array("q")  # as above; 0: it is a first turn
        self._has_prompt = bytearray()
        self._is_known = bytearray()
        self._has_instructions = bytearray()
        self._parents = array("q")
        self._roots = array("q")
        self._gaps = bytearray()

    def add(self, row: int, draft: Draft) -> None:
        """Add a request of the table, if it is a turn of this kind."""
        own, previous = _key(draft.get("response_id")), _key(draft.get("previous_response_id"))
        if not own and not previous:
            return
        turn = len(self.rows)
        self.rows.append(row)
        self.links += previous != 0
        self._own.append(own)
        self._previous.append(previous)
        self._has_instructions.append(bool(draft.get("has_instructions")))
        self._has_prompt.append(bool(draft.get("messages") or draft.get("text_shape")))
        self._is_known.append(_is_whole(draft))
        known = self._turn_of.get(own) if own else None
        if own and (known is None or (self._is_known[turn] and not self._is_known[known])):
            self._turn_of[own] = turn

    def forget_texts(self, turn: int) -> None:
        """Take note that prompt or reply of a turn cannot be read after all; :meth:`resolve` counts it."""
        self._is_known[turn] = False

    def resolve(self) -> None:
        """Follow all links. The methods below need it."""
        count = len(self.rows)
        find = self._turn_of.get
        self._parents = array("q", (find(key, _NONE) if key else _NONE for key in self._previous))
        self._roots = array("q", bytes(8 * count))
        self._gaps = bytearray(count)
        is_done, is_on_path = bytearray(count), bytearray(count)
        for start in range(count):
            path: list[int] = []
            turn = start
            while turn != _NONE and not is_done[turn] and not is_on_path[turn]:
                is_on_path[turn] = True
                path.append(turn)
                turn = self._parents[turn]
            if turn != _NONE and is_on_path[turn]:
                loop = path[path.index(turn) :]
                for one in loop:
                    self._gaps[one], self._roots[one] = Gap.LOOP, min(loop)
                    is_on_path[one], is_done[one] = False, True
                del path[len(path) - len(loop) :]
            for one in reversed(path):
                self._settle(one)
                is_on_path[one], is_done[one] = False, True

    def _settle(self, turn: int) -> None:
        """Set gap and root of a turn whose parent has both."""
        parent = self._parents[turn]
        if parent == _NONE:
            self._roots[turn] = turn
            self._gaps[turn] = Gap.NOT_HERE if self._previous[turn] else Gap.NO
            return
        self._roots[turn] = self._roots[parent]
        self._gaps[turn] = self._gaps[parent] or (Gap.NO if self._is_known[parent] else Gap.NO_TEXT)

    def linked(self) -> list[int]:
        """Return the turns that follow another or are followed, in the order of their rows."""
        is_followed = bytearray(len(self.rows))
        for parent in self._parents:
            if parent != _NONE:
                is_followed[parent] = True
        return [turn for turn, flag in enumerate(is_followed) if flag or self._previous[turn]]

    def follows(self, turn: int) -> bool:
        """Return whether a turn names an earlier one."""
        return self._previous[turn] != 0

    def parent_of(self, turn: int) -> int | None:
        """Return the turn before. None: there is none, or it is not in the log."""
        parent = self._parents[turn]
        return None if parent == _NONE else parent

    def has_prompt(self, turn: int) -> bool:
        """Return whether the log has new messages of a turn, or their shape."""
        return bool(self._has_prompt[turn])

    def gap_of(self, turn: int) -> Gap:
        """Return why the turns before are not known."""
        return Gap(self._gaps[turn])

    def has_instructions(self, turn: int) -> bool:
        """Return whether the first message of a turn is its ``instructions``, which the next turn does not repeat."""
        return bool(self._has_instructions[turn])

    def root_of(self, turn: int) -> int:
        """Return the first turn of the chain that the log has, the same for all branches; of a loop the first of its turns."""
        return self._roots[turn]

    def chain_name(self, root: int) -> str:
        """Return a name for the chain of a first turn, the same in each import: of the id that it follows, else of its own."""
        return f"response {self._previous[root] or self._own[root]:x}"


def _is_whole(draft: Draft) -> bool:
    """Return whether prompt and reply of a turn are known, so that the next one can have them."""
    if draft.get("messages") is None or draft.get("prompt_lacks") is not None:
        return False
    has_reply = draft.get("reply") is not None or draft.get("reply_tool_calls") is not None
    return has_reply or draft.get("finish_reason") == "completed"


def plain_response_id(given: str) -> str:
    """Return the provider's id of a response: LiteLLM packs it in base64, together with names of its own.

    ``litellm/responses/utils.py`` in github.com/BerriAI/litellm (November 2026).
    """
    head, mark, packed = given.partition("resp_")
    if head or not mark:
        return given
    try:
        text = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return given
    inner = text.rpartition(_ID_KEY)[2]
    return inner if text.startswith(_LITELLM) and _ID_KEY in text and inner else given


def _key(response_id: Any) -> int:
    """Return a number for an id; 0: there is none."""
    if not isinstance(response_id, str) or not response_id:
        return 0
    plain = plain_response_id(response_id).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(plain, digest_size=8).digest(), "little", signed=True) or 1


def prompt_lacks(body: dict[str, Any]) -> str | None:
    """Return which part of the prompt the provider adds to a request of the Responses API, besides earlier turns. None: none.

    Not what ``previous_response_id`` stands for: the log may have that.
    """
    if body.get("conversation"):
        return "conversation"
    if isinstance(body.get("prompt"), dict):
        return "stored prompt"
    given = body.get("input")
    items = given if isinstance(given, list) else ()
    if any(isinstance(item, dict) and item.get("type") == "item_reference" for item in items):
        return "referenced items"
    return None
