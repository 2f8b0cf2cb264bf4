"""Compare what two checkouts say of the same random runs: every figure, warning and error of the commands that read runs.

    python benchmarks/compare_checkouts.py ../wt-before --seeds 0-99

Each checkout answers in a process of its own, with the Python of its `.venv`, so one whose code was rewritten for speed can be
compared with the one before. Figures must agree within 1e-9. Differences are counted by command and place, with the first seeds:
a person says which of the two is right, and the changelog which were intended.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOLERANCE = 1e-9
_NEAR_ZERO = 1e-12
"""Differences of figures whose own size is about 1 may be this far from 0."""
Answers = dict[str, Any]


def commands(case: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands that are compared, each with a name."""
    runs = sorted(str(path.parent) for path in case.glob("*/run.json"))
    models = [model["id"] for model in json.loads((Path(runs[-1]) / "run.json").read_text())["models"]]
    first = models[0]
    every = {
        "report": ["report"], "gap all pairs": ["gap", "--all-pairs"], "gap against": ["gap", "--against", first],
        "report equal": ["report", "--weights", "equal"], "capacity": ["capacity", "--ttft", "0.4", "--response", "3"],
    }  # fmt: skip
    # These take most of the time, so each is asked of some cases only.
    some = [
        {"tiers": ["tiers"], "gap traffic": ["gap", "--weights", "traffic"]},
        {"cost": ["cost", "--what-if", "batch", "--what-if", "cached=0.8"], "guarantee": ["tiers", "--guarantee", "5pp@90%"]},
        {"cost repriced": ["cost", "--price", f"{first}.input_usd_per_mtok=7", "--price", f"{first}.output_usd_per_mtok=9"]},
    ]  # fmt: skip
    chosen = int(case.name) % len(some)
    for name, command in {**every, **some[chosen]}.items():
        yield name, [command[0], *runs, *command[1:], "--json"]
    yield "errors", ["report", *runs, "--errors"]
    yield (
        ("trend", ["trend", str(case), "--json"])
        if chosen
        else ("list", ["runs", "list", "--out", str(case), "--json"])
    )
    yield "arena", ["arena", runs[-1], "--json"]
    if len(runs) > 1:
        yield "report of one", ["report", runs[0], "--json"]
        rules = ("accuracy<-2pp", "coverage<-1pp", "p95_response>+20%", "cost_per_correct>+10%")
        yield "compare", ["compare", *runs[:2], *(f"--fail-on={rule}" for rule in rules), "--json"]
        yield "diff", ["diff", *runs[:2], "--json"]


def answer(folder: Path) -> None:
    """Print what this checkout says of all cases of a folder, as JSON by case and command."""
    from gapbench.cli import invoke  # noqa: PLC0415 - of the checkout that runs this

    for case in sorted(folder.iterdir(), key=lambda path: int(path.name)):
        found: Answers = {}
        for name, command in commands(case):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = invoke(command)
            found[name] = [code, _plain(out.getvalue(), case), _plain(err.getvalue(), case)]
        print(json.dumps({case.name: found}), flush=True)


def _plain(text: str, case: Path) -> Any:
    text = text.replace(str(case), "CASE")
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return text


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the places in which two documents differ, with what both have there."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name, "(none)"), new.get(name, "(none)"), f"{path}.{name}")
    elif isinstance(old, list) and isinstance(new, list) and {type(one) for one in (*old, *new)} == {str}:
        yield from ((path, one, "(none)") for one in old if one not in new)
        yield from ((path, "(none)", one) for one in new if one not in old)
        if sorted(old) == sorted(new) and old != new:
            yield path, old, new
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{path}[{place}]")
    elif not _are_equal(old, new):
        yield path, old, new


def _are_equal(old: Any, new: Any) -> bool:
    numbers = (int, float)
    if isinstance(old, numbers) and isinstance(new, numbers) and bool not in {type(old), type(new)}:
        if math.isnan(old) or math.isnan(new):
            return math.isnan(old) and math.isnan(new)
        return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=_NEAR_ZERO)
    return type(old) is type(new) and bool(old == new)


def read_answers(python: Path, folder: Path) -> dict[str, Answers]:
    """Return what a checkout says of the cases of a folder."""
    done = subprocess.run(
        [python, __file__, "--answer", folder], stdout=subprocess.PIPE, text=True, check=True, cwd=folder
    )
    found: dict[str, Answers] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    return found


def main() -> None:
    """Compare the checkouts that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, nargs="?", help="the other checkout")
    parser.add_argument("--seeds", default="0-19")
    parser.add_argument("--joined", action="store_true", help="join the parts that this checkout reads")
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer is not None:
        answer(options.answer)
        return
    sys.path.insert(0, str(ROOT))
    from tests.random_runs import make_random_runs  # noqa: PLC0415 - not in the processes that answer

    first, last = map(int, options.seeds.split("-"))
    with tempfile.TemporaryDirectory() as place:
        folders = {}
        for name, joined in (("old", False), ("new", options.joined)):
            folders[name] = Path(place) / name
            for seed in range(first, last + 1):
                make_random_runs(folders[name] / str(seed), seed, joined=joined)
        old = read_answers(options.old.absolute() / ".venv/bin/python", folders["old"])
        new = read_answers(Path(sys.executable), folders["new"])
    report(old, new)


def report(old: dict[str, Answers], new: dict[str, Answers]) -> None:
    """Print how many answers agree, and each kind of difference with its seeds and an example."""
    kinds: dict[str, list[tuple[str, str, Any, Any]]] = defaultdict(list)
    total = agree = 0
    for seed, answers in old.items():
        for name, said in answers.items():
            found = list(differences(said, new[seed][name]))
            total, agree = total + 1, agree + (not found)
            for path, one, other in found:
                kind = re.sub(r" of run.*", "", name) + re.sub(r"\[\d+\]", "[]", path)
                kinds[kind].append((seed, f"{name}{path}", one, other))
    print(f"{agree} of {total} answers agree")
    for kind, found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        seeds = list(dict.fromkeys(seed for seed, *_ in found))
        seed, path, one, other = found[0]
        print(f"{kind}: {len(found)} in {len(seeds)} seeds ({', '.join(seeds[:6])})")
        print(f"    seed {seed} {path}\n    old {str(one)[:400]}\n    new {str(other)[:400]}")


if __name__ == "__main__":
    main()
