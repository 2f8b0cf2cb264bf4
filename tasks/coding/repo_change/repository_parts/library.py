"""Modules of functions that surround the core of a repository, drawn by seed: ``make_library`` gives a list of functions.

Number functions call others, mostly in other modules, so that a fault shows far from where it is. A module holds seven
to ten of them, and text functions, list functions and a class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from . import rule_numbers, rule_texts

FIRST = (
    "early", "open", "plain", "double", "shared", "common", "spare", "steady", "local", "joint", "nominal", "partial", "running",
    "settled", "usual", "weekly", "yearly", "final", "basic", "quiet", "outer", "inner", "late", "broad", "narrow", "mixed", "fixed",
    "gross", "net", "lower", "upper",
)  # fmt: skip
SECOND = (
    "rate", "share", "margin", "quota", "level", "weight", "charge", "portion", "reserve", "score", "load", "span", "credit", "bonus",
    "buffer", "index", "target", "drift", "pace", "yield",
)  # fmt: skip
TEXT_NAMES = (
    "label",
    "key",
    "caption",
    "code",
    "title",
    "line",
    "heading",
    "notice",
    "mark",
    "stamp",
    "legend",
    "slip",
)
LIST_NAMES = (
    "series",
    "groups",
    "ranges",
    "order",
    "sample",
    "batches",
    "bands",
    "rows",
    "sets",
    "spans",
    "tops",
    "parts",
)
CLASS_NAMES = ("Register", "Counter", "Desk", "Monitor", "Course", "Track", "Board", "Path")
SMALLEST, LARGEST = 7, 10


class Rule(NamedTuple):
    """A number function.

    Attributes:
        name: Its name, which no other function of the repository has.
        module: Module that holds it, without its package.
        source: Its text.
        faulty: Its text with a fault.
        calls: Functions that it calls.
        depth: Longest chain of calls below it.
    """

    name: str
    module: str
    source: str
    faulty: str
    calls: tuple[str, ...]
    depth: int


class Library(NamedTuple):
    """All modules.

    Attributes:
        rules: Number functions by name, callees before callers.
        others: Texts of the other functions and classes, by module.
    """

    rules: dict[str, Rule]
    others: dict[str, list[str]]


def make_library(seed: str, modules: Sequence[str], words: Sequence[str]) -> Library:
    """Return the functions of a repository.

    Args:
        seed: What is drawn depends on it alone.
        modules: Names of the modules.
        words: Names for arguments, from the field of the repository.
    """
    r = Random(seed)
    names = [f"{first}_{second}" for first in FIRST for second in SECOND]
    r.shuffle(names)
    rules: dict[str, Rule] = {}
    others: dict[str, list[str]] = {}
    sizes = [r.randint(SMALLEST, LARGEST) for _ in modules]
    homes = [module for module, size in zip(modules, sizes, strict=True) for _ in range(size)]
    r.shuffle(homes)
    leaves = max(8, len(homes) // 3)
    for place, home in enumerate(homes):
        rules[names[place]] = make_rule(r, names[place], home, words, rules, is_leaf=place < leaves)
    free = names[len(homes) :]
    for module in modules:
        others[module] = make_others(r, free, words)
    return Library(rules, others)


def make_rule(
    r: Random, name: str, module: str, words: Sequence[str], rules: dict[str, Rule], *, is_leaf: bool
) -> Rule:
    """Return one number function, which calls earlier ones unless it is a leaf."""
    x, y = r.sample(list(words), 2)
    if is_leaf:
        draft = r.choice(rule_numbers.LEAVES)(r, x, y)
    else:
        # A deep callee now and then, so that chains get long and most stay short.
        pool = list(rules.values())
        pool = (
            sorted(pool, key=lambda rule: -rule.depth)[: max(6, len(pool) // 4)] if r.random() < 0.5 else pool
        )
        f, g = r.sample([rule.name for rule in pool], 2)
        draft = r.choice(rule_numbers.COMPOSITES)(r, x, y, f, g)
    old, new = draft.fault
    if draft.body.count(old) != 1:
        raise ValueError(f"{old!r} stands {draft.body.count(old)} times in the body of {name}")
    head = f'def {name}({x}, {y}):\n    """{draft.says}"""\n'
    depth = 1 + max((rules[call].depth for call in draft.calls), default=0)
    return Rule(
        name,
        module,
        head + draft.body,
        head + draft.body.replace(old, new),
        tuple(dict.fromkeys(draft.calls)),
        depth,
    )


def make_others(r: Random, free: list[str], words: Sequence[str]) -> list[str]:
    """Return three text functions, three list functions and a class; names are taken from ``free``."""
    made = []
    for templates, kinds in ((rule_texts.TEXTS, TEXT_NAMES), (rule_texts.LISTS, LIST_NAMES)):
        for template, kind in zip(r.sample(templates, 3), r.sample(kinds, 3), strict=True):
            name = f"{free.pop().partition('_')[0]}_{r.choice(words)}_{kind}"
            made.append(template(r, name, r.choice(["text", "word", "given"])))
    first = free.pop().partition("_")[0].capitalize()
    made.append(r.choice(rule_texts.CLASSES)(r, f"{first}{r.choice(CLASS_NAMES)}", r.choice(words)))
    return made


def module_texts(library: Library, package: str, faulty: Iterable[str] = ()) -> dict[str, str]:
    """Return the text of each module, by its name.

    Args:
        library: The functions.
        package: Package of the modules, dotted.
        faulty: Number functions that have their fault.
    """
    broken = set(faulty)
    texts = {}
    for module, others in library.others.items():
        own = [rule for rule in library.rules.values() if rule.module == module]
        needs: dict[str, set[str]] = {}
        for rule in own:
            for call in rule.calls:
                if library.rules[call].module != module:
                    needs.setdefault(library.rules[call].module, set()).add(call)
        # Modules import each other in circles: the imports stand inside the functions' module as whole modules.
        imports = "".join(f"from {package} import {needed}\n" for needed in sorted(needs))
        parts = []
        for rule in own:
            text = rule.faulty if rule.name in broken else rule.source
            parts.append(qualified(text, rule, library))
        # Text and list functions between the number functions, as the hand of a drawer would leave them.
        mixed = [part for pair in zip_longest(parts, others) for part in pair if part]
        title = module.replace("_", " ")
        texts[module] = (
            f'"""Rules of {title}."""\n\n' + (imports + "\n\n" if imports else "\n") + "\n\n".join(mixed)
        )
    return texts


def qualified(text: str, rule: Rule, library: Library) -> str:
    """Return a function's text with each call of another module's function behind that module's name."""
    for call in rule.calls:
        home = library.rules[call].module
        if home != rule.module:
            text = text.replace(f"``{call}``", f"``{home}.{call}``").replace(f" {call}(", f" {home}.{call}(")
    return text


def zip_longest(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of two lists, the shorter one filled with empty texts."""
    size = max(len(first), len(second))
    return list(
        zip([*first, *[""] * (size - len(first))], [*second, *[""] * (size - len(second))], strict=True)
    )


def closure(library: Library, names: Iterable[str]) -> list[str]:
    """Return functions and everything that they call, callees first."""
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += library.rules[name].calls
    return [name for name in library.rules if name in wanted]


def distance(library: Library, top: str, low: str) -> int | None:
    """Return the fewest calls from one function to another; None: it does not call it."""
    reached, depth = {top}, 0
    while reached:
        if low in reached:
            return depth
        reached = {call for name in reached for call in library.rules[name].calls}
        depth += 1
    return None
