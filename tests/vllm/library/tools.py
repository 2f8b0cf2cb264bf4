"""The tools of a library's desk, over a JSON state. Runs in the sandbox: standard library only."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]


def find_member(state: State, *, name: str) -> State:
    """Return the number of a member."""
    for member_id, member in state["members"].items():
        if member["name"] == name:
            return {"member_id": member_id}
    raise ValueError(f"no member {name}")


def find_book(state: State, *, title: str) -> State:
    """Return the number of a book, and how many copies are free."""
    for book_id, book in state["books"].items():
        if book["title"] == title:
            return {"book_id": book_id, "free": book["free"]}
    raise ValueError(f"no book {title}")


def lend_book(state: State, *, member_id: str, book_id: str) -> State:
    """Lend a free copy to a member."""
    book = _book(state, member_id, book_id)
    if book["free"] == 0:
        raise ValueError(f"no copy of {book_id} is free")
    book["free"] -= 1
    state["loans"].append([member_id, book_id])
    return {"lent": book_id}


def reserve_book(state: State, *, member_id: str, book_id: str) -> State:
    """Put a member on the waiting list of a book."""
    if _book(state, member_id, book_id)["free"] > 0:
        raise ValueError(f"a copy of {book_id} is free")
    state["reservations"].append([member_id, book_id])
    return {"reserved": book_id}


def send_note(state: State, *, member_id: str, text: str) -> str:
    """Write to a member."""
    if member_id not in state["members"]:
        raise ValueError(f"no member {member_id}")
    state["notes"].append([member_id, text])
    return "sent"


def _book(state: State, member_id: str, book_id: str) -> State:
    if member_id not in state["members"]:
        raise ValueError(f"no member {member_id}")
    if book_id not in state["books"]:
        raise ValueError(f"no book {book_id}")
    book: State = state["books"][book_id]
    return book
