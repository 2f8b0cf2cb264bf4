"""Statements about numbers that give a value, too little for one, or contradict each other.

The three kinds have equally many statements of the same forms: what is right shows only when they are worked through. Five in
seven give a value, so that always saying one of the other answers is right for one question in seven. The measure is the
number of statements, all of which count: any may be the one that contradicts the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from gapbench.ladder import Item, Ladder, Rung

NAMES = (
    "Ada", "Aiko", "Alma", "Amir", "Anton", "Asa", "Bela", "Ben", "Bianca", "Boris", "Bruno", "Carla", "Cem", "Chloe", "Clara",
    "Cora", "Dana", "Dev", "Dora", "Edith", "Elif", "Emil", "Enzo", "Erik", "Esra", "Eva", "Fadi", "Femi", "Finn", "Flora",
    "Freya", "Gita", "Goran", "Greta", "Hana", "Hans", "Hugo", "Ida", "Igor", "Ines", "Ira", "Ivan", "Jana", "Jonas", "Juan",
    "Juno", "Kai", "Karim", "Katya", "Kemal", "Kira", "Lars", "Lea", "Leon", "Lina", "Lior", "Luca", "Lucia", "Maja", "Malik",
    "Marek", "Marta", "Mei", "Mila", "Milan", "Mona", "Nadia", "Naomi", "Nell", "Nico", "Nils", "Nora", "Olga", "Omar", "Oskar",
    "Otto", "Pablo", "Paula", "Petra", "Pia", "Quinn", "Rafael", "Ravi", "Renata", "Rosa", "Rui", "Sami", "Sara", "Selma", "Simon",
    "Sofia", "Sven", "Tara", "Tariq", "Teo", "Tessa", "Tomas", "Ugo", "Uma", "Vera", "Viktor", "Wanda", "Willem", "Xenia", "Yara",
    "Yusuf", "Zara", "Zeno", "Zita", "Zoran",
)  # fmt: skip
FAMILY_NAMES = ("Bauer", "Costa", "Dahl", "Evans", "Fischer", "Garcia", "Haddad", "Ito")
"""For groups of more people than there are first names."""
UNKNOWN, CONTRADICTION = "cannot be determined", "contradiction"
PEOPLE = (2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 120, 180, 280)
TIMES = {1: "", 2: "twice ", 3: "three times "}


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a number.

    Attributes:
        name: The name.
        value: The number.
        shift: When the numbers of a group all move together, this one moves so far. Statements that hold before hold after,
            which is why they leave the numbers open.
        parent: Someone of the group with whom a statement joins this one.
    """

    name: str
    value: int
    shift: int
    parent: Person | None


@dataclass(frozen=True, slots=True)
class Statement:
    """``first_factor * first + second_factor * second = total``; without a second person ``first = total``."""

    first: Person
    first_factor: int
    second: Person | None
    second_factor: int
    total: int

    def text(self) -> str:
        """Return the statement in words."""
        one = f"{TIMES[self.first_factor]}{self.first.name}'s number"
        one = one[0].upper() + one[1:]
        if self.second is None:
            return f"{one} is {self.total}."
        other = f"{TIMES[abs(self.second_factor)]}{self.second.name}'s number"
        if self.second_factor > 0:
            return f"{one} and {other} add up to {self.total}."
        if self.total == 0:
            return f"{one} equals {other}."
        return f"{one} is {abs(self.total)} {'more' if self.total > 0 else 'less'} than {other}."


def state(one: Person, other: Person, one_factor: int, other_factor: int) -> Statement:
    """Return the statement about two people that their numbers make true; its first factor is positive."""
    total = one_factor * one.value + other_factor * other.value
    if one_factor < 0 or (other_factor > 0 and total < 0):
        raise ValueError("a statement begins with a positive part")
    return Statement(one, one_factor, other, other_factor, total)


def join(one: Person, other: Person) -> Statement:
    """Return the statement about two people that stays true when the numbers of their group move."""
    a, b = abs(other.shift), abs(one.shift)
    if a == b:
        a = b = 1
    return state(one, other, a, -b if one.shift * other.shift > 0 else b)


def pin(one: Person, other: Person) -> Statement:
    """Return a statement about two people that is true of these numbers of their group only."""
    a, b = 1, 1 if one.shift * other.shift > 0 else -1
    return state(one, other, a, b)


def make_group(r: Random, names: Sequence[str], shifts: Sequence[int]) -> list[Person]:
    """Return people of whom each is joined with one of the few before."""
    group: list[Person] = []
    for name in names:
        parent = r.choice(group[-2:]) if group else None
        group.append(Person(name, r.randint(10, 99), r.choice(shifts), parent))
    return group


