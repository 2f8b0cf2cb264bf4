"""The clauses of a specification: conditions, actions and rules, each as English and as Python.

In the Python, ``p`` is the record, ``h`` what is known of its holder, ``amount`` what is computed so far, and ``applied``
the numbers of the rules applied to this record.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from random import Random

from .domains import Domain, called

COMPARISONS = (("more than", ">"), ("at least", ">="), ("less than", "<"), ("at most", "<="))
EVERY = {3: "2, 5, 8", 4: "3, 7, 11"}
"""A step, and the numbers of earlier records before every record that completes one."""
CHANGING, SHIFTING = ("raise", "lower"), ("add", "each", "above")
"""Actions of the first kind do not commute with those of the second."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition or an action.

    Attributes:
        text: English.
        code: Python: an expression for a condition, statements for an action.
    """

    text: str
    code: str


@dataclass(slots=True)
class Rule:
    """One rule.

    Attributes:
        number: As the specification has it.
        condition: None: always.
        action: With ``{n}`` for its number.
        n: The number in force.
        printed: The number that the text has; a change corrects it.
        ends: No later rule is applied after this one.
        unless: Conditions under which it is not applied.
        instead: A condition and the number that holds under it.
        is_withdrawn: It is never applied.
    """

    number: int
    condition: Clause | None
    action: Clause
    n: int
    printed: int
    ends: bool = False
    unless: list[Clause] = field(default_factory=list)
    instead: tuple[Clause, int] | None = None
    is_withdrawn: bool = False

    def text(self) -> str:
        """Return the rule as the specification has it."""
        action = self.action.text.format(n=self.printed)
        words = action if self.condition is None else f"if {self.condition.text}, {action}"
        end = " and apply no later rule" if self.ends else ""
        return f"Rule {self.number}. {words[0].upper()}{words[1:]}{end}."


@dataclass(slots=True)
class Drawing:
    """Draws clauses about one subject.

    Attributes:
        r: The generator.
        domain: The subject.
        has_history: Conditions and actions may look at the holder's earlier records.
        edges: By field, the numbers that conditions compare it with; the hidden inputs stand around them.
        used: Terms that some condition asks for.
    """

    r: Random
    domain: Domain
    has_history: bool
    edges: dict[str, set[int]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def own_condition(self, avoid: Container[str] = ()) -> tuple[str, Clause]:
        """Return a condition on one field of the record, and the name of the field."""
        r, d = self.r, self.domain
        kind = r.choices(("number", "choice", "flag"), (5, 2, 2))[0]
        if kind == "choice" and all(name in avoid for name in d.choices):
            kind = "number"
        if kind == "number":
            name = r.choice([name for name in d.numbers if name not in avoid])
            word, sign = r.choice(COMPARISONS)
            edge = r.randint(d.numbers[name] // 5 + 1, 4 * d.numbers[name] // 5)
            self.edges.setdefault(name, set()).add(edge)
            return name, Clause(f"the {called(name)} is {word} {edge}", f'p["{name}"] {sign} {edge}')
        if kind == "choice":
            name = r.choice([name for name in d.choices if name not in avoid])
            words = r.sample(d.choices[name], 2)
            return name, r.choice(
                (
                    Clause(f"the {name} is {words[0]}", f'p["{name}"] == "{words[0]}"'),
                    Clause(f"the {name} is not {words[0]}", f'p["{name}"] != "{words[0]}"'),
                    Clause(f"the {name} is one of ({words[0]}, {words[1]})", f'p["{name}"] in ("{words[0]}", "{words[1]}")'),
                )
            )  # fmt: skip
        name = r.choice([name for name in d.flags if name not in avoid])
        if r.random() < 0.6:
            return name, Clause(f"it is {name}", f'p["{name}"]')
        return name, Clause(f"it is not {name}", f'not p["{name}"]')

    def term_condition(self, terms: Sequence[str]) -> Clause:
        """Return a condition on a defined term."""
        term = self.r.choice([term for term in terms if term not in self.used] or list(terms))
        self.used.add(term)
        if self.r.random() < 0.6:
            return Clause(f"it counts as {term}", f"is_{term}")
        return Clause(f"it does not count as {term}", f"not is_{term}")

    def history_condition(self) -> Clause:
        """Return a condition on the holder's earlier records."""
        r, d = self.r, self.domain
        count, days, total = r.randint(1, 3), r.randint(2, 6), r.randint(10, 60) * 10
        every = r.choice(list(EVERY))
        plural = d.noun if count == 1 else d.nouns
        return r.choice(
            (
                Clause(f"the {d.holder} has at least {count} earlier {plural}", f'h["count"] >= {count}'),
                Clause(
                    f"the number of earlier {d.nouns} of the {d.holder} is {EVERY[every]} or a later one in steps of {every}",
                    f'(h["count"] + 1) % {every} == 0',
                ),
                Clause(
                    f"the latest earlier {d.noun} of the {d.holder} was at most {days} days before",
                    f'h["count"] > 0 and p["day"] - h["day"] <= {days}',
                ),
                Clause(
                    f"the {d.amount}s of the earlier {d.nouns} of the {d.holder} add up to at least {total}",
                    f'h["sum"] >= {total}',
                ),
            )
        )

    def condition(
        self, terms: Sequence[str], rules: Sequence[int], *, parts: int, avoid: Container[str] = ()
    ) -> Clause:
        """Return a condition of so many parts.

        Args:
            terms: Defined terms that it may use.
            rules: Numbers of rules that it may ask for.
            parts: 1 or 2, joined by one word.
            avoid: Fields that it must not look at.
        """
        name, first = self.own_condition(avoid)
        found = [first]
        if parts == 2:
            found.append(self.own_condition({name})[1])
        kinds = ["term"] * bool(terms) + ["rule"] * bool(rules) + ["history"] * self.has_history
        kinds += ["amount"] * bool(rules)
        if kinds and self.r.random() < 0.65:
            kind = self.r.choice(kinds)
            if kind == "term":
                found[-1] = self.term_condition(terms)
            elif kind == "amount":
                (word, sign), edge = self.r.choice(COMPARISONS), self.r.randint(8, 40) * 10
                found[-1] = Clause(
                    f"the {self.domain.amount} so far is {word} {edge}", f"amount {sign} {edge}"
                )
            elif kind == "history":
                found[-1] = self.history_condition()
            else:
                number, negative = self.r.choice(rules), self.r.random() < 0.4
                word, sign = ("was not", "not in") if negative else ("was", "in")
                found[-1] = Clause(f"Rule {number} {word} applied", f"{number} {sign} applied")
        if len(found) == 1:
            return found[0]
        join = self.r.choice(("and", "or"))
        code = " or ".join(f"({part.code})" if " and " in part.code else part.code for part in found)
        if join == "and":
            code = " and ".join(part.code for part in found)
        return Clause(f"{found[0].text} {join} {found[1].text}", code)

    def action(self, kinds: Sequence[str] = ()) -> tuple[Clause, int]:
        """Return an action with ``{n}`` for its number, and the number.

        Args:
            kinds: Of the action. (): any.
        """
        r, d = self.r, self.domain
        kind = (
            r.choice(kinds)
            if kinds
            else r.choices(
                ("add", "subtract", "each", "above", "raise", "lower", "least", "most"),
                (6, 4, 4, 4, 3, 3, 2, 2),
            )[0]
        )
        name = r.choice(list(d.numbers))
        amount = d.amount
        if kind == "each":
            size = r.randint(2, max(3, d.numbers[name] // 6))
            self.edges.setdefault(name, set()).add(size * r.randint(1, 4))
            return Clause(
                f"add {{n}} for each full {size} of the {called(name)}",
                f'amount += {{n}} * (p["{name}"] // {size})',
            ), self.fresh(2, 9, size)
        if kind == "above":
            edge = r.randint(d.numbers[name] // 4, d.numbers[name] // 2)
            self.edges.setdefault(name, set()).add(edge)
            return Clause(
                f"add {{n}} times the part of the {called(name)} above {edge}",
                f'amount += {{n}} * max(0, p["{name}"] - {edge})',
            ), self.fresh(2, 5, edge)
        forms = {
            "add": (f"add {{n}} to the {amount}", "amount += {n}", 5, 80),
            "subtract": (f"subtract {{n}} from the {amount}", "amount = max(0, amount - {n})", 5, 60),
            "raise": (f"raise the {amount} by {{n}} %", "amount = amount * (100 + {n}) // 100", 5, 40),
            "lower": (f"lower the {amount} by {{n}} %", "amount = amount * (100 - {n}) // 100", 5, 40),
            "least": (f"set the {amount} to at least {{n}}", "amount = max(amount, {n})", 120, 320),
            "most": (f"set the {amount} to at most {{n}}", "amount = min(amount, {n})", 200, 600),
        }
        text, code, low, high = forms[kind]
        return Clause(text, code), r.randint(low, high)

    def fresh(self, low: int, high: int, other: int) -> int:
        """Return a number that is not the other one, so that a change can name it."""
        return self.r.choice([n for n in range(low, high + 1) if n != other])

    def history_action(self) -> tuple[Clause, int]:
        """Return an action that looks at the holder's latest earlier record."""
        d = self.domain
        return (
            Clause(
                f"add {{n}} % of the {d.amount} of the latest earlier {d.noun} of the {d.holder} (nothing if there is none)",
                'amount += h["last"] * {n} // 100',
            ),
            self.r.randint(10, 60),
        )

    def carry_action(self) -> tuple[Clause, int]:
        """Return an action that moves the part above a limit to the holder's next record."""
        d = self.domain
        return (
            Clause(
                f"add what is carried over for the {d.holder} to the {d.amount}; then, if the {d.amount} is more than {{n}}, "
                f"carry the part above that limit over for the {d.holder} instead and set the {d.amount} to the limit; "
                "otherwise nothing is carried over any longer",
                'amount += h["carried"]\nh["carried"] = max(0, amount - {n})\namount -= h["carried"]',
            ),
            self.r.randint(20, 60) * 10,
        )
