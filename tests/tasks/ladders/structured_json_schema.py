"""Solvers of orders and mails: each value looked up backward through the mails, and bounded clerks who go forward."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import jsonschema

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
THE = r"the ([a-z]+ [a-z]+)"
FORMS = {
    "set": re.compile(rf"Make it (?P<n>\d+) of {THE} in all\."),
    "more": re.compile(rf"Add (?P<n>\d+) of {THE} to what we have ordered so far\."),
    "fewer": re.compile(rf"We need (?P<n>\d+) fewer of {THE} than ordered so far\."),
    "drop": re.compile(rf"Leave out {THE}\."),
    "price": re.compile(r"The ([a-z]+ [a-z]+) now costs (?P<n>\d+) euros apiece\."),
    "branch": re.compile(rf"Send {THE} to (?P<branch>\w+)\."),
    "swap": re.compile(rf"We mixed up two quantities: swap that of {THE} and that of {THE}\."),
    "copy": re.compile(rf"We want as many of {THE} as we now have of {THE}\."),
}


class Mail:
    """A mail that changes the order: its kind, the items that it names, and its number or branch."""

    def __init__(self, text: str) -> None:
        for kind, form in FORMS.items():
            match = form.fullmatch(text)
            if match:
                named = match.groupdict()
                self.kind, self.number, self.branch = kind, int(named.get("n") or 0), named.get("branch")
                self.items = [part for part in match.groups() if part and " " in part]
                return
        raise AmbiguousError(f"{text!r} says nothing that can be read")


def read(row: Row) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[Mail], str, dict[str, Any]]:
    """Return the head, the first lines by item, the mails after it, the rules and the schema."""
    text, rules, schema = row["question"].split("\n\n")
    first, *others = [line.partition(": ")[2] for line in text.split("\n")]
    match = re.fullmatch(r"([A-Z]\w+ [A-Z]\w+) orders on (\d+ \w+ \d{4}): (.*)\.", first)
    assert match, first
    day = datetime.strptime(match[2], "%d %B %Y").date()  # noqa: DTZ007 - a day has no zone
    lines = {}
    for said in match[3].split("; "):
        line = re.fullmatch(r"(\d+) of the (\w+ \w+)(?: at (\d+) euros apiece)?(?: for (\w+))?", said)
        assert line, said
        if line[2] in lines:
            raise AmbiguousError(f"{line[2]} is ordered twice")
        lines[line[2]] = {"quantity": int(line[1]), "price": int(line[3] or 0), "branch": line[4]}
    head = {"customer": match[1], "date": day.isoformat()}
    return head, lines, [Mail(said) for said in others], rules, json.loads(schema.partition("\n")[2])


def fill(
    head: Mapping[str, Any], lines: Mapping[str, Mapping[str, Any]], rules: str, schema: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON for the lines as they are in the end."""
    discount = re.search(r"A line of (\d+) pieces or more, after all changes, costs (\d+) % less", rules)
    keys = schema["properties"]["lines"]["items"]["required"]
    made, places = [], schema["properties"].get("branches", {}).get("required", [])
    for item in sorted(lines):
        line = lines[item]
        if line["quantity"] > 0:
            cents = line["quantity"] * line["price"] * 100
            if discount and line["quantity"] >= int(discount[1]):
                cents -= cents * int(discount[2]) // 100
            entry = {"item": item, "price_euros": line["price"], "cents": cents, **line}
            made.append({key: entry[key] for key in keys})
    found = {
        **head,
        "lines": made,
        "branches": {
            place: {
                "pieces": sum(line["quantity"] for line in made if line.get("branch") == place),
                "cents": sum(line["cents"] for line in made if line.get("branch") == place),
            }
            for place in places
        },
        "total_cents": sum(line.get("cents", 0) for line in made),
    }
    return {key: found[key] for key in schema["required"]}


def solve(row: Row) -> str:
    """Look up each value by going back to the last mail that set it."""
    head, lines, mails, rules, schema = read(row)

    @cache
    def quantity(item: str, before: int) -> int:
        for at in range(before - 1, -1, -1):
            mail = mails[at]
            if item not in mail.items or mail.kind in {"price", "branch"}:
                continue
            if mail.kind in {"set", "drop"}:
                return mail.number
            if mail.kind in {"more", "fewer"}:
                return quantity(item, at) + mail.number * (1 if mail.kind == "more" else -1)
            if mail.kind == "swap":
                return quantity(mail.items[mail.items[0] == item], at)
            if mail.items[0] == item:
                return quantity(mail.items[1], at)
        return int(lines[item]["quantity"])

    def last(item: str, kind: str) -> Mail | None:
        return next((mail for mail in reversed(mails) if mail.kind == kind and mail.items == [item]), None)

    ends = {}
    for item, line in lines.items():
        price, branch = last(item, "price"), last(item, "branch")
        ends[item] = {
            "quantity": quantity(item, len(mails)),
            "price": price.number if price else line["price"],
            "branch": branch.branch if branch else line["branch"],
        }
    found = fill(head, ends, rules, schema)
    if not jsonschema.Draft202012Validator(row["schema"]).is_valid(found):
        raise AmbiguousError("the schema does not allow the answer")
    return json.dumps(found)


def is_right(row: Row, answer: str | None) -> bool:
    """Return whether JSON has the same values."""
    return answer is not None and bool(json.loads(answer) == json.loads(row["answer"]))


def clerk(
    *,
    mails_read: int = 10**6,
    items_kept: int = 10**6,
    values: int = 10**6,
    one_in: int = 0,
    takes_over: bool = True,
) -> Callable[[Row], str | None]:
    """Return a clerk who changes the order mail by mail.

    Args:
        mails_read: Stops after so many.
        items_kept: Knows so many items by heart; a mail about another is set aside.
        values: Gives up when more values are wanted.
        one_in: One number in so many is off by one. 0: none.
        takes_over: Understands mails that refer to the number of another item.
    """

    def answer(row: Row) -> str | None:
        head, lines, mails, rules, schema = read(row)
        r = Random(row["question"])
        known = set(list(lines)[:items_kept])
        for mail in mails[:mails_read]:
            line = lines[mail.items[0]]
            if not known.issuperset(mail.items):
                continue
            if mail.kind == "branch":
                line["branch"] = mail.branch
            elif mail.kind == "price":
                line["price"] = mail.number
            elif mail.kind in {"set", "drop"}:
                line["quantity"] = mail.number
            elif mail.kind in {"more", "fewer"}:
                line["quantity"] += mail.number * (1 if mail.kind == "more" else -1)
            elif takes_over:
                other = lines[mail.items[1]]
                mine, its = line["quantity"], other["quantity"]
                line["quantity"], other["quantity"] = its, mine if mail.kind == "swap" else its
            line["quantity"] += int(one_in > 0 and r.randrange(one_in) == 0)
        found = fill(head, lines, rules, schema)
        text = json.dumps(found)
        if one_in:
            text = re.sub(r"\b(\d+)\b(?=[,}])", lambda m: str(int(m[1]) + (r.randrange(one_in) == 0)), text)
        return text if text.count(":") <= values else None

    return answer


BOUNDED = {
    "reads 20 mails": clerk(mails_read=20),
    "knows 18 items by heart": clerk(items_kept=18),
    "gives 160 values": clerk(values=160),
    "one slip in 120": clerk(one_in=120),
    "does not look at other lines": clerk(takes_over=False),
}
