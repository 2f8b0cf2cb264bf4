"""Solvers of lines of words: the line kept as one text and changed by patterns, in full or with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import count
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
NEXT = str.maketrans("abcdefghijklmnopqrstuvwxyz", "bcdefghijklmnopqrstuvwxyza")
CONDITIONAL = re.compile(r"if (.+?), (.+); otherwise (.+)")
EVERY = {"second": 2, "third": 3}


def change(text: str, place: int, how: Callable[[str], str]) -> str:
    """Change the word at a place, from 1."""
    numbers = count(1)
    return re.sub(r"\w+", lambda m: how(m[0]) if next(numbers) == place else m[0], text)


def word(text: str, place: str | int) -> str:
    found = re.match(rf"(?:\w+ ){{{int(place) - 1}}}(\w+)", text)
    if not found:
        raise AmbiguousError(f"there is no word {place}")
    return found[1]


def is_true(said: str, text: str) -> bool:
    """Say whether a condition holds."""
    if m := re.fullmatch(r"word (\d+) has more letters than word (\d+)", said):
        return len(word(text, m[1])) > len(word(text, m[2]))
    if m := re.fullmatch(r"word (\d+) comes before word (\d+) in the alphabet", said):
        return word(text, m[1]) < word(text, m[2])
    if m := re.fullmatch(r"word (\d+) contains the letter (\w)", said):
        return m[2] in word(text, m[1])
    assert said == "the line has an even number of words", said
    return text.count(" ") % 2 == 1


def follow(said: str, text: str, *, always_then: bool = False) -> str:
    """Return the line after one instruction."""
    said = said[0].lower() + said[1:]
    if m := CONDITIONAL.fullmatch(said):
        return follow(m[2] if always_then or is_true(m[1], text) else m[3], text)
    if m := re.fullmatch(r"swap word (\d+) and word (\d+)", said):
        a, b = word(text, m[1]), word(text, m[2])
        return change(change(text, int(m[1]), lambda _: b), int(m[2]), lambda _: a)
    if said == "reverse the order of the words":
        return re.sub(r"\w+", lambda m: m[0][::-1], text[::-1])
    if m := re.fullmatch(
        r"move the first (?:(\d+) words|word) to the end of the line, in the same order", said
    ):
        return re.sub(rf"((?:\w+ ){{{m[1] or 1}}})(.+)", r"\2 \1", text).strip()
    if m := re.fullmatch(r"move word (\d+) to the front of the line", said):
        return f"{word(text, m[1])} {delete(text, int(m[1]))}"
    if m := re.fullmatch(r"delete word (\d+)", said):
        return delete(text, int(m[1]))
    if m := re.fullmatch(r'insert the word "(\w+)" right after word (\d+)', said):
        return change(text, int(m[2]), lambda w: f"{w} {m[1]}")
    if said == "sort the words alphabetically":
        return " ".join(sorted(text.split()))
    if said.startswith("sort the words by their number of letters, shortest first"):
        return " ".join(w for k in range(1, 40) for w in text.split() if len(w) == k)
    return respell(said, text)


def delete(text: str, place: int) -> str:
    return re.sub(r" +", " ", change(text, place, lambda _: "")).strip()


def respell(said: str, text: str) -> str:
    """Return the line after an instruction that changes letters."""
    if m := re.fullmatch(r"write word (\d+) backwards", said):
        return change(text, int(m[1]), lambda w: w[::-1])
    if m := re.fullmatch(r"exchange the first letters of word (\d+) and word (\d+)", said):
        a, b = word(text, m[1])[0], word(text, m[2])[0]
        return change(change(text, int(m[1]), lambda w: b + w[1:]), int(m[2]), lambda w: a + w[1:])
    if m := re.fullmatch(
        r"replace each letter of word (\d+) by the one after it in the alphabet, and z by a", said
    ):
        return change(text, int(m[1]), lambda w: w.translate(NEXT))
    if m := re.fullmatch(r"add the last letter of word (\d+) to the end of word (\d+)", said):
        last = word(text, m[1])[-1]
        return change(text, int(m[2]), lambda w: w + last)
    if m := re.fullmatch(r"delete the first letter of word (\d+)", said):
        return change(text, int(m[1]), lambda w: w[1:])
    if m := re.fullmatch(r"in every word, replace each letter (\w) by the letter (\w)", said):
        return text.replace(m[1], m[2])
    if m := re.fullmatch(r"in every (\w+) word \(.*\), move the first letter to the end of the word", said):
        for place in range(EVERY[m[1]], text.count(" ") + 2, EVERY[m[1]]):
            text = change(text, place, lambda w: w[1:] + w[0])
        return text
    if said == "write each word that begins with a vowel backwards":
        return re.sub(r"\b[aeiou]\w*", lambda m: m[0][::-1], text)
    if m := re.fullmatch(r"delete the last letter of each word that has more than (\d+) letters", said):
        return re.sub(rf"\b(\w{{{m[1]},}})\w\b", r"\1", text)
    m = re.fullmatch(r"double the last letter of each word that has fewer than (\d+) letters", said)
    assert m, said
    return re.sub(rf"\b(\w{{0,{int(m[1]) - 2}}})(\w)\b", r"\1\2\2", text)


def read(row: Row) -> tuple[str, list[str]]:
    """Return the line and the instructions."""
    first, told, _ = row["question"].split("\n\n")
    lines = told.split("\n")[1:]
    if [line.partition(".")[0] for line in lines] != [str(n) for n in range(1, len(lines) + 1)]:
        raise AmbiguousError("instructions are not numbered one after the other")
    return first.split("\n")[1], [line.partition(". ")[2].rstrip(".") for line in lines]


def solve(row: Row) -> str:
    """Follow every instruction."""
    text, told = read(row)
    for said in told:
        text = follow(said, text)
    return text


def with_instructions(most: int) -> Callable[[Row], str]:
    """Return a reader who keeps the first so many instructions."""

    def answer(row: Row) -> str:
        text, told = read(row)
        for said in told[:most]:
            text = follow(said, text)
        return text

    return answer


def with_slips(one_in: int) -> Callable[[Row], str]:
    """Return a reader who drops one letter in so many instructions."""

    def answer(row: Row) -> str:
        (text, told), r = read(row), Random(row["question"])
        for said in told:
            text = follow(said, text)
            if r.randrange(one_in) == 0:
                text = change(text, r.randint(1, text.count(" ") + 1), lambda w: w[:-1] if len(w) > 1 else w)
        return text

    return answer


def without_branches(row: Row) -> str:
    """Follow every instruction, but take each condition to hold."""
    text, told = read(row)
    for said in told:
        text = follow(said, text, always_then=True)
    return text


def with_words(most: int) -> Callable[[Row], str]:
    """Return a reader whose line has room for so many words; the ones before the last of them are lost."""

    def answer(row: Row) -> str:
        text, told = read(row)
        for said in told:
            try:
                text = follow(said, text)
            except AmbiguousError:
                continue
            words = text.split()
            text = " ".join([*words[: most - 1], words[-1]] if len(words) > most else words)
        return text

    return answer


BOUNDED = {
    "10 instructions": with_instructions(10),
    "90 instructions": with_instructions(90),
    "one slip in 80": with_slips(80),
    "every condition holds": without_branches,
    "9 words": with_words(9),
}
