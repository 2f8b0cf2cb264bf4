"""A few cases to which rules are applied while they are drawn, so that none is without effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .clauses import Clause
from .domains import Domain

CASES = 24


@dataclass(slots=True)
class Case:
    """One record with what the rules drawn so far make of it.

    Attributes:
        names: What the Python of clauses may use: ``p``, ``h``, ``amount``, ``applied`` and the terms.
    """

    names: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trial:
    """Cases of one subject."""

    cases: list[Case]

    @staticmethod
    def of(r: Random, domain: Domain) -> Trial:
        """Return cases with values from all over the fields, and with some history."""
        cases = []
        for _ in range(CASES):
            count = r.choice((0, 0, 1, 2, 3, 4, 5))
            record = {name: r.randint(0, largest) for name, largest in domain.numbers.items()}
            record |= {name: r.choice(words) for name, words in domain.choices.items()}
            record |= {name: r.random() < 0.5 for name in domain.flags}
            record["day"] = r.randint(10, 30)
            last = r.randint(20, 300) if count else 0
            history = {
                "count": count,
                "sum": last + max(0, count - 1) * r.randint(50, 250),
                "last": last,
                "day": record["day"] - r.choice((0, 1, 2, 4, 7, 9)),
                "carried": r.choice((0, 0, 25, 80)),
            }
            cases.append(Case({"p": record, "h": history, "amount": 0, "applied": set()}))
        return Trial(cases)

    def holds(self, clause: Clause, among: Sequence[bool] | None = None) -> list[bool]:
        """Return for which cases a condition holds, of those in ``among`` or of all."""
        code = compile(clause.code, "condition", "eval")
        asked = among or [True] * len(self.cases)
        return [
            one and bool(eval(code, case.names))  # noqa: S307 - this package's own text
            for one, case in zip(asked, self.cases, strict=True)
        ]

    def define(self, term: str, clause: Clause) -> None:
        """Set a term in all cases."""
        for case, value in zip(self.cases, self.holds(clause), strict=True):
            case.names[f"is_{term}"] = value

    def after(self, action: Clause, n: int, where: Sequence[bool]) -> list[int]:
        """Return the amounts after an action in some cases; nothing is changed."""
        code = compile(action.code.format(n=n), "action", "exec")
        amounts = []
        for case, one in zip(self.cases, where, strict=True):
            names = {**case.names, "h": dict(case.names["h"])}
            if one:
                exec(code, names)  # noqa: S102 - this package's own text
            amounts.append(names["amount"])
        return amounts

    def amounts(self) -> list[int]:
        """Return the amounts so far."""
        return [case.names["amount"] for case in self.cases]

    def apply(self, number: int, amounts: Sequence[int], where: Sequence[bool]) -> None:
        """Take over the amounts after a rule, and note where it was applied."""
        for case, amount, one in zip(self.cases, amounts, where, strict=True):
            case.names["amount"] = amount
            if one:
                case.names["applied"].add(number)


def is_balanced(holds: Sequence[bool], among: Sequence[bool] | None = None) -> bool:
    """Say whether a condition holds in some cases and not in others."""
    count = len(holds) if among is None else sum(among)
    return count // 6 < sum(holds) < count - count // 6


def has_effect(before: Sequence[int], after: Sequence[int], where: Sequence[bool]) -> bool:
    """Say whether an action changes most amounts where it applies, and does not make them all alike."""
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    return 2 * changed >= sum(where) and len(set(after)) * 4 >= len(set(before)) * 3
