"""Solvers of texts with hints: the sentences that hold a landmark or a name, searched for, and bounded readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from tasks.reasoning.hints.knowledge import HOMES, WORK
from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
NAME = r"([A-Z][a-z]+ [A-Z][a-z]+)"
LINKS = {
    "employer": (
        rf"{NAME} pays the salary of (?=@)",
        rf"@ has to ask {NAME} for every day off",
        rf"@ signed a contract to be part of the staff of {NAME}",
    ),
    "teacher": (
        rf"@ learns the cello from {NAME}",
        rf"{NAME} explains fractions to (?=@)",
        rf"{NAME} marks the homework of (?=@)",
    ),
    "landlord": (rf"@ sends {NAME} the rent on", rf"The rooms that @ rents belong to {NAME}"),
    "barber": (rf"{NAME} trims the beard and the hair of (?=@)", rf"@ gets a new haircut from {NAME}"),
    "biographer": (
        rf"{NAME} is writing a book about all that (?=@)",
        rf"@ tells {NAME} childhood memories",
    ),
}


def read(row: Row) -> tuple[str, list[str], str]:
    """Return the text, the relations to follow, from the first, and how the first person is told."""
    text, _, question = row["question"].rpartition("\n\n")
    match = re.fullmatch(
        r"Who is ((?:the (?:employer|teacher|landlord|barber|biographer) of )*)the person who (.*)\?",
        question,
    )
    assert match, question
    return text, [link for link in reversed(match[1].replace("the ", "").split(" of ")) if link], match[2]


def hints_of(told: str) -> list[str]:
    """Return the words in the text that mean what the question says."""
    if told.startswith("works as "):
        return [deed for deed, occupation in WORK if occupation == told.removeprefix("works as ")]
    place = told.removeprefix("lives in ")
    return [mark for mark, city, country in HOMES if place in {city, country}]


def sentences_with(text: str, words: str) -> Iterator[str]:
    """Yield the sentences that hold words, in order."""
    at = text.find(words)
    while at >= 0:
        start = max(text.rfind(".", 0, at), text.rfind("\n", 0, at)) + 1
        end = text.find(".", at)
        end = len(text) if end < 0 else end
        yield text[start:end].strip()
        at = text.find(words, end)


def people_at(text: str, hint: str) -> list[str]:
    """Return the people in sentences that hold a hint."""
    return [
        name
        for sentence in sentences_with(text, hint)
        for name in re.findall(NAME, sentence.replace(hint, ""))
    ]


def follow(text: str, link: str, name: str) -> list[str]:
    """Return the people who are so related to someone, by the text."""
    forms = [re.compile(form.replace("@", re.escape(name) + r"\b")) for form in LINKS[link]]
    return [
        found for sentence in sentences_with(text, name) for form in forms for found in form.findall(sentence)
    ]


def solve(row: Row) -> str:
    """Search the whole text for the hint, and then for each name in turn."""
    text, links, told = read(row)
    (hint,) = hints_of(told)
    people = people_at(text, hint)
    for link in links:
        if len(people) != 1:
            raise AmbiguousError(f"{len(people)} people for {told!r}")
        people = follow(text, link, people[0])
    if len(people) != 1:
        raise AmbiguousError(f"{len(people)} people at the end")
    return people[0]


def reader(
    *,
    chars: int = 10**9,
    sentences: int = 10**9,
    links: int = 10**9,
    any_link: bool = False,
    one_pass: bool = False,
) -> Callable[[Row], str | None]:
    """Return a reader with bounds.

    Args:
        chars: Reads so much of the start.
        sentences: Takes in so many sentences, spread over the text by chance.
        links: Follows so many relations, and answers with whom it has then.
        any_link: Takes whoever is first said to have to do with someone for the right one.
        one_pass: Never goes back in the text.
    """

    def answer(row: Row) -> str | None:
        text, asked, told = read(row)
        text = text[:chars]
        parts = re.split(r"(?<=\.)\s", text)
        if sentences < len(parts):
            kept = set(Random(told + parts[0]).sample(range(len(parts)), sentences))
            text = " ".join(part for at, part in enumerate(parts) if at in kept)
        found = [name for hint in hints_of(told) for name in people_at(text, hint)]
        for link in asked[:links]:
            if not found:
                return None
            if one_pass:
                text = text[text.find(found[0]) + len(found[0]) :]
            kinds = LINKS if any_link else (link,)
            found = [other for kind in kinds for other in follow(text, kind, found[0])]
        return found[0] if found else None

    return answer


BOUNDED = {
    "reads 20,000 tokens": reader(chars=80_000),
    "takes in 1,500 sentences": reader(sentences=1500),
    "follows 2 relations": reader(links=2),
    "takes any relation": reader(any_link=True),
    "never goes back": reader(one_pass=True),
}
