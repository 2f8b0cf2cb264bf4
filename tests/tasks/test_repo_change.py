"""coding/repo_change: 48 problems on six repositories; what changes a repository rightly passes, and nothing less."""

from __future__ import annotations

import runpy
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mutation import function_mutants
from gapbench.ladder import CANARY
from gapbench.scoring import Scorer, make_scorer
from gapbench.suite.tasks.generated_rows import generate_rows
from gapbench.values import Sample, canonical_json, sha256
from tests.tasks.written import ROOT, task

NAME = "coding/repo_change"
FOLDER = ROOT / NAME
ROWS_SHA256 = "fafad27b4568e24c9452243cda183868f5e8e9d2e0be825312592807aa9dc15b"
"""Of the rows of the default seed: the same bytes on every Python. A change of it is a new version of the task."""
MOST_LINES = 400


@cache
def samples() -> tuple[Sample, ...]:
    return task(NAME).samples


@cache
def scorer() -> Scorer:
    found = task(NAME)
    return make_scorer(found.scorer_name or "", found.scorer_options)


def one_a_rung() -> list[Sample]:
    """Return one sample of each rung, repairs and changes in turn."""
    by_rung: dict[int, list[Sample]] = {}
    for sample in samples():
        by_rung.setdefault(sample.columns["rung"], []).append(sample)
    return [found[rung % len(found)] for rung, found in sorted(by_rung.items())]


RUNGS = range(1, 13)


def on_rung(rung: int) -> Sample:
    return one_a_rung()[rung - 1]


def made_rows(folder: Path, **arguments: Any) -> tuple[list[dict[str, Any]], str]:
    return generate_rows(folder / "rows.py", arguments, None)


def test_rows_are_the_same_bytes() -> None:
    """The seeded scripts give the rows that were audited, on every version of Python."""
    assert sha256(canonical_json([dict(sample.columns) for sample in samples()])) == ROWS_SHA256


def test_rows_are_made_from_a_copied_folder(tmp_path: Path) -> None:
    """An installed package has the folder elsewhere, and nothing stays in memory of where it was."""
    shutil.copytree(FOLDER, tmp_path / "copy")
    rows, _ = made_rows(tmp_path / "copy")

    assert [row["id"] for row in rows] == [sample.sample_id for sample in samples()]
    assert sha256(canonical_json(rows)) == ROWS_SHA256
    assert [name for name in sys.modules if name.startswith("repository_parts")] == []
    assert [path for path in sys.path if str(tmp_path) in path] == []


def test_there_are_forty_problems_on_six_repositories_and_twelve_rungs() -> None:
    """Each repository has six problems or more, each rung three."""
    repositories = Counter(sample.columns["repository"] for sample in samples())
    rungs = Counter(sample.columns["rung"] for sample in samples())

    assert len(samples()) >= 40
    assert len(repositories) >= 6
    assert min(repositories.values()) >= 6
    assert sorted(rungs) == list(RUNGS)
    assert min(rungs.values()) >= 3
    assert {sample.columns["canary"] for sample in samples()} == {CANARY}


def test_repositories_have_10_to_40_files_of_real_size() -> None:
    """None is longer than 400 lines; ten modules or more have 80 lines or more."""
    for sample in samples():
        lines = {path: text.count("\n") for path, text in sample.columns["files"].items()}
        modules = [count for path, count in lines.items() if path.endswith(".py") and "/test_" not in path]

        assert 10 <= len(lines) <= 40, sample.sample_id
        assert max(modules) <= MOST_LINES, sample.sample_id
        assert sum(count >= 80 for count in modules) >= 10, sample.sample_id


def test_prompts_have_8k_to_60k_tokens_by_rung() -> None:
    """At four characters a token; each rung's prompts are longer than those of the rung before on average."""
    tokens = {sample.sample_id: len(sample.messages[-1].text) / 4 for sample in samples()}
    means = []
    for rung in RUNGS:
        own = [tokens[sample.sample_id] for sample in samples() if sample.columns["rung"] == rung]
        means.append(sum(own) / len(own))

    assert min(tokens.values()) >= 8_000
    assert max(tokens.values()) <= 60_000
    assert means == sorted(means)


def test_one_to_eight_files_must_change_and_are_shown() -> None:
    """A reader sees each file that the reference changes, and no file that it adds."""
    changed = [sample.columns["files_changed"] for sample in samples()]
    assert (min(changed), max(changed)) == (1, 8)
    for sample in samples():
        prompt = sample.messages[-1].text
        for path in sample.columns["solution"]:
            assert (f"\n{path}\n```" in prompt) == bool(sample.columns["files"].get(path, "").strip()), path


def test_prompts_hide_hidden_tests_and_solutions() -> None:
    """No assertion about the change stands in the prompt, and no changed file as it should be."""
    for sample in samples():
        prompt = sample.messages[-1].text
        existing, _, hidden = sample.columns["test"].partition("def check(repository):")
        lines = [line.strip() for line in hidden.splitlines() if "assert" in line]
        assert [line for line in lines if line in prompt and line not in existing] == []
        assert [path for path, text in sample.columns["solution"].items() if text.strip() in prompt] == []


