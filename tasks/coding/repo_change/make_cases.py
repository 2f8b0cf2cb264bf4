"""Writes cases.json, what the hidden tests of the features expect: ``python make_cases.py``.

Expected values come from the core with the feature on. Of many drawn scripts those are kept that tell the feature from
its absence or from the plausible solution that falls short, some on which all agree, since nothing else may change, and
one for each small fault in the solution that the others would miss.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]
from rows import loaded_parts  # noqa: E402 - beside this file

from benchmarks.mutation import drawn, function_mutants  # noqa: E402 - from the root of the project

DRAWN, COMMON, OTHERS, TELLING, SAME, MUTANTS = 160, 60, 14, 12, 4, 30
LOOPS_AFTER_S = 0.4
RAISED = "!raised "
CATALOGS = ("ledger", "query", "schedule", "template", "server", "build")


def evaluate(files: Mapping[str, str], loads: Mapping[str, str], expressions: Iterable[str]) -> Iterator[Any]:
    """Yield what each expression gives in a repository; an exception gives its name behind RAISED."""
    before = set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        try:
            space: dict[str, Any] = {}
            for short, name in loads.items():
                try:
                    space[short] = importlib.import_module(name)
                except Exception:  # noqa: BLE001 - a fault may show when a module is imported
                    space[short] = None
            for expression in expressions:
                yield evaluate_one(expression, space)
        finally:
            sys.path.remove(folder)
            packages = {name.partition(".")[0] for name in loads.values()}
            for name in set(sys.modules) - before:
                if name.partition(".")[0] in packages:
                    del sys.modules[name]


def first_difference(
    files: Mapping[str, str], feature: Any, expressions: list[str], values: list[Any], places: list[int]
) -> int | None:
    """Return the first of some places at which a repository gives another value, or None."""
    found = evaluate(files, feature.loads, (expressions[k] for k in places))
    with contextlib.closing(found):
        return next((k for k, value in zip(places, found, strict=False) if value != values[k]), None)


def stop(number: int, frame: Any) -> None:  # noqa: ARG001 - a signal handler's arguments
    """End a mutant that runs forever."""
    raise TimeoutError


def evaluate_one(expression: str, space: dict[str, Any]) -> Any:
    """Return the value as JSON gives it back, or the name of the exception behind RAISED."""
    signal.setitimer(signal.ITIMER_VIRTUAL, LOOPS_AFTER_S)
    try:
        return json.loads(json.dumps(eval(expression, space)))  # noqa: S307 - this package's own text
    except Exception as exc:  # noqa: BLE001 - the name is the outcome
        return f"{RAISED}{type(exc).__name__}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def feature_cases(parts: Any, feature: Any, others: list[Any]) -> list[list[Any]]:
    """Return the hidden cases of one feature: expression and value."""
    expressions = [*feature.calls, *feature.odd]
    r = Random(f"cases/{feature.name}")
    if feature.script is not None:
        expressions += [feature.script(r) for _ in range(DRAWN)]
        expressions += [feature.common(r) for _ in range(COMMON)]
        # The other features are on, before and after: the change must not break them.
        expressions += [
            other.script(r) for other in others if other.script is not None for _ in range(OTHERS)
        ]
    expressions = list(dict.fromkeys(expressions))
    right, off, slip = (
        list(evaluate(parts.feature.core_files(HERE, feature, state), feature.loads, expressions))
        for state in ("on", "off", "slip")
    )
    broken = [
        text
        for text, value in zip(expressions, right, strict=True)
        if isinstance(value, str) and value.startswith(RAISED)
    ]
    if broken:
        raise SystemExit(
            f"{feature.name}: the solution raises on {broken[0]}: {right[expressions.index(broken[0])]}"
        )
    both = [k for k in range(len(expressions)) if right[k] != slip[k]]
    one = [k for k in range(len(expressions)) if right[k] != off[k] and right[k] == slip[k]]
    none = [k for k in range(len(expressions)) if right[k] == off[k]][::-1]
    if not both:
        raise SystemExit(
            f"{feature.name}: no case tells the solution from its slip; {len(one)} tell it from nothing done"
        )
    fixed = range(len(feature.calls))
    kept = sorted({*fixed, *both[: TELLING // 2 + 1], *one[: TELLING // 2], *none[:SAME]})
    kept, missed = add_for_mutants(parts, feature, expressions, right, kept)
    print(
        f"{feature.name}: {len(kept)} cases; of {len(expressions)} tell {len(both)} the slip, {len(one)} only the absence; missed: {missed}"
    )
    return [[expressions[k], right[k]] for k in kept]


def add_for_mutants(
    parts: Any, feature: Any, expressions: list[str], right: list[Any], kept: list[int]
) -> tuple[list[int], list[str]]:
    """Return the kept cases with those that small faults need, and the labels of faults that no case tells.

    The faults come in the order of benchmarks/coding_mutants.py, so that its first ones are among them.
    """
    before, after = (parts.feature.core_files(HERE, feature, state) for state in ("off", "on"))
    touched = parts.differences.touched_functions(before, after)
    mutants = [
        mutant._replace(label=f"{path} {mutant.label}", code=(path, mutant.code))
        for path, names in sorted(touched.items())
        for mutant in function_mutants(after[path], frozenset(names))
    ]
    found, missed = list(kept), []
    for mutant in drawn(mutants, f"change-{feature.name}")[:MUTANTS]:
        path, code = mutant.code
        files = {**after, path: code}
        if first_difference(files, feature, expressions, right, found) is not None:
            continue
        others = [k for k in range(len(expressions)) if k not in found]
        telling = first_difference(files, feature, expressions, right, others)
        if telling is None:
            missed.append(mutant.label)
        else:
            found.append(telling)
    return sorted(found), missed


def write_cases(names: list[str]) -> None:
    """Write cases.json, with new cases for some features, or all of some repositories, and for those that have none.

    It is written after each feature, since all of them take minutes.
    """
    file = HERE / "cases.json"
    cases = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    with loaded_parts() as parts:
        features = parts.feature.read_features(HERE)
        for feature in features:
            if feature.name in cases and not {feature.name, feature.repository} & set(names):
                continue
            others = [
                one for one in features if one.repository == feature.repository and one.name != feature.name
            ]
            cases[feature.name] = feature_cases(parts, feature, others)
            kept = {one.name: cases[one.name] for one in features if one.name in cases}
            file.write_text(render(kept), encoding="utf-8", newline="\n")


def add_calls() -> None:
    """Add the calls of features that cases.json lacks, with what the solution gives, and leave all else as it is."""
    file = HERE / "cases.json"
    cases = json.loads(file.read_text(encoding="utf-8"))
    with loaded_parts() as parts:
        for feature in parts.feature.read_features(HERE):
            there = {expression for expression, _ in cases[feature.name]}
            missing = [call for call in feature.calls if call not in there]
            found = evaluate(parts.feature.core_files(HERE, feature, "on"), feature.loads, missing)
            cases[feature.name] += [list(pair) for pair in zip(missing, found, strict=True)]
    file.write_text(render(cases), encoding="utf-8", newline="\n")


def render(cases: Mapping[str, list[list[Any]]]) -> str:
    """Return cases as JSON, one a line."""
    lines = [
        f"{json.dumps(name)}: [\n"
        + ",\n".join(json.dumps(case, ensure_ascii=False) for case in found)
        + "\n]"
        for name, found in cases.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the file, for the repositories or features that are named, or for all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="repositories or features to make anew; none: all")
    parser.add_argument("--add", action="store_true", help="add the calls that are missing, in seconds")
    given = parser.parse_args()
    signal.signal(signal.SIGVTALRM, stop)
    if given.add:
        add_calls()
    else:
        write_cases(given.names or list(CATALOGS))


if __name__ == "__main__":
    main()