def statements_of(
    r: Random, group: Sequence[Person], loops: int, *, open_: bool, hidden: bool
) -> list[Statement]:
    """Return the statements about a group: it is joined, then more about pairs of it, and what pins its numbers down.

    Args:
        r: The generator.
        group: The people.
        loops: How many statements follow from the others.
        open_: Instead of what pins the numbers down there is one more that follows from the others.
        hidden: The numbers are pinned down by a statement about two, not by a number that is given.
    """
    made = [join(*r.sample((person, person.parent), 2)) for person in group if person.parent]
    half = max(1, len(group) // 2)
    told = {frozenset((person.name, person.parent.name)) for person in group if person.parent}

    def pair(early: Sequence[Person], late: Sequence[Person]) -> list[Person]:
        """Return two people about whom nothing is said yet, where the group has such."""
        options = [(one, other) for one in early for other in late] if len(group) < 9 else []
        for _ in range(40):
            found = r.choice(options) if options else (r.choice(early), r.choice(late))
            key = frozenset(person.name for person in found)
            if len(key) == 2 and key not in told:
                break
        else:
            found = r.choice([pair for pair in options if pair[0] is not pair[1]])
        told.add(key)
        return r.sample(found, 2)

    # Far apart, so that the way from one to the other is long.
    made += [join(*pair(group[:half], group[half:])) for _ in range(loops + open_)]
    if not open_:
        early = group[: max(3, half)]
        if hidden and len(group) > 2:
            made.append(pin(*pair(early, early)))
        else:
            person = r.choice(group[:half])
            made.append(Statement(person, 1, None, 0, person.value))
    return made


def spoil(r: Random, statement: Statement) -> Statement:
    """Return a statement with another total."""
    total = statement.total + r.choice(
        [step for step in range(-6, 7) if step and statement.total + step > 0] or [1]
    )
    return Statement(
        statement.first, statement.first_factor, statement.second, statement.second_factor, total
    )


def way(one: Person, other: Person) -> list[Person]:
    """Return the people from one to another, each joined with the next."""
    up = [one]
    while up[-1].parent:
        up.append(up[-1].parent)
    names = [person.name for person in up]
    down = [other]
    while down[-1].name not in names:
        parent = down[-1].parent
        assert parent
        down.append(parent)
    return up[: names.index(down[-1].name)] + down[::-1]


def in_terms_of(person: Person, other: Person) -> str:
    """Return a number as it follows from another of the group that is called t."""
    slope = Fraction(person.shift, other.shift)
    rest = person.value - slope * other.value
    many = {1: "t", -1: "-t"}.get(slope, f"{slope} * t")  # type: ignore[call-overload]
    return f"{person.name} = {many} {'-' if rest < 0 else '+'} {abs(rest)}"


def draw(r: Random, rung: Rung) -> Item:
    """Return statements about a group of people that is asked about, and about another."""
    people, loops = int(rung.settings["people"]), int(rung.settings["loops"])
    shifts, hidden = rung.settings["shifts"], bool(rung.settings["hidden"])
    kind = r.choice((UNKNOWN, CONTRADICTION, *["value"] * 5))
    count = people + people // 3 + 1
    full = [f"{name} {family}" for family in FAMILY_NAMES for name in NAMES] if count > len(NAMES) else NAMES
    names = r.sample(full, count)
    group, others = (make_group(r, part, shifts) for part in (names[:people], names[people:]))
    asked = group[-1]
    made = statements_of(r, group, loops, open_=kind == UNKNOWN, hidden=hidden)
    beside = statements_of(r, others, loops if len(others) > 2 else 0, open_=False, hidden=hidden)
    pinned = made[-1]
    answer, slip = (str(asked.value), UNKNOWN) if kind == "value" else (kind, str(asked.value))
    if kind == CONTRADICTION:
        at = people - 1 + r.randrange(loops)
        spoiled = made[at]
        made[at] = spoil(r, spoiled)
        told = explain_contradiction(spoiled, made[at])
    elif kind == UNKNOWN:
        told = [f"Let {asked.name}'s number be t. Whatever t is, all statements can be true:"]
        told += [in_terms_of(person, asked) for person in reversed(group)]
    else:
        told = [f"Let {asked.name}'s number be t."]
        steps = way(asked, pinned.first) + (way(asked, pinned.second) if pinned.second else [])
        told += dict.fromkeys(in_terms_of(person, asked) for person in steps if person is not asked)
        told.append(f'"{pinned.text()}" So t = {asked.value}, and all other statements agree.')
    lines = [statement.text() for statement in [*made, *beside]]
    if rung.settings["shuffled"]:
        r.shuffle(lines)
    return Item(
        question=(
            "Some people each think of a number. Any number will do, also a negative one or a fraction. It is said:\n"
            + "\n".join(lines)
            + f"\n\nWhat is {asked.name}'s number?"
        ),
        answer=answer,
        slip=slip,
        solution="\n".join(told),
        complexity=len(lines),
    )


def explain_contradiction(true: Statement, false: Statement) -> list[str]:
    """Return why a statement contradicts the others."""
    assert true.second
    told = [f"Let {true.first.name}'s number be t. From the statements about pairs follows:"]
    told += [in_terms_of(person, true.first) for person in way(true.first, true.second)[1:]]
    return [*told, f'So: "{true.text()}" But it is said: "{false.text()}"']


def make_rung(people: int) -> Rung:
    """Return the rung with so many people in the group that is asked about."""
    loops, others = 1 + people // 40, people // 3 + 1
    statements = people + loops + others + (loops if others > 2 else 0)
    return Rung(
        statements,
        {
            "people": people,
            "loops": loops,
            "shifts": (1,) if people < 4 else (1, 1, -1) if people < 7 else (1, 1, -1, 2, -2, 3),
            "hidden": people > 6,
            "shuffled": people > 3,
        },
    )


LADDER = Ladder(
    name="reasoning/premises",
    measure="statements",
    rungs=[make_rung(people) for people in PEOPLE],
    draw=draw,
)
