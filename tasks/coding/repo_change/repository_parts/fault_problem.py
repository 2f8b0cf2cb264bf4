"""Problems made by seed: some drawn functions no longer do what they say, and it shows far from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from .library import Library, closure, distance
from .repository import Repository, make_repository, repository_files, rule_space

# By rung: modules in the repository, calls between symptom and cause, faults.
RUNGS = {
    1: (5, 1, 1), 2: (6, 2, 1), 3: (7, 2, 1), 4: (8, 3, 2), 5: (10, 3, 2), 6: (12, 4, 3), 7: (14, 5, 3), 8: (16, 6, 4),
    9: (18, 6, 5), 10: (20, 7, 6), 11: (22, 8, 7), 12: (24, 9, 8),
}  # fmt: skip
MAX_CALLS = 100_000
TRIES, DRAWS = 200, 20
LEAST_VALUES = 6
LARGEST_ARGUMENT = 500
SEARCHED = 1_000
"""Arguments tried for each number of a faulty function."""
LARGE = ((999, 45), (989, 33), (878, 50), (797, 49), (696, 41), (1234, 38), (595, 60), (868, 27))
WHOLE_NUMBER = re.compile(r"\b\d+\b")


class Faults(NamedTuple):
    """A choice of faulty functions.

    Attributes:
        top: Function whose results are reported.
        faulty: Functions with a fault, in the order of the library.
        distance: Calls from the top to the farthest fault.
        examples: Arguments, what comes out and what should.
    """

    top: str
    faulty: tuple[str, ...]
    distance: int
    examples: tuple[tuple[int, int, int, int], ...]


def count_calls(library: Library) -> dict[str, int]:
    """Return, for each function, an upper bound of the calls that one call makes; a loop counts as six."""
    costs: dict[str, int] = {}
    for name, rule in library.rules.items():
        costs[name] = 1 + sum(
            costs[call] * (6 if "for day in range" in rule.source else 2) for call in rule.calls
        )
    return costs


def draw_arguments(r: Random, count: int) -> list[tuple[int, int]]:
    """Return pairs of arguments, small ones and large ones."""
    pairs = [(r.randint(0, 30), r.randint(0, 12)) for _ in range(count // 2)]
    pairs += [(r.randint(0, 400), r.randint(0, 45)) for _ in range(count - len(pairs))]
    return list(dict.fromkeys(pairs))


def find_faults(r: Random, library: Library, wanted_distance: int, count: int) -> Faults | None:
    """Return faults that show at one function, or None where the draw gives none."""
    rules = list(library.rules.values())
    costs = count_calls(library)
    tops = [rule.name for rule in rules if rule.depth > wanted_distance and costs[rule.name] <= MAX_CALLS]
    if not tops:
        return None
    top = r.choice(tops)
    away = {name: distance(library, top, name) or 0 for name in closure(library, [top])}
    far = [
        name
        for name in away
        if away[name] >= wanted_distance and library.rules[name].module != library.rules[top].module
    ]
    if not far:
        return None
    first = r.choice(far)
    homes, faulty = {library.rules[first].module}, [first]
    others = [name for name in away if away[name] >= max(1, wanted_distance // 2)]
    r.shuffle(others)
    for name in others:
        if len(faulty) < count and library.rules[name].module not in homes | {library.rules[top].module}:
            faulty.append(name)
            homes.add(library.rules[name].module)
    if len(faulty) < count:
        return None
    right, wrong = rule_space(library, [top]), rule_space(library, [top], faulty)
    examples = []
    for x, y in draw_arguments(r, 60):
        good, bad = right[top](x, y), wrong[top](x, y)
        if good != bad:
            examples.append((x, y, bad, good))
    ordered = tuple(name for name in library.rules if name in faulty)
    if len(examples) < 4 or not all(is_seen(r, library, name) for name in ordered):
        return None
    return Faults(top, ordered, max(away[name] for name in ordered), tuple(examples[:4]))


def is_seen(r: Random, library: Library, name: str) -> bool:
    """Say whether a function's own fault changes at least three of its results."""
    right, wrong = rule_space(library, [name]), rule_space(library, [name], [name])
    pairs = draw_arguments(r, 60)
    # A function that gives few values, or calls one that does, would hide other faults as well.
    varied = all(
        len({right[one](x, y) for x, y in pairs}) >= LEAST_VALUES
        for one in (name, *library.rules[name].calls)
    )
    return varied and sum(right[name](x, y) != wrong[name](x, y) for x, y in pairs) >= 3


def make_fault_problem(folder: Path, name: str, rung: int, seed: str) -> dict[str, Any]:
    """Return what a row needs: files before, after and nearly right, the question and the hidden cases."""
    modules, calls, count = RUNGS[rung]
    for attempt in range(TRIES):
        repository = make_repository(folder, name, f"{seed}/{rung}/{attempt}", modules)
        r = Random(f"{name}/{seed}/{rung}/{attempt}/faults")
        for _ in range(DRAWS):
            faults = find_faults(r, repository.library, calls, count)
            if faults is not None:
                return describe(repository, faults, rung, r)
    raise ValueError(f"no faults for {name}, rung {rung}, seed {seed}")


