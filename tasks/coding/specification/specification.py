"""A whole specification: definitions, refusals, rules, exceptions, order and changes, as English and as Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from .clauses import CHANGING, SHIFTING, Clause, Drawing, Rule
from .domains import DOMAINS, HOLDERS, TERMS, Domain, called
from .trial import Trial, has_effect, is_balanced

HISTORY_FROM, MOVES_FROM, CHANGES_FROM = 9, 14, 20
"""Numbers of clauses from which a specification has these."""
MOST_TRIES = 12


@dataclass(slots=True)
class Specification:
    """What is to be computed for each record.

    Attributes:
        domain: The subject.
        rules: In the order of their numbers.
        order: Their numbers in the order in which they are applied.
        definitions: Terms with their conditions, so that none needs a later one.
        refusals: Conditions under which a record is refused.
        exceptions: Sentences on rules that are not applied or have another number.
        moves: Sentences on the order.
        changes: Sentences that correct others.
        edges: By field, numbers that conditions compare it with.
    """

    domain: Domain
    rules: list[Rule]
    order: list[int]
    definitions: list[tuple[str, Clause]]
    refusals: list[Clause]
    exceptions: list[str]
    moves: list[str]
    changes: list[str]
    edges: dict[str, set[int]] = field(default_factory=dict)


def shares(clauses: int) -> dict[str, int]:
    """Return how many clauses of each kind make up so many."""
    found = {
        "definitions": 0 if clauses < 4 else max(1, clauses * 15 // 100),
        "exceptions": 0 if clauses < 6 else max(1, clauses * 18 // 100),
        "moves": 0 if clauses < MOVES_FROM else max(1, clauses * 6 // 100),
        "refusals": 0 if clauses < MOVES_FROM else 1 if clauses < 65 else 2,
        "changes": 0 if clauses < CHANGES_FROM else max(1, clauses * 9 // 100),
    }
    return {**found, "rules": clauses - sum(found.values())}


def compose(r: Random, clauses: int) -> Specification:
    """Return a specification of so many clauses."""
    counts = shares(clauses)
    drawing = Drawing(r, r.choice(DOMAINS), clauses >= HISTORY_FROM)
    trial = Trial.of(r, drawing.domain)
    own = Drawing(r, drawing.domain, has_history=False, edges=drawing.edges, used=drawing.used)
    order, moved = draw_order(r, counts["rules"], counts["moves"])
    moves = [f"Rule {one} is applied directly before Rule {other}." for one, other in moved.items()]
    found = Specification(drawing.domain, [], order, [], [], [], moves, [], drawing.edges)
    for term in r.sample(TERMS, counts["definitions"]):
        known, parts = known_terms(found), 2 if clauses > 6 else 1
        clause, _ = balanced(trial, lambda known=known, parts=parts: own.condition(known, (), parts=parts))
        trial.define(term, clause)
        found.definitions.append((term, clause))
    draw_rules(drawing, trial, found, moved, counts["exceptions"])
    found.refusals = [draw_refusal(own, trial, known_terms(found)) for _ in range(counts["refusals"])]
    add_changes(r, found, counts["changes"])
    return found


def draw_refusal(own: Drawing, trial: Trial, terms: list[str]) -> Clause:
    """Return a condition of two parts, which both hold for few cases."""
    for _ in range(MOST_TRIES):
        either = own.condition(terms, (), parts=2)
        clause = Clause(either.text.replace(" or ", " and "), either.code.replace(" or ", " and "))
        if 1 <= sum(trial.holds(clause)) <= len(trial.cases) // 6:
            break
    return clause


def balanced(
    trial: Trial, draw: Callable[[], Clause], among: Sequence[bool] | None = None
) -> tuple[Clause, list[bool]]:
    """Return a condition that holds in some cases and not in others, and where it holds."""
    for _ in range(MOST_TRIES):
        clause = draw()
        holds = trial.holds(clause, among)
        if is_balanced(holds, among):
            break
    return clause, holds


def known_terms(found: Specification) -> list[str]:
    """Return the defined terms."""
    return [name for name, _ in found.definitions]


def draw_order(r: Random, rules: int, moves: int) -> tuple[list[int], dict[int, int]]:
    """Return the order in which rules are applied, and the rules moved with the one that each is moved before."""
    order, moved = list(range(1, rules + 1)), {}
    chosen = r.sample(range(2, rules + 1), 2 * moves)
    for pair in zip(chosen[::2], chosen[1::2], strict=True):
        first, last = max(pair), min(pair)
        order.remove(first)
        order.insert(order.index(last), first)
        moved[first] = last
    return order, moved


def draw_rules(
    drawing: Drawing, trial: Trial, found: Specification, moved: dict[int, int], exceptions: int
) -> None:
    """Draw the rules in the order in which they are applied, and exceptions to some of them.

    A rule asks only for rules before it. A moved rule and the one that it is moved before give another result in the
    other order. Conditions and actions are drawn until they have an effect on the cases of a trial.
    """
    r, d, order = drawing.r, drawing.domain, found.order
    paired = {*moved, *moved.values()}
    free = [number for number in order[1:] if number not in paired]
    carrying = r.choice(free) if drawing.has_history else 0
    excepted = r.sample([number for number in order[1:] if number != carrying], exceptions)
    clauses = len(order) + len(moved) + len(excepted) + len(found.definitions)
    base = r.choice(list(d.numbers))
    size, start, each = r.randint(3, 9), r.randint(20, 120), r.randint(2, 9)
    text = f"start with {{n}}, and add {each} for each full {size} of the {called(base)}"
    code = f'amount = {{n}} + {each} * (p["{base}"] // {size})'
    drawing.edges.setdefault(base, set()).update((size, size * 4))
    rules = {1: Rule(1, None, Clause(text, code), start, start)}
    everywhere = [True] * len(trial.cases)
    trial.apply(1, trial.after(rules[1].action, start, everywhere), everywhere)
    endings = max(0, clauses // 30)
    for place, number in enumerate(order[1:], 1):
        if number == carrying:
            action, _ = drawing.carry_action()
            limit = max(20, sorted(trial.amounts())[2 * len(trial.cases) // 3] // 10 * 10)
            rules[number] = Rule(number, None, action, limit, limit)
            trial.apply(number, trial.after(action, limit, everywhere), everywhere)
            continue
        asked = (
            [one for one in order[max(1, place - 12) : place] if rules[one].condition] if clauses >= 5 else []
        )
        parts = 1 if clauses < 5 or number in paired or r.random() < 0.4 else 2
        condition, where = balanced(
            trial,
            lambda asked=asked, parts=parts: drawing.condition(known_terms(found), asked, parts=parts),
        )
        kinds = CHANGING if number in moved else SHIFTING if number in paired else ()
        for _ in range(MOST_TRIES):
            action, n = (
                drawing.history_action()
                if not kinds and drawing.has_history and r.random() < 0.06
                else drawing.action(kinds)
            )
            after = trial.after(action, n, where)
            if has_effect(trial.amounts(), after, where):
                break
        rule = rules[number] = Rule(number, condition, action, n, n)
        is_rare = " and " in condition.text and " or " not in condition.text
        if endings and is_rare and place > 2 * len(order) // 3 and not action.code.startswith("amount = min"):
            rule.ends, endings = True, endings - 1
        if number in excepted:
            except_rule(drawing, trial, found, rule, where)
        trial.apply(number, after, where)
    found.rules = [rules[number] for number in sorted(rules)]
    r.shuffle(found.exceptions)


def except_rule(drawing: Drawing, trial: Trial, found: Specification, rule: Rule, where: list[bool]) -> None:
    """Add an exception to a rule that would be applied in some cases: not applied, or another number."""
    r = drawing.r
    earlier = [
        number for number in found.order[1 : found.order.index(rule.number)] if number not in (1, rule.number)
    ]
    condition, holds = balanced(
        trial, lambda: drawing.condition(known_terms(found), earlier[-8:], parts=1), among=where
    )
    other = max(1, rule.n + r.choice((-2, -1, 1, 2, 3)) * max(1, rule.n // 5))
    is_named_once = len(re.findall(rf"\b{rule.n}\b", rule.text())) == 1
    if is_named_once and other != rule.n and r.random() < 0.4:
        rule.instead = (condition, other)
        found.exceptions.append(f"If {condition.text}, Rule {rule.number} has {other} in place of {rule.n}.")
        return
    rule.unless.append(condition)
    found.exceptions.append(f"Rule {rule.number} is not applied if {condition.text}.")
    where[:] = [one and not excepted for one, excepted in zip(where, holds, strict=True)]


def add_changes(r: Random, found: Specification, count: int) -> None:
    """Add changes: a number corrected, a rule withdrawn, a change withdrawn."""
    free = [
        rule
        for rule in found.rules[1:]
        if rule.instead is None and not rule.unless and rule.condition is not None
    ]
    asked = {int(n) for text in all_texts(found) for n in re.findall(r"Rule (\d+) was", text)}
    r.shuffle(free)
    pending: list[int] = []
    while len(found.changes) < count:
        number = len(found.changes) + 1
        if pending and r.random() < 0.25:
            found.changes.append(f"Change {pending.pop()} is withdrawn.")
            continue
        rule = free.pop()
        if rule.number not in asked and r.random() < 0.15:
            rule.is_withdrawn = True
            found.changes.append(f"Rule {rule.number} is withdrawn.")
            continue
        said = rule.text()
        others = [n for n in range(max(2, rule.n - 9), rule.n + 10) if not re.search(rf"\b{n}\b", said)]
        if len(re.findall(rf"\b{rule.n}\b", said)) != 1 or not others:
            continue
        printed = r.choice(others)
        if (
            r.random() < 0.2 and number < count
        ):  # corrected by a change that is withdrawn: the text stays in force
            found.changes.append(f"In Rule {rule.number}, read {printed} for {rule.n}.")
            pending.append(number)
            continue
        rule.printed = printed
        found.changes.append(f"In Rule {rule.number}, read {rule.n} for {printed}.")
    for number in pending:  # not withdrawn after all: they are in force
        _, target, now, _, _ = re.split(r"In Rule (\d+), read (\d+) for (\d+)", found.changes[number - 1])
        found.rules[int(target) - 1].n = int(now)


def all_texts(found: Specification) -> list[str]:
    """Return all sentences that may ask for a rule."""
    return [*(rule.text() for rule in found.rules), *found.exceptions]


def render(found: Specification, r: Random) -> str:
    """Return the specification as a text of several sections."""
    d = found.domain
    flags = ", ".join(f'"{name}"' for name in d.flags)
    takes = (
        f"`{d.function}({d.nouns})` takes a list of {d.nouns}, the earliest first, and returns a list with one whole number "
        f"for each {d.noun}, in the same order: its {d.amount}. A {d.noun} is a dictionary with these keys:"
    )
    works = (
        f"The {d.amount} of a {d.noun} starts as 0. The rules of section 4 are applied to it one after another in the order of "
        "their numbers, each at most once, unless a later section says otherwise. A rule whose condition does not hold changes "
        f'nothing and is not applied. "The {d.amount}" in a rule is what the rules before it have left. All results of divisions '
        "and percentages are rounded down to whole numbers, so raising or lowering 33 by 10 % gives 36 or 29. Where subtracting "
        "would leave less than 0, 0 is left."
    )
    lines = [
        "1. Input and result",
        takes,
        f'- "{d.holder}": the name of the {d.holder};',
        '- "day": a whole number, never smaller than that of the one before in the list;',
        *(f'- "{name}": the {called(name)}, a whole number from 0;' for name in d.numbers),
        *(f'- "{name}": one of {", ".join(map(repr, words))};' for name, words in d.choices.items()),
        f'- {flags}: True or False; "it is {d.flags[0]}" means that "{d.flags[0]}" is True.',
        "",
        "2. How rules work",
        works,
    ]
    if any(rule.ends for rule in found.rules):
        lines.append(
            '"Apply no later rule" ends the rules for this one; later means after it in the order of application.'
        )
    if any('h["' in code for code in all_codes(found)):
        lines.append(
            f"An earlier {d.noun} is one of the same {d.holder} that stands before this one in the list and was not refused. "
            f"Its {d.amount} is what the list of results has for it. What is carried over is 0 at the beginning."
        )
    if found.definitions or found.refusals:
        said = [f"A {d.noun} counts as {term} if {clause.text}." for term, clause in found.definitions]
        said += [f"A {d.noun} is refused if {clause.text}." for clause in found.refusals]
        r.shuffle(said)
        lines += ["", "3. Words", *said]
        if found.refusals:
            lines.append(f"No rule is applied to a refused {d.noun}; its result is -1.")
    lines += ["", "4. Rules", *(rule.text() for rule in found.rules)]
    sections = [("Exceptions", found.exceptions), ("Order", found.moves)]
    for number, (title, sentences) in enumerate((pair for pair in sections if pair[1]), 5):
        lines += ["", f"{number}. {title}", *sentences]
    if found.changes:
        said = [f"Change {number}. {text}" for number, text in enumerate(found.changes, 1)]
        lines += [
            "",
            "Changes",
            "The sections above are printed as they were before these changes. A change that is withdrawn has no effect.",
            *said,
        ]
    return "\n".join(lines) + "\n"


def all_codes(found: Specification) -> list[str]:
    """Return the Python of all rules and exceptions."""
    return [
        code
        for rule in found.rules
        for code in (
            rule.action.code,
            rule.condition.code if rule.condition else "",
            *(clause.code for clause in rule.unless),
            rule.instead[0].code if rule.instead else "",
        )
    ]


__all__ = ["HOLDERS", "Specification", "compose", "render"]
