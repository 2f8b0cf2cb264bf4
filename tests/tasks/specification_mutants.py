"""Faulty readings of a specification, which its hidden tests must find."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.tasks.ladders.coding_specification import Text, make_changes, sentences


def mutants(question: str) -> Iterator[tuple[str, Text]]:
    """Yield faulty readings: a rule or exception left out, two rules exchanged, a number off by one.

    Only what is in force is changed.
    """
    whole = sentences(question)
    make_changes(whole)
    whole.changes = {}
    asked = " ".join(
        [*whole.rules.values(), *(said for _, said in whole.unless), *(item[0] for item in whole.instead)]
    )
    there = [number for number, body in whole.rules.items() if body != "never"]
    for number in there:
        text = copy_of(whole)
        if number != 1 and number not in {item[1] for item in text.instead} | {
            pair[0] for pair in text.unless
        }:
            text.rules[number] = "never"
            yield f"without rule {number}", text
        named = {item[3] for item in whole.instead if item[1] == number}
        body = whole.rules[number]
        for m in re.finditer(r"\b\d+\b(?! was)", body):
            for n in (int(m[0]) + 1, int(m[0]) - 1):
                if {m[0], str(n)} & named or "or a later one" in body or n == 0:
                    continue
                text = copy_of(whole)
                text.rules[number] = f"{body[: m.start()]}{n}{body[m.end() :]}"
                yield f"{n} for {m[0]} in rule {number}", text
    for at, (number, _) in enumerate(whole.unless):
        text = copy_of(whole)
        del text.unless[at]
        yield f"rule {number} always", text
    for at, (moved, before) in enumerate(whole.moves):
        text = copy_of(whole)
        del text.moves[at]
        if f"Rule {moved} was" not in asked and f"Rule {before} was" not in asked:
            yield f"rule {moved} not moved", text
    for term, said in whole.terms.items():
        text = copy_of(whole)
        if edge := re.search(r"(at least|more than|at most|less than) (\d+)", said):
            text.terms[term] = f"{said[: edge.start(2)]}{int(edge[2]) + 1}{said[edge.end(2) :]}"
            yield f"one more in {term}", text


def copy_of(text: Text) -> Text:
    """Return a copy that may be changed."""
    return Text(
        text.function, text.holder, dict(text.terms), list(text.refusals), dict(text.rules),
        list(text.unless), list(text.instead), list(text.moves), dict(text.changes), text.example,
    )  # fmt: skip