@pytest.mark.parametrize("rung", RUNGS)
def test_only_the_reference_passes(rung: int) -> None:
    """The reference is correct; the decoy is not, and neither is an answer that changes nothing."""
    sample = on_rung(rung)
    path = "README.md" if "README.md" in sample.columns["files"] else min(sample.columns["files"])
    nothing = f"{path}\n```\n{sample.columns['files'][path]}```"

    assert scorer()(sample.reference or "", sample).outcome == "correct"
    assert scorer()(sample.decoy or "", sample).outcome == "wrong"
    assert scorer()(nothing, sample).outcome == "wrong"


@pytest.mark.parametrize("rung", RUNGS[::3])
def test_existing_tests_are_green_before_the_change(rung: int) -> None:
    """They run where a changed program cannot reach them."""
    sample = on_rung(rung)
    before, _, check = sample.columns["test"].partition("def check(repository):\n")
    calls = [line for line in check.splitlines() if line.strip().startswith("existing_")]
    only = before + "def check(repository):\n" + "\n".join(calls) + "\n"
    path = min(path for path, text in sample.columns["files"].items() if text.strip())
    nothing = f"{path}\n```\n{sample.columns['files'][path]}```"
    asked = replace(sample, columns={**sample.columns, "test": only})

    assert len(calls) == sum(path.startswith("tests/test_") for path in sample.columns["files"])
    assert scorer()(nothing, asked).outcome == "correct"


def test_a_change_that_breaks_an_existing_test_fails() -> None:
    """The reference of a change, with one line of a function that existing tests call altered."""
    (sample,) = [sample for sample in samples() if sample.sample_id == "change-split"]
    path = "ledger/money.py"
    text = sample.columns["solution"][path].replace("(scaled + 50) // 100", "scaled // 100")

    assert scorer()(f"{path}\n```\n{text}```", sample).outcome == "wrong"


def test_another_seed_draws_other_repositories_and_faults() -> None:
    """The repairs are new, and the reference of one of them passes."""
    rows, _ = made_rows(FOLDER, seed=2027)
    fresh = {row["id"]: row for row in rows}
    repairs = [sample for sample in samples() if sample.columns["kind"] == "repair"]

    assert [s.sample_id for s in repairs if s.columns["question"] == fresh[s.sample_id]["question"]] == []
    row = fresh[repairs[5].sample_id]
    asked = replace(repairs[5], columns=row)
    assert scorer()(f"```diff\n{row['patch']}```", asked).outcome == "correct"
    assert scorer()(f"```diff\n{row['decoy']}```", asked).outcome == "wrong"


def make_cases() -> dict[str, Any]:
    before, modules = list(sys.path), set(sys.modules)
    try:
        return runpy.run_path(str(FOLDER / "make_cases.py"))
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - modules:
            if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def test_the_expected_values_are_what_the_core_gives() -> None:
    """Evaluating the kept cases of six features again gives cases.json."""
    script = make_cases()
    cases = script["json"].loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
    with script["loaded_parts"]() as parts:
        features = parts.feature.read_features(FOLDER)
        assert sorted(cases) == sorted(feature.name for feature in features)
        for feature in features[::5]:
            expressions, values = zip(*cases[feature.name], strict=True)
            files = parts.feature.core_files(FOLDER, feature, "on")
            assert list(script["evaluate"](files, feature.loads, expressions)) == list(values), feature.name


def test_sections_say_where_they_are_wrong() -> None:
    """A section without an end, or a part without a section, is an error."""
    with make_cases()["loaded_parts"]() as parts:
        for text, said in (
            ("#+ a\nx\n", "does not end"),
            ("#+ b\n#~ a\n", "belongs to no section"),
            ("#+ a\n#= b\n", "ends no section"),
        ):
            with pytest.raises(ValueError, match=said):
                parts.source_text.resolve(text, {}, "file.py")


def shown(states: dict[str, str], lines: Iterable[str]) -> str:
    with make_cases()["loaded_parts"]() as parts:
        return str(parts.source_text.resolve("".join(f"{line}\n" for line in lines), states, "file.py"))


def test_sections_stand_inside_each_other() -> None:
    """The inner feature shows only where the outer one does; a section without a slip is right in the slip."""
    lines = [
        "1",
        "#+ a",
        "2",
        "#+ b",
        "3",
        "#- b",
        "4",
        "#= b",
        "#- a",
        "5",
        "#~ a",
        "6",
        "#= a",
        "#+ a",
        "7",
        "#= a",
    ]

    assert shown({}, lines) == "1\n2\n3\n7\n"
    assert shown({"b": "off"}, lines) == "1\n2\n4\n7\n"
    assert shown({"a": "off"}, lines) == "1\n5\n"
    assert shown({"a": "slip"}, lines) == "1\n6\n7\n"


def test_mutants_of_a_function_leave_the_text_around_it() -> None:
    """A method is changed in its place; the rest, remarks included, stays as it is."""
    code = "# first\nclass A:\n    def f(self, a):\n        return a + 1\n\n    def g(self):  # other\n        return 2\n"
    mutants = function_mutants(code, frozenset({"A.f"}))

    assert (
        "# first\nclass A:\n    def f(self, a):\n        return a - 1\n\n    def g(self):  # other\n        return 2\n"
        in {mutant.code for mutant in mutants}
    )
    assert {mutant.label.partition(" ")[0] for mutant in mutants} == {"A.f"}
    assert all("def g(self):  # other\n        return 2\n" in mutant.code for mutant in mutants)