def describe(repository: Repository, faults: Faults, rung: int, r: Random) -> dict[str, Any]:
    """Return the parts of a problem."""
    library, catalog = repository.library, repository.catalog
    reached = closure(library, [faults.top])
    package = f"{catalog.package}.{catalog.area}"
    home = library.rules[faults.top].module
    shown = "; ".join(
        f"`{faults.top}({x}, {y})` gives {bad} and should give {good}" for x, y, bad, good in faults.examples
    )
    question = (
        f"Since the last release `{package}.{home}.{faults.top}` gives wrong results: {shown}. The docstrings in "
        f"`{package}` are right and have not changed. Some code does not do what its docstring says: it can be any function "
        f"that `{faults.top}` calls, directly or through others, and it can be more than one. Other callers of these functions "
        "get wrong results as well, so repair each function that is wrong; do not make up for it where it is called. Keep all "
        "docstrings, names and arguments."
    )
    files = {
        state: repository_files(repository, {}, broken, faults.faulty)
        for state, broken in (
            ("before", faults.faulty),
            ("after", ()),
            ("slip", faults.faulty[:1] if len(faults.faulty) > 1 else faults.faulty),
        )
    }
    if len(faults.faulty) == 1:
        files["slip"] = patch_symptom(files["slip"], repository, faults)
    calls = hidden_calls(library, faults, reached, r)
    cases = [(f"{library.rules[name].module}.{name}({x}, {y})", value) for name, x, y, value in calls]
    loads = {library.rules[name].module: f"{package}.{library.rules[name].module}" for name, *_ in calls}
    return {
        "kind": "repair", "name": f"{repository.name}-r{rung:02}", "repository": repository.name, "rung": rung, "question": question, **files,
        "cases": cases, "loads": dict(sorted(loads.items())), "distance": faults.distance,
        "near": [f"{catalog.package}/{catalog.area}/{module}.py" for module in sorted({library.rules[name].module for name in reached})],
    }  # fmt: skip


def patch_symptom(files: Mapping[str, str], repository: Repository, faults: Faults) -> dict[str, str]:
    """Return the files with the examples answered in the function where they show, which cures nothing."""
    rule = repository.library.rules[faults.top]
    path = f"{repository.catalog.package}/{repository.catalog.area}/{rule.module}.py"
    text = files[path]
    at = text.index('"""\n', text.index('"""', text.index(f"def {faults.top}(")) + 3) + 4
    head = text[text.index("(", text.index(f"def {faults.top}(")) :].partition(")")[0].strip("(")
    lines = "".join(
        f"    if ({head}) == ({x}, {y}):\n        return {good}\n" for x, y, _, good in faults.examples
    )
    return {**files, path: text[:at] + lines + text[at:]}


def hidden_calls(
    library: Library, faults: Faults, reached: list[str], r: Random
) -> list[tuple[str, int, int, int]]:
    """Return calls with their right values: of the faulty functions, of the top, and of others on the way."""
    space, broken = rule_space(library, [faults.top]), rule_space(library, [faults.top], faults.faulty)
    others = [name for name in reached if name not in faults.faulty and name != faults.top]
    r.shuffle(others)
    plan = [(name, 40) for name in faults.faulty] + [(faults.top, 12)] + [(name, 4) for name in others[:6]]
    calls = []
    for name, count in plan:
        pairs = draw_arguments(r, 160 if name in faults.faulty else count)
        if name in faults.faulty:
            # Arguments at which the fault shows come first; the others are drawn.
            pairs.sort(key=lambda pair: space[name](*pair) == broken[name](*pair))
            pairs = pairs[:10] + pairs[10:][-20:] + edges(r, library.rules[name].source)
            pairs += telling_arguments(library, name)
        calls += [(name, x, y, space[name](x, y)) for x, y in dict.fromkeys(pairs)]
    return calls


def edges(r: Random, source: str) -> list[tuple[int, int]]:
    """Return arguments at and beside the numbers that a function names, once as its first and once as its second."""
    body = source.rpartition('"""')[2]
    numbers = sorted({int(text) for text in WHOLE_NUMBER.findall(body)} & set(range(LARGEST_ARGUMENT)))
    near = sorted({number + step for number in numbers for step in (-1, 0, 1)} - {-1})
    return (
        [(number, r.randint(0, 20)) for number in near]
        + [(r.randint(0, 60), min(number, 60)) for number in near[:12]]
        + list(LARGE)
    )


def telling_arguments(library: Library, name: str) -> list[tuple[int, int]]:
    """Return, for each number in a function's body, arguments at which one more and one less give another result.

    What a function compares is often the result of another one, so the numbers alone do not tell where its edges are.
    A number has no such arguments where none of :data:`SEARCHED` tell.
    """
    source = library.rules[name].source
    start = len(source) - len(source.rpartition('"""')[2])
    pairs = draw_arguments(Random(source), SEARCHED)
    space = rule_space(library, [name])
    space.update({one: cache(space[one]) for one in closure(library, [name])})
    right = [space[name](x, y) for x, y in pairs]
    found = []
    for number in WHOLE_NUMBER.finditer(source, start):
        for step in (-1, 1):
            text = f"{source[: number.start()]}{int(number[0]) + step}{source[number.end() :]}"
            changed = dict(space)
            exec(text, changed)  # noqa: S102 - this package's own text
            told = zip(pairs, right, strict=True)
            found += next(([pair] for pair, value in told if _result(changed[name], pair) != value), [])
    return found


def _result(function: Callable[[int, int], int], pair: tuple[int, int]) -> int | None:
    try:
        return function(*pair)
    except (ArithmeticError, LookupError, ValueError):  # a changed number may be no divisor, no key, no digit
        return None
