"""Reads a specification sentence by sentence and does what it says, whole or with bounds.

An answer is a function; it is right when it passes the hidden tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Records = list[dict[str, Any]]
Function = Callable[[Records], list[int]]
TESTS: dict[str, Callable[[int, int], bool]] = {
    "more than": lambda a, b: a > b,
    "at least": lambda a, b: a >= b,
    "less than": lambda a, b: a < b,
    "at most": lambda a, b: a <= b,
}
COMPARED = r"(more than|at least|less than|at most) (\d+)"


@dataclass
class Earlier:
    """What is known of one holder: the earlier records that were not refused, with their amounts."""

    records: list[dict[str, Any]] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    carried: int = 0


@dataclass
class Case:
    """One record while the rules are applied to it."""

    record: dict[str, Any]
    earlier: Earlier
    amount: int = 0
    applied: set[int] = field(default_factory=set)


Condition = Callable[[Case], bool]
Action = Callable[[Case], None]


@dataclass
class Text:
    """The sentences of a specification by kind."""

    function: str = ""
    holder: str = ""
    terms: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    rules: dict[int, str] = field(default_factory=dict)
    unless: list[tuple[int, str]] = field(default_factory=list)
    instead: list[tuple[str, int, str, str]] = field(default_factory=list)
    moves: list[tuple[int, int]] = field(default_factory=list)
    changes: dict[int, str] = field(default_factory=dict)
    example: str = ""


def sentences(question: str) -> Text:
    """Return the sentences of a specification."""
    text = Text()
    specification, _, text.example = question.partition("\nExample\n")
    for line in specification.splitlines():
        if m := re.match(r"`(\w+)\(\w+\)` takes", line):
            text.function = m[1]
        elif m := re.match(r'- "(\w+)": the name of', line):
            text.holder = m[1]
        elif m := re.fullmatch(r"A \w+ counts as (\w+) if (.*)\.", line):
            if m[1] in text.terms:
                raise AmbiguousError(f"{m[1]} is defined twice")
            text.terms[m[1]] = m[2]
        elif m := re.fullmatch(r"A \w+ is refused if (.*)\.", line):
            text.refusals.append(m[1])
        elif m := re.fullmatch(r"Rule (\d+)\. (.*)\.", line):
            text.rules[int(m[1])] = m[2]
        elif m := re.fullmatch(r"Rule (\d+) is not applied if (.*)\.", line):
            text.unless.append((int(m[1]), m[2]))
        elif m := re.fullmatch(r"If (.*), Rule (\d+) has (\d+) in place of (\d+)\.", line):
            text.instead.append((m[1], int(m[2]), m[3], m[4]))
        elif m := re.fullmatch(r"Rule (\d+) is applied directly before Rule (\d+)\.", line):
            text.moves.append((int(m[1]), int(m[2])))
        elif m := re.fullmatch(r"Change (\d+)\. (.*)", line):
            text.changes[int(m[1])] = m[2]
        elif re.match(r"(Rule|Change|If|A \w+ (counts|is refused))\b", line):
            raise AmbiguousError(f"cannot be read: {line}")
    return text


def replaced(body: str, old: str, new: str) -> str:
    """Return a rule with the one place of a number replaced."""
    if len(re.findall(rf"\b{old}\b", body)) != 1:
        raise AmbiguousError(f"{old} is not there once: {body}")
    return re.sub(rf"\b{old}\b", new, body)


def make_changes(text: Text) -> None:
    """Correct the rules as the changes say."""
    void = {
        int(m[1])
        for said in text.changes.values()
        if (m := re.fullmatch(r"Change (\d+) is withdrawn\.", said))
    }
    for number, said in text.changes.items():
        if number in void or said.startswith("Change"):
            continue
        if m := re.fullmatch(r"Rule (\d+) is withdrawn\.", said):
            text.rules[int(m[1])] = "never"
        elif m := re.fullmatch(r"In Rule (\d+), read (\d+) for (\d+)\.", said):
            text.rules[int(m[1])] = replaced(text.rules[int(m[1])], m[3], m[2])
        else:
            raise AmbiguousError(f"cannot be read: {said}")


def atom(said: str, terms: Mapping[str, Condition]) -> Condition | None:
    """Return a condition without "and" or "or". None: it is not one."""
    if m := re.fullmatch(rf"the (?:number of )?(\w+) is {COMPARED}", said):
        name, test, edge = m[1], TESTS[m[2]], int(m[3])
        return lambda c: test(c.record[name], edge)
    if m := re.fullmatch(rf"the \w+ so far is {COMPARED}", said):
        test, edge = TESTS[m[1]], int(m[2])
        return lambda c: test(c.amount, edge)
    if m := re.fullmatch(r"the (\w+) is one of \((\w+), (\w+)\)", said):
        name, words = m[1], {m[2], m[3]}
        return lambda c: c.record[name] in words
    if m := re.fullmatch(r"the (\w+) is (not )?(\w+)", said):
        name, negative, word = m[1], bool(m[2]), m[3]
        return lambda c: (c.record[name] == word) != negative
    if m := re.fullmatch(r"it is (not )?(\w+)", said):
        negative, name = bool(m[1]), m[2]
        return lambda c: c.record[name] is not negative
    if m := re.fullmatch(r"it (counts|does not count) as (\w+)", said):
        negative, term = m[1] != "counts", m[2]
        return lambda c: terms[term](c) != negative
    if m := re.fullmatch(r"Rule (\d+) (was|was not) applied", said):
        number, negative = int(m[1]), m[2] == "was not"
        return lambda c: (number in c.applied) != negative
    return history_atom(said)


def history_atom(said: str) -> Condition | None:
    """Return a condition on earlier records. None: it is not one."""
    if m := re.fullmatch(r"the \w+ has at least (\d+) earlier \w+", said):
        count = int(m[1])
        return lambda c: len(c.earlier.records) >= count
    if m := re.fullmatch(
        r"the number of earlier \w+ of the \w+ is (\d+), (\d+), (\d+) or a later one in steps of (\d+)", said
    ):
        first, second, third, step = map(int, m.groups())
        assert (second - first, third - second) == (step, step)
        return lambda c: len(c.earlier.records) >= first and (len(c.earlier.records) - first) % step == 0
    if m := re.fullmatch(r"the latest earlier \w+ of the \w+ was at most (\d+) days before", said):
        days = int(m[1])
        return lambda c: bool(c.earlier.records) and c.record["day"] - c.earlier.records[-1]["day"] <= days
    if m := re.fullmatch(r"the \w+ of the earlier \w+ of the \w+ add up to at least (\d+)", said):
        total = int(m[1])
        return lambda c: sum(c.earlier.amounts) >= total
    return None  # fmt: skip


def condition(said: str, terms: Mapping[str, Condition]) -> Condition:
    """Return a condition of one or two parts."""
    found = [] if (whole := atom(said, terms)) is None else [whole]
    for m in re.finditer(r" (and|or) ", said):
        one, other = atom(said[: m.start()], terms), atom(said[m.end() :], terms)
        if one is not None and other is not None:
            found.append(both(one, other) if m[1] == "and" else either(one, other))
    if len(found) != 1:
        raise AmbiguousError(f"{len(found)} readings: {said}")
    return found[0]


def both(one: Condition, other: Condition) -> Condition:
    """Return that both hold."""
    return lambda c: one(c) and other(c)


def either(one: Condition, other: Condition) -> Condition:
    """Return that one of them holds, or both."""
    return lambda c: one(c) or other(c)


def new_amount(how: Callable[[Case], int]) -> Action:
    """Return an action that sets the amount."""

    def act(c: Case) -> None:
        c.amount = how(c)

    return act


def action(said: str) -> Action | None:
    """Return an action. None: it is not one."""
    said = said[0].lower() + said[1:]
    if m := re.fullmatch(
        r"start with (\d+), and add (\d+) for each full (\d+) of the (?:number of )?(\w+)", said
    ):
        start, each, size, name = int(m[1]), int(m[2]), int(m[3]), m[4]
        return new_amount(lambda c: start + each * (c.record[name] // size))
    if m := re.fullmatch(r"add (\d+) for each full (\d+) of the (?:number of )?(\w+)", said):
        each, size, name = int(m[1]), int(m[2]), m[3]
        return new_amount(lambda c: c.amount + each * (c.record[name] // size))
    if m := re.fullmatch(r"add (\d+) times the part of the (?:number of )?(\w+) above (\d+)", said):
        each, name, edge = int(m[1]), m[2], int(m[3])
        return new_amount(lambda c: c.amount + each * (c.record[name] - edge if c.record[name] > edge else 0))
    if m := re.fullmatch(r"(add|subtract) (\d+) (?:to|from) the \w+", said):
        step = int(m[2]) if m[1] == "add" else -int(m[2])
        return new_amount(lambda c: max(c.amount + step, 0))
    if m := re.fullmatch(r"(raise|lower) the \w+ by (\d+) %", said):
        percent = int(m[2]) if m[1] == "raise" else -int(m[2])
        return new_amount(lambda c: (100 * c.amount + percent * c.amount) // 100)
    if m := re.fullmatch(r"set the \w+ to (at least|at most) (\d+)", said):
        limit, pick = int(m[2]), max if m[1] == "at least" else min
        return new_amount(lambda c: pick(c.amount, limit))
    if m := re.fullmatch(
        r"add (\d+) % of the \w+ of the latest earlier \w+ of the \w+ \(nothing if there is none\)", said
    ):
        percent = int(m[1])
        return new_amount(lambda c: c.amount + sum(c.earlier.amounts[-1:]) * percent // 100)
    if m := re.match(
        r"add what is carried over for the \w+ to the \w+; then, if the \w+ is more than (\d+), carry", said
    ):
        return carry(int(m[1]))
    return None  # fmt: skip


def carry(limit: int) -> Action:
    """Return the action that carries the part above a limit over."""

    def act(c: Case) -> None:
        total = c.amount + c.earlier.carried
        c.amount = min(total, limit)
        c.earlier.carried = total - c.amount

    return act


@dataclass
class Rule:
    """One rule, ready to be applied."""

    number: int
    conditions: list[Condition]
    act: Action
    ends: bool
    other: tuple[Condition, Action] | None = None


def rule_of(number: int, body: str, terms: Mapping[str, Condition]) -> Rule:
    """Return a rule from its text."""
    plain = body.removesuffix(" and apply no later rule")
    ends = plain != body
    readings = [Rule(number, [], act, ends) for act in [action(plain)] if act is not None]
    if plain.startswith("If "):
        for m in re.finditer(", ", plain):
            act = action(plain[m.end() :])
            if act is not None:
                readings.append(Rule(number, [condition(plain[3 : m.start()], terms)], act, ends))
    if len(readings) != 1:
        raise AmbiguousError(f"{len(readings)} readings: {body}")
    return readings[0]


def read_terms(text: Text) -> dict[str, Condition]:
    """Return the defined terms; each may ask for others, in any order of the text."""
    terms: dict[str, Condition] = {}
    for term, said in text.terms.items():
        terms[term] = condition(said, terms)
    for term in text.terms:
        depth, waiting = 0, {term}
        while waiting:
            depth += 1
            if depth > len(terms):
                raise AmbiguousError(f"{term} is defined by itself")
            waiting = {name for one in waiting for name in re.findall(r"as (\w+)", text.terms[one])}
    return terms


def function_of(text: Text) -> Function:
    """Return what the sentences describe, as a function."""
    make_changes(text)
    terms = read_terms(text)
    refusals = [condition(said, terms) for said in text.refusals]
    rules = {number: rule_of(number, body, terms) for number, body in text.rules.items() if body != "never"}
    for said, number, new, old in text.instead:
        act = rule_of(number, replaced(text.rules[number], old, new), terms).act
        rules[number].other = (condition(said, terms), act)
    for number, said in text.unless:
        refuses = condition(said, terms)
        rules[number].conditions.append(lambda c, refuses=refuses: not refuses(c))  # type: ignore[misc]
    order = list(text.rules)
    for moved, before in text.moves:
        order.remove(moved)
        order.insert(order.index(before), moved)
    if any(order.index(before) != order.index(moved) + 1 for moved, before in text.moves):
        raise AmbiguousError("the sentences on the order do not all hold")
    applied = [rules[number] for number in order if number in rules]

    def function(records: Records) -> list[int]:
        holders: dict[str, Earlier] = {}
        results = []
        for record in records:
            earlier = holders.setdefault(record[text.holder], Earlier())
            case = Case(record, earlier)
            if any(refuses(case) for refuses in refusals):
                results.append(-1)
                continue
            apply_rules(applied, case)
            results.append(case.amount)
            earlier.records.append(record)
            earlier.amounts.append(case.amount)
        return results

    return function


def apply_rules(rules: list[Rule], case: Case) -> None:
    """Apply rules one after another."""
    for rule in rules:
        act = rule.other[1] if rule.other and rule.other[0](case) else rule.act
        if all(holds(case) for holds in rule.conditions):
            act(case)
            case.applied.add(rule.number)
            if rule.ends:
                return


def is_right(row: Mapping[str, Any], answer: Function | None) -> bool:
    """Say whether a function passes the hidden tests."""
    if answer is None:
        return False
    try:
        exec(row["test"], {"candidate": answer})
    except AssertionError:
        return False
    return True


def solve(row: Mapping[str, Any]) -> Function:
    """Return the function that the text describes; the example of the text must hold."""
    text = sentences(row["question"])
    function = function_of(text)
    call, _, wanted = text.example.rpartition(" returns ")
    if eval(call, {text.function: function}) != eval(wanted):
        raise AmbiguousError("the example does not hold")
    return function


def reader(overlook: Callable[[Text], None]) -> Callable[[Mapping[str, Any]], Function]:
    """Return a reader who overlooks something."""

    def answer(row: Mapping[str, Any]) -> Function:
        text = sentences(row["question"])
        overlook(text)
        return function_of(text)

    return answer


def overlook_exceptions(text: Text) -> None:
    """Read no section on exceptions."""
    text.unless, text.instead = [], []


def overlook_order(text: Text) -> None:
    """Read no section on the order."""
    text.moves = []


def overlook_changes(text: Text) -> None:
    """Read no changes."""
    text.changes = {}


def overlook_later_rules(text: Text) -> None:
    """Read the first 25 rules."""
    for number in [number for number in text.rules if number > 25]:
        text.rules[number] = "never"
    text.changes = {at: said for at, said in text.changes.items() if not touches_later(said)}
    text.unless = [pair for pair in text.unless if pair[0] <= 25]
    text.instead = [item for item in text.instead if item[1] <= 25]


def touches_later(said: str) -> bool:
    """Say whether a change corrects a rule after the first 25."""
    m = re.match(r"In Rule (\d+)", said)
    return m is not None and int(m[1]) > 25


def without_memory(row: Mapping[str, Any]) -> Function:
    """Return the function of one who treats each record as if it were the first."""
    function = function_of(sentences(row["question"]))
    return lambda records: [function([record])[0] for record in records]


BOUNDED = {
    "no exceptions": reader(overlook_exceptions),
    "each record alone": without_memory,
    "the order of numbers": reader(overlook_order),
    "no changes": reader(overlook_changes),
    "the first 25 rules": reader(overlook_later_rules),
}
