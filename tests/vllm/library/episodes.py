"""Episodes of the library's desk: requests, states, and what the desk does. Seeded; the standard library only.

A desk looks up the member and the books in one reply with several calls, lends what is free and reserves what is not,
writes to the member, and says what it did. A member who is not there ends it with one sentence.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent
SYSTEM = "You work at the desk of a library."
THANKS = "Thank you."
MEMBERS = {"m1": "Ada", "m2": "Ben", "m3": "Chloe", "m4": "Elif", "m5": "Hugo", "m6": "Nora"}
BOOKS = {
    "b1": "Amber Bridge",
    "b2": "Blue Lamp",
    "b3": "Cold River",
    "b4": "Golden Moon",
    "b5": "Last Letter",
    "b6": "Old Harbour",
    "b7": "Red Door",
    "b8": "White Garden",
}
HELD_OUT = frozenset(random.Random(20261129).sample(list(permutations(BOOKS.values(), 2)), 12))
"""Pairs of books that are never asked for in training."""
REQUESTS = (
    "{name} wants {books}.",
    "Please get {books} for {name}.",
    "Hello, this is {name}. I would like {books}.",
)


@dataclass(frozen=True)
class Play:
    """One episode that the desk played.

    Attributes:
        request: What the user asks.
        state: The state at the start.
        turns: The desk's turns, as ``reference_turns`` of a task has them.
        messages: The whole conversation in the form of Chat Completions.
        expected: The state at the end.
    """

    request: str
    state: dict[str, Any]
    turns: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    expected: dict[str, Any]


def draw_episode(
    draw: random.Random, *, test: bool, frees: Sequence[bool] | None = None, known: bool = True
) -> Play:
    """Return one episode.

    Args:
        draw: The random numbers.
        test: Whether two books are one of the pairs that were kept from training.
        frees: For each book that is asked for, whether a copy is free. None: one or two, drawn.
        known: Whether the member is there.
    """
    if frees is None:
        frees = [draw.random() < 0.5 for _ in range(draw.choice((1, 2, 2)))]
    pairs = [pair for pair in permutations(BOOKS.values(), 2) if (pair in HELD_OUT) == test]
    titles = draw.choice(pairs)[: len(frees)]
    wanted = dict(zip(titles, frees, strict=True))
    copies = {
        title: draw.randint(1, 9) if wanted.get(title, draw.random() < 0.5) else 0 for title in BOOKS.values()
    }
    name = draw.choice(list(MEMBERS.values()))
    state = {
        "members": {key: {"name": member} for key, member in MEMBERS.items() if known or member != name},
        "books": {key: {"title": title, "free": copies[title]} for key, title in BOOKS.items()},
        "loans": [],
        "reservations": [],
        "notes": [],
    }
    request = draw.choice(REQUESTS).format(name=name, books=" and ".join(titles))
    return play(request, state, name, titles)


def play(request: str, state: dict[str, Any], name: str, titles: Sequence[str]) -> Play:
    """Return what the desk does, played with the real tools."""
    played = Play(request, copy.deepcopy(state), [], [said("system", SYSTEM), said("user", request)], state)
    found = _call(
        played, ("find_member", {"name": name}), *(("find_book", {"title": title}) for title in titles)
    )
    if "member_id" not in found[0]:
        _say(played, f"There is no member {name}.")
    else:
        member = json.loads(found[0])["member_id"]
        books = [json.loads(result) for result in found[1:]]
        _call(
            played,
            *(
                (
                    "lend_book" if book["free"] else "reserve_book",
                    {"member_id": member, "book_id": book["book_id"]},
                )
                for book in books
            ),
        )
        done = ", ".join(
            f"{title} is {'lent' if book['free'] else 'reserved'}"
            for title, book in zip(titles, books, strict=True)
        )
        _call(played, ("send_note", {"member_id": member, "text": done}))
        _say(played, f"Done: {done}.")
    played.messages.append(said("user", THANKS))
    _say(played, "You are welcome.")
    return played


def load_tools() -> ModuleType:
    """Return the tools as a module of this process."""
    spec = importlib.util.spec_from_file_location("library_tools", FOLDER / "tools.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOLS = load_tools()


def run_tool(state: dict[str, Any], name: str, arguments: Mapping[str, Any]) -> str:
    """Return what a model is told after a call."""
    try:
        value = getattr(TOOLS, name)(state, **arguments)
    except ValueError as exc:
        return f"ValueError: {exc}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def said(role: str, text: str) -> dict[str, Any]:
    """Return a message with a text."""
    return {"role": role, "content": text}


def _say(played: Play, text: str) -> None:
    played.turns.append({"text": text})
    played.messages.append(said("assistant", text))


def _call(played: Play, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    functions = [{"name": name, "arguments": arguments} for name, arguments in calls]
    played.turns.append({"tool_calls": functions})
    called = [{"type": "function", "function": function} for function in functions]
    played.messages.append({"role": "assistant", "content": None, "tool_calls": called})
    results = [run_tool(played.expected, name, arguments) for name, arguments in calls]
    played.messages.extend(said("tool", result) for result in results)
    return results


def declared_tools() -> list[dict[str, Any]]:
    """Return the tools as Chat Completions declares them; the names and parameters are those of task.yaml."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": {
                    "type": "object",
                    "properties": {key: {"type": "string"} for key in parameters},
                },
            },
        }
        for name, parameters in (
            ("find_member", ("name",)),
            ("find_book", ("title",)),
            ("lend_book", ("member_id", "book_id")),
            ("reserve_book", ("member_id", "book_id")),
            ("send_note", ("member_id", "text")),
        )
    ]
