"""Rows of ``coding/repo_change``: repositories of 10 to 40 files, made when the task is read.

A repository is a core written by hand (``repositories/``) and modules drawn by seed (``repository_parts/``). A problem
either turns a feature of the core off (``features/``; ``cases.json`` has what the hidden tests expect) or puts faults
into drawn functions. The whole would be many megabytes, so it is not kept but written anew: the same seed, the same bytes.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gapbench.ladder import CANARY

HERE = Path(__file__).parent
PARTS = "repository_parts"
# Which repository each rung of the drawn problems uses; three for each of the six.
DRAWN = (
    ("ledger", 2), ("query", 3), ("schedule", 1), ("template", 4), ("server", 5), ("build", 6),
    ("query", 7), ("schedule", 8), ("template", 9), ("server", 10), ("build", 11), ("ledger", 12),
    ("schedule", 5), ("template", 7), ("server", 8), ("build", 9), ("ledger", 10), ("query", 11),
)  # fmt: skip
TOKENS_OF_FIRST_RUNG, TOKENS_PER_RUNG, MAX_TOKENS = 8000, 4000, 52_000
MODULES_OF_RUNG = {1: 5, 2: 6, 3: 7, 4: 8, 5: 10, 6: 12, 7: 14, 8: 16, 9: 18, 10: 20, 11: 22, 12: 24}


@contextmanager
def loaded_parts(folder: Path = HERE) -> Iterator[SimpleNamespace]:
    """Load ``repository_parts`` from beside this file, and leave nothing of it behind."""
    sys.path.insert(0, str(folder))
    try:
        names = ("differences", "fault_problem", "feature", "listing", "repository", "source_text")
        yield SimpleNamespace(**{name: importlib.import_module(f"{PARTS}.{name}") for name in names})
    finally:
        sys.path.remove(str(folder))
        for module in [name for name in sys.modules if name.partition(".")[0] == PARTS]:
            del sys.modules[module]


def rows(seed: int = 1) -> list[dict[str, Any]]:
    """Return all problems, by rung.

    Args:
        seed: Draws the modules around the core, and the faults. The features and their tests are the same for each seed.
    """
    with loaded_parts() as parts:
        cases = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
        problems = [
            parts.feature.make_feature_problem(
                HERE, feature, MODULES_OF_RUNG[feature.rung], str(seed), cases[feature.name]
            )
            for feature in parts.feature.read_features(HERE)
        ]
        for number, (name, rung) in enumerate(DRAWN, 1):
            problems.append(parts.fault_problem.make_fault_problem(HERE, name, rung, f"{seed}/{number}"))
        problems.sort(key=lambda problem: problem["rung"])
        return [make_row(parts, number, problem, seed) for number, problem in enumerate(problems, 1)]


def make_row(parts: SimpleNamespace, number: int, problem: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the row of one problem."""
    before, after, slip = problem["before"], problem["after"], problem["slip"]
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    rung = problem["rung"]
    tokens = min(TOKENS_OF_FIRST_RUNG + TOKENS_PER_RUNG * (rung - 1), MAX_TOKENS)
    needed = [*changed, *problem["near"]]
    shown = parts.listing.choose_files(before, needed, tokens, f"{seed}/{number}")
    listing = parts.listing.file_listing(before, shown)
    return {
        "id": f"{problem['kind']}-{problem['name']}",
        "tier": "easy" if rung <= 4 else "medium" if rung <= 8 else "hard",
        "rung": rung,
        "complexity": len(changed),
        "kind": problem["kind"],
        "repository": problem["repository"],
        "distance": problem["distance"],
        "files_changed": len(changed),
        "files_shown": len(shown),
        "files_total": len(before),
        "listing_tokens": len(listing) // parts.listing.CHARS_PER_TOKEN,
        "question": problem["question"],
        "tree": parts.listing.file_tree(before),
        "listing": listing,
        "files": before,
        "test": make_check(parts, problem, before),
        "solution": {path: after[path] for path in changed if path in after},
        "touched": parts.differences.touched_functions(before, after),
        "patch": parts.differences.repository_diff(before, after),
        "decoy": parts.differences.repository_diff(before, slip),
        "canary": CANARY,
    }


def make_check(parts: SimpleNamespace, problem: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Return the hidden tests: the existing tests as they were, and the cases of the problem."""
    existing = [text for path, text in files.items() if path.startswith("tests/test_")]
    functions = [
        parts.repository.test_function(number, text, files) for number, text in enumerate(existing, 1)
    ]
    lines = ["def check(repository):"]
    lines += [f"    existing_{number}(repository)" for number in range(1, len(existing) + 1)]
    lines += [f"    {short} = repository.load({name!r})" for short, name in problem["loads"].items()]
    for expression, value in problem["cases"]:
        lines.append(f"    assert {expression} == {value!r}")
    return "\n\n".join([*functions, "\n".join(lines) + "\n"])
